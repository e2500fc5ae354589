"""The contrast within templates is the mixed model's coefficient where the design is crossed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from precepts.stats import estimate


def crossed(seed: int, *, effect: float, slope_sd: float, templates: int = 30) -> list[dict[str, object]]:
    rng = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for t in range(templates):
        level, slope = rng.normal(0, 2), rng.normal(effect, slope_sd)
        for group in ("a", "b"):
            for other in range(4):
                score = level + (slope if group == "b" else 0) + 0.3 * other + rng.normal(0, 0.5)
                rows.append({"score": score, "label": group, "cluster": f"t{t}", "other": other})
    return rows


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_is_the_mixed_model_s_coefficient_and_error(seed: int) -> None:
    rows = crossed(seed, effect=0.6, slope_sd=0.8)
    found = estimate("within_cluster_contrast@1", rows, params={"positive": "b"})
    frame = pd.DataFrame(rows).assign(
        x=lambda d: (d["label"] == "b").astype(float), other=lambda d: d["other"].astype(str)
    )
    with np.errstate(all="ignore"):
        fit = smf.mixedlm("score ~ x + other", frame, groups=frame["cluster"], re_formula="~x").fit(reml=True)
    assert found.value == pytest.approx(fit.params["x"], abs=1e-3)
    assert found.low is not None
    assert found.high is not None
    half = (found.high - found.low) / 2
    assert half / 2.045 == pytest.approx(fit.bse["x"], rel=0.03)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_intervals_cover_where_effects_differ_between_templates(seed: int) -> None:
    covered = 0
    for n in range(200):
        found = estimate(
            "within_cluster_contrast@1",
            crossed(1000 * seed + n, effect=0.6, slope_sd=0.8, templates=12),
            params={"positive": "b"},
        )
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0.6 <= found.high
    assert 0.91 <= covered / 200 <= 0.99


def test_a_template_with_one_group_alone_says_nothing() -> None:
    rows = [{"score": 1.0, "label": "a", "cluster": "t"}, {"score": 2.0, "label": "b", "cluster": "u"}]
    found = estimate("within_cluster_contrast@1", rows, params={"positive": "b"})
    assert (found.value, found.n, found.n_unscored) == (None, 2, 0)
