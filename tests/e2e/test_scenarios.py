"""The dialogues of tests/varnishtest/, each against a proxy of its own, several at a time."""
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.places import ROOT, binary
from support.ports import free_port

FOLDER = ROOT / "tests" / "varnishtest"
SCENARIOS = sorted(FOLDER.glob("*.vtc"), key=lambda path: path.name)
AT_A_TIME = 8  # they wait more than they work


def run(path):
    listen, spare = (f"127.0.0.1:{free_port()}" for _ in range(2))
    return subprocess.run(
        ["varnishtest", "-t", "60", f"-Dserve={FOLDER / 'serve'}", f"-Dlisten={listen}", f"-Dspare={spare}", path],
        env={**os.environ, "TURNOUT_BIN": str(binary("turnout").parent)}, text=True, errors="replace",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.fixture(scope="module")
def outcomes(request):
    """Path -> its outcome under way, of all that were selected."""
    wanted = [item.callspec.params["path"] for item in request.session.items
              if item.module is request.module and hasattr(item, "callspec")]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        yield {path: pool.submit(run, path) for path in wanted}


@pytest.mark.skipif(not shutil.which("varnishtest"), reason="no varnishtest: scripts/setup --tests")
@pytest.mark.parametrize("path", SCENARIOS, ids=[path.stem for path in SCENARIOS])
def test_scenario(path, outcomes):
    done = outcomes[path].result()
    assert done.returncode == 0, done.stdout[-6000:]


@pytest.mark.parametrize("path", SCENARIOS, ids=[path.stem for path in SCENARIOS])
def test_scenario_tells_its_story_first(path):
    text = path.read_text()
    assert text.startswith("# 1. "), "a numbered script in plain English comes first"
    assert text.count('\nvarnishtest "') == 1
