"""Man pages and completion, made of what the program says about itself.

    python3 scripts/lib/manual DESCRIPTION PAGE OUT

DESCRIPTION is the output of `turnout --describe`, PAGE is docs/reference/configuration.md. Writes
turnout.1, turnout.yaml.5, turnout.bash and _turnout into the folder OUT. Run by the build.
"""
import datetime
import json
import os
import sys
from pathlib import Path

import bash
import page
import verbs
import zsh


def date_of(path):
    """The day that the pages carry: that of the release when it is known, else that of the source."""
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH") or Path(path).stat().st_mtime)
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%d")


def main(description, source, out):
    told = json.loads(Path(description).read_text())
    date = date_of(source)
    files = {
        "turnout.1": verbs.write(told, date),
        "turnout.yaml.5": page.write(Path(source).read_text(), told["version"], date),
        "turnout.bash": bash.write(told),
        "_turnout": zsh.write(told),
    }
    for name, text in files.items():
        (Path(out) / name).write_text(text)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
