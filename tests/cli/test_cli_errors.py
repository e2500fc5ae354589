"""A person's mistake: exit code 2, one clear line that says what to do, and no traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import small

Files = Callable[[Path], dict[str, Any]]


def mistake(cli: Any, *argv: object, lists_forms: bool = False) -> str:
    """What the command says of a mistake, without its `precepts: `: one line, after which the forms of a reference may follow."""
    done = cli(*argv)
    assert done.code == 2, done
    assert done.out == ""
    assert "Traceback" not in done.err
    first, *rest = done.err.strip().split("\n")
    assert first.startswith("precepts: ")
    assert first.endswith("A model is one of:") if lists_forms else rest == []
    return first.removeprefix("precepts: ")


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    return small.write_policy(tmp_path)


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    return small.write_cases(tmp_path)


def align(cli: Any, policy: object, cases: object, model: object, out: Path, *more: object, **how: bool) -> str:
    said = mistake(cli, "align", policy, "--cases", cases, "--model", model, "--out", out, *more, **how)
    assert not (out / "plan.json").exists(), "a mistake begins no run, so that the mended command can"
    return said


def test_a_missing_policy(cli: Any, tmp_path: Path, cases: Path, tiny_path: Path) -> None:
    said = align(cli, tmp_path / "nowhere.yaml", cases, tiny_path, tmp_path / "run")
    assert "nowhere.yaml" in said


def test_a_policy_that_is_not_yaml_with_its_line(cli: Any, tmp_path: Path, cases: Path, tiny_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("id: x\nversion: '1'\ntitle: [never closed\n", "utf-8")
    assert f"{bad}:" in align(cli, bad, cases, tiny_path, tmp_path / "run")


def test_a_policy_with_an_unknown_kind_with_its_line(
    cli: Any, tmp_path: Path, policy: Path, cases: Path, tiny_path: Path
) -> None:
    policy.write_text(policy.read_text().replace("{id: P2, kind: refuse", "{id: P2, kind: refuze"), "utf-8")
    line = next(n for n, text in enumerate(policy.read_text().splitlines(), 1) if "refuze" in text)
    said = align(cli, policy, cases, tiny_path, tmp_path / "run")
    assert said.startswith(f"{policy}:{line}: ")
    assert "did you mean `refuse`" in said


def test_a_missing_model(cli: Any, tmp_path: Path, policy: Path, cases: Path) -> None:
    said = align(cli, policy, cases, tmp_path / "nomodel", tmp_path / "run", lists_forms=True)
    assert f"'{tmp_path / 'nomodel'}' names no model" in said


def test_a_missing_teacher_or_judge(cli: Any, tmp_path: Path, policy: Path, cases: Path, tiny_path: Path) -> None:
    for option in ("--teacher", "--judge"):
        said = align(cli, policy, cases, tiny_path, tmp_path / "run", option, "run:nowhere")
        assert "there is no directory nowhere" in said


def test_a_model_that_is_served_elsewhere_cannot_be_trained(
    cli: Any, tmp_path: Path, policy: Path, cases: Path
) -> None:
    said = align(cli, policy, cases, "mockllm/model", tmp_path / "run")
    assert "does not run here, so it cannot be trained" in said


def test_missing_cases(cli: Any, tmp_path: Path, policy: Path, tiny_path: Path) -> None:
    assert "nocases.jsonl" in align(cli, policy, tmp_path / "nocases.jsonl", tiny_path, tmp_path / "run")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('{"prompt": "a", "claus": ["P1"]}', "unknown key `claus`; did you mean `clauses`?"),
        ('{"prompt": "a", ', "not JSON"),
        ('{"prompt": "a", "disposition": "allow"}', "disposition"),
    ],
)
def test_a_bad_case_with_its_line(
    cli: Any, tmp_path: Path, policy: Path, cases: Path, tiny_path: Path, row: str, said: str
) -> None:
    cases.write_text(f'{{"prompt": "fine"}}\n{row}\n', "utf-8")
    found = align(cli, policy, cases, tiny_path, tmp_path / "run")
    assert found.startswith(f"{cases}:2: ")
    assert said.split(";")[0] in found


def test_a_case_with_a_clause_that_the_policy_lacks_is_named(
    cli: Any, tmp_path: Path, policy: Path, tiny_path: Path
) -> None:
    cases = small.write_cases(tmp_path, [*small.rows(), {"id": "odd-one", "prompt": "How?", "clauses": ["P9"]}])
    said = align(cli, policy, cases, tiny_path, tmp_path / "run")
    assert "odd-one" in said
    assert "no clause 'P9'" in said


def test_a_policy_of_ones_own_without_cases_is_told_to_give_them(cli: Any, policy: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    said = mistake(cli, "align", policy, "--out", out)
    assert said.startswith(f"{policy} does not go with the starter cases")
    assert said.endswith("Give cases of your own policy: --cases FILE.")
    assert not (out / "plan.json").exists()


def test_another_configuration_on_the_same_out(cli: Any, finished: Any) -> None:
    said = mistake(cli, *finished.argv, finished.run, "--seed", 5)
    assert f"{finished.run} was begun with another seed." in said
    assert "Use a new --out" in said


def test_a_setting_inside_another_is_named_on_the_same_out(cli: Any, finished: Any) -> None:
    said = mistake(cli, *finished.argv, finished.run, "--max-steps", 5)
    assert f"{finished.run} was begun with another sft.max_steps." in said


def test_another_policy_on_the_same_out(cli: Any, finished: Any, tmp_path: Path) -> None:
    flipped = small.write_policy(tmp_path, flipped="P2")
    said = mistake(cli, "align", flipped, *finished.argv[2:], finished.run)
    assert "was begun with another policy, policy_digest" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--limit", 0), "--limit is at least 1, not 0"),
        (("--mode", "guessed"), "--mode is guided or written, not 'guessed'"),
        (("--epochs", 0), "--epochs is at least 1, not 0"),
        (("--tune", "all"), "--tune is top, full or lora, not 'all'"),
    ],
)
def test_an_option_out_of_range(
    cli: Any, tmp_path: Path, policy: Path, cases: Path, tiny_path: Path, options: tuple[object, ...], said: str
) -> None:
    assert said in align(cli, policy, cases, tiny_path, tmp_path / "run", *options)


def test_a_new_run_tells_how_its_cases_are_split(finished: Any) -> None:
    assert "cases: train 24, dev 4, test 8" in finished.done.err.splitlines()


def test_the_help_of_align_says_where_its_options_stand(cli: Any) -> None:
    assert "align run --help" in " ".join(cli("align", "--help").out.split())
    assert "--max-steps" in cli("align", "run", "--help").out


def test_what_lies_inside_a_run_is_not_compared(cli: Any, finished: Any) -> None:
    arms = [finished.run / "eval" / "test" / arm for arm in ("base", "sft")]
    said = mistake(cli, "diff", *arms)
    assert said.startswith(f"{arms[0]} lies inside the run {finished.run}, and two runs are compared.")


def test_gcg_says_which_cases_it_takes(cli: Any, cases: Path, tiny_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "suffixes.txt"
    said = mistake(cli, "attack", "gcg", cases, "--model", tiny_path, "--out", out)
    assert f"No case of {cases} is to be refused: suffixes are made for cases with `disposition: refuse`." in said
    assert not out.exists()


def test_a_directory_that_is_no_run(cli: Any, tmp_path: Path) -> None:
    for argv in (("align", "card", tmp_path), ("align", "eval", tmp_path)):
        assert "not a run directory" in mistake(cli, *argv)


def test_an_unknown_reference_to_measure(cli: Any, tmp_path: Path, cases: Path) -> None:
    said = mistake(cli, "align", "eval", "no-such-model", "--cases", cases, lists_forms=True)
    assert "'no-such-model' names no model" in said


def test_the_same_model_twice_is_no_comparison(cli: Any, finished: Any, cases: Path, tmp_path: Path) -> None:
    argv = ("align", "eval", finished.model, "--cases", cases, "--baseline", finished.model, "--out", tmp_path / "o")
    assert "a comparison needs two" in mistake(cli, *argv)


def test_cases_of_which_none_can_be_trained_on(cli: Any, tmp_path: Path, policy: Path, tiny_path: Path) -> None:
    rows = [{"prompt": f"How do I do {i}?", "disposition": "comply"} for i in range(30)]
    out = tmp_path / "run"
    done = cli("align", policy, "--cases", small.write_cases(tmp_path, rows), "--model", tiny_path, "--out", out)
    assert done.code == 2
    assert "Traceback" not in done.err
    assert done.err.splitlines()[-1].startswith("precepts: Nothing to train on")


@pytest.mark.parametrize("argv", [("align", "eval", "x", "--casess", "y"), ("nonsense",), ("align", "eval")])
def test_misuse_is_exit_code_two(cli: Any, argv: tuple[str, ...]) -> None:
    done = cli(*argv)
    assert done.code == 2
    assert "Traceback" not in done.err
