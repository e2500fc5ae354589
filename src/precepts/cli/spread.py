"""The two options that say who does the work: this process, workers on this machine, or a Ray cluster."""

from __future__ import annotations

from typing import Annotated

import typer

from precepts.cli.counts import at_least

Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        callback=at_least(1),
        help="Spread the work over so many Ray workers. Default: none, in this process.",
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option("--ray", metavar="ADDRESS", help="HOST:PORT of a running Ray, or auto. Default: one on this machine."),
]
