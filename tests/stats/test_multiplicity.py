"""Adjusted p values by hand and against statsmodels."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from precepts.errors import InputError
from precepts.stats import benjamini_hochberg, holm

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_benjamini_hochberg_by_hand():
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])


@settings(max_examples=15)  # statsmodels takes a tenth of a second each
@given(P_VALUES)
def test_both_equal_statsmodels(p_values):
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])
    assert benjamini_hochberg(p_values) == pytest.approx(multipletests(p_values, method="fdr_bh")[1])


@given(P_VALUES)
def test_adjusted_values_are_larger_and_holm_is_the_stricter(p_values):
    for p, by_holm, by_bh in zip(p_values, holm(p_values), benjamini_hochberg(p_values), strict=True):
        assert p <= by_bh + 1e-12
        assert by_bh <= by_holm + 1e-12
        assert by_holm <= 1


def test_no_p_values_give_none():
    assert holm([]) == benjamini_hochberg([]) == []


@pytest.mark.parametrize("bad", [[-0.1], [1.2], [float("nan")]])
def test_what_is_no_p_value_is_refused(bad):
    with pytest.raises(InputError):
        holm(bad)
    with pytest.raises(InputError):
        benjamini_hochberg(bad)
