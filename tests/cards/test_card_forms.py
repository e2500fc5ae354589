"""Exports hold the card's numbers, each with its interval, in forms that their own readers accept."""

from __future__ import annotations

import datetime
import importlib
import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from cards_planted import POLICY, planted, rate
from cards_run import SECRET, plant_run
from test_card_bundle import OPTIONS
from test_card_hostile import ATTACKS

from precepts.cards import make_card
from precepts.cards.exports import Evaluator, argument, records
from precepts.cards.recompute import evidence_id
from precepts.errors import InputError, MissingError
from precepts.pipelines.card import build
from precepts.pipelines.export import export

DAY = datetime.date(2026, 11, 21)
WHO = Evaluator("The team", "first_party")


def schema() -> dict[str, Any]:
    """The published schema, from the package every-eval-ever, or from the file that EVERY_EVAL_EVER_SCHEMA names."""
    given = os.environ.get("EVERY_EVAL_EVER_SCHEMA")
    if given is None:
        spec = find_spec("every_eval_ever")
        if spec is None or spec.origin is None:
            pytest.skip("the schema of every-eval-ever is not here")
        given = str(Path(spec.origin).parent / "schemas" / "eval.schema.json")
    return json.loads(Path(given).read_text("utf-8"))


@pytest.fixture(scope="session")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = plant_run(tmp_path_factory.mktemp("forms") / "demo")
    return build([run], run.parent / "card", **OPTIONS).path


def test_every_number_stands_in_its_models_record_with_its_interval() -> None:
    rows = [*planted(), rate("refusal_rate", "sft", 0, 0, set="nothing")]
    found, left_out = records(rows, title="A card", on=DAY, evaluator=WHO)
    valued = [row for row in rows if row.value is not None]
    assert left_out == len(rows) - len(valued) > 0
    assert set(found) == {row.model for row in valued}
    for row in valued:
        one = next(r for r in found[row.model]["evaluation_results"] if r["evaluation_result_id"] == evidence_id(row))
        assert one["score_details"]["score"] == row.value
        between = one["score_details"]["uncertainty"].get("confidence_interval")
        assert (between is None) == (row.low is None)
        if between:
            assert (between["lower"], between["upper"], between["confidence_level"]) == (row.low, row.high, row.level)
            assert one["metric_config"]["min_score"] <= row.value <= one["metric_config"]["max_score"]
        assert one["score_details"]["uncertainty"]["num_samples"] == row.n
        assert one["score_details"]["details"]["n_unscored"] == str(row.n_unscored)
        assert one["metric_config"]["lower_is_better"] == (row.better == "lower")


def test_records_keep_the_published_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    published = schema()
    rows = planted() + [rate("refusal_rate", name, 3, 9, set=name, judge=name) for name in ATTACKS[:8]]
    found, _ = records(rows, title=ATTACKS[7], on=DAY, evaluator=WHO)
    for record in found.values():
        assert record["schema_version"] == published["version"]
        jsonschema.Draft7Validator(published).validate(json.loads(json.dumps(record)))
    broken = {**record, "evaluation_results": [{**record["evaluation_results"][0], "score_details": {"score": "high"}}]}
    assert not jsonschema.Draft7Validator(published).is_valid(broken)


def lines_of(text: str) -> list[tuple[int, str, str, str]]:
    """Depth, kind, id and text of every element."""
    found: list[tuple[int, str, str, str]] = []
    for line in text.removesuffix("\n").split("\n"):
        bare = line.lstrip(" ")
        dash, kind, rest = bare.split(" ", 2)
        assert dash == "-"
        depth = (len(line) - len(bare)) // 2
        assert 2 * depth == len(line) - len(bare)
        name, colon, said = rest.partition(": ")
        assert colon or kind == "Link", line
        found.append((depth, kind, name, said))
    return found


ALLOWED = {
    "": {"Claim"},
    "Claim": {"Claim", "Strategy", "Assumption", "Justification", "Evidence", "Context", "Link"},
    "Strategy": {"Claim", "Justification", "Assumption", "Context", "Link"},
}


def test_the_argument_keeps_the_rules_of_ltac(card: Path, tmp_path: Path) -> None:
    text = export(card, tmp_path, form="safety-case")[0].read_text("utf-8")
    above: list[str] = []
    defined: set[str] = set()
    for depth, kind, name, _ in lines_of(text):
        del above[depth:]
        assert kind in ALLOWED[above[-1] if above else ""], name
        assert (name in defined) == (kind == "Link"), name
        defined.add(name)
        above.append(kind)
    assert {"S-gates", "S-risk", "X-policy"} <= defined
    assert SECRET not in text


def test_a_verdict_marks_its_claim(card: Path, tmp_path: Path) -> None:
    text = export(card, tmp_path, form="safety-case")[0].read_text("utf-8")
    said = {name: words for _, kind, name, words in lines_of(text) if kind == "Claim"}
    document = json.loads((card / "card.json").read_text("utf-8"))
    marks = {"pass": "", "fail": "{defeated}", "insufficient": "{needsSupport}"}
    assert said["C-release"].endswith(marks[document["decision"]["verdict"]])
    verdicts = {one["gate"]: one["verdict"] for one in document["decision"]["gates"]}
    assert set(verdicts.values()) >= {"insufficient"}
    for gate, verdict in verdicts.items():
        words = said[f"G-{gate}"]
        assert words.endswith(marks[verdict]) if marks[verdict] else not words.endswith("}")


def test_without_gates_numbers_alone_decide_nothing() -> None:
    made = make_card(title="t", policy=POLICY, evidence=planted(), examples=(), facts={})
    text = argument(made)
    assert "no gate says what a release needs {needsSupport}" in text
    assert all(words.endswith("{needsSupport}") for depth, kind, _, words in lines_of(text) if kind == "Claim")


def test_hostile_names_stay_in_their_line() -> None:
    for name in ATTACKS:
        rows = [rate("refusal_rate", name, 3, 9, set=name, judge=name)]
        made = make_card(title=name, policy=POLICY, evidence=rows, examples=(), facts={"limits": [name], "model": name})
        text = argument(made)
        assert len(lines_of(text)) == len(text.split("\n")) - 1
        assert not set(text) & {"\x1b", "\u202e", "\x00"}


def test_the_argument_is_read_by_verocase(card: Path, tmp_path: Path) -> None:
    if find_spec("verocase") is None:
        pytest.skip("verocase is not installed")
    verocase = importlib.import_module("verocase")
    text = export(card, tmp_path, form="safety-case")[0].read_text("utf-8")
    case = verocase.Case().load_ltac_string(text)
    assert case.validate_ltac()


def test_a_changed_card_is_not_exported_and_mistakes_are_told(card: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--to is one of hub, every-eval-ever, safety-case"):
        export(card, tmp_path, form="pdf")
    with pytest.raises(InputError, match="who evaluated"):
        export(card, tmp_path, form="every-eval-ever")
    with pytest.raises(InputError, match="--relationship is one of"):
        export(card, tmp_path, form="every-eval-ever", organization="x", relationship="friend")
    with pytest.raises(MissingError, match="holds no card"):
        export(tmp_path, tmp_path, form="hub")
    import shutil

    other = Path(shutil.copytree(card, tmp_path / "card"))
    (other / "evidence.jsonl").write_text("{}\n")
    with pytest.raises(InputError, match=r"evidence.jsonl: changed"):
        export(other, tmp_path / "out", form="hub")
    assert not (tmp_path / "out").exists()
    assert export(card, tmp_path / "out", form="hub")[0].read_bytes() == (card / "card.md").read_bytes()
    made = export(card, tmp_path / "out", form="every-eval-ever", organization="The team")
    assert json.loads(made[0].read_text("utf-8"))["source_metadata"]["source_organization_name"] == "The team"
