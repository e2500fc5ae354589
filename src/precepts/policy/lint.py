"""What a policy's author should mend: holes and contradictions that a policy may load with, each with file and line."""

from __future__ import annotations

import difflib
import itertools
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from precepts.data.cases import NO_CASE
from precepts.errors import InputError, MissingError
from precepts.policy.document import Document, NodePath
from precepts.policy.markdown import read_policy
from precepts.policy.schema import Category, Clause, Policy, suggestion
from precepts.types import DISPOSITIONS, Case

SAME_TEXT = 0.9
"""Two clauses whose texts have a difflib ratio above this read as the same."""


@dataclass(frozen=True)
class Finding:
    """One thing to mend. An `error` leaves the policy unfit for use; a `warning` may be meant."""

    level: Literal["error", "warning"]
    code: str
    message: str
    path: str
    line: int | None

    def __str__(self) -> str:
        """`path:line: level: message [code]`, the form editors can jump to."""
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.level}: {self.message} [{self.code}]"


def lint(policy: Policy, source: Path | str, cases: Path | str | Iterable[Case | Path] | None = None) -> list[Finding]:
    """The findings about a policy, and about cases under it, in the order of the files.

    Args:
        policy: What `load_policy(source)` gave.
        source: The file it was read from; gives the lines.
        cases: A JSONL file of cases, or several, or cases in memory (whose findings have no line). Without it
            nothing is said of cases.

    Raises:
        MissingError: If a file is not there.
        InputError: If `source` is no policy, or a file cannot be read or holds no case. A bad row of cases is a finding.
    """
    document = read_policy(Path(source))
    found = [_at(document, Path(source), at, finding) for at, finding in _policy_findings(policy)]
    found.sort(key=lambda finding: finding.line or 0)
    if cases is None:
        return found
    used: set[str] = set()
    about_cases: list[Finding] = []
    for item in [Path(cases)] if isinstance(cases, str | Path) else cases:
        for case, path, line in _rows(item):
            if isinstance(case, Finding):
                about_cases.append(case)
                continue
            used.update(case.clauses)
            about_cases += [replace(finding, path=path, line=line) for finding in _case_findings(policy, case)]
    for at, clause in _clauses(policy):
        if clause.id not in used:
            message = f"no case falls under clause {clause.id}: nothing will train or test it; add cases or remove it"
            found.append(_at(document, Path(source), at, _warning("clause-without-cases", message)))
    found.sort(key=lambda finding: finding.line or 0)
    return found + about_cases


def _error(code: str, message: str) -> Finding:
    return Finding("error", code, message, "", None)


def _warning(code: str, message: str) -> Finding:
    return Finding("warning", code, message, "", None)


def _at(document: Document, source: Path, at: NodePath, finding: Finding) -> Finding:
    return replace(finding, path=str(source), line=document.line(at))


def _clauses(policy: Policy) -> Iterator[tuple[NodePath, Clause]]:
    for i, category in enumerate(policy.categories):
        for j, clause in enumerate(category.clauses):
            yield ("categories", i, "clauses", j), clause


def _policy_findings(policy: Policy) -> Iterator[tuple[NodePath, Finding]]:
    yield from _category_findings(policy)
    yield from _term_findings(policy)
    yield from _example_findings(policy)
    yield from _near_findings(policy)
    yield from _exception_findings(policy)
    for at, clause in _clauses(policy):
        if not clause.reason:
            message = f"clause {clause.id} has no reason: a model cannot learn why; write one sentence"
            yield (*at, "reason"), _error("reason-missing", message)
    for kind in DISPOSITIONS:
        if kind not in policy.styles and any(clause.kind == kind for clause in policy.clauses):
            message = f"clauses ask for `{kind}`, but styles do not say how: add styles.{kind}"
            yield ("styles",), _error("style-missing", message)


def _category_findings(policy: Policy) -> Iterator[tuple[NodePath, Finding]]:
    ids: dict[str, str] = {}
    titles: dict[str, str] = {}
    summaries: dict[str, str] = {}
    for i, category in enumerate(policy.categories):
        at: NodePath = ("categories", i)
        if not category.clauses:
            message = f"category {category.id} has no clauses: no case can fall under it; add a clause or remove it"
            yield (*at, "clauses"), _error("category-empty", message)
        if not category.summary:
            message = f"category {category.id} has no summary: other briefs would not tell of it; write one"
            yield (*at, "summary"), _error("summary-missing", message)
        for key, text, seen in (
            ("id", category.id, ids),
            ("title", category.title, titles),
            ("summary", category.summary, summaries),
        ):
            words = _normal(text)
            if words and words in seen:
                message = f"categories {seen[words]} and {category.id} have the same {key}: nobody can tell them apart"
                yield (*at, key), _error(f"category-same-{key}", message)
            seen.setdefault(words, category.id)


def _term_findings(policy: Policy) -> Iterator[tuple[NodePath, Finding]]:
    everywhere = [policy.title, policy.principles, *policy.styles.values(), *policy.terms.values()]
    everywhere += [text for category in policy.categories for text in _texts(category)]
    for word in policy.terms:
        if not _uses(everywhere, word):
            message = f"term {word!r:.60} is defined but never used; use or remove it"
            yield ("terms", word), _warning("term-unused", message)
    for i, category in enumerate(policy.categories):
        for word in category.terms:
            if not _uses(_texts(category), word):
                message = f"term {word!r:.60} is defined but never used in category {category.id}; use or remove it"
                yield ("categories", i, "terms", word), _warning("term-unused", message)


def _texts(category: Category) -> list[str]:
    texts = [category.title, category.summary, *category.terms.values()]
    for clause in category.clauses:
        texts += [clause.text, clause.reason, *clause.examples.keeps, *clause.examples.breaks]
    return texts


def _uses(texts: Iterable[str], word: str) -> bool:
    pattern = re.compile(r"(?<!\w)" + re.escape(word) + r"(s|es|'s|’s)?(?!\w)", re.IGNORECASE)
    return any(pattern.search(" ".join(text.split())) for text in texts)


def _example_findings(policy: Policy) -> Iterator[tuple[NodePath, Finding]]:
    kept: dict[str, Clause] = {}
    for at, clause in _clauses(policy):
        keeps = {_normal(text) for text in clause.examples.keeps}
        for k, text in enumerate(clause.examples.breaks):
            if _normal(text) in keeps:
                message = f"the same example keeps and breaks clause {clause.id}; remove one"
                yield (*at, "examples", "breaks", k), _error("example-contradicts", message)
        for k, text in enumerate(clause.examples.keeps):
            first = kept.setdefault(_normal(text), clause)
            if first.kind != clause.kind:
                message = (
                    f"the same example keeps clause {first.id} ({first.kind}) and clause {clause.id} ({clause.kind}); "
                    "an answer cannot do both"
                )
                yield (*at, "examples", "keeps", k), _error("example-contradicts", message)


def _near_findings(policy: Policy) -> Iterator[tuple[NodePath, Finding]]:
    rows = [(at, clause, _normal(clause.text)) for at, clause in _clauses(policy)]
    for (_, one, text), (at, other, other_text) in itertools.combinations(rows, 2):
        if one.kind == other.kind:
            continue
        same = difflib.SequenceMatcher(None, text, other_text, autojunk=False)
        # The two quick ratios are upper bounds, and spare most pairs the slow one.
        if min(same.real_quick_ratio(), same.quick_ratio()) > SAME_TEXT and same.ratio() > SAME_TEXT:
            message = (
                f"clauses {one.id} ({one.kind}) and {other.id} ({other.kind}) read nearly the same; "
                "say in each what sets it apart"
            )
            yield (*at, "text"), _warning("clauses-alike", message)


def _exception_findings(policy: Policy) -> Iterator[tuple[NodePath, Finding]]:
    wins_over = {clause.id: clause.exceptions for clause in policy.clauses}
    for at, clause in _clauses(policy):
        reached: set[str] = set()
        todo = list(clause.exceptions)
        while todo:
            other = todo.pop()
            if other not in reached:
                reached.add(other)
                todo += wins_over.get(other, ())
        if clause.id in reached:
            message = f"clause {clause.id} wins over a clause that wins over it: which holds is not decided; remove one"
            yield (*at, "exceptions"), _error("exceptions-circle", message)


def _case_findings(policy: Policy, case: Case) -> Iterator[Finding]:
    name = f"case {case.id!r:.60}"
    holder = {clause.id: category for category in policy.categories for clause in category.clauses}
    categories = [category.id for category in policy.categories]
    if case.category is not None and case.category not in categories:
        hint = suggestion(case.category, categories) or f"; the policy has {', '.join(categories[:20])}"
        yield _error("case-unknown-category", f"{name} cites the unknown category {case.category!r:.60}{hint}")
    unknown = [clause_id for clause_id in case.clauses if clause_id not in holder]
    for clause_id in unknown:
        hint = suggestion(clause_id, holder) or "; cite a clause of the policy"
        yield _error("case-unknown-clause", f"{name} cites the unknown clause {clause_id!r:.60}{hint}")
    if not case.clauses or unknown:
        return
    governing = case.clauses[0]
    if case.category in categories and holder[governing].id != case.category:
        message = f"{name} is of category {case.category}, but clause {governing} is of {holder[governing].id}"
        yield _warning("case-other-category", message + "; the brief would not show the clause: change one")
    kind = policy.disposition(case.clauses)
    if case.disposition is not None and case.disposition != kind:
        message = f"{name} expects {case.disposition}, but clause {governing} asks for {kind}"
        yield _warning("case-contradicts", message + "; training follows the clause: change one")


def _rows(item: Case | Path) -> Iterator[tuple[Case | Finding, str, int | None]]:
    """The cases of a JSONL file with their lines; a row that is no case is a finding."""
    if isinstance(item, Case):
        yield item, "(cases)", None
        return
    try:
        data = item.read_bytes()
    except FileNotFoundError:
        raise MissingError(f"{item}: there is no such file. Give the path of a JSONL file of cases") from None
    except (OSError, ValueError) as error:
        raise InputError.at(item, None, f"cannot be read ({error}); give the path of a JSONL file of cases") from None
    if not data.strip():
        raise InputError.at(item, None, NO_CASE)
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            yield Case.model_validate(json.loads(line)), str(item), number
            continue
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            what = " ".join((".".join(str(step) for step in first["loc"]), first["msg"])).strip()
        except (ValueError, TypeError, RecursionError) as error:
            what = f"it is not a JSON object ({error})"
        message = f"this row is not a case: {what[:200]}; mend or remove it"
        yield Finding("error", "case-invalid", message, str(item), number), str(item), number


def _normal(text: str) -> str:
    """The text without what does not change its words: case, blanks, width and the closing sign."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).rstrip(".!?… ")
