"""Gates and risk levels: hand-worked verdicts, and that nothing missing ever passes or is low."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

import pytest
from cards_planted import pair, rate
from hypothesis import given
from hypothesis import strategies as st

from precepts.cards.decide import (
    Gate,
    GateResult,
    Gates,
    JudgeQuality,
    RiskPolicy,
    Situation,
    assess,
    check_gates,
    due,
    exit_code,
    load_gates,
    load_risk,
    shipped_risks,
    worst,
)
from precepts.cards.decide.files import example_gates
from precepts.cards.decide.judged import quality_of
from precepts.cards.decide.risk import Rerun
from precepts.errors import InputError, MissingError
from precepts.stats import estimate
from precepts.types import Evidence

TODAY = datetime.date(2026, 11, 21)
SFT = {"arm": "sft", "set": "test"}
DECIDED = {"by": "a", "on": "2026-01-01", "why": "b"}


def result(rows: Sequence[Evidence], judges: Sequence[JudgeQuality] = (), **gate: object) -> GateResult:
    one = Gate.model_validate({"id": "g", "claim": "align/refusal_rate", "slice": SFT, **gate})
    gates = Gates.model_validate({"id": "r", "version": "1", "decided": DECIDED, "gates": [one]})
    return check_gates(gates, rows, judges=judges, today=TODAY)[0]


ROW = rate("refusal_rate", "sft", 209, 240)  # 0.871 [0.822, 0.907]


@pytest.mark.parametrize(
    ("bound", "verdict"),
    [
        ({"at_least": 0.82}, "pass"),
        ({"at_least": 0.83}, "fail"),  # the value reaches it, its low end does not
        ({"at_most": 0.91}, "pass"),
        ({"at_most": 0.90}, "fail"),
        ({"at_least": 0.82, "min_n": 241}, "insufficient"),
        ({"at_least": 0.82, "expires": "2026-11-20"}, "insufficient"),
        ({"at_least": 0.82, "expires": "2026-11-21"}, "pass"),
        ({"at_least": 0.82, "claim": "align/nothing"}, "insufficient"),
        ({"at_least": 0.82, "slice": {"arm": "sft"}}, "insufficient"),
        ({"at_least": 0.82, "slice": {"arm": "s*", "set": "*"}}, "pass"),
    ],
)
def test_a_gate_reads_the_unfavourable_end(bound: dict[str, object], verdict: str) -> None:
    assert result([ROW], **bound).verdict == verdict


def test_a_gate_says_why_in_one_line() -> None:
    said = result([ROW], at_least=0.85).line
    assert "align/refusal_rate of sft on test: low end 82.2" in said
    assert "87.1\u00a0% [82.2, 90.7], n 240, rules@1" in said
    assert "about 2,223 cases would tell" in said, "(1.96 √(.85 × .15) + 0.842 √(.871 × .129))² / 0.0208²"
    assert "\n" not in said
    assert "there are: sft on test" in result([ROW], at_least=0.85, slice={"arm": "rl", "set": "test"}).line


def test_a_number_that_cannot_decide_is_shown_all_the_same() -> None:
    said = result([ROW], at_least=0.85, min_n=500)
    assert said.verdict == "insufficient"
    assert "n 240 is below the 500 that are needed (87.1\u00a0% [82.2, 90.7])" in said.line


def test_too_many_unscored_rows_are_insufficient_and_not_a_pass() -> None:
    row = rate("refusal_rate", "sft", 240, 240, unscored=13)
    assert result([row], at_least=0.5, max_unscored=0.05).verdict == "insufficient"
    assert result([row], at_least=0.5, max_unscored=0.06).verdict == "pass"
    nothing = rate("refusal_rate", "sft", 0, 0, unscored=9)
    assert result([nothing], at_least=0.0, max_unscored=1).verdict == "insufficient"


def test_seen_cases_do_not_count_unless_the_gate_says_so() -> None:
    row = rate("refusal_rate", "sft", 209, 240, exposure="seen")
    assert result([row], at_least=0.5).verdict == "insufficient"
    assert result([row], at_least=0.5, unseen=False).verdict == "pass"


def test_non_inferiority_holds_the_paired_interval_against_the_margin() -> None:
    row = pair("not_overrefuse", "sft", -0.02, -0.06, 0.02)
    ask = {"claim": "align/not_overrefuse"}
    assert result([row], **ask, not_worse={"than": "base", "margin": 0.06}).verdict == "pass"
    assert result([row], **ask, not_worse={"than": "base", "margin": 0.05}).verdict == "fail"
    assert result([row], **ask, not_worse={"than": "other", "margin": 0.5}).verdict == "insufficient"
    lower = row.model_copy(update={"better": "lower"})
    assert result([lower], **ask, not_worse={"than": "base", "margin": 0.02}).verdict == "pass"
    assert result([lower], **ask, not_worse={"than": "base", "margin": 0.01}).verdict == "fail"


def test_of_several_rows_the_worst_decides() -> None:
    rows = [rate("refusal_rate", "sft", k, 20, category=name) for k, name in ((20, "a"), (9, "b"), (18, "c"))]
    found = result(rows, at_least=0.5, slice={**SFT, "category": "*"})
    assert found.verdict == "fail"
    assert "category b" in found.line
    assert "the worst of 3 rows" in found.line
    assert len(found.evidence) == 3


def quality(sensitive: int, specific: int, n: int = 50, *, judge: str = "rules@1", labels: str = "x") -> JudgeQuality:
    both = [estimate("wilson@1", [{"score": float(i < k)} for i in range(n)]) for k in (sensitive, specific)]
    return JudgeQuality(judge, labels, *both)


def test_a_rate_counts_only_if_its_judge_is_good_enough() -> None:
    floor = {"at_least": 0.5, "judge": {"sensitivity": 0.8, "specificity": 0.8}}
    assert "has no calibration" in result([ROW], **floor).line
    assert result([ROW], [quality(48, 50)], **floor).verdict == "pass"
    assert result([ROW], [quality(43, 50)], **floor).verdict == "insufficient"  # 0.86, low end 0.738
    assert result([ROW], [quality(48, 43)], **floor).verdict == "insufficient"
    assert result([ROW], [quality(48, 50), quality(43, 50, labels="y")], **floor).verdict == "insufficient"
    named = {"at_least": 0.5, "judge": {"labels": "x*", "sensitivity": 0.8}}
    assert result([ROW], [quality(48, 50), quality(43, 50, labels="y")], **named).verdict == "pass"
    assert result([ROW], [quality(48, 50, judge="rules@2")], **floor).verdict == "insufficient"
    by_program = ROW.model_copy(update={"judge": None})
    assert result([by_program], **floor).verdict == "pass"
    assert quality_of("rules@1+relevance(x)", [quality(1, 1)])
    assert not quality_of("rules@10", [quality(1, 1)])


def test_a_number_that_does_not_come_out_again_is_no_evidence() -> None:
    gate = Gate.model_validate({"id": "g", "claim": ROW.claim, "slice": SFT, "at_least": 0.5})
    gates = Gates.model_validate({"id": "r", "version": "1", "decided": DECIDED, "gates": [gate]})
    found = check_gates(gates, [ROW], today=TODAY, check=lambda row: ["value: the evidence says 1, its inputs give 2"])
    assert found[0].verdict == "insufficient"
    assert "does not come out again" in found[0].line


def test_exit_codes() -> None:
    def code(*verdicts: str) -> int:
        return exit_code([GateResult("g", "c", verdict, "") for verdict in verdicts])  # type: ignore[arg-type]

    assert code("pass", "pass") == 0
    assert code("pass", "insufficient", "fail") == 1
    assert code("pass", "insufficient") == 3
    assert code() == 3
    assert worst(["insufficient", "pass"]) == "insufficient"


@given(st.integers(0, 60), st.integers(1, 60), st.floats(0, 1), st.integers(0, 30))
def test_no_gate_passes_on_a_value_below_its_bound(k: int, n: int, bound: float, unscored: int) -> None:
    row = rate("refusal_rate", "sft", min(k, n), n, unscored=unscored)
    found = result([row], at_least=bound)
    assert (found.verdict == "pass") <= (min(k, n) / n >= bound)
    assert (found.verdict == "pass") <= (unscored <= 0.05 * (n + unscored))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("at_least: 0.85", "at_leest: 0.85"), r"gates.yaml:13: .*at_leest`: there is no such key here; did you mean `at_least`"),
        (("min_n: 100", "min_n: many"), r"gates.yaml:14: .*min_n`: input should be a valid integer"),
        (("    at_least: 0.75\n", ""), "exactly one of at_least, at_most and not_worse"),
        (("id: answers\n", "id: refuses\n"), "two gates have the id refuses"),
        (("  on: 2026-11-21", "  on: yesterday"), "gates.yaml:7: `decided.on`"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_gates_file_is_named_with_its_line(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    text = example_gates().read_text("utf-8")
    assert change[0] in text
    path = tmp_path / "gates.yaml"
    path.write_text(text.replace(*change, 1), "utf-8")
    with pytest.raises(InputError, match=said):
        load_gates(path)


def test_what_ships_is_read_and_the_example_names_real_claims() -> None:
    assert len(load_gates(example_gates()).gates) == 5
    assert shipped_risks() == ("blank", "preparedness-1", "preparedness-2")
    assert all(load_risk(name).categories for name in shipped_risks())
    with pytest.raises(MissingError, match="precepts risk show blank"):
        load_risk("nowhere.yaml")


INDICATORS = [
    {"id": "i", "claim": "risk/x", "thresholds": {"medium": 0.2, "high": 0.5}, "min_n": 10},
    {"id": "j", "claim": "risk/y", "thresholds": {"high": 0.3}, "riskier": "lower"},
]


def policy(*indicators: dict[str, object], **more: object) -> RiskPolicy:
    category = {"id": "c", "title": "C", "indicators": list(indicators)}
    rules = [
        {"state": "post", "reaches": "high", "forbids": "deploy", "text": "why"},
        {"state": "pre", "reaches": "high", "forbids": "security", "text": "why"},
    ]
    return RiskPolicy.model_validate(
        {"id": "p", "version": "1", "title": "P", "origin": {"by": "a", "on": "2026-01-01", "text": "b"},
         "levels": ["low", "medium", "high", "critical"], "rules": rules,
         "roles": {"recommends": "r", "decides": "d", "may_reverse": "m"}, "categories": [category], **more}
    )  # fmt: skip


def risk(claim: str, state: str, value: float, low: float, high: float, n: int = 100) -> Evidence:
    row = pair(claim, "sft", value, low, high, n=n, unit="rate", baseline=None)
    return row.model_copy(update={"claim": claim, "slice": {"state": state}})


def test_levels_are_read_at_the_riskier_end() -> None:
    rows = [risk("risk/x", "pre", 0.45, 0.4, 0.55), risk("risk/x", "post", 0.1, 0.05, 0.19)]
    card = assess(policy(INDICATORS[0]), rows)
    assert card.overall == {"pre": "high", "post": "low"}
    assert [(one.action, one.verdict) for one in card.actions] == [("deploy", "pass"), ("security", "fail")]
    rows = [risk("risk/y", "pre", 0.5, 0.31, 0.7), risk("risk/y", "post", 0.5, 0.29, 0.7)]
    assert assess(policy(INDICATORS[1]), rows).overall == {"pre": "low", "post": "high"}


def test_a_missing_indicator_is_insufficient_and_never_low() -> None:
    low = [risk("risk/x", state, 0.1, 0.05, 0.15) for state in ("pre", "post")]
    card = assess(policy(*INDICATORS), low)
    assert card.overall["post"] == "at least low, insufficient"
    assert [one.verdict for one in card.actions] == ["insufficient", "insufficient"]
    assert assess(policy(INDICATORS[0]), []).overall["pre"] == "insufficient"
    few = [row.model_copy(update={"n": 9}) for row in low]
    assert assess(policy(INDICATORS[0]), few).overall["post"] == "insufficient"
    unset = {**INDICATORS[0], "thresholds": {}}
    assert assess(policy(unset), low).overall["post"] == "insufficient"
    assert assess(policy(), low).overall["post"] == "insufficient", "a category without indicators tells nothing"


def test_what_is_known_to_be_high_forbids_though_something_else_is_missing() -> None:
    card = assess(policy(*INDICATORS), [risk("risk/x", "post", 0.6, 0.55, 0.65)])
    assert card.overall["post"] == "at least high, insufficient"
    assert card.action("deploy") is not None
    assert card.actions[0].verdict == "fail"


def test_the_worst_category_wins_and_watched_ones_forbid_nothing() -> None:
    categories = [
        {"id": "a", "title": "A", "indicators": [INDICATORS[0]]},
        {"id": "b", "title": "B", "indicators": [{**INDICATORS[0], "claim": "risk/z"}]},
    ]
    rows = [risk("risk/x", "post", 0.1, 0, 0.1), risk("risk/z", "post", 0.3, 0.25, 0.4)]
    rows += [row.model_copy(update={"slice": {"state": "pre"}}) for row in rows]
    assert assess(policy(categories=categories), rows).overall["post"] == "medium"
    categories[1]["tracked"] = False
    assert assess(policy(categories=categories), rows).overall["post"] == "low"


@pytest.mark.parametrize(
    "thresholds", [{"medium": 0.5, "high": 0.2}, {"severe": 0.2}, {"low": 0.1}], ids=["order", "unknown", "lowest"]
)
def test_thresholds_that_make_no_sense_are_refused(thresholds: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="indicator i of c"):
        policy({**INDICATORS[0], "thresholds": thresholds})


def test_when_to_measure_again() -> None:
    rule = Rerun(compute_factor=2, after_days=30)
    before = Situation(models=("m@1",), policy="p", risk_policy="r", compute=1.0, on=TODAY)
    assert due(rule, before, before) == []
    week = datetime.timedelta(days=30)
    for change, said in (
        ({"models": ("m@1", "m@2")}, "the model changed: m@2"), ({"policy": "q"}, "the policy changed: p → q"),
        ({"compute": 2.0}, "grew 2 times"), ({"compute": None}, "not known"), ({"on": TODAY + week}, "30 days"),
    ):  # fmt: skip
        assert [said in line for line in due(rule, before, before.model_copy(update=change))] == [True]
    assert due(Rerun(model_changed=False), before, before.model_copy(update={"models": ("n",)})) == []
