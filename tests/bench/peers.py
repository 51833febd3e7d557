"""Who is measured: Turnout, the floor, and the peers, each told to do the same by its own configuration.

All alike: one worker or loop, pinned; no access log; connections kept on both sides, without a limit on requests or time
that a run could meet; everything else as it comes, except where a default would only cost a peer (Envoy's request ids,
nginx's bodies in files). A peer that cannot do a case is left out of it.
"""
import json
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

from bench import cases, counting
from bench.tools import Floor, pinned
from support.places import ROOT
from support.ports import free_port
from support.process import Failed, Process
from support.proxy import Proxy

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "turnout"
VENV = Path(os.environ.get("TURNOUT_BENCH_VENV") or CACHE / "bench-venv")
AB_NAME, AB_VALUE = cases.AB_FIELD.split(": ")


def find(name):
    """The program of a peer, or None: Debian's or that of the private venv."""
    if name == "envoy":  # the wheel's own script would start Python in between
        return next(iter(VENV.glob("lib/python3*/site-packages/envoy/_bin/envoy")), None) or shutil.which("envoy")
    if name in ("traefik", "caddy"):
        return next(iter(VENV.glob(f"bin/{name}")), None) or shutil.which(name)
    return shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


class Target(Process):
    """A running proxy with a port. `wrap` goes around its command line."""

    name = None
    cases = ("plain", "split", "sticky", "ab", "mirror")

    def __init__(self, folder, case, backend, processor=None, wrap=lambda argv: argv):
        self.folder = Path(folder) / f"{self.name}-{case}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        blue, green, shadow = backend.ports[:3]
        argv = self.configure(case, blue, green, shadow)
        environment = {**os.environ, "GOMAXPROCS": "1", "HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder),
                       "XDG_CONFIG_HOME": str(self.folder)}
        super().__init__(self.name, pinned(wrap([str(a) for a in argv]), processor), self.folder, env=environment)

    @classmethod
    def is_there(cls):
        return find(cls.name) is not None

    def configure(self, case, blue, green, shadow):
        """Writes what it needs; the command line."""
        raise NotImplementedError

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text if isinstance(text, str) else json.dumps(text, indent=1))
        return path

    def start(self, timeout=30):
        self.launch()
        self.wait_answering(timeout)
        return self

    def wait_answering(self, timeout):
        deadline = time.monotonic() + timeout
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                    connection.settimeout(5)
                    connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: bench.test\r\nConnection: close\r\n\r\n")
                    if b" 200 " in connection.recv(4096).split(b"\r\n")[0]:
                        return
            except OSError:
                pass
            if time.monotonic() > deadline or not self.is_running():
                raise Failed(f"{self.name} does not answer: {self.output()[-800:]}")
            time.sleep(0.05)

    def pids(self):
        return counting.tree(self.pid)

    def end(self):
        """However it likes to end."""
        try:
            self.stop(10)
        except Failed:
            self.kill()


class FloorTarget(Floor):
    name = "floor"
    cases = ("plain", "split", "sticky", "ab", "mirror")

    def __init__(self, folder, case, backend, processor=None, wrap=None):
        blue, green, shadow = backend.ports[:3]
        # It knows no users and no fields: it deals, in the shares that the others come to.
        weights = {"plain": {blue: 1}, "mirror": {blue: 1}, "ab": {blue: 1, green: 1}}.get(case, {blue: 90, green: 10})
        self.folder = Path(folder) / f"floor-{case}"
        self.folder.mkdir(parents=True, exist_ok=True)
        super().__init__(self.folder, weights, shadow if case == "mirror" else None, processor)

    @classmethod
    def is_there(cls):
        return True

    def pids(self):
        return [self.pid]

    def end(self):
        self.stop(10)


class Turnout:
    """Turnout as it comes: metrics and statistics on, as they always are."""

    name = "turnout"
    cases = ("plain", "split", "sticky", "ab", "mirror")
    top = {}

    def __init__(self, folder, case, backend, processor=None, wrap=lambda argv: argv, **top):
        self.proxy = Proxy(Path(folder) / f"{self.name}-{case}", cases.config(case, backend, **{**self.top, **top}))
        self.folder = self.proxy.folder
        self.proxy.argv = pinned(wrap(self.proxy.argv), processor)
        self.port = self.proxy.address[1]

    @classmethod
    def is_there(cls):
        return True

    def start(self, timeout=30):
        self.proxy.launch().wait_ready(timeout)
        return self

    @property
    def pid(self):
        return self.proxy.pid

    def is_running(self):
        return self.proxy.is_running()

    def pids(self):
        return [self.pid]

    def end(self):
        if self.proxy.stop(20) != 0:
            raise Failed(f"turnout ended badly: {self.proxy.output()[-2000:]}")


class TurnoutSilent(Turnout):
    """All off that can be: no log, no metrics."""
    name = "turnout-off"
    top = {"metrics": "off", "log": {"access": "off"}}


class TurnoutTelling(Turnout):
    """All on: metrics, and the access log as JSON into a file."""
    name = "turnout-on"
    top = {"log": {"access": "./access.log", "format": "json"}}


class Nginx(Target):
    name = "nginx"

    def configure(self, case, blue, green, shadow):
        def upstream(name, *servers):
            return (f"upstream {name} {{ {' '.join(f'server {s};' for s in servers)} keepalive 1000; "
                    f"keepalive_requests 1000000000; keepalive_timeout 1h; }}")

        up = [upstream("blue", f"127.0.0.1:{blue}"), upstream("green", f"127.0.0.1:{green}"),
              upstream("shadow", f"127.0.0.1:{shadow}"),
              upstream("both", f"127.0.0.1:{blue} weight=90", f"127.0.0.1:{green} weight=10")]
        chosen, more, mirror = {"split": "both", "sticky": "$chosen", "ab": "$chosen"}.get(case, "blue"), "", ""
        if case == "sticky":
            more = 'split_clients "$cookie_uid" $chosen { 10% green; * blue; }'
        if case == "ab":
            more = f"map $http_{AB_NAME.lower().replace('-', '_')} $chosen {{ {AB_VALUE} green; default blue; }}"
        if case == "mirror":
            mirror = "mirror /mirror;"
        conf = f"""
daemon off; master_process off; worker_processes 1; pid {self.folder}/nginx.pid; error_log {self.folder}/error.log crit;

events {{ worker_connections 8000; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; tcp_nodelay on; client_max_body_size 0;
  client_body_temp_path {self.folder}/b; proxy_temp_path {self.folder}/p; fastcgi_temp_path {self.folder}/f;
  uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
  proxy_request_buffering off; proxy_max_temp_file_size 0;
  {more}
  {' '.join(up)}
  server {{
    listen 127.0.0.1:{self.port} backlog=4096;
    location / {{ {mirror} proxy_pass http://{chosen}; }}
    location = /mirror {{ internal; proxy_pass http://shadow$request_uri; }}
  }}
}}
"""
        return [find("nginx"), "-p", self.folder, "-e", self.folder / "error.log", "-c", self.write("nginx.conf", conf)]


class Haproxy(Target):
    name = "haproxy"
    cases = ("plain", "split", "sticky", "ab")  # no mirror without a second program

    def configure(self, case, blue, green, shadow):
        use, extra = "", ""
        servers = [("blue", blue, 90), ("green", green, 10)][: 1 if case == "plain" else 2]
        if case == "sticky":
            extra = "cookie SRV insert indirect nocache"
        if case == "ab":
            use = f"use_backend testers if {{ hdr({AB_NAME}) {AB_VALUE} }}"
            servers = servers[:1]
        lines = "\n  ".join(f"server {n} 127.0.0.1:{p} weight {w} {f'cookie {n}' if case == 'sticky' else ''}" for n, p, w in servers)
        conf = f"""
global
  nbthread 1
  maxconn 8000
defaults
  mode http
  timeout connect 10s
  timeout client 1h
  timeout server 1h
  timeout http-keep-alive 1h
  option http-keep-alive
  http-reuse always
frontend in
  bind 127.0.0.1:{self.port} backlog 4096
  {use}
  default_backend both
backend both
  balance roundrobin
  {extra}
  {lines}
backend testers
  server green 127.0.0.1:{green}
"""
        return [find("haproxy"), "-db", "-q", "-f", self.write("haproxy.cfg", conf)]


class Envoy(Target):
    name = "envoy"

    def configure(self, case, blue, green, shadow):
        def cluster(name, port):
            most = [{"priority": p, "max_connections": 100000, "max_requests": 100000, "max_pending_requests": 100000}
                    for p in ("DEFAULT", "HIGH")]
            address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
            return {"name": name, "type": "STATIC", "connect_timeout": "10s", "circuit_breakers": {"thresholds": most},
                    "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}]}}

        everything = {"prefix": "/"}
        both = {"weighted_clusters": {"clusters": [{"name": "blue", "weight": 90}, {"name": "green", "weight": 10}]}, "timeout": "60s"}
        one = {"cluster": "blue", "timeout": "60s"}
        routes = [{"match": everything, "route": one}]
        if case == "split":
            routes[0]["route"] = both
        if case == "sticky":
            both["weighted_clusters"]["use_hash_policy"] = True
            both["hash_policy"] = [{"cookie": {"name": "uid"}}]
            routes[0]["route"] = both
        if case == "ab":
            field = {"name": AB_NAME, "string_match": {"exact": AB_VALUE}}
            routes.insert(0, {"match": {**everything, "headers": [field]}, "route": {**one, "cluster": "green"}})
        if case == "mirror":
            one["request_mirror_policies"] = [{"cluster": "shadow"}]
        url = "type.googleapis.com/envoy.extensions.filters"
        router = {"name": "envoy.filters.http.router",
                  "typed_config": {"@type": f"{url}.http.router.v3.Router", "dynamic_stats": False}}
        manager = {"@type": f"{url}.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "in",
                   "codec_type": "HTTP1", "generate_request_id": False, "common_http_protocol_options": {"idle_timeout": "3600s"},
                   "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
                   "http_filters": [router]}
        listener = {"name": "in", "address": {"socket_address": {"address": "127.0.0.1", "port_value": self.port}},
                    "filter_chains": [{"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}]}
        conf = {"static_resources": {"listeners": [listener], "clusters": [cluster("blue", blue), cluster("green", green),
                                                                         cluster("shadow", shadow)]}}
        return [find("envoy"), "-c", self.write("envoy.json", conf), "--concurrency", "1", "--disable-hot-restart",
                "--log-level", "error"]


class Traefik(Target):
    name = "traefik"

    def configure(self, case, blue, green, shadow):
        def service(port):
            return {"loadBalancer": {"servers": [{"url": f"http://127.0.0.1:{port}"}], "serversTransport": "kept"}}

        services = {"blue": service(blue), "green": service(green), "shadow": service(shadow)}
        routers = {"all": {"rule": "PathPrefix(`/`)", "service": "blue", "priority": 1, "entryPoints": ["in"]}}
        if case in ("split", "sticky"):
            both = {"services": [{"name": "blue", "weight": 90}, {"name": "green", "weight": 10}]}
            both |= {"sticky": {"cookie": {"name": "SRV"}}} if case == "sticky" else {}
            services["both"] = {"weighted": both}
            routers["all"]["service"] = "both"
        if case == "ab":
            routers["testers"] = {"rule": f"Header(`{AB_NAME}`, `{AB_VALUE}`)", "service": "green", "priority": 2, "entryPoints": ["in"]}
        if case == "mirror":
            services["mirrored"] = {"mirroring": {"service": "blue", "mirrors": [{"name": "shadow", "percent": 100}]}}
            routers["all"]["service"] = "mirrored"
        transports = {"kept": {"maxIdleConnsPerHost": 1000, "forwardingTimeouts": {"idleConnTimeout": "3600s"}}}
        dynamic = self.write("dynamic.json", {"http": {"routers": routers, "services": services, "serversTransports": transports}})
        static = {"global": {"checkNewVersion": False, "sendAnonymousUsage": False}, "log": {"level": "FATAL"},
                  "entryPoints": {"in": {"address": f"127.0.0.1:{self.port}",
                                         "transport": {"respondingTimeouts": {"readTimeout": "0s", "idleTimeout": "3600s"}}}},
                  "providers": {"file": {"filename": str(dynamic), "watch": False}}}
        return [find("traefik"), f"--configfile={self.write('traefik.yaml', static)}"]


class Caddy(Target):
    name = "caddy"
    cases = ("plain", "split", "sticky", "ab")  # no mirror

    def configure(self, case, blue, green, shadow):
        def proxy(*ports, policy=""):
            return (f"reverse_proxy {' '.join(f'127.0.0.1:{p}' for p in ports)} {{\n {policy}\n transport http {{\n"
                    "  compression off\n  keepalive 1h\n  keepalive_idle_conns 1000\n  keepalive_idle_conns_per_host 1000\n }\n}\n")

        body = {
            "plain": lambda: proxy(blue),
            "split": lambda: proxy(blue, green, policy="lb_policy weighted_round_robin 9 1"),
            "sticky": lambda: proxy(blue, green, policy="lb_policy cookie SRV {\n fallback weighted_round_robin 9 1\n }"),
            "ab": lambda: f"@testers header {AB_NAME} {AB_VALUE}\nhandle @testers {{\n{proxy(green)}}}\nhandle {{\n{proxy(blue)}}}\n",
        }[case]()
        conf = (f"{{\n admin off\n auto_https off\n persist_config off\n log {{\n  output discard\n }}\n"
                f" servers {{\n  timeouts {{\n   idle 1h\n  }}\n }}\n}}\n"
                f"http://:{self.port} {{\n bind 127.0.0.1\n{body}}}\n")
        return [find("caddy"), "run", "--adapter", "caddyfile", "--config", self.write("Caddyfile", conf)]


PEERS = {target.name: target for target in (FloorTarget, Turnout, Nginx, Haproxy, Envoy, Traefik, Caddy)}


def version_of(name):
    """What the program says it is."""
    how = {"nginx": ["-v"], "haproxy": ["-v"], "envoy": ["--version"], "traefik": ["version"], "caddy": ["version"]}
    if name in how:
        done = subprocess.run([str(find(name)), *how[name]], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
        found = re.search(r"\d+\.\d+\.\d+", done.stdout + done.stderr)
        return found.group() if found else "?"
    if name.startswith("turnout"):
        tag = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
        return tag.stdout.strip() or "?"
    return "of this tree"
