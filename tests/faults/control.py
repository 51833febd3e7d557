"""The page that a proxy under faults shares with us (inject.c): arm it, read what happened.

A fault is one call of the C library, the `at`-th from the moment it was armed, that fails once. `choice` takes one of
the errors that fit the call. What was called, by whom, and how many calls there were, stands in the page afterwards.
"""
import errno
import mmap
import re
import struct
import subprocess
from pathlib import Path

from support.places import build_folder

ALLOCATION, SYSTEM_CALL, FILE_CALL = 1, 2, 4
KINDS = {"alloc": ALLOCATION, "call": SYSTEM_CALL}
PARTIAL = -1
KILL, KILL_HALF = 1000, 1001  # instead of a choice: killed in front of the call, or after a part of a write

NUMBERS = ("armed", "fail_at", "choice", "count", "fired", "error", "choices", "live")
NAME_AT, NAME_BYTES = 64, 64
STORY_AT, STORY_BYTES = 128, 3000
PAGE_BYTES = 4096


def library():
    """The path of the preloaded library; says how to build it when it is not there."""
    path = build_folder() / "tests" / "inject.so"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not built: cmake --preset dev && ninja -C build/dev")
    return path


class Fired:
    """What failed: name of the call, error, who called (innermost first)."""

    def __init__(self, name, error, choices, frames):
        self.name, self.error, self.choices, self.frames = name, error, choices, frames

    @property
    def site(self):
        """The same for two faults of the same place in the same way."""
        return (self.name, tuple(f[:2] for f in self.frames))

    def __str__(self):
        error = "a part only" if self.error == PARTIAL else errno.errorcode.get(self.error, str(self.error))
        return f"{self.name}: {error}"

    def story(self):
        """The call stack with names and lines, as far as there are any."""
        lines = []
        for path, offset, name in self.frames:
            if path.endswith("inject.so"):
                continue
            if "/bin/" in path:
                done = subprocess.run(["addr2line", "-f", "-s", "-i", "-e", path, hex(int(offset, 16) - 1)],
                                      capture_output=True, text=True, check=False).stdout.split("\n")
                lines += [f"{f} ({w})" for f, w in zip(done[::2], done[1::2])]
            else:
                lines.append(f"{name or offset} ({Path(path).name})")
        return "\n    ".join(lines)


class Control:
    def __init__(self, folder):
        self.path = Path(folder) / "faults"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(bytes(PAGE_BYTES))
        with open(self.path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), PAGE_BYTES)

    def environment(self, base):
        """For the process under test. The sanitizer's own functions come behind ours."""
        asan = ":".join(filter(None, [base.get("ASAN_OPTIONS"), "verify_asan_link_order=0"]))
        return {**base, "LD_PRELOAD": str(library()), "TURNOUT_FAULTS": str(self.path), "ASAN_OPTIONS": asan}

    def _get(self, name):
        return struct.unpack_from("<q", self.page, 8 * NUMBERS.index(name))[0]

    def _set(self, name, value):
        struct.pack_into("<q", self.page, 8 * NUMBERS.index(name), value)

    def arm(self, kinds, at=0, choice=0):
        """From now on calls of these kinds are counted; the at-th fails (0: none)."""
        self._set("armed", 0)
        for name, value in (("count", 0), ("fired", 0), ("choices", 0), ("fail_at", at), ("choice", choice)):
            self._set(name, value)
        self._set("armed", kinds)

    def disarm(self):
        """What failed, or None."""
        self._set("armed", 0)
        return self.fired()

    def fired(self):
        if not self._get("fired"):
            return None
        name = self.page[NAME_AT:NAME_AT + NAME_BYTES].split(b"\0")[0].decode()
        story = self.page[STORY_AT:STORY_AT + STORY_BYTES].split(b"\0")[0].decode()
        frames = [tuple(re.fullmatch(r"(.+) (0x[0-9a-f]+) (\S*)", line).groups()) for line in story.splitlines() if line.count(" ") >= 2]
        return Fired(name, self._get("error"), self._get("choices"), frames)

    @property
    def count(self):
        return self._get("count")

    @property
    def live(self):
        """Blocks that the process has allocated and not freed."""
        return self._get("live")
