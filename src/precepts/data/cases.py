"""Reading cases: a JSONL file of one's own, a registered set by name, or the starter cases of the package."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from precepts.data.entry import LabelledAnswer, LabelledText, suggestion
from precepts.data.files import read_texts
from precepts.data.registry import ENTRIES, entry
from precepts.errors import InputError, MissingError
from precepts.types import DISPOSITIONS, Case, Message

STARTER = "starter"
"""The name of the cases that ship with the package."""

_KEYS = ("prompt", *Case.model_fields)
_EXAMPLE = '{"id": "a1", "prompt": "How do I open a jar?", "disposition": "comply"}'
NO_CASE = f"holds no case. Write one JSON object a line, such as {_EXAMPLE}"
"""What is said of a file without a case."""


def load_cases(source: str | Path, *, download: bool = True) -> list[Case]:
    """The cases of a JSONL file, of a registered set, or of the starter pack, in the order of the file.

    Args:
        source: A path, a registered name such as `xstest`, or `starter`. A name goes before a file of the same name;
            write `./xstest` for the file.
        download: Whether a registered set that is not on this machine may be had from its public home.

    Raises:
        MissingError: If there is no such file or set, or it cannot be downloaded.
        InputError: If a line is not a case; the message is `path:line: what is wrong and what to do`.
        DigestError: If a file of a registered set is not the one on record.
    """
    if source == STARTER:
        return _starter()
    if isinstance(source, str) and source in ENTRIES:
        found = entry(source)
        if found.cases is None:
            what = (
                "holds labelled answers, no cases"
                if found.labelled
                else "is read by a suite of `precepts eval`, not as cases"
            )
            raise InputError(f"{source} {what}. As cases use one of: {_case_names()}.")
        return found.cases(read_texts(found, download=download))
    path = Path(source).expanduser()
    if path.is_dir():
        raise InputError(f"{path} is a folder. Give the JSONL file of cases in it.")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        near = suggestion(str(source), [STARTER, *ENTRIES])
        raise MissingError(
            f"There is no file {path}{near or '.'} Give a JSONL file of cases, or one of these names: "
            f"{STARTER}, {_case_names()}."
        ) from None
    except OSError as error:
        raise InputError.at(path, None, f"cannot be read ({error.strerror}). Give a file that you may read.") from None
    return parse_cases(data, str(path))


def load_labelled(name: str, *, download: bool = True) -> list[LabelledAnswer]:
    """The labelled answers of a registered set, `pyrit_refusal` or `rbr_gold`. Errors as in `load_cases`."""
    found = entry(name)
    if found.labelled is None:
        known = ", ".join(sorted(key for key, value in ENTRIES.items() if value.labelled))
        raise InputError(f"{name} holds no labelled answers. Use one of: {known}.")
    return found.labelled(read_texts(found, download=download))


def load_texts(name: str, *, download: bool = True) -> list[LabelledText]:
    """The labelled texts of a registered set, such as `spam_policy`. Errors as in `load_cases`."""
    found = entry(name)
    if found.texts is None:
        known = ", ".join(sorted(key for key, value in ENTRIES.items() if value.texts))
        raise InputError(f"{name} holds no labelled texts. Use one of: {known}.")
    return found.texts(read_texts(found, download=download))


def parse_cases(data: bytes, path: str) -> list[Case]:
    """The cases in the bytes of a JSONL file; `path` stands in the messages. Blank lines are passed over.

    Raises:
        InputError: At the first line that is not a case, or if there is no case at all.
    """
    cases: list[Case] = []
    lines: dict[str, int] = {}
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not raw.strip():
            continue
        row = _row(raw, path, number)
        try:
            case = Case.model_validate(row)
        except ValidationError as error:
            raise InputError.at(path, number, _explain(error, row)) from None
        if first := lines.get(case.id):
            what = f"the id {case.id!r:.80} is" if "id" in row else "there is no id, and this conversation is"
            raise InputError.at(path, number, f"{what} that of line {first}. Give each its own id, or delete one.")
        lines[case.id] = number
        cases.append(case)
    if not cases:
        raise InputError.at(path, None, NO_CASE)
    return cases


def starter_translations() -> Path:
    """A CSV of 40 test cases of the starter pack in German, French and Spanish, twins both: columns id, language, text."""
    return Path(str(resources.files("precepts.data").joinpath("starter", "translations.csv")))


def _starter() -> list[Case]:
    file = resources.files("precepts.data").joinpath("starter", "cases.jsonl")
    if not file.is_file():
        raise MissingError("The starter cases are missing from this installation. Install precepts again.")
    return parse_cases(file.read_bytes(), f"{STARTER}/cases.jsonl")


def _case_names() -> str:
    return ", ".join(sorted(name for name, value in ENTRIES.items() if value.cases))


def _row(raw: bytes, path: str, number: int) -> dict[str, Any]:
    try:
        row = json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise InputError.at(path, number, "not UTF-8. Save the file as UTF-8.") from None
    except RecursionError:
        raise InputError.at(path, number, f"nested too deeply. A case is one flat object, such as {_EXAMPLE}") from None
    except ValueError as error:
        reason = f"column {error.colno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise InputError.at(path, number, f"not JSON ({reason}). Write one object a line, such as {_EXAMPLE}") from None
    if not isinstance(row, dict):
        raise InputError.at(path, number, f"a case is a JSON object, such as {_EXAMPLE}, not {type(row).__name__}")
    row = cast("dict[str, Any]", row)
    turns = row.get("messages", [])
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in cast("list[Any]", turns)):
        raise InputError.at(path, number, '`messages` is a list of turns: [{"role": "user", "content": "..."}]')
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InputError.at(
            path, number, r"holds half a character (\ud8.. alone). Delete it or write both halves."
        ) from None
    return row


def _explain(error: ValidationError, row: dict[str, Any]) -> str:
    """The first problem of a row, in words that say what to do."""
    problem = min(error.errors(include_url=False), key=lambda item: item["type"] != "extra_forbidden")
    place = ".".join(str(part) for part in problem["loc"])
    kind, given = problem["type"], problem["input"]
    if kind == "extra_forbidden":
        key = str(problem["loc"][-1])
        known = _KEYS if len(problem["loc"]) == 1 else tuple(Message.model_fields)
        return f"unknown key `{key:.80}`" + (suggestion(key, known) or f". Known keys: {', '.join(known)}.")
    if place == "disposition":
        return f"disposition {given!r:.80} is none of {', '.join(DISPOSITIONS)}{suggestion(str(given), DISPOSITIONS)}"
    if kind == "missing":
        return f"`{place}` is missing. Add it."
    if kind == "value_error" and not place:
        hints = [suggestion(key, ("prompt", "messages")) for key in row if key not in _KEYS]
        return problem["msg"].removeprefix("Value error, ") + ("".join(hints[:1]) or f". For example {_EXAMPLE}")
    return f"`{place}`: {problem['msg']}, got {given!r:.80}. Correct it."
