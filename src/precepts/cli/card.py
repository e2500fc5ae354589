"""`precepts card`: build and verify."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The system card.")
@app.command("build")
def build() -> None:
    """x"""
@app.command("verify")
def verify() -> None:
    """x"""
