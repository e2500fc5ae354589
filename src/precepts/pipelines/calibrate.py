"""`precepts judge calibrate`: a judge over a labelled set, kept as a run whose card later rates use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from precepts.errors import InputError
from precepts.judges import Judge
from precepts.judges.card import ROWS, JudgeCard, load_card, save_card
from precepts.judges.injections import attack, carriers, injections, shares
from precepts.judges.labels import Labels, load_labels, sample_labels
from precepts.judges.measure import Source, evidence_of, ratings_of, rows_of
from precepts.judges.questions import Question, call
from precepts.judges.set_policies import set_policy
from precepts.pipelines.judging import can_say, open_judge
from precepts.policy import Policy, load_policy, starter_path
from precepts.progress import progress
from precepts.runs import Run, file_digest
from precepts.types import Judgment

BATCH = 64
"""Answers in one call of a judge; what was judged is kept after each."""


_NO_CARRIER = "no attack was tried: the judge calls none of the labelled answers rightly that an attacker would want called otherwise"


class Calibrated(NamedTuple):
    """A finished calibration."""

    card: JudgeCard
    path: Path


def calibrate(
    judge: str,
    labels: str,
    *,
    policy: str | None = None,
    question: Question | None = None,
    inject: bool = True,
    split: str | None = None,
    limit: int | None = None,
    k: int = 1,
    out: Path | None = None,
    command: str,
) -> Calibrated:
    """Judges every labelled answer, measures the judge, and saves rows, evidence and card.

    Args:
        judge: See `judging.JUDGES`.
        labels: A registered set, `demo`, or a file; see `judges.labels`.
        policy: A policy's file or `starter`, for judges that read one; by default the rules that a registered set was labelled under.
        question: What a file's labels answer.
        inject: Whether to try to order the judge about, which costs one judgment for each attack.
        split: Only the rows of this split.
        limit: At most so many rows, taken by hash and not from the front.
        k: Runs of an LLM judge, of which the least counts.
        out: The directory; by default `runs/judges/JUDGE-LABELS`.
        command: The command line, for the record.

    Raises:
        PreceptsError: If judge, policy or labels cannot be had, or no row is labelled.
    """
    found = load_policy(starter_path() if policy == "starter" else Path(policy)) if policy else set_policy(labels)
    asked = load_labels(labels, question=question, policy=found)
    asked = sample_labels(asked, split=split, limit=limit)
    opened = open_judge(judge, found, k=k, question=asked.question)
    if not can_say(opened, asked.question):
        raise InputError(
            f"{opened.name} says whether an answer broke the policy, and {asked.name} whether it {asked.question}. "
            "Give labels of the former, of a file with --question broke, or a judge such as rules or probe."
        )
    run = Run(out or Path("runs/judges") / f"{_plain(judge)}-{_plain(asked.name)}{f'-{split}' if split else ''}")
    with run.locked():
        run.begin(
            {
                "judge": opened.name, "reference": judge, "labels": asked.name, "digest": asked.digest,
                "question": asked.question, "policy": found.digest if found else None, "split": split, "limit": limit, "k": k,
                "inject": inject,
            }
        )  # fmt: skip
        if run.finished:
            return Calibrated(load_card(run.path)[0], run.path)
        judgments = _judged(run, opened, asked)
        if inject:
            _attacked(run, opened, asked, judgments)
        card = _measured(run, opened, judge, asked, judgments, found, inject=inject)
        save_card(run.path, card)
        run.finish(judge=opened.name, command=command)
    return Calibrated(card, run.path)


def _judged(run: Run, judge: Judge, labels: Labels) -> list[Judgment]:
    items = {row.item.case.id: row.item for row in labels.rows}
    if len(items) < len(labels.rows):
        raise InputError(f"{labels.name} holds two answers of one id; give each its own.")
    ids = list(items)
    planned = [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]

    def make(_: int, keys: Sequence[str]) -> list[dict[str, Any]]:
        return [j.model_dump(mode="json") for j in judge.judge([items[key] for key in keys])]

    out: list[Judgment] = []
    _forget_failures(run, planned)
    done = len(run.rows("judgments"))
    with progress(f"judge {labels.name}", len(ids), unit="answers") as bar:
        for _, rows in run.batches("judgments", planned, make):
            out += [Judgment.model_validate(row) for row in rows]
            bar.advance(len(rows), replayed=len(out) <= done)
    return out


def _forget_failures(run: Run, planned: Sequence[Sequence[str]]) -> None:
    """Cuts what an unfinished run holds at the first batch of which nothing was judged: a judge that was down is asked again."""
    rows = run.rows("judgments")
    start = 0
    for keys in planned:
        batch = rows[start : start + len(keys)]
        if batch and all(row["score"] is None and row["verdict"] is None for row in batch):
            run.write("judgments", rows[:start])
            return
        start += len(keys)


def _attacked(run: Run, judge: Judge, labels: Labels, judgments: Sequence[Judgment]) -> None:
    """Puts every attack onto answers that the judge calls rightly; without such an answer there is nothing to move."""
    items = carriers(labels.rows, judgments, labels.question)
    if run.rows("injections") or not items:
        return
    with progress("injections", len(injections()), unit="attacks") as bar:
        found = attack(judge, items, labels.question)
        bar.advance(len(found.rows))
    run.write("injection_judgments", found.judgments)
    run.write("injections", found.rows)


def _measured(
    run: Run, judge: Judge, reference: str, labels: Labels, judgments: Sequence[Judgment], policy: Policy | None, *, inject: bool
) -> JudgeCard:  # fmt: skip
    rows, ratings = rows_of(labels, judgments), ratings_of(labels, judgments, judge=judge.name)
    run.write(ROWS.removesuffix(".jsonl"), rows)
    run.write("ratings", ratings)
    version = f"{policy.id}@{policy.digest}" if policy else None
    source = Source(
        run.path, run.table("rows"), run.table("ratings"), labels.name, labels.question, judge.name, version
    )
    evidence = evidence_of(source, rows, ratings)
    attacked = run.rows("injections")
    evidence += [
        source.evidence(
            name, "wilson@1", path=run.table("injections"), where=where, params={"score": column}, slice=slice_, better="lower"
        )
        for name, where, column, slice_ in (shares(attacked) if attacked else [])
    ]  # fmt: skip
    run.write("evidence", evidence)
    known = [row for row in rows if row["label"] is not None]
    unscored = sum(call(j, labels.question) is None for j in judgments)
    if known and unscored == len(rows):
        raise InputError(
            f"The judge {judge.name} says of no answer whether it {labels.question}: {judgments[0].error or 'no verdict'}. "
            f"Use a judge that does, or other labels; its text is kept in {run.table('judgments')}. If it was down, the same command "
            "asks it again."
        )
    return JudgeCard(
        judge=judge.name, reference=reference, view=judge.view, question=labels.question, policy=version, labels=labels.name,
        labels_digest=labels.digest, num_labelled=len(known), num_positive=sum(row["label"] for row in known),
        num_unlabelled=len(rows) - len(known), num_unscored=unscored, rows_sha256=file_digest(run.table("rows")),
        evidence=tuple(evidence), notes=(*labels.notes, *_notes(known), *([_NO_CARRIER] if inject and not attacked else [])),
    )  # fmt: skip


def _notes(known: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    notes: list[str] = []
    for label, word in ((1, "positive"), (0, "negative")):
        n = sum(row["label"] == label for row in known)
        if n < 30:
            notes.append(f"{n} {word} labels: rates corrected with this card have wide intervals, or none")
    return tuple(notes)


def _plain(name: str) -> str:
    return "".join(sign if sign.isalnum() else "-" for sign in name).strip("-")[:60]
