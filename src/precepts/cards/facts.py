"""What a card is told beside evidence: counts, names and limits. No number of it is an estimate of behaviour."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from precepts.cards.text import visible_values
from precepts.errors import InputError


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Counts(_Part):
    """How many cases became training examples, and why others did not."""

    cases: int | None = None
    generated: int | None = None
    kept: int | None = None
    dropped: dict[str, int] = Field(default_factory=dict)


class Reached(_Part):
    """A target set before the run, and whether its evidence met it; `met` is None where that could not be told."""

    claim: str
    value: float | str | None = None
    met: bool | None = None


class Facts(BaseModel):
    """All optional. Keys that are not named here are kept and shown as they are."""

    model_config = ConfigDict(frozen=True, extra="allow")

    seed: int | str | None = None
    model: str | None = None
    when: str | None = None
    counts: Counts | None = None
    filter_judge: str | None = None
    test_judge: str | None = None
    reward_judge: str | None = None
    reward_check: tuple[str, ...] = ()
    rules_quality: tuple[dict[str, object], ...] = ()
    calibration: dict[str, object] = Field(default_factory=dict)
    curve: tuple[dict[str, object], ...] = ()
    rl_curve: tuple[dict[str, object], ...] = ()
    limits: tuple[str, ...] = ()
    reached: tuple[Reached, ...] = ()
    reproduce: str | None = None
    versions: dict[str, object] = Field(default_factory=dict)

    @property
    def others(self) -> dict[str, object]:
        """The facts without a place of their own."""
        return dict(self.model_extra or {})


def read_facts(facts: Mapping[str, object]) -> Facts:
    """The facts, checked, with every text in them visible.

    Raises:
        InputError: If a fact has another form than the card shows; the message names it.
    """
    try:
        return Facts.model_validate(visible_values(facts))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"the card's fact `{where}`: {first['msg']}; got {str(first['input'])[:80]!r}") from None
