"""Reading a JSONL file of cases: every mistake is named with its place and what to do."""

from pathlib import Path

import pytest

from precepts.data import load_cases, parse_cases
from precepts.errors import InputError, MissingError

GOOD = '{"id": "a", "prompt": "Open it?", "disposition": "comply", "groups": {"form": "short"}}\n'


def test_file_gives_its_cases_in_order(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode() + b'\r\n{"prompt": "And th\xc3\xa9n?"}\r\n')
    first, second = load_cases(path)
    assert (first.id, first.prompt, first.disposition, first.groups) == ("a", "Open it?", "comply", {"form": "short"})
    assert (second.prompt, second.disposition, len(second.id)) == ("And thén?", None, 16)
    assert load_cases(str(path)) == [first, second]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b'{"prompt": "x", "dispositon": "refuse"}', "unknown key `dispositon`; did you mean `disposition`?"),
        (b'{"prompt": "x", "zzz": 1}', "unknown key `zzz`. Known keys: prompt, id, messages, category"),
        (b'{"promt": "x"}', "give `prompt` or `messages`; did you mean `prompt`?"),
        (b'{"id": "x"}', 'give `prompt` or `messages`. For example {"id": "a1"'),
        (b'{"prompt": "x", "messages": []}', "give `prompt` or `messages`, not both"),
        (b'{"prompt": "  "}', "`prompt` must be a text that is not empty"),
        (b'{"prompt": 3}', "`prompt` must be a text that is not empty"),
        (b'{"messages": []}', "a conversation must end on a user turn"),
        (b'{"messages": "x"}', "`messages` is a list of turns"),
        (b'{"messages": [1]}', "`messages` is a list of turns"),
        (b'{"messages": [{"role": "user"}]}', "`messages.0.content` is missing"),
        (b'{"messages": [{"role": "user", "content": "x", "nam": 1}]}', "unknown key `nam`. Known keys: role, content"),
        (b'{"prompt": "x", "disposition": "refuze"}', "disposition 'refuze' is none of refuse, comply, safe_complete"),
        (b'{"prompt": "x", "split": "tst"}', "`split`: Input should be 'train', 'dev' or 'test', got 'tst'"),
        (b'{"prompt": "x", "groups": 3}', "`groups`: Input should be a valid dictionary, got 3"),
        (b'{"prompt": "x", "id": "a"}', "the id 'a' is that of line 1. Give each its own id"),
        (b'{"prompt": "caf\xe9"}', "not UTF-8. Save the file as UTF-8."),
        (b'{"prompt": "\\ud800"}', "holds half a character"),
        (b'{"prompt": ', "not JSON (column 12: Expecting value). Write one object a line"),
        (b"prompt: x", "not JSON (column 1"),
        (b'["x"]', "a case is a JSON object"),
        (b'{"prompt":' * 5000, "nested too deeply"),
    ],
)
def test_bad_line_is_named_with_its_place_and_remedy(tmp_path: Path, line: bytes, says: str) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_bytes(GOOD.encode() + b"\n" + line + b"\n")
    with pytest.raises(InputError) as error:
        load_cases(path)
    assert str(error.value).startswith(f"{path}:3: ")
    assert says in str(error.value)


def test_same_conversation_without_ids_is_named_with_both_lines() -> None:
    with pytest.raises(InputError, match=r"^c:2: there is no id, and this conversation is that of line 1"):
        parse_cases(b'{"prompt": "x"}\n{"prompt": "x"}', "c")


@pytest.mark.parametrize("data", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_empty_file_is_an_error_with_an_example(data: bytes) -> None:
    with pytest.raises(InputError, match=r"^c: holds no case. Write one JSON object a line, such as"):
        parse_cases(data, "c")


def test_folder_and_missing_file_say_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        load_cases(tmp_path)
    with pytest.raises(
        MissingError, match=r"There is no file .*none.jsonl. .*these names: starter, advbench, .*xstest"
    ):
        load_cases(tmp_path / "none.jsonl")
    with pytest.raises(MissingError, match=r"There is no file xtest; did you mean `xstest`"):
        load_cases("xtest")


def test_path_is_never_taken_for_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("xstest").write_text(GOOD, "utf-8")
    assert [case.id for case in load_cases("./xstest")] == ["a"]
    assert [case.id for case in load_cases(Path("xstest"))] == ["a"]


def test_starter_cases_are_cases_or_said_to_be_missing() -> None:
    try:
        cases = load_cases("starter")
    except MissingError as error:
        pytest.skip(str(error))
    assert len({case.id for case in cases}) == len(cases) > 0
