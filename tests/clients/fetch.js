// fetch.js BASE…: the steps of README.md with fetch. Node runs it; a page of Chromium loads it and calls run().
'use strict';

const MIB = 1 << 20;

const CRC_TABLE = Uint32Array.from({length: 256}, (_, i) => {
    for (let bit = 0; bit < 8; bit++) i = i & 1 ? (i >>> 1) ^ 0xedb88320 : i >>> 1;
    return i >>> 0;
});

function crc32(bytes, crc = 0) {
    crc = ~crc;
    for (let i = 0; i < bytes.length; i++) crc = CRC_TABLE[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
    return ~crc >>> 0;
}

function body(size) {
    let text = '';
    for (let offset = 0; offset < size; offset += 16) text += offset.toString(16).padStart(15, '0') + '\n';
    return new TextEncoder().encode(text).subarray(0, size);
}

function inPieces(data, size, failAt = Infinity) {
    let at = 0;
    return new ReadableStream({
        pull(controller) {
            if (at >= failAt) controller.error(new Error('broken off'));
            else if (at >= data.length) controller.close();
            else controller.enqueue(data.subarray(at, (at += size)));
        },
    });
}

async function run(base, say, canStreamUp) {
    const line = (name, status, count = 0, crc = 0) => say(`${name} ${status} ${count} ${crc.toString(16).padStart(8, '0')}`);
    const get = async (name, path) => {
        const answer = await fetch(base + path);
        const reader = answer.body.getReader();
        let count = 0, crc = 0;
        for (;;) {
            const {done, value} = await reader.read();
            if (done) break;
            count += value.length;
            crc = crc32(value, crc);
        }
        line(name, answer.status, count, crc);
    };
    const post = async (name, content, more) => {
        const answer = await fetch(base + '/echo-size', {method: 'POST', body: content, ...more});
        const said = await answer.json();
        line(name, answer.status, said.bytes, parseInt(said.crc32, 16));
    };
    const small = body(5000), large = body(10 * MIB);
    await get('get', '/bytes/1000');
    await get('get-chunked', '/bytes/1000?chunked=1');
    line('head', (await fetch(base + '/count', {method: 'HEAD'})).status);
    await get('missing', '/nowhere');
    await post('post-sized', small);
    if (canStreamUp) await post('post-chunked', inPieces(small, 1000), {duplex: 'half'});
    await get('down-sized', `/bytes/${10 * MIB}`);
    await get('down-chunked', `/bytes/${10 * MIB}?chunked=1`);
    await post('up-sized', large);
    if (canStreamUp) await post('up-chunked', inPieces(large, 50000), {duplex: 'half'});
    const reader = (await fetch(`${base}/bytes/${1024 * MIB}`)).body.getReader();
    for (let count = 0; count < MIB; ) count += (await reader.read()).value.length;
    await reader.cancel();
    line('abort-down', 200);
    try {
        if (canStreamUp) {
            await post('abort-up', inPieces(large, MIB, MIB), {duplex: 'half'});
        } else {
            const abort = new AbortController();
            setTimeout(() => abort.abort(), 1);
            await fetch(base + '/echo-size', {method: 'POST', body: large, signal: abort.signal});
            line('abort-up', 0); // it was quicker than that
        }
    } catch (error) {
        line('abort-up', 0);
    }
    await get('after', '/bytes/1000');
}

async function main() {
    for (const base of process.argv.slice(2)) {
        console.log('base');
        await run(base, console.log, true);
    }
}

if (typeof process !== 'undefined') main().catch((error) => { console.error(error); process.exit(1); });
