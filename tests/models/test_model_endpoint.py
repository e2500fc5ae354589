"""An endpoint by its address: rows in order, and whatever it does wrong is a row's error and never a crash or a score."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

import small
from precepts.errors import InputError
from precepts.judges import Item, LlmJudge
from precepts.models import Sampling, model_name, open_model
from precepts.models.endpoint import EndpointModel
from precepts.policy import load_policy
from precepts.testing import check_model
from precepts.types import Case, Completion, Message


class Handler(BaseHTTPRequestHandler):
    seen: ClassVar[list[dict[str, Any]]] = []
    keys: ClassVar[list[str | None]] = []
    failures = 0

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Handler.seen.append(body)
        Handler.keys.append(self.headers.get("Authorization"))
        asked = body["messages"][-1]["content"]
        if "slow" in asked:
            time.sleep(1.0)
        if "busy" in asked and Handler.failures < 1:
            Handler.failures += 1
            self.send_error(503)
            return
        if "forbidden" in asked:
            self.send_error(401)
            return
        data = b"<html>not json" if "garbage" in asked else json.dumps(self.answer(asked)).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(data)

    def answer(self, asked: str) -> dict[str, Any]:
        stop = "content_filter" if "filtered" in asked else "stop"
        text = '{"verdict": "keeps", "score": 1}' if "DATA-" in asked else f"you said {asked[:40]}"
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if "think" in asked:
            message["reasoning_content"] = "let me </think> see"
        return {"choices": [{"message": message, "finish_reason": stop}], "usage": {"completion_tokens": 4}}

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Handler.seen, Handler.keys, Handler.failures = [], [], 0
    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{found.server_port}/v1#small"
    found.shutdown()
    found.server_close()


def ask(model: Any, *texts: str) -> list[Any]:
    return model.generate([(Message(role="user", content=text),) for text in texts], sampling=Sampling(max_tokens=8))


def test_a_reference_is_enough_and_rows_keep_their_order(server: str) -> None:
    model = open_model(server)
    assert model_name(f" {server} ") == server == model.name
    made = ask(model, *(f"number {n}" for n in range(30)))
    assert [m.text for m in made] == [f"you said number {n}" for n in range(30)]
    assert {m.stop_reason for m in made} == {"stop"}
    assert Handler.seen[0]["model"] == "small"
    check_model(model)


def test_what_goes_wrong_is_the_rows_error(server: str) -> None:
    model = EndpointModel(server, timeout_s=0.5, pause_s=0.01)
    made = ask(model, "fine", "garbage", "slow", "forbidden", "filtered", "busy")
    assert [m.stop_reason for m in made] == ["stop", "error", "error", "error", "error", "stop"]
    assert "not a chat completion" in made[1].error
    assert "HTTP 401" in made[3].error
    assert "content_filter" in made[4].error
    assert sum("slow" in str(body["messages"]) for body in Handler.seen) == 3
    assert sum("forbidden" in str(body["messages"]) for body in Handler.seen) == 1


def test_an_endpoint_that_is_down_leaves_every_row_unscored(tmp_path: Any) -> None:
    policy = load_policy(small.write_policy(tmp_path))
    judge = LlmJudge(EndpointModel("http://127.0.0.1:9/v1#gone", pause_s=0.0, timeout_s=0.5), policy)
    case = Case.model_validate({"id": "a", "prompt": "Hello", "category": "plants"})
    said = judge.judge([Item(case, Completion(key="k", case_id="a", model="m", text="Hi", answer="Hi"))])
    assert said[0].score is None
    assert said[0].error


def test_a_judge_behind_an_endpoint_judges(server: str, tmp_path: Any) -> None:
    policy = load_policy(small.write_policy(tmp_path))
    case = Case.model_validate({"id": "a", "prompt": "Hello", "category": "plants"})
    said = LlmJudge(open_model(server), policy).judge(
        [Item(case, Completion(key="k", case_id="a", model="m", text="Hi", answer="Hi"))]
    )
    assert said[0].score == 1.0


def test_reasoning_stands_apart_and_cannot_close_itself(server: str) -> None:
    [made] = ask(open_model(server), "think")
    assert made.text.startswith("<think>\nlet me </ think> see\n</think>\nyou said")


def test_the_key_is_sent_and_stands_in_no_name(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECEPTS_API_KEY", "abc")
    ask(open_model(server), "hello")
    assert Handler.keys == ["Bearer abc"]
    with pytest.raises(InputError, match="does not stand in its address"):
        open_model("http://me:abc@127.0.0.1/v1#small")


@pytest.mark.parametrize("ref", ["http://127.0.0.1/v1", "http://#small"])
def test_an_address_without_a_model_is_told(ref: str) -> None:
    with pytest.raises(InputError, match="HOST:PORT"):
        open_model(ref)


def test_a_begun_answer_is_refused(server: str) -> None:
    with pytest.raises(InputError, match="begun answer"):
        open_model(server).generate([(Message(role="user", content="a"),)], sampling=Sampling(), prefills=["b"])
