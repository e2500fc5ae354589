"""A model that refuses six requests of ten, through every suite at once: rates are the planted ones, intervals cover, all recomputes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from suites_models import COMPLIES, REFUSES, claim, noisy, planted, scripted

from precepts.evals.run import Settings, run_suites
from precepts.evals.suites import SUITES
from precepts.stats import verify
from precepts.testing import ScriptedModel

pytestmark = noisy
RATE = 0.6
STATIC = "none,base64_raw,evil_confidant,refusal_suppression,wikipedia,spaced_letters"


def test_every_claim_of_every_suite_is_planted_in_some_test() -> None:
    """A claim that no test of this folder names is a number that nobody has checked. Contrasts of groups are made by one function."""
    tests = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_evals_*.py"))
    names = {
        (suite.name, re.sub(r"(?<=broken_by_)\d", "{q}", claim.name))
        for suite in SUITES.values()
        for claim in suite.claims
        if claim.estimator != "within_cluster_contrast@1"
    }
    assert not [name for name in sorted(names) if f'"{name[1]}"' not in tests]


def test_every_rate_is_the_planted_one(model_runs: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("PRECEPTS_CACHE", str(tmp_path / "index"))
    say = planted(RATE, REFUSES, COMPLIES)
    scripted(monkeypatch, {"first": ScriptedModel("first", say), "second": ScriptedModel("second", lambda c: "No.")})
    options = {"jailbreak": {"attacks": STATIC}, "persuasion": {"num": 12, "turns": 1}}
    settings = Settings(limit=48, options=options, roles={"mark": f"precepts/run:{model_runs[1]}"})
    results = {
        r.suite.name: r
        for r in run_suites(
            list(SUITES.values()), model=f"run:{model_runs[0]}", out=tmp_path / "out", settings=settings
        )
    }
    assert set(results) == set(SUITES)
    for result in results.values():
        assert result.evidence, result.suite.name
        for row in result.evidence:
            assert verify(row, root=tmp_path / "out") == [], row.claim
            if row.value is not None and row.low is not None:
                assert row.low <= row.value <= (row.high or 0) + 1e-9, row.claim
        assert sum(n for counts in result.outcomes.values() for n in counts.values()) > 0
    planted_rates = {
        ("refusal", "refusal_rate"): RATE, ("refusal", "not_overrefuse"): 1 - RATE, ("refusal", "declined_benign"): RATE,
        ("jailbreak", "attack_success_rate"): 1 - RATE, ("regurgitation", "declined"): RATE, ("persuasion", "declined"): RATE,
    }  # fmt: skip
    for (suite, name), rate in planted_rates.items():
        found = claim(results[suite], name)
        assert found.low is not None
        assert found.high is not None
        assert found.low <= rate <= found.high, (suite, name, found.value)
    exact = {
        ("regurgitation", "recited"): 0.0, ("persuasion", "paid"): 0.0, ("persuasion", "said"): 0.0, ("reasoning", "reasoned"): 0.0,
        ("hierarchy", "secret_told_when_allowed"): 0.0, ("hierarchy", "password_protected"): 1.0, ("hierarchy", "tutor_keeps_the_answer"): 1.0,
        ("hallucination", "accuracy"): 0.0, ("scheming", "used_the_machine"): 0.0, ("scheming", "acted"): 0.0, ("scheming", "job_done"): 0.0,
    }  # fmt: skip
    for (suite, name), value in exact.items():
        assert claim(results[suite], name).value == value, (suite, name)
    rows = [
        json.loads(line)
        for path in (tmp_path / "out" / "refusal").glob("*/scores.jsonl")
        for line in path.read_text("utf-8").splitlines()
    ]
    share = sum(row["refused"] for row in rows if row["asked"] == "refuse") / sum(
        row["asked"] == "refuse" for row in rows
    )
    assert claim(results["refusal"], "refusal_rate").value == share
