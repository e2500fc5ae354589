"""The engine against transformers itself, on a tiny random model in float32."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from conversations import turns

from precepts.models import Sampling, open_model
from precepts.models.openers import REFUSALS
from precepts.testing import check_model

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

BRIEF = "please answer with one word or name some colours; the plan is kept and nobody asked what it costs."
ASKED = (
    "Name a colour.",
    "Why?",
    "What grows by the sea, and what does a garden cost?",
    "Is the plan kept?",
    "I'm able",
)
SHARED = [turns(("system", BRIEF), ("user", text)) for text in ASKED]
APART = [turns(("user", text)) for text in ASKED]
BOTH = pytest.mark.parametrize("asked", [SHARED, APART], ids=["shared prefix", "no prefix"])
NUM_NEW = 24


@pytest.fixture(scope="module")
def engine(tiny_path: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRECEPTS_DTYPE", "float32")
        return open_model(str(tiny_path))


@pytest.fixture(autouse=True)
def _restore(engine: Any) -> Any:
    eos, opening = list(engine.eos_ids), engine.opening
    yield
    engine.eos_ids, engine.opening = eos, opening


def ids_of(engine: Any, conversation: Any, head: str = "") -> Any:
    return torch.tensor(
        [engine.tokenizer(engine.prompt_text(conversation) + head, add_special_tokens=False)["input_ids"]]
    )


def reference(engine: Any, conversation: Any, *, head: str = "", num_new: int = NUM_NEW) -> list[int]:
    """What transformers writes for one row, greedily, the ending token included."""
    prompt_1T = ids_of(engine, conversation, head)
    out = engine.model.generate(
        prompt_1T, attention_mask=torch.ones_like(prompt_1T), do_sample=False, max_new_tokens=num_new,
        eos_token_id=engine.eos_ids, pad_token_id=engine.eos_ids[0],
    )  # fmt: skip
    return out[0, prompt_1T.shape[1] :].tolist()


def texts(engine: Any, conversations: Sequence[Any], **kwargs: Any) -> list[str]:
    sampling = kwargs.pop("sampling", Sampling(max_tokens=NUM_NEW))
    return [g.text for g in engine.generate(conversations, sampling=sampling, **kwargs)]


def decode(engine: Any, ids: list[int]) -> str:
    return engine.tokenizer.decode([i for i in ids if i not in engine.eos_ids], skip_special_tokens=True)


@BOTH
def test_batched_greedy_generation_is_that_of_each_row_alone(engine: Any, asked: Any):
    expected = [reference(engine, c) for c in asked]
    made = engine.generate(asked, sampling=Sampling(max_tokens=NUM_NEW))
    assert [g.text for g in made] == [decode(engine, ids) for ids in expected]
    assert {g.stop_reason for g in made} == {"length"}
    assert len({g.text for g in made}) > 2, "rows must differ for the comparison to mean anything"


@BOTH
def test_a_row_that_ends_early_changes_no_other(engine: Any, asked: Any):
    before = [reference(engine, c) for c in asked]
    early = next(
        token for token in before[0][2:10] if sum(token in ids for ids in before) < len(asked) and token in before[0]
    )
    engine.eos_ids = sorted([*engine.eos_ids, early])
    expected = [reference(engine, c) for c in asked]
    made = engine.generate(asked, sampling=Sampling(max_tokens=NUM_NEW))
    assert [g.text for g in made] == [decode(engine, ids) for ids in expected]
    assert [g.stop_reason for g in made] == ["stop" if ids[-1] in engine.eos_ids else "length" for ids in expected]
    assert [g.num_tokens for g in made] == [sum(i not in engine.eos_ids for i in ids) for ids in expected]
    assert {g.stop_reason for g in made} == {"stop", "length"}


def test_a_prefill_is_gone_on_with(engine: Any):
    heads = ["<think>\nverdict:", "I", "", "Sorry, the plan", "No,"]
    expected = [head + decode(engine, reference(engine, c, head=head)) for c, head in zip(SHARED, heads, strict=True)]
    assert texts(engine, SHARED, prefills=heads) == expected


def test_the_kept_prefix_changes_nothing(engine: Any):
    first = texts(engine, SHARED)
    texts(engine, APART)
    assert texts(engine, SHARED) == first
    assert texts(engine, SHARED[::-1])[::-1] == first


def forward(engine: Any, ids: list[int]) -> Any:
    with torch.inference_mode():
        return engine.model(torch.tensor([ids])).logits[0].double().log_softmax(-1)


def test_log_probs_are_those_of_a_plain_forward(engine: Any):
    said = ["The plan is kept.", "No,", "a", "Sorry, what grows?", ""]
    expected = []
    for conversation, continuation in zip(SHARED, said, strict=True):
        head = ids_of(engine, conversation)[0].tolist()
        tail = engine.tokenizer(continuation, add_special_tokens=False)["input_ids"]
        log_TV = forward(engine, head + tail)
        picked = [float(log_TV[len(head) + k - 1, token]) for k, token in enumerate(tail)]
        expected.append(sum(picked) / len(picked) if picked else -math.inf)
    assert engine.log_probs(SHARED, said) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("head", ["", "<think>\nverdict: refuse\n</think>\n"])
def test_openers_are_the_sum_over_every_opener(engine: Any, head: str):
    listed = {tuple(engine.tokenizer(text, add_special_tokens=False)["input_ids"]) for text in REFUSALS}
    apart = [a for a in listed if not any(a != b and a[: len(b)] == b for b in listed)]
    assert 1 < len(apart) <= len(listed)
    expected = []
    for conversation in APART:
        prompt = ids_of(engine, conversation, head)[0].tolist()
        total = 0.0
        for opener in apart:
            log_TV = forward(engine, prompt + list(opener))
            total += math.exp(sum(float(log_TV[len(prompt) + k - 1, token]) for k, token in enumerate(opener)))
        total = min(max(total, 1e-9), 1 - 1e-9)
        expected.append(math.log(total) - math.log1p(-total))
    prefills = [head] * len(APART) if head else None
    assert engine.openers(APART, prefills=prefills) == pytest.approx(expected, abs=1e-3)
    assert max(expected) > math.log(1e-6), "an opener must be possible for the comparison to mean anything"


@BOTH
def test_a_drawn_text_depends_on_its_seed_alone(engine: Any, asked: Any):
    sampling, seeds = Sampling(max_tokens=12, temperature=0.8, top_p=0.9), [5, 6, 7, 8, 9]
    together = texts(engine, asked, sampling=sampling, seeds=seeds)
    alone = [texts(engine, [c], sampling=sampling, seeds=[s])[0] for c, s in zip(asked, seeds, strict=True)]
    assert together == alone
    assert texts(engine, asked[::-1], sampling=sampling, seeds=seeds[::-1]) == together[::-1]
    assert texts(engine, asked, sampling=sampling, seeds=[s + 50 for s in seeds]) != together


def test_top_p_keeps_the_likeliest_tokens_only(engine: Any):
    greedy = texts(engine, SHARED)
    assert texts(engine, SHARED, sampling=Sampling(NUM_NEW, temperature=1.0, top_p=1e-6), seeds=range(5)) == greedy


def penalised(engine: Any, conversation: Any, penalty: float) -> list[int]:
    """Greedy, a token's logit lowered for each time it was written: one row, the whole text run again at every step."""
    prompt, written = ids_of(engine, conversation)[0].tolist(), []
    while len(written) < NUM_NEW and not (written and written[-1] in engine.eos_ids):
        logits_V = forward(engine, prompt + written)[-1].clone()
        for token in written:
            logits_V[token] -= penalty
        written.append(int(logits_V.argmax()))
    return written


@BOTH
def test_a_frequency_penalty_counts_what_each_answer_holds(engine: Any, asked: Any):
    expected = [decode(engine, penalised(engine, c, 0.8)) for c in asked]
    assert texts(engine, asked, sampling=Sampling(NUM_NEW, frequency_penalty=0.8)) == expected
    assert expected != texts(engine, asked)


@BOTH
def test_the_penalty_stays_with_its_row_when_others_have_ended(engine: Any, asked: Any):
    engine.eos_ids = [*engine.eos_ids, penalised(engine, asked[0], 0.8)[2]]  # the first row ends early now
    rows = [penalised(engine, c, 0.8) for c in asked]
    assert len({len(row) for row in rows}) > 1
    expected = [decode(engine, row) for row in rows]
    assert texts(engine, asked, sampling=Sampling(NUM_NEW, frequency_penalty=0.8)) == expected


def an_opening(engine: Any, asked: Any) -> tuple[str, int]:
    """What some rows, and not all, write first; and its number of tokens."""
    tokens = [reference(engine, c) for c in asked]
    for ids in tokens:
        for length in (3, 2, 1):
            head = engine.tokenizer.decode(ids[:length])
            num_alike = sum(other[:length] == ids[:length] for other in tokens)
            joined = ids_of(engine, asked[0], head)[0].tolist()
            apart = ids_of(engine, asked[0])[0].tolist() + ids[:length]
            if joined == apart and engine.ids_of(head) == ids[:length] and num_alike < len(asked):
                return head, length
    raise AssertionError("no row writes an opening that can be told by its text")


@BOTH
def test_the_opening_stands_before_every_answer(engine: Any, asked: Any):
    opening, _ = an_opening(engine, asked)
    forced = texts(engine, asked, prefills=[opening] * len(asked))
    engine.opening = opening
    made = engine.generate(asked, sampling=Sampling(max_tokens=NUM_NEW))
    assert [g.text for g in made] == forced
    assert all(g.decision is not None for g in made)
    assert texts(engine, asked, prefills=[""] * len(asked)) != forced, "a prefill of one's own goes before the opening"


def test_decisions_are_the_log_odds_after_the_opening(engine: Any):
    opening, _ = an_opening(engine, APART)
    engine.opening = opening
    made = engine.generate(APART, sampling=Sampling(max_tokens=4))
    forced = engine.decisions(APART)
    for conversation, result, (refuse, comply, _) in zip(APART, made, forced, strict=True):
        log_V = forward(engine, ids_of(engine, conversation, opening)[0].tolist())[-1]
        wanted = [float(log_V[engine.verdict_ids[v]]) for v in ("refuse", "comply")]
        assert [refuse, comply] == pytest.approx(wanted, abs=1e-4)
        assert result.decision == pytest.approx(wanted[0] - wanted[1], abs=1e-4)


def test_hidden_states_are_those_of_the_layer(engine: Any):
    words = ["The plan is kept.", "What grows by the sea?"]
    states = engine.hidden_states(words, layer=1)
    for row, text in zip(states, words, strict=True):
        ids = engine.tokenizer(text, add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            all_layers = engine.model.model(torch.tensor([ids]), output_hidden_states=True).hidden_states
        state_TD = all_layers[1][0]
        assert torch.allclose(row, torch.cat([state_TD[-1], state_TD.mean(0)]), atol=1e-5)


def test_the_engine_keeps_the_promises_of_a_model(engine: Any):
    check_model(engine)


@pytest.mark.slow
def test_the_embedded_model_answers_and_is_repeatable():
    from precepts.errors import MissingError

    try:
        model = open_model("precepts/smollm2-135m")
    except MissingError as error:
        pytest.skip(str(error))
    check_model(model)
    asked = [turns(("user", "What is the capital of France?")), turns(("user", "What is the capital of Italy?"))]
    made = model.generate(asked, sampling=Sampling(max_tokens=24))
    assert ["Paris" in made[0].text, "Rome" in made[1].text] == [True, True]


def test_a_prompt_longer_than_the_model_reads_is_a_row_with_an_error(engine: Any):
    long = turns(("user", "grow " * (2 * engine.max_length)))
    found = engine.generate([SHARED[0], long, SHARED[1]], sampling=Sampling(max_tokens=4))
    assert [row.stop_reason == "error" for row in found] == [False, True, False]
    assert f"reads at most {engine.max_length}" in (found[1].error or "")
    assert [row.text for row in engine.generate(SHARED[:2], sampling=Sampling(max_tokens=4))] == [
        found[0].text,
        found[2].text,
    ]
