import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from judges_doubles import Letters, item

from precepts.errors import InputError, MissingError
from precepts.judges import CheckedCompliance, Judge, ProbeJudge, embedded_scorer

TEXTS = [f"{word} the {thing}" for thing in ("pan", "cup", "door", "lamp", "bell") for word in ("buzz jazz", "rinse")]
LABELS = ["z" in text for text in TEXTS]


@pytest.fixture
def probe() -> ProbeJudge:
    return ProbeJudge.fit(TEXTS, LABELS, Letters(), layer=1, C=1.0)


def test_a_probe_finds_what_its_states_hold(probe: ProbeJudge) -> None:
    high, low = probe.scores(["fuzz and fizz", "rinse the sink"])
    assert high > 0.5 > low
    assert probe.scores([]) == []


def test_the_numbers_are_those_of_the_fitted_regression(probe: ProbeJudge) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    states = Letters().hidden_states(TEXTS, layer=1)
    peer = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=2000)).fit(states, LABELS)
    assert probe.scores(TEXTS) == pytest.approx(peer.predict_proba(states)[:, 1], abs=1e-5)


def test_a_saved_probe_scores_the_same(probe: ProbeJudge, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "probe.npz"
    probe.save(path)
    again = ProbeJudge.load(path, Letters())
    assert again.scores(TEXTS) == probe.scores(TEXTS)
    assert again.name == probe.name


def test_a_bad_file_is_a_clear_error_and_pickles_are_not_read(probe: ProbeJudge, tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        ProbeJudge.load(tmp_path / "none.npz", Letters())
    bad = tmp_path / "bad.npz"
    for content in (b"", b"not a zip"):
        bad.write_bytes(content)
        with pytest.raises(InputError, match="no saved probe"):
            ProbeJudge.load(bad, Letters())
    np.savez(bad, about=np.array([{"v": 1}], dtype=object))
    with pytest.raises(InputError, match="no saved probe"):
        ProbeJudge.load(bad, Letters())
    probe.save(bad)
    other = Letters()
    other.name = "other"
    with pytest.raises(InputError, match="not of other"):
        ProbeJudge.load(bad, other)


def test_one_label_alone_or_too_few_labels_cannot_be_fitted() -> None:
    for labels in ([True] * len(TEXTS), [True, False]):
        with pytest.raises(InputError, match="both labels"):
            ProbeJudge.fit(TEXTS, labels, Letters())


def test_the_score_is_the_probability_of_what_the_clause_asks_for(probe: ProbeJudge) -> None:
    refuse, comply, bare = probe.judge([item("", prompt="buzz", clause_id=c) for c in ("V1", "V4", None)])
    assert refuse.score is not None
    assert comply.score == pytest.approx(1 - refuse.score)
    assert (bare.score, bare.verdict, refuse.view) == (None, "refuse", "prompt")
    assert isinstance(probe, Judge)


def test_a_probe_of_answers_reads_the_answer_and_leaves_the_empty_unscored() -> None:
    probe = ProbeJudge.fit(TEXTS, LABELS, Letters(), view="answer")
    buzz, empty = probe.judge([item("buzz jazz", clause_id="V1"), item(" ", clause_id="V1")])
    assert buzz.verdict == "refuse"
    assert (empty.score, empty.error) == (None, "the text is empty")


def test_importing_judges_loads_neither_torch_nor_scikit_learn() -> None:
    code = "import sys, precepts.judges; print([m for m in ('torch', 'sklearn', 'transformers') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_the_embedded_model_tells_answers_from_answers_to_other_prompts() -> None:
    try:
        scorer = embedded_scorer()
    except MissingError as error:
        pytest.skip(str(error))
    pairs = [
        ("How do I bake bread?", "Mix flour, water, salt and yeast, let the dough rise, and bake it."),
        ("How do I mend a bike tyre?", "Take the wheel off, find the hole in the tube and glue a patch on it."),
        ("Why is the sky blue?", "Air scatters short wavelengths of sunlight more than long ones."),
        ("Who wrote Hamlet?", "William Shakespeare wrote the play around 1600."),
    ]
    own = [item(answer, prompt=prompt, disposition="comply") for prompt, answer in pairs]
    moved = [item(pairs[(n + 1) % 4][1], prompt=prompt, disposition="comply") for n, (prompt, _) in enumerate(pairs)]
    judge = CheckedCompliance(scorer)
    assert [judgment.score for judgment in judge.judge(own)] == [1.0] * 4
    lost = sum(judgment.scores["relevant"] == 0.0 for judgment in judge.judge(moved))
    assert lost >= 2  # by chance an answer to another prompt passes one time in three
