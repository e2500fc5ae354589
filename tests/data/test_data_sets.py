"""What the registered sets hold, on the real files."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from precepts.data import ENTRIES, LabelledAnswer, entry, find, load_cases, load_labelled, parse, read_texts
from precepts.errors import DigestError, InputError, MissingError


@pytest.mark.parametrize(
    ("name", "dispositions"),
    [
        ("xstest", {"comply": 250, "refuse": 200}),
        ("harmbench", {"refuse": 400}),
        ("strongreject", {"refuse": 313}),
        ("advbench", {"refuse": 520}),
        ("ifeval", {"comply": 541}),
        ("star1", {None: 638}),
    ],
)
def test_set_has_the_published_number_of_cases(
    public_data: Path, name: str, dispositions: dict[str | None, int]
) -> None:
    cases = load_cases(name, download=False)
    assert Counter(case.disposition for case in cases) == dispositions
    assert len({case.id for case in cases}) == len(cases)
    assert {case.source for case in cases} == {name}
    assert {case.license for case in cases} == {entry(name).licence}
    assert all(case.id.startswith(f"{name}/") and case.category is None for case in cases)


def test_xstest_refuses_contrasts_and_only_them(public_data: Path) -> None:
    for case in load_cases("xstest"):
        assert (case.disposition == "refuse") == case.groups["type"].startswith("contrast_")


def test_harmbench_puts_the_context_before_the_behavior_in_contextual_cases_only(public_data: Path) -> None:
    cases = load_cases("harmbench")
    assert Counter(case.split for case in cases) == {"dev": 80, "test": 320}
    kinds = Counter((case.groups["functional_category"], "\n\n---\n\n" in case.prompt) for case in cases)
    assert kinds == {("standard", False): 200, ("copyright", False): 100, ("contextual", True): 100}


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("pyrit_refusal", {("main", True): 70, ("main", False): 35, ("extra", True): 39, ("extra", False): 25}),
        ("rbr_gold", {("train", True): 106, ("train", False): 163, ("test", True): 50, ("test", False): 78}),
    ],
)
def test_labelled_set_has_the_published_labels(
    public_data: Path, name: str, counts: dict[tuple[str, bool], int]
) -> None:
    answers = load_labelled(name, download=False)
    assert Counter((answer.split, answer.refused) for answer in answers) == counts
    assert len({answer.id for answer in answers}) == len(answers)
    assert all(answer.answer.strip() and answer.case.prompt == answer.prompt for answer in answers)


def rbr_row(answer: str, *holds: str, category: str = "C-R") -> str:
    names = ("fully_complies", "partially_complies", "inability_to_comply", "illogical_continuation_of_prompt")
    return json.dumps(
        {
            "category": category,
            "response_type": "Hard Refuse",
            "prompt": [{"role": "user", "content": "Do it."}],
            "completion": [{"role": "assistant", "content": answer}],
            "propositions": {name: name in holds for name in names},
        }
    )


@pytest.mark.parametrize(
    ("answer", "holds", "refused"),
    [
        ("Sure: ...", ("fully_complies", "partially_complies"), False),
        ("Only a part.", ("partially_complies",), False),
        ("I can't.", ("inability_to_comply",), True),
        ("Let us do a better thing.", (), True),
        ("I can't. Honey never spoils.", ("inability_to_comply", "illogical_continuation_of_prompt"), True),
        ("Honey never spoils.", ("illogical_continuation_of_prompt",), None),
        ("I can't, but: ...", ("inability_to_comply", "partially_complies"), None),
        (" ", (), None),
    ],
)
def test_rbr_propositions_decide_what_is_a_refusal(answer: str, holds: tuple[str, ...], refused: bool | None) -> None:
    found = parse.rbr_gold({"train": rbr_row(answer, *holds), "test": ""})
    assert [row.refused for row in found] == ([] if refused is None else [refused])


def test_public_form_of_a_changed_copy_gives_the_same_rows(public_data: Path) -> None:
    ifeval = read_texts(entry("ifeval"))["all"]
    public = "".join(
        json.dumps(row | {"instruction_id_list": [f"en:{name}" for name in row["instruction_id_list"]]}) + "\n"
        for row in map(json.loads, ifeval.splitlines())
    )
    assert parse.ifeval_rows({"all": public}) == parse.ifeval_rows({"all": ifeval})

    star1 = read_texts(entry("star1"))["all"]
    rows = [json.loads(line) for line in star1.splitlines()]
    public = json.dumps([rows[0] | {"id": "x", "source": "ALERT"}, *rows])
    assert parse.star1({"all": public}) == parse.star1({"all": star1})

    rbr = read_texts(entry("rbr_gold"))
    public = rbr_row("No.", category="K-R") + "\n" + rbr["train"]
    assert parse.rbr_gold({**rbr, "train": public}) == parse.rbr_gold(rbr)


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_changed_byte_is_a_digest_error_that_names_the_file(
    public_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    shutil.copytree(public_data / name, tmp_path / name, copy_function=shutil.copyfile)
    monkeypatch.setenv("PRECEPTS_DATA", str(tmp_path))
    file = entry(name).files[-1]
    path = find(entry(name), file, download=False)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DigestError, match=rf"{path.name} is not the file on record.*expected [0-9a-f]{{64}}"):
        read_texts(entry(name), download=False)


def test_public_file_is_taken_from_the_folder_of_copies_too(
    public_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = next(public_data.glob("strongreject/*.csv"))
    (tmp_path / "strongreject").mkdir()
    shutil.copyfile(copy, tmp_path / "strongreject" / "strongreject.csv")
    monkeypatch.setenv("PRECEPTS_DATA", str(tmp_path))
    assert len(load_cases("strongreject", download=False)) == 313


def test_every_entry_says_where_it_is_from_and_under_which_licence() -> None:
    for name, found in ENTRIES.items():
        assert name == found.name
        assert all((found.title, found.citation, found.licence, found.revision, found.files))
        assert sum(made is not None for made in (found.cases, found.labelled, found.texts)) <= 1, (
            "else a suite reads it"
        )
        for file in found.files:
            assert found.revision in file.url
            assert file.url.startswith("https://")
            assert all(len(digest) == 64 for digest in file.accepted.values())
            assert bool(file.copy) == bool(file.change)


def test_set_of_the_other_kind_is_an_error_that_names_the_right_ones(empty_home: Path) -> None:
    with pytest.raises(InputError, match=r"rbr_gold holds labelled answers, no cases. As cases use one of: advbench"):
        load_cases("rbr_gold")
    with pytest.raises(InputError, match=r"xstest holds no labelled answers. Use one of: pyrit_refusal, rbr_gold"):
        load_labelled("xstest")
    with pytest.raises(MissingError, match="did you mean `rbr_gold`"):
        load_labelled("rbr_golds")


def test_labelled_answer_keeps_the_conversation() -> None:
    answer = LabelledAnswer.model_validate(
        {
            "id": "a",
            "messages": [
                {"role": "user", "content": "One."},
                {"role": "assistant", "content": "Two."},
                {"role": "user", "content": "Three?"},
            ],
            "answer": "No.",
            "refused": True,
            "split": "test",
        }
    )
    assert (answer.prompt, len(answer.case.messages), answer.details) == ("Three?", 3, {})
