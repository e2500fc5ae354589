"""The verdict's threshold, chosen on dev: hand-worked cases, and never worse than before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precepts.training.calibration import calibrate
from precepts.types import Disposition

FAR = -50.0
"""A safe completion that nobody would write."""


def scores(*gaps: float, safe: float = FAR) -> list[list[float]]:
    """Log-probabilities whose refuse − comply is the gap."""
    return [[gap, 0.0, safe] for gap in gaps]


def test_a_separable_dev_set_is_cut_in_the_middle_of_the_gap() -> None:
    found = calibrate(scores(2.0, 1.0, 0.5, -1.0), ["refuse", "refuse", "comply", "comply"])
    assert found.refuse == -0.75
    assert found.safe_complete == 0.0
    assert found.n == 4
    assert found.recall_before == {"refuse": 1.0, "comply": 0.5}
    assert found.recall_after == {"refuse": 1.0, "comply": 1.0}


def test_a_model_that_always_refuses_is_moved() -> None:
    found = calibrate(scores(9.0, 8.0, 6.0, 5.0), ["refuse", "refuse", "comply", "comply"])
    assert found.refuse == -7.0
    assert found.recall_before == {"refuse": 1.0, "comply": 0.0}
    assert found.recall_after == {"refuse": 1.0, "comply": 1.0}


def test_the_least_recalled_verdict_decides_and_not_the_common_one() -> None:
    """Nine to comply with lie below one to refuse; the mean recall alone would not tell both cuts apart."""
    gaps, asked = [-1.0, *([-2.0] * 8), 3.0, -1.5], ["refuse", *["comply"] * 9, "refuse"]
    found = calibrate(scores(*gaps), asked)  # pyright: ignore[reportArgumentType]
    assert found.refuse == 1.75
    assert found.recall_after == {"refuse": 1.0, "comply": 0.8889}


@pytest.mark.parametrize("asked", ["refuse", "comply"])
def test_with_no_case_of_the_other_verdict_the_bias_stays_zero(asked: Disposition) -> None:
    found = calibrate(scores(3.0, -2.0), [asked, asked])
    assert (found.refuse, found.safe_complete) == (0.0, 0.0)
    assert found.recall_before == found.recall_after == {asked: 0.5}


def test_with_no_case_at_all_nothing_is_moved() -> None:
    found = calibrate([], [])
    assert (found.refuse, found.safe_complete, found.n, found.recall_after) == (0.0, 0.0, 0, {})


def test_a_safe_completion_is_raised_until_it_is_said_and_no_further() -> None:
    rows = [*scores(4.0, 4.0, -4.0, -4.0, safe=-6.0), *scores(1.0, -1.0, safe=0.0)]
    asked: list[Disposition] = ["refuse", "refuse", "comply", "comply", "safe_complete", "safe_complete"]
    found = calibrate(rows, asked)
    assert found.recall_before["safe_complete"] == 0.0
    assert found.recall_after == {"refuse": 1.0, "comply": 1.0, "safe_complete": 1.0}
    assert found.safe_complete == 1.25, "the smallest step of a quarter nat above 1"


def test_without_a_case_to_complete_safely_its_bias_stays_zero() -> None:
    assert calibrate(scores(1.0, -1.0, safe=5.0), ["refuse", "comply"]).safe_complete == 0.0


_DEV = st.lists(st.tuples(st.integers(-400, 400), st.sampled_from(("refuse", "comply"))), min_size=1, max_size=30)


@given(_DEV)
def test_calibrating_never_lowers_the_least_recall(dev: list[tuple[int, Disposition]]) -> None:
    found = calibrate(scores(*(gap / 50 for gap, _ in dev)), [asked for _, asked in dev])
    assert min(found.recall_after.values()) >= min(found.recall_before.values())


@given(_DEV, st.randoms())
def test_the_order_of_the_dev_cases_does_not_matter(dev: list[tuple[int, Disposition]], random: object) -> None:
    mixed = list(dev)
    random.shuffle(mixed)  # pyright: ignore[reportAttributeAccessIssue]
    one, other = (calibrate(scores(*(g / 50 for g, _ in d)), [a for _, a in d]) for d in (dev, mixed))
    assert one == other
