"""IFEval's 25 constraints, each with answers that keep and break it, and the set as a whole."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from precepts.errors import InputError
from precepts.evals import ifeval_checks
from precepts.evals.ifeval import Instruction, check, ifeval_cases, instructions, strict_prompt
from precepts.evals.ifeval_checks import CHECKS
from precepts.types import Case

BESIDE = Path(__file__).parents[3] / "shared" / "data"
ENGLISH = "the weather in the north of the country was cold and wet for most of the year"
GERMAN = "Das Wetter im Norden des Landes war den größten Teil des Jahres über kalt und nass."

KEPT_AND_BROKEN: list[tuple[str, dict[str, Any], list[str], list[str]]] = [
    ("keywords:existence", {"keywords": ["cat", "c++"]}, ["Concatenate C++."], ["A cat.", "c+"]),
    (
        "keywords:frequency",
        {"keyword": "tea ", "frequency": 2, "relation": "at least"},
        ["Tea and teapots.", "tea, tea"],
        ["Tea."],
    ),
    (
        "keywords:frequency",
        {"keyword": "tea", "frequency": 2, "relation": "less than"},
        ["Tea.", "Milk."],
        ["Tea and teapots."],
    ),
    ("keywords:forbidden_words", {"forbidden_words": ["tea", "milk"]}, ["Steam."], ["TEA!", "So milk, then"]),
    (
        "keywords:letter_frequency",
        {"letter": "a", "let_frequency": 3, "let_relation": "at least"},
        ["Banana"],
        ["Bana"],
    ),
    (
        "keywords:letter_frequency",
        {"letter": "#", "let_frequency": 2, "let_relation": "less than"},
        ["one #tag"],
        ["#two #tags"],
    ),
    ("language:response_language", {"language": "de"}, [GERMAN, "12345"], [ENGLISH]),
    (
        "length_constraints:number_sentences",
        {"num_sentences": 2, "relation": "at least"},
        ["Dr. Who came. He left!"],
        ["Dr. Who came."],
    ),
    (
        "length_constraints:number_sentences",
        {"num_sentences": 2, "relation": "less than"},
        ["It cost $3.50 at 5 p.m."],
        ["It rained. We left."],
    ),
    ("length_constraints:number_words", {"num_words": 3, "relation": "at least"}, ["one two-three"], ["one two"]),
    ("length_constraints:number_words", {"num_words": 3, "relation": "less than"}, ["one two"], ["it's two"]),
    (
        "length_constraints:number_paragraphs",
        {"num_paragraphs": 2},
        ["one\n***\ntwo", "one *** two\n***\n"],
        ["one", "one\n***\n\n***\ntwo", "one *** two *** three"],
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Elm"},
        ["Oak.\n\nElm, then.", 'Oak.\n\n\'"elm" it is'],
        ["Elm.\n\nOak.", "Oak.\n\nElm.\n\nAsh.", "Oak. Elm.", "Oak.\n\nElms."],
    ),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, ["[a] and [b]"], ["[a] and b"]),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, ["Bye.\np. s. Hi"], ["Bye. PS Hi", "p.p.s"]),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, ["Bye.\nP.P.S. Hi"], ["Bye.\nP.S. Hi"]),
    (
        "detectable_format:number_bullet_lists",
        {"num_bullets": 2},
        ["* one\n* two", "- one\n  * two"],
        ["* one", "* one\n* two\n- three", "**bold**\n* one"],
    ),
    ("detectable_format:constrained_response", {}, ["Well. My answer is no."], ["My answer is no"]),
    (
        "detectable_format:number_highlighted_sections",
        {"num_highlights": 2},
        ["*one* and *two*", "**one** and *two*"],
        ["*one* and two", "** ** and * *"],
    ),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "Section ", "num_sections": 2},
        ["Section 1\na\nSection 2\nb"],
        ["Section 1\na", "SECTION 1 SECTION 2", "Section one, Section two"],
    ),
    ("detectable_format:json_format", {}, ['{"a": 1}', '```json\n{"a": 1}\n```'], ["{'a': 1}", 'Here: {"a": 1}']),
    ("detectable_format:title", {}, ["<<A song>>\nla"], ["<<>>", "<A song>", "<< >>", "<<A\nsong>>"]),
    (
        "combination:two_responses",
        {},
        ["one\n******\ntwo", "******one******two******"],
        ["one", "one******one", "one******\n******two", "a******b******c"],
    ),
    (
        "combination:repeat_prompt",
        {"prompt_to_repeat": "Write a song. "},
        [" write a song. La la."],
        ["Sure. Write a song. La la."],
    ),
    ("startend:end_checker", {"end_phrase": "That is all."}, ['Hi. that is all."', "That is all.\n"], ["That is all!"]),
    ("startend:quotation", {}, ['"Hi."', ' "Hi" and "ho" '], ['"Hi.', "'Hi.'", '"']),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "at least"},
        ["I AM here", "AT&T", "(NASA): I", "I'M"],
        ["NASA-led", "Here I am", "WELL-KNOWN"],
    ),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "less than"},
        ["I am", "U.S.A."],
        ["NASA, ESA"],
    ),
    ("change_case:english_capital", {}, [ENGLISH.upper()], [ENGLISH, GERMAN.replace("ß", "SS").upper()]),
    ("change_case:english_lowercase", {}, [ENGLISH], [ENGLISH.capitalize(), GERMAN.lower()]),
    ("punctuation:no_comma", {}, ["one; two"], ["one, two"]),
]


@pytest.fixture
def public_data(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(os.environ.get("PRECEPTS_DATA") or BESIDE)
    if not folder.is_dir():
        pytest.skip("no copies of the public sets: set PRECEPTS_DATA to a folder of them")
    monkeypatch.setenv("PRECEPTS_DATA", str(folder))


@pytest.fixture
def tools() -> None:
    pytest.importorskip("langdetect")
    pytest.importorskip("punkt")


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize(("id", "arguments", "kept", "broken"), KEPT_AND_BROKEN)
def test_constraint_is_kept_and_broken(id: str, arguments: dict[str, Any], kept: list[str], broken: list[str]) -> None:
    instruction = Instruction(id, arguments)
    assert [answer for answer in kept if not instruction.kept(answer)] == []
    assert [answer for answer in broken if instruction.kept(answer)] == []
    assert not instruction.kept(" \n")


def test_every_constraint_type_is_tested() -> None:
    assert {id for id, *_ in KEPT_AND_BROKEN} == set(CHECKS)
    assert len(CHECKS) == 25


@pytest.mark.usefixtures("public_data", "tools")
def test_all_541_prompts_have_only_constraints_that_can_be_checked() -> None:
    cases = ifeval_cases()
    counts = Counter(instruction.id for case in cases for instruction in instructions(case))
    assert len(cases) == 541
    assert counts.keys() == CHECKS.keys()
    assert counts.total() == 834
    assert all(len(check(case, "Hello, world.")) == len(instructions(case)) for case in cases)
    assert not any(strict_prompt(case, "") for case in cases)


@pytest.mark.usefixtures("public_data")
def test_strict_prompt_needs_every_constraint() -> None:
    case = next(case for case in ifeval_cases() if case.id == "ifeval/1000")
    assert [instruction.id.split(":")[1] for instruction in instructions(case)] == [
        "no_comma",
        "number_highlighted_sections",
        "number_words",
    ]
    long = "*one* *two* *three* " + "word " * 297
    assert check(case, long) == [True, True, True]
    assert strict_prompt(case, long)
    assert check(case, long + ",") == [False, True, True]
    assert not strict_prompt(case, long + ",")


@pytest.mark.usefixtures("public_data")
def test_case_of_another_set_is_an_error() -> None:
    with pytest.raises(InputError, match=r"The case 'a' is not one of IFEval"):
        check(Case.model_validate({"id": "a", "prompt": "Hi."}), "Ho.")


@pytest.mark.usefixtures("tools")
def test_language_is_the_same_in_every_order_and_leaves_the_library_as_it_was() -> None:
    import langdetect

    before = langdetect.DetectorFactory.seed
    short = ["ok", "no more", "la vida", "ja", "si"]
    first = [ifeval_checks._language(text) for text in short]  # pyright: ignore[reportPrivateUsage]
    again = [ifeval_checks._language(text) for text in reversed(short)]  # pyright: ignore[reportPrivateUsage]
    assert first == again[::-1]
    assert langdetect.DetectorFactory.seed is before
