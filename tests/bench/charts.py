"""Charts as SVG: bars with ranges, and lines over a logarithmic axis. Plain text, no library; readable on light and dark pages."""
from html import escape
from math import ceil, floor, log10

OURS, THEIRS, FLOOR = "#0a7d55", "#7a8794", "#c9a227"
LINES = ("#0a7d55", "#c2571a", "#3a6ea5", "#8a5aa8", "#7a8794", "#c9a227", "#555555")
STYLE = ("<style>text{font:12px system-ui,-apple-system,'Segoe UI',sans-serif;fill:#24292f}.small{font-size:11px;fill:#57606a}"
         ".title{font-size:14px;font-weight:600}.grid{stroke:#d8dee4}.range{stroke:#24292f;stroke-width:1.2}</style>")


def nice_step(most, count=5):
    """1, 2 or 5 times a power of ten, so that about `count` of them reach `most`."""
    raw = most / count
    power = 10 ** floor(log10(raw))
    return next(power * n for n in (1, 2, 5, 10) if power * n >= raw)


def number(value):
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size and value % (size / 10) == 0:
            return f"{value / size:g}{unit}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def colour(name):
    return OURS if name.startswith("turnout") else FLOOR if name == "floor" else THEIRS


def page(width, height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">{STYLE}'
            f'<rect width="{width}" height="{height}" rx="6" fill="#ffffff" stroke="#d8dee4"/>' + "".join(parts) + "</svg>\n")


def bars(title, rows, unit):
    """rows: [(name, value, least, most)], drawn from the top, with the range as a line."""
    width, left, line, top = 680, 110, 26, 44
    right = 90
    height = top + line * len(rows) + 34
    most = max(max(row[1], row[3] or 0) for row in rows) or 1
    step = nice_step(most)
    scale = (width - left - right) / (ceil(most / step) * step)
    parts = [f'<text class="title" x="14" y="24">{escape(title)}</text>']
    for i in range(int(ceil(most / step)) + 1):
        x = left + i * step * scale
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="{top - 6}" x2="{x:.1f}" y2="{height - 28}"/>'
                     f'<text class="small" x="{x:.1f}" y="{height - 12}" text-anchor="middle">{number(i * step)}</text>')
    for i, (name, value, least, greatest) in enumerate(rows):
        y = top + i * line
        parts.append(f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{escape(name)}</text>'
                     f'<rect x="{left}" y="{y}" width="{max(1, value * scale):.1f}" height="{line - 9}" fill="{colour(name)}"/>')
        end = value
        if least is not None and greatest is not None and greatest > least:
            parts.append(f'<line class="range" x1="{left + least * scale:.1f}" y1="{y + 8.5}" x2="{left + greatest * scale:.1f}" y2="{y + 8.5}"/>')
            end = max(value, greatest)
        parts.append(f'<text x="{left + end * scale + 6:.1f}" y="{y + 13}">{number(value)}</text>')
    parts.append(f'<text class="small" x="{width - 12}" y="24" text-anchor="end">{escape(unit)}</text>')
    return page(width, height, parts)


def lines(title, series, x_title, unit, is_log_y=False):
    """series: {name: [(x, y)]}; x is drawn logarithmically."""
    width, height, left, right, top, bottom = 680, 320, 70, 130, 44, 46
    xs = sorted({x for points in series.values() for x, _ in points})
    ys = [y for points in series.values() for _, y in points]
    low_x, high_x = log10(xs[0]), log10(xs[-1])
    if is_log_y:
        low_y, high_y = floor(log10(min(ys))), ceil(log10(max(ys)))
        marks = [10 ** n for n in range(low_y, high_y + 1)]
    else:
        step = nice_step(max(ys))
        low_y, high_y = 0, ceil(max(ys) / step) * step
        marks = [i * step for i in range(int(round(high_y / step)) + 1)]

    def at_x(x):
        return left + (log10(x) - low_x) / ((high_x - low_x) or 1) * (width - left - right)

    def at_y(y):
        value = log10(y) if is_log_y else y
        return height - bottom - (value - low_y) / ((high_y - low_y) or 1) * (height - top - bottom)

    parts = [f'<text class="title" x="14" y="24">{escape(title)}</text>',
             f'<text class="small" x="{width - 12}" y="24" text-anchor="end">{escape(unit)}</text>',
             f'<text class="small" x="{(left + width - right) / 2}" y="{height - 8}" text-anchor="middle">{escape(x_title)}</text>']
    for mark in marks:
        parts.append(f'<line class="grid" x1="{left}" y1="{at_y(mark):.1f}" x2="{width - right}" y2="{at_y(mark):.1f}"/>'
                     f'<text class="small" x="{left - 8}" y="{at_y(mark) + 4:.1f}" text-anchor="end">{number(mark)}</text>')
    for x in xs:
        parts.append(f'<text class="small" x="{at_x(x):.1f}" y="{height - 28}" text-anchor="middle">{number(x)}</text>')
    ends = []
    for i, (name, points) in enumerate(series.items()):
        stroke = LINES[i % len(LINES)]
        path = " ".join(f"{at_x(x):.1f},{at_y(y):.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{stroke}" stroke-width="2"/>')
        parts += [f'<circle cx="{at_x(x):.1f}" cy="{at_y(y):.1f}" r="2.6" fill="{stroke}"/>' for x, y in points]
        ends.append([at_y(points[-1][1]), name, stroke])
    ends.sort()
    for i, end in enumerate(ends):  # names must not lie on each other
        if i and end[0] < ends[i - 1][0] + 14:
            end[0] = ends[i - 1][0] + 14
        parts.append(f'<text x="{width - right + 8}" y="{end[0] + 4:.1f}" style="fill:{end[2]}">{escape(end[1])}</text>')
    return page(width, height, parts)
