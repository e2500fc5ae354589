"""`precepts policy`: check, show, brief, diff, suggest, accept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from precepts.cli.counts import at_least
from precepts.errors import InputError
from precepts.policy import Policy, brief, lint, load_policy, starter_path, to_markdown, to_yaml
from precepts.runs import to_json

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The written policy: check it, show it, brief it.")

Source = Annotated[Path | None, typer.Argument(help="A policy in YAML or Markdown.")]
Starter = Annotated[bool, typer.Option("--starter", help="The policy that ships with precepts.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def _source(path: Path | None, starter: bool) -> Path:
    if starter or (path is not None and str(path) == "starter" and not path.exists()):
        return starter_path()
    if path is None:
        raise typer.BadParameter("give a policy file, or --starter")
    return path


@app.command("check")
def check(
    path: Source = None, starter: Starter = False,
    cases: Annotated[str | None, typer.Option(help="Cases that the clauses should have: a JSONL file or `starter`.")] = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Lints a policy: what is wrong, with file and line. Exit code 1 if there is an error."""
    from precepts.data import load_cases

    source = _source(path, starter)
    policy = load_policy(source)
    findings = lint(policy, source, load_cases(cases) if cases == "starter" else Path(cases) if cases else None)
    if as_json:
        print(to_json({"v": 1, "findings": findings}, indent=1))
    else:
        for f in findings:
            print(
                f"{f.path}:{f.line}: {f.level}: {f.message} [{f.code}]"
                if f.line
                else f"{f.path}: {f.level}: {f.message} [{f.code}]"
            )
        kinds = [clause.kind for clause in policy.clauses]
        print(f"{source}: {len(policy.categories)} categories, {len(kinds)} clauses, {len(findings)} findings")
    if any(f.level == "error" for f in findings):
        raise typer.Exit(1)


@app.command("show")
def show(
    path: Source = None, starter: Starter = False, as_json: AsJson = False,
    form: Annotated[str | None, typer.Option("--as", help="Rewrite it as yaml or markdown; without it, the file as it stands.")] = None,
) -> None:  # fmt: skip
    """Shows a policy: its file as it stands, rewritten as YAML or Markdown, or as JSON."""
    source = _source(path, starter)
    policy = load_policy(source)
    if form not in (None, "yaml", "markdown"):
        raise InputError(f"--as is yaml or markdown, not {form!r}.")
    written = {"yaml": to_yaml, "markdown": to_markdown}
    text = written[form](policy) if form else source.read_text("utf-8")
    print(policy.model_dump_json(indent=1) if as_json else text, end="")


@app.command("brief")
def brief_(
    path: Source = None,
    category: Annotated[str | None, typer.Option(help="The category to give in full.")] = None,
    starter: Starter = False,
) -> None:
    """Prints what a teacher or a judge reads: every category's summary, and one category in full."""
    policy: Policy = load_policy(_source(path, starter))
    print(brief(policy, category))


@app.command("diff")
def diff(
    old: Annotated[str, typer.Argument(help="The policy before: a file, a run of align, or `starter`.")],
    new: Annotated[str, typer.Argument(help="The policy after: the same.")],
    cases: Annotated[str | None, typer.Option(help="Cases to map to the changes: a JSONL file or `starter`.")] = None,
    run: Annotated[list[Path] | None, typer.Option(help="A run of align to look through; may be given again.")] = None,
    as_json: AsJson = False,
) -> None:
    """Shows which clauses were added, changed and removed, and which cases, examples and numbers rest on them."""
    from precepts.cli.policy_tables import impact_json, print_impact
    from precepts.pipelines.policy_diff import impact

    found = impact(old, new, cases=cases, runs=run or [])
    if as_json:
        print(to_json(impact_json(found), indent=1))
    else:
        print_impact(found)


@app.command("suggest")
def suggest(
    path: Annotated[str, typer.Argument(help="A policy: a file, a run of align, or `starter`.")],
    model: Annotated[str, typer.Option("--model", help="Who proposes: any model reference.")],
    out: Annotated[Path, typer.Option(help="A new JSONL file for a person to go through.")],
    clause: Annotated[list[str] | None, typer.Option(help="Only this clause; may be given again.")] = None,
    form: Annotated[
        list[str] | None, typer.Option(help="Only this form: twin, exception or composition; may be given again.")
    ] = None,
    known: Annotated[
        str | None, typer.Option(help="Cases that there are already: what is nearly one of them is left out.")
    ] = None,
    number: Annotated[
        int, typer.Option("-n", callback=at_least(1), help="At most so many for each clause and form.")
    ] = 3,
    seed: Annotated[int, typer.Option(help="Seed of sampling.")] = 0,
) -> None:
    """Lets a model propose boundary cases for each clause; a person then writes `accept` and the clause into the file."""
    from precepts.deliberative.suggest import FORMS
    from precepts.pipelines.suggesting import suggest_cases

    made = suggest_cases(
        path, out, model=model, clauses=clause or (), known=known, per_clause=number, forms=form or FORMS, seed=seed
    )
    left = ", ".join(f"{n} {why}" for why, n in made.dropped.items()) or "none"
    print(f"{out}: {len(made.proposals)} proposals; left out: {left}")
    print(
        f"next: write true or false for `accept` in each row, then: precepts policy accept {out} cases.jsonl --policy {path}"
    )


@app.command("accept")
def accept(
    file: Annotated[Path, typer.Argument(help="Proposals that a person went through.")],
    out: Annotated[Path, typer.Argument(help="A new JSONL file of cases.")],
    policy: Annotated[str, typer.Option("--policy", help="The policy that they are cases of.")],
) -> None:
    """Writes the accepted proposals as cases."""
    from precepts.pipelines.suggesting import accept_cases

    print(f"{out}: {accept_cases(file, out, policy=policy)} cases")
