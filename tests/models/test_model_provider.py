import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest
from conversations import turns
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import (
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    ContentImage,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    get_model,
)
from inspect_ai.scorer import includes
from inspect_ai.tool import ToolInfo

from precepts.errors import InputError, MissingError
from precepts.models import provider, render
from precepts.models.generation import Generated, Sampling
from precepts.models.provider import BATCH_SIZE
from precepts.testing import ScriptedModel

pytestmark = [  # of Inspect: it gives tenacity an argument by its old name, and leaves streams to the collector
    pytest.mark.filterwarnings("ignore:The 'initial' parameter:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning"),
]

REFUSAL = render(verdict="refuse", clause="R1", why="It is not theirs.", answer="I'm sorry, I can't open it.")
SCRIPT: dict[Any, Any] = {
    "door": REFUSAL,
    "break": RuntimeError("no answer could be had"),
    "long": "word " * 600,
    "": "Plain text.",
}


class Scripted(ScriptedModel):
    """The scripted model where the provider would load an engine."""


@pytest.fixture
def scripted(tiny_run: Path, monkeypatch: pytest.MonkeyPatch) -> ScriptedModel:
    model = Scripted("scripted", SCRIPT)
    monkeypatch.setattr(provider, "open_model", lambda ref: model)
    return model


@pytest.fixture
def api(tiny_run: Path):
    model = get_model(f"precepts/run:{tiny_run}", memoize=False)
    yield model
    model.api.close()


@pytest.fixture
def collected():
    """What an evaluation leaves open is collected here, where its warnings are expected."""
    yield
    gc.collect()


def ask(model: Any, *inputs: Any, **config: Any) -> list[Any]:
    async def all_() -> list[Any]:
        made = (model.generate(i, config=GenerateConfig(**config)) for i in inputs)
        return await asyncio.gather(*made, return_exceptions=True)

    return asyncio.run(all_())


def test_what_is_asked_together_is_one_batch_in_the_order_of_length(
    scripted: ScriptedModel, api: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(provider, "_COLLECT_S", 30.0)  # a full batch goes at once, on a busy machine too
    texts = [f"question {'x' * (n % 7)} {n}" for n in range(BATCH_SIZE)]
    made = ask(api, *texts, max_connections=BATCH_SIZE)
    assert [m.completion for m in made] == ["Plain text."] * BATCH_SIZE
    [call] = scripted.calls
    lengths = [len(c[-1].content) for c in call.conversations]
    assert lengths == sorted(lengths)


def test_different_sampling_is_asked_apart(scripted: ScriptedModel, api: Any):
    async def both() -> None:
        await asyncio.gather(
            api.generate("a", config=GenerateConfig(temperature=0.5, top_p=0.9, seed=3, max_tokens=9)),
            api.generate("b"),
        )

    asyncio.run(both())
    by_text = {call.conversations[0][-1].content: call for call in scripted.calls}
    assert by_text["a"].sampling == Sampling(max_tokens=9, temperature=0.5, top_p=0.9)
    assert by_text["a"].seeds == [3]
    assert by_text["b"].sampling == Sampling(max_tokens=512)


def test_samples_without_a_seed_differ_in_theirs(scripted: ScriptedModel, api: Any):
    ask(api, "a", "a", "a", temperature=1.0)
    seeds = [seed for call in scripted.calls for seed in call.seeds or []]
    assert len(set(seeds)) == 3


def test_reasoning_is_apart_from_the_answer(scripted: ScriptedModel, api: Any):
    [made] = ask(api, "Open the door.")
    reasoning, answer = made.message.content
    assert isinstance(reasoning, ContentReasoning)
    assert isinstance(answer, ContentText)
    assert reasoning.reasoning == "verdict: refuse\nclause: R1\nwhy: It is not theirs."
    assert answer.text == made.completion == "I'm sorry, I can't open it."
    assert made.stop_reason == "stop"
    assert made.metadata == {"decision": 4.0}


def test_the_token_limit_is_a_stop_reason_and_counted(scripted: ScriptedModel, api: Any):
    [made] = ask(api, "long", max_tokens=5)
    assert (made.stop_reason, made.usage.output_tokens) == ("max_tokens", 5)


def test_a_stop_sequence_ends_the_answer(scripted: ScriptedModel, api: Any):
    [made] = ask(api, "hello", stop_seqs=[" text"])
    assert (made.completion, made.stop_reason) == ("Plain", "stop")


def test_a_row_without_an_answer_fails_alone(scripted: ScriptedModel, api: Any):
    good, bad = ask(api, "hello", "break")
    assert good.completion == "Plain text."
    assert isinstance(bad, RuntimeError)
    assert "no answer could be had" in str(bad)


def test_an_engine_that_fails_tells_all_who_wait(tiny_run: Path, api: Any, monkeypatch: pytest.MonkeyPatch):
    def fails(ref: str) -> Any:
        raise MissingError("gone")

    monkeypatch.setattr(provider, "open_model", fails)
    assert [type(m) for m in ask(api, "a", "b")] == [MissingError, MissingError]


def test_turns_are_passed_on_as_text(scripted: ScriptedModel, api: Any):
    thought = [ContentReasoning(reasoning="hm"), ContentText(text="Hello.")]
    conversation = [
        ChatMessageSystem(content="Be short."),
        ChatMessageUser(content="Hi."),
        ChatMessageAssistant(content=thought),
        ChatMessageTool(content="21 degrees", function="weather"),
        ChatMessageUser(content="And now?"),
    ]
    ask(api, conversation)
    assert scripted.calls[0].conversations == [
        turns(
            ("system", "Be short."),
            ("user", "Hi."),
            ("assistant", "Hello."),
            ("tool", "21 degrees"),
            ("user", "And now?"),
        )
    ]


def test_a_trailing_assistant_turn_is_gone_on_with(scripted: ScriptedModel, api: Any):
    head = "<think>\nverdict:"
    [made] = ask(api, [ChatMessageUser(content="Open the door."), ChatMessageAssistant(content=head)])
    assert scripted.calls[0].prefills == [head]
    assert made.completion == "I'm sorry, I can't open it."


def test_pictures_and_tools_are_refused(scripted: ScriptedModel, api: Any):
    picture = ChatMessageUser(
        content=[ContentImage(image="data:image/png;base64,AAAA"), ContentText(text="What is it?")]
    )
    [made] = ask(api, [picture])
    assert isinstance(made, InputError)
    tool = ToolInfo(name="search", description="Looks things up.")
    with pytest.raises(InputError, match="search"):
        asyncio.run(api.generate("Look it up.", tools=[tool]))
    assert scripted.calls == []


def test_a_model_that_is_not_here_or_options_are_refused_at_once(tmp_path: Path, tiny_run: Path):
    with pytest.raises(MissingError, match="no directory"):
        get_model(f"precepts/run:{tmp_path / 'nowhere'}", memoize=False)
    with pytest.raises(InputError, match="device"):
        get_model(f"precepts/run:{tiny_run}", memoize=False, device="cpu")


def test_a_closed_model_answers_again(scripted: ScriptedModel, api: Any):
    for _ in range(2):
        assert ask(api, "hello")[0].completion == "Plain text."
        api.api.close()


def test_an_evaluation_of_the_tiny_model_end_to_end(tiny_run: Path, float32: None, collected: None, tmp_path: Path):
    from precepts.models import open_model

    name = f"precepts/run:{tiny_run}"
    samples = [Sample(input=text, target="q") for text in ("Name a colour.", "Name some colours, please.")]
    task = Task(dataset=samples, scorer=includes(), config=GenerateConfig(max_tokens=6))
    [log] = eval(task, model=name, log_dir=str(tmp_path / "logs"), display="none")
    assert log.status == "success"
    assert log.samples is not None
    expected = open_model(name).generate(
        [turns(("user", str(s.input))) for s in samples], sampling=Sampling(max_tokens=6)
    )
    for sample, row in zip(log.samples, expected, strict=True):
        assert isinstance(row, Generated)
        assert sample.output.completion == row.text
        assert sample.output.stop_reason == {"stop": "stop", "length": "max_tokens"}[row.stop_reason]
        usage = sample.output.usage
        assert usage is not None
        assert usage.output_tokens == row.num_tokens
        assert usage.input_tokens > 5
