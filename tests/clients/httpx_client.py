#!/usr/bin/python3
"""httpx_client.py BASE…: the steps of README.md with httpx, one client (pool) for each base."""
import re
import sys
import zlib

import httpx

MIB = 1 << 20


def line(offset):
    return b"%015x\n" % offset


def body(size):
    return b"".join(line(offset) for offset in range(0, size, 16))[:size]


def pieces(data, size=50000):
    for start in range(0, len(data), size):
        yield data[start:start + size]


def say(name, status, count=0, crc=0):
    print(f"{name} {status} {count} {crc:08x}", flush=True)


def get(client, name, path):
    with client.stream("GET", path) as answer:
        count = crc = 0
        for piece in answer.iter_raw():
            count, crc = count + len(piece), zlib.crc32(piece, crc)
        say(name, answer.status_code, count, crc)


def post(client, name, content):
    answer = client.post("/echo-size", content=content)
    count = int(re.search(r'"bytes":(\d+)', answer.text)[1])
    say(name, answer.status_code, count, int(re.search(r'"crc32":"(\w+)"', answer.text)[1], 16))


class BrokenOff(Exception):
    pass


def broken_off(data):
    yield data[:MIB]
    raise BrokenOff


def run(base):
    small, large = body(5000), body(10 * MIB)
    with httpx.Client(base_url=base, timeout=60, trust_env=False) as client:
        get(client, "get", "/bytes/1000")
        get(client, "get-chunked", "/bytes/1000?chunked=1")
        say("head", client.head("/count").status_code)
        get(client, "missing", "/nowhere")
        post(client, "post-sized", small)
        post(client, "post-chunked", pieces(small, 1000))
        get(client, "down-sized", f"/bytes/{10 * MIB}")
        get(client, "down-chunked", f"/bytes/{10 * MIB}?chunked=1")
        post(client, "up-sized", large)
        post(client, "up-chunked", pieces(large))
        with client.stream("GET", f"/bytes/{1024 * MIB}") as answer:
            count = 0
            for piece in answer.iter_raw():
                count += len(piece)
                if count >= MIB:
                    break
        say("abort-down", answer.status_code)
        try:
            post(client, "abort-up", broken_off(large))
        except BrokenOff:
            say("abort-up", 0)
        get(client, "after", "/bytes/1000")


for address in sys.argv[1:]:
    print("base")
    run(address)
