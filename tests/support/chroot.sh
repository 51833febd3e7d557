#!/bin/sh
# The package on a copy of this machine: an overlay over / in namespaces of its own, gone with this script.
#
#   unshare -m -n sh chroot.sh PACKAGE.deb [run inside]
#
# Prints a line "ok: …" for each thing that held; ends with 1 at the first that did not.
set -eu
step() { echo "ok: $*"; }

if [ "${2:-}" != inside ]; then
    top=$(mktemp -d)
    mount -t tmpfs none "$top"
    mkdir "$top/upper" "$top/work" "$top/root"
    mount -t overlay overlay -o "lowerdir=/,upperdir=$top/upper,workdir=$top/work" "$top/root"
    mount -t proc proc "$top/root/proc"
    mount --rbind /dev "$top/root/dev"
    ip link set lo up
    cp "$1" "$top/root/package.deb"
    cp "$0" "$top/root/inside.sh"
    status=0
    chroot "$top/root" sh /inside.sh /package.deb inside || status=$?
    cd /
    umount -l "$top/root" && umount -l "$top" && rmdir "$top"
    exit $status
fi

cd /
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
unset TURNOUT_ADMIN || true
dpkg -i "$1" >/dev/null
step "installed: $(dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}' turnout)"
getent passwd turnout | grep -q ':/var/lib/turnout:/usr/sbin/nologin$'
step "has its own user"
test "$(command -v turnout)" = /usr/bin/turnout
turnout check -c /etc/turnout/turnout.yaml >/dev/null
step "the example is a good file"
test -s /usr/share/man/man1/turnout.1 && test -s /usr/share/man/man5/turnout.yaml.5
if command -v man >/dev/null; then man -w turnout >/dev/null && man -w turnout.yaml >/dev/null; fi
bash -n /usr/share/bash-completion/completions/turnout
step "has man pages and completion"
if command -v systemd-analyze >/dev/null; then systemd-analyze verify --man=no /usr/lib/systemd/system/turnout.service; fi
step "systemd takes the unit"

# What systemd would make of RuntimeDirectory, StateDirectory and LogsDirectory.
install -d -m 0750 -o turnout -g turnout /run/turnout /var/lib/turnout /var/log/turnout
cat >/service.py <<'PYTHON'
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")
    def log_message(self, *arguments):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
PYTHON
python3 /service.py 5001 & blue=$!
python3 /service.py 5101 & green=$!
setpriv --reuid=turnout --regid=turnout --init-groups --inh-caps=-all --no-new-privs \
    turnout serve -c /etc/turnout/turnout.yaml 2>/serve.log & proxy=$!
trap 'kill $blue $green $proxy 2>/dev/null || true' EXIT
tries=0
until turnout status --timeout 1s >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ $tries -gt 20 ]; then cat /serve.log; exit 1; fi
    sleep 0.2
done
step "runs as its user, and is found without saying where"
test "$(python3 -c 'import urllib.request; print(urllib.request.urlopen("http://127.0.0.1:8080/").status)')" = 200
turnout route canary --stable blue --canary green --share 10% --reason 'from the package' >/dev/null
turnout reload >/dev/null
step "answers, and takes changes"
test -s /var/lib/turnout/turnout.store
kill -TERM $proxy
wait $proxy
step "stops clean"
grep -q '"status":200' /var/log/turnout/access.log
step "logged where it should"
kill $blue $green

dpkg -r turnout >/dev/null
test ! -e /usr/bin/turnout && test -e /etc/turnout/turnout.yaml && test -s /var/lib/turnout/turnout.store
step "removed; configuration and store are kept"
dpkg -P turnout >/dev/null
test ! -e /etc/turnout/turnout.yaml && test ! -e /var/lib/turnout && test ! -e /var/log/turnout
step "purged; nothing of it is left"
