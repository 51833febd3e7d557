"""What cases are made from: requests that must be forwarded, the rows of the table of bad inputs, and words that hurt.

`@` in a target is where the number of the case goes.
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

H = b"Host: a\r\n"
CHUNKED = H + b"Transfer-Encoding: chunked\r\n"


def _get(fields=b"", target=b"/@", method=b"GET", version=b"1.1", host=H):
    return method + b" " + target + b" HTTP/" + version + b"\r\n" + host + fields + b"\r\n"


def _post(body, fields=b"", method=b"POST"):
    return method + b" /@ HTTP/1.1\r\n" + H + fields + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _chunks(framed, fields=b"", method=b"POST"):
    return method + b" /@ HTTP/1.1\r\n" + CHUNKED + fields + b"\r\n" + framed


# Every one of them must reach the upstream, whole, however it is cut.
VALID = [
    _get(), _get(method=b"HEAD"), _get(method=b"DELETE"), _get(method=b"OPTIONS"), _get(method=b"OPTIONS", target=b"*"),
    _get(target=b"/@?q=1&r=%2f;x"), _get(target=b"/@/a//b/../c%zz"), _get(target=b"/@[]^`{|}"), _get(target=b"/@?\\"),
    _get(target=b"http://b:81/@?x"), _get(target=b"HTTP://b?@"), _get(target=b"http://b", method=b"OPTIONS"),
    _get(host=b"Host:a\r\n"), _get(host=b"hOsT: \t a:8080 \t\r\n"), _get(host=b"Host: [::1]:80\r\n"),
    _get(b"X-Empty:\r\nX-Blank:  \t \r\nX-High: \xc3\xa4\xff\r\nX-Tab: a\tb\r\n"),
    _get(b"X-A: 1\r\nx-a: 2\r\nX-A: 3\r\nCookie: a=b\r\nCookie: c=d\r\n"),
    _get(b"Connection: keep-alive, X-Drop\r\nX-Drop: 1\r\nKeep-Alive: timeout=5\r\n"),
    _get(b"Connection: Host, Content-Length, X-Forwarded-For\r\nX-Forwarded-For: 1.2.3.4\r\n"),
    _get(b"TE: trailers, deflate\r\nConnection: TE\r\nTrailer: X\r\nProxy-Connection: close\r\n"),
    _get(b"Upgrade: websocket\r\nConnection: upgrade\r\n"), _get(b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AA\r\n"),
    _get(b"Via: 1.1 other\r\nForwarded: for=1.2.3.4\r\nX_Forwarded_For: 1\r\nTurnout-Key: x\r\nX-Request-Id: abc\r\n"),
    _get(b"Max-Forwards: 3\r\n", method=b"OPTIONS"), _get(b"Content-Length: 0\r\n"), _get(b"Expect: 100-continue\r\n"),
    b"\r\n" + _get(), b"\r\n\r\n" + _get(),
    _get(version=b"1.0"), _get(version=b"1.0", host=b""), _get(b"Connection: keep-alive\r\n", version=b"1.0"),
    _post(b""), _post(b"hello"), _post(b"hello", method=b"PUT"), _post(b"hello", method=b"PATCH"), _post(b"GET / HTTP/1.1\r\n\r\n"),
    _post(b"\r\n\r\n0\r\n\r\n\0\xff"), _post(b"hello", b"Expect: 100-Continue\r\n"), _post(b"hello", b"Connection: close\r\n"),
    b"POST /@ HTTP/1.1\r\n" + H + b"Content-Length: 005\r\n\r\nhello", b"POST /@ HTTP/1.0\r\n" + H + b"Content-Length: 5\r\n\r\nhello",
    _post(b"x", method=b"GET"), _post(b"", b"X-Long: " + b"y" * 60 + b"\r\n"),
    _chunks(b"0\r\n\r\n"), _chunks(b"5\r\nhello\r\n0\r\n\r\n"), _chunks(b"1\r\na\r\n2\r\nbc\r\n00\r\n\r\n"),
    _chunks(b"005;a=b\r\nhello\r\n0\r\n\r\n"), _chunks(b'5;a="x;y";b\r\nhello\r\n0;z\r\n\r\n'), _chunks(b"A\r\n0123456789\r\n0\r\n\r\n"),
    _chunks(b"5\r\nhello\r\n0\r\nX-T: 1\r\nHost: b\r\nAuthorization: x\r\n\r\n"), _chunks(b"7\r\n0\r\n\r\nGE\r\n0\r\n\r\n", method=b"PUT"),
    _chunks(b"2\r\nhi\r\n0\r\n\r\n", b"Expect: 100-continue\r\n"), _chunks(b"2\r\nhi\r\n0\r\n\r\n", b"Connection: close\r\n"),
    b"POST /@ HTTP/1.1\r\nTRANSFER-encoding:\tCHUNKED\r\nhost: a\r\n\r\n1\r\nx\r\n0\r\n\r\n",
]


def broken():
    """The rows of the table of bad inputs, those of moderate size; and the large ones apart."""
    from test_http_rows import ROWS
    rows = [data.replace(b" /r", b" /@", 1) for _, _, data, *_ in ROWS]
    return [r for r in rows if len(r) <= 3000], [r for r in rows if 3000 < len(r) <= 600000]


FIELDS = [
    b"Content-Length: 5", b"Content-Length: 0", b"Content-Length: +5", b"Content-Length: 5, 5", b"Content-Length:5 ", b"Content-Length: 0x5",
    b"Content-Length : 5", b"Content-Length\t: 5", b"content_length: 5", b"Content-Length: 18446744073709551621", b"Content-Length: 4294967301",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding:chunked", b"Transfer-Encoding: xchunked", b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: \x0bchunked", b"Transfer-Encoding:\tchunked", b"Transfer-Encoding: chunked\t", b"Transfer-Encoding:", b"Transfer-Encoding: ,chunked",
    b"Transfer_Encoding: chunked", b"Transfer-Encoding : chunked", b"Transfer-Encoding: gzip, chunked", b"X: y\rTransfer-Encoding: chunked",
    b" Transfer-Encoding: chunked", b"\tfolded", b"X: y\nTransfer-Encoding: chunked", b"Transfer-Encoding\0: chunked", b"Transfer-Encoding: chunk\r\n ed",
    b"Host: b", b"Host: a", b"Host:", b"Host : a", b" Host: b", b"Host: a, b", b"Host: a@b", b"Host: a/b", b"Host: a:99999", b"Host: [::1", b"Host: %zz",
    b"Connection: close", b"Connection: keep-alive", b"Connection: Transfer-Encoding", b"Connection: Content-Length, Host", b"Connection: ,,close,",
    b"Connection: upgrade", b"Upgrade: websocket", b"Upgrade: h2c", b"HTTP2-Settings: x", b"TE: trailers", b"Trailer: Content-Length", b"Expect: 100-continue",
    b"Expect: 100-continue, 100-continue", b"Expect: nonsense", b"Keep-Alive: 5", b"Proxy-Connection: keep-alive", b"Via: 1.0 x", b"Max-Forwards: 0",
    b"X-Forwarded-For: 1", b"X-Request-Id: a b", b"X-Request-Id: ok", b"X-Request-Id: ok", b"Cookie: turnout=x", b"Turnout-Shadow: 1", b"Set-Cookie: x",
    b"Range: bytes=0-", b"X: \x80\xff", b": x", b"nocolon", b"a b: c", b"X: a\x00b", b"X: a\x7fb", b"X:\x01", b"\xffX: y", b"Date: x", b"Cache-Control: x",
]
WORDS = [
    b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\n\n", b"\r\r\n", b"\n\r", b" ", b"\t", b"\0", b"\x0b", b"\x0c", b"\x7f", b"\x80", b"\xff", b"\xa0", b":", b";", b",",
    b"#", b"?", b"\\", b"//", b"..", b"%00", b"*", b"@", b"0", b"0\r\n\r\n", b"5\r\nhello\r\n", b"ffffffffffffffff\r\n", b"-1\r\n", b"1;\n\r\n", b"00000000",
    b" HTTP/1.1", b" HTTP/1.0", b" HTTP/0.9", b" HTTP/2.0", b"HTTP/1.1", b"GET / HTTP/1.1\r\nHost: s\r\n\r\n", b"chunked", b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"X: y\r\n", b"TRACE ", b"HEAD ", b"http://x/", b"\r\n ", b"\xc4\x8d\xc4\x8a",
]
