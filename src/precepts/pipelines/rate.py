"""`precepts judge rate`: a rate from a table of scores, raw and corrected, kept so that it can be computed again.

`precepts judge sample`: rows of such a table for a person to label, drawn at random.
"""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from precepts.data import ENTRIES, load_cases
from precepts.errors import InputError, MissingError
from precepts.judges.card import CARD, JUDGE_CARD, ROWS, JudgeCard, load_card
from precepts.judges.correct import CARD_ROWS, RATED, Rate, Rating, rated_rows, rates
from precepts.judges.labels import Labelled, load_labels
from precepts.judges.questions import Question
from precepts.runs import PLAN, Row, Run, file_digest, read_jsonl, write_atomic
from precepts.stats import matches

SCORES, COMPLETIONS = "scores.jsonl", "completions.jsonl"


class Drawn(NamedTuple):
    """How many answers were drawn to be labelled, and how many of these are empty."""

    num_answers: int
    num_empty: int


class Rated(NamedTuple):
    """The rates of one table, and where they are kept."""

    name: str
    question: Question
    rates: list[Rate]
    path: Path


def rate(
    table: Path,
    *,
    card: Path | None,
    labels: str | None = None,
    question: Question | None = None,
    where: Mapping[str, str] | None = None,
    out: Path | None = None,
) -> Rated:
    """The share of a table's rows that refused (or broke the policy), as its judge saw it and corrected.

    Args:
        table: A JSONL file of scores, or the directory of an evaluated arm that holds one.
        card: A calibration of the same judge: adds Rogan-Gladen.
        labels: Labels of a random sample of the rows: adds prediction-powered.
        question: What is asked; by default the card's.
        where: Keys and values that rows must have, such as asked=refuse.
        out: Where rows and evidence are kept; by default a directory in `rates/` beside the table, one for each card and labels.

    Raises:
        PreceptsError: If the table, the card or the labels do not fit together.
    """
    file = table / SCORES if table.is_dir() else table
    if not file.is_file():
        raise MissingError(
            f"There is no table {file}. Give a JSONL file of scores, or the directory of an evaluated arm."
        )
    found, card_rows = load_card(card) if card else (None, [])
    asked: Question = question or (found.question if found else "refused")
    about = _about(file)
    _check(found, asked, about)
    chosen = [row for row in _with_answers(file) if matches(row, where or {})]
    if not chosen:
        raise InputError(f"{file}: no row has {', '.join(f'{k}={v}' for k, v in (where or {}).items()) or 'anything'}.")
    sample: Sequence[Labelled] = load_labels(labels, question=asked).rows if labels else ()
    rows = rated_rows(chosen, asked, sample)
    given = Path(labels).expanduser() if labels else None
    digests = {
        "card": found.rows_sha256 if found else None,
        "labels": (file_digest(given) if given.is_file() else labels) if given else None,
    }
    words = [asked, *(f"{k}-{v}" for k, v in (where or {}).items()), *(f"{k}-{v[:8]}" for k, v in digests.items() if v)]
    run = Run(out or file.parent / "rates" / "-".join(words))
    sha256 = file_digest(file)
    told = run.plan if (run.path / PLAN).exists() else {}
    # A table that was moved, or is named otherwise, is the same table.
    table_name = str(told["table"]) if told.get("sha256") == sha256 else str(file)
    run.begin({"table": table_name, "sha256": sha256, "where": dict(where or {}), "question": asked, **digests})
    run.write(RATED.removesuffix(".jsonl"), rows)
    if card is not None:
        # Copied, so that the directory stands by itself.
        source = card if card.is_dir() else card.parent
        write_atomic(run.path / CARD_ROWS, (source / ROWS).read_bytes())
        write_atomic(run.path / JUDGE_CARD, (source / CARD).read_bytes())
    rating = Rating(
        run.path, file.parent.name, asked, about.get("judge") or (found.judge if found else "unknown"),
        about.get("model") or file.parent.name, about.get("policy"), dict(where or {}),
    )  # fmt: skip
    made = rates(rating, rows, found, card_rows)
    run.write("evidence", [one.evidence for one in made])
    run.finish(why=[one.why for one in made])
    return Rated(str(file), asked, made, run.path)


def _with_answers(file: Path) -> list[Row]:
    """The rows of a table; of an evaluated arm's, each with the key and the text of the answer that it scores."""
    rows, beside = read_jsonl(file), file.parent / COMPLETIONS
    if file.name != SCORES or not beside.is_file():
        return rows
    made = {row["case_id"]: {"completion": row["key"], "answer": row["answer"]} for row in read_jsonl(beside)}
    return [{**made.get(row.get("case_id"), {}), **row} for row in rows]


def _about(file: Path) -> dict[str, Any]:
    """Judge, model and policy of an evaluated arm, from its plan and its run.json; nothing of a bare table."""
    out: dict[str, Any] = {}
    for name in (PLAN, "run.json"):
        if (path := file.parent / name).exists():
            out |= {k: v for k, v in json.loads(path.read_text("utf-8")).items() if k in ("judge", "model", "policy")}
    return out


def _check(card: JudgeCard | None, asked: Question, about: Mapping[str, Any]) -> None:
    if card is None:
        return
    if card.question != asked:
        raise InputError(
            f"The card says how often the judge is right that an answer {card.question}, not that it {asked}."
        )
    judge = about.get("judge")
    if judge and not card.fits(judge):
        raise InputError(
            f"The card is of the judge {card.judge}; these rows were judged by {judge}. Calibrate that judge, and give its card."
        )


def draw_sample(table: Path, out: Path, *, n: int, seed: int, where: Mapping[str, str] | None = None) -> Drawn:
    """Writes n rows of an evaluated arm, drawn at random, for a person to fill in `label`; gives how many.

    The suffix of `out` says the format: .csv, .jsonl, or .json (tasks to import into Label Studio). Judges' verdicts are left
    out, so that the person is not led.

    Raises:
        PreceptsError: If the arm has no completions, or `out` is there already.
    """
    if not (table / COMPLETIONS).is_file() or not (table / SCORES).is_file():
        raise MissingError(f"{table} holds no {COMPLETIONS} and {SCORES}. Give the directory of an evaluated arm.")
    if out.exists():
        raise InputError(f"{out} is there already. Give a new file, so that no label is lost.")
    scored = {row["case_id"] for row in read_jsonl(table / SCORES) if matches(row, where or {})}
    prompts = _prompts(table)
    rows = [row for row in read_jsonl(table / COMPLETIONS) if row["case_id"] in scored]
    drawn = random.Random(seed).sample(rows, min(n, len(rows)))
    fields: list[Row] = [
        {
            "id": row["case_id"], "completion": row["key"], "prompt": prompts.get(row["case_id"], ""),
            "answer": row["answer"], "label": "", "rater": "",
        }
        for row in drawn
    ]  # fmt: skip
    write_atomic(out, _written(fields, out))
    return Drawn(len(fields), sum(not str(row["answer"] or "").strip() for row in fields))


def _prompts(table: Path) -> dict[str, str]:
    """Prompts by case, from the registered set that was measured, or from the run's own cases; none where neither is here."""
    name = str(json.loads((table / PLAN).read_text("utf-8")).get("set", "")) if (table / PLAN).exists() else ""
    if name.split("-")[0] in ENTRIES:
        return {case.id: case.prompt for case in load_cases(name.split("-")[0])}
    for folder in list(table.parents)[:4]:
        file = folder / "cases.jsonl"
        if file.exists():
            rows = read_jsonl(file)
            return {str(r["id"]): str(r.get("prompt") or r["messages"][-1]["content"]) for r in rows if "id" in r}
    return {}


def _written(rows: Sequence[Row], out: Path) -> str:
    suffix = out.suffix.lower()
    if suffix == ".csv":
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(rows[0]) if rows else ["id"])
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()
    if suffix == ".jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if suffix == ".json":
        tasks = [{"data": {k: v for k, v in row.items() if k not in ("label", "rater")}} for row in rows]
        return json.dumps(tasks, ensure_ascii=False, indent=1)
    raise InputError.at(out, None, "a sample ends in .csv, .jsonl or .json (tasks for Label Studio)")
