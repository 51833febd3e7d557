"""Free ports on loopback, below the range from which the kernel takes ports for outgoing connections.

(A port that bind(0) gave and that was closed again can be taken by any connect in between.)
"""
import random
import socket

_given = set()
_random = random.SystemRandom()


def is_free(port, host="127.0.0.1"):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_port(preferred=None):
    """The preferred port if it is free, else one between 10000 and 32000. Never the same twice."""
    if preferred and preferred not in _given and is_free(preferred):
        _given.add(preferred)
        return preferred
    for _ in range(1000):
        port = _random.randrange(10000, 32000)
        if port not in _given and is_free(port):
            _given.add(port)
            return port
    raise OSError("no free port between 10000 and 32000")
