"""Findings, garak and lm-eval: every number is that of the file's own rows, and what is absent is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from precepts.errors import InputError
from precepts.evals.imports import READERS, write_imported
from precepts.evals.imports.findings import NO_IMAGE
from precepts.stats import garwood_interval, verify, wilson_interval


def brought_in(tool: str, source: Path, out: Path) -> Any:
    found = READERS[tool](source)
    rows = write_imported(found, source=source, model=found.model or "some/model", out=out)
    for row in rows:
        assert verify(row, root=out) == []
    return found, {(row.claim, *sorted(v for k, v in row.slice.items() if k != "tool")): row for row in rows}


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def findings(**changed: str) -> list[dict[str, Any]]:
    base = {"team": "Team A", "access": "API", "state": "after mitigations", "category": "fraud"}
    outcomes = ["unsafe", "unsafe", "safe", "safe", "safe", "unclear"]
    return [{"id": f"c{n}", **base, "outcome": outcome, **changed} for n, outcome in enumerate(outcomes)]


def test_findings_keep_who_made_them_and_list_images_as_not_measured(tmp_path: Path) -> None:
    source = jsonl(tmp_path / "f.jsonl", findings())
    found, rows = brought_in("findings", source, tmp_path / "out")
    share = rows["external/unsafe_share", "API", "Team A", "after mitigations"]
    assert (share.value, share.n, share.n_unscored, share.judge) == (0.4, 5, 1, "people: Team A")
    assert (share.low, share.high) == pytest.approx(wilson_interval(2, 5), abs=0.12)
    assert rows["external/findings", "API", "Team A", "after mitigations", "fraud"].value == 2.0
    image = rows["external/unsafe_share", "API", "Team A", "after mitigations", "image"]
    assert (image.value, image.n) == (None, 0)
    assert found.missing == (NO_IMAGE,)


def test_conversations_with_images_are_measured_where_there_are_some(tmp_path: Path) -> None:
    found, rows = brought_in("findings", jsonl(tmp_path / "f.jsonl", findings(modality="image")), tmp_path / "out")
    assert rows["external/unsafe_share", "API", "Team A", "after mitigations", "image"].value == 0.4
    assert found.missing == ()


@pytest.mark.parametrize(
    ("changed", "says"),
    [({"team": ""}, "team must be given"), ({"outcome": "bad"}, "outcome is one of"), ({"sevrity": "1"}, "unknown column sevrity"),
     ({"id": "c1"}, "same id")],
)  # fmt: skip
def test_a_bad_finding_is_named(tmp_path: Path, changed: dict[str, str], says: str) -> None:
    rows = findings()
    rows[3] = {**rows[3], **changed}
    with pytest.raises(InputError, match=says):
        READERS["findings"](jsonl(tmp_path / "f.jsonl", rows))


def report(passed: int = 3, total: int = 4) -> list[dict[str, Any]]:
    scores = [[0.0, 1.0, 0.2], [0.4, None]]
    return [
        {"entry_type": "start_run setup", "run.eval_threshold": 0.5, "plugins.target_type": "huggingface", "plugins.target_name": "some/model"},
        {"entry_type": "init", "garak_version": "0.17.1"},
        {"entry_type": "attempt", "status": 1, "uuid": "x", "probe_classname": "dan.Dan", "detector_results": {}},
        *({"entry_type": "attempt", "status": 2, "uuid": str(n), "probe_classname": "dan.Dan", "detector_results": {"dan.DAN": s}}
          for n, s in enumerate(scores)),
        {"entry_type": "eval", "probe": "dan.Dan", "detector": "dan.DAN", "passed": passed, "total_evaluated": total},
        {"entry_type": "eval", "probe": "lost.Probe", "detector": "dan.DAN", "passed": 1, "total_evaluated": 1},
    ]  # fmt: skip


def test_a_garak_report_gives_the_rates_of_its_attempts(tmp_path: Path) -> None:
    found, rows = brought_in("garak", jsonl(tmp_path / "g.report.jsonl", report()), tmp_path / "out")
    assert (found.tool, found.model) == ("garak 0.17.1", "huggingface/some/model")
    rate = rows["garak/attack_success_rate", "dan.DAN", "dan.Dan"]
    assert (rate.value, rate.n, rate.n_unscored) == (0.25, 4, 1)
    assert found.stated[0].reported == pytest.approx(0.25)
    assert found.missing == ("lost.Probe by dan.DAN: the report counts it and holds no attempt of it",)


@pytest.mark.parametrize("text", ["text,label\nhello,1\n", '{"prompt": "hello"}\n', "[1]\n", "7", ""])
def test_a_file_that_is_no_garak_report_is_told_what_is_expected(tmp_path: Path, text: str) -> None:
    path = tmp_path / "my.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError, match=r"my\.csv.*garak's report, .*\.report\.jsonl") as told:
        READERS["garak"](path)
    assert "new run" not in str(told.value)


def test_a_garak_report_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="counts 2 of 4 passed and its attempts give 3 of 4"):
        READERS["garak"](jsonl(tmp_path / "g.report.jsonl", report(passed=2)))
    with pytest.raises(InputError, match="no attempt in it was scored"):
        READERS["garak"](jsonl(tmp_path / "empty.report.jsonl", [{"entry_type": "init"}]))


def lm_eval(folder: Path, *, accuracy: float = 0.75) -> Path:
    folder.mkdir()
    results = {
        "results": {"boxes": {"alias": "boxes", "acc,none": accuracy, "acc_stderr,none": 0.2, "f1,none": 0.5}, "far": {"acc,none": 1.0}},
        "higher_is_better": {"boxes": {"acc": True, "f1": True}}, "lm_eval_version": "0.4.13", "model_name": "some/model",
    }  # fmt: skip
    (folder / "results_2026-01-01T00-00-00.json").write_text(json.dumps(results), "utf-8")
    samples = [{"doc_id": n, "filter": "none", "acc": float(n != 2)} for n in range(4)]
    jsonl(folder / "samples_boxes_2026-01-01T00-00-00.jsonl", samples)
    return folder


def test_lm_eval_numbers_are_made_again_from_its_samples(tmp_path: Path) -> None:
    found, rows = brought_in("lm-eval", lm_eval(tmp_path / "lm"), tmp_path / "out")
    rate = rows["lm-eval/acc", "boxes"]
    assert (rate.value, rate.n) == (0.75, 4)
    assert (rate.low, rate.high) == pytest.approx(wilson_interval(3, 4))
    assert any(line.startswith("boxes f1") for line in found.missing)
    assert any("far" in line and "--log_samples" in line for line in found.missing)


def test_lm_eval_results_of_other_samples_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"boxes acc: the samples give 0.75 and the results say 0.5"):
        READERS["lm-eval"](lm_eval(tmp_path / "lm", accuracy=0.5))


def test_the_interval_of_a_count_is_garwoods() -> None:
    assert garwood_interval(0) == pytest.approx((0.0, 3.689), abs=1e-3)
    assert garwood_interval(10) == pytest.approx((4.795, 18.390), abs=1e-3)
