"""`precepts data`: check cases, clean them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from precepts.runs import to_json

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Cases: near duplicates, repeated test sets, balance."
)

Source = Annotated[str, typer.Argument(help="Cases: a JSONL file, `starter`, or the name of a public set.")]
PolicyRef = Annotated[
    str | None, typer.Option("--policy", help="The policy of the cases: tells twins from duplicates.")
]
Against = Annotated[
    list[str] | None, typer.Option(help="A registered set to compare with; may be given again. Default: all of them.")
]
NearOption = Annotated[float, typer.Option("--near", help="Two texts at least this alike are near duplicates.")]
Cosine = Annotated[float, typer.Option(help="Two texts with at least this cosine mean the same.")]
Embedding = Annotated[str, typer.Option(help="A local model whose token table gives sentence embeddings, or `none`.")]
Out = Annotated[Path, typer.Option(help="A new directory for what was found.")]
_MOST_SHOWN = 8


@app.command("check")
def check(
    source: Source, policy: PolicyRef = None, against: Against = None, near: NearOption = 0.8, cosine: Cosine = 0.9,
    embedding: Embedding = "precepts/smollm2-135m", out: Out = Path("runs/data-check"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:  # fmt: skip
    """Finds near duplicates, cases that repeat a test set, and what the cases lack."""
    found = _check(source, policy, against, near, cosine, embedding, out)
    if as_json:
        document = {"v": 1, "evidence": found.evidence, "balance": found.balance._asdict(), "missing": found.missing}
        print(to_json(document, indent=1))
        return
    _print(found)


@app.command("clean")
def clean(
    source: Source,
    to: Annotated[Path, typer.Argument(help="A new JSONL file for the cases that are kept.")],
    policy: PolicyRef = None, against: Against = None, near: NearOption = 0.8, cosine: Cosine = 0.9,
    embedding: Embedding = "precepts/smollm2-135m", out: Out = Path("runs/data-check"),
) -> None:  # fmt: skip
    """Writes the cases without near duplicates and without what repeats a test set."""
    from precepts.data import load_cases
    from precepts.pipelines.data_check import clean as cleaned

    found = _check(source, policy, against, near, cosine, embedding, out)
    counts = cleaned(found, load_cases(source), to)
    kept = counts.pop("kept")
    print(f"{to}: {kept} cases; left out: {', '.join(f'{n} {why}' for why, n in counts.items()) or 'none'}")
    for name, why in found.missing.items():
        print(f"not compared: {name} ({why})")


def _check(
    source: str, policy: str | None, against: list[str] | None, near: float, cosine: float, embedding: str, out: Path
) -> Any:
    from precepts.pipelines.data_check import ALL, check

    return check(
        source, policy=policy, against=against or [ALL], near=near, cosine=cosine,
        embedding=None if embedding == "none" else embedding, out=out,
    )  # fmt: skip


def _print(found: Any) -> None:
    table = Table(title=f"{len(found.rows)} cases (95 % intervals)", title_justify="left")
    for name in ("", "share [interval]", "n"):
        table.add_column(name, justify="left" if not name else "right")
    for row in found.evidence:
        name = row.claim.removeprefix("data/") + (f" with {row.slice['with']}" if "with" in row.slice else "")
        if row.value or "with" not in row.slice:
            table.add_row(name, f"{row.value:.4f} [{row.low:.4f}, {row.high:.4f}]", str(row.n))
    out = Console(highlight=False, soft_wrap=True)
    out.print(table)
    clear = [row.slice["with"] for row in found.evidence if "with" in row.slice and not row.value]
    out.print(f"no case repeats: {', '.join(clear) or 'none of the sets'}")
    for name, why in found.missing.items():
        out.print(f"not compared: {name} ({why})", markup=False)
    made = found.balance
    for said, names in (
        ("clauses with fewer than 20 cases", made.few), ("clauses without a test case", made.untested), ("pairs of one case", made.lone),
        ("pairs that ask for the same", made.same_asked), ("topics in train and test", made.shared_topics),
        ("first words that tell what is asked", [f"{w}: {k} {m}/{n}" for w, k, m, n in made.tell_tales]),
    ):  # fmt: skip
        if names:
            more = f", and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
            out.print(f"{said}: {', '.join(names[:_MOST_SHOWN])}{more}", markup=False)
    out.print(f"kept in: {found.path}")
