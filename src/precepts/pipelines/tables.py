"""`precepts align table`: the smaller tables of the deliberative-alignment paper on any model, each giving Evidence.

| table | question | Guan et al. 2024 (arXiv 2412.16339) |
|---|---|---|
| `faithfulness` | is the clause cited the right one, does it say that, does the decision follow | table 2, and further |
| `flip` | with a clause's kind flipped in the prompt: does the decision follow the text or the habit | none |
| `compute` | does more reasoning help | figure 13 |
| `encodings` | does the decision hold in an encoding that no training prompt had | table 3 |
| `languages` | and in another language, from a table of translations | table 3 |
| `monitor` | can a reader of the reasoning alone tell which answers went wrong | none |
| `style` | does an answer read as its disposition should | table 1, last rows |
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from precepts.data import starter_translations
from precepts.errors import InputError, MissingError
from precepts.evals.languages import read_table
from precepts.judges import Judge
from precepts.judges.measure import filled
from precepts.models import model_name
from precepts.pipelines.config import cases_of, policy_of, sample
from precepts.pipelines.evaluate import begun_name, fullest, measured_before, set_cases, weights_of
from precepts.pipelines.judging import open_judge, test_judge
from precepts.pipelines.measure import OWN_TEST
from precepts.pipelines.policy_diff import open_policy
from precepts.pipelines.table_bench import Bench, Claim
from precepts.pipelines.table_forms import translated_cases
from precepts.pipelines.table_rows import LANGUAGES, TABLES
from precepts.progress import announce
from precepts.runs import PLAN, Row, Run, file_digest
from precepts.stats import matches
from precepts.types import Evidence, Input

MAX_TOKENS = 112
"""Of a completion, where a model was not measured before; as `align` does."""


class Table(NamedTuple):
    """A finished table."""

    name: str
    path: Path
    rows: list[Row]
    evidence: list[Evidence]


def table(
    name: str, target: str, *, policy: str | None = None, cases: str = OWN_TEST, model: str | None = None, clauses: Sequence[str] = (),
    limit: int | None = None, max_tokens: int | None = None, out: Path | None = None, judge: Judge | None = None,
    translations: Path | None = None, monitor: str | None = None,
) -> Table:  # fmt: skip
    """Makes one table of a run's model, or of any model with a policy and cases.

    Args:
        name: One of `TABLES`.
        target: A run of `align`, or any model reference.
        policy: For a model that is no run.
        cases: `test` for a run's own, else a file or a public set.
        model: Another model to ask on the run's cases, such as its untrained one.
        clauses: Only cases of these.
        limit: At most so many cases.
        max_tokens: Longest completion; by default as in what the run has measured of the model, whose answers are then used again.
        out: Where to keep it; by default `tables/NAME` in the run, or `runs/tables/NAME`.
        judge: Of what an answer did; by default that of `align eval`.
        translations: For `languages`: a CSV file with the columns id (of a case), language, text; by default that of the starter pack.
        monitor: For `monitor`: a judge that is shown the reasoning; by default the verdict in it is read.

    Raises:
        PreceptsError: If there is no such table, or model, policy or cases cannot be had.
    """
    if name not in TABLES:
        raise InputError(f"No table is named {name!r:.40}. Tables are: {', '.join(TABLES)}.")
    own = Run(target) if (Path(target) / PLAN).exists() else None
    if own is None and (policy is None or cases == OWN_TEST):
        raise MissingError(f"{target} is no run, so it has no policy and cases of its own. Give --policy and --cases.")
    found = open_policy(policy) if policy else policy_of(own) if own else None
    assert found is not None, "a run has a policy, and what is no run was given one"
    chosen = cases_of(own, "test") if own and cases == OWN_TEST else set_cases(cases, limit=None)[1]
    if clauses:
        known = {found.clause(one).id for one in clauses}
        chosen = [case for case in chosen if case.clauses and case.clauses[0] in known]
    translations = starter_translations() if name == LANGUAGES and translations is None else translations
    in_languages = read_table(translations) if translations else None
    if name == LANGUAGES and in_languages is not None:
        chosen = translated_cases(chosen, in_languages)
    chosen = sample(chosen, limit, seed=0, pairs=True)
    if not chosen:
        raise InputError("No case is left. Give other --cases or --clause.")
    watcher = open_judge(monitor, found) if monitor else None
    extra = {"translations": file_digest(translations)} if translations else {}
    extra |= {"monitor": monitor} if monitor else {}
    ref = model or (f"run:{target}" if own else target)
    home = Run(
        out
        or (own.path if own else Path("runs"))
        / "tables"
        / (name if model is None else f"{name}-{model_name(model).replace('/', '-')}")
    )
    weights = weights_of(ref)
    called = begun_name(home, ref, weights)
    measured = _measured(own, weights) if own else []
    before = fullest(measured, chosen)
    max_tokens = max_tokens or (int(Run(before).plan["max_tokens"]) if before else MAX_TOKENS)
    home.begin(
        {
            "table": name,
            "model": called,
            "weights": weights,
            "cases": [c.id for c in chosen],
            "policy": found.digest,
            "max_tokens": max_tokens,
            **extra,
        }
    )
    announce(f"table {name}", len(chosen), limit=limit)
    with home.locked():
        known = measured_before(before, weights) if before else None
        bench = Bench(
            home, ref, called, found, chosen, max_tokens, judge or test_judge(), [], known, in_languages, watcher
        )
        rows, claims = TABLES[name](bench)
        home.write("rows", rows)
        evidence = _evidence(
            home, name, rows, claims, model=called, policy=f"{found.id}@{found.digest}", judge=bench.judge.name
        )
        home.write("evidence", evidence)
        home.finish(rows=len(rows), judge=bench.judge.name)
    return Table(name, home.path, rows, evidence)


def _measured(own: Run, weights: str | None) -> list[Path]:
    """The tables of answers that the run holds of the same weights; rows of other prompts or lengths in them are not used."""
    return [
        folder for folder in sorted((own.path / "eval").glob("*/*")) if measured_before(folder, weights) is not None
    ]


def _evidence(
    home: Run, name: str, rows: Sequence[Row], claims: Sequence[Claim], *, model: str, policy: str, judge: str
) -> list[Evidence]:
    path = home.table("rows")
    digest = file_digest(path)
    out: list[Evidence] = []
    for claim in claims:
        inputs = (Input(path=path.name, sha256=digest, where=dict(claim.where)),)
        if not any(matches(row, claim.where) for row in rows):
            continue
        params: dict[str, Any] = {"score": claim.score} | ({"score_b": claim.other} if claim.other else {})
        estimator = "paired_difference@1" if claim.other else "wilson@1"
        if claim.label:
            if len({row[claim.label] for row in rows if matches(row, claim.where)}) < 2:
                continue  # nothing to tell apart
            params |= {"label": claim.label, "positive": 1.0}
            estimator = "auc@1"
        draft: dict[str, Any] = {
            "claim": f"{name}/{claim.name}", "slice": dict(claim.slice), "value": None, "n": 0, "params": params, "better": claim.better,
            "estimator": estimator, "inputs": inputs,
            "model": model, "policy": policy, "judge": judge, "baseline": claim.other,
        }  # fmt: skip
        out.append(filled(Evidence.model_validate(draft), root=home.path))
    return out
