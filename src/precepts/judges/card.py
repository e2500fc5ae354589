"""The judge card: what a judge was measured to be, kept so that later rates can be corrected with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from precepts.errors import DigestError, InputError, MissingError
from precepts.judges.questions import Question
from precepts.runs import file_digest, read_jsonl, to_json, write_atomic
from precepts.stats import Counts
from precepts.types import Evidence, Frozen

CARD, ROWS = "card.json", "rows.jsonl"
JUDGE_CARD = "judge_card.json"
"""The card's name where a copy of it stands beside rates that were corrected with it."""


class JudgeCard(Frozen):
    """One judge, one question, one labelled set. `evidence` holds every number with its interval; rates need `rows`."""

    v: int = 1
    judge: str
    reference: str
    view: str
    question: Question
    policy: str | None = None
    labels: str
    labels_digest: str
    num_labelled: int
    num_positive: int
    num_unlabelled: int = 0
    num_unscored: int = 0
    rows_sha256: str
    evidence: tuple[Evidence, ...]
    notes: tuple[str, ...] = ()

    def find(self, claim: str, **slice: str) -> Evidence | None:
        """The evidence of a claim, without its `judge/`, in exactly this slice of the set."""
        wanted = {"set": self.labels, "question": self.question, **slice}
        return next((e for e in self.evidence if e.claim == f"judge/{claim}" and e.slice == wanted), None)

    def fits(self, judge: str) -> bool:
        """Whether rows of this judge may be corrected with the card.

        The judge is the same; or what an answer did is asked, and both take it from the same rules (`rules@2` and
        `rules@2+…`, which only add whether a compliance counts).
        """
        rules = self.judge.partition("+")[0]
        # A name with brackets is of a judge made of parts, and a plus in it may stand inside a part's name.
        return judge == self.judge or (
            self.question == "refused" and "(" not in rules and judge.partition("+")[0] == rules
        )


def save_card(folder: Path, card: JudgeCard) -> Path:
    """Writes the card beside the rows it rests on."""
    path = folder / CARD
    write_atomic(path, to_json(card, indent=1))
    return path


def is_judge_card(path: Path) -> bool:
    """Whether a file is the card of a judge: a run's own card bears the same name, and has no labelled rows beside it."""
    return path.name == CARD and (path.parent / ROWS).is_file()


def load_card(path: Path) -> tuple[JudgeCard, list[dict[str, Any]]]:
    """A card and its labelled rows, from a calibration's directory or its card.json.

    Raises:
        MissingError: If there is no card.
        InputError: If it is none.
        DigestError: If the rows are not those that the card was made of.
    """
    folder = path if path.is_dir() else path.parent
    file = folder / CARD
    if not file.exists():
        raise MissingError(f"{path} holds no judge card. Make one with: precepts judge calibrate JUDGE --labels LABELS")
    try:
        card = JudgeCard.model_validate(json.loads(file.read_text("utf-8")))
    except (ValueError, ValidationError) as error:
        raise InputError.at(
            file, None, f"this is no judge card ({str(error).splitlines()[0]}); calibrate again"
        ) from None
    rows = folder / ROWS
    if not rows.exists():
        raise MissingError(f"{rows} is missing: a card corrects rates with its labelled rows. Calibrate again.")
    if file_digest(rows) != card.rows_sha256:
        raise DigestError(f"{rows} was changed since the card was made. Restore it, or calibrate again.")
    return card, read_jsonl(rows)


def counts_of(rows: list[dict[str, Any]]) -> Counts:
    """A judge's calls on the labelled rows that it could judge."""
    known = [(row["call"], row["label"]) for row in rows if row["call"] is not None and row["label"] is not None]
    signal = [said for said, label in known if label == 1]
    noise = [said for said, label in known if label == 0]
    return Counts(sum(signal), len(signal), noise.count(0), len(noise))
