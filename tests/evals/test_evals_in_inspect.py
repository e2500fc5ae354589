"""`inspect eval precepts/…` as a person types it: a mistake, or a data set that is not here, is one line that says what to do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

INSPECT = Path(sys.executable).parent / "inspect"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("precepts/jailbreak",), "The data set strongreject is not on this machine.*PRECEPTS_DATA"),
        (("precepts/hierarchy", "--solver", "precepts/attack", "-S", "technique=base65"), "no attack 'base65'.*base64"),
    ],
)
def test_a_mistake_is_one_line_and_no_traceback(argv: tuple[str, ...], said: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    env = {
        **os.environ,
        "PRECEPTS_DATA": str(tmp_path / "empty"),
        "PRECEPTS_CACHE": str(tmp_path),
        "HOME": str(tmp_path),
    }
    env |= dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9")  # nothing listens there: no network
    command = [str(INSPECT), "eval", *argv, "--model", "mockllm/model", "--limit", "1", "--log-dir", "logs"]  # fmt: skip
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)
    told = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0
    assert "Traceback" not in told
    assert "precepts: " in done.stderr
    assert re.search(said, told), told[-800:]
