"""turnout.yaml(5), of docs/reference/configuration.md: headings, paragraphs, tables, lists and code."""
import re

from roff import bold, escape, example, finish, guard, inline, title

CELL = re.compile(r"(?<!\\)\|")
WITHOUT_DEFAULT = ("", "must be there", "see below")


def cells(line):
    return [cell.strip() for cell in CELL.split(line.strip().strip("|"))]


def label(name, cell):
    return f"{escape(name.capitalize())}: {inline(cell)}."


def described(head, row):
    """The cells after the first, as sentences: what it means comes first."""
    last = row[-1] if head[-1] in ("meaning", "notes") else ""
    rest = list(zip(head, row))[1:-1 if last or head[-1] in ("meaning", "notes") else None]
    parts = [inline(last) + ("" if last.endswith((".", "?")) else ".")] if last else []
    for name, cell in rest:
        if name == "default" and cell in WITHOUT_DEFAULT:
            parts += ["Must be there."] if cell == "must be there" else []
        elif cell:
            parts.append(label(name, cell))
    return " ".join(parts) or "See below."


def table(rows, above):
    """The first column is what a reader looks up; the others are told below it."""
    head = cells(rows[0])
    owner = re.match(r"key of `(\w+)`", head[0])
    lines = [f".SS {owner.group(1)}"] if owner and owner.group(1) != above else []
    for row in (cells(line) for line in rows[2:]):
        lines += [".TP", inline(row[0]), guard(described(head, row))]
    return lines


def heading(line):
    level, text = line.split(" ", 1)
    plain = text.replace("`", "")
    return [f".SH {escape(plain.upper())}"] if len(level) == 2 else [f".SS {escape(plain)}"]


def blocks(markdown):
    """(kind, lines) of the page, without its title."""
    lines = markdown.split("\n")
    at = 0
    while at < len(lines):
        line = lines[at]
        start = at
        if line.startswith("```"):
            at += 1
            while not lines[at].startswith("```"):
                at += 1
            yield "code", lines[start + 1:at]
            at += 1
        elif line.startswith("|"):
            while at < len(lines) and lines[at].startswith("|"):
                at += 1
            yield "table", lines[start:at]
        elif line.startswith("#"):
            at += 1
            if not line.startswith("# "):
                yield "heading", [line]
        elif line.startswith(("* ", "- ")):
            at += 1
            while at < len(lines) and lines[at].startswith("  "):
                at += 1
            yield "item", [" ".join([line[2:]] + [more.strip() for more in lines[start + 1:at]])]
        elif line.strip():
            while at < len(lines) and lines[at].strip() and not lines[at].startswith(("|", "#", "```", "* ")):
                at += 1
            yield "text", lines[start:at]
        else:
            at += 1


def body(markdown):
    lines, above = [], ""
    for kind, rows in blocks(markdown):
        if kind == "code":
            lines += example(rows)
        elif kind == "table":
            lines += table(rows, above)
        elif kind == "heading":
            lines += heading(rows[0])
            above = rows[0].split(" ", 1)[1].lower()
        elif kind == "item":
            lines += [".IP \\(bu 2", guard(inline(rows[0]))]
        else:
            lines += ["", guard(inline(" ".join(rows)))]
    return lines


def write(markdown, version, date):
    lines = title("TURNOUT.YAML", 5, date, version)
    lines += [".SH NAME", "turnout.yaml \\- configuration of the turnout proxy", ".SH SYNOPSIS",
              bold("turnout serve -c turnout.yaml"), ".br", bold("turnout check -c turnout.yaml"), ".SH DESCRIPTION"]
    lines += body(markdown)
    lines += [".SH SEE ALSO", "\\fBturnout\\fR(1)"]
    return finish(lines)
