"""What changed from one policy to another: clauses added, changed and removed, and parts that hold for many clauses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from precepts.policy.brief import brief
from precepts.policy.schema import Clause, Policy
from precepts.types import Case, Disposition

ChangeKind = Literal["added", "changed", "removed"]

_FIELDS = ("kind", "text", "reason", "examples", "authority", "exceptions")


class ClauseChange(NamedTuple):
    """One clause that is not what it was. `fields` names what changed; `category` too if it stands in another one."""

    id: str
    what: ChangeKind
    category: str
    fields: tuple[str, ...] = ()
    old: Clause | None = None
    new: Clause | None = None

    @property
    def flipped(self) -> tuple[Disposition, Disposition] | None:
        """The kind before and after, if it changed."""
        if self.old is None or self.new is None or self.old.kind == self.new.kind:
            return None
        return self.old.kind, self.new.kind


class PartChange(NamedTuple):
    """A part outside the clauses that changed: principles, a style, a term, a category's title, summary or terms."""

    part: str
    old: str
    new: str


class PolicyDiff(NamedTuple):
    """All changes. `briefs` are the categories whose brief, what a teacher and a judge read, is not the same."""

    clauses: tuple[ClauseChange, ...]
    parts: tuple[PartChange, ...]
    briefs: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether nothing changed: no text, and not the order in which a brief tells it."""
        return not (self.clauses or self.parts or self.briefs)

    def touched(self) -> dict[str, ClauseChange]:
        """Changes by clause id."""
        return {change.id: change for change in self.clauses}


def diff_policies(old: Policy, new: Policy) -> PolicyDiff:
    """The changes from `old` to `new`, clauses in the order of the new policy, removed ones last."""
    before = {clause.id: (category.id, clause) for category in old.categories for clause in category.clauses}
    after = {clause.id: (category.id, clause) for category in new.categories for clause in category.clauses}
    changes: list[ClauseChange] = []
    for name, (category, clause) in after.items():
        if name not in before:
            changes.append(ClauseChange(name, "added", category, (), None, clause))
            continue
        home, was = before[name]
        fields = tuple(field for field in _FIELDS if getattr(was, field) != getattr(clause, field))
        if home != category:
            fields = (*fields, "category")
        if fields:
            changes.append(ClauseChange(name, "changed", category, fields, was, clause))
    changes += [
        ClauseChange(name, "removed", home, (), was) for name, (home, was) in before.items() if name not in after
    ]
    ids = [category.id for category in new.categories]
    known = {category.id for category in old.categories}
    briefs = [one for one in ids if one not in known or _body(old, one) != _body(new, one)]
    return PolicyDiff(tuple(changes), tuple(_parts(old, new)), tuple(briefs))


def rests_on(case: Case, diff: PolicyDiff) -> ClauseChange | None:
    """The change that a case rests on: that of the first of its clauses that changed; None if none did."""
    touched = diff.touched()
    return next((touched[one] for one in case.clauses if one in touched), None)


def _body(policy: Policy, category: str) -> str:
    """A brief without its first line, which names the version."""
    return brief(policy, category).partition("\n")[2]


def _parts(old: Policy, new: Policy) -> list[PartChange]:
    before, after = _texts(old), _texts(new)
    return [
        PartChange(name, before.get(name, ""), after.get(name, ""))
        for name in dict.fromkeys((*after, *before))
        if before.get(name) != after.get(name)
    ]


def _texts(policy: Policy) -> dict[str, str]:
    """The texts outside clauses, by a name that says where each stands."""
    out = {"title": policy.title, "principles": policy.principles}
    out |= {f"styles.{kind}": text for kind, text in policy.styles.items()}
    out |= {f"terms.{word}": text for word, text in policy.terms.items()}
    for category in policy.categories:
        out |= {f"{category.id}.title": category.title, f"{category.id}.summary": category.summary}
        out |= {f"{category.id}.terms.{word}": text for word, text in category.terms.items()}
    return out


def counts_of(cases: Sequence[Case], diff: PolicyDiff) -> dict[str, dict[str, int]]:
    """How many cases of each split rest on each changed clause, by clause id."""
    out: dict[str, dict[str, int]] = {change.id: {} for change in diff.clauses}
    for case in cases:
        for one in case.clauses:
            if one in out:
                split = case.split or "unsplit"
                out[one][split] = out[one].get(split, 0) + 1
    return out
