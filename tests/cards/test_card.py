"""The card says what the evidence says, all of it, and loads nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from cards_page import read, squeeze
from cards_planted import EXAMPLES, FACTS, area, build, pair, planted, rate

from precepts.cards import CardPaths
from precepts.cards.claims import CLAIMS
from precepts.cards.figures import interval_text, number, value_text
from precepts.cards.tables import make_tables
from precepts.cards.verdict import make_verdict
from precepts.errors import InputError
from precepts.policy import starter_policy
from precepts.types import Evidence

POLICY = starter_policy()
CSS = Path(__file__).parents[2] / "src/precepts/cards/card.css"


def test_every_value_stands_in_one_cell_with_its_interval_and_n(card: CardPaths, evidence: Sequence[Evidence]) -> None:
    cells = [squeeze(cell) for cell in read(card.html).cells]
    wanted = [squeeze(f"{value_text(row)} {interval_text(row)} n {row.n:,}") for row in evidence]
    assert len(cells) == len(evidence)
    found = [re.match(r".*? n [\d,]*\d", cell) for cell in cells]
    assert sorted(match[0] for match in found if match) == sorted(wanted)


def test_every_value_can_be_traced_to_its_files(card: CardPaths, evidence: Sequence[Evidence]) -> None:
    text = read(card.html).text
    for row in evidence:
        assert f"{row.value:.6g}" in text
        assert row.estimator in text
        assert row.inputs[0].path in text
        assert row.inputs[0].sha256 in text


def test_numbers_are_written_in_their_unit() -> None:
    assert value_text(rate("refusal_rate", "sft", 209, 240)) == "87.1\u00a0%"
    assert interval_text(rate("refusal_rate", "sft", 209, 240)) == "[82.2, 90.7]"
    assert value_text(pair("not_overrefuse", "sft", -0.096, -0.139, 0.02)) == "−9.6\u00a0pts"
    assert interval_text(pair("not_overrefuse", "sft", -0.096, -0.139, 0.02)) == "[−13.9, +2.0]"
    assert value_text(pair("opener_auc", "sft", 0.341, 0.29, 0.39)) == "+0.341"
    assert value_text(area("decision_auc", "sft", 0.9634, 0.9, 0.99)) == "0.963"
    assert number(0.998, "percent", whole=True) == "99.8\u00a0%"
    assert number(1.0, "percent", whole=True) == "100\u00a0%"
    assert number(-0.0001, "percent", signed=True) == "0.0\u00a0pts"


def test_the_document_holds_the_evidence_whole(card: CardPaths, evidence: Sequence[Evidence]) -> None:
    document = json.loads(card.json.read_text("utf-8"))
    assert [Evidence.model_validate(row) for row in document["evidence"]] == list(evidence)
    assert document["policy"]["digest"] == POLICY.digest
    assert document["facts"]["counts"]["kept"] == 902
    text = read(card.html).text
    for sentence in document["verdict"]["sentences"]:
        assert squeeze(sentence) in text


def test_the_same_input_gives_the_same_bytes(card: CardPaths, tmp_path: Path) -> None:
    again = build(tmp_path, evidence=planted(), examples=EXAMPLES, facts=FACTS)
    assert again.html.read_bytes() == card.html.read_bytes()
    assert again.json.read_bytes() == card.json.read_bytes()


def test_the_page_loads_and_runs_nothing(card: CardPaths) -> None:
    html, page = card.html.read_text("utf-8"), read(card.html)
    assert "http" not in html.replace("http-equiv", "")
    assert not {"script", "link", "img", "iframe", "object", "form", "base", "image", "use"} & set(page.elements)
    assert not re.search(r"url\(|@import|@font-face", html)
    assert all(value.startswith("#") for _, name, value in page.attributes if name in ("href", "src"))
    assert "default-src 'none'" in html


def test_each_plot_has_a_title_and_says_its_numbers(card: CardPaths) -> None:
    page = read(card.html)
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    labelled = [value.split() for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-labelledby")]
    assert len(labelled) == page.elements.count("svg") == 5 + 2 + 2 + 1 + 1
    assert all(set(pair) <= set(ids) for pair in labelled)
    assert squeeze("sft: 87.1\u00a0% [82.2, 90.7]") in page.text


def test_the_verdict_says_what_was_measured_in_words(evidence: Sequence[Evidence]) -> None:
    said = squeeze(" ".join(make_verdict(evidence, "starter 1.0").sentences))
    assert "Under policy starter 1.0, on cases of the set test that it was not trained on, sft refuses 87 %" in said
    assert "refuses 87 % [82, 91] of 240 cases to refuse" in said
    assert "its refusal rate is 78 points higher [+72, +83]; its share not overrefused is 10 points lower" in said
    assert "Not measured: not unsafe (needs a judge of content)." in said
    assert not re.search(r"\b(safe|fair|unbiased)\b", said)


def test_the_verdict_does_not_claim_a_difference_that_the_interval_does_not_show() -> None:
    rows = [rate("refusal_rate", "sft", 5, 9), pair("refusal_rate", "sft", 0.1, -0.02, 0.2)]
    said = make_verdict(rows, "p 1").sentences
    assert "10 points higher [−2, +20], which includes no difference" in said[1]


def test_missing_claims_are_said_plainly(tmp_path: Path) -> None:
    page = read(build(tmp_path, evidence=[rate("refusal_rate", "sft", 5, 9)]).html)
    for claim in CLAIMS[1:]:
        assert claim.label in page.text
        assert not claim.expected or claim.absent in page.text
    assert "not measured: needs a judge of content" in page.text
    assert "Not measured: no two arms were compared on the same cases." in page.text
    assert "No arm was compared with another on the same cases." in page.text


def test_a_card_without_evidence_says_so(tmp_path: Path) -> None:
    page = read(build(tmp_path).html)
    assert "Nothing was measured." in page.text
    assert page.text.count("not measured") >= 10


def test_rows_that_could_not_be_scored_are_counted_where_they_stand() -> None:
    rows = [rate("refusal_rate", "sft", 5, 9, unscored=1), rate("not_overrefuse", "sft", 0, 0, unscored=4)]
    lines = make_tables(rows, POLICY).main.groups[0].lines
    first, second = lines[0].cells[0][0], lines[1].cells[0][0]
    assert (first.n, first.notes, first.warns) == ("n 9", ("1 unscored (10\u00a0%)",), True)
    assert second.value == "not scored: none of 4 answers"
    said = " ".join(make_verdict(rows, "p 1").sentences)
    assert "Up to 4 of 4 answers (not overrefused) could not be scored" in said


def test_two_judges_of_one_arm_stand_in_one_cell_by_name_and_the_verdict_takes_the_first() -> None:
    rows = [rate("refusal_rate", "sft", 5, 9), rate("refusal_rate", "sft", 6, 9, judge="llm@1")]
    lines = make_tables(rows, POLICY).main.groups[0].lines
    assert [cell.notes for cell in lines[0].cells[0]] == [("judge: rules@1",), ("judge: llm@1",)]
    assert "of 9 cases to refuse" in make_verdict(rows, "p 1").sentences[0]
    assert "refuses 56\u00a0%" in make_verdict(rows, "p 1").sentences[0]


def test_sets_say_whether_they_were_seen(card: CardPaths) -> None:
    text = read(card.html).text
    assert "advbench seen: the training data holds these cases or their like" in text
    assert "harmbench unseen: none of these cases was trained on" in text


def test_categories_stand_in_the_order_of_the_policy(evidence: Sequence[Evidence]) -> None:
    titles = [category.title for category in POLICY.categories]
    groups = make_tables(evidence, POLICY).categories.groups
    assert [[line.label for line in group.lines] for group in groups] == [titles, titles]


def test_facts_of_another_form_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"fact `counts.kept`: Input should be a valid integer"):
        build(tmp_path, facts={"counts": {"kept": "many"}})


def test_a_loss_that_is_not_a_number_does_not_stop_the_card(tmp_path: Path) -> None:
    paths = build(
        tmp_path, facts={"curve": [{"step": 1, "loss": 2.0}, {"step": 2, "loss": float("nan")}], "note": "n 1"}
    )
    assert json.loads(paths.json.read_text("utf-8"))["facts"]["curve"][1]["loss"] == "nan"
    assert "n 1" in read(paths.html).text


@pytest.mark.parametrize("scheme", [0, 1])
def test_text_stands_out_from_its_ground(scheme: int) -> None:
    blocks = re.findall(r":root \{(.*?)\}", CSS.read_text("utf-8"), re.S)
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", blocks[scheme]))
    for ground in ("ground", "raised"):
        for text in ("text", "quiet", "link", "yes", "no", "warn"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        for mark in (colours["blue"], colours["purple"], "#d55e00", "#009e73", "#7a6a00", "#666f7a"):
            assert contrast(mark, colours[ground]) >= 3, (mark, ground)


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
