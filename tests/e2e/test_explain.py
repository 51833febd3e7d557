"""explain and the request that follows say the same: rule, version, endpoint, reason, key, slot; over generated rules."""
import json
import random
import urllib.parse

import pytest

from line import eventually, health
from support.http1 import Connection

HOSTS = ["shop.test", "www.shop.test", "SHOP.test", "api.test"]
PATHS = ["/", "/cart", "/cart/7", "/carts", "/api/v1/users", "/thanks"]
USERS = ["u1", "u2", "u3", "u4", "u5", "u6", "u7"]
METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD"]


def draw_value(rng, name, values):
    """One condition; name is None for host, path and method."""
    value = rng.choice(values)
    kinds = ["exact", "prefix", "regex"] + (["present"] if name else [])
    kind = rng.choice(kinds)
    entry = {"name": name} if name else {}
    if kind == "present":
        entry["present"] = True
    elif kind == "regex":
        entry["regex"] = rng.choice([f"^{value[:3]}", f"{value[-2:]}$", "[0-9]+", "a|e"])
    else:
        entry[kind] = value[: rng.randint(1, len(value))] if kind == "prefix" else value
    if rng.random() < 0.25:
        entry["not"] = True
    return entry


def draw_match(rng):
    match = {}
    if rng.random() < 0.3:
        match["host"] = draw_value(rng, None, HOSTS)
    if rng.random() < 0.4:
        match["path"] = draw_value(rng, None, PATHS)
    if rng.random() < 0.2:
        match["method"] = draw_value(rng, None, METHODS)
    if rng.random() < 0.3:
        match["headers"] = [draw_value(rng, "X-User", USERS)]
    if rng.random() < 0.3:
        match["cookies"] = [draw_value(rng, "beta", ["1", "0", "on"])]
    if rng.random() < 0.3 or not match:
        match["query"] = [draw_value(rng, "lang", ["de", "en", "fr"])]
    return match


def draw_sticky(rng, keys):
    by = rng.choice([None, "cookie", "cookie", "header:X-User", "cookie:session", "client_ip"])
    if by is None:
        return None
    sticky = {"by": by, "seed": f"s{rng.randint(0, 3)}"}
    if rng.random() < 0.4:
        sticky["scope"] = "endpoint"
        sticky["on_missing"] = rng.choice(["spill", "fail"])
    if by == "cookie":
        if rng.random() < 0.6:
            sticky["key_file"] = keys
            sticky["affinity"] = rng.choice(["user", "session"])
        sticky["name"] = f"tn{rng.randint(0, 1)}"
    return sticky


def draw_rule(rng, name, names, keys, is_last):
    weights = {v: rng.choice([0, 1, 3, 10, 90]) for v in rng.sample(names, rng.randint(1, len(names)))}
    weights[rng.choice(list(weights))] = 5
    entry = {"name": name, "weights": weights, "on_unhealthy": rng.choice(["fail", "failover"])}
    if sum(w > 0 for w in weights.values()) > 1 or rng.random() < 0.3:
        entry["stable"] = rng.choice(list(weights))
    if not is_last:
        entry["match"] = [draw_match(rng) for _ in range(rng.randint(1, 3))]
    sticky = draw_sticky(rng, keys)
    if sticky:
        entry["sticky"] = sticky
    others = [v for v in names if rng.random() < 0.3]
    if others:
        entry["mirror"] = [{"to": v, "percent": rng.choice([30, 100]), "methods": ["GET", "POST"],
                            "sample": "key" if sticky and rng.random() < 0.5 else "request"} for v in others]
    return entry


def draw_request(rng, jar):
    path = rng.choice(PATHS) + rng.choice(["", "?lang=de", "?lang=en&x=1", "?lang=de&lang=en", "?lang"])
    headers = [("Host", rng.choice(HOSTS))]
    for _ in range(rng.choice([0, 1, 1, 1, 2])):
        headers.append((rng.choice(["X-User", "x-user", "X_User"]), rng.choice(USERS)))
    cookies = []
    if rng.random() < 0.4:
        cookies.append(f"beta={rng.choice(['1', '0', 'on'])}")
    if rng.random() < 0.4:
        cookies.append(f"session={rng.choice(USERS)}")
    for name in ("tn0", "tn1"):
        if rng.random() < 0.6 and jar.get(name):
            cookies.append(f"{name}={rng.choice(jar[name])}")
        elif rng.random() < 0.1:
            cookies.append(f"{name}=forged")
    return rng.choice(METHODS), path, headers, cookies, f"127.0.0.{rng.randint(1, 9)}"


def ask(proxy, request):
    method, path, headers, cookies, client = request
    query = [("method", method), ("path", path), ("client", client)]
    query += [("header", f"{n}: {v}") for n, v in headers] + [("cookie", c) for c in cookies]
    return proxy.api("/v1/explain?" + urllib.parse.urlencode(query))


def send(proxy, request, number):
    """The answer; remembers nothing."""
    method, path, headers, cookies, client = request
    lines = [f"{method} {path} HTTP/1.1", f"X-Request-Id: r{number}"] + [f"{n}: {v}" for n, v in headers]
    if cookies:
        lines.append("Cookie: " + "; ".join(cookies))
    if method in ("POST", "PUT"):
        lines.append("Content-Length: 0")
    with Connection(proxy.address, source=(client, 0)) as connection:
        connection.send(("\r\n".join(lines) + "\r\n\r\n").encode())
        return connection.read(method)


def keep_cookies(rng, jar, answer):
    for field in answer.all("set-cookie"):
        name, _, value = field.split(";")[0].partition("=")
        jar.setdefault(name, []).append(value)
        jar[name] = jar[name][-6:]


def difference(said, line):
    """None, or what explain and the log disagree about."""
    places = [f"{said['version']}/{e['index']}" for e in said["endpoints"]]
    pairs = {
        "rule": (said["rule"], line["rule"]), "version": (said["version"], line.get("version")),
        "reason": (said["reason"], line["reason"]), "revision": (said["revision"], line["revision"]),
        "slot": (said["slot"], line.get("slot")),
        "status": (said["status"], 503 if line["end"] == "no_endpoint" else None),
    }
    if said["reason"] != "newcomer" and not (said["reason"] == "failover" and said["key"] is None):
        pairs["key"] = (said["key"], line.get("key"))
    wrong = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    if line.get("endpoint") and line["endpoint"] not in places:
        wrong["endpoint"] = (places, line["endpoint"])
    if said["endpoint"] and line.get("endpoint") != f"{said['version']}/{said['endpoint']['index']}":
        wrong["the endpoint"] = (said["endpoint"], line.get("endpoint"))
    return wrong or None


def draw_modes(rng, proxy):
    """Now and then a version or an endpoint is cut or draining (for longer than this takes)."""
    for place in rng.sample(["blue", "green", "grey", "blue/0", "green/1", "grey/0"], rng.choice([0, 0, 1, 2])):
        if rng.random() < 0.5:
            proxy.verb("cut", place)
        else:
            proxy.verb("drain", place, "--timeout", "600s")


def own_lines(proxy):
    return [line for line in proxy.access_log() if not line.get("mirror")]


def check_mirrors(proxy, rules, said):
    """Every copy that was said is in the log, and no other; but for those whose id was not drawn."""
    by_key = {(r["name"], m["to"]) for r in rules for m in r.get("mirror", ()) if m["sample"] == "key"}

    def copies(answer):
        open_ones = {to for name, to in by_key if name == answer["rule"]} if answer["key"] is None else set()
        return set(answer["mirrors"]) - open_ones, open_ones

    def wrong():
        met = {}
        for line in proxy.access_log():
            if line.get("mirror"):
                met.setdefault(line["request_id"], set()).add(line["version"])
        return [(number, answer["mirrors"], met.get(number)) for number, answer in said.items()
                if met.get(number, set()) - copies(answer)[1] != copies(answer)[0]]
    eventually(lambda: wrong() == [], timeout=15)


@pytest.mark.long
def test_explain_is_what_happens(start_recorder, start_proxy, tmp_path, is_long):
    keys = tmp_path / "cookie.keys"
    keys.write_text("a-key-of-at-least-thirty-two-characters-0123456789\n")
    keys.chmod(0o600)
    up = [start_recorder() for _ in range(6)]
    gone = [start_recorder() for _ in range(3)]
    for recorder in gone:
        recorder.close()
    #           blue: one of three is down; green: all up; red: nobody; grey: one alone, by hash
    places = {"blue": [up[0], gone[0], up[1]], "green": [up[2], up[3]], "red": gone[1:], "grey": [up[4], up[5]]}
    balances = {"blue": "round_robin", "green": "least_requests", "red": "round_robin", "grey": "hash"}
    versions = {v: {"endpoints": [r.address for r in rs], "balance": balances[v], "health": health()}
                for v, rs in places.items()}
    seen, reasons = 0, set()
    for seed in range(40 if is_long else 6):
        rng = random.Random(seed)
        count = rng.randint(1, 5)
        rules = [draw_rule(rng, f"r{i}", list(places), str(keys), i == count - 1) for i in range(count)]
        proxy = start_proxy({"versions": versions, "rules": rules, "threads": 2})
        draw_modes(rng, proxy)
        jar, said = {}, {}
        requests = 120 if is_long else 60
        for number in range(requests):
            request = draw_request(rng, jar)
            said[f"r{number}"] = ask(proxy, request)
            keep_cookies(rng, jar, send(proxy, request, number))
        for line in eventually(lambda: lines if len(lines := own_lines(proxy)) == requests else None):
            wrong = difference(said[line["request_id"]], line)
            assert wrong is None, (seed, wrong, line, said[line["request_id"]], json.dumps(rules))
            seen += 1
            reasons.add(line["reason"])
        check_mirrors(proxy, rules, said)
    assert seen >= 360
    assert reasons >= {"only", "slot", "newcomer", "key", "failover", "unavailable"}, reasons


def test_explain_says_what_a_loop_decides_by_itself(start_fleet, start_proxy):
    from line import config, rule
    fleet = start_fleet(blue=3)
    proxy = start_proxy(config(fleet, rule({"blue": 1})))
    said = proxy.api("/v1/explain")
    assert said["endpoint"] is None and [e["index"] for e in said["endpoints"]] == [0, 1, 2]
    assert "one of 3 endpoints" in proxy.verb("explain")
    fleet["blue"][0].kill()
    fleet["blue"][2].kill()
    eventually(lambda: proxy.metrics().sum("turnout_endpoint_up", version="blue") == 1)
    said = proxy.api("/v1/explain")
    assert said["endpoint"]["index"] == 1 and len(said["endpoints"]) == 1
    assert "endpoint blue/0 is down" in said["steps"] and "endpoint blue/2 is down" in said["steps"]
