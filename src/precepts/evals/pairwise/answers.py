"""The answers of a model: from a JSONL file, or from the logs of a suite."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from precepts.errors import InputError, MissingError
from precepts.runs import numbered_jsonl


class Answer(NamedTuple):
    """What a model answered to a prompt."""

    id: str
    prompt: str
    answer: str
    category: str = ""


def read_answers(path: Path) -> list[Answer]:
    """Answers by id: JSONL with `id`, `prompt` and `answer` (and `category`), or the directory of a suite and a model, which holds `logs/`.

    Cells that were not answered are left out. Of several samples of a cell the first counts.

    Raises:
        MissingError: If nothing is there.
        InputError: If a row lacks a field, or an id stands twice.
    """
    found = _from_logs(path) if path.is_dir() else _from_file(path)
    if len({one.id for one in found}) < len(found):
        raise InputError.at(path, None, "two rows have the same id; a comparison needs one answer to each")
    return found


def _from_file(path: Path) -> list[Answer]:
    if not path.exists():
        raise MissingError(
            f"{path} is not there. Give JSONL with id, prompt, answer, or OUT/SUITE/MODEL of precepts eval."
        )
    out: list[Answer] = []
    for number, row in numbered_jsonl(path):
        fields = [row.get(key) for key in ("id", "prompt", "answer")]
        if not all(isinstance(one, str) and one for one in fields):
            raise InputError.at(path, number, "a row needs `id`, `prompt` and `answer`, each a text that is not empty")
        out.append(Answer(*map(str, fields), category=str(row.get("category") or "")))
    return out


def _from_logs(path: Path) -> list[Answer]:
    from inspect_ai.log import read_eval_log_samples

    from precepts.evals.outcomes import outcome_of_sample

    logs = sorted((path / "logs").glob("*.eval"))
    if not logs:
        raise MissingError(f"{path} has no logs/*.eval. Give the directory OUT/SUITE/MODEL that precepts eval wrote.")
    out: list[Answer] = []
    for sample in read_eval_log_samples(str(logs[-1]), all_samples_required=False):
        if sample.epoch == 1 and outcome_of_sample(sample) == "answered":
            given = (
                sample.input
                if isinstance(sample.input, str)
                else "\n\n".join(f"{m.role}: {m.text}" for m in sample.input)
            )
            category = str((sample.metadata or {}).get("row", {}).get("category") or "")
            out.append(Answer(str(sample.id), given, sample.output.completion, category))
    return out


def paired(a: list[Answer], b: list[Answer]) -> list[tuple[Answer, Answer]]:
    """The answers of both models to the same prompts, by id.

    Raises:
        InputError: If they share no prompt, or an id stands for two prompts.
    """
    second = {one.id: one for one in b}
    both = [(one, second[one.id]) for one in a if one.id in second]
    if not both:
        raise InputError("The two models have no answer to the same id. Give answers to the same cases.")
    for one, other in both:
        if one.prompt != other.prompt:
            raise InputError(f"{one.id} is one prompt for the first model and another for the second.")
    return both
