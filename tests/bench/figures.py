"""Statistics of measurements that were taken in turn: medians and ranges, and ratios within one pass.

A machine that others use is slower in one minute than in the next, for everybody. So whatever is compared is measured in
passes (A B C, then C B A), and a ratio is taken within each pass; the median of these ratios is the figure, and their
range says how much it is worth.
"""


def median(values):
    """The middle one, or the mean of the middle two."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values")
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def spread(values):
    """{"median", "least", "most", "count"}."""
    return {"median": median(values), "least": min(values), "most": max(values), "count": len(values)}


def ratios(values, of):
    """values[i] / of[i] of the passes that have both; None stands for a pass that failed."""
    return [value / base for value, base in zip(values, of) if value is not None and base]


def differences(values, of):
    return [value - base for value, base in zip(values, of) if value is not None and base is not None]


def unsteadiness(values):
    """How far the least and the most are apart, as a share of the median: 0.1 is 10 %."""
    of = spread([v for v in values if v is not None])
    return (of["most"] - of["least"]) / of["median"]


def order(names, number):
    """Who is measured when in this pass: forwards and backwards by turns."""
    return list(names) if number % 2 == 0 else list(reversed(names))


def significant(value, digits=3):
    """1234.5 -> '1,230', 0.98765 -> '0.988': as many digits as mean something."""
    if value == 0:
        return "0"
    size = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    text = f"{round(value, digits - size):,.{max(0, digits - size)}f}"
    return text


def slope(xs, ys):
    """How much y grows when x doubles, per cent of the median y: the least squares line over log2 x."""
    from math import log2
    logs = [log2(x) for x in xs]
    mean_x, mean_y = sum(logs) / len(logs), sum(ys) / len(ys)
    over = sum((x - mean_x) ** 2 for x in logs)
    if over == 0:
        return 0.0
    return 100 * sum((x - mean_x) * (y - mean_y) for x, y in zip(logs, ys)) / over / median(ys)
