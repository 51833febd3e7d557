"""The admin interface as a client of its own sees it: tokens, raw requests over a Unix socket or TCP."""
import os
import socket
import subprocess
from pathlib import Path

from .http1 import Connection
from .places import binary
from .ports import free_port


class AdminConnection(Connection):
    """One connection. address: "unix:PATH" or "http://HOST:PORT"; fields go into every request of ask()."""

    def __init__(self, address, fields=None, timeout=10.0):
        if address.startswith("unix:"):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(address.removeprefix("unix:"))
        else:
            host, _, port = address.removeprefix("http://").rpartition(":")
            self.socket = socket.create_connection((host.strip("[]"), int(port)), timeout)
        self.received = b""
        self.is_eof = False
        self.fields = {"Host": "localhost", **(fields or {})}

    def ask(self, method, target, fields=None, body=None):
        fields = {**self.fields, **(fields or {})}
        return self.request(method, target, fields, body, host=fields.pop("Host"))


def make_token(folder, name, role):
    """Appends the line to FOLDER/turnout.tokens, and gives the token."""
    file = Path(folder) / "turnout.tokens"
    done = subprocess.run([binary("turnout"), "token", "--name", name, "--role", role], capture_output=True, text=True, check=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(done.stdout)
    return done.stderr.split()[-1]


def tcp_admin():
    """Keys of a configuration whose admin interface is on TCP."""
    return {"admin": f"127.0.0.1:{free_port()}", "token_file": "./turnout.tokens"}


def bearer(token):
    return {"Authorization": f"Bearer {token}"}
