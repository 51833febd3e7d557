#!/bin/sh
# curl.sh BASE…: the steps of README.md with curl. Runs in a folder that it may write to.
set -eu
curl() { command curl --silent --show-error --noproxy '*' --max-time 60 --output got --write-out '%{http_code}' "$@"; }
crc() { gzip -1 -c "$1" | tail -c 8 | od -A n -t x4 -N 4 | tr -d ' '; } # gzip writes it, little-endian
say() { echo "$1 $2 $(wc -c <got) $(crc got)"; }
said() { # what the service says that it got
    echo "$1 $2 $(sed 's/.*"bytes":\([0-9]*\).*/\1/' got) $(sed 's/.*"crc32":"\([0-9a-f]*\)".*/\1/' got)"
}
get() { say "$1" "$(curl "$base$2")"; }
sized() { said "$1" "$(curl --request POST --header 'Expect:' --upload-file "$2" "$base/echo-size")"; }
chunked() { said "$1" "$(curl --request POST --header 'Expect: 100-continue' --header 'Transfer-Encoding: chunked' --upload-file "$2" "$base/echo-size")"; }

for base; do
    echo base
    get get /bytes/1000
    get get-chunked '/bytes/1000?chunked=1'
    echo "head $(curl --head "$base/count") 0 00000000"
    get missing /nowhere
    curl "$base/bytes/5000" >/dev/null && mv got small
    sized post-sized small
    chunked post-chunked small
    get down-sized /bytes/10485760
    mv got large
    get down-chunked '/bytes/10485760?chunked=1'
    sized up-sized large
    chunked up-chunked large
    # curl ends with 23 when what it writes to goes away
    command curl --silent --noproxy '*' "$base/bytes/1073741824" 2>/dev/null | head -c 1048576 >got
    echo "abort-down 200 0 00000000"
    # 26 or 28: it ends before the upload does
    command curl --silent --noproxy '*' --request POST --limit-rate 1M --max-time 1 --upload-file large "$base/echo-size" >/dev/null && exit 1
    echo "abort-up 0 0 00000000"
    get after /bytes/1000
done
