"""A model behind an address is measured as any other; what cannot be read forward is asked in words."""

from __future__ import annotations

import gc
import json
import re
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from suites_models import REFUSES, claim, noisy

from precepts.evals.bbq import bbq_items
from precepts.evals.run import Settings, inspect_reference, run_suites
from precepts.evals.suites import SUITES

pytestmark = noisy


class Endpoint(BaseHTTPRequestHandler):
    """Refuses, and of choices takes the first."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))["messages"][-1]["content"]
        choices = re.findall(r"^- (.+)$", asked, re.MULTILINE)
        said = choices[0] if choices else REFUSES
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}
        body = json.dumps({"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 9}}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def rows_of(out: Path, suite: str) -> list[dict[str, Any]]:
    [table] = out.glob(f"{suite}/*/scores.jsonl")
    return [json.loads(line) for line in table.read_text("utf-8").splitlines()]


@pytest.fixture
def endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[str]:
    monkeypatch.setenv("INSPECT_CACHE_DIR", str(tmp_path / "cache"))
    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1#small"
        server.shutdown()
    gc.collect()


def test_an_endpoint_is_measured_and_asked_in_words(endpoint: str, tmp_path: Path) -> None:
    assert inspect_reference(endpoint) == f"precepts/{endpoint}" == inspect_reference(f"precepts/{endpoint}")
    settings = Settings(limit=20)
    refusal, bias = run_suites(
        [SUITES["refusal"], SUITES["bias"]], model=endpoint, out=tmp_path / "out", settings=settings
    )
    assert claim(refusal, "refusal_rate").value == 1.0
    assert claim(refusal, "not_overrefuse").value == 0.0
    assert refusal.evidence[0].model == endpoint
    chosen = [
        next(i for i in bbq_items() if i.id == row["case_id"]).label == 0 for row in rows_of(tmp_path / "out", "bias")
    ]
    right = [claim(bias, f"{name}_accuracy") for name in ("ambiguous", "unambiguous")]
    assert sum((row.value or 0) * row.n for row in right) == sum(chosen)
    assert [row.n_unscored for row in right] == [0, 0]
