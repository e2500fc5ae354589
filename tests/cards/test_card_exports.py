"""What a hub reads of a card, what a diff says, and that hostile names act nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from cards_page import Page
from cards_planted import POLICY, pair, planted, rate
from cards_run import plant_run
from hypothesis import given
from hypothesis import strategies as st
from test_card_hostile import ATTACKS

from precepts.cards import make_card
from precepts.cards.build import render
from precepts.cards.markdown import markdown
from precepts.cards.pareto import _LETTER, _SIZE, Point, _places, on_front
from precepts.cards.plots import Mark
from precepts.cards.sections import SECTIONS, coverage, section_of
from precepts.cards.sources import read_source
from precepts.errors import InputError, MissingError
from precepts.pipelines.diff import diff
from precepts.runs import Run


def test_the_hub_reads_the_numbers_of_the_trained_arm() -> None:
    hub = pytest.importorskip("huggingface_hub")
    rows = planted()
    card = make_card(title="A card", policy=POLICY, evidence=rows, examples=(), facts={"model": "m"})
    read = hub.ModelCard(markdown(card), ignore_metadata_errors=False)
    found = {(one.dataset_name, one.metric_type): one.metric_value for one in read.data.eval_results}
    wanted = {
        (row.slice["set"], row.claim): row.value
        for row in rows
        if row.slice["arm"] == "sft" and row.baseline is None and "category" not in row.slice
    }
    assert found == wanted
    assert read.data.model_name == "m"


def test_hostile_names_act_nowhere_in_markdown() -> None:
    for name in ATTACKS:
        rows = [rate("refusal_rate", name, 3, 9, set=name, judge=name)]
        text = markdown(make_card(title=name, policy=POLICY, evidence=rows, examples=(), facts={"limits": [name]}))
        head, _, body = text.removeprefix("---\n").partition("\n---\n")
        assert yaml.safe_load(head)["model-index"]
        ours = "Every number has its recipe in `card.html` and `card.json`; `precepts card verify` makes them again."
        assert ours in body
        for line in body.replace(ours, "").split("\n"):
            assert not any(sign in line.replace("\\" + sign, "") for sign in "<>[]{}`")
        assert not set(text) & {"\x1b", "\u202e", "\x00"}
        assert "://" not in body.replace("\\://", "")


def test_each_claim_stands_in_one_section() -> None:
    for claim, section in {
        "align/refusal_rate": "disallowed", "align/clause_retrieval": "reasoning", "attack/goodness@0.1": "jailbreaks",
        "evals/simpleqa_accuracy": "hallucination", "evals/bbq_ambiguous": "bias", "hierarchy/tutor": "hierarchy", "risk/ctf_solved": "preparedness",
        "fairness/gap": "fairness", "w2s/pgr": "w2s", "judge/sensitivity": "judge", "somebody/else": "other",
    }.items():  # fmt: skip
        assert section_of(claim) == section
    assert len(coverage([])) == len(SECTIONS) - 1


def test_sections_of_other_rooms_stand_on_the_page_and_empty_ones_say_so() -> None:
    rows = [
        rate("refusal_rate", "sft", 8, 9),
        *(rate("x", arm, 5, 9).model_copy(update={"claim": "w2s/pgr"}) for arm in ("weak", "student")),
    ]
    page = Page(render(make_card(title="t", policy=POLICY, evidence=rows, examples=(), facts={})))
    assert "Weak-to-strong supervision" in page.text
    assert len(page.cells) == 3, "every number stands once"
    assert page.text.count("not measured Jailbreaks") == 1
    only = make_card(title="t", policy=POLICY, evidence=rows[1:], examples=(), facts={})
    assert "2 numbers of other kinds" in only.verdict.sentences[0]


def test_the_front_holds_whom_nobody_beats() -> None:
    def point(x: float, y: float) -> Point:
        return Point(*(Mark("a", value, None, None, "", "", 0) for value in (x, y)))

    assert on_front([point(0.2, 0.9), point(0.9, 0.2), point(0.1, 0.8), point(0.9, 0.2)]) == [True, True, False, True]


@given(st.floats(0, 1), st.floats(0, 1), st.text("abc ", min_size=1, max_size=20))
def test_a_name_in_the_plot_keeps_inside_it(x: float, y: float, label: str) -> None:
    ((align, dx, dy),) = _places([{"x": x, "y": y, "label": label}])
    left = _SIZE * x + dx - (0 if align == "left" else _LETTER * len(label))
    assert left >= -1e-6
    assert left + _LETTER * len(label) <= _SIZE + 1e-6
    assert 0 <= _SIZE * (1 - y) + dy <= _SIZE


def test_names_in_the_plot_stand_clear_of_the_axis() -> None:
    low = _places([{"x": 0.29, "y": 0.0, "label": "policy in prompt"}, {"x": 0.26, "y": 0.12, "label": "base"}])
    assert all(dy < 0 for _, _, dy in low), "above the axis, not over its title"


def test_judges_that_were_measured_before_are_not_called_unmeasured() -> None:
    judge = next(one for one in coverage([], shipped=4) if one.section == "judge")
    assert (judge.numbers, judge.shipped) == (0, 4)
    assert not any(one.shipped for one in coverage([], shipped=4) if one.section != "judge")


def test_a_run_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="there is no such directory"):
        diff(tmp_path / "nowhere", tmp_path)


def test_a_diff_names_the_cases_that_flipped(tmp_path: Path) -> None:
    a, b = plant_run(tmp_path / "a"), plant_run(tmp_path / "b")
    same = diff(a, b)[0]
    assert (same.overall.difference.value, same.overall.worse, same.overall.p) == (0.0, (), 1.0)
    stage = Run(b / "eval/test/sft")
    rows = stage.rows("scores")
    clause = rows[0]["clause"]
    kept = [row["case_id"] for row in rows if row["clause"] == clause and row["kept"]]
    stage.write("scores", [{**row, "kept": 0.0} if row["case_id"] in kept else row for row in rows][:-1])
    found = diff(a, b)[0]
    assert found.clauses[0].part == clause
    assert list(found.clauses[0].worse) == kept
    assert found.overall.difference.value == pytest.approx(-len(kept) / 59)
    assert found.num_unshared == 1
    assert found.clauses[0].p == pytest.approx(0.5 ** len(kept)), "mid-p of n discordant pairs on one side"
    with pytest.raises(InputError, match="choose --arm and --set among these"):
        diff(a, b, arm="rl")


def test_pairs_do_not_enter_the_hubs_results() -> None:
    card = make_card(
        title="t", policy=POLICY, evidence=[pair("refusal_rate", "sft", 0.1, 0, 0.2)], examples=(), facts={}
    )
    assert "model-index" not in markdown(card)


def test_evidence_with_half_a_character_is_told_with_its_line(tmp_path: Path) -> None:
    run = plant_run(tmp_path / "run", num_cases=8)
    table = run / "evidence.jsonl"
    lines = table.read_text("utf-8").splitlines()
    lines[2] = lines[2].replace('"model": "', '"model": "\\ud800', 1)
    table.write_text("\n".join(lines) + "\n", "utf-8")
    with pytest.raises(InputError, match=r"evidence.jsonl:3: .*lone surrogate"):
        read_source(run)
