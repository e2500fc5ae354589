"""`precepts eval SUITES --model REF`: suites of evaluations, paired with a baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from precepts.errors import InputError


def evaluate(
    suites: Annotated[str, typer.Argument(help="Suites with commas between, or `all`; `list` says what there is.")],
    model: Annotated[str, typer.Option(help="A model reference.")] = "precepts/smollm2-135m",
    baseline: Annotated[
        str | None, typer.Option(help="A model reference to compare with, paired on the same cells.")
    ] = None,
    judge: Annotated[
        str | None, typer.Option(help="A model that grades content (Inspect's role `grader`). Default: rules.")
    ] = None,
    attacker: Annotated[
        str | None, typer.Option(help="A model that writes adaptive attacks (Inspect's role `attacker`).")
    ] = None,
    attack: Annotated[
        str | None,
        typer.Option(help="Put every request under this technique, or under several at once: base64+evil_confidant."),
    ] = None,
    roles: Annotated[
        list[str] | None,
        typer.Option("--role", help="Another model that a suite uses: monitor=REF, mark=REF. May be repeated."),
    ] = None,
    translations: Annotated[
        Path | None, typer.Option(help="A CSV file (id, language, text): the suites in those languages too.")
    ] = None,
    texts: Annotated[
        Path | None, typer.Option(help="Write the texts that such a table is to translate, and run nothing.")
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(help="With --baseline: say of each row whether the model is worse by no more than this, as 0.05."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many cells (case × attack) a suite.")] = None,
    seed: Annotated[int, typer.Option(help="Of samples and of the order of cells.")] = 0,
    option: Annotated[
        list[str] | None, typer.Option("-T", help="An option of one suite: SUITE.NAME=VALUE. May be repeated.")
    ] = None,
    plan_only: Annotated[
        bool, typer.Option("--plan", help="Say what a run of this size can show, and run nothing.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Where to keep logs, rows and evidence.")] = Path("runs/suites"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measures a model by suites: Inspect tasks, each number with an interval, paired with a baseline."""
    from precepts.cli.suite_tables import print_plan, print_results, print_suites
    from precepts.evals.options import read_options
    from precepts.evals.planning import plan
    from precepts.evals.run import Settings, check_attack, run_suites
    from precepts.evals.suite import choose
    from precepts.evals.suites import SUITES

    if suites == "list":
        print_suites(list(SUITES.values()), as_json=as_json)
        return
    chosen = choose(suites, SUITES)
    if margin is not None and (baseline is None or margin <= 0):
        raise InputError(f"--margin is above 0, such as 0.05, and goes with --baseline; got {margin}.")
    settings = Settings(
        limit=limit, seed=seed, judge=judge, attacker=attacker, options=read_options(option or [], SUITES),
        roles=_roles(roles or [], {name for suite in SUITES.values() for name in suite.roles}), translations=translations, attack=attack,
    )  # fmt: skip
    if attack:
        check_attack(attack, chosen)
    if texts is not None:
        from precepts.evals.languages import write_texts

        tasks = {s.name: s.task(seed=seed, **settings.options_of(s)) for s in chosen}
        print(f"{write_texts(tasks, texts, limit=limit)} texts: {texts}")
        return
    planned = [row for s in chosen for row in plan(s, limit=limit, seed=seed, options=settings.options_of(s))]
    print_plan(planned, as_json=as_json, to_stdout=plan_only)
    if plan_only:
        return
    results = run_suites(chosen, model=model, baseline=baseline, out=out, settings=settings)
    print_results(results, out=out, as_json=as_json, margin=margin)


def _roles(given: list[str], known: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        name, equals, ref = text.partition("=")
        if not equals or not ref or name not in known:
            raise InputError(f"--role {text}: expected ROLE=REF with one of the roles {', '.join(sorted(known))}.")
        found[name] = ref
    return found
