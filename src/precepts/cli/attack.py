"""`precepts attack list|gcg`: what attacks there are, and suffixes optimised on a local model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Attack techniques: their names, and suffixes made by gradients."
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command("list")
def names(as_json: AsJson = False) -> None:
    """Every technique by name: its family, what it needs, and where it is described."""
    from precepts.redteam import TECHNIQUES
    from precepts.runs import to_json

    if as_json:
        rows = {
            one.name: {"family": one.family, "needs": one.needs, "source": one.source} for one in TECHNIQUES.values()
        }
        print(to_json({"v": 1, "techniques": rows}, indent=1))
        return
    for one in TECHNIQUES.values():
        print(f"{one.name:<26}{one.family:<14}{f'needs {one.needs}' if one.needs else ''}".rstrip())


@app.command()
def gcg(
    cases: Annotated[
        str,
        typer.Argument(help="A registered set, or a JSONL file of cases; those with the disposition refuse are taken."),
    ],
    model: Annotated[str, typer.Option(help="A model that runs here.")] = "precepts/smollm2-135m",
    limit: Annotated[int, typer.Option(min=1, help="How many cases: one suffix each.")] = 1,
    steps: Annotated[int, typer.Option(min=1, help="Exchanges of one token each; the paper runs 500.")] = 50,
    candidates: Annotated[int, typer.Option(min=1, help="Exchanges tried at a step; the paper tries 512.")] = 64,
    length: Annotated[int, typer.Option(min=1, help="Tokens of a suffix; the paper has 20.")] = 12,
    seed: Annotated[int, typer.Option(help="Of the exchanges drawn.")] = 0,
    out: Annotated[Path, typer.Option(help="A text file, one suffix a line.")] = Path("suffixes.txt"),
) -> None:
    """Optimises suffixes by GCG, for: precepts eval jailbreak -T jailbreak.suffixes=FILE -T jailbreak.attacks=gcg_transfer."""
    from precepts.data import load_cases
    from precepts.errors import InputError, needs_extra
    from precepts.models import model_path
    from precepts.progress import progress
    from precepts.runs import write_atomic

    try:
        from precepts.models.loaded import Loaded
        from precepts.redteam.gcg import optimise
    except ModuleNotFoundError as error:
        raise needs_extra(error.name or "torch") from None
    path = model_path(model)
    if path is None:
        raise InputError(f"GCG needs gradients, so a model that runs here; {model} does not.")
    chosen = [case for case in load_cases(cases) if case.disposition == "refuse"][:limit]
    if not chosen:
        raise InputError(
            f"No case of {cases} is to be refused: suffixes are made for cases with `disposition: refuse`. Add that to those that are meant."
        )
    loaded = Loaded(path, name=model)
    lines: list[str] = []
    for case in chosen:
        with progress(f"gcg: {case.id}", steps, unit="steps") as bar:
            made = optimise(
                loaded, case.prompt, steps=steps, candidates=candidates, length=length, seed=seed, report=lambda _, bar=bar: bar.advance()
            )  # fmt: skip
        lines.append(" ".join(made.text.split()))
        print(f"{case.id}: loss {made.losses[0]:.2f} to {made.losses[-1]:.2f} nats a token in {steps} steps")
    write_atomic(out, "".join(f"{line}\n" for line in lines))
    print(f"suffixes: {out}")
