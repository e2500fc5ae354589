import asyncio
import threading
import time
from typing import Any

import pytest
import tenacity
from conversations import turns
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    modelapi,
)

from precepts.errors import InputError
from precepts.models import Sampling, model_path, parse
from precepts.models.remote import NUM_RETRIES, InspectModel
from precepts.testing import check_model

GREEDY = Sampling(max_tokens=16)
seen: list[tuple[list[ChatMessage], GenerateConfig]] = []
in_flight: list[int] = [0, 0]


class Overloaded(Exception):
    """What the provider says when it is to be asked again."""


def thinking(*thoughts: str) -> list[Any]:
    return [*(ContentReasoning(reasoning=t) for t in thoughts), ContentText(text="Yes.")]


@modelapi(name="precepts-double")
class Double(ModelAPI):
    """Does what the last user turn says."""

    async def generate(
        self, input: list[ChatMessage], tools: Any, tool_choice: Any, config: GenerateConfig
    ) -> ModelOutput:
        seen.append((list(input), config))
        in_flight[0] += 1
        in_flight[1] = max(in_flight)
        await asyncio.sleep(0.01)
        in_flight[0] -= 1
        asked = next(m.text for m in reversed(input) if m.role == "user")
        content: Any = f"You said: {asked}"
        stop, error = "stop", None
        match asked:
            case "overloaded":
                raise Overloaded("come back later")
            case "twice overloaded" if sum(m[-1].text == asked for m, _ in seen) < 3:
                raise Overloaded("come back later")
            case "break":
                raise RuntimeError("line one\nline two")
            case "nothing":
                return ModelOutput(model="m", choices=[], error="moderated")
            case "filter":
                content, stop = "", "content_filter"
            case "long":
                stop = "max_tokens"
            case "think":
                content = thinking("verdict: comply\nclause: R1\nwhy: fine")
            case "think twice":
                content = thinking("a </think> b", "c")
            case "hide":
                content = [ContentReasoning(reasoning="c2VjcmV0", redacted=True), ContentText(text="Yes.")]
            case _:
                pass
        message = ChatMessageAssistant(content=content)
        choice = ChatCompletionChoice(message=message, stop_reason=stop)  # pyright: ignore
        return ModelOutput(model="m", choices=[choice], usage=ModelUsage(output_tokens=5), error=error)

    def should_retry(self, ex: Exception) -> bool:
        return isinstance(ex, Overloaded)

    def retry_wait(self) -> Any:
        return tenacity.wait_none()


@pytest.fixture(autouse=True)
def _forget():
    seen.clear()
    in_flight[:] = [0, 0]


def ask(*texts: str, **kwargs: Any):
    options = {"connections": kwargs.pop("connections", 10), "prefills": kwargs.pop("can", None)}
    model = InspectModel("precepts-double/m", **options)
    return model.generate([turns(("user", t)) for t in texts], sampling=kwargs.pop("sampling", GREEDY), **kwargs)


def test_answers_come_in_order():
    texts = [f"number {n}" for n in range(25)]
    made = ask(*texts)
    assert [m.text for m in made] == [f"You said: {t}" for t in texts]
    assert {(m.stop_reason, m.num_tokens, m.error) for m in made} == {("stop", 5, None)}


def test_no_more_requests_than_connections_are_in_flight():
    ask(*(f"number {n}" for n in range(12)), connections=3)
    assert in_flight[1] == 3


def test_the_provider_of_an_extension_is_a_form():
    assert model_path("precepts-double/m") is None


def test_the_promises_of_a_model_are_kept():
    check_model(InspectModel("precepts-double/m", prefills=True))
    check_model(InspectModel("precepts-double/m"))


@pytest.mark.parametrize(
    ("asked", "stop", "says"),
    [
        ("long", "length", None),
        ("filter", "error", "content_filter"),
        ("nothing", "error", "moderated"),
        ("break", "error", "RuntimeError: line one line two"),
        ("overloaded", "error", f"Overloaded: come back later (given up after {NUM_RETRIES + 1} attempts)"),
    ],
)
def test_every_end_is_a_row(asked: str, stop: str, says: str | None):
    good, bad = ask("hello", asked)
    assert good.stop_reason == "stop"
    assert bad.stop_reason == stop
    assert (bad.error is None) if says is None else (says in str(bad.error))


def test_a_request_is_tried_again_where_the_provider_says_so():
    [made] = ask("twice overloaded")
    assert (made.text, made.stop_reason) == ("You said: twice overloaded", "stop")
    assert len(seen) == 3


def test_reasoning_is_put_back_so_that_it_parses():
    [made] = ask("think")
    parsed = parse(made.text)
    assert (parsed.valid, parsed.verdict, parsed.clause, parsed.answer) == (True, "comply", "R1", "Yes.")


def test_reasoning_cannot_end_itself():
    [made] = ask("think twice")
    assert parse(made.text).answer == "Yes."


def test_hidden_reasoning_is_no_reasoning():
    [made] = ask("hide")
    assert made.text == "Yes."


def test_sampling_and_seeds_are_passed_on():
    ask("a", "b", sampling=Sampling(max_tokens=7, temperature=0.5, top_p=0.9), seeds=[3, 4])
    assert {(c.max_tokens, c.temperature, c.top_p, c.seed) for _, c in seen} == {(7, 0.5, 0.9, 3), (7, 0.5, 0.9, 4)}
    seen.clear()
    ask("a")
    [(_, config)] = seen
    assert (config.max_tokens, config.temperature, config.top_p, config.seed) == (16, 0, None, None)


def test_roles_are_passed_on():
    model = InspectModel("precepts-double/m")
    model.generate(
        [turns(("developer", "d"), ("user", "u"), ("assistant", "a"), ("tool", "t"), ("user", "last"))], sampling=GREEDY
    )
    [(sent, _)] = seen
    assert [m.role for m in sent] == ["system", "user", "assistant", "user", "user"]
    assert sent[3].text.endswith("t")


def test_a_prefill_is_the_last_turn_and_part_of_the_text():
    [made] = ask("x", prefills=["<think>\nverdict:\n"], can=True)
    [(sent, _)] = seen
    assert (sent[-1].role, sent[-1].text) == ("assistant", "<think>\nverdict:")
    assert made.text == "<think>\nverdict:\nYou said: x"


def test_a_prefill_is_refused_where_the_provider_cannot_go_on():
    with pytest.raises(InputError, match="begun answer"):
        ask("x", prefills=["Sure"])


def test_it_works_under_a_running_loop_and_from_threads():
    async def inside() -> list[str]:
        return [m.text for m in ask("x")]

    assert asyncio.run(inside()) == ["You said: x"]
    model = InspectModel("precepts-double/m")
    texts: list[str] = []

    def work() -> None:
        texts.extend(m.text for m in model.generate([turns(("user", "y"))], sampling=GREEDY))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == ["You said: y"] * 4


def test_one_client_serves_many_calls():
    model = InspectModel("precepts-double/m")
    start = time.monotonic()
    for _ in range(3):
        assert model.generate([turns(("user", "z"))], sampling=GREEDY)[0].text == "You said: z"
    assert time.monotonic() - start < 30
