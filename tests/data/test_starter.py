"""What the starter pack promises: meaning tells the sides of a twin apart, and words, length and form do not."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

from precepts.data import ENTRIES, load_cases, overlaps, starter_translations
from precepts.policy import lint, starter_path, starter_policy
from precepts.types import Case

MOST_AUC = 0.65
PROBE_GAIN = 0.10


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return load_cases("starter")


@pytest.fixture(scope="module")
def twins(cases: list[Case]) -> dict[str, list[Case]]:
    pairs: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        if case.pair:
            pairs[case.pair].append(case)
    return dict(pairs)


def sides(twins: dict[str, list[Case]], *splits: str) -> tuple[list[Case], np.ndarray]:
    policy = starter_policy()
    chosen = [case for pair in twins.values() for case in pair if case.split in splits]
    return chosen, np.array([policy.disposition(case.clauses) != "comply" for case in chosen])


def surface_auc(twins: dict[str, list[Case]], vectorizer: TfidfVectorizer, strength: float) -> float:
    train, y_train = sides(twins, "train")
    test, y_test = sides(twins, "test")
    model = make_pipeline(vectorizer, LogisticRegression(C=strength, max_iter=2000, solver="liblinear"))
    model.fit([case.prompt for case in train], y_train)
    return float(roc_auc_score(y_test, model.decision_function([case.prompt for case in test])))


def test_the_policy_and_the_pack_are_as_large_as_they_say(cases: list[Case], twins: dict[str, list[Case]]) -> None:
    policy = starter_policy()
    kinds = Counter(clause.kind for clause in policy.clauses)
    assert len(policy.categories) >= 8
    assert sum(kinds.values()) >= 40
    assert all(kinds[kind] for kind in ("refuse", "comply", "safe_complete"))
    assert len(twins) >= 500
    assert len({case.topic for pair in twins.values() for case in pair}) >= 100
    assert len({case.groups["skeleton"] for pair in twins.values() for case in pair}) >= 160
    assert sum(case.pair is None for case in cases) >= 300


def test_every_pair_has_two_sides_of_one_form_and_length(twins: dict[str, list[Case]]) -> None:
    policy = starter_policy()
    for name, pair in twins.items():
        asked = [policy.disposition(case.clauses) for case in pair]
        assert asked.count("comply") == 1, name
        assert len(pair) == 2, name
        assert len({(c.form, c.topic, c.split, c.groups["skeleton"]) for c in pair}) == 1, name
        assert abs(len(pair[0].prompt.split()) - len(pair[1].prompt.split())) <= 2, name


def test_no_topic_and_no_skeleton_stands_in_two_splits(twins: dict[str, list[Case]]) -> None:
    for key in (lambda c: c.topic, lambda c: c.groups["skeleton"]):
        splits: dict[str, set[str]] = defaultdict(set)
        for pair in twins.values():
            for case in pair:
                splits[key(case)].add(case.split)
        assert all(len(found) == 1 for found in splits.values())


def test_no_prompt_repeats(cases: list[Case]) -> None:
    assert len({" ".join(case.prompt.lower().split()) for case in cases}) == len(cases)


def test_the_starter_policy_has_cases_for_every_clause() -> None:
    assert [f for f in lint(starter_policy(), starter_path(), load_cases("starter")) if f.level == "error"] == []


@pytest.mark.parametrize(
    ("vectorizer", "strength"),
    [
        (TfidfVectorizer(sublinear_tf=True), 1.0),
        (TfidfVectorizer(sublinear_tf=True), 10.0),
        (TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), 1.0),
        (TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True), 1.0),
        (TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True), 10.0),
    ],
    ids=["words", "words-loose", "bigrams", "characters", "characters-loose"],
)
def test_words_do_not_give_the_side_away(
    twins: dict[str, list[Case]], vectorizer: TfidfVectorizer, strength: float
) -> None:
    assert surface_auc(twins, vectorizer, strength) <= MOST_AUC


def test_length_and_form_do_not_give_the_side_away(twins: dict[str, list[Case]]) -> None:
    train, y_train = sides(twins, "train")
    test, y_test = sides(twins, "test")
    forms = sorted({case.form or "" for case in train})

    def features(cases: list[Case]) -> np.ndarray:
        return np.array(
            [[len(c.prompt), len(c.prompt.split()), *(float(c.form == form) for form in forms)] for c in cases]
        )

    model = LogisticRegression(max_iter=2000).fit(features(train), y_train)
    assert roc_auc_score(y_test, model.decision_function(features(test))) <= 0.55


@pytest.mark.parametrize("name", [name for name, found in ENTRIES.items() if found.cases is not None])
def test_no_eight_words_in_a_row_stand_in_a_public_set(cases: list[Case], name: str, public_data: object) -> None:
    public = load_cases(name, download=False)
    assert overlaps([case.prompt for case in cases], [case.prompt for case in public]) == []


@pytest.mark.slow
def test_hidden_states_tell_the_sides_apart_where_words_do_not(twins: dict[str, list[Case]]) -> None:
    """The embedded model's own states, under its chat template, separate the test twins at least 0.10 better than the best words do."""
    from precepts.judges import ProbeJudge, embedded_scorer

    engine = embedded_scorer()
    train, y_train = sides(twins, "train")
    test, y_test = sides(twins, "test")

    def texts(cases: list[Case]) -> list[str]:
        return [engine.prompt_text(case.messages) for case in cases]  # pyright: ignore

    probe = ProbeJudge.fit(texts(train), list(y_train), engine, layer=16, C=0.001)  # pyright: ignore
    found = roc_auc_score(y_test, probe.scores(texts(test)))
    best = max(
        surface_auc(twins, TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), 3.0),
        surface_auc(twins, TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True), 3.0),
    )
    assert found >= best + PROBE_GAIN


def test_translations_are_of_test_cases_with_their_twins_and_each_is_its_own() -> None:
    by_id = {case.id: case for case in load_cases("starter")}
    with starter_translations().open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    languages = {row["language"] for row in rows}
    assert languages == {"German", "French", "Spanish"}
    ids = {row["id"] for row in rows}
    assert len(ids) == 40
    assert len({(row["id"], row["language"]) for row in rows}) == len(rows) == 120
    assert len({row["text"] for row in rows}) == 120
    assert {by_id[i].split for i in ids} == {"test"}
    assert all(i[:-1] + twin in ids for i in ids for twin in "ab")
    for row in rows:
        told, meant = row["text"], by_id[row["id"]].prompt
        assert told != meant
        assert 0.5 < len(told) / len(meant) < 2.2, row
        # A question stays a question.
        assert told.endswith("?") == meant.endswith("?"), row
