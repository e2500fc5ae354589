"""The verdict: what was measured, said in plain sentences that are filled in from evidence alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from precepts.cards.arms import arm_of, arms_of, main_set_of, set_of
from precepts.cards.claims import CLAIMS, HEADLINE, claim_of, scale_of
from precepts.cards.figures import interval_text, is_difference, level_text, number, value_text
from precepts.types import Evidence


@dataclass(frozen=True)
class Headline:
    """A claim of the trained arm in large type, with the same claim of the arm it is compared with."""

    label: str
    value: str
    interval: str
    n: str
    compared: str


@dataclass(frozen=True)
class Verdict:
    """Sentences and headline figures about one arm on one set."""

    arm: str
    baseline: str | None
    sentences: tuple[str, ...]
    headlines: tuple[Headline, ...]


def make_verdict(evidence: Sequence[Evidence], policy_name: str) -> Verdict:
    """What the evidence says of the trained arm (`sft+rl`, else `sft`, else the last) on the main set, under the named policy."""
    arms, name = arms_of(evidence), main_set_of(evidence)
    if not arms:
        return Verdict("", None, ("Nothing was measured.",), ())
    arm = next((name for name in ("sft+rl", "sft") if name in arms), arms[-1])
    here = [row for row in evidence if set_of(row) == name and set(row.slice) <= {"arm", "set"}]
    own = {row.claim: row for row in reversed(here) if arm_of(row) == arm and not is_difference(row)}
    pairs = [row for row in here if arm_of(row) == arm and is_difference(row) and row.value is not None]
    baselines = [row.baseline for row in pairs if row.baseline is not None]
    baseline = "base" if "base" in baselines else baselines[0] if baselines else None
    pairs = [row for row in pairs if row.baseline == baseline]
    sentences = (
        _what_it_does(own, arm, name, policy_name),
        _compared(pairs, baseline),
        _not_scored(own, here, arm),
        _not_measured(own),
        "These numbers hold for these cases, this policy version and these judges. They say nothing of other prompts.",
    )
    others = {row.claim: row for row in reversed(here) if arm_of(row) == baseline and not is_difference(row)}
    headlines = tuple(_headline(own[claim], others.get(claim)) for claim in HEADLINE if claim in own)
    return Verdict(arm, baseline, tuple(sentence for sentence in sentences if sentence), headlines)


def rate_text(row: Evidence) -> str:
    """`87 % [83, 91]`, or `0.913 [0.880, 0.941]`."""
    return f"{value_text(row, whole=True)} {interval_text(row, whole=True)}"


def _what_it_does(own: dict[str, Evidence], arm: str, name: str, policy_name: str) -> str:
    said = [
        claim.sentence.format(rate=rate_text(row), n=f"{row.n:,}")
        for claim in CLAIMS
        if claim.sentence and (row := own.get(claim.id)) is not None and row.value is not None
    ]
    if not said:
        return f"No rate of {arm} on {name} was measured."
    rows = list(own.values())
    exposures = {row.exposure for row in rows}
    cases = "that it was not trained on" if exposures == {"unseen"} else "some or all of which it has seen in training"
    level = level_text(rows[0])
    where = f"Under policy {policy_name}, on cases of the set {name} {cases}"
    return f"{where}, {arm} {_listed(said)}. Brackets are {level} intervals."


def _compared(pairs: Sequence[Evidence], baseline: str | None) -> str:
    wanted = [row for claim in HEADLINE for row in pairs if row.claim == claim]
    if not wanted:
        return "No arm was compared with another on the same cases."
    said: list[str] = []
    for row in wanted:
        assert row.value is not None, "rows without a value are left out above"
        size = number(abs(row.value), scale_of(row), whole=True, unit=False)
        unit = " points" if scale_of(row) == "percent" else ""
        way = "higher" if row.value > 0 else "lower"
        moved = f"{size}{unit} {way}" if row.value else "the same"
        undecided = row.low is None or row.high is None or row.low <= 0 <= row.high
        tail = ", which includes no difference" if undecided and row.low is not None else ""
        said.append(f"{claim_of(row.claim).noun} is {moved} {interval_text(row, whole=True)}{tail}")
    return f"Compared with {baseline} on the same cases, its {_listed(said, sep='; its ')}."


def _not_scored(own: dict[str, Evidence], here: Sequence[Evidence], arm: str) -> str:
    counted = [row for row in here if arm_of(row) == arm and not is_difference(row) and row.n_unscored]
    if not own:
        return ""
    if not counted:
        return f"Every answer of {arm} was scored."
    most = max(counted, key=lambda row: row.n_unscored / (row.n + row.n_unscored))
    total = most.n + most.n_unscored
    label = claim_of(most.claim).label.lower()
    return f"Up to {most.n_unscored:,} of {total:,} answers ({label}) could not be scored; they move no number."


def _not_measured(own: dict[str, Evidence]) -> str:
    """The claims about answers that are missing: those that the verdict would have spoken of."""
    missing = [claim for claim in CLAIMS if claim.sentence and (claim.id not in own or own[claim.id].value is None)]
    said = [f"{claim.label.lower()}" + (f" (needs {claim.needs})" if claim.needs else "") for claim in missing]
    return f"Not measured: {_listed(said)}." if said else ""


def _headline(row: Evidence, other: Evidence | None) -> Headline:
    compared = f"{arm_of(other)}: {rate_text(other)}" if other is not None and other.value is not None else ""
    label = claim_of(row.claim).label
    return Headline(label, value_text(row, whole=True), interval_text(row, whole=True), f"n {row.n:,}", compared)


def _listed(parts: Sequence[str], *, sep: str = ", ") -> str:
    if len(parts) < 2 or sep != ", ":
        return sep.join(parts)
    return f"{sep.join(parts[:-1])} and {parts[-1]}"
