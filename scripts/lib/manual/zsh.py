"""Completion for zsh."""
import values

HEAD = r'''#compdef turnout
# zsh completion of turnout; generated from the tables of `turnout --help`.

# Names that the running proxy knows; none when there is none. Options of compadd come before the kind.
_turnout_names() {
    local -a names where
    local kind=$argv[-1]
    argv[-1]=()
    local at=${words[(I)--admin]}
    (( at )) && where=(--admin ${(Q)words[at + 1]})
    [[ -n ${words[(r)--admin=*]} ]] && where=(--admin ${${(Q)words[(r)--admin=*]}#--admin=})
    names=(${(f)"$(_call_program names turnout --complete $kind $where 2>/dev/null)"})
    compadd "$@" -a names
}

_turnout_pairs() {
    compset -P '*,'
    if compset -P '*='; then
        compadd -- "$@"
    else
        _turnout_names -S '=' versions
    fi
}

_turnout_admin() {
    compset -P 'unix:'
    _files
}

'''
TAIL = r'''
if [[ $funcstack[1] == _turnout ]]; then
    _turnout "$@"
else
    compdef _turnout turnout
fi
'''


def text(words):
    """Inside of single quotes and of [] in a specification."""
    return (words.replace("\n", " ").replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")
            .replace("'", "'\\''"))


def action(kind):
    if not kind:
        return " "
    if kind[0] == "choice":
        return "(" + " ".join(word.replace(":", "\\:") for word in kind[1:]) + ")"
    if kind[0] == "names":
        return f"_turnout_names {kind[1]}"
    if kind[0] == "pairs":
        return " _turnout_pairs" + "".join(f" {word}" for word in kind[1:])
    return {"file": "_files", "admin": "_turnout_admin"}[kind[0]]


def option_spec(option, usage):
    kind = values.of_option(option, usage)
    names = ([f"-{option['letter']}"] if option.get("letter") else []) + [f"--{option['name']}"]
    help_text = text(option["help"])
    value = "" if kind is None else f":{text(option.get('value', ''))}:{action(kind)}"
    equals = "" if kind is None else "="
    before = "*" if option["kind"] == "list" else f"({' '.join(names)})"
    return [f"'{before}{name}{equals if name.startswith('--') else ('+' if equals else '')}[{help_text}]{value}'"
            for name in names]


def function(path):
    return "_turnout_" + path.replace(" ", "_").replace("-", "_") + "_verb"


def leaf(path, command):
    specs = [spec for option in command["options"] for spec in option_spec(option, command["usage"])]
    specs.append("'(- *)'{-h,--help}'[this text]'")
    if command.get("words_max", 0) > 0 and values.of_words(command):
        many = "*" if command["words_max"] > 1 else "1"
        specs.append(f"'{many}:word:{action(values.of_words(command))}'")
    return "\n".join([f"{function(path)}() {{", "    _arguments -s -S \\"]
                     + [f"        {spec} \\" for spec in specs[:-1]] + [f"        {specs[-1]}", "}", ""])


def group(path, subcommands):
    rows = [f"        '{sub['name']}:{text(sub['summary'])}'" for sub in subcommands]
    cases = [f"        {sub['name']}) {function((path + ' ' + sub['name']).strip())} ;;"
             for sub in subcommands if "command" in sub]
    name = function(path) if path else "_turnout"
    return "\n".join([f"{name}() {{", "    local state line context", "    local -a commands=(", *rows, "    )",
                      "    _arguments -C '(- *)'{-h,--help}'[this text]' '1: :->command' '*:: :->rest'",
                      "    case $state in", "    command) _describe -t commands command commands ;;", "    rest)",
                      "        case $words[1] in", *cases, "        esac", "        ;;", "    esac", "}", ""])


def write(told):
    verbs = [verb for section in told["sections"] for verb in section["verbs"]]
    parts = [group("", verbs + [{"name": "help", "summary": "this text, or that of a verb"}])]
    for path, command in values.walk(told):
        parts.append(group(path, command["subcommands"]) if "subcommands" in command else leaf(path, command))
    return HEAD + "\n".join(parts) + TAIL
