"""`precepts models`: the embedded model."""

from __future__ import annotations

import sys

import typer

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Models that run here.")


@app.command("pull")
def pull() -> None:
    """Brings the embedded model (SmolLM2-135M-Instruct, Apache-2.0) into the cache: 93 MB, about a minute."""
    from precepts.models.embedded import NAME, pull_embedded

    print(f"precepts/{NAME}: looking in the cache, else downloading and converting once", file=sys.stderr)
    print(pull_embedded())


@app.command("path")
def path(ref: str = typer.Argument("precepts/smollm2-135m", help="A model reference.")) -> None:
    """Prints the directory of a model that runs here."""
    from precepts.errors import InputError
    from precepts.models import model_path

    found = model_path(ref)
    if found is None:
        raise InputError(f"{ref} is served elsewhere; it has no directory here.")
    print(found)
