"""Words that most black-box tests share: a line of blue and green behind one proxy."""
import time


def health(interval="300ms"):
    return {"path": "/readyz", "interval": interval, "timeout": interval}


def versions(**addresses):
    """versions(blue=[...], green=[...]) as the configuration has them."""
    return {name: {"endpoints": list(endpoints), "health": health()}
            for name, endpoints in addresses.items()}


def rule(weights, name="main", **more):
    """One rule; `stable` is filled in when it is needed."""
    entry = {"name": name, "weights": weights}
    if len([w for w in weights.values() if w > 0]) > 1:
        entry["stable"] = next(iter(weights))
    return {**entry, **more}


def config(fleet, *rules, **more):
    """blue and green of a fleet of counters behind these rules."""
    names = dict.fromkeys(c.version for c in fleet)
    return {"versions": versions(**{n: fleet.addresses(n) for n in names}), "rules": list(rules), **more}


def cookie_of(outcome):
    """The name=value of what was set."""
    return outcome.cookie.split(";")[0] if outcome.cookie else None


def eventually(probe, timeout=10.0, pause=0.02):
    """The first true value of probe()."""
    deadline = time.monotonic() + timeout
    while True:
        value = probe()
        if value or time.monotonic() > deadline:
            assert value, f"not within {timeout} s: {value!r}"
            return value
        time.sleep(pause)


def settled(proxy):
    """Metrics once no mirror is queued or under way."""
    def probe():
        metrics = proxy.metrics()
        busy = metrics.sum("turnout_mirror_queued") + metrics.sum("turnout_mirror_in_flight")
        return metrics if busy == 0 else None
    return eventually(probe)
