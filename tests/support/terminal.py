"""A terminal for a program under test: a pty, and a screen that does what the program writes.

Knows just what a page needs (cursor home, erase, colours, the second screen, cursor on and off, lines that do not wrap) and fails on
everything else, so that nothing odd is written unseen. A write that would scroll the second screen fails too.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unicodedata

TOKEN = re.compile(rb"\x1b\[(\??)([0-9;]*)([A-Za-z])")


def places(char):
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


class Screen:
    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.pages = {False: self.blank(), True: self.blank()}  # the first screen, and the second
        self.is_second, self.has_cursor, self.wraps, self.drawings = False, True, True, 0
        self.row = self.column = 0
        self.saved = (0, 0)
        self.rest = b""
        self.colours = 0  # how many colours were set

    def blank(self):
        return [[" "] * self.columns for _ in range(self.rows)]

    @property
    def page(self):
        return self.pages[self.is_second]

    def lines(self, second=None):
        page = self.pages[self.is_second if second is None else second]
        return ["".join(c for c in line if c is not None).rstrip() for line in page]

    @property
    def text(self):
        return "\n".join(self.lines()).rstrip("\n")

    def resize(self, rows, columns):
        self.rows, self.columns = rows, columns
        for second, page in self.pages.items():
            lines = [(line + [" "] * columns)[:columns] for line in page[:rows]]
            self.pages[second] = lines + [[" "] * columns for _ in range(rows - len(lines))]
        self.row, self.column = min(self.row, rows - 1), min(self.column, columns - 1)

    def feed(self, data):
        data, self.rest = self.rest + data, b""
        while data:
            if data[:1] == b"\x1b":
                match = TOKEN.match(data)
                if not match:
                    assert len(data) < 16, f"unknown sequence: {data[:16]!r}"
                    self.rest = data
                    return
                self.control(match[1] == b"?", match[2].decode(), match[3].decode())
                data = data[match.end():]
                continue
            size = 1 if data[0] < 0xc0 else 2 if data[0] < 0xe0 else 3 if data[0] < 0xf0 else 4
            if len(data) < size:
                self.rest = data
                return
            self.put(data[:size].decode())
            data = data[size:]

    def control(self, is_private, argument, letter):
        name = ("?" if is_private else "") + argument + letter
        if letter == "m" and not is_private:
            self.colours += argument not in ("", "0")
        elif name == "H":
            self.row = self.column = 0
        elif name == "K":
            self.page[self.row][self.column:] = [" "] * (self.columns - self.column)
        elif name in ("J", "2J"):
            if name == "J":
                self.page[self.row][self.column:] = [" "] * (self.columns - self.column)
            for row in range(self.row + 1 if name == "J" else 0, self.rows):
                self.page[row] = [" "] * self.columns
        elif name == "?1049h":
            self.saved, self.is_second = (self.row, self.column), True
            self.pages[True] = self.blank()
        elif name == "?1049l":
            self.is_second = False
            self.row, self.column = self.saved
        elif name in ("?25h", "?25l"):
            self.has_cursor = letter == "h"
        elif name in ("?7h", "?7l"):
            self.wraps = letter == "h"
        elif name in ("?2026h", "?2026l"):
            self.drawings += letter == "l"
        else:
            raise AssertionError(f"unknown sequence: ESC [ {name}")

    def put(self, char):
        if char == "\r":
            self.column = 0
        elif char == "\n":
            if self.row + 1 < self.rows:
                self.row += 1
            else:
                assert not self.is_second, "the page scrolled"
                self.page.append([" "] * self.columns)
                self.page.pop(0)
        elif char in ("\a", "\b"):
            self.column -= char == "\b" and self.column > 0
        else:
            assert char >= " ", repr(char)
            width = places(char)
            if width == 0:
                at = max(self.column - 1, 0)
                self.page[self.row][at] = (self.page[self.row][at] or "") + char
                return
            if self.column + width > self.columns:
                assert self.wraps, "a line was too long"
                self.put("\r")
                self.put("\n")
            self.page[self.row][self.column:self.column + width] = [char] + [None] * (width - 1)
            # Behind the last place the cursor stands on it still.
            self.column = min(self.column + width, self.columns - (0 if self.wraps else 1))


class Terminal:
    """Terminal(argv) runs a program in front of a screen; close() ends it."""

    def __init__(self, argv, rows=30, columns=120, env=None, **more):
        self.screen = Screen(rows, columns)
        self.bytes = b""
        self.master, slave = pty.openpty()
        self.slave = slave
        self.set_size(rows, columns)
        self.modes = termios.tcgetattr(slave)
        self.child = subprocess.Popen([str(a) for a in argv], stdin=slave, stdout=slave, stderr=slave, env=env,
                                      start_new_session=True,
                                      preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0), **more)

    def set_size(self, rows, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, rows, columns):
        self.screen.resize(rows, columns)
        self.set_size(rows, columns)

    def type(self, text):
        os.write(self.master, text.encode())

    def pump(self, seconds=0.05):
        if select.select([self.master], [], [], seconds)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            self.bytes += data
            self.screen.feed(data)

    def until(self, probe, timeout=10.0):
        """Until probe(screen) is true; returns that."""
        deadline = time.monotonic() + timeout
        while True:
            value = probe(self.screen)
            if value:
                return value
            assert time.monotonic() < deadline, f"not within {timeout} s; the screen:\n{self.screen.text}"
            self.pump()

    def sees(self, text, timeout=10.0):
        self.until(lambda screen: text in screen.text, timeout)

    def wait(self, timeout=10.0):
        """The exit code (negative: the signal), with all that was written until then."""
        deadline = time.monotonic() + timeout
        while self.child.poll() is None:
            assert time.monotonic() < deadline, "it does not end"
            self.pump()
        for _ in range(3):
            self.pump(0.02)
        return self.child.returncode

    def close(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGCONT)
            self.child.kill()
        self.child.wait()
        os.close(self.master)
        os.close(self.slave)
