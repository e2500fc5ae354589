from hypothesis import given
from hypothesis import strategies as st

from precepts.models.format import OPENING, parse, reasoning, render
from precepts.types import DISPOSITIONS

CLAUSES = st.from_regex(r"[A-Za-z][A-Za-z0-9_.\-]{0,15}", fullmatch=True)
TEXTS = st.text(min_size=1).filter(lambda t: t.strip())


@given(st.sampled_from(DISPOSITIONS), CLAUSES, TEXTS.filter(lambda t: "</think>" not in t), TEXTS)
def test_parse_undoes_render(verdict, clause, why, answer):
    text = render(verdict=verdict, clause=clause, why=why, answer=answer)
    parsed = parse(text)
    assert parsed.valid
    assert (parsed.verdict, parsed.clause, parsed.answer) == (verdict, clause, answer.strip())
    assert parsed.why == " ".join(why.split())
    assert parsed.cot == reasoning(verdict=verdict, clause=clause, why=why)[len("<think>\n") : -len("\n</think>\n")]
    assert text.startswith(OPENING)


@given(st.text())
def test_any_text_parses_and_loses_no_answer(text):
    parsed = parse(text)
    if parsed.cot is None:
        assert parsed.answer == text.strip()
    assert parsed.answer in text


def test_free_reasoning_is_split_but_not_valid():
    parsed = parse("<think>\nLet me see. verdict: refuse\n</think>\nNo.")
    assert parsed == ("Let me see. verdict: refuse", "No.", "refuse", None, None, False)


def test_reasoning_without_an_end_has_no_answer():
    assert parse("<think>\nverdict: comply\nclause: R1\nwhy: it is").answer == ""


def test_a_format_without_an_answer_is_not_valid():
    assert not parse(render(verdict="comply", clause="R1", why="it is fine", answer=" \n")).valid


def test_a_verdict_that_is_none_of_the_three_is_not_valid():
    assert not parse("<think>\nverdict: perhaps\nclause: R1\nwhy: x\n</think>\nYes.").valid
