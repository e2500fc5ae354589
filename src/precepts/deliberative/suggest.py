"""Boundary cases for a policy's clauses, proposed by a model and written for a person to accept.

Three forms: *twin*, two messages nearly alike of which one falls under the clause; *exception*, a message that seems to and does not;
*composition*, one message that asks for two things. A proposal is no case: which clause governs it is for the person who accepts it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Literal, NamedTuple, get_args

from precepts.data.duplicates import first_of_each, near_any
from precepts.data.overlap import words
from precepts.models.generation import Conversation, Generated, Model, Sampling
from precepts.policy import Clause, Policy
from precepts.types import Case, Frozen, Message, content_key

Form = Literal["twin", "exception", "composition"]
FORMS: tuple[Form, ...] = get_args(Form)

_LINE = re.compile(r"\s*(?:[-*•]|\d+[.)])?\s*\**\s*([AB])\s*\**\s*[:.)]\s*\**\s*(.+?)\s*", re.IGNORECASE)
_LISTED = re.compile(r"\s*(?:[-*•]|\d+[.)])\s+(.+?)\s*")
_QUOTES = "\"'“”‘’*` "
_FEWEST_WORDS, _MOST_WORDS = 3, 60
_MOST_ALIKE = 0.6
"""Proposals more alike than this to another one say nothing new; lower than for training cases, since a person reads each."""


class Proposal(Frozen):
    """One message for a person to accept, as it stands in the file.

    Attributes:
        accept: null until a person writes true or false.
        clause: The clause that governs it; null where that is for the person to say.
        about: The clause that it was proposed for.
        near: The nearest known case and how alike it is, where there is one.
    """

    id: str
    prompt: str
    about: str
    form: Form
    clause: str | None
    category: str
    pair: str | None = None
    near: str | None = None
    model: str
    accept: bool | None = None
    note: str = ""


class Suggested(NamedTuple):
    """Proposals, and how many lines were left out and why."""

    proposals: list[Proposal]
    dropped: dict[str, int]


def suggest(
    policy: Policy, model: Model, clauses: Sequence[Clause], *, known: Sequence[Case] = (), per_clause: int = 3, forms: Sequence[Form] = FORMS,
    seed: int = 0, max_tokens: int = 300,
) -> Suggested:  # fmt: skip
    """Boundary cases for each clause and form, as many as the model gives in one answer, at most `per_clause`.

    Left out and counted: answers that could not be had, lines in another form, messages too short or long, copies of the clause, twins
    that are one message, and what is nearly another proposal or a known case.
    """
    asked: list[tuple[Clause, Form]] = [(clause, form) for clause in clauses for form in forms]
    made = model.generate(
        [conversation(policy, clause, form, per_clause) for clause, form in asked],
        sampling=Sampling(max_tokens=max_tokens, temperature=0.8, top_p=0.95),
        seeds=[int(content_key(seed, clause.id, form), 16) % 2**31 for clause, form in asked],
    )
    dropped: Counter[str] = Counter()
    found: list[Proposal] = []
    for (clause, form), result in zip(asked, made, strict=True):
        found += _read(policy, clause, form, result, model.name, per_clause, dropped)
    return Suggested(_new(found, known, dropped), dict(sorted(dropped.items())))


def conversation(policy: Policy, clause: Clause, form: Form, number: int) -> Conversation:
    """What the model is asked: the form's instructions, then the clause with what stands beside it."""
    text = (resources.files("precepts.deliberative") / "prompts" / f"suggest_{form}.txt").read_text("utf-8").strip()
    category = policy.category_of(clause.id)
    lines = [f"The rule ({clause.kind}): {clause.text}", f"Why: {clause.reason}"]
    others = [one for one in category.clauses if one.id != clause.id and one.kind != clause.kind]
    if others:
        lines.append("What is answered otherwise in the same category:")
        lines += [f"- ({one.kind}) {one.text}" for one in others]
    return (Message(role="user", content="\n\n".join([text.replace("{{NUMBER}}", str(number)), "\n".join(lines)])),)


def _read(
    policy: Policy, clause: Clause, form: Form, result: Generated, model: str, most: int, dropped: Counter[str]
) -> list[Proposal]:
    if result.stop_reason == "error":
        dropped["could not be had"] += 1
        return []
    lines = [line for line in result.text.rpartition("</think>")[2].splitlines() if line.strip()]
    if result.stop_reason == "length":
        lines = lines[:-1]  # the last one was cut
    category = policy.category_of(clause.id).id
    out: list[Proposal] = []
    first: str | None = None
    for line in lines:
        match, listed = _LINE.fullmatch(line), _LISTED.fullmatch(line)
        if match is None and (listed is None or form == "twin"):
            dropped["another form"] += 1
            continue
        # Of single messages a plain list is as clear as one with A: before each.
        side, text = (match[1].upper(), match[2]) if match else ("A", listed[1] if listed else "")
        text = text.strip(_QUOTES)
        if form != "twin":
            side = "A"
        if not _FEWEST_WORDS <= len(words(text)) <= _MOST_WORDS or text.startswith("["):
            dropped["too short or long"] += 1
            first = None
            continue
        if words(text) == words(clause.text):
            dropped["the clause itself"] += 1
            first = None
            continue
        key = content_key(clause.id, form, text)
        governs = clause.id if form == "twin" and side == "A" else None
        proposal = Proposal(
            id=f"suggested-{key}",
            prompt=text,
            about=clause.id,
            form=form,
            clause=governs,
            category=category,
            model=model,
        )
        if form != "twin":
            out.append(proposal)
        elif side == "A":
            if first is not None:
                dropped["no twin"] += 1
            first = text
            out.append(proposal)
        elif first is None:
            dropped["no twin"] += 1
        elif words(first) == words(text):
            dropped["twins alike"] += 1
            out.pop()
            first = None
        else:
            pair = f"pair-{out[-1].id}"
            out[-1] = out[-1].model_copy(update={"pair": pair})
            out.append(proposal.model_copy(update={"pair": pair}))
            first = None
    whole = [p for p in out if form != "twin" or p.pair is not None]
    dropped["no twin"] += len(out) - len(whole)
    dropped += Counter()
    return whole[: most * (2 if form == "twin" else 1)]


def _new(found: Sequence[Proposal], known: Sequence[Case], dropped: Counter[str]) -> list[Proposal]:
    """Those unlike each other and unlike the known cases, with the nearest known case named; a twin falls with its twin."""
    texts = [p.prompt for p in found]
    sides = [(p.pair is None, p.clause is None) for p in found]
    repeats = first_of_each(texts, threshold=_MOST_ALIKE, kinds=sides)
    nearest: dict[int, tuple[float, str]] = {}
    for first, second, similarity in near_any(texts, [case.prompt for case in known], threshold=_MOST_ALIKE / 2):
        nearest[second] = max(nearest.get(second, (0.0, "")), (similarity, known[first].id))
    lost = {i for i, at in enumerate(repeats) if at is not None}
    taken = {i for i, (similarity, _) in nearest.items() if similarity >= _MOST_ALIKE}
    pairs = {found[i].pair for i in lost | taken} - {None}
    out: list[Proposal] = []
    for i, proposal in enumerate(found):
        if i in lost or i in taken or proposal.pair in pairs:
            dropped["nearly a known case" if i in taken else "nearly another proposal"] += 1
            continue
        near = f"{nearest[i][1]} ({nearest[i][0]:.2f})" if i in nearest else None
        out.append(proposal.model_copy(update={"near": near}))
    return out


def accepted(proposals: Iterable[Proposal], policy: Policy) -> list[Case]:
    """The cases that a person accepted; the pair is kept where both were.

    Raises:
        InputError: If an accepted proposal names a clause that the policy does not have.
        ValueError: If one names none.
    """
    yes = [p for p in proposals if p.accept]
    counts = Counter(p.pair for p in yes)
    out: list[Case] = []
    for p in yes:
        if p.clause is None:
            raise ValueError(f"{p.id} is accepted and names no clause: write the id of the clause that governs it")
        out.append(
            Case.model_validate(
                {
                    "id": p.id, "prompt": p.prompt, "clauses": [p.clause], "category": policy.category_of(p.clause).id,
                    "pair": p.pair if counts[p.pair] == 2 else None, "form": p.form, "source": f"proposed by {p.model}, accepted by a person",
                }
            )
        )  # fmt: skip
    return out
