"""The judge's prompt: templates filled in one pass, with the text under judgment fenced off as data."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Literal

from precepts.judges.judge import Item
from precepts.models.generation import Conversation
from precepts.policy import Policy, brief
from precepts.types import Message

_PLACEHOLDER = re.compile(r"\{\{([A-Z]+)\}\}")


@cache
def template(name: str) -> str:
    """A template of `prompts/`, by name."""
    return resources.files("precepts.judges").joinpath("prompts", f"{name}.txt").read_text("utf-8")


def fill(text: str, values: Mapping[str, str]) -> str:
    """The template with each `{{NAME}}` replaced, in one pass: what is put in is never read as a template itself."""
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


def fence(first: str, *others: str) -> str:
    """A mark that none of the texts holds, made from their content alone: the same texts, the same mark anywhere.

    Made of the first text, unless another holds it: prompts about several answers to one conversation begin alike, and are read
    once up to where the answer begins. A text cannot hold its mark, whatever it tries: a mark that one holds is not used.
    """
    joined = "\x00".join((first, *others))
    seed = first
    while True:
        mark = "DATA-" + hashlib.sha256(seed.encode("utf-8", "replace")).hexdigest()[:8]
        if mark not in joined:
            return mark
        seed = mark + seed


def judge_prompt(
    item: Item, policy: Policy, category_id: str, *, view: Literal["answer", "full"], ask: Literal["verdict", "forward"]
) -> Conversation:
    """What the judge is shown: the brief and how to judge, equal for a whole category; the data; the question.

    What other annotators said of the item stands after the data, and a judge that gives a verdict must agree or disagree
    with it: advice guides and is not to be trusted (Guan et al. 2024, arXiv 2412.16339, section on filtering).
    """
    values = {"BRIEF": brief(policy, category_id), "CLAUSE": _clause(item)}
    return prompt_of(item, view=view, values=values, ask=ask, instructions="instructions", advised=ask == "verdict")


def prompt_of(
    item: Item,
    *,
    view: Literal["answer", "full"],
    values: Mapping[str, str],
    ask: str,
    instructions: str,
    advised: bool = False,
) -> Conversation:
    """Instructions from a template, then the item fenced off as data, then what is asked, each filled with `values`.

    `advised`: what other annotators said of the item is shown and asked about too, if anything was said.
    """
    conversation = "\n".join(f"{message.role}: {message.content}" for message in item.case.messages)
    reasoning = item.completion.cot or "(none)"
    answer = item.completion.answer
    advice = "\n".join(f"Another annotator said: {said}" for said in item.advice) if advised else ""
    values = {
        "CLAUSE": "",
        **values,
        "FENCE": fence(conversation, reasoning, answer, *filter(None, (advice,))),
        "CONVERSATION": conversation,
        "REASONING": reasoning,
        "ANSWER": answer,
        "ADVICE": advice,
    }
    asked = fill(template(view), values) + ("\n" + fill(template("advice"), values) if advice else "")
    question = asked + fill(template(f"{ask}_advised" if advice else ask), values)
    # What holds for the whole category stands first, then the clause, then the conversation: rows share what they begin with.
    return (
        Message(role="system", content=fill(template(instructions), values).strip()),
        Message(role="user", content=question.strip()),
    )


def _clause(item: Item) -> str:
    clause = item.clause
    if clause is None:
        return "Which clause governs this case is for you to find."
    return (
        f"The clause that governs this case is {clause.id}: {clause.text} It asks to {clause.kind.replace('_', ' ')}."
    )
