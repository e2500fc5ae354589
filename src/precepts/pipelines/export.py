"""`precepts card export`: a card that agrees with its files, in the forms that others read."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from precepts.cards.bundle import check_files, check_log
from precepts.cards.decide.gating import Check
from precepts.cards.exports import Evaluator, argument, records
from precepts.cards.sources import EVIDENCE
from precepts.errors import InputError, MissingError
from precepts.pipelines.card import DOCUMENT, MARKDOWN, card_of
from precepts.runs import read_jsonl, to_json, write_atomic
from precepts.stats import tables_for, verify
from precepts.types import Evidence

Writer = Callable[[Path, Path, Evaluator | None], list[Path]]


def export(
    card: Path, out: Path, *, form: str, organization: str | None = None, relationship: str = "other"
) -> list[Path]:
    """Writes a card in another form, after a check that its files are as its statement says, and gives what was written.

    Args:
        card: A card's directory.
        out: The directory to write to; files of other names in it stay.
        form: `hub`, `every-eval-ever` or `safety-case`.
        organization: Who evaluated; the schema of `every-eval-ever` asks for it.
        relationship: Theirs to the model, in that schema's words.

    Raises:
        MissingError: If there is no card.
        InputError: If the form is not known, the card was changed, or nobody is named as evaluator.
    """
    if form not in FORMS:
        raise InputError(f"--to is one of {', '.join(FORMS)}; got {form!r:.40}.")
    if not (card / DOCUMENT).is_file():
        raise MissingError(f"{card} holds no card. Give the --out of `precepts card build`.")
    if wrong := [*check_log(card), *check_files(card)]:
        raise InputError(f"{wrong[0].path}: {wrong[0].what}. A card that was changed is not exported.")
    who = Evaluator.of(organization or "", relationship) if form == "every-eval-ever" else None
    return FORMS[form](card, out, who)


def _hub(card: Path, out: Path, _: Evaluator | None) -> list[Path]:
    """The model card as a hub reads it, with its evaluation metadata."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "README.md"
    shutil.copyfile(card / MARKDOWN, path)
    return [path]


def _every_eval_ever(card: Path, out: Path, who: Evaluator | None) -> list[Path]:
    assert who is not None, "the form asks who evaluated"
    made = card_of(card, check=_checked(card))
    decision = made.decision
    assert decision is not None, "a bundle's card has a day"
    found, _ = records(made.evidence, title=made.title, on=decision.on, evaluator=who)
    paths: list[Path] = []
    for number, (model, record) in enumerate(found.items(), start=1):
        slug = re.sub(r"[^A-Za-z0-9_.-]+", "_", model).strip("._")[:80] or "model"
        path = out / f"{slug}-{number}.json"
        write_atomic(path, json.dumps(json.loads(to_json(record)), indent=2, ensure_ascii=False) + "\n")
        paths.append(path)
    return paths


def _checked(card: Path) -> Check:
    """Makes a number again from the bundle's files, each of them read once."""
    evidence = [Evidence.model_validate(row) for row in read_jsonl(card / EVIDENCE)]
    tables = tables_for(evidence, root=card)
    return lambda row: verify(row, root=card, tables=tables)


def _safety_case(card: Path, out: Path, _: Evaluator | None) -> list[Path]:
    made = card_of(card, check=_checked(card))
    path = out / "case.ltac"
    write_atomic(path, argument(made))
    return [path]


FORMS: dict[str, Writer] = {"hub": _hub, "every-eval-ever": _every_eval_ever, "safety-case": _safety_case}
