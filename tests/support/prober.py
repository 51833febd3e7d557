"""A client on the side, in a process of its own: `python3 prober.py PORT [DIRECT_PORT]`, until it is told to end.

Twenty GETs a second: on one connection, and each second time on a new one; the same to DIRECT_PORT, for what the machine
itself does to them. One line of JSON for each: via ("proxy", "direct"), is_new, ms, and the status, or None.
"""
import json
import signal
import socket
import sys
import time

REQUEST = b"GET /probe HTTP/1.1\r\nHost: probe\r\n\r\n"
TIMEOUT_S = 5


class Line:
    def __init__(self, via, port):
        self.via, self.port, self.kept = via, port, None

    def ask(self, is_new):
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
        if sock and (is_new or status != 200):
            sock.close()
        if not is_new:
            self.kept = sock if status == 200 else None
        print(json.dumps({"at": round(began, 3), "via": self.via, "is_new": is_new, "ms": round(took * 1000, 2),
                          "status": status}), flush=True)


def main():
    is_ended = []
    signal.signal(signal.SIGTERM, lambda *_: is_ended.append(True))
    lines = [Line(via, int(port)) for via, port in zip(("proxy", "direct"), sys.argv[1:])]
    print("ready", flush=True)
    count = 0
    while not is_ended:
        for line in lines:
            line.ask(is_new=count % 2 == 1)
        count += 1
        time.sleep(0.05)


if __name__ == "__main__":
    main()
