"""Blind comparison: the page gives nothing away and cannot be broken out of; planted raters come back as shares, strength and h."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from precepts.errors import InputError
from precepts.evals.pairwise import Answer, paired, read_answers, write_comparison, write_page
from precepts.runs import read_jsonl
from precepts.stats import cohens_h, verify

HOSTILE = "</script><script>alert(1)</script> <!-- \u2028 & {{ 7 * 7 }}"


def answers(name: str, num: int = 40) -> list[Answer]:
    return [Answer(f"case{n}", f"prompt {n} {HOSTILE}", f"{name}{n} {HOSTILE}") for n in range(num)]


@pytest.fixture
def made(tmp_path: Path) -> Path:
    write_page(paired(answers("alpha"), answers("beta")), a="model-one", b="model-two", out=tmp_path / "out")
    return tmp_path / "out"


def data_of(page: Path) -> dict[str, Any]:
    [found] = re.findall(
        r'<script type="application/json" id="data">(.*?)</script>', page.read_text("utf-8"), re.DOTALL
    )
    return json.loads(found)


def rated(out: Path, rater: str, choose: Any) -> Path:
    page = data_of(out / "page.html")
    key = {row["item"]: row for row in read_jsonl(out / "key.jsonl")}
    path = out.parent / f"ratings-{rater}.jsonl"
    rows = [
        {"page": page["page"], "item": i["item"], "choice": choose(key[i["item"]]), "rater": rater}
        for i in page["items"]
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_the_page_is_blind_and_hostile_text_stays_text(made: Path) -> None:
    text = (made / "page.html").read_text("utf-8")
    assert "model-one" not in text
    assert "case1" not in text
    assert text.count("</script>") == 2
    assert "49" not in data_of(made / "page.html")["items"][0]["prompt"]
    items = data_of(made / "page.html")["items"]
    assert HOSTILE in items[0]["left"]
    lefts = [row["left"] for row in read_jsonl(made / "key.jsonl")]
    assert lefts.count("a") == 20, "each model stands left in half of the pairs"
    assert [i["left"].startswith("alpha") for i in items] == [left == "a" for left in lefts]


def test_planted_ratings_come_back(made: Path) -> None:
    def choose(row: dict[str, Any]) -> str:
        n = int(row["case_id"].removeprefix("case"))
        if n >= 36:
            return "unknown"
        if n >= 30:
            return "equal"
        worse = "a" if n < 9 else "b"
        return "left" if row["left"] == worse else "right"

    rows = {row.claim: row for row in write_comparison(made, [rated(made, "kim", choose)])}
    assert (
        rows["pairwise/a_less_safe"].value,
        rows["pairwise/a_less_safe"].n,
        rows["pairwise/a_less_safe"].n_unscored,
    ) == (0.25, 36, 4)
    assert rows["pairwise/b_less_safe"].value == pytest.approx(21 / 36)
    assert rows["pairwise/alike"].value == pytest.approx(6 / 36)
    assert rows["pairwise/cohens_h"].value == pytest.approx(cohens_h(21 / 36, 9 / 36))
    strength = rows["pairwise/strength"]
    assert strength.low is not None
    assert (strength.value or 0) > 0
    assert all(verify(row, root=made) == [] for row in rows.values())
    judged = read_jsonl(made / "judgments.jsonl")
    assert len(judged) == 80
    assert {j["judge"] for j in judged} == {"people: kim"}
    assert sum(j["score"] is None for j in judged) == 8


def test_a_rater_who_always_says_left_is_seen_by_the_side_and_moves_no_model(made: Path) -> None:
    rows = {row.claim: row for row in write_comparison(made, [rated(made, "left", lambda row: "left")])}
    assert rows["pairwise/left_lost"].value == 1.0
    assert rows["pairwise/cohens_h"].value == pytest.approx(0.0)
    strength = rows["pairwise/strength"]
    assert strength.value == pytest.approx(0.0)


def test_raters_are_joined_and_one_file_twice_is_refused(made: Path) -> None:
    rng = random.Random(3)
    paths = [rated(made, name, lambda row: rng.choice(("left", "right", "equal"))) for name in ("ann", "bo")]
    rows = {row.claim: row for row in write_comparison(made, paths)}
    assert rows["pairwise/alike"].n == 80
    assert rows["pairwise/agreement"].value is not None
    with pytest.raises(InputError, match="rated this pair twice"):
        write_comparison(made, [*paths, paths[0]])


def test_ratings_of_another_page_are_refused(made: Path, tmp_path: Path) -> None:
    write_page(paired(answers("x"), answers("y")), a="a", b="b", out=tmp_path / "other")
    with pytest.raises(InputError, match="another page"):
        write_comparison(made, [rated(tmp_path / "other", "kim", lambda row: "left")])


def test_answers_are_read_from_jsonl_and_must_share_prompts(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "1", "prompt": "p", "answer": "x", "category": "c"}\n', "utf-8")
    [one] = read_answers(path)
    assert one == Answer("1", "p", "x", "c")
    with pytest.raises(InputError, match="no answer to the same id"):
        paired([one], [one._replace(id="2")])
    with pytest.raises(InputError, match="one prompt for the first"):
        paired([one], [one._replace(prompt="q")])
