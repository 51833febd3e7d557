"""Results as Markdown, JSON and charts; and the rows that must be reached, each with its limit, figure and peers."""
import json
import platform
from pathlib import Path

from bench import charts
from bench.compare import POSTS, SCENARIOS
from bench.figures import differences, median, ratios, significant, spread, unsteadiness

TITLES = {s.name: s.title for s in SCENARIOS}


def values(samples, name, key="cpu_us"):
    """One value for each pass, None where it failed; [] for who was not measured."""
    return [s[key] if s else None for s in samples.get(name, [])]


def known(some):
    return [v for v in some if v is not None]


class Row:
    """One thing that must be reached. figure None: it could not be measured in this run."""

    def __init__(self, what, limit, figure, peers="", unit="", shown=None, is_below=False):
        self.what, self.limit, self.figure, self.peers, self.unit = what, limit, figure, peers, unit
        self.shown = shown or (significant(figure) if figure is not None else "not measured")
        self.is_reached = None if figure is None else figure < limit if is_below else figure <= limit
        self.is_below = is_below

    def as_dict(self):
        return {"what": self.what, "limit": self.limit, "figure": self.figure, "shown": self.shown, "unit": self.unit, "peers": self.peers,
                "reached": self.is_reached}

    def line(self):
        said = {True: "reached", False: "**not reached**", None: "not measured"}[self.is_reached]
        sign = "<" if self.is_below else "≤"
        return f"| {self.what} | {sign} {significant(self.limit)}{self.unit} | {self.shown}{self.unit} | {self.peers} | {said} |"


def ratio_of(results, scenario, base, key="cpu_us"):
    """(median, text with the range) of turnout over base within passes, or (None, ...)."""
    samples = results["cpu"].get(scenario, {})
    found = ratios(values(samples, "turnout", key), values(samples, base, key))
    if not found:
        return None, None
    of = spread(found)
    return of["median"], f"{of['median']:.2f} ({of['least']:.2f} to {of['most']:.2f})"


def cpu_row(results, what, scenario, base, limit, is_below=False):
    figure, shown = ratio_of(results, scenario, base)
    samples = results["cpu"].get(scenario, {})
    peers = ", ".join(f"{n} {significant(median(known(values(samples, n))))}" for n in ("turnout", base)
                      if known(values(samples, n)))
    return Row(f"{what}, of {base}'s", limit, figure, f"{peers} µs" if peers else "", shown=shown, is_below=is_below)


def calls_of(results, case):
    return ", ".join(f"{n} {v['data']:.2f}" for n, v in results.get("calls", {}).get(case, {}).items() if n != "turnout")


def gate(results, name):
    return results.get("gates", {}).get(name, {}).get("figure")


def gate_rows(results):
    worst = [gate(results, f"data calls, {case}") for case in ("plain", "split", "sticky", "ab")]
    worst = None if None in worst else max(worst)
    instructions = ", ".join(f"{n} {v:,.0f}" for n, v in results.get("instructions", {}).get("split", {}).items() if n != "turnout")
    split = gate(results, "instructions, split")
    idle = ", ".join(f"{n} {v:,.0f}" for n, v in results.get("idle", {}).items() if n not in ("turnout", "floor"))
    start = ", ".join(f"{n} {v / 1e6:.1f}" for n, v in results.get("start", {}).items() if n not in ("turnout", "floor"))
    memory = gate(results, "memory at start")
    idle_figure, start_figure = gate(results, "idle connection"), memory / 1e6 if memory else None
    return [
        Row("data system calls per keep-alive request: the worst of plain, split, sticky, A/B", 4.1, worst, calls_of(results, "split")),
        Row("epoll_ctl, setsockopt, brk, mmap, futex and the like in the steady state, in all requests", 0, gate(results, "steady calls")),
        Row("data system calls per request with a healthy mirror", 6.2, gate(results, "data calls, mirror"), calls_of(results, "mirror")),
        Row("user instructions per request, 90/10 split, log off", 12000, split, instructions, shown=f"{split:,}" if split else None),
        Row("allocations per request, steady state, without a mirror", 0,
            None if gate(results, "allocations, split") is None else
            max(gate(results, f"allocations, {c}") for c in ("plain", "split", "sticky", "ab"))),
        Row("user memory per idle client connection", 600, idle_figure, idle, " bytes"),
        Row("resident memory at start, one loop", 6, start_figure, start, " MB"),
    ]


def post_row(results):
    worst, peers = None, {}
    for size in POSTS:
        samples = results.get("posts", {}).get(str(size), {})
        base = values(samples, "floor", "p50_us")
        for name in samples:
            found = ratios(values(samples, name, "p50_us"), base)
            if found and name != "floor":
                peers[name] = max(peers.get(name, 0), median(found))
    worst = peers.pop("turnout", None)
    return Row("POST of 1 KiB to 256 KiB, one at a time: p50 of the floor's, the worst size", 1.2, worst,
               ", ".join(f"{n} {significant(v)}" for n, v in peers.items()))


def added(results):
    """{name: [added latency of each pass]} over the floor's, medians in us."""
    samples = results.get("open", {}).get("samples", {})
    base = values(samples, "floor", "p50_us")
    return {n: differences(values(samples, n, "p50_us"), base) for n in samples if n not in ("floor", "direct")}


def added_rows(results):
    found = {n: median(v) for n, v in added(results).items() if v}
    return [Row(f"added latency at 30 % load, open loop: median over the floor's, less {peer}'s", 0,
                found["turnout"] - found[peer] if "turnout" in found and peer in found else None,
                ", ".join(f"{n} {v:+.1f}" for n, v in found.items()), " µs",
                shown=f"{found['turnout'] - found[peer]:+.1f}" if "turnout" in found and peer in found else None)
            for peer in ("nginx", "haproxy")]


def must_rows(results):
    telling = results.get("telling", {})
    on = ratios(values(telling, "turnout-on"), values(telling, "turnout-off"))
    split = "CPU per request, 90/10 split"
    return [
        *gate_rows(results)[:4],
        cpu_row(results, split, "split", "floor", 1.12),
        cpu_row(results, split, "split", "nginx", 0.90),
        cpu_row(results, split, "split", "haproxy", 1.0, is_below=True),
        cpu_row(results, split, "split", "envoy", 0.45),
        cpu_row(results, split, "split", "traefik", 0.35),
        cpu_row(results, split, "split", "caddy", 0.35),
        cpu_row(results, "CPU per request, mirror 100 %", "mirror", "nginx", 0.45),
        cpu_row(results, "CPU per request, mirror 100 %", "mirror", "envoy", 0.45),
        post_row(results),
        cpu_row(results, "CPU per 1 MiB answer", "download", "nginx", 1.0),
        *added_rows(results),
        *gate_rows(results)[4:],
        Row("metrics, access log (JSON) and statistics all on, of all off", 1.10, median(on) if on else None,
            shown=f"{median(on):.3f} ({min(on):.3f} to {max(on):.3f})" if on else None),
    ]


def machine():
    model = "?"
    try:
        model = next(line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {"processor": model, "kernel": platform.release(), "system": platform.system()}


def cpu_table(results):
    names = [n for n in results["versions"]]
    text = ["| | " + " | ".join(names) + " |", "| --- |" + " ---: |" * len(names)]
    for scenario, samples in results["cpu"].items():
        base = values(samples, "floor")
        cells = []
        for name in names:
            mine = values(samples, name)
            if not known(mine):
                cells.append("–")
                continue
            of = spread(known(mine))
            cell = f"{significant(of['median'])} ({significant(of['least'])}–{significant(of['most'])})"
            found = ratios(mine, base)
            if found and name != "floor":
                of = spread(found)
                cell = f"**{of['median']:.2f}** ({of['least']:.2f}–{of['most']:.2f})<br>{cell}"
            cells.append(cell)
        text.append(f"| {TITLES[scenario]} | " + " | ".join(cells) + " |")
    return text


def user_share(results, scenario):
    """Per cent of the CPU time that was in user space, by clock ticks over all passes."""
    shares = {}
    for name, samples in results["cpu"].get(scenario, {}).items():
        user, system = (sum(s[k] for s in samples if s) for k in ("user_ticks", "system_ticks"))
        if user + system:
            shares[name] = round(100 * user / (user + system))
    return shares


def share_table(results):
    names = list(results["versions"])
    text = ["| | " + " | ".join(names) + " |", "| --- |" + " ---: |" * len(names)]
    for scenario in results["cpu"]:
        shares = user_share(results, scenario)
        text.append(f"| {TITLES[scenario]} | " + " | ".join(str(shares.get(n, "–")) for n in names) + " |")
    return text


def rate_table(results):
    names = list(results["versions"])
    text = ["| | " + " | ".join(names) + " |", "| --- |" + " ---: |" * len(names)]
    for scenario, samples in results["cpu"].items():
        cells = [f"{median(known(values(samples, n, 'rps'))):,.0f}" if known(values(samples, n, "rps")) else "–" for n in names]
        text.append(f"| {TITLES[scenario]} | " + " | ".join(cells) + " |")
    return text


def post_table(results):
    names = list(results["versions"])
    text = ["| bytes | " + " | ".join(names) + " |", "| ---: |" + " ---: |" * len(names)]
    for size, samples in results["posts"].items():
        cells = [significant(median(known(values(samples, n, "p50_us")))) if known(values(samples, n, "p50_us")) else "–" for n in names]
        text.append(f"| {int(size):,} | " + " | ".join(cells) + " |")
    return text


def open_table(results):
    samples = results["open"]["samples"]
    more = added(results)
    text = ["| | p50 | p99 | added to the floor's p50 | the client's own lateness, p50 |", "| --- | ---: | ---: | ---: | ---: |"]
    for name in samples:
        p50, p99, late = (significant(median(known(values(samples, name, k)))) for k in ("p50_us", "p99_us", "late_p50_us"))
        text.append(f"| {name} | {p50} | {p99} | {f'{median(more[name]):+.1f}' if more.get(name) else ''} | {late} |")
    return text


def count_table(results):
    text = ["| | split: data calls | all calls | mirror: data calls | all calls | instructions, split | mirror | at start, MB | bytes per idle client |",
            "| --- |" + " ---: |" * 8]
    for name in results["versions"]:
        cells = []
        for case in ("split", "mirror"):
            found = results["calls"].get(case, {}).get(name)
            cells += [f"{found['data']:.2f}", f"{found['all']:.2f}"] if found else ["–", "–"]
        for case in ("split", "mirror"):
            found = results["instructions"].get(case, {}).get(name)
            cells.append(f"{found:,.0f}" if found else "–")
        start, idle = results["start"].get(name), results["idle"].get(name)
        cells += [f"{start / 1e6:.1f}" if start else "–", f"{idle:,.0f}" if idle is not None else "–"]
        text.append(f"| {name} | " + " | ".join(cells) + " |")
    return text


def is_steady(results):
    """What the floor says about the machine during this run."""
    return {s: round(unsteadiness(values(samples, "floor")), 3) for s, samples in results["cpu"].items() if known(values(samples, "floor"))}


def must_table(rows):
    return ["| what | limit | figure | peers | |", "| --- | ---: | ---: | --- | --- |", *(row.line() for row in rows)]


def markdown(results):
    rows = must_rows(results)
    moved = is_steady(results)
    where = results.get("machine", {})
    reached = sum(row.is_reached is True for row in rows)
    text = [
        "# Turnout beside its peers", "",
        f"Made by `{results.get('command', 'scripts/bench')}` in {results['seconds']} s on {where.get('processor')}, Linux {where.get('kernel')}: "
        f"{results['passes']} passes, each of them all targets in turn, forwards and backwards by turns. "
        f"Versions: {', '.join(f'{n} {v}' for n, v in results['versions'].items())}.", "",
        f"The floor's own figures moved by up to {max(moved.values(), default=0):.0%} between passes"
        + (": other work ran on this machine, so times and their ratios are rough (counts are not)." if max(moved.values(), default=0) > 0.1 else "."), "",
        f"## What must be reached: {reached} of {len(rows)}", "", *must_table(rows), "",
        "## CPU time per request, µs", "",
        "Bold: of the floor's in the same pass, median (range). Below: µs, median (range). User and system time of all threads of the proxy.", "",
        *cpu_table(results), "",
        "## In user space, per cent of the CPU time", "", "By clock ticks, so rough; the rest is the kernel's.", "", *share_table(results), "",
        "## Requests a second, with the client and the service on the other processor", "", *rate_table(results), "",
    ]
    if results.get("posts"):
        text += ["## POST, one at a time: median in µs", "", *post_table(results), ""]
    if results.get("open"):
        text += [f"## Latency at {results['open']['rate']:,} requests a second, open loop, µs", "",
                 "30 % of what the slowest of these can do; from the moment a request was due. `direct` is the service without a proxy.", "",
                 *open_table(results), ""]
    text += ["## Counted", "", *count_table(results), ""]
    if results.get("missing"):
        text += ["## Left out", "", *(f"* {name}: {why}" for name, why in results["missing"].items()), ""]
    return "\n".join(text)


def bar_rows(results, scenario):
    rows = []
    for name, samples in results["cpu"].get(scenario, {}).items():
        found = known(values(results["cpu"][scenario], name))
        if found:
            of = spread(found)
            rows.append((name, of["median"], of["least"], of["most"]))
    return rows


def write_charts(folder, results):
    folder = Path(folder)
    for scenario in ("split", "mirror", "sticky"):
        rows = bar_rows(results, scenario)
        if rows:
            (folder / f"cpu-{scenario}.svg").write_text(charts.bars(f"CPU time of a request: {TITLES[scenario]}", rows, "µs; line: range"))
    idle = [(n, v, None, None) for n, v in results.get("idle", {}).items() if n != "floor"]
    if idle:
        (folder / "idle.svg").write_text(charts.bars("Memory of an idle client connection", idle, "bytes"))
    posts = {}
    for size, samples in results.get("posts", {}).items():
        for name in samples:
            found = known(values(samples, name, "p50_us"))
            if found:
                posts.setdefault(name, []).append((int(size), median(found)))
    if posts:
        (folder / "posts.svg").write_text(charts.lines("POST, one at a time: median latency", posts, "bytes", "µs", is_log_y=True))


def write(folder, results):
    """results.json, results.md and the charts."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    results["must"] = [row.as_dict() for row in must_rows(results)]
    (folder / "results.json").write_text(json.dumps(rounded(results), indent=1, ensure_ascii=False) + "\n")
    (folder / "results.md").write_text(markdown(results))
    write_charts(folder, results)


def rounded(value):
    """Four significant digits are enough for a file in the tree."""
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value
