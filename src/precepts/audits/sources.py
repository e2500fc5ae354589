"""Public sets as tables to audit, by name: what each needs to become one row a rating, or one row a decision."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from precepts.data import DataFile, Entry, find

_HATECHECK = "d84302298ceeb34f4b0dde2d8a1f4932c2caa612"
_PROPUBLICA = "bafff5da3f2e45eca6c2d5055faad269defd135a"
_AEQUITAS = "4dc71c69cdf15f3dfa53638665d722f5f1763bad"
_ADULT = "177cebb7401e583c4b6be6e0d060d8035c63b065"
_FIELDS = [
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education_num",
    "marital_status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital_gain",
    "capital_loss",
    "hours_per_week",
    "native_country",
    "income",
]


_TARGETS = {
    "women": "wom[ae]n", "trans people": "trans", "gay people": "gay", "black people": "black", "disabled people": "disabled",
    "Muslims": "muslim", "immigrants": "immigrant",
}  # fmt: skip


def _raw(repository: str, revision: str, path: str) -> str:
    return f"https://raw.githubusercontent.com/{repository}/{revision}/{path}"


class Source(NamedTuple):
    """A public set and how it becomes a table."""

    entry: Entry
    table: Callable[[dict[str, Path]], pl.DataFrame]

    def read(self) -> pl.DataFrame:
        """The table; files are found in a folder of copies or the cache, or downloaded."""
        return self.table({file.key: find(self.entry, file) for file in self.entry.files})


def _hatecheck(files: dict[str, Path]) -> pl.DataFrame:
    """One row a rating: `item`, `template`, `rater`, `label`, `gold`, `target`.

    The published suite leaves out 173 rated cases whose raters mostly disagreed with the gold label. Without them raters
    look better than they are, so they stay. Every template runs through the target groups in one order, so the target of
    such a case is that of the same place in the functionality's other templates of its size, where they agree; else what
    its text names; else missing.
    """
    ratings = pl.read_csv(files["ratings"], infer_schema_length=None)
    targets = pl.read_csv(files["cases"], infer_schema_length=None).select("case_id", "target_ident")
    named = pl.coalesce(
        pl.when(pl.col("test_case").str.contains(f"(?i){word}")).then(pl.lit(group)) for group, word in _TARGETS.items()
    )
    placed = ratings.join(targets.with_columns(published=True), on="case_id", how="left").with_columns(
        place=pl.col("case_id").rank("ordinal").over("templ_id"), size=pl.len().over("templ_id")
    )
    slot = ["functionality", "size", "place"]
    known = placed.filter("published").group_by(slot).agg(pl.col("target_ident").unique().alias("at_place"))
    agreed = known.filter(pl.col("at_place").list.len() == 1).with_columns(pl.col("at_place").list.first())
    return (
        placed.join(agreed, on=slot, how="left")
        .with_columns(
            pl.when("published").then("target_ident").otherwise(pl.coalesce("at_place", named)).alias("target_ident")
        )
        .unpivot(
            [f"label_{k}" for k in range(1, 11)],
            index=["case_id", "templ_id", "label_gold", "target_ident"],
            variable_name="rater",
            value_name="label",
        )
        .filter(pl.col("label").is_not_null())
        .select(
            item="case_id",
            template="templ_id",
            rater=pl.col("rater").str.strip_prefix("label_"),
            label="label",
            gold="label_gold",
            target="target_ident",
        )
    )


def _compas(files: dict[str, Path]) -> pl.DataFrame:
    """One row a defendant: `score` 1 for medium or high risk, `outcome` 1 for a new charge in two years."""
    return pl.read_csv(files["all"]).rename({"label_value": "outcome"})


def _deciles(files: dict[str, Path]) -> pl.DataFrame:
    """One row a defendant: `score` the decile of risk, 1 to 10, `outcome` 1 for a new charge in two years; nothing that names a person."""
    columns = ["decile_score", "two_year_recid", "race", "sex", "age_cat"]
    frame = pl.read_csv(files["all"], columns=columns, infer_schema_length=None)
    return frame.rename({"decile_score": "score", "two_year_recid": "outcome"})


def _adult(files: dict[str, Path]) -> pl.DataFrame:
    """One row a person: `outcome` 1 for an income above 50,000, `score` its out-of-fold probability.

    The score is five-fold logistic regression on all columns but race, sex, relationship (which gives sex away) and the
    sampling weight, so the audit is of a model that was not told.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    text = gzip.decompress(files["all"].read_bytes()) if files["all"].suffix == ".gz" else files["all"].read_bytes()
    frame = pl.read_csv(io.BytesIO(text), has_header=False, new_columns=_FIELDS, infer_schema=False)
    frame = frame.with_columns(pl.all().str.strip_chars()).filter(pl.col("income").is_in(["<=50K", ">50K"]))
    outcome = (frame["income"] == ">50K").cast(pl.Int64)
    numbers = ["age", "education_num", "capital_gain", "capital_loss", "hours_per_week"]
    words = ["workclass", "education", "marital_status", "occupation", "native_country"]
    columns = frame.select(pl.col(numbers).cast(pl.Float64))
    columns = columns.with_columns(pl.col("capital_gain", "capital_loss").log1p())
    scaled = columns.select((pl.all() - pl.all().mean()) / pl.all().std())
    features = np.hstack([scaled.to_numpy(), frame.select(words).to_dummies().to_numpy()])
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    # Newton's method: a hundred columns and many rows. The L2 penalty of 1 keeps rare words finite.
    model = LogisticRegression(solver="newton-cholesky")
    found: Any = cross_val_predict(model, features, outcome.to_numpy(), cv=folds, method="predict_proba")
    score = found[:, 1]
    return frame.select("race", "sex").with_columns(outcome.alias("outcome"), pl.Series("score", score))


SOURCES: dict[str, Source] = {
    source.entry.name: source
    for source in (
        Source(
            Entry(
                name="hatecheck",
                title="HateCheck: test cases for hate speech, each labelled by five of ten trained annotators",
                citation="Röttger et al. 2021, arXiv 2012.15606",
                licence="CC-BY-4.0",
                revision=_HATECHECK,
                files=(
                    DataFile(
                        key="ratings",
                        url=_raw("paul-rottger/hatecheck-data", _HATECHECK, "all_annotations.csv"),
                        sha256="080b5a57327829a4ea27219a22acc7b6eee8f3af1074424e49e116225d53264f",
                    ),
                    DataFile(
                        key="cases",
                        url=_raw("paul-rottger/hatecheck-data", _HATECHECK, "test_suite_cases.csv"),
                        sha256="ecf0dc1e93fccc90b6f880e632b19e635c0f0a68b3157915a9e20b6938f121cf",
                    ),
                ),
            ),
            _hatecheck,
        ),
        Source(
            Entry(
                name="compas",
                title="COMPAS risk deciles and two-year outcomes of Broward defendants",
                citation="Larson, Mattu, Kirchner and Angwin 2016, ProPublica compas-analysis",
                licence="none stated",
                revision=_PROPUBLICA,
                files=(
                    DataFile(
                        key="all",
                        url=_raw("propublica/compas-analysis", _PROPUBLICA, "compas-scores-two-years.csv"),
                        sha256="c451db85908b2f7fef1d83203bedf6b71ecda0d5af468d82ae62178f91d0cc7d",
                    ),
                ),
            ),
            _deciles,
        ),
        Source(
            Entry(
                name="compas_aequitas",
                title="COMPAS risk flags and two-year outcomes of Broward defendants",
                citation="ProPublica compas-analysis, as in the aequitas repository",
                licence="MIT (repository)",
                revision=_AEQUITAS,
                files=(
                    DataFile(
                        key="all",
                        url=_raw("dssg/aequitas", _AEQUITAS, "examples/data/compas_for_aequitas.csv"),
                        sha256="91e245a5d267e082daf500443c4672a5cb00e089974d53527929fba0ab030580",
                    ),
                ),
            ),
            _compas,
        ),
        Source(
            Entry(
                name="adult",
                title="UCI Adult census income, training part, with out-of-fold scores of a logistic regression",
                citation="Becker and Kohavi 1996, UCI Machine Learning Repository",
                licence="CC-BY-4.0",
                revision=_ADULT,
                files=(
                    DataFile(
                        key="all",
                        url=_raw("vrizawahyu22/adult-dataset", _ADULT, "adult.data"),
                        sha256="7974b56173c9e296a971a3881558f1cf56f19bd7faa18d226136f319339efcaa",
                        copy="adult.data.gz",
                        copy_sha256="fb9b6b419c38dd70d75d31f014b7f0905bf76e9625473c593455e31679a93184",
                        change="the header row of the copying repository taken off, compressed",
                    ),
                ),
            ),
            _adult,
        ),
    )
}
"""The public sets that can be audited, by name."""
