"""Debian's nginx, HAProxy and Apache as plain reverse proxies, each before a service of its own, as one would set them up."""
import shutil
import socket
import time
from pathlib import Path

from support.ports import free_port
from support.process import Failed, Process

NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log crit;
events {{ worker_connections 2048; }}
http {{
    access_log off; client_max_body_size 0; keepalive_requests 100000; merge_slashes off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{upstream}; proxy_http_version 1.1; proxy_next_upstream off;
            proxy_set_header Host $http_host; proxy_set_header Connection "";
        }}
    }}
}}
"""
HAPROXY = """
global
    maxconn 2000
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 10s
    timeout server 10s
    timeout http-request 10s
frontend in
    bind 127.0.0.1:{port}
    default_backend out
backend out
    server one 127.0.0.1:{upstream}
"""
APACHE = """
ServerRoot {folder}
ServerName localhost
PidFile {folder}/apache.pid
ErrorLog {folder}/apache.log
LogLevel crit
Listen 127.0.0.1:{port}
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
ThreadsPerChild 64
MaxRequestWorkers 64
ServerLimit 1
MaxKeepAliveRequests 0
KeepAliveTimeout 10
AllowEncodedSlashes NoDecode
ProxyPreserveHost On
ProxyPass / http://127.0.0.1:{upstream}/ nocanon retry=0 disablereuse=On
"""
COMMANDS = {
    "nginx": ("nginx", NGINX, lambda binary, conf, folder: [binary, "-p", folder, "-e", f"{folder}/nginx.log", "-c", conf]),
    "haproxy": ("haproxy", HAPROXY, lambda binary, conf, folder: [binary, "-db", "-q", "-f", conf]),
    "apache": ("apache2", APACHE, lambda binary, conf, folder: [binary, "-X", "-f", conf]),
}


def find(name):
    """The path of the program, or None."""
    return shutil.which(COMMANDS[name][0], path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


def missing():
    return [name for name in COMMANDS if not find(name)]


class Other(Process):
    """One of them in front of 127.0.0.1:upstream."""

    def __init__(self, name, folder, upstream):
        self.folder = Path(folder) / name
        self.folder.mkdir(parents=True)
        self.port = free_port()
        _, text, command = COMMANDS[name]
        conf = self.folder / f"{name}.conf"
        conf.write_text(text.format(folder=self.folder, port=self.port, upstream=upstream))
        super().__init__(name, command(find(name), conf, str(self.folder)), self.folder)

    @property
    def address(self):
        return ("127.0.0.1", self.port)

    def wait_ready(self, timeout=10.0):
        deadline = time.monotonic() + timeout
        while True:
            try:
                socket.create_connection(self.address, 1).close()
                return self
            except OSError:
                if not self.is_running() or time.monotonic() > deadline:
                    raise Failed(f"{self.name} does not listen:\n{self.output()[-2000:]}") from None
                time.sleep(0.02)
