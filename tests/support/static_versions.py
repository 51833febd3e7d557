"""Two versions as cheap as can be: nginx that answers each request at once and tells which version it is. For loads of a million."""
import shutil
import socket
import time
from pathlib import Path

from .ports import free_port
from .process import Process

CONF = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log crit;
events {{ worker_connections 2048; }}
http {{
    access_log off; keepalive_requests 100000000;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    {servers}
}}
"""
SERVER = 'server {{ listen 127.0.0.1:{port} reuseport backlog=1024; location / {{ add_header X-Version {name}; return 200 "{name}\\n"; }} }}'


def find_nginx():
    return shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


class StaticVersions(Process):
    def __init__(self, folder, *names):
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.ports = {name: free_port() for name in names}
        conf = folder / "nginx.conf"
        servers = "\n    ".join(SERVER.format(port=port, name=name) for name, port in self.ports.items())
        conf.write_text(CONF.format(folder=folder, servers=servers))
        super().__init__("nginx", [find_nginx(), "-p", folder, "-e", folder / "nginx.log", "-c", conf], folder)

    def addresses(self, name):
        return [f"127.0.0.1:{self.ports[name]}"]

    def start(self):
        self.launch()
        deadline = time.monotonic() + 10
        for port in self.ports.values():
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    if time.monotonic() > deadline or not self.is_running():
                        raise AssertionError(f"nginx does not start: {self.output()}") from None
                    time.sleep(0.02)
        return self
