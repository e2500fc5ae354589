"""Ladders: the file, what a student is worth by hand, bootstrapping on planted rows, and the command."""

from __future__ import annotations

import json

import numpy as np
import pytest

from precepts.errors import InputError, MissingError
from precepts.w2s.ladder import Rung, pairs, read_ladder

pytest.importorskip("torch")

from precepts.w2s.bootstrap import BOOTSTRAPPED, DIRECT, bootstrapped
from precepts.w2s.experiment import Labelled
from precepts.w2s.heads import HeadSettings
from precepts.w2s.splits import Split


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models: [", r"ladder.yaml:1: not YAML"),
        ("rungs: []", "no list `models`"),
        ("models:\n- {name: a}", "entry 1"),
        ("models:\n- {name: a, ref: tfidf}\n- {name: A, ref: x}", "one name"),
        ("models:\n- {name: a, ref: x}\n- {name: b, ref: tfidf}", "can be a student"),
    ],
)
def test_a_bad_ladder_is_one_clear_error(tmp_path, text, message):
    path = tmp_path / "ladder.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_ladder(path)
    with pytest.raises(MissingError, match="no ladder file"):
        read_ladder(tmp_path / "none.yaml")


def test_pairs_go_up_and_words_are_no_student():
    rungs = [
        Rung(name=n, ref=r)
        for n, r in (("words", "tfidf"), ("small", "m@1"), ("chars", "tfidf-chars"), ("large", "m@2"))
    ]
    assert [(p.weak.name, p.strong.name) for p in pairs(rungs)] == [
        ("words", "small"), ("words", "large"), ("small", "large"), ("chars", "large"),
    ]  # fmt: skip
    assert pairs(rungs)[0].name == "words--small"


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_chain_passes_on_what_its_middle_can_read_and_loses_what_it_cannot(seed):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, 1000)
    told = rng.normal(size=(1000, 6)) + 1.5 * (2 * truth - 1)[:, None]
    blind = rng.normal(size=(1000, 6))
    weak = np.eye(2)[np.where(rng.random(1000) < 0.8, truth, 1 - truth)] * 0.8 + 0.1
    part = Split(list(range(200)), list(range(200, 700)), list(range(700, 750)))
    labelled = [Labelled(weak[200:700], weak[700:750], weak[750:])]
    test = range(750, 1000)

    def scored(middle):
        found = bootstrapped(
            [middle, told],
            [part],
            labelled,
            test,
            settings=HeadSettings(epochs=8, learning_rate=0.02),
            antisymmetric=False,
        )
        return {name: float((probs[0].argmax(1) == truth[750:]).mean()) for name, probs in found.items()}

    passed, lost = scored(told), scored(blind)
    assert passed[BOOTSTRAPPED] > 0.9
    assert passed[DIRECT] == lost[DIRECT] > 0.9
    assert lost[BOOTSTRAPPED] < 0.8


def test_the_command_gives_pairs_a_chain_and_evidence_that_recomputes(cli, csv_task, tiny_path, tmp_path):
    from precepts.stats import verify
    from precepts.types import Evidence

    path, out = tmp_path / "ladder.yaml", tmp_path / "run"
    rows = [
        {"name": "words", "ref": "tfidf"},
        {"name": "layer 1", "ref": f"{tiny_path}@1"},
        {"name": "layer 2", "ref": f"{tiny_path}@2"},
    ]
    path.write_text(json.dumps({"models": rows}))
    argv = ["w2s", "ladder", str(path), str(csv_task), "--seeds", "2", "--rows", "0", "--out", str(out)]
    done = cli(*argv)
    assert done.code == 0, done.err
    shown = [line for line in done.out.splitlines() if " K" in line and "layer 2" in line]
    assert len(shown) >= 2 * 2, "naive and logconf of both pairs stand beside the size that they match"
    evidence = [Evidence.model_validate_json(line) for line in (out / "evidence.jsonl").read_text().splitlines()]
    assert {(e.slice["weak"], e.slice["strong"]) for e in evidence} == {
        ("words", "layer 1"), ("words", "layer 2"), ("layer 1", "layer 2"),
    }  # fmt: skip
    assert {"bootstrapped", "direct"} <= {e.slice["arm"] for e in evidence}
    for row in evidence:
        assert verify(row, root=out) == [], row.claim
    read = [json.loads(line) for line in (out / "ladder.jsonl").read_text().splitlines()]
    assert {row["kind"] for row in read} == {"pair", "supervisor"}
    sized = [e for e in evidence if e.claim == "w2s/matched_size"]
    assert {e.slice["strong"] for e in sized} == {"layer 1", "layer 2"}
    sizes = sized[0].params["sizes"]
    assert all(min(sizes.values()) <= e.value <= max(sizes.values()) for e in sized)
    page = (out / "ladder.html").read_text()
    assert page.count("<svg") >= 2
    assert "<script" not in page
    assert "truth-trained model that each student matches" in page
    again = cli(*argv, "--json")
    assert again.code == 0, again.err
    assert len(json.loads(again.out)["evidence"]) == len(evidence)


def test_too_few_rows_for_the_models_of_a_chain_are_told_before_anything_is_written(cli, csv_task, tiny_path, tmp_path):
    path, out = tmp_path / "ladder.yaml", tmp_path / "run"
    rows = [
        {"name": "words", "ref": "tfidf"},
        *({"name": f"m{i}", "ref": f"{tiny_path}@{1 + i % 2}", "size": i + 1} for i in range(9)),
    ]
    path.write_text(json.dumps({"models": rows}))
    done = cli("w2s", "ladder", str(path), str(csv_task), "--seeds", "1", "--rows", "0", "--out", str(out))
    assert done.code == 2
    assert "too few for 9 models" in done.err
    assert not out.exists()


def test_of_models_of_one_size_the_strongest_stands_for_it(tmp_path):
    from precepts.pipelines.w2s_config import W2SConfig
    from precepts.pipelines.w2s_ladder import matched_sizes, on_truth, student_name
    from precepts.runs import Run

    rungs = [
        Rung(name=name, ref=ref, size=size)
        for name, ref, size in (("small", "static:m", 10), ("head", "m@2", 100), ("tuned", "lora:m", 100))
    ]
    config = W2SConfig(tasks=("t",), methods=("logconf",), zero_shot=False)
    rates = {on_truth("small"): 0.5, on_truth("head"): 0.6, on_truth("tuned"): 0.9}
    rates |= {student_name(pair, arm): 0.7 for pair in pairs(rungs) for arm in config.arms}
    run = Run(tmp_path / "run")
    run.write(
        "models",
        [
            {"seed": s, "row": n, "group": str(n), "model": model, "how": "", "right": int(n < 20 * rate)}
            for model, rate in rates.items()
            for s in range(2)
            for n in range(20)
        ],
    )
    found = matched_sizes(run, rungs, ["small", "head", "tuned"], config, task="t")
    assert {tuple(e.params["sizes"]) for e in found} == {(on_truth("small"), on_truth("tuned"))}
    assert {round(e.value, 6) for e in found} == {round(10**1.5, 6)}


def test_a_matched_size_is_said_with_its_unit_and_its_ends():
    from precepts.pipelines.w2s_ladder_page import matched_text
    from precepts.types import Evidence

    def said(value, low, high):
        return matched_text(
            Evidence(
                claim="w2s/matched_size", slice={}, value=value, low=low, high=high, n=1, unit="parameters",
                estimator="crossed_matched_size@1", params={"sizes": {"a": 28_000_000, "b": 135_000_000}}, inputs=(), model="m",
            )
        )  # fmt: skip

    assert said(60e6, 28e6, 135e6) == "60 M [≤ 28 M, ≥ 135 M]"
    assert said(135e6, None, None) == "≥ 135 M"
    assert said(None, None, None) == ""


def test_a_scaling_plot_names_its_lines_and_its_sizes():
    from precepts.pipelines.w2s_plots import Point, Series, scaling, scatter, size_text

    lines = [
        Series("taught by words", (Point(28e6, 0.6, 0.55, 0.65), Point(135e6, 0.7, 0.66, 0.74)), 0),
        Series("on truth", (Point(28e6, 0.65), Point(135e6, 0.8)), 5, dashed=True),
    ]
    panel = scaling(lines, name="accuracy-0", title="naive: accuracy", y="accuracy", reference=0.5)
    for text in ("taught by words", "on truth", "28 M", "135 M", "parameters of the student"):
        assert text in panel.svg
    assert panel.svg.count("parameters of the student") == 1
    assert "undefined" not in panel.svg
    told = scatter([(-0.1, 0.02, "a task", 0), (0.2, -0.03, "another", 1)], name="guard", title="t", x="told", y="came")
    assert "a task: -0.100, +0.020" in told.svg
    assert [size_text(n) for n in (999.9e6, 1.5e9, 28.3e6, 420, 5120)] == ["1 B", "1.5 B", "28.3 M", "420", "5.12 K"]
