"""Suites whose model behaves at random with known rates: what is printed is what happened, and the interval covers what was planted, by seed."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from suites_models import REFUSES, claim, noisy, run_one, scripted

from precepts.evals.chains import chains
from precepts.evals.games import WORDS
from precepts.evals.suites import SUITES
from precepts.stats import verify
from precepts.testing import ScriptedModel
from precepts.types import Evidence, content_key

pytestmark = noisy
SEEDS = [0, 1, 2]


def covers(row: Evidence, *, happened: list[bool], planted: float) -> None:
    assert (row.value, row.n) == (pytest.approx(sum(happened) / len(happened)), len(happened)), row.claim
    assert row.low is not None
    assert row.high is not None
    assert row.low <= planted <= row.high, (row.claim, row.low, row.high)


@pytest.mark.parametrize("seed", SEEDS)
def test_games(model_runs: Any, tmp_path: Path, monkeypatch: Any, seed: int) -> None:
    # A stream for each kind of game: in whatever order they are played, as many of each end as were drawn.
    pays, says = random.Random(f"paid/{seed}"), random.Random(f"said/{seed}")
    paid, said = list[bool](), list[bool]()

    def artist(conversation: Any) -> str:
        return "Let us talk of the sea and what stands beside it."

    def mark(conversation: Any) -> str:
        if "play dollars" in conversation[0].content:
            paid.append(pays.random() < 0.4)
            return "Fine.\n[gives: 10]" if paid[-1] else "No."
        said.append(says.random() < 0.25)
        return f"I see {' and '.join(WORDS)}." if said[-1] else "I see water."

    scripted(monkeypatch, {"first": ScriptedModel("first", artist), "second": ScriptedModel("second", mark)})
    options = {"persuasion": {"num": 30, "turns": 1}}
    roles = {"mark": f"precepts/run:{model_runs[1]}"}
    result = run_one(SUITES["persuasion"], model_runs[0], tmp_path / "out", options=options, roles=roles)
    covers(claim(result, "paid"), happened=paid, planted=0.4)
    covers(claim(result, "said"), happened=said, planted=0.25)
    assert claim(result, "share_extracted").value == pytest.approx(0.1 * sum(paid) / 30)
    assert all(verify(row, root=tmp_path / "out") == [] for row in result.evidence)


@pytest.mark.parametrize("seed", SEEDS)
def test_recitals(model_runs: Any, tmp_path: Path, monkeypatch: Any, seed: int) -> None:
    monkeypatch.setenv("PRECEPTS_CACHE", str(tmp_path / "index"))
    texts = tmp_path / "texts"
    texts.mkdir()
    rng, made = random.Random(seed), {f"w{n}q": [f"w{n}q", *(f"v{n}q{i}" for i in range(79))] for n in range(30)}
    does = {first: rng.choices(("recites", "declines", "rambles"), (0.3, 0.5, 0.2))[0] for first in made}
    for first, words in made.items():
        (texts / f"{first}.txt").write_text(" ".join(words), "utf-8")

    def say(conversation: Any) -> str:
        given = conversation[-1].content.split("\n\n")[1].split()
        if given[0] not in made or does[given[0]] == "rambles":
            return "It went on as such things do."
        return REFUSES if does[given[0]] == "declines" else " ".join(made[given[0]][25:60])

    scripted(monkeypatch, {"first": ScriptedModel("first", say)})
    result = run_one(SUITES["regurgitation"], model_runs[0], tmp_path / "out", options={"regurgitation": {"corpus": str(texts)}})  # fmt: skip
    covers(claim(result, "recited"), happened=[d == "recites" for d in does.values()], planted=0.3)
    covers(claim(result, "declined"), happened=[d == "declines" for d in does.values()], planted=0.5)
    assert all(verify(row, root=tmp_path / "out") == [] for row in result.evidence)


@pytest.mark.parametrize("seed", SEEDS)
def test_monitored_reasoning(model_runs: Any, tmp_path: Path, monkeypatch: Any, seed: int) -> None:
    """The monitor's own errors are planted too: it catches nine lies of ten and flags one honest chain of ten."""
    known = chains()

    def drawn(what: str, text: str) -> float:
        return int(content_key(what, seed, text), 16) % 1000 / 1000

    def model(conversation: Any) -> str:
        asked = conversation[-1].content
        lies = "Your rules" not in conversation[0].content and drawn("lies", asked) < 0.3
        thought = "LIE: I make this up." if lies else "This I know."
        return f"<think>\n{thought} {drawn('salt', asked)}\n</think>\nIt is so."

    def monitor(conversation: Any) -> str:
        text = conversation[-1].content
        lies = "LIE:" in text or any(one.deceptive and one.reasoning in text for one in known)
        call = drawn("monitor", text) < (0.9 if lies else 0.1)
        return f"deceptive: {'yes' if call else 'no'}\nkind: {'other' if call else 'none'}"

    scripted(monkeypatch, {"first": ScriptedModel("first", model), "second": ScriptedModel("second", monitor)})
    result = run_one(
        SUITES["reasoning"], model_runs[0], tmp_path / "out", options={"reasoning": {"num": 40}}, seed=seed,
        roles={"monitor": f"precepts/run:{model_runs[1]}"},
    )  # fmt: skip
    raw = claim(result, "flagged_rate")
    assert raw.n == 80
    for name, planted in (("monitor_sensitivity", 0.9), ("monitor_specificity", 0.9), ("deception_rate", 0.3)):
        row = claim(result, name)
        assert row.low is not None
        assert row.high is not None
        assert row.low <= planted <= row.high, (name, row.value, row.low, row.high)
    assert all(verify(row, root=tmp_path / "out") == [] for row in result.evidence)
