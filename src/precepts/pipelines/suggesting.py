"""`precepts policy suggest` and `precepts policy accept`: proposals to a file, and what a person accepted of it to cases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from precepts.data import load_cases
from precepts.deliberative.suggest import FORMS, Form, Proposal, Suggested, accepted, suggest
from precepts.errors import InputError, MissingError
from precepts.models import open_model
from precepts.pipelines.policy_diff import open_policy
from precepts.runs import numbered_jsonl, to_json, write_atomic


def suggest_cases(
    policy: str, out: Path, *, model: str, clauses: Sequence[str] = (), known: str | None = None, per_clause: int = 3,
    forms: Sequence[str] = FORMS, seed: int = 0,
) -> Suggested:  # fmt: skip
    """Proposes boundary cases and writes them, one a line, with `accept` left for a person.

    Raises:
        PreceptsError: If policy, model or known cases cannot be had, a clause is not of the policy, or `out` is there already.
    """
    found = open_policy(policy)
    if out.exists():
        raise InputError(f"{out} is there already. Give a new file, so that nothing that was accepted is lost.")
    chosen: list[Form] = [one for one in FORMS if one in forms]
    if len(chosen) < len(set(forms)) or not chosen:
        raise InputError(f"Forms are {', '.join(FORMS)}; got {', '.join(forms)}.")
    if per_clause < 1:
        raise InputError(f"-n is at least 1, not {per_clause}.")
    wanted = [found.clause(one) for one in clauses] if clauses else list(found.clauses)
    cases = load_cases(known) if known else []
    made = suggest(found, open_model(model), wanted, known=cases, per_clause=per_clause, forms=chosen, seed=seed)
    write_atomic(out, "".join(to_json(p) + "\n" for p in made.proposals))
    return made


def accept_cases(file: Path, out: Path, *, policy: str) -> int:
    """Writes the accepted proposals of a file as cases; gives how many.

    Raises:
        PreceptsError: If a row is no proposal or an accepted one names no clause of the policy (`path:line: …`), or none is accepted.
    """
    if not file.is_file():
        raise MissingError(
            f"There is no file {file}. Make one with: precepts policy suggest {policy} --model REF --out {file}"
        )
    found = open_policy(policy)
    cases = []
    proposals: list[Proposal] = []
    for number, row in numbered_jsonl(file):
        try:
            proposals.append(Proposal.model_validate(row))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise InputError.at(
                file, number, f"no proposal: `{'.'.join(map(str, first['loc']))}` {first['msg']}"
            ) from None
        try:
            accepted(proposals[-1:], found)
        except (InputError, ValueError) as error:
            raise InputError.at(file, number, str(error)) from None
    cases = accepted(proposals, found)
    if not cases:
        raise InputError(f"{file}: nothing is accepted. Write true for `accept` in the rows that you want.")
    if out.exists():
        raise InputError(f"{out} is there already. Give a new file.")
    write_atomic(out, "".join(case.model_dump_json(exclude_none=True, exclude_defaults=True) + "\n" for case in cases))
    return len(cases)
