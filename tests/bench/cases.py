"""The cases that everything here measures: what the proxy is told, and what the client sends."""

# One probe at the start, which a busy machine may take its time for.
HEALTH = {"path": "/readyz", "interval": "1h", "timeout": "1m"}
AB_FIELD = "X-Version: green"

# What the client does in each; the rest is in the rules below.
CLIENT = {
    "plain": {},
    "split": {},
    "sticky": {"cookies": True},
    "ab": {"odd": AB_FIELD},
    "mirror": {},
}


def rules(case):
    weights = {"blue": 90, "green": 10}
    if case == "plain":
        return [{"name": "main", "weights": {"blue": 1}}]
    if case == "split":
        return [{"name": "main", "stable": "blue", "weights": weights}]
    if case == "sticky":
        return [{"name": "main", "stable": "blue", "weights": weights, "sticky": {"by": "cookie", "name": "turnout"}}]
    if case == "ab":
        name, value = AB_FIELD.split(": ")
        return [{"name": "testers", "match": [{"headers": [{"name": name, "value": value}]}], "weights": {"green": 1}},
                {"name": "main", "weights": {"blue": 1}}]
    if case == "mirror":
        return [{"name": "main", "weights": {"blue": 1}, "mirror": [{"to": "shadow"}]}]
    raise ValueError(case)


def used_versions(case):
    return {"plain": ("blue",), "mirror": ("blue", "shadow")}.get(case, ("blue", "green"))


def config(case, backend, **top):
    """A configuration for support.proxy.Proxy: one loop, no access log, connections that are kept."""
    places = {"blue": 0, "green": 1, "shadow": 2}
    return {
        "versions": {v: {"endpoints": backend.addresses(places[v]), "health": HEALTH, "max_requests": 100000}
                     for v in used_versions(case)},
        "rules": rules(case),
        "threads": 1,
        "log": {"access": "off"},
        "limits": {"stop_grace": "1s", "keep_alive": "1h", "upstream_idle": "30m", "upstream_idle_connections": 1000},
        **top,
    }
