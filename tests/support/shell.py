"""A shell at a terminal, to which one types: for completion as people get it."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

CONTROL = re.compile(rb"\x1b(?:\[[0-9;?]*[A-Za-z]|[=>]|\][^\x07]*\x07)")


class Shell:
    """argv runs in a terminal of 2,000 columns; its prompt must be "ready> ". Closed by `with`."""

    def __init__(self, argv, environment, cwd):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execvpe(argv[0], argv, environment)
        self.seen = b""
        # The next shell must not hold this terminal open.
        os.set_inheritable(self.fd, False)
        # Lines that wrap would be read back in pieces.
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 2000, 0, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)
        # An interactive shell has no reason to end at a plain signal.
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait_for(self, pattern, timeout=15):
        """The match in what was shown since the last one, control sequences removed."""
        end = time.monotonic() + timeout
        while True:
            text = CONTROL.sub(b"", self.seen).decode(errors="replace").replace("\r", "")
            match = re.search(pattern, text)
            if match:
                self.seen = b""
                return match
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise AssertionError(f"{pattern!r} was not shown within {timeout} s, but: {text[-2000:]!r}")
            self.seen += os.read(self.fd, 65536)

    def run(self, line):
        """Runs a command; what it printed. The marker is printed in two parts, so that its echo is not taken for it."""
        self.type(f"{line}; printf '%s%s\\n' en d-of-it\n")
        return self.wait_for(r"(?s)\n((?:[^\n]*\n)*?)?end-of-it\n").group(1) or ""
