"""The training set: from the bare case to what the student learns. No policy text stands in a prompt; this is the one place to look.

The decision is what fails on small models: in a completion of fifty tokens it is one, and plain cross-entropy spends its weight on the
other forty-nine. So spans carry weights, the three verdicts are balanced, and every training case teaches its decision even where no
answer was generated or kept for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from precepts.deliberative.generate import governing_clause
from precepts.models.format import OPENING
from precepts.policy import Policy
from precepts.training.examples import Example
from precepts.types import Case, Completion, Disposition, Frozen


class Weights(Frozen):
    """How much each part of a completion counts.

    The opening is format, learned from whole completions alone: learned ten thousand times more, it comes back after any blank line.
    The verdict is the decision; the answer's first words carry it out, and are a decision again:
    refusals all begin alike, so without weight there they are the likeliest beginning whatever the verdict was.
    """

    opening: float = 0.1
    verdict: float = 1.0
    clause: float = 0.1
    why: float = 0.05
    first_words: float = 1.0
    answer: float = 0.25
    answer_repeats: int = 3
    max_balance: float = 4.0


def balance(verdicts: Sequence[Disposition], *, most: float) -> dict[Disposition, float]:
    """A factor a verdict that makes refuse and comply count alike in sum, and a rarer verdict at most `most` times itself."""
    counts = Counter(verdicts)
    largest = max(counts.values())
    return {verdict: min(most, largest / count) for verdict, count in counts.items()}


def build_examples(
    cases: Sequence[Case], kept: Mapping[str, Completion], *, policy: Policy, weights: Weights | None = None
) -> list[Example]:
    """One example a case: the decision alone, or the kept completion where there is one, then `answer_repeats` times.

    The verdict is the one that the policy's clause asks for. A case without a clause needs a kept completion.
    """
    w = weights or Weights()
    chosen: list[tuple[Case, Disposition, str, Completion | None]] = []
    for case in cases:
        completion = kept.get(case.id)
        clause = governing_clause(case, policy)
        if completion is not None and completion.verdict and completion.clause:
            chosen.append((case, completion.verdict, completion.clause, completion))
        elif clause is not None:
            chosen.append((case, clause.kind, clause.id, None))
    if not chosen:
        return []
    factor = balance([verdict for _, verdict, _, _ in chosen], most=w.max_balance)
    out: list[Example] = []
    for case, verdict, clause, completion in chosen:
        opening = w.opening if completion is not None else 0.0
        spans = [(OPENING, opening), (f" {verdict}", w.verdict * factor[verdict]), (f"\nclause: {clause}", w.clause)]
        if completion is not None and completion.cot is not None:
            why = completion.cot.rpartition("why:")[2].strip()
            spans += [(f"\nwhy: {why}\n</think>\n", w.why), *_answer_spans(completion.answer, w)]
        example = Example(
            case_id=case.id,
            messages=case.messages,
            spans=tuple(spans),
            ends=completion is not None,
            pair=case.pair,
        )
        out += [example] * (w.answer_repeats if completion is not None else 1)
    return out


def _answer_spans(answer: str, w: Weights) -> list[tuple[str, float]]:
    """The answer's first two words, and the rest."""
    head = " ".join(answer.split(" ")[:2])
    rest = answer[len(head) :]
    return [(head, w.first_words), *([(rest, w.answer)] if rest else [])]
