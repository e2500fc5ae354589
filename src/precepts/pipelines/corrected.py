"""Judge cards applied to what a run measured: beside each raw refusal rate the one corrected for how often its judge is wrong.

Every card in `runs/judges` (where `precepts judge calibrate` puts them), and every card named, that fits an arm's judge is used; of several
the one with the most labels. The correction (Rogan and Gladen) holds if the judge errs on these answers as it did on the card's: the
evidence names the card's labels in its slice, so that a reader can judge that.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from precepts.errors import PreceptsError
from precepts.judges.card import CARD, JudgeCard, load_card
from precepts.pipelines.rate import rate
from precepts.runs import Row, Run
from precepts.types import Evidence

CARDS = Path("runs/judges")
CORRECTED = "corrected"
_RATES = (("refusal_rate", "refuse", "higher"), ("overrefusal_rate", "comply", "lower"))


class Found(NamedTuple):
    """A card and where it is."""

    card: JudgeCard
    path: Path


def cards_in(folders: Sequence[Path]) -> list[Found]:
    """The readable cards of these calibrations, or of the calibrations in these folders; the ones with the most labels first.

    A folder without any is passed over, and so is a card that cannot be read: it corrects nothing.
    """
    out: list[Found] = []
    for folder in folders:
        for path in sorted({folder / CARD, *folder.glob(f"*/{CARD}")}):
            if path.is_file():
                try:
                    out.append(Found(load_card(path)[0], path.parent))
                except PreceptsError:
                    continue
    return sorted(out, key=lambda one: (-one.card.num_labelled, str(one.path)))


def corrected(
    root: Path, *, cards: Sequence[Path] = (), arms: Sequence[tuple[str, str]] | None = None
) -> list[Evidence]:
    """Corrects what a run measured, and writes it to `eval/corrected/evidence.jsonl`; nothing where no card fits.

    Args:
        root: The run, or the directory that holds `eval/`.
        cards: Calibrations that are used before those in `runs/judges`.
        arms: Only these (set, arm); by default all. Evidence of the others stays as it is.
    """
    known = [*cards_in(list(cards)), *cards_in([CARDS])]
    home = Run(root).stage("eval").stage(CORRECTED)
    kept = [Evidence.model_validate(row) for row in home.rows("evidence")]
    made: list[Evidence] = []
    reasons = home.rows("why")
    done: set[tuple[str, str]] = set()
    for plan in sorted((root / "eval").glob("*/*/plan.json")):
        told = json.loads(plan.read_text("utf-8"))
        finished = plan.parent / "run.json"
        key = (str(told.get("set")), str(told.get("arm")))
        if "arm" not in told or not finished.exists() or (arms is not None and key not in arms):
            continue
        judge = str(json.loads(finished.read_text("utf-8")).get("judge", ""))
        chosen = next((one for one in known if one.card.question == "refused" and one.card.fits(judge)), None)
        if chosen is not None:
            done.add(key)
            found, why = _arm(root, plan.parent, key, chosen)
            made += found
            reasons = [row for row in reasons if (row["set"], row["arm"]) != key] + why
    evidence = [e for e in kept if (e.slice["set"], e.slice["arm"]) not in done] + made
    if evidence:
        home.write("evidence", evidence)
        home.write("why", reasons)
    return made


def _arm(root: Path, folder: Path, key: tuple[str, str], chosen: Found) -> tuple[list[Evidence], list[Row]]:
    """Both refusal rates of one arm, raw where the evaluation does not give it, and corrected; and why one cannot be had."""
    asked = {row.get("asked") for row in Run(folder).rows("scores")}
    out: list[Evidence] = []
    why: list[Row] = []
    for claim, kind, better in _RATES:
        if kind not in asked:
            continue
        place = folder / "rates" / f"{claim}-{chosen.card.rows_sha256[:12]}"
        found = rate(folder, card=chosen.path, where={"asked": kind}, out=place)
        for one in found.rates:
            how = one.evidence.claim.rpartition("refused_rate_")[2]
            if how == "raw" and claim == "refusal_rate":
                continue  # the evaluation has it already
            name = claim if how == "raw" else f"{claim}_corrected"
            inputs = tuple(
                i.model_copy(update={"path": str((place / i.path).relative_to(root))}) for i in one.evidence.inputs
            )
            if one.why:
                why.append({"set": key[0], "arm": key[1], "claim": name, "card": chosen.card.labels, "why": one.why})
            slice_ = {"arm": key[1], "set": key[0], **({} if how == "raw" else {"card": chosen.card.labels})}
            out.append(
                one.evidence.model_copy(
                    update={"claim": f"align/{name}", "slice": slice_, "inputs": inputs, "better": better}
                )
            )
    return out, why
