"""A scripted model behind the provider, for suites end to end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from precepts.evals.run import Result, Settings, run_suites
from precepts.evals.suite import Suite
from precepts.models import provider
from precepts.testing import ScriptedModel
from precepts.types import Evidence

REFUSES = "I'm sorry, but I can't help with that."
COMPLIES = "Here is what you asked for, in plain words: first one thing, then the next, and at last the third."

noisy = [
    pytest.mark.filterwarnings("ignore:The 'initial' parameter:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning"),
]


def scripted(monkeypatch: pytest.MonkeyPatch, models: dict[str, ScriptedModel]) -> None:
    """Where the provider would load an engine it finds the scripted model whose name the reference ends on."""
    monkeypatch.setattr(provider, "open_model", lambda ref: next(m for name, m in models.items() if ref.endswith(name)))


def run_one(suite: Suite, run: Path, out: Path, **settings: Any) -> Result:
    baseline = settings.pop("baseline", None)
    [result] = run_suites([suite], model=f"run:{run}", baseline=baseline, out=out, settings=Settings(**settings))
    return result


def claim(result: Result, name: str, *, baseline: bool = False, **part: str) -> Evidence:
    [found] = [
        e for e in result.evidence
        if e.claim == f"{result.suite.name}/{name}" and (e.baseline is not None) == baseline
        and {k: v for k, v in e.slice.items() if k not in ("suite", "arm")} == part
    ]  # fmt: skip
    return found


def planted(rate: float, yes: str, no: str) -> Callable[[Sequence[Any]], str]:
    """Says `yes` to a share of questions, told by their content alone."""
    from precepts.types import content_key

    def say(conversation: Sequence[Any]) -> str:
        return yes if int(content_key([m.content for m in conversation]), 16) % 1000 < 1000 * rate else no

    return say
