"""Completion for bash. Needs nothing but bash: no package of helpers."""
import itertools
import shlex

import values

HEAD = r'''# bash completion of turnout; generated from the tables of `turnout --help`.
# Installed, or by hand: source turnout.bash

# The words up to the cursor as a person sees them: bash splits them at '=' and ':' as well.
_turnout_split() {
    local rest=${COMP_LINE:0:COMP_POINT} word index
    _turnout_line=()
    for ((index = 0; index <= COMP_CWORD; index++)); do
        word=${COMP_WORDS[index]}
        if [[ $index -eq 0 || $rest == [[:space:]]* ]]; then
            rest=${rest#"${rest%%[![:space:]]*}"}
            _turnout_line+=("")
        fi
        [[ ${#word} -le ${#rest} ]] || word=$rest
        _turnout_line[-1]+=$word
        rest=${rest:${#word}}
    done
}

# Names that the running proxy knows; none when there is none.
_turnout_names() {
    local -a where=()
    [[ -z $_turnout_admin ]] || where=(--admin "$_turnout_admin")
    "$_turnout_program" --complete "$1" "${where[@]}" 2>/dev/null
}

# _turnout_offer PREFIX WORD...: those that begin with what is typed; PREFIX stays in front of them.
_turnout_offer() {
    local prefix=$1 word
    shift
    for word; do
        [[ $prefix$word != "$_turnout_current"* ]] || COMPREPLY+=("$prefix$word")
    done
}

# _turnout_value PREFIX KIND [WORD...]: values of an option, or words of a verb.
_turnout_value() {
    local prefix=$1 typed=${_turnout_current#"$1"} kind=$2 list word
    local -a names=()
    shift 2
    case $kind in
    choice)
        _turnout_offer "$prefix" "$@"
        [[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *: ]] || compopt -o nospace 2>/dev/null
        ;;
    names)
        mapfile -t names < <(_turnout_names "$1")
        _turnout_offer "$prefix" "${names[@]}"
        ;;
    pairs)
        list=
        [[ $typed != *,* ]] || list=${typed%,*},
        word=${typed#"$list"}
        if [[ $word == *=* ]]; then
            _turnout_offer "$prefix$list${word%%=*}=" "$@"
        else
            mapfile -t names < <(_turnout_names versions)
            _turnout_offer "$prefix$list" "${names[@]/%/=}"
            compopt -o nospace 2>/dev/null
        fi
        ;;
    file)
        mapfile -t names < <(compgen -f -- "$typed")
        COMPREPLY+=("${names[@]/#/$prefix}")
        compopt -o filenames 2>/dev/null
        ;;
    admin)
        case $typed in unix:*) list=unix: ;; *) list= ;; esac
        mapfile -t names < <(compgen -f -- "${typed#"$list"}")
        COMPREPLY+=("${names[@]/#/$prefix$list}")
        [[ -n $list ]] || _turnout_offer "$prefix" unix:
        compopt -o nospace 2>/dev/null
        ;;
    esac
}

'''

TAIL = r'''
_turnout() {
    local -a _turnout_line=() _turnout_found=()
    local _turnout_program=$1 _turnout_current _turnout_admin= path= word option= index cut
    COMPREPLY=()
    _turnout_split
    _turnout_current=${_turnout_line[-1]}
    for ((index = 1; index < ${#_turnout_line[@]} - 1; index++)); do
        word=${_turnout_line[index]}
        option=
        case $word in
        --*=*) [[ $word != --admin=* ]] || _turnout_admin=${word#*=} ;;
        -*)
            _turnout_kind "$path" "$word"
            [[ ${_turnout_found[0]:-flag} != flag ]] || continue
            # The last word but one: its value is what is being typed.
            option=$word
            ((index + 1 < ${#_turnout_line[@]} - 1)) || break
            ((++index))
            [[ $option != --admin ]] || _turnout_admin=${_turnout_line[index]}
            option=
            ;;
        *) [[ " $(_turnout_subcommands "$path") " != *" $word "* ]] || path="${path:+$path }$word" ;;
        esac
    done
    if [[ -n $option ]]; then
        _turnout_value "" "${_turnout_found[@]}"
    elif [[ $_turnout_current == --*=* ]]; then
        _turnout_kind "$path" "${_turnout_current%%=*}"
        _turnout_value "${_turnout_current%%=*}=" "${_turnout_found[@]}"
    elif [[ $_turnout_current == -* ]]; then
        _turnout_offer "" $(_turnout_options "$path") --help
    elif [[ -n $(_turnout_subcommands "$path") ]]; then
        _turnout_offer "" $(_turnout_subcommands "$path")
    else
        _turnout_kind "$path" ""
        _turnout_value "" "${_turnout_found[@]}"
    fi
    # bash replaces only what follows the last of the characters at which it splits.
    cut=${_turnout_current%"${COMP_WORDS[COMP_CWORD]}"}
    case ${COMP_WORDS[COMP_CWORD]} in = | :) cut=$_turnout_current ;; esac
    COMPREPLY=("${COMPREPLY[@]#"$cut"}")
}

complete -F _turnout turnout
'''


def quote(words):
    return " ".join(shlex.quote(word) for word in words)


def case_of(name, comment, rows, field="$1", before=()):
    lines = [f"# {comment}", f"{name}() {{", *before, f'    case "{field}" in']
    # One line for neighbours that do the same.
    for action, same in itertools.groupby(rows, key=lambda row: row[1]):
        lines.append(f"    {' | '.join(shlex.quote(pattern) for pattern, _ in same)}) {action} ;;")
    return "\n".join(lines + ["    esac", "}", ""])


def write(told):
    commands = list(values.walk(told))
    verbs = [verb["name"] for section in told["sections"] for verb in section["verbs"]]
    subcommands = [("", f"echo {quote(verbs + ['help'])}"), ("help", f"echo {quote(verbs)}")]
    options = [("", "echo --version")]
    kinds = []
    for path, command in commands:
        if "subcommands" in command:
            subcommands.append((path, f"echo {quote(sub['name'] for sub in command['subcommands'])}"))
            continue
        options.append((path, f"echo {quote('--' + option['name'] for option in command['options'])}"))
        for option in command["options"]:
            kind = values.of_option(option, command["usage"])
            names = [f"--{option['name']}"] + ([f"-{option['letter']}"] if option.get("letter") else [])
            found = f"_turnout_found=({quote(['flag'] if kind is None else kind or ['text'])})"
            kinds += [(f"{path} {name}", found) for name in names]
        words = values.of_words(command)
        if words:
            kinds.append((f"{path} ", f"_turnout_found=({quote(words)})"))
    return (HEAD + case_of("_turnout_subcommands", "What may follow this path of verbs.", subcommands)
            + "\n" + case_of("_turnout_options", "Options of a verb.", options)
            + "\n" + case_of("_turnout_kind", "What an option's value, or without an option a verb's word, may be.",
                             kinds, "$1 $2", ["    _turnout_found=()"])
            + TAIL)
