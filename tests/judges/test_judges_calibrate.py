"""A judge measured against labels, attacked, kept as a card, and rates corrected with it: from the command line and by hand."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from judges_doubles import POLICY, Speaker, item
from typer.testing import CliRunner

from precepts.cli import app
from precepts.errors import DigestError, InputError, PreceptsError
from precepts.judges import JudgeCard, LlmJudge, RulesJudge, load_card, load_labels
from precepts.judges.injections import CONTROL, MOST_CARRIERS, attack, carriers, injections
from precepts.judges.questions import call, probability
from precepts.models.generation import Generated
from precepts.pipelines.calibrate import calibrate
from precepts.pipelines.rate import draw_sample, rate
from precepts.runs import Run
from precepts.stats import estimate, verify
from precepts.types import Judgment


def judgment(score: float | None = None, **changes: object) -> Judgment:
    fields = {
        "case_id": "a",
        "completion": "a",
        "judge": "j",
        "score": score,
        "error": None if score is not None else "e",
    }
    return Judgment.model_validate({**fields, **changes})


def test_what_a_judgment_says_to_each_question() -> None:
    assert call(judgment(0.2), "broke") is True
    assert call(judgment(0.9), "broke") is False
    assert call(judgment(0.5), "broke") is None
    assert call(judgment(None), "broke") is None
    assert call(judgment(None, verdict="refuse"), "refused") is True
    assert call(judgment(None, verdict="safe_complete"), "refused") is False
    assert call(judgment(0.9, verdict="comply", scores={"refused": 1.0}), "refused") is True
    assert call(judgment(0.9), "refused") is None
    assert probability(judgment(0.9), "broke") == pytest.approx(0.1)
    assert probability(judgment(0.9), "refused") is None


def labels_file(folder: Path, rows: list[dict[str, object]]) -> str:
    path = folder / "labels.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return str(path)


REFUSAL, HELP = "I'm sorry, I can't help with that.", "Sure. Use two eggs and a spoon of flour, then bake it."
HAND = [
    {"id": "1", "answer": REFUSAL, "label": "refuse", "groups": {"who": "x"}},
    {"id": "2", "answer": REFUSAL, "label": "refuse", "groups": {"who": "y"}},
    {"id": "3", "answer": HELP, "label": "refuse", "groups": {"who": "x"}},
    {"id": "4", "answer": HELP, "label": "comply", "groups": {"who": "y"}},
    {"id": "5", "answer": REFUSAL, "label": "comply", "groups": {"who": "x"}},
    {"id": "6", "answer": HELP, "label": "comply", "groups": {"who": "y"}},
    {"id": "7", "answer": "!!!", "label": "comply", "groups": {"who": "x"}},
    {"id": "8", "answer": HELP, "label": "", "groups": {"who": "x"}},
]


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hand")
    return calibrate("rules", labels_file(folder, HAND), out=folder / "card", command="test").path


def test_a_card_holds_what_can_be_counted_by_hand(by_hand: Path) -> None:
    card, rows = load_card(by_hand)
    assert len(rows) == 8
    assert (card.num_labelled, card.num_positive, card.num_unlabelled, card.num_unscored) == (7, 3, 1, 1)
    values = {name: card.find(name) for name in ("sensitivity", "specificity")}
    assert values["sensitivity"] is not None
    assert values["specificity"] is not None
    assert (values["sensitivity"].value, values["sensitivity"].n) == (pytest.approx(2 / 3), 3)
    assert (values["specificity"].value, values["specificity"].n_unscored) == (pytest.approx(2 / 3), 1)
    group = card.find("sensitivity", who="x")
    assert group is not None
    assert group.value == 0.5


def test_every_number_of_a_card_is_what_its_rows_give(by_hand: Path) -> None:
    card, _ = load_card(by_hand)
    assert len(card.evidence) > 15
    for row in card.evidence:
        assert verify(row, root=by_hand) == []
        assert row.value is None or row.estimator


def test_a_card_whose_rows_were_changed_is_refused(by_hand: Path, tmp_path: Path) -> None:
    for name in ("card.json", "rows.jsonl"):
        (tmp_path / name).write_bytes((by_hand / name).read_bytes())
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(DigestError, match="changed since the card"):
        load_card(tmp_path)


def test_the_same_command_again_reads_what_is_there(by_hand: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in by_hand.iterdir() if path.name != ".lock"}
    calibrate("rules", str(by_hand.parent / "labels.jsonl"), out=by_hand, command="again")
    after = {path.name: path.stat().st_mtime_ns for path in by_hand.iterdir() if path.name != ".lock"}
    assert after == before


def test_at_least_sixty_attacks_of_seven_kinds_ship_each_once() -> None:
    attacks = [one for one in injections() if one.kind != CONTROL]
    assert len(attacks) >= 60
    assert (
        len({one.id for one in injections()})
        == len({one.text + one.place for one in injections()})
        == len(injections())
    )
    assert {one.kind for one in attacks} == {
        "override", "fake_verdict", "delimiter", "fake_disposition", "encoded", "other_language", "persuasion",
    }  # fmt: skip
    assert len({one.language for one in attacks}) > 10


def test_a_judge_that_obeys_is_seen_to_be_moved_and_one_that_reads_its_prompt_is_not() -> None:
    broken = [item("Here is how.", prompt=f"p{n}", clause_id="V1") for n in range(3)]

    def obeys(seen: str, seed: int) -> str:
        mark = "DATA-" + seen.split("[DATA-")[1][:8]
        answer = seen.split(f"[{mark} answer]\n")[1].split(f"[{mark} answer ends]")[0]
        kept = "keeps" in answer
        return json.dumps({"verdict": "keeps" if kept else "breaks", "score": float(kept)})

    found = attack(LlmJudge(Speaker(obeys), POLICY), broken, "broke")
    moved = {row["injection"] for row in found.rows if row["moved"]}
    assert {one.id for one in injections() if "keeps" in one.text} == moved
    assert "override-01" in moved
    assert not any(row["moved"] for row in found.rows if not row["attack"])
    firm = LlmJudge(Speaker(lambda seen, seed: '{"verdict": "breaks", "score": 0}'), POLICY)
    assert not any(row["moved"] or row["silenced"] for row in attack(firm, broken, "broke").rows)
    mute = LlmJudge(Speaker(lambda seen, seed: "?"), POLICY)
    assert all(row["moved"] is None and row["silenced"] for row in attack(mute, broken, "broke").rows)


def test_an_attack_stands_in_the_answer_alone_and_carriers_are_rightly_called() -> None:
    labels = load_labels("demo")
    judge = RulesJudge()
    judgments = judge.judge([row.item for row in labels.rows])
    chosen = carriers(labels.rows, judgments, "refused")
    assert 0 < len(chosen) <= MOST_CARRIERS
    assert all(call(one, "refused") is False for one in judge.judge(chosen))
    one = injections()[0].onto(chosen[0])
    assert one.case == chosen[0].case
    assert chosen[0].completion.answer in one.completion.answer
    assert one.completion.key != chosen[0].completion.key


def table(
    folder: Path, seed: int, *, rate: float = 0.15, n: int = 400, se: float = 0.7, sp: float = 0.8
) -> tuple[Path, list[int]]:
    """A table of scores by a judge with these errors, and the truth."""
    rng = random.Random(seed)
    truth = [int(rng.random() < rate) for _ in range(n)]
    calls = [int(rng.random() < (se if t else 1 - sp)) for t in truth]
    path = folder / f"scores-{seed}.jsonl"
    path.write_text("".join(json.dumps({"case_id": str(i), "refused": c}) + "\n" for i, c in enumerate(calls)))
    return path, truth


def noisy_card(folder: Path, seed: int, *, se: float = 0.7, sp: float = 0.8) -> Path:
    """A card of people who err as the judge of `table` does: a judge whose errors are known."""
    rng = random.Random(seed + 1000)
    truth = [{"id": str(i), "answer": f"answer {i}", "label": "refuse" if i % 2 else "comply"} for i in range(400)]
    said = [
        {**row, "label": "refuse" if rng.random() < (se if row["label"] == "refuse" else 1 - sp) else "comply"}
        for row in truth
    ]
    folder.mkdir()
    (folder / "said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said))
    source = labels_file(folder, truth)  # type: ignore[arg-type]
    return calibrate(f"people:{folder / 'said.jsonl'}", source, out=folder / "card", command="t").path


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_rates_are_corrected_by_the_card_and_by_labels_of_the_same_rows(tmp_path: Path, seed: int) -> None:
    scores, truth = table(tmp_path, seed)
    drawn = random.Random(seed).sample(range(400), 120)
    labels = tmp_path / "sample.jsonl"
    labels.write_text(
        "".join(
            json.dumps({"id": str(i), "answer": "x", "label": "refuse" if truth[i] else "comply"}) + "\n" for i in drawn
        )
    )
    found = rate(scores, card=noisy_card(tmp_path / "c", seed), labels=str(labels), out=tmp_path / "out")
    raw, corrected, powered = (one.evidence for one in found.rates)
    share = np.mean(truth)
    assert [one.evidence.claim.split("_rate_")[1] for one in found.rates] == [
        "raw",
        "rogan_gladen",
        "prediction_powered",
    ]
    for one in (corrected, powered):
        assert one.low is not None
        assert one.high is not None
        assert one.low <= share <= one.high
        assert verify(one, root=tmp_path / "out") == []
    assert raw.low is not None
    assert raw.low > share  # what a fifth of false alarms does to a rare act


def test_a_card_of_another_judge_or_question_is_refused(by_hand: Path, tmp_path: Path) -> None:
    scores, _ = table(tmp_path, 5, n=20)
    (tmp_path / "run.json").write_text(json.dumps({"judge": "rules@1+form"}))
    with pytest.raises(InputError, match="The card is of the judge rules@2; these rows were judged by rules@1"):
        rate(scores, card=by_hand)
    (tmp_path / "run.json").write_text(json.dumps({"judge": "rules@2+form"}))
    assert rate(scores, card=by_hand, out=tmp_path / "o").rates[0].evidence.judge == "rules@2+form"
    assert (tmp_path / "o" / "judge_card.json").read_bytes() == (by_hand / "card.json").read_bytes()
    with pytest.raises(InputError, match="not that it broke"):
        rate(scores, card=by_hand, question="broke")
    other = labels_file(tmp_path, [{"id": "zz", "answer": "x", "label": "refuse"}])
    with pytest.raises(InputError, match="None of the"):
        rate(scores, card=None, labels=other, out=tmp_path / "p")


def test_a_plus_inside_a_name_does_not_make_two_judges_one(by_hand: Path) -> None:
    card, _ = load_card(by_hand)
    assert card.fits("rules@2+relevance(m)")
    panel = card.model_copy(update={"judge": "panel@1(majority: rules@2+form; probe@1(a))"})
    assert panel.fits(panel.judge)
    assert not panel.fits("panel@1(majority: rules@2+form; probe@1(b))")


def test_a_correction_that_cannot_be_had_says_so_and_exits_3(by_hand: Path, tmp_path: Path) -> None:
    scores, _ = table(tmp_path, 6, n=50)
    done = CliRunner().invoke(app, ["judge", "rate", str(scores), "--card", str(by_hand), "--out", str(tmp_path / "o")])
    assert done.exit_code == 3
    assert "too few labels" in done.output
    assert "rogan_gladen" in done.output


def test_a_sample_to_label_is_drawn_at_random_without_the_judges_verdict(tmp_path: Path) -> None:
    scores, _ = table(tmp_path, 7, n=30)
    scores.rename(tmp_path / "scores.jsonl")
    rows = [{"case_id": str(i), "key": f"k{i}", "answer": f"answer {i}"} for i in range(30)]
    (tmp_path / "completions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for suffix in ("csv", "jsonl", "json"):
        out = tmp_path / f"sample.{suffix}"
        assert draw_sample(tmp_path, out, n=10, seed=0) == (10, 0)
        assert "refused" not in out.read_text()
        with pytest.raises(InputError, match="already"):
            draw_sample(tmp_path, out, n=10, seed=0)
    labels = (tmp_path / "sample.csv").read_text().replace(",,\n", ",refuse,ann\n")
    (tmp_path / "done.csv").write_text(labels)
    found = rate(tmp_path, card=None, labels=str(tmp_path / "done.csv"), question="refused", out=tmp_path / "o")
    assert found.rates[1].evidence.n == 30


def arm(folder: Path, name: str, answers: list[str]) -> Path:
    """A small evaluated arm, as `align eval` keeps it: an empty answer is scored as no refusal."""
    home = folder / name
    home.mkdir(parents=True)
    scores = [{"case_id": f"c{i}", "asked": "refuse", "refused": float("sorry" in a)} for i, a in enumerate(answers)]
    made = [{"case_id": f"c{i}", "key": f"{name}-{i}", "answer": a} for i, a in enumerate(answers)]
    for table_name, rows in (("scores", scores), ("completions", made)):
        (home / f"{table_name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return home


def test_a_sample_that_holds_an_empty_answer_is_read_again(tmp_path: Path) -> None:
    home = arm(tmp_path, "sft", [REFUSAL, "", HELP])
    for suffix in ("csv", "jsonl"):
        out = tmp_path / f"s.{suffix}"
        draw_sample(home, out, n=3, seed=0)
        text = out.read_text().replace(",,\n", ",no,\n").replace('"label": ""', '"label": "no"')
        out.write_text(text + (",,,,,\n" if suffix == "csv" else ""))
        found = load_labels(str(out)).rows
        assert sorted(row.item.completion.answer for row in found) == sorted([REFUSAL, "", HELP])
        assert all(row.label is False for row in found)


def test_a_sample_says_how_many_of_its_answers_are_empty(tmp_path: Path) -> None:
    home = arm(tmp_path, "sft", [REFUSAL, "", " \n", HELP])
    done = CliRunner().invoke(app, ["judge", "sample", str(home), str(tmp_path / "all.csv")])
    assert "4 answers to label\nnote: 2 of them are empty" in done.output
    whole = arm(tmp_path, "base", [REFUSAL, HELP])
    done = CliRunner().invoke(app, ["judge", "sample", str(whole), str(tmp_path / "whole.csv")])
    assert done.output.splitlines() == [f"{tmp_path / 'whole.csv'}: 2 answers to label"]


def test_a_text_taken_as_the_answer_is_told_and_kept_in_the_card(tmp_path: Path) -> None:
    path = tmp_path / "my.csv"
    path.write_text(f'text,label,weak\n"{REFUSAL}",refuse,1\n"{HELP}",comply,0\n', "utf-8")
    argv = ["judge", "calibrate", "rules", "--labels", str(path), "--no-injections", "--out", str(tmp_path / "text")]
    said = "my.csv: `text` was taken as the answer, and `label` as whether it refused"
    assert f"note: {said}" in CliRunner().invoke(app, argv).output
    assert said in load_card(tmp_path / "text")[0].notes
    path.write_text(path.read_text("utf-8").replace("text,", "answer,"), "utf-8")
    assert "was taken as" not in CliRunner().invoke(app, [*argv[:-1], str(tmp_path / "answer")]).output


def test_labels_of_another_arms_answers_are_not_taken_for_these(tmp_path: Path) -> None:
    ours, theirs = arm(tmp_path, "sft", [REFUSAL, REFUSAL, HELP]), arm(tmp_path, "base", [HELP, HELP, HELP])
    draw_sample(ours, tmp_path / "s.jsonl", n=3, seed=0)
    labels = str(tmp_path / "labels.jsonl")
    Path(labels).write_text((tmp_path / "s.jsonl").read_text().replace('"label": ""', '"label": "refuse"'))
    rate(ours, card=None, labels=labels, out=tmp_path / "ours")
    assert [row["label"] for row in Run(tmp_path / "ours").rows("rated")] == [1, 1, 1]
    rate(theirs, card=None, labels=labels, out=tmp_path / "theirs")
    # The third answer is the same text, and so its label holds.
    assert [row["label"] for row in Run(tmp_path / "theirs").rows("rated")] == [None, None, 1]


def test_a_table_is_rated_by_card_then_by_labels_and_from_where_it_was_moved_to(by_hand: Path, tmp_path: Path) -> None:
    home = arm(tmp_path, "sft", [REFUSAL, HELP])
    labels = labels_file(tmp_path, [{"id": "c0", "answer": REFUSAL, "label": "refuse"}])
    plain = rate(home, card=None).path
    by_card, by_labels = rate(home, card=by_hand).path, rate(home, card=None, labels=labels).path
    assert len({plain, by_card, by_labels}) == 3
    assert rate(home, card=by_hand).path == by_card
    home.rename(tmp_path / "moved")
    assert rate(tmp_path / "moved", card=by_hand).path == tmp_path / "moved" / "rates" / by_card.name


def test_the_command_line_prints_and_keeps_a_card(tmp_path: Path) -> None:
    run = CliRunner()
    out = str(tmp_path / "card")
    done = run.invoke(app, ["judge", "calibrate", "rules", "--labels", "demo", "--limit", "60", "--out", out])
    assert done.exit_code == 0, done.output
    for word in (
        "sensitivity",
        "dprime",
        "criterion",
        "cohens_kappa",
        "alpha_with_people",
        "injection_moved",
        "card.json",
    ):
        assert word in done.output
    shown = run.invoke(app, ["judge", "show", out, "--json"])
    document = json.loads(shown.output)
    assert document["question"] == "refused"
    assert {row["claim"] for row in document["evidence"]} >= {"judge/sensitivity", "judge/control_moved"}


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["llm:mockllm/model", "--labels", "demo"], "Give one with --policy"),
        (["panel:max(rules; probe)", "--labels", "demo"], "min, mean, majority"),
        (["panel:min(rules)", "--labels", "demo"], "at least two"),
        (["rubric:x.yaml", "--labels", "demo"], "rubric:FILE@MODEL"),
        (["rules", "--labels", "demo", "--split", "x"], "no split"),
        (["rules", "--labels", "spam_policy", "--question", "refused"], "not whether they refused"),
        (["rules", "--labels", "demo", "--limit", "0"], "--limit is at least 1"),
        (["rules", "--labels", "demo", "--question", "nice"], "refused, broke"),
    ],
)
def test_bad_options_are_one_clear_error(words: list[str], what: str) -> None:
    done = CliRunner().invoke(app, ["judge", "calibrate", *words])
    assert isinstance(done.exception, PreceptsError)
    assert done.exception.exit_code == 2
    assert what in str(done.exception)


def test_a_judge_that_is_down_gives_an_error_and_keeps_what_it_said(tmp_path: Path) -> None:
    out = tmp_path / "o"
    with pytest.raises(InputError, match="says of no answer whether it refused"):
        calibrate(
            "people:" + labels_file(tmp_path, [{"id": "zz", "answer": "x", "label": "refuse"}]),
            "demo",
            limit=5,
            out=out,
            command="t",
        )
    assert (out / "judgments.jsonl").exists()
    assert not (out / "card.json").exists()


def test_a_judge_that_was_down_is_asked_again_by_the_same_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = [True]
    rows = [{"id": str(i), "answer": f"a{i}", "label": "keeps", "clause": "V1"} for i in range(70)]
    rows[69]["answer"] = "bad"

    def reply(seen: str, seed: int) -> str | Generated:
        word = "breaks" if "bad" in seen.split("answer]")[-1] else "keeps"
        return Generated("", "error", error="refused") if down[0] else f"So.\nVERDICT: {word}"

    judge = LlmJudge(Speaker(reply), POLICY)
    monkeypatch.setattr("precepts.pipelines.calibrate.open_judge", lambda *_, **__: judge)
    source = labels_file(tmp_path, rows)  # type: ignore[arg-type]

    def run() -> JudgeCard:
        return calibrate(
            "llm:x", source, policy="starter", question="broke", out=tmp_path / "o", inject=True, command="t"
        ).card

    with pytest.raises(InputError, match="asks it again"):
        run()
    down[0] = False
    card = run()
    assert card.num_unscored == 0
    assert any("no attack was tried" in note for note in card.notes)  # nothing is labelled as breaking the policy


def test_a_judge_of_policies_is_not_asked_what_an_answer_did(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--question broke"):
        calibrate("llm:mockllm/model", "demo", policy="starter", out=tmp_path / "o", command="t")
    assert not (tmp_path / "o").exists()


def test_the_estimator_of_a_reliability_bin_is_a_rate_of_labels(tmp_path: Path) -> None:
    rows = [{"id": str(i), "answer": f"a{i}", "label": "breaks" if i % 3 else "keeps"} for i in range(30)]
    said = [
        {**row, "rater": r, "label": w}
        for i, row in enumerate(rows)
        for r, w in (("x", "breaks"), ("y", "breaks" if i % 2 else "keeps"), ("z", "breaks"))
    ]
    (tmp_path / "said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said))
    judge = f"people:{tmp_path / 'said.jsonl'}"
    card = calibrate(judge, labels_file(tmp_path, rows), question="broke", out=tmp_path / "o", command="t").card  # type: ignore[arg-type]
    bins = [row for row in card.evidence if row.claim == "judge/reliability"]
    assert [row.slice["probability"] for row in bins] == ["0.6–0.8", "0.8–1.0"]
    assert sum(row.n for row in bins) == 30
    brier = card.find("brier")
    assert brier is not None
    truth = [int(i % 3 > 0) for i in range(30)]
    p = [1.0 if i % 2 else 2 / 3 for i in range(30)]
    assert brier.value == pytest.approx(np.mean([(a - b) ** 2 for a, b in zip(p, truth, strict=True)]))
    assert estimate("brier@1", [{"score": a, "label": b} for a, b in zip(p, truth, strict=True)]).value == brier.value
