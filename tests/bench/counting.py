"""What can be counted of a running program, the same on a busy machine as on an idle one."""
import os
import re
import shutil
import signal
import struct
import subprocess
import time
from pathlib import Path

from support.process import Failed

DATA = {"read", "readv", "recv", "recvfrom", "recvmsg", "write", "writev", "send", "sendto", "sendmsg",
        "sendmmsg", "recvmmsg", "pread64", "pwrite64", "splice", "sendfile"}
# Reads and writes of a thread's own descriptors (timers, wake-ups) look like these too, and count.
STEADY = {"epoll_ctl", "setsockopt", "getsockopt", "brk", "mmap", "munmap", "madvise", "mremap", "mprotect", "futex",
          "socket", "connect", "accept4", "accept", "close", "shutdown", "ioctl", "fcntl"}
ROW = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:(\d+)\s+)?(\w+)$")
TABLE_SLOTS = 255


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise SystemExit(f"bench: {program} is missing (scripts/setup --tests)")


def system_calls(pids, folder, run):
    """{system call: calls} of these processes and their threads while run() runs."""
    table = Path(folder) / "strace.out"
    tracer = subprocess.Popen(["strace", "-f", "-c", "-o", str(table), *(w for pid in pids for w in ("-p", str(pid)))],
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    attached = set()
    while len(attached) < len(pids):  # "strace: Process N attached (with M threads)"
        line = tracer.stderr.readline()
        if not line:
            raise Failed("strace did not attach")
        found = re.search(r"Process (\d+) attached", line)
        attached |= {found.group(1)} if found else set()
    time.sleep(0.3)
    try:
        run()
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.communicate(timeout=20)
    rows = (ROW.match(line) for line in table.read_text().splitlines())
    return {row.group(3): int(row.group(1)) for row in rows if row and row.group(3) != "total"}


def under_callgrind(argv, folder):
    """The command line that counts instructions, and the start of the names of its dumps."""
    dumps = Path(folder) / "callgrind.out"
    return ["valgrind", "--tool=callgrind", "--separate-threads=no", f"--callgrind-out-file={dumps}", *map(str, argv)], dumps


def instructions(pid, dumps, run):
    """Instructions in user space, of all threads, that a program under callgrind executes while run() runs."""
    def control(*options):
        done = subprocess.run(["callgrind_control", *options, str(pid)], capture_output=True, text=True, timeout=60)
        if done.returncode != 0 or "OK" not in done.stdout:
            raise Failed(f"callgrind_control {options}: {done.stdout}{done.stderr}")

    before = set(dumps.parent.glob(dumps.name + ".*"))
    control("--zero")
    run()
    control("--dump=measured")
    new = sorted(set(dumps.parent.glob(dumps.name + ".*")) - before)
    total = sum(int(line.split()[1]) for path in new for line in path.read_text().splitlines() if line.startswith("totals:"))
    if total == 0:
        raise Failed("callgrind wrote no figures")
    return total


class Allocations:
    """How often each thread of a program asked for memory (allocations.c, preloaded)."""

    def __init__(self, folder, library):
        self.path = Path(folder) / "allocations"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(bytes(16 + 16 * TABLE_SLOTS))
        self.env = {**os.environ, "LD_PRELOAD": str(library), "BENCH_ALLOCATIONS": str(self.path)}

    def calls(self):
        """{thread id: calls}."""
        data = self.path.read_bytes()
        used = struct.unpack_from("=Q", data)[0]
        return dict(struct.unpack_from("=QQ", data, 16 + 16 * i) for i in range(min(used, TABLE_SLOTS)))


def cpu_ns(pid):
    """CPU time of all threads of a process, in ns: what utime + stime are rounded from."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except FileNotFoundError:  # a thread that has ended
            continue
    return total


def cpu_ticks(pid):
    """(user, system) of a process and of its threads that have ended, in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]), int(fields[12])


def tree(pid):
    """The process and all below it."""
    pids = [int(pid)]
    for parent in pids:
        for task in Path(f"/proc/{parent}/task").iterdir():
            pids += map(int, (task / "children").read_text().split())
    return pids


def memory(pid):
    """{"Rss": bytes, "Pss": ..., "Private_Dirty": ..., "Anonymous": ...} of a process."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name.rstrip(":"): int(size) * 1024 for name, size, *_ in map(str.split, lines)}
