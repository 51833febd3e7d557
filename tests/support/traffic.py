"""strategies/traffic a second time, from docs/reference/traffic.md alone: the published answers must be those of both."""
import math

ALL = 2**64 - 1
PPM = 1_000_000


def mix(x):
    x = (x + 0x9E3779B97F4A7C15) & ALL
    x = ((x ^ x >> 30) * 0xBF58476D1CE4E5B9) & ALL
    x = ((x ^ x >> 27) * 0x94D049BB133111EB) & ALL
    return x ^ x >> 31


def scale(h, span):
    return ((h >> 24) * span) >> 40


def key_to_version(key, ids, weights):
    """The place of the version, None when all weights are 0."""
    def time(place):
        u = ((mix(key ^ mix(ids[place])) >> 11) + 0.5) / 2**53
        return -math.log(u) / weights[place], ids[place]
    return min((p for p, w in enumerate(weights) if w), key=time, default=None)


def key_to_ordinal(key, ordinals):
    return max(ordinals, key=lambda ordinal: mix(key ^ mix(ordinal)))


class Pair:
    """One node of the tree: w of W, in one period."""

    def __init__(self, seed, period, w, total):
        self.seed, self.period, self.w, self.total = seed, period, w, total

    def number(self, j):
        return (self.period * self.w + j) & ALL

    def before(self, j, cut):
        return scale(mix(~self.seed & ALL ^ mix(self.number(j))), self.w) < cut

    def slot(self, j):
        first, a = divmod(j * self.total, self.w)
        last, b = divmod((j + 1) * self.total, self.w)
        whole = first + (a > 0)
        h = mix(self.seed ^ mix(self.number(j)))
        d = scale(h, self.total)
        if d < self.w and a > 0 and not self.before(j, a):
            return first
        if self.w <= d < 2 * self.w and b > 0 and self.before(j + 1, b):
            return last
        return whole + scale(mix(h), last - whole)

    def look(self, place):
        """Is the place the smaller party's, and how many of its slots come before."""
        j = place * self.w // self.total
        at = self.slot(j)
        before = j + (at < place)
        if at == place:
            return True, before
        begins_within = (j + 1) * self.total < (place + 1) * self.w
        return at < place and begins_within and self.slot(j + 1) == place, before


def nth_to_version(seed, weights, n):
    """The place of the version."""
    order = sorted((p for p, w in enumerate(weights) if w), key=lambda p: weights[p])
    total = sum(weights)
    period, place = divmod(n, total)
    node = 1
    while len(order) > 1:
        half = 2 if len(order) == 3 else len(order) // 2
        light, heavy = order[:half], order[half:]
        sums = sum(weights[p] for p in light), sum(weights[p] for p in heavy)
        is_light_smaller = sums[0] <= sums[1]
        is_smaller, before = Pair(mix((seed + node) & ALL), period, min(sums), total).look(place)
        is_light = is_smaller == is_light_smaller
        place = before if is_smaller else place - before
        order, total = (light, sums[0]) if is_light else (heavy, sums[1])
        node = 2 * node + is_light
    return order[0]


def is_mirrored(seed, ppm, n):
    return nth_to_version(seed, [ppm, PPM - ppm], n) == 0


def is_user_mirrored(seed, ppm, key):
    return scale(mix(key ^ mix(seed)), PPM) < ppm
