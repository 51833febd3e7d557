"""A client on the side, in a process of its own: `python3 prober.py PORT DIRECT_PORT PID`, until it is told to end.

Twenty GETs a second: on one connection, and each second time on a new one; the same to DIRECT_PORT, for what the machine
itself does to them. One line of JSON for each: via ("proxy", "direct"), is_new, ms, the status, or None; and
waited_ms, for which the machine let us, or the process PID, not run although there was something to do.
"""
import json
import signal
import socket
import sys
import time
from pathlib import Path

REQUEST = b"GET /probe HTTP/1.1\r\nHost: probe\r\n\r\n"
TIMEOUT_S = 5


def waited_ms(pid):
    """Until now, in the queues of the scheduler: ours, and the longest of that process's threads."""
    waits = []
    for path in (*Path(f"/proc/{pid}/task").glob("*/schedstat"), Path("/proc/self/schedstat")):
        try:
            waits.append(int(path.read_text().split()[1]) / 1e6)
        except (OSError, IndexError):
            waits.append(0)  # a thread that ended, or a kernel that does not say
    return waits


class Line:
    def __init__(self, via, port, pid):
        self.via, self.port, self.pid, self.kept = via, port, pid, None

    def ask(self, is_new):
        before = waited_ms(self.pid)
        began = time.monotonic()
        status = None
        sock = None
        try:
            sock = None if is_new else self.kept
            sock = sock or socket.create_connection(("127.0.0.1", self.port), TIMEOUT_S)
            sock.settimeout(TIMEOUT_S)
            sock.sendall(REQUEST)
            answer = b""
            while not answer.endswith(b"ok") and (not answer or answer.startswith(b"HTTP/1.1 200")):
                data = sock.recv(4096)
                if not data:
                    break
                answer += data
            status = int(answer[9:12]) if answer else None
        except OSError:
            pass
        took = time.monotonic() - began
        after = waited_ms(self.pid)
        waits = [now - then for now, then in zip(after, before)] if len(after) == len(before) else [0]
        waited = waits[-1] + max(waits[:-1], default=0)
        if sock and (is_new or status != 200):
            sock.close()
        if not is_new:
            self.kept = sock if status == 200 else None
        print(json.dumps({"at": round(began, 3), "via": self.via, "is_new": is_new, "ms": round(took * 1000, 2),
                          "status": status, "waited_ms": round(waited, 2)}), flush=True)


def main():
    is_ended = []
    signal.signal(signal.SIGTERM, lambda *_: is_ended.append(True))
    lines = [Line(via, int(port), sys.argv[3]) for via, port in zip(("proxy", "direct"), sys.argv[1:3])]
    print("ready", flush=True)
    count = 0
    while not is_ended:
        for line in lines:
            line.ask(is_new=count % 2 == 1)
        count += 1
        time.sleep(0.05)


if __name__ == "__main__":
    main()
