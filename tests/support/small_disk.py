"""A small disk of a process's own: in a mount namespace, so that it is gone with the process and nobody else sees it."""
import os
from pathlib import Path


class SmallDisk:
    """folder: empty, exists; the process finds the disk there. `prefix` goes before its program."""

    def __init__(self, folder, size="64k"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        script = f'mount -t tmpfs -o size={size} none "{self.folder}" && exec "$@"'
        self.prefix = ["unshare", "--mount" if os.geteuid() == 0 else "--map-root-user", "--mount",
                       "sh", "-c", script, "sh"]

    def seen_by(self, pid):
        """The folder as that process has it."""
        return Path(f"/proc/{pid}/root{self.folder}")

    def fill(self, pid):
        """Not one byte more fits."""
        with open(self.seen_by(pid) / "ballast", "ab", buffering=0) as file:
            while True:
                try:
                    file.write(bytes(4096))
                except OSError:
                    return

    def empty(self, pid):
        (self.seen_by(pid) / "ballast").unlink()
