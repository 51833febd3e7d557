"""Cases: what one client sends on one connection, in which pieces, and what must come of it.

Case `number` of a `seed` is always the same, whatever was run before it.
"""
import random

from . import model, seeds

CUT, MUTATED, PIPELINED, SPLIT = "cut", "mutated", "pipelined", "split"
HALF, SENTINEL, GONE = "half-close", "sentinel", "gone"


class Case:
    """pieces are sent one after the other, each when the proxy has had time to read the one before. is_valid: every
    request in it must be forwarded. end: how the client ends (see HALF and so on)."""

    __slots__ = ("number", "kind", "pieces", "is_valid", "end", "expected", "verdict", "twin")

    def __init__(self, number, kind, pieces, is_valid=False, end=HALF, twin=None):
        self.number, self.kind, self.pieces, self.is_valid, self.end = number, kind, pieces, is_valid, end
        self.twin = twin  # cuts of one seed: all upstream heads are the same but for the number
        self.expected, self.verdict = model.read(self.data)

    @property
    def data(self):
        return b"".join(self.pieces)

    def __repr__(self):
        return f"case {self.number} ({self.kind}, {self.end}, model: {len(self.expected)} requests, then {self.verdict})"


def sentinel(number):
    return b"GET /end/%d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % number


def pieces_of(data, cuts):
    at = [0, *sorted(set(c for c in cuts if 0 < c < len(data))), len(data)]
    return [data[a:b] for a, b in zip(at, at[1:])]


class Generator:
    def __init__(self, seed):
        self.seed = seed
        self.small, self.large = seeds.broken()
        # Every valid request at every byte: numbers below cut_count.
        self.cuts = [(v, at) for v, data in enumerate(seeds.VALID) for at in range(len(self.numbered(data, 0)))]

    @staticmethod
    def numbered(data, number):
        return data.replace(b"@", b"%07d" % number, 1) if b"@" in data else data

    def case(self, number):
        rng = random.Random(f"{self.seed}:{number}")
        if number < len(self.cuts):
            v, at = self.cuts[number]
            data = self.numbered(seeds.VALID[v], number)
            return Case(number, CUT, pieces_of(data, [at]), True, HALF, twin=v)
        kind = rng.choices((MUTATED, PIPELINED, SPLIT), (50, 30, 20))[0]
        return getattr(self, kind)(number, rng)

    def base(self, number, rng):
        """(bytes, must it be forwarded)"""
        draw = rng.random()
        if draw < 0.55:
            return self.numbered(rng.choice(seeds.VALID), number), True
        if draw < 0.99:
            return self.numbered(rng.choice(self.small), number), False
        return self.numbered(rng.choice(self.large), number), False

    def mutated(self, number, rng):
        data, _ = self.base(number, rng)
        for _ in range(rng.choices((1, 2, 3, 6), (50, 25, 15, 10))[0]):
            data = rng.choice(MUTATIONS)(data, rng)
        end = rng.choices((HALF, SENTINEL, GONE), (60, 35, 5))[0]
        if end == SENTINEL:
            data += sentinel(number)
        return Case(number, MUTATED, self.split_a_little(data, rng), False, end)

    def pipelined(self, number, rng):
        parts, is_valid = [], True
        for _ in range(rng.choice((2, 2, 3))):
            data, is_fine = self.base(number, rng)
            if rng.random() < 0.15:
                data, is_fine = rng.choice(MUTATIONS)(data, rng), False
            is_valid = is_valid and is_fine
            parts.append(data)
        end = rng.choices((HALF, SENTINEL, GONE), (55, 40, 5))[0]
        if end == SENTINEL:
            parts.append(sentinel(number))
        return Case(number, PIPELINED, self.split_a_little(b"".join(parts), rng), is_valid and end != GONE, end)

    def split(self, number, rng):
        """Valid and chunked again in other sizes, in many segments."""
        body = rng.randbytes(rng.choice((0, 1, 15, 16, 17, 255, 256, 300)))
        framed, at = b"", 0
        while at < len(body):
            size = min(rng.choice((1, 2, 9, 16, 100, 255)), len(body) - at)
            extension = rng.choice((b"", b"", b"", b";x", b';a="b c"', b" ;y=1"[1:]))
            framed += b"0" * rng.choice((0, 0, 0, 1, 7)) + (b"%x" if rng.random() < 0.5 else b"%X") % size + extension + b"\r\n" + body[at:at + size] + b"\r\n"
            at += size
        framed += b"0" * rng.choice((1, 1, 1, 3)) + b"\r\n" + rng.choice((b"", b"", b"X-T: y\r\n")) + b"\r\n"
        data = b"POST /%07d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" % number + framed
        cuts = [rng.randrange(len(data)) for _ in range(rng.choice((1, 2, 5, 12)))]
        end = rng.choice((HALF, SENTINEL))
        if end == SENTINEL:
            data += sentinel(number)
        return Case(number, SPLIT, pieces_of(data, cuts), True, end)

    @staticmethod
    def split_a_little(data, rng):
        if rng.random() < 0.6 or len(data) < 2:
            return [data]
        return pieces_of(data, [rng.randrange(len(data)) for _ in range(rng.choice((1, 1, 2, 4)))])


# --- mutations: bytes and a source of randomness in, bytes out ---

def _at(data, rng):
    """A position, mostly near the ends of lines, where framing is decided."""
    if rng.random() < 0.5:
        ends = [i for i in range(min(len(data), 4000)) if data[i] in b"\r\n:; ,"]
        if ends:
            return min(len(data), rng.choice(ends) + rng.choice((0, 1)))
    return rng.randrange(len(data) + 1)


def _lines(data):
    head, mark, body = data.partition(b"\r\n\r\n")
    return head.split(b"\r\n"), mark + body


def insert_word(data, rng):
    at = _at(data, rng)
    return data[:at] + rng.choice(seeds.WORDS) + data[at:]


def replace_byte(data, rng):
    at = _at(data, rng)
    return data[:at] + bytes([rng.choice((rng.randrange(256), rng.randrange(33), 0x0A, 0x0D, 0x20))]) + data[at + 1:]


def flip_bit(data, rng):
    at = rng.randrange(len(data) or 1)
    return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1:] if data else data


def delete_some(data, rng):
    at = _at(data, rng)
    return data[:at] + data[at + rng.choice((1, 1, 1, 2, 4, 20)):]


def double_some(data, rng):
    at, size = _at(data, rng), rng.choice((1, 2, 4, 30))
    return data[:at] + data[at:at + size] + data[at:]


def truncate(data, rng):
    return data[:_at(data, rng)] if rng.random() < 0.5 else data[:-rng.choice((1, 2, 3, 4))]


def add_field(data, rng):
    lines, rest = _lines(data)
    lines.insert(rng.randint(1, len(lines)), rng.choice(seeds.FIELDS))
    return b"\r\n".join(lines) + rest


def double_line(data, rng):
    lines, rest = _lines(data)
    lines.insert(rng.randint(1, len(lines)), rng.choice(lines))
    return b"\r\n".join(lines) + rest


def drop_line(data, rng):
    lines, rest = _lines(data)
    del lines[rng.randrange(len(lines))]
    return b"\r\n".join(lines) + rest


def swap_lines(data, rng):
    lines, rest = _lines(data)
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return b"\r\n".join(lines) + rest


def other_line_end(data, rng):
    ends = [i for i in range(min(len(data), 4000)) if data[i:i + 2] == b"\r\n"]
    if not ends:
        return data
    at = rng.choice(ends)
    return data[:at] + rng.choice((b"\n", b"\r", b"\n\r", b"\r\r\n", b"\r\n\r\n", b"", b"\r\n ", b"\x85", b"\x00\r\n")) + data[at + 2:]


def change_case(data, rng):
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at:at + 20].swapcase() + data[at + 20:]


def change_digits(data, rng):
    at = [i for i in range(min(len(data), 4000)) if 0x30 <= data[i] <= 0x39]
    if not at:
        return data
    i = rng.choice(at)
    return data[:i] + rng.choice((b"0", b"1", b"6", b"9", b"00", b"50", b"-1", b"+1", b" ", b"", b"0x1", b"1_0", b"1.0", b"a", b"fffffff", b"9" * 20)) + data[i + 1:]


def hide_request(data, rng):
    """A second request behind, as smugglers send it."""
    return data + rng.choice((b"", b"0\r\n\r\n", b"\r\n", b"X")) + b"GET /hidden HTTP/1.1\r\nHost: a\r\nX: " + rng.choice((b"\r\n\r\n", b"", b"y\r\n\r\n"))


def splice(data, rng):
    other = rng.choice(seeds.VALID)
    return data[:_at(data, rng)] + other[_at(other, rng):]


MUTATIONS = [insert_word, insert_word, replace_byte, replace_byte, flip_bit, delete_some, double_some, truncate, add_field, add_field, add_field,
             double_line, drop_line, swap_lines, other_line_end, other_line_end, change_case, change_digits, change_digits, hide_request, splice]
