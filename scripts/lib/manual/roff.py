"""Text as roff of the man macros, as groff and mandoc both read it."""
import re
import textwrap

INLINE = re.compile(r"(`+)(.+?)\1|\*\*(.+?)\*\*|\[([^\]]+)\]\([^)]+\)")


def escape(text):
    """Characters that roff would take for its own. Hyphens stay what people can copy: '-'."""
    return (text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
            .replace("^", "\\(ha").replace("~", "\\(ti"))


def guard(line):
    """A line that begins with a control character is text all the same."""
    return "\\&" + line if line.startswith((".", "'")) else line


def bold(text):
    return f"\\fB{escape(text)}\\fR"


def inline(markdown):
    """`code` and **bold** become bold, links their text."""
    parts, at = [], 0
    for match in INLINE.finditer(markdown):
        parts.append(escape(markdown[at:match.start()]))
        code, strong, link = match.group(2), match.group(3), match.group(4)
        parts.append(inline(link) if link else bold((code or strong).replace("\\|", "|")))
        at = match.end()
    return "".join(parts) + escape(markdown[at:])


def example(lines):
    """Lines as they are, indented."""
    return ["", ".RS 4", ".EX", *(guard(escape(line)) if line else "\\&" for line in lines), ".EE", ".RE"]


def title(name, section, date, version):
    return [f'.TH {name} {section} "{date}" "Turnout {version}"']


def finish(lines):
    """Blank lines stand for a new paragraph; roff has a word for it, and none is needed after a heading."""
    out = []
    for line in lines:
        if line != "":
            out.append(line)
        elif out and not out[-1].startswith((".SH", ".SS", ".PP", ".TP", ".TH")):
            out.append(".PP")
    result, kept = [], False
    for index, line in enumerate(out):
        following = out[index + 1] if index + 1 < len(out) else ".SH"
        if line == ".PP" and following.startswith((".SH", ".SS", ".TP", ".IP", ".PP")):
            continue
        kept = {".EX": True, ".EE": False}.get(line, kept)
        result += [line] if kept or line.startswith(".") else wrap(line)
    return "\n".join(result) + "\n"


def wrap(line):
    """Source lines of at most 80 characters, as both formatters like them."""
    rows = textwrap.wrap(line, 79, break_on_hyphens=False, break_long_words=False)
    return rows[:1] + [guard(row) for row in rows[1:]]
