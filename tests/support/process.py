"""One child process: started in a session of its own, its output in files, ended by its pid.

The child is told to end when we die, however we die, so that nothing is left running.
"""
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

SANITIZER = re.compile(r"^.*(?:ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:).*$", re.M)


class Failed(Exception):
    """The process did not do what was asked; the text says what, with the end of its output."""


class Process:
    def __init__(self, name, argv, folder, env=None, cwd=None):
        self.name = name
        self.argv = [str(a) for a in argv]
        self.env = env
        self.cwd = cwd
        self.out_path = Path(folder) / f"{name}.out"
        self.err_path = Path(folder) / f"{name}.err"
        self.child = None
        self.was_told = False  # to end, by us
        self.was_killed = False

    @property
    def pid(self):
        return self.child.pid

    def is_running(self):
        return self.child is not None and self.child.poll() is None

    def launch(self):
        """Starts it and returns at once. Output is appended, so that a restart keeps the story."""
        argv = self.argv
        if shutil.which("setpriv"):
            argv = ["setpriv", "--pdeathsig", "TERM", "--", *argv]
        self.out_path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.out_path, "ab") as out, open(self.err_path, "ab") as err:
            self._err_start = err.tell()
            self._out_start = out.tell()
            self.was_told = self.was_killed = False
            self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                          env=self.env, cwd=self.cwd, start_new_session=True)
        return self

    def output(self):
        """Standard error and standard output since the last launch."""
        texts = []
        for path, start in ((self.err_path, self._err_start), (self.out_path, self._out_start)):
            with open(path, "rb") as file:
                file.seek(start)
                texts.append(file.read().decode("utf-8", "replace"))
        return "".join(texts)

    def wait_for(self, pattern, timeout=10.0):
        """The match of a pattern in its output; Failed when it ends or the time is up."""
        deadline = time.monotonic() + timeout
        while True:
            is_running = self.is_running()
            match = re.search(pattern, self.output(), re.M)
            if match:
                return match
            if not is_running:
                raise Failed(f"{self.name} ended with {self.child.returncode}:\n{self.output()[-3000:]}")
            if time.monotonic() > deadline:
                raise Failed(f"{self.name}: no {pattern!r} in {timeout} s:\n{self.output()[-3000:]}")
            time.sleep(0.005)

    def signal(self, number):
        self.was_told = self.was_told or number in (signal.SIGTERM, signal.SIGINT)
        self.child.send_signal(number)

    def wait(self, timeout=10.0):
        """Its exit code; Failed when it does not end."""
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} (pid {self.pid}) did not end in {timeout} s:\n"
                         f"{self.output()[-3000:]}") from None

    def stop(self, timeout=10.0):
        """SIGTERM unless it was told before, then its exit code. It is killed and Failed raised when that takes too long, and
        Failed raised when a sanitizer had something to say."""
        if self.child is None:
            return 0
        if self.is_running():
            if not self.was_told:  # a second one could mean: at once
                self.signal(signal.SIGTERM)
            try:
                self.wait(timeout)
            except Failed:
                self.kill()
                raise
        report = SANITIZER.search(self.output())
        if report:
            raise Failed(f"{self.name}: {report.group()}\n{self.output()[-6000:]}")
        return self.child.returncode

    def kill(self):
        if self.is_running():
            self.was_killed = True
            self.child.kill()
            self.child.wait()
