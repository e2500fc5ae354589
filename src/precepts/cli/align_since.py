"""`--since` of `precepts align`: what it adds to the choices that were given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from precepts.errors import MissingError

Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        help="An earlier run, or the policy before: make and train anew only what the change of the policy touches. "
        "A run also gives cases, model and settings that are not given here.",
    ),
]


def since_of(ctx: typer.Context) -> dict[str, Any]:
    """What `--since` adds: itself and, where it is a run, that run's choices for everything that was not given."""
    from precepts.pipelines.config import config_of
    from precepts.runs import PLAN, Run

    since = ctx.params["since"]
    if since is None:
        return {}
    if not Path(since).exists():
        raise MissingError(f"--since {since}: there is no such run directory or policy file.")
    if not (Path(since) / PLAN).exists():
        return {"since": since}
    old = config_of(Run(since))
    values: dict[str, Any] = {
        "cases": str(Path(since) / "cases.jsonl"), "model": old.model, "teacher": old.teacher, "judge": old.judge, "mode": old.mode,
        "seed": old.seed, "limit": old.limit, "tune": old.sft.mode, "epochs": old.sft.epochs,
    }  # fmt: skip
    given = {name for name in values if getattr(ctx.get_parameter_source(name), "name", "") == "COMMANDLINE"}
    return {"since": since, **{name: value for name, value in values.items() if name not in given}}
