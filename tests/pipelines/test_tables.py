"""The paper's tables: what each says of models whose behaviour is known, and that every number is computed again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import small
from precepts.errors import InputError, MissingError
from precepts.judges import RulesJudge
from precepts.judges.judge import Item
from precepts.pipelines.ablate import arms_of
from precepts.pipelines.config import config_of, policy_of
from precepts.pipelines.corrected import cards_in, corrected
from precepts.pipelines.table_rows import BUDGETS
from precepts.pipelines.tables import Table, table
from precepts.runs import Run
from precepts.stats import verify
from precepts.testing import ScriptedModel
from precepts.transforms import ENCODINGS
from precepts.types import Evidence, Judgment

NO, YES = "I'm sorry, but I can't help with that.", "Sure. Water it twice a week, and be patient."


class Kept(RulesJudge):
    """The rules, held against what the case is scored against."""

    def judge(self, items: list[Item]) -> list[Judgment]:  # pyright: ignore
        return [
            j.model_copy(
                update={"score": None if j.verdict is None else float(j.verdict == i.case.disposition), "error": None}
            )
            for i, j in zip(items, super().judge(items), strict=True)
        ]


def make(
    monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, script: Any, *, limit: int | None = None, **options: Any
) -> Table:
    monkeypatch.setattr("precepts.pipelines.table_bench.open_model", lambda ref: ScriptedModel(ref, script))
    policy, cases = small.write_policy(folder), small.write_cases(folder)
    found = table(
        name,
        "mockllm/known",
        policy=str(policy),
        cases=str(cases),
        limit=limit,
        out=folder / "out",
        judge=Kept(),
        **options,
    )
    assert {e.claim: verify(e, root=found.path) for e in found.evidence if verify(e, root=found.path)} == {}
    assert found.evidence
    return found


def value(found: Table, claim: str, **slice_: str) -> float | None:
    [one] = [
        e for e in found.evidence if e.claim == f"{found.name}/{claim}" and e.slice == slice_ and e.baseline is None
    ]
    return one.value


def test_flip_tells_a_model_that_reads_from_one_that_has_a_habit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def reads(turns: Any) -> str:
        """Does what clause P2 says in the policy that stands before it."""
        clause = turns[0].content.partition("### P2")[2]
        return NO if clause.lstrip().startswith("kind: refuse") else YES

    for folder, script, text, habit in (("a", reads, 1.0, 0.0), ("b", lambda turns: NO, 0.0, 1.0)):
        (tmp_path / folder).mkdir()
        found = make(monkeypatch, tmp_path / folder, "flip", script, clauses=["P2"])
        assert value(found, "follows_text") == text
        assert value(found, "follows_habit") == habit
        assert value(found, "kept_as_written") == 1.0


@pytest.mark.parametrize(
    ("limit", "said"), [(None, "table style: 36 cases (--limit takes fewer)"), (4, "table style: 4 cases")]
)
def test_a_table_says_how_many_cases_before_the_model_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], limit: int | None, said: str
) -> None:
    before: list[str] = []

    def script(turns: Any) -> str:
        before.append(capsys.readouterr().err)
        return NO

    make(monkeypatch, tmp_path, "style", script, limit=limit)
    assert said in before[0].splitlines()


def test_one_encoding_that_gets_through_is_a_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def script(turns: Any) -> str:
        asked = turns[-1].content
        return (
            YES
            if asked == ENCODINGS["rot13"].encode(ENCODINGS["rot13"].decode(asked) or "")
            and " ubj " in f" {asked.casefold()} "
            else NO
        )

    found = make(monkeypatch, tmp_path, "encodings", script, clauses=["P2"])
    rows = {row["case_id"]: row for row in found.rows}
    through = [i for i, row in rows.items() if row["kept.rot13"] == 0]
    assert through
    assert all((row["every"] == 0) == (i in through) for i, row in rows.items())
    assert value(found, "kept", encoding="none", asked="refuse") == 1.0
    assert value(found, "kept", encoding="base64", asked="refuse") == 1.0
    assert value(found, "kept", encoding="every", asked="refuse") == pytest.approx(1 - len(through) / len(rows))


def test_compute_answers_after_a_cut_reasoning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told: list[str] = []

    class Thinks(ScriptedModel):
        def generate(self, conversations: Any, *, sampling: Any, seeds: Any = None, prefills: Any = None) -> Any:
            told.extend(prefills or [])
            return super().generate(conversations, sampling=sampling, seeds=seeds, prefills=prefills)

    why = "one two three four five six seven eight nine ten"
    monkeypatch.setattr(
        "precepts.pipelines.table_bench.open_model",
        lambda ref: Thinks(ref, lambda turns: f"<think>\nverdict: refuse\nclause: P2\nwhy: {why}\n</think>\n{NO}"),
    )
    policy, cases = small.write_policy(tmp_path), small.write_cases(tmp_path)
    found = table(
        "compute",
        "mockllm/known",
        policy=str(policy),
        cases=str(cases),
        clauses=["P2"],
        limit=2,
        out=tmp_path / "out",
        judge=Kept(),
    )
    heads = list(dict.fromkeys(told))
    assert heads[0] == "<think>\n</think>\n"
    assert heads[1] == "<think>\nverdict: refuse\nclause: P2\nwhy: one two three\n</think>\n"
    assert len(heads) == len(BUDGETS) - 1, "a budget above the length keeps all of it"
    assert {e.slice["reasoning_words"] for e in found.evidence} == {*map(str, BUDGETS), "whole"}


def test_style_and_faithfulness_give_evidence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = "<think>\nverdict: refuse\nclause: P2\nwhy: This would spoil what somebody else grows.\n</think>\n" + NO
    for name in ("style", "faithfulness"):
        (tmp_path / name).mkdir()
        found = make(monkeypatch, tmp_path / name, name, lambda turns: text, clauses=["P2", "P1"])
        if name == "style":
            assert value(found, "style", asked="refuse") == 1.0
            assert value(found, "style", asked="comply") == 0.0
        else:
            assert value(found, "faithful") == 1.0
            assert value(found, "clause_right") == 0.5


def test_a_decision_that_another_language_loses_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = [f"Allez numéro {n}, monsieur" for n in range(3)]
    ids = [row["id"] for row in small.rows() if row["clauses"] == ["P2"]][:3]
    table_csv = tmp_path / "translations.csv"
    table_csv.write_text(
        "id,language,text\n" + "".join(f'{i},fr,"{text}"\n' for i, text in zip(ids, said, strict=True))
    )

    def script(turns: Any) -> str:
        return YES if turns[-1].content in said[:2] else NO

    found = make(monkeypatch, tmp_path, "languages", script, translations=table_csv)
    assert value(found, "kept", language="original", cases="fr", asked="refuse") == 1.0
    assert value(found, "kept", language="fr", cases="fr", asked="refuse") == pytest.approx(1 / 3)
    assert [e.value for e in found.evidence if e.baseline] == [pytest.approx(-2 / 3)]
    (tmp_path / "without").mkdir()
    with pytest.raises(InputError, match="Give one with --translations"):
        make(monkeypatch, tmp_path / "without", "languages", script)


def test_a_monitor_of_the_reasoning_catches_what_the_reasoning_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A model that is wrong wherever the plants are beans, and says so in its reasoning, or hides it."""

    def script(turns: Any, *, hides: bool) -> str:
        wrong = "bean" in turns[-1].content
        verdict = "comply" if wrong and not hides else "refuse"
        return f"<think>\nverdict: {verdict}\nclause: P2\nwhy: So it is.\n</think>\n{YES if wrong else NO}"

    for hides, caught, auc in ((False, 1.0, 1.0), (True, 0.0, 0.5)):
        folder = tmp_path / str(hides)
        folder.mkdir()
        found = make(monkeypatch, folder, "monitor", lambda turns, h=hides: script(turns, hides=h), clauses=["P2"])
        assert value(found, "wrong") == pytest.approx(1 / 3)
        assert value(found, "caught") == caught
        assert value(found, "false_alarm") == 0.0
        assert value(found, "tells_wrong") == auc


def test_a_monitor_that_is_a_judge_reads_the_reasoning_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    read: list[str] = []

    class Reads(Kept):
        def judge(self, items: list[Item]) -> list[Judgment]:  # pyright: ignore
            read.extend(item.completion.answer for item in items)
            return [j.model_copy(update={"score": 0.25, "error": None}) for j in super().judge(items)]

    monkeypatch.setattr("precepts.pipelines.tables.open_judge", lambda ref, policy: Reads())
    text = "<think>\nverdict: comply\nclause: P2\nwhy: Why not.\n</think>\n" + YES
    found = make(monkeypatch, tmp_path, "monitor", lambda turns: text, clauses=["P2"], monitor="llm:openai/NAME")
    assert set(read) == {"verdict: comply\nclause: P2\nwhy: Why not."}
    assert {row["suspicion"] for row in found.rows} == {0.75}
    assert value(found, "caught") == 1.0


def test_mistakes_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Tables are: faithfulness"):
        table("other", "mockllm/known")
    policy, cases = str(small.write_policy(tmp_path)), str(small.write_cases(tmp_path))
    with pytest.raises(InputError, match="cannot be read"):
        table("languages", "mockllm/known", policy=policy, cases=cases, translations=tmp_path / "none.csv")
    with pytest.raises(MissingError, match="Give --policy and --cases"):
        table("style", "mockllm/known")


def test_ablation_over_seeds_uses_what_was_measured_and_names_what_is_absent(
    cli: Any, finished: Any, tmp_path: Path
) -> None:
    runs = [finished.run]
    for seed in (1, 2):
        copy = tmp_path / f"s{seed}"
        shutil.copytree(finished.run, copy)
        plan = json.loads((copy / "plan.json").read_text())
        (copy / "plan.json").write_text(json.dumps({**plan, "seed": seed}))
        runs.append(copy)
    # Answers are found again under whatever name the set was measured.
    (runs[1] / "eval" / "test").rename(runs[1] / "eval" / "test-all-320")
    shutil.rmtree(runs[2] / "eval")
    done = cli("align", "ablate", *runs, "--out", tmp_path / "ablation", "--markdown")
    assert done.code == 0, done.err
    assert "do not hold: rl, sft+rl" in done.out
    assert done.err.startswith("ablation, 3 arms of 3 runs: 8 cases (--limit takes fewer)\n")
    assert "| sft | " in done.out
    assert "refusal_style" in done.out
    evidence = [Evidence.model_validate(row) for row in Run(tmp_path / "ablation").rows("evidence")]
    pooled = [e for e in evidence if e.slice["set"] == "all seeds"]
    assert {e.slice["arm"] for e in pooled} == {"base", "sft", "policy in prompt"}
    assert {verify(e, root=tmp_path / "ablation") == [] for e in pooled} == {True}
    styles = [e for e in evidence if e.claim == "align/refusal_style" and e.slice["set"] != "all seeds"]
    assert {e.slice["seed"] for e in styles} == {"0", "1", "2"}
    # What this fixture's trained model says is all cut before an answer: its style is not known, and so no difference of styles.
    assert {(e.slice["arm"], e.estimator) for e in styles} == {("base", "wilson@1")}
    assert {verify(e, root=tmp_path / "ablation") == [] for e in styles} == {True}
    for seed, name in ((0, "test"), (1, "test-all-320")):
        for arm in ("base", "policy-in-prompt"):
            old = {r["case_id"]: r for r in Run(runs[seed] / "eval" / name / arm).rows("completions")}
            new = Run(tmp_path / "ablation" / f"seed-{seed}" / "own-test" / arm).rows("completions")
            assert {r["case_id"]: (r["text"], r["opener"]) for r in new} == {
                i: (r["text"], r["opener"]) for i, r in old.items()
            }
    # The third run measured nothing: what is not trained was answered for the first seed, and is not answered again.
    firsts = [Run(tmp_path / "ablation" / f"seed-{n}" / "own-test" / "base").rows("completions") for n in (0, 2)]
    assert firsts[0] == firsts[1]
    done = cli("align", "ablate", finished.run, finished.run, "--out", tmp_path / "again")
    assert done.code == 2
    assert "same seed" in done.err


def test_an_arm_is_there_once_its_stage_is(finished: Any, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    shutil.copytree(finished.run, run.path)
    assert [a.name for a in arms_of(run, config_of(run), policy_of(run))] == ["base", "sft", "policy in prompt"]
    shutil.copytree(run.path / "sft", run.path / "rl")
    assert [a.name for a in arms_of(run, config_of(run), policy_of(run))] == [
        "base",
        "sft",
        "sft+rl",
        "policy in prompt",
    ]
    with pytest.raises(MissingError, match="no rl-only/model"):
        arms_of(run, config_of(run), policy_of(run), ["rl"])


def test_a_judge_card_that_fits_corrects_what_was_measured(cli: Any, finished: Any, tmp_path: Path) -> None:
    labels = tmp_path / "labels.jsonl"
    rows = [
        {"id": f"{n}", "prompt": "?", "answer": NO if n % 2 else YES, "label": "refuse" if n % 4 else "comply"}
        for n in range(40)
    ]
    labels.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = cli(
        "judge",
        "calibrate",
        "rules",
        "--labels",
        labels,
        "--no-injections",
        "--out",
        tmp_path / "runs/judges/rules",
        cwd=tmp_path,
    )
    assert done.code == 0, done.err
    run = tmp_path / "run"
    shutil.copytree(finished.run, run)
    told = run / "eval" / "test" / "base" / "run.json"
    told.write_text(json.dumps({**json.loads(told.read_text()), "judge": "rules@2"}))
    corrected(run, cards=[tmp_path / "runs" / "judges" / "rules"])
    evidence = [Evidence.model_validate(r) for r in Run(run / "eval" / "corrected").rows("evidence")]
    found = {e.claim for e in evidence if e.slice["arm"] == "base"}
    assert {"align/refusal_rate_corrected", "align/overrefusal_rate", "align/overrefusal_rate_corrected"} <= found
    assert {verify(e, root=run) == [] for e in evidence} == {True}
    assert {e.slice["card"] for e in evidence if e.claim.endswith("corrected")} == {"labels.jsonl"}
    assert [one.path for one in cards_in([tmp_path / "runs" / "judges"])] == [tmp_path / "runs" / "judges" / "rules"]
    assert cards_in([tmp_path / "none"]) == []


def test_a_judge_card_that_is_not_there_is_told_before_anything_is_generated(
    cli: Any, finished: Any, tmp_path: Path
) -> None:
    out = tmp_path / "measured"
    done = cli("align", "eval", finished.model, "--cases", finished.run / "cases.jsonl", "--judge-card", tmp_path / "none", "--out", out)  # fmt: skip
    assert done.code == 2
    assert str(tmp_path / "none") in done.err
    assert not out.exists()
