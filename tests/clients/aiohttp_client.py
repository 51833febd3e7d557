#!/usr/bin/python3
"""aiohttp_client.py BASE…: the steps of README.md with aiohttp, one session (pool) for each base."""
import asyncio
import re
import sys
import zlib

import aiohttp

MIB = 1 << 20


def body(size):
    return b"".join(b"%015x\n" % offset for offset in range(0, size, 16))[:size]


async def pieces(data, size=50000):
    for start in range(0, len(data), size):
        yield data[start:start + size]


def say(name, status, count=0, crc=0):
    print(f"{name} {status} {count} {crc:08x}", flush=True)


async def get(session, name, path):
    async with session.get(path) as answer:
        count = crc = 0
        async for piece in answer.content.iter_any():
            count, crc = count + len(piece), zlib.crc32(piece, crc)
        say(name, answer.status, count, crc)


async def post(session, name, data):
    async with session.post("/echo-size", data=data) as answer:
        text = await answer.text()
        count = int(re.search(r'"bytes":(\d+)', text)[1])
        say(name, answer.status, count, int(re.search(r'"crc32":"(\w+)"', text)[1], 16))


class BrokenOff(Exception):
    pass


async def broken_off(data):
    yield data[:MIB]
    raise BrokenOff


async def run(base):
    small, large = body(5000), body(10 * MIB)
    async with aiohttp.ClientSession(base, timeout=aiohttp.ClientTimeout(60)) as session:
        await get(session, "get", "/bytes/1000")
        await get(session, "get-chunked", "/bytes/1000?chunked=1")
        async with session.head("/count") as answer:
            say("head", answer.status)
        await get(session, "missing", "/nowhere")
        await post(session, "post-sized", small)
        await post(session, "post-chunked", pieces(small, 1000))
        await get(session, "down-sized", f"/bytes/{10 * MIB}")
        await get(session, "down-chunked", f"/bytes/{10 * MIB}?chunked=1")
        await post(session, "up-sized", large)
        await post(session, "up-chunked", pieces(large))
        answer = await session.get(f"/bytes/{1024 * MIB}")
        await answer.content.readexactly(MIB)
        answer.close()
        say("abort-down", answer.status)
        try:
            await post(session, "abort-up", broken_off(large))
        except (BrokenOff, aiohttp.ClientError):
            say("abort-up", 0)
        await get(session, "after", "/bytes/1000")


for address in sys.argv[1:]:
    print("base")
    asyncio.run(run(address))
