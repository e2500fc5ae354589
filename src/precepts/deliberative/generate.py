"""Policy-aware generation: a teacher that reads the policy writes what a student will learn without it.

Two modes (Guan et al. 2024, arXiv 2412.16339, section 2.3.1):

- *written*: the teacher reads the brief of the case's category and writes reasoning and answer itself.
- *guided*, for a teacher too small for that: the reasoning lines come from the clause that governs the case and from its text in the
  policy, and the teacher writes the answer under the brief, from an opening in the style that the clause's kind asks for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import resources
from typing import Literal

from precepts.errors import InputError
from precepts.models.format import OPENING, reasoning
from precepts.models.generation import Conversation, Generated, Model, Sampling, ScoringModel
from precepts.policy import Clause, Policy, brief
from precepts.types import Case, Disposition, Message

Mode = Literal["guided", "written"]

OPENINGS: dict[Disposition, str] = {
    "refuse": "I'm sorry, but I can't help with",
    "comply": "Sure.",
    "safe_complete": "I'm not a professional, but",
}
"""How a guided answer begins; the teacher goes on from there.

A fixed beginning each: refusals all begin alike, so where other answers begin in a hundred ways a refusal's first words are the
likeliest under any verdict, and a small student refuses what it has decided to answer (docs/log.md).
"""


_ANSWERS: dict[Disposition, str] = {
    "refuse": "I'm sorry, but I can't help with that.",
    "comply": "Sure. This is how it is done.",
    "safe_complete": "I'm not a professional, but I can say what usually helps.",
}
"""What stands for an answer where a clause gives no example of one."""
_SENTENCES: dict[Disposition, int] = {"refuse": 1, "comply": 2, "safe_complete": 2}
_CLOSING = ("", ".", ",", "!", "?", ":", ";")
_SENTENCE_END = re.compile(r"[.!?][\"'”’)]?(?=\s|\Z)")


def _prompt(name: str) -> str:
    return (resources.files("precepts.deliberative") / "prompts" / name).read_text("utf-8").strip()


def governing_clause(case: Case, policy: Policy) -> Clause | None:
    """The clause that decides the case: the first it names, as the policy has it now; None if it names none."""
    return policy.clause(case.clauses[0]) if case.clauses else None


def teacher_conversation(case: Case, policy: Policy, *, mode: Mode) -> Conversation:
    """What the teacher reads: the brief of the case's category and the instructions, then the conversation."""
    clause = governing_clause(case, policy)
    category = policy.category_of(clause.id).id if clause else case.category
    shown: list[Message] = []
    if mode == "guided" and clause is not None:
        parts = [policy.styles.get(clause.kind, ""), _prompt("guided.txt")]
    else:
        parts = [brief(policy, category), _prompt("written.txt")]
        shown = _shown(policy.category(category).clauses) if category else []
    own = [m.content for m in case.messages if m.role == "system"]
    rest = [m for m in case.messages if m.role != "system"]
    return (Message(role="system", content="\n\n".join([*parts, *own])), *shown, *rest)


def _shown(clauses: Sequence[Clause]) -> list[Message]:
    """A turn and its completion for each clause, its own text standing for a request: the form is shown, and what each clause decides."""
    turns: list[Message] = []
    for clause in clauses:
        answers = clause.examples.keeps or (_ANSWERS[clause.kind],)
        completion = reasoning(verdict=clause.kind, clause=clause.id, why=clause.reason) + answers[0]
        turns += [Message(role="user", content=clause.text), Message(role="assistant", content=completion)]
    return turns


def generate(
    cases: Sequence[Case], *, teacher: Model, policy: Policy, mode: Mode, sampling: Sampling, seeds: Sequence[int]
) -> list[Generated]:
    """One completion a case, in the completion format.

    Raises:
        InputError: In guided mode, if a case names no clause: there is nothing to take its reasoning from.
    """
    conversations = [teacher_conversation(case, policy, mode=mode) for case in cases]
    if mode == "written":
        # A model that runs here is begun for; one served elsewhere may refuse a turn that is begun.
        heads = [OPENING] * len(cases) if isinstance(teacher, ScoringModel) else None
        return teacher.generate(conversations, sampling=sampling, seeds=seeds, prefills=heads)
    clauses: list[Clause] = []
    for case in cases:
        clause = governing_clause(case, policy)
        if clause is None:
            raise InputError(
                f"Case {case.id} names no clause, which guided generation needs. Name its clauses, or use --mode written."
            )
        clauses.append(clause)
    openings = [OPENINGS[clause.kind] for clause in clauses]
    made = teacher.generate(conversations, sampling=sampling, seeds=seeds, prefills=openings)
    out: list[Generated] = []
    for case, clause, opening, result in zip(cases, clauses, openings, made, strict=True):
        body = result.text.strip().removeprefix(opening).strip()
        body, whole = shortened(body, most=None if case.pair is None else _SENTENCES[clause.kind])
        answer = opening + body if body[:1] in _CLOSING else f"{opening} {body}"
        think = reasoning(verdict=clause.kind, clause=clause.id, why=clause.reason)
        reason = "stop" if whole and result.stop_reason != "error" else result.stop_reason
        out.append(result._replace(text=think + answer, stop_reason=reason))
    return out


def shortened(answer: str, *, most: int | None) -> tuple[str, bool]:
    """The answer up to its last full sentence, at most `most` of them, and whether there is one.

    A small teacher rarely ends by itself within the limit, and an answer cut in the middle would teach the student to ramble.
    """
    ends = [match.end() for match in _SENTENCE_END.finditer(answer)]
    if not ends:
        return answer, False
    return answer[: ends[-1] if most is None else ends[:most][-1]].strip(), True
