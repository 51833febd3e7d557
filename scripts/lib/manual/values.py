"""What a value may be, told by the word that stands for it in the help.

A kind is a list of words: ["names", "versions"], ["pairs"] (VERSION=..., comma separated), ["file"],
["admin"], ["choice", "table", "json"], or [] for what nobody can guess (a reason, a number).
"""
import re

METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]
BY_NAME = {
    "FILE": ["file"], "ADDR": ["admin"], "RULE": ["names", "rules"], "METHOD": ["choice", *METHODS],
    "KEY": ["choice", "client_ip", "header:", "cookie:"],
}
REVISIONS = ("if-revision", "to-revision")
CHOICE = re.compile(r"^[a-z_:]+(\|[a-z_:]+)+$")


def kind_of(word):
    """Of a word of the help: VERSION, V[/ENDPOINT], VERSION=WEIGHT, table|json, FILE."""
    word = word.strip("[]").removesuffix(",...").removesuffix("...")
    if CHOICE.match(word):
        return ["choice", *word.split("|")]
    if re.match(r"(VERSION|V)=", word):
        return ["pairs", "off"] if "off" in word.split("=", 1)[1].lower().split("|") else ["pairs"]
    if re.match(r"(VERSION|V)\[?/", word):
        return ["names", "targets"]
    if word in ("VERSION", "V"):
        return ["names", "versions"]
    return BY_NAME.get(word, [])


def of_option(option, usage):
    if option["kind"] == "flag":
        return None
    names = [f"--{option['name']}"] + ([f"-{option['letter']}"] if option.get("letter") else [])
    for name in names:
        match = re.search(rf"(?:^|[\s\[]){re.escape(name)} ([a-z_:]+(?:\|[a-z_:]+)+)", usage)
        if match:
            return ["choice", *match.group(1).split("|")]
    if option["name"] in REVISIONS:
        return ["names", "revision"]
    return kind_of(option.get("value", ""))


def of_words(command):
    """Of what follows the options: the first word of the usage that is not one."""
    if command.get("words_max", 0) == 0:
        return []
    for word in command["usage"].split("\n")[0].split():
        if word.startswith(("-", "[-")):
            break
        if word not in ("[options]",):
            return kind_of(word)
    return kind_of(command.get("words_name", ""))


def walk(told):
    """(path, command) of every command and group: "route", "route canary"."""
    def inner(path, command):
        yield path, command
        for sub in command.get("subcommands", []):
            yield from inner(f"{path} {sub['name']}", sub["command"])
    for section in told["sections"]:
        for verb in section["verbs"]:
            yield from inner(verb["name"], verb["command"])
