"""The checks against the published code, as a library carries it, on constraints of every type in IFEval."""

import os
import sys
from collections import defaultdict
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

from precepts.evals.ifeval import Instruction, ifeval_cases, instructions

BESIDE = Path(__file__).parents[3] / "shared" / "data"

LETTER = """<<A Letter>>
Dear [name], on behalf of NASA and the U.S. Dept. of Energy I'm glad to write. It COST $3.50, i.e. 3,50 euro!

* one *highlight* here
* two **strong** words -- I'LL say it's AT&T's

SECTION 1
My answer is yes. Can't we... CANNOT we? "WE'RE here," he said.
***
Section 2: weekend, summer, people; tea-time (O.K.) and/or A/B #tag @home

P.S. That is all you need! Is there anything else I can help with?"""

ANSWERS = (
    LETTER,
    f'"{LETTER}"',
    LETTER.upper(),
    LETTER.lower(),
    LETTER.replace(",", ""),
    LETTER + "\n******\n" + LETTER[::-1],
    LETTER.replace("\n", "\n\n"),
    '```json\n{"a": ["b", 1]}\n```',
    "President Smith went there.\n\nIt was late.\n\n'Summary' of it",
    "Wir gehen heute in die Stadt und kaufen dort Brot und Butter für das Frühstück.",
    "- a\n- b\n\n- c\n*\n* d",
    "***a***b******c***",
    "12345",
)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Callable[[Instruction, str], bool]:
    """A check by the library, with the same Punkt model, since its own must be downloaded."""
    found = find_spec("if_verifiable")
    if found is None or found.submodule_search_locations is None:
        pytest.skip("if-verifiable, the library that carries the published checks, is not installed")
    package = ModuleType("if_verifiable")  # the package without its own first import, of a library that loads data sets
    package.__path__ = list(found.submodule_search_locations)
    monkeypatch.setitem(sys.modules, "if_verifiable", package)
    punkt = pytest.importorskip("punkt")
    langdetect = pytest.importorskip("langdetect")
    import nltk
    from if_verifiable.ifeval import INSTRUCTION_DICT, instructions_util

    tokenizer = nltk.tokenize.NLTKWordTokenizer()

    def words(text: str) -> list[str]:
        return [word for sentence in punkt.sent_tokenize(text) for word in tokenizer.tokenize(sentence)]

    monkeypatch.setattr(instructions_util, "count_sentences", lambda text: len(punkt.sent_tokenize(text)))
    monkeypatch.setattr(nltk, "word_tokenize", words)
    monkeypatch.setattr(langdetect.DetectorFactory, "seed", 0)

    def kept(instruction: Instruction, answer: str) -> bool:
        checker = INSTRUCTION_DICT[instruction.id](instruction.id)
        checker.build_description(**instruction.arguments)
        return bool(answer.strip()) and bool(checker.check_following(answer))

    return kept


def test_verdicts_are_those_of_the_published_code(
    published: Callable[[Instruction, str], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(os.environ.get("PRECEPTS_DATA") or BESIDE)
    if not folder.is_dir():
        pytest.skip("no copies of the public sets: set PRECEPTS_DATA to a folder of them")
    monkeypatch.setenv("PRECEPTS_DATA", str(folder))
    of_type: defaultdict[str, list[Instruction]] = defaultdict(list)
    for instruction in (instruction for case in ifeval_cases() for instruction in instructions(case)):
        # the published code draws a letter at random where the constraint names a sign
        if instruction.arguments.get("letter", "a").isalpha() and instruction not in of_type[instruction.id]:
            of_type[instruction.id].append(instruction)
    assert len(of_type) == 25
    differing = [
        (instruction, answer)
        for found in of_type.values()
        for instruction in found[:5]
        for answer in (*ANSWERS, f"{instruction.arguments.get('prompt_to_repeat', '')} {LETTER}")
        if instruction.kept(answer) != published(instruction, answer)
    ]
    assert differing == []
