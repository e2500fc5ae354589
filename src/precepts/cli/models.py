"""`precepts models`: the embedded model, and GGUF files as model directories."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from precepts.errors import InputError, MissingError

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Models that run here.")


@app.command("pull")
def pull() -> None:
    """Brings the embedded model (SmolLM2-135M-Instruct, Apache-2.0) into the cache: 93 MB, about a minute."""
    from precepts.models.embedded import NAME, pull_embedded

    print(f"precepts/{NAME}: looking in the cache, else downloading and converting once", file=sys.stderr)
    print(pull_embedded())


@app.command("convert")
def convert(
    gguf: Annotated[Path, typer.Argument(help="A GGUF file.")],
    out: Annotated[Path, typer.Argument(help="The directory to make.")],
) -> None:
    """Writes a GGUF file as an ordinary model directory: safetensors, configuration, tokenizer."""
    from precepts.models.embedded import convert_gguf

    if not gguf.is_file():
        raise MissingError(f"There is no file {gguf}. Give a GGUF file.")
    if out.exists():
        raise InputError(f"{out} is there already. Give a directory that does not exist.")
    print(convert_gguf(gguf, out))


@app.command("path")
def path(ref: Annotated[str, typer.Argument(help="A model reference.")] = "precepts/smollm2-135m") -> None:
    """Prints the directory of a model that runs here."""
    from precepts.models import model_path

    found = model_path(ref)
    if found is None:
        raise InputError(f"{ref} is served elsewhere; it has no directory here.")
    print(found)
