"""Where things are: the tree, and the build whose binaries are used."""
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def build_folder():
    """TURNOUT_BUILD, or build/dev."""
    return Path(os.environ.get("TURNOUT_BUILD", ROOT / "build" / "dev")).resolve()


def binary(name):
    """The path of a built program; says how to build it when it is not there."""
    path = build_folder() / "bin" / name
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not built: cmake --preset dev && ninja -C build/dev")
    return path
