"""Eight ways in which the version that gets mirrored requests can be bad. It answers probes until turn() is called."""
import socket
import threading

KINDS = ("sleeps", "never answers", "never accepts", "refuses", "resets", "endless", "garbage", "reads slowly")


class Over(Exception):
    """The connection is over for us."""


class BadShadow:
    def __init__(self, kind):
        assert kind in KINDS
        self.kind, self.is_ended = kind, threading.Event()
        self.requests = 0  # heads that arrived, probes apart
        self.sockets = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=0 if kind == "never accepts" else 512)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.is_accepting = True
        threading.Thread(target=self._accept, daemon=True).start()

    def turn(self):
        """From now on it is bad."""
        if self.kind in ("refuses", "never accepts"):
            self.is_accepting = False
            port = self.listener.getsockname()
            with socket.create_connection(port):  # wakes accept(); probes have closed theirs
                pass
            self.thread_is_over.wait(5)
            if self.kind == "refuses":
                self.listener.close()
            else:  # the queue of connections is full: the kernel answers no further SYN
                self.sockets += [self._knock(port) for _ in range(4)]

    @staticmethod
    def _knock(port):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(port)
        return sock

    def close(self):
        self.is_ended.set()
        for sock in [self.listener, *self.sockets]:
            try:
                sock.close()
            except OSError:
                pass

    thread_is_over = None

    def _accept(self):
        self.thread_is_over = threading.Event()
        while self.is_accepting:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                break
            if not self.is_accepting:
                sock.close()
                break
            if self.kind == "reads slowly":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self.sockets.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()
        self.thread_is_over.set()

    def _serve(self, sock):
        data = b""
        try:
            while True:
                while b"\r\n\r\n" not in data:
                    data += self._receive(sock)
                head, data = data.split(b"\r\n\r\n", 1)
                if head.startswith(b"GET /readyz "):
                    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    raise Over
                self.requests += 1
                length = 0
                for line in head.split(b"\r\n"):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                data = self._misbehave(sock, data, length)
        except (OSError, Over):
            sock.close()

    def _receive(self, sock, size=262144):
        data = sock.recv(size)
        if not data or self.is_ended.is_set():
            raise Over
        return data

    def _misbehave(self, sock, data, length):
        """What is left of data behind this request."""
        if self.kind == "resets":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            raise Over
        if self.kind == "reads slowly":
            while not self.is_ended.wait(1):
                self._receive(sock, 1024)
        while len(data) < length:
            data += self._receive(sock)
        if self.kind == "endless":
            sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while not self.is_ended.is_set():
                sock.sendall(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
        elif self.kind == "garbage":
            sock.sendall(b"\0\1\2 what is this\r\n\r\n\r\n" * 10)
            raise Over
        elif self.kind == "never answers":
            while True:
                self._receive(sock)
        elif self.kind == "sleeps":
            self.is_ended.wait(3)
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        return data[length:]
