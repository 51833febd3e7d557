"""dict -> YAML, as much of it as a configuration needs: maps, lists, short lists on one line."""
import json
import re

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*$")
WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n", "~"}


def scalar(value):
    if isinstance(value, str):
        is_plain = PLAIN.match(value) and value.lower() not in WORDS
        return value if is_plain else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


def flow(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(v) for v in value) + "]"
    return scalar(value)


def to_yaml(value, indent=0):
    """Block style outside, flow style for what fits on a line of 100."""
    pad = "  " * indent
    if isinstance(value, dict):
        lines = []
        for key, item in value.items():
            line = f"{pad}{scalar(key)}: {flow(item)}"
            is_block = isinstance(item, (dict, list)) and item and (len(line) > 100 or indent == 0)
            if is_block and not (isinstance(item, list) and not isinstance(item[0], dict)):
                lines += [f"{pad}{scalar(key)}:", to_yaml(item, indent + 1)]
            else:
                lines.append(line)
        return "\n".join(lines)
    lines = []
    for item in value:
        text = to_yaml(item, indent + 1).lstrip() if isinstance(item, dict) else flow(item)
        lines.append(f"{pad}- {text}")
    return "\n".join(lines)
