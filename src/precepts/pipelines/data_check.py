"""`precepts data check` and `precepts data clean`: near duplicates, test sets repeated in training cases, and balance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from precepts.data import ENTRIES, entry, load_cases, load_labelled, load_texts
from precepts.data.balance import Balance, balance
from precepts.data.contamination import COSINE, Embed, Hit, contamination
from precepts.data.duplicates import NEAR, first_of_each
from precepts.errors import InputError, MissingError, PreceptsError
from precepts.evals.scores import asked_of
from precepts.judges.measure import filled
from precepts.pipelines.config import asked
from precepts.pipelines.policy_diff import open_policy
from precepts.policy import Policy
from precepts.progress import progress
from precepts.runs import Row, Run, file_digest, write_atomic
from precepts.types import Case, Evidence, Input

ALL = "all"
_EMBEDDED = "precepts/smollm2-135m"


class Checked(NamedTuple):
    """What was found: rows by case, hits, counts of what the cases are made of, evidence, sets that are not here and why."""

    path: Path
    rows: list[Row]
    hits: list[Hit]
    balance: Balance
    evidence: list[Evidence]
    sets: dict[str, list[str]]
    missing: dict[str, str]


def registered_texts(names: Sequence[str]) -> tuple[dict[str, list[str]], dict[str, str]]:
    """The texts of registered sets by name, and for each set that is not here why. `all` names every registered set.

    Raises:
        MissingError: If a name is of no set.
    """
    wanted = list(ENTRIES) if ALL in names else [entry(name).name for name in names]
    found: dict[str, list[str]] = {}
    missing: dict[str, str] = {}
    for name in wanted:
        try:
            found[name] = list(dict.fromkeys(_texts(name)))
        except PreceptsError as error:
            missing[name] = str(error).partition(". ")[0]
    return found, missing


def _texts(name: str) -> list[str]:
    """The prompts of a set; where it has none of its own, the texts that a model is asked to judge or to answer."""
    one = entry(name)
    if one.cases is not None:
        return [case.prompt for case in load_cases(name)]
    if one.labelled is not None:
        return [row.prompt for row in load_labelled(name)]
    if one.texts is not None:
        return [row.prompt or row.text for row in load_texts(name)]
    if name == "truthfulqa":
        from precepts.evals.facts import truthfulqa

        return [question.prompt for question in truthfulqa()]
    raise MissingError(
        f"{name} is a list of templates or of choices and has no prompts of its own. It is not compared."
    )


def check(
    source: str, *, policy: str | None, against: Sequence[str], near: float = NEAR, cosine: float = COSINE, embedding: str | None = _EMBEDDED,
    out: Path,
) -> Checked:  # fmt: skip
    """Looks through cases and keeps what was found in `out`: `rows.jsonl`, `hits.jsonl`, `evidence.jsonl`.

    Args:
        source: A file of cases, `starter`, or a registered set.
        policy: What says which of two near duplicates are twins, asked to be answered otherwise; without it the cases' own words.
        against: Registered sets, or `all`.
        near: Least likeness of near duplicates.
        cosine: Least cosine of texts that mean the same.
        embedding: A local model whose token table gives sentence embeddings; None for none.
        out: A new directory.

    Raises:
        PreceptsError: If cases, policy, a set or the embedding model cannot be had.
    """
    if not 0 < near <= 1 or not 0 < cosine <= 1:
        raise InputError(f"--near and --cosine are above 0 and at most 1, not {near} and {cosine}.")
    cases = load_cases(source)
    found = open_policy(policy) if policy else None
    sets, missing = registered_texts(against)
    sets.pop(source, None)
    run = Run(out)
    run.begin(
        {
            "cases": source,
            "policy": found.digest if found else None,
            "sets": sorted(sets),
            "near": near,
            "cosine": cosine,
            "embedding": embedding,
        }
    )
    texts = [case.prompt for case in cases]
    with progress("look for near duplicates", len(cases), unit="cases") as bar:
        kept_for = first_of_each(texts, threshold=near, kinds=[_kind(case, found) for case in cases])
        bar.advance(len(cases))
    embed = (
        _embed(embedding, [*texts, *(text for one in sets.values() for text in one)]) if embedding and sets else None
    )
    with progress(f"compare with {len(sets)} sets", len(cases), unit="cases") as bar:
        hits = contamination(texts, sets, embed=embed, cosine=cosine, near=near)
        bar.advance(len(cases))
    by_case: dict[int, set[str]] = {}
    for hit in hits:
        by_case.setdefault(hit.text, set()).add(hit.set)
    rows: list[Row] = [
        {
            "case_id": case.id, "category": case.category, "clause": case.clauses[0] if case.clauses else None, "split": case.split,
            "asked": _kind(case, found), "duplicate": int(kept_for[i] is not None),
            "kept_for": None if (first := kept_for[i]) is None else cases[first].id,
            "repeats": sorted(by_case.get(i, ())), "contaminated": int(i in by_case),
            **{f"in_{name}": int(name in by_case.get(i, ())) for name in sets},
        }
        for i, case in enumerate(cases)
    ]  # fmt: skip
    run.write("rows", rows)
    run.write("hits", [_hit(hit, cases, sets) for hit in hits])
    evidence = _evidence(run, source, rows, sets, f"{found.id}@{found.digest}" if found else None)
    run.write("evidence", evidence)
    kinds: Callable[[Case], Any] = (lambda case: asked(case, found)) if found else (lambda case: case.disposition)
    made = balance(cases, kinds, clauses=[clause.id for clause in found.clauses] if found else ())
    run.finish(balance=made._asdict(), missing=missing)
    return Checked(run.path, rows, hits, made, evidence, sets, missing)


def clean(checked: Checked, cases: Sequence[Case], out: Path) -> dict[str, int]:
    """Writes the cases without near duplicates and repeated test texts; gives how many were left out and why."""
    if out.exists():
        raise InputError(f"{out} is there already. Give a new file.")
    left: Counter[str] = Counter()
    lines: list[str] = []
    for case, row in zip(cases, checked.rows, strict=True):
        why = "repeats a test set" if row["contaminated"] else "near duplicate" if row["duplicate"] else None
        if why:
            left[why] += 1
        else:
            lines.append(case.model_dump_json(exclude_none=True, exclude_defaults=True) + "\n")
    write_atomic(out, "".join(lines))
    return {"kept": len(lines), **left}


def _kind(case: Case, policy: Policy | None) -> str | None:
    return asked_of(case, policy)


def _embed(ref: str, texts: list[str]) -> Embed:
    from precepts.models import model_path
    from precepts.models.static import static_embeddings

    path = model_path(ref)
    if path is None:
        raise InputError(
            f"{ref} does not run here, so it has no token table to read. Use precepts/…, hf/… or a directory."
        )
    return static_embeddings(path, texts)


def _hit(hit: Hit, cases: Sequence[Case], sets: dict[str, list[str]]) -> Row:
    return {
        "case_id": cases[hit.text].id, "set": hit.set, "how": hit.how, "similarity": round(hit.similarity, 4),
        "prompt": cases[hit.text].prompt, "other": sets[hit.set][hit.other],
    }  # fmt: skip


def _evidence(run: Run, source: str, rows: list[Row], sets: dict[str, list[str]], policy: str | None) -> list[Evidence]:
    table = run.table("rows")
    digest = file_digest(table)
    wanted: list[tuple[str, str, dict[str, str]]] = [
        ("near_duplicates", "duplicate", {}),
        ("contaminated", "contaminated", {}),
        *(("contaminated", f"in_{name}", {"with": name}) for name in sets),
    ]
    out: list[Evidence] = []
    for claim, score, slice_ in wanted:
        draft: dict[str, Any] = {
            "claim": f"data/{claim}", "slice": {"set": Path(source).stem, **slice_}, "value": None, "n": 0, "estimator": "wilson@1",
            "params": {"score": score}, "inputs": (Input(path=table.name, sha256=digest),), "better": "lower",
            "model": "data", "policy": policy,
        }  # fmt: skip
        out.append(filled(Evidence.model_validate(draft), root=run.path))
    return out
