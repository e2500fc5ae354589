"""What a policy is: categories of clauses, each with a short id, a kind, a text, a reason and examples."""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator
from pydantic_core import PydanticCustomError

from precepts.errors import InputError
from precepts.types import Disposition, content_key

Authority = Literal["platform", "developer", "user", "default"]
"""Who may set a clause aside: `platform` nobody, `developer` and `user` they and those above, `default` anyone."""

ClauseId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,15}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]
Text = Annotated[str, StringConstraints(min_length=1)]

_CLAUSE_ID = "a letter, then at most 15 letters, digits, '_', '.' or '-'"
_NAME = "a letter, then at most 63 letters, digits, '_', '.' or '-'"


def suggestion(given: str, known: Iterable[str]) -> str:
    """'; did you mean `x`?' for the known word nearest to the given one, or nothing."""
    words = {word.casefold(): word for word in sorted(known)}
    near = difflib.get_close_matches(given[:64].casefold(), words, n=1)
    return f"; did you mean `{words[near[0]]}`?" if near else ""


class _Part(BaseModel):
    """Base of the policy's parts: immutable, no unknown keys, no blanks around texts."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Examples(_Part):
    """Answers that keep a clause and answers that break it."""

    keeps: tuple[Text, ...] = Field(default=(), description="a list of answers that keep the clause")
    breaks: tuple[Text, ...] = Field(default=(), description="a list of answers that break the clause")


class Clause(_Part):
    """One rule: in which case (text), what to do (kind) and why (reason). Its id is what a model cites."""

    id: ClauseId = Field(description=_CLAUSE_ID)
    kind: Disposition = Field(description="refuse, comply or safe_complete")
    text: Text = Field(description="a sentence that says in which case the clause applies")
    reason: str = Field(description="a sentence that says why")
    examples: Examples = Field(default=Examples(), description="keeps and breaks, each a list of answers")
    authority: Authority = Field(default="default", description="platform, developer, user or default")
    exceptions: tuple[ClauseId, ...] = Field(default=(), description="a list of ids of clauses that win over this one")


class Category(_Part):
    """Clauses about one subject; the summary is all that a brief for another category shows of it."""

    id: Name = Field(description=_NAME)
    title: Text = Field(description="a few words")
    summary: str = Field(description="one sentence that tells what is refused and what is answered")
    terms: dict[Text, Text] = Field(default={}, description="a mapping of words to what they mean in this category")
    clauses: tuple[Clause, ...] = Field(description="a list of clauses")


class Decided(_Part):
    """Who decided the policy, on which day, and what was traded off: the normative side has an author."""

    by: Text = Field(description="who decided")
    on: datetime.date = Field(description="a day, written as YYYY-MM-DD")
    trade_off: Text = Field(description="what was given up for what")

    @field_validator("on", mode="before")
    @classmethod
    def _is_a_day(cls, value: object) -> object:
        written = isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value.strip())
        if not written and type(value) is not datetime.date:
            raise PydanticCustomError("date_form", "not a day")
        return value


class Policy(_Part):
    """A written policy. Clause ids and category ids are unique, and every exception names a clause of the policy."""

    id: Name = Field(description=_NAME)
    version: Text = Field(description='a text in quotes, as "1.0"')
    title: Text = Field(description="a few words")
    decided: Decided = Field(description="by, on and trade_off")
    principles: Text = Field(description="a few sentences that hold in every category")
    styles: dict[Disposition, Text] = Field(description="how to refuse, comply and safe_complete, one sentence each")
    terms: dict[Text, Text] = Field(default={}, description="a mapping of words to what they mean in the policy")
    categories: Annotated[tuple[Category, ...], Field(min_length=1)] = Field(description="a list of categories")

    @model_validator(mode="after")
    def _ids_name_one_thing(self) -> Policy:
        firsts: dict[tuple[str, str], tuple[str | int, ...]] = {}
        for at, noun, name in self._ids():
            first = firsts.setdefault((noun, name), at)
            if first != at:
                context = {"at": at, "first": first, "noun": noun, "id": name}
                raise PydanticCustomError("duplicate_id", "{noun} id `{id}` is used twice; give each its own", context)
        return self

    @model_validator(mode="after")
    def _exceptions_are_other_clauses(self) -> Policy:
        known = {clause.id for clause in self.clauses}
        for i, category in enumerate(self.categories):
            for j, clause in enumerate(category.clauses):
                for k, other in enumerate(clause.exceptions):
                    if other in known and other != clause.id:
                        continue
                    what = "no clause has the id `{id}`{hint}"
                    hint = suggestion(other, known) or "; name another clause"
                    if other == clause.id:
                        what = "clause `{id}` cannot be an exception to itself; name another clause"
                    at = ("categories", i, "clauses", j, "exceptions", k)
                    raise PydanticCustomError("bad_exception", what, {"at": at, "id": other, "hint": hint})
        return self

    def _ids(self) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        for i, category in enumerate(self.categories):
            yield ("categories", i, "id"), "category", category.id
            for j, clause in enumerate(category.clauses):
                yield ("categories", i, "clauses", j, "id"), "clause", clause.id

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """Every clause, in the order of the file."""
        return tuple(clause for category in self.categories for clause in category.clauses)

    @property
    def digest(self) -> str:
        """Sixteen hex digits that name the content: comments, layout and the order of keys do not count."""
        return content_key(self.model_dump(mode="json", exclude_defaults=True))

    def clause(self, clause_id: str) -> Clause:
        """The clause with this id.

        Raises:
            InputError: If the policy has none.
        """
        return self._find(clause_id)[1]

    def category(self, category_id: str) -> Category:
        """The category with this id.

        Raises:
            InputError: If the policy has none.
        """
        for category in self.categories:
            if category.id == category_id:
                return category
        known = [category.id for category in self.categories]
        hint = suggestion(category_id, known) or f"; it has {', '.join(known[:20])}"
        raise InputError(f"policy {self.id} {self.version} has no category {category_id!r:.80}{hint}")

    def category_of(self, clause_id: str) -> Category:
        """The category that holds this clause.

        Raises:
            InputError: If the policy has no such clause.
        """
        return self._find(clause_id)[0]

    def disposition(self, case_clauses: Sequence[str]) -> Disposition:
        """What the policy asks for in a case that falls under these clauses; the first governs.

        Raises:
            InputError: If no clause is given, or one that the policy does not have.
        """
        assert not isinstance(case_clauses, str), "give a sequence of clause ids, not one id"
        if not case_clauses:
            raise InputError("a case without clauses has no disposition: give it the id of the clause that governs it")
        clauses = [self.clause(clause_id) for clause_id in case_clauses]
        return clauses[0].kind

    def _find(self, clause_id: str) -> tuple[Category, Clause]:
        # No index is kept: `model_copy` would carry it over to a changed policy.
        for category in self.categories:
            for clause in category.clauses:
                if clause.id == clause_id:
                    return category, clause
        hint = suggestion(clause_id, (clause.id for clause in self.clauses)) or "; see `precepts policy show`"
        raise InputError(f"policy {self.id} {self.version} has no clause {clause_id!r:.80}{hint}")
