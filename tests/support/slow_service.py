"""A service for many slow clients, in a process of its own: `python3 slow_service.py PORT`.

Answers a request once its body is whole: /big with a mebibyte, else with "ok". One thread, and thousands of connections:
the recorder has a thread for each, and checks what these tests send by the megabyte.
"""
import selectors
import socket
import sys

BIG = memoryview(b"HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n" + b"x" * (1 << 20))
OK = memoryview(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


class Peer:
    def __init__(self, sock, selector):
        self.sock, self.selector = sock, selector
        self.received = b""
        self.answers = []
        self.events = selectors.EVENT_READ
        selector.register(sock, self.events, self)

    def turn(self, events):
        try:
            if events & selectors.EVENT_READ:
                data = self.sock.recv(262144)
                if not data:
                    raise ConnectionResetError
                self.received += data
                while self.take():
                    pass
            while self.answers:
                sent = self.sock.send(self.answers[0])
                self.answers[0] = self.answers[0][sent:]
                if not self.answers[0]:
                    self.answers.pop(0)
        except BlockingIOError:
            pass
        except OSError:
            self.selector.unregister(self.sock)
            self.sock.close()
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self.answers else 0)
        if events != self.events:
            self.events = events
            self.selector.modify(self.sock, events, self)

    def take(self):
        """Takes one request off, if it is whole."""
        head, end, rest = self.received.partition(b"\r\n\r\n")
        if not end:
            return False
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line[15:])
        if len(rest) < length:
            return False
        self.received = rest[length:]
        self.answers.append(BIG if head.split(b" ", 2)[1].startswith(b"/big") else OK)
        return True


def main():
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=2048)
    listener.setblocking(False)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ, None)
    print("ready", flush=True)
    while True:
        for key, events in selector.select():
            if key.data:
                key.data.turn(events)
                continue
            try:
                sock, _ = listener.accept()
            except OSError:
                continue
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Peer(sock, selector)


if __name__ == "__main__":
    main()
