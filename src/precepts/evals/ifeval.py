"""IFEval: whether an answer keeps the constraints of its prompt, decided by program and not by a judge.

Zhou et al. 2023, "Instruction-Following Evaluation for Large Language Models" (arXiv 2311.07911). It is the capability
side check of a model trained on a policy: following instructions should not get worse. Only the strict accuracy of the
paper is here, on the answer as it stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from precepts.data import entry, load_cases, read_texts
from precepts.data.parse import ifeval_rows
from precepts.errors import InputError
from precepts.evals.ifeval_checks import CHECKS
from precepts.types import Case


@dataclass(frozen=True, slots=True)
class Instruction:
    """One checkable constraint of a prompt: its id in IFEval, such as `punctuation:no_comma`, and its arguments."""

    id: str
    arguments: dict[str, Any]

    def kept(self, answer: str) -> bool:
        """Whether the answer keeps the constraint. An empty answer keeps none.

        Raises:
            MissingError: If the constraint is about language or sentences and `precepts[evals]` is not installed.
        """
        return bool(answer.strip()) and CHECKS[self.id](answer, **self.arguments)


def ifeval_cases() -> list[Case]:
    """The 541 prompts, all of which have constraints that can be checked. Errors as in `load_cases`."""
    return load_cases("ifeval")


def instructions(case: Case) -> tuple[Instruction, ...]:
    """The constraints of an IFEval case, in the order of the set.

    Raises:
        InputError: If the case is not one of IFEval.
    """
    found = _instructions().get(case.id)
    if found is None:
        raise InputError(f"The case {case.id!r:.80} is not one of IFEval. Take the cases from ifeval_cases().")
    return found


def check(case: Case, answer: str) -> list[bool]:
    """Whether the answer keeps each constraint of the case; their mean over all answers is instruction accuracy."""
    return [instruction.kept(answer) for instruction in instructions(case)]


def strict_prompt(case: Case, answer: str) -> bool:
    """Whether the answer keeps all constraints of the case; its mean over the cases is prompt accuracy."""
    return all(check(case, answer))


@cache
def _instructions() -> dict[str, tuple[Instruction, ...]]:
    return {
        f"ifeval/{row['key']}": tuple(
            Instruction(id, {key: value for key, value in arguments.items() if value is not None})
            for id, arguments in zip(row["instruction_id_list"], row["kwargs"], strict=True)
        )
        for row in ifeval_rows(read_texts(entry("ifeval")))
    }
