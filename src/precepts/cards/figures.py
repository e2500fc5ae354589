"""Numbers as text: a value with its interval, never one without the other where both are known."""

from __future__ import annotations

from precepts.cards.claims import Scale, scale_of
from precepts.types import Evidence


def number(value: float, scale: Scale, *, signed: bool = False, whole: bool = False, unit: bool = True) -> str:
    """The value as text: `87.1 %`, `+12.3 pts` where it is a difference, `0.913` for an area; a unit does not wrap.

    With `whole`, percents lose their decimal, unless that would turn a value next to 0 or 100 % into it.
    """
    if scale != "percent":
        text = f"{value:.3f}" if scale == "auc" else f"{value:.4g}"
        return _sign(text, signed)
    percent = 100 * value
    digits = 0 if whole and (percent in (0, 100, -100) or round(abs(percent)) not in (0, 100)) else 1
    return _sign(f"{percent:.{digits}f}", signed) + (("\u00a0pts" if signed else "\u00a0%") if unit else "")


def _sign(text: str, signed: bool) -> str:
    if float(text) == 0:
        return text.lstrip("-")
    return ("+" if signed and not text.startswith("-") else "") + text.replace("-", "−")


def is_difference(row: Evidence) -> bool:
    """Whether the row compares an arm with a baseline."""
    return row.baseline is not None or row.unit == "difference"


def value_text(row: Evidence, *, whole: bool = False) -> str:
    """The row's value, or why there is none."""
    if row.value is None:
        return f"not scored: none of {row.n_unscored:,} answers" if row.n_unscored else "no cases"
    return number(row.value, scale_of(row), signed=is_difference(row), whole=whole)


def interval_text(row: Evidence, *, whole: bool = False) -> str:
    """The row's interval in brackets, without a unit; for a value without one, that."""
    if row.value is None:
        return ""
    if row.low is None or row.high is None:
        return "no interval"
    scale, signed = scale_of(row), is_difference(row)
    low, high = (number(end, scale, signed=signed, whole=whole, unit=False) for end in (row.low, row.high))
    return f"[{low}, {high}]"


def level_text(row: Evidence) -> str:
    """`95 %`."""
    return f"{100 * row.level:g} %"


def sign_text(row: Evidence) -> str:
    """What a difference's interval says of its sign."""
    if row.low is None or row.high is None:
        return ""
    return "above 0" if row.low > 0 else "below 0" if row.high < 0 else "includes 0"
