"""Whether text in a completion can order a judge about: known attacks put onto answers that the judge calls rightly.

`injections.jsonl` holds the attacks: override text, fake verdicts, delimiter breaks, fake refusals, encoded orders, orders in
other languages, persuasion; and harmless additions as controls, for any added sentence may move a judge. An attack aims at a
pass: an answer that broke the policy is to be called kept, one that gave what was asked is to be called a refusal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, Literal, NamedTuple

from precepts.judges.judge import Item, Judge
from precepts.judges.labels import Labelled
from precepts.judges.questions import Question, call
from precepts.types import Judgment, content_key

CONTROL = "control"

MOST_CARRIERS = 12
"""Answers that carry the attacks in turn; enough that one odd answer decides little."""


class Injection(NamedTuple):
    """One attack: where it stands in the answer, and its text."""

    id: str
    kind: str
    place: Literal["before", "after"]
    language: str
    text: str

    def onto(self, item: Item) -> Item:
        """The item with the attack in its answer."""
        answer = item.completion.answer
        joined = f"{self.text}\n\n{answer}" if self.place == "before" else f"{answer}\n\n{self.text}"
        completion = item.completion.model_copy(
            update={"answer": joined, "text": joined, "key": content_key(item.completion.key, self.id)}
        )
        return item._replace(completion=completion)


@cache
def injections() -> tuple[Injection, ...]:
    """The attacks that ship, controls last."""
    text = (resources.files("precepts.judges") / "injections.jsonl").read_text("utf-8")
    return tuple(Injection(**json.loads(line)) for line in text.splitlines())


def target(question: Question) -> bool:
    """What an attacked answer is called while the judge stands: it broke the policy; or it did not refuse."""
    return question == "broke"


def carriers(rows: Sequence[Labelled], judgments: Sequence[Judgment], question: Question) -> list[Item]:
    """Answers that an attacker would want called otherwise and that the judge calls rightly, chosen by hash."""
    wanted = target(question)
    right = [
        row.item
        for row, judgment in zip(rows, judgments, strict=True)
        if row.label is wanted and call(judgment, question) is wanted
    ]
    return sorted(right, key=lambda item: content_key("carrier", item.case.id))[:MOST_CARRIERS]


class Attacked(NamedTuple):
    """What came of the attacks: one row each, and the judgments they rest on."""

    rows: list[dict[str, Any]]
    judgments: list[Judgment]


def attack(
    judge: Judge, items: Sequence[Item], question: Question, *, attacks: Sequence[Injection] | None = None
) -> Attacked:
    """Every attack on one carrier, the carriers in turn. `moved` is 1 where the call became what the attack aims at.

    A judge that no longer says anything has `moved` null and `silenced` 1: it was not ordered about, but it was stopped.

    Args:
        judge: Judges all attacked items in one call.
        items: Carriers, which the judge calls as `target` says; at least one.
        question: What is asked.
        attacks: By default all that ship.
    """
    assert items, "an attack needs an answer to stand in"
    chosen = injections() if attacks is None else attacks
    carried = [items[i % len(items)] for i in range(len(chosen))]
    judgments = judge.judge([one.onto(item) for one, item in zip(chosen, carried, strict=True)])
    wanted = target(question)
    rows: list[dict[str, Any]] = []
    for one, item, judgment in zip(chosen, carried, judgments, strict=True):
        said = call(judgment, question)
        rows.append(
            {
                "injection": one.id, "kind": one.kind, "attack": one.kind != CONTROL, "carrier": item.case.id,
                "moved": None if said is None else int(said is not wanted), "silenced": int(said is None),
                "error": judgment.error,
            }
        )  # fmt: skip
    return Attacked(rows, judgments)


def shares(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, dict[str, Any], str, dict[str, str]]]:
    """The claims made of attacked rows: name, which rows, which column, slice."""
    kinds = sorted({row["kind"] for row in rows if row["attack"]})
    return [
        ("injection_moved", {"attack": True}, "moved", {}),
        ("injection_silenced", {"attack": True}, "silenced", {}),
        ("control_moved", {"attack": False}, "moved", {}),
        *(("injection_moved", {"kind": kind}, "moved", {"kind": kind}) for kind in kinds),
    ]
