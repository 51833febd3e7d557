"""turnout(1), of the same tables as --help."""
from roff import bold, escape, example, finish, guard, title

ENVIRONMENT = [
    ("TURNOUT_ADMIN", "Where the running proxy is, unless --admin says so: unix:PATH, or a path with a / in it."),
    ("NO_COLOR", "Set to anything: no colour. There is none either when the output is not a terminal."),
]
FILES = [
    ("./turnout.sock, /run/turnout/turnout.sock",
     "Where the running proxy is looked for, in this order, when neither --admin nor TURNOUT_ADMIN is given."),
    ("./turnout.yaml, /etc/turnout/turnout.yaml",
     "The configuration file of serve and check, in this order, unless -c names another."),
]


def commands_of(told):
    """Every command that takes options, in the order of --help."""
    for section in told["sections"]:
        for verb in section["verbs"]:
            yield from leaves(verb["command"])


def leaves(command):
    for sub in command.get("subcommands", []):
        yield from leaves(sub["command"])
    if "subcommands" not in command:
        yield command


def is_shared(option, told):
    """Options of most verbs are told once, in a section of their own."""
    having = [c for c in commands_of(told) if any(o == option for o in c["options"])]
    return len(having) > 3


def about(text):
    """Paragraphs are filled; a block of indented lines stays as it is."""
    lines = []
    for block in text.split("\n\n"):
        rows = block.split("\n")
        prose = [row for row in rows if not row.startswith("  ")]
        kept = [row for row in rows if row.startswith("  ")]
        lines.append("")
        lines += [guard(escape(row)) for row in prose]
        if kept:
            lines += example([row[2:] for row in kept])
    return lines


def option_tag(option):
    names = ([f"-{option['letter']}"] if option.get("letter") else []) + [f"--{option['name']}"]
    text = ", ".join(bold(name) for name in names)
    return text + (f" \\fI{escape(option['value'])}\\fR" if option.get("value") else "")


def option_list(options):
    lines = []
    for option in options:
        lines += [".TP", option_tag(option), guard(escape(option["help"].replace("\n", " ")))]
    return lines


def command_section(command, told):
    name = command["command"].split(" ", 1)[1]
    usages = [line.strip() for line in command["usage"].split("\n")]
    lines = [f".SS {escape(name)}"]
    for index, usage in enumerate(usages):
        lines += [".br"] if index else []
        lines.append(bold(command["command"]) + " " + escape(usage.removeprefix(command["command"]).strip()))
    lines += about(command["about"])
    own = [option for option in command["options"] if not is_shared(option, told)]
    shared = [option for option in command["options"] if is_shared(option, told)]
    lines += option_list(own)
    if shared:
        lines += ["", "Also: " + ", ".join("\\%" + option_tag(option) for option in shared) + "."]
    lines += ["", "Examples:"] + example([row[2:] if row.startswith("  ") else row
                                          for row in command["examples"].split("\n")])
    return lines


def group_section(command):
    name = command["command"].split(" ", 1)[1]
    lines = [f".SS {escape(name)}", bold(command["command"]) + " " + escape(command["usage"])]
    lines += about(command["about"])
    for sub in command["subcommands"]:
        lines += [".TP", bold(sub["name"]), guard(escape(sub["summary"]))]
    return lines


def verb_sections(command, told):
    if "subcommands" not in command:
        return command_section(command, told)
    lines = group_section(command)
    for sub in command["subcommands"]:
        lines += verb_sections(sub["command"], told)
    return lines


def overview(told):
    lines = []
    for section in told["sections"]:
        lines += ["", escape(section["title"]) + ":"]
        for verb in section["verbs"]:
            lines += [".TP 12", bold(verb["name"]), guard(escape(verb["summary"]))]
    return lines


def shared_options(told):
    seen = []
    for command in commands_of(told):
        seen += [o for o in command["options"] if o not in seen and is_shared(o, told)]
    return option_list(seen + [{"name": "help", "letter": "h", "help": "The help of a verb, with examples."}])


def write(told, date):
    lines = title("TURNOUT", 1, date, told["version"])
    lines += [".SH NAME", "turnout \\- moves traffic between two versions of a stateful HTTP service", ".SH SYNOPSIS",
              bold("turnout") + " \\fIVERB\\fR [\\fIOPTIONS\\fR]", ".br", bold("turnout help") + " [\\fIVERB\\fR]", ".br",
              bold("turnout --version"), ".SH DESCRIPTION",
              "Turnout runs two versions of a service side by side and decides for every request which one answers.",
              bold("turnout serve") + " is the proxy; the other verbs talk to a proxy that runs."]
    lines += overview(told)
    lines += [".SH OPTIONS OF MANY VERBS", "Which verb takes which is said below, by verb."] + shared_options(told)
    lines.append(".SH VERBS")
    for section in told["sections"]:
        for verb in section["verbs"]:
            lines += verb_sections(verb["command"], told)
    lines.append(".SH EXIT STATUS")
    for row in told["exits"]:
        lines += [".TP", bold(str(row["code"])), escape(row["text"])]
    for heading, rows in (("ENVIRONMENT", ENVIRONMENT), ("FILES", FILES)):
        lines.append(f".SH {heading}")
        for name, text in rows:
            lines += [".TP", bold(name), guard(escape(text))]
    lines += [".SH SEE ALSO", "\\fBturnout.yaml\\fR(5)"]
    return finish(lines)
