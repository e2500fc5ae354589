"""Batched heads against an independent fit, supervisors, and the whole command on a tiny model."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from precepts.errors import InputError

pytest.importorskip("torch")

from precepts.w2s.heads import Arm, HeadSettings, train_heads
from precepts.w2s.methods import METHODS

NAIVE = METHODS["naive"]


def planted(seed, rows=600, width=12):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, width))
    labels = (x[:, :3].sum(1) + rng.normal(size=rows) > 0).astype(int)
    return x.astype(np.float32), labels


def arm(method, labels_SN):
    return Arm(method, np.eye(2)[labels_SN], np.ones(labels_SN.shape))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_head_agrees_with_logistic_regression(seed):
    x, labels = planted(seed)
    heads = train_heads(
        [x], [arm(NAIVE, labels[None])], seeds=[0], settings=HeadSettings(epochs=40, learning_rate=0.02)
    )
    ours = heads.probabilities(x)[0, 0, :, 1]
    theirs = (
        LogisticRegression(C=100)
        .fit((x - x.mean(0)) / x.std(0), labels)
        .predict_proba((x - x.mean(0)) / x.std(0))[:, 1]
    )
    assert np.abs(ours - theirs).mean() < 0.02


def test_heads_trained_together_are_those_trained_alone():
    data = [planted(seed, rows=200) for seed in (0, 1)]
    methods = [METHODS[name] for name in ("naive", "logconf", "confident")]
    arms = [Arm(m, np.eye(2)[np.stack([d[1] for d in data])], np.ones((2, 200))) for m in methods]
    settings = HeadSettings(epochs=3)
    together = train_heads([d[0] for d in data], arms, seeds=[4, 5], settings=settings)
    for s, seed in enumerate((4, 5)):
        for m, one in enumerate(arms):
            alone = train_heads(
                [data[s][0]],
                [Arm(one.method, one.targets_SNC[s : s + 1], one.keep_SN[s : s + 1])],
                seeds=[seed],
                settings=settings,
            )
            np.testing.assert_allclose(alone.weights[:, 0, 0], together.weights[:, s, m], atol=1e-5)


def test_swapping_the_texts_of_a_pair_swaps_the_probabilities():
    x, labels = planted(3)
    heads = train_heads([x], [arm(NAIVE, labels[None])], seeds=[0], settings=HeadSettings(epochs=2), antisymmetric=True)
    np.testing.assert_allclose(heads.probabilities(x)[0, 0, :, 0], heads.probabilities(-x)[0, 0, :, 1], atol=1e-6)


def test_rows_left_out_do_not_move_a_head():
    x, labels = planted(4, rows=128)
    keep = np.ones((1, 128))
    keep[0, 64:] = 0
    changed = labels.copy()
    changed[64:] = 1 - changed[64:]
    found = [
        train_heads([x], [Arm(NAIVE, np.eye(2)[y[None]], keep)], seeds=[0], settings=HeadSettings(epochs=2)).weights
        for y in (labels, changed)
    ]
    np.testing.assert_array_equal(found[0], found[1])


def test_features_that_are_not_numbers_and_labels_of_one_class_are_refused():
    x, labels = planted(5, rows=64)
    bad = x.copy()
    bad[3, 2] = np.nan
    with pytest.raises(InputError, match="NaN"):
        train_heads([bad], [arm(NAIVE, labels[None])], seeds=[0], settings=HeadSettings())
    with pytest.raises(InputError, match="one class"):
        train_heads([x], [arm(NAIVE, np.zeros((1, 64), dtype=int))], seeds=[0], settings=HeadSettings())


@pytest.mark.parametrize(("ref", "advice"), [("tfidf", "Use tfidf-chars or a model"), ("tfidf-chars", "Use a model")])
def test_rows_without_a_word_in_common_are_refused_by_a_supervisor_of_words(ref, advice):
    from precepts.w2s.examples import Example
    from precepts.w2s.supervisors import Supervisor, weak_labels

    rows = [Example((chr(0x4E00 + i),), i % 2, str(i)) for i in range(40)]
    with pytest.raises(InputError, match=advice):
        weak_labels(Supervisor(ref), rows, range(20), range(20, 40), num_classes=2)


def run_argv(csv_task, tiny_path, out):
    return [
        "w2s",
        "run",
        str(csv_task),
        "--strong",
        f"{tiny_path}@2",
        "--seeds",
        "2",
        "--rows",
        "0",
        "--epochs",
        "2",
        "--out",
        str(out),
    ]


def test_the_command_gives_evidence_that_recomputes_and_a_page_and_goes_on(cli, csv_task, tiny_path, tmp_path):
    from precepts.stats import verify
    from precepts.types import Evidence

    out = tmp_path / "run"
    argv = run_argv(csv_task, tiny_path, out)
    done = cli(*argv)
    assert done.code == 0, done.err
    evidence = [Evidence.model_validate_json(line) for line in (out / "evidence.jsonl").read_text().splitlines()]
    assert {"w2s/accuracy", "w2s/pgr", "w2s/pgr_gain", "w2s/agreement", "w2s/auroc_pgr", "w2s/learning_curve"} <= {
        e.claim for e in evidence
    }
    for row in evidence:
        assert verify(row, root=out) == [], row.claim
    page = (out / "w2s.html").read_text()
    assert "<svg" in page
    assert "naive" in page
    assert "<script" not in page
    before = (out / "days" / "scores.jsonl").read_bytes()
    (out / "evidence.jsonl").unlink()
    again = cli(*argv, "--json")
    assert again.code == 0, again.err
    assert (out / "days" / "scores.jsonl").read_bytes() == before
    assert len(json.loads(again.out)["evidence"]) == len(evidence)
    other = cli(*argv[:-3], "3", *argv[-2:])
    assert other.code == 2
    assert "config" in other.err


def test_weak_labels_that_are_all_equal_leave_nothing_half_written(cli, tiny_path, tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(
        "text,label,weak\n" + "".join(f"row {i} of {'good' if i % 2 else 'bad'},{i % 2},1\n" for i in range(120))
    )
    done = cli(*run_argv(path, tiny_path, tmp_path / "run"), "--weak", "people")
    assert done.code == 2
    assert "same class" in done.err
    assert not (tmp_path / "run").exists()


def test_a_supervisor_that_gives_one_class_leaves_a_directory_that_another_can_use(cli, tiny_path, tmp_path):
    path, out = tmp_path / "own.csv", tmp_path / "run"
    path.write_text("text,label\n" + "".join(f"a day like all {'xyz'[i % 3] * (i + 9)},{i % 2}\n" for i in range(120)))
    done = cli(*run_argv(path, tiny_path, out))
    assert done.code == 2
    assert "same class" in done.err
    assert not out.exists()
    again = cli(*run_argv(path, tiny_path, out), "--weak", "simulated:independent@0.8")
    assert again.code == 0, again.err


def test_one_task_that_only_training_finds_unusable_takes_nothing_from_the_others(cli, csv_task, tiny_path, tmp_path):
    path, out = tmp_path / "own.csv", tmp_path / "run"
    path.write_text("text,label\n" + "".join(f"a day like all {'xyz'[i % 3] * (i + 9)},{i % 2}\n" for i in range(120)))
    argv = run_argv(path, tiny_path, out)
    argv.insert(argv.index(str(path)) + 1, str(csv_task))
    done = cli(*argv)
    assert done.code == 2
    assert "own: " in done.err
    assert "same class" in done.err
    assert "another --out" in done.err
    tasks = {json.loads(line)["slice"]["task"] for line in (out / "evidence.jsonl").read_text().splitlines()}
    assert tasks == {"days"}
    assert "<svg" in (out / "w2s.html").read_text()
    before = (out / "days" / "scores.jsonl").stat().st_mtime_ns
    assert cli(*argv).code == 2, "what was unusable is tried again"
    assert (out / "days" / "scores.jsonl").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--weak", "nobody/here/at/all"], "nobody/here"),
        (["--weak", "tfidff"], "did you mean `tfidf`"),
        (["--strong", "tfidf"], "cannot be a student"),
        (["--strong", "static:TINY", "--prompted"], "writes no text"),
        (["--strong", "lora:/no/such/model"], "no/such/model"),
        (["--strong", "lora:TINY", "--weak", "simulated:imitable@0.7"], "frozen features"),
        (["--strong", "TINY@3"], "layers 1 to 2; got 3"),
        (["--weak", "TINY@0"], "layers 1 to 2; got 0"),
        (["--strong", "BERT@1"], "no causal language model"),
        (["--strong", "lora:BERT"], "no causal language model"),
        (["--weak", "full:BERT"], "no causal language model"),
        (["--seeds", "1", "--rows", "20"], "at least 8"),
        (["--method", "nothing"], "no method"),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_written_so_that_the_same_run_can_begin(
    cli, csv_task, tiny_path, tmp_path, options, said
):
    out, bert = tmp_path / "run", tmp_path / "bert"
    bert.mkdir()
    (bert / "config.json").write_text('{"architectures": ["BertModel"], "num_hidden_layers": 2}')
    (bert / "model.safetensors").touch()
    given = [option.replace("TINY", str(tiny_path)).replace("BERT", str(bert)) for option in options]
    done = cli(*run_argv(csv_task, tiny_path, out), *given)
    assert done.code == 2, done.err
    assert said in done.err
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "heads", "tuning"),
    [
        (["--epochs", "3"], 3, 2),
        (["--strong", "lora:m", "--epochs", "3"], 8, 3),
        (["--strong", "full:m"], 8, 2),
        ([], 8, 2),
    ],
)
def test_epochs_are_the_students_whether_it_is_a_head_or_fine_tuned(monkeypatch, tmp_path, options, heads, tuning):
    from typer.testing import CliRunner

    from precepts.cli import app
    from precepts.pipelines import w2s

    seen = []
    monkeypatch.setattr(w2s, "run_w2s", lambda run, config, over: seen.append(config) or [])
    done = CliRunner().invoke(app, ["w2s", "run", "banking", "--out", str(tmp_path / "run"), *options])
    assert done.exit_code == 0, done.output
    assert (seen[0].heads.epochs, seen[0].tuning.epochs) == (heads, tuning)


@pytest.mark.parametrize(
    ("methods", "watched"), [(("hard", "logconf"), "logconf"), (("naive", "product"), "product"), (("naive",), "naive")]
)
def test_the_guard_watches_the_confidence_loss_where_it_is_run(methods, watched):
    from precepts.pipelines.w2s_config import W2SConfig

    assert W2SConfig(tasks=("t",), methods=methods).watched == watched


def test_the_guard_is_evaluated_on_every_method_by_hand(tmp_path):
    from precepts.pipelines.w2s_guard import guard_rows
    from precepts.runs import Run
    from precepts.types import Evidence

    run = Run(tmp_path / "run")
    accuracy = {
        "one": {"naive": 0.60, "logconf": 0.70, "product": 0.65, "guarded": 0.70},
        "two": {"naive": 0.60, "logconf": 0.50, "product": 0.55, "guarded": 0.60},
        "three": {"naive": 0.60, "logconf": 0.62, "product": 0.66, "guarded": 0.60},
    }
    scores = {"one": (0.1, 0.0), "two": (-0.5, 0.2), "three": (-0.1, 0.1)}
    evidence = []
    for task, by_arm in accuracy.items():
        run.stage(task).write(
            "verdict",
            [
                {"method": method, "score": score, "z": 0.0, "use_method": method == "logconf" and task == "one"}
                for method, score in zip(("logconf", "product"), scores[task], strict=True)
            ],
        )
        evidence += [
            Evidence(
                claim="w2s/accuracy", slice={"task": task, "arm": arm}, value=value, n=1, estimator="crossed_mean@1",
                inputs=(), model="m",
            )
            for arm, value in by_arm.items()
        ]  # fmt: skip
    *rows, overall = guard_rows(run, list(accuracy), evidence, watched="logconf")
    assert [(r["task"], r["method"], round(r["gain"], 2)) for r in rows[:2]] == [
        ("one", "logconf", 0.1),
        ("one", "product", 0.05),
    ]
    assert [round(r["regret"], 2) for r in rows if r["watched"]] == [0.0, 0.0, 0.02]
    assert overall["rank_correlation"] == pytest.approx(1.0)
    assert overall["num_pairs"] == 6
    assert overall["mean_regret"] == pytest.approx(0.02 / 3)
    assert overall["mean_regret_oracle"] == pytest.approx(0.06 / 3)
    # own scores .1 0 -.5 .2 -.1 .1 against gains .1 .05 -.1 -.05 .02 .06: ranks 4.5 3 1 6 2 4.5 and 6 4 1 2 3 5
    assert overall["rank_correlation_own"] == pytest.approx(
        np.corrcoef([4.5, 3, 1, 6, 2, 4.5], [6, 4, 1, 2, 3, 5])[0, 1]
    )


def test_the_smoke_command_runs_both_its_tasks_and_says_how_long_it_took(
    cli, public_data, tiny_path, tmp_path, monkeypatch
):
    monkeypatch.setenv("PRECEPTS_CACHE", str(tmp_path / "cache"))
    done = cli("w2s", "smoke", "--strong", f"static:{tiny_path}", "--out", str(tmp_path / "run"), "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["seconds"] > 0
    assert {e["slice"]["task"] for e in told["evidence"]} == {"movie-reviews", "deontology"}
    assert "The guard over all tasks" in (tmp_path / "run" / "w2s.html").read_text()
