"""What a model wrote can be anything; on the page it is text and nothing else."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from cards_page import Page, read
from cards_planted import area, build, rate
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from precepts.cards import make_card
from precepts.cards.build import render
from precepts.cards.examples import MAX_ANSWER
from precepts.cards.text import clip, show, visible
from precepts.errors import InputError
from precepts.policy import starter_policy

ATTACKS = (
    "<script>alert(1)</script>",
    "</pre></details></section></body></html><img src=x onerror=alert(1)>",
    "</title></style><svg onload=alert(1)>",
    "<!-- --!> <![CDATA[ ]]> <?php ?>",
    "{{ 7*7 }} {% include '/etc/passwd' %} {# gone #} ${7*7} %s {0.__class__}",
    '" onfocus=alert(1) autofocus x="\' `',
    "\x1b[31mred\x1b[0m\x1b]8;;http://a\x07link\x9b2J",
    "\u202egnihton\u202c \u2066\u2069 \u200f \u200b \ufeff \u2028 \U000e0041",
    "\x00\x01\x7f\x85\ud800\udfff\ufffe\r\nnext",
    "&lt;b&gt; &amp; &#x3c;i&#x3e; &notanentity",
    "javascript:alert(1) http://example.org/x.png",
)
TEXTS = st.one_of(
    st.sampled_from(ATTACKS),
    st.text(st.characters(codec=None), min_size=1, max_size=60),
    st.lists(st.sampled_from(ATTACKS), min_size=2, max_size=4).map(" ".join),
)


POLICY = starter_policy()


def page_with(text: str) -> Page:
    """A card with the text in every place that a model, a case file or a person fills."""
    output = {"answer": text, "cot": text, "verdict": text, "clause": text, "refused": True, "stop_reason": text}
    row = {"case_id": text, "category": text, "prompt": text, "expected": text, "outputs": {text: output}}
    facts = {"model": text, "when": text, "limits": [text], "reproduce": text, "reached": [{"claim": text}],
             "versions": {text: text}, "calibration": {text: [text]}, "rules_quality": [{text: text}],
             "counts": {"cases": 2, "dropped": {text: 1}}, "filter_judge": text,
             "other " + text: {"x": text}}  # fmt: skip
    card = make_card(title=text, policy=POLICY, evidence=(), examples=[row], facts=facts)
    return Page(render(card))


PLAIN = page_with("x")


@given(TEXTS)
@example(ATTACKS[0])
@example(ATTACKS[1])
@example(ATTACKS[8])
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_no_text_makes_an_element_or_an_attribute(text: str) -> None:
    page = page_with(text)
    assert page.elements == PLAIN.elements
    assert [(tag, name) for tag, name, _ in page.attributes] == [(tag, name) for tag, name, _ in PLAIN.attributes]


@given(TEXTS)
@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
def test_prompts_and_answers_stand_whole_and_visible(text: str) -> None:
    shown = [passage.removeprefix("\n") for passage in page_with(text).passages]
    assert shown.count(visible(text)) >= 3  # prompt, reasoning, answer


@given(st.text(st.characters(codec=None)))
def test_visible_text_acts_on_nothing(text: str) -> None:
    seen = visible(text)
    seen.encode()
    kinds = {unicodedata.category(mark) for mark in seen if mark not in "\n\t"}
    assert not kinds & {"Cc", "Cs", "Zl", "Zp"}
    assert not {unicodedata.bidirectional(mark) for mark in seen} & {
        "RLE", "LRE", "RLO", "LRO", "PDF", "RLI", "LRI", "FSI", "PDI"}  # fmt: skip
    assert visible(seen) == seen


def test_visible_text_spells_what_it_replaces() -> None:
    assert visible("a\x1b[0m\u202eb\x7f\x9b") == "a␛[0m⟦U+202E⟧b␡⟦U+009B⟧"
    assert visible("line\n\ttab: naïve 日本 👩‍🔬 العربية") == "line\n\ttab: naïve 日本 👩‍🔬 العربية"
    assert clip("one\ntwo", 5) == "one␊t…"


def test_a_line_of_ten_megabytes_is_cut_with_a_note(tmp_path: Path) -> None:
    row = {
        "case_id": "big",
        "prompt": "p" * 10_000_000,
        "expected": "comply",
        "outputs": {"sft": {"answer": "<b>" * 4_000_000}},
    }
    paths = build(tmp_path, examples=[row])
    page = read(paths.html)
    assert paths.html.stat().st_size < 100_000
    assert "the first 2,000 of 10,000,000 characters" in page.text
    assert f"the first {MAX_ANSWER:,} of 12,000,000 characters" in page.text
    assert "b" not in page.elements


def test_hostile_names_in_evidence_stay_text_in_tables_and_plots() -> None:
    name = ATTACKS[1] + ATTACKS[7]
    rows = [rate("refusal_rate", "sft", 3, 9), rate("refusal_rate", "sft", 3, 9, category=name)]
    rows += [rate(name, name, 3, 9, set=name, judge=name), area("opener_auc", name, 0.6, 0.5, 0.7)]
    card = make_card(title="t", policy=POLICY, evidence=rows, examples=(), facts={})
    page = Page(render(card))
    assert not {"img", "script", "image", "foreignobject", "a-link"} & set(page.elements)
    assert page.elements.count("body") == 1
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert visible(name) in page.text
    assert not {"\u202e", "\u200b", "\u2066"} & set(page.text)


def test_what_an_arm_wrote_for_a_case_to_refuse_is_withheld_unless_it_refused() -> None:
    def texts(expected: str | None, refused: bool | None, *, reveal: bool = False) -> str:
        output = {"answer": "THE ANSWER", "cot": "THE THOUGHT", "refused": refused}
        row = {"case_id": "c", "prompt": "THE PROMPT", "expected": expected, "outputs": {"sft": output}}
        card = make_card(title="t", policy=POLICY, evidence=(), examples=[row], facts={}, reveal=reveal)
        return Page(render(card)).text + repr(card.document())

    for expected, refused in (("refuse", False), ("refuse", None), (None, None)):
        hidden = texts(expected, refused)
        assert "THE ANSWER" not in hidden
        assert "THE THOUGHT" not in hidden
        assert show("THE ANSWER", limit=9).sha256 in hidden
        assert "THE ANSWER" in texts(expected, refused, reveal=True)
    for expected, refused in (("refuse", True), ("comply", False), ("comply", None), ("safe_complete", False)):
        assert "THE ANSWER" in texts(expected, refused)


def test_at_most_twenty_examples_are_shown_and_the_card_says_of_how_many(tmp_path: Path) -> None:
    rows = [{"case_id": f"case-{k:02}", "prompt": "p", "expected": "comply"} for k in range(35)]
    page = read(build(tmp_path, examples=rows).html)
    assert "20 of 35 given" in page.text
    assert "case-19" in page.text
    assert "case-20" not in page.text


def test_an_example_of_another_form_is_named() -> None:
    with pytest.raises(InputError, match=r"example 1 of the card, `prompt`: Field required"):
        make_card(title="t", policy=POLICY, evidence=(), examples=[{"case_id": "c"}], facts={})
