"""Families of rows that begin alike: the partition against every other, and the model against plain forward passes."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from conversations import turns
from hypothesis import given
from hypothesis import strategies as st

from precepts.models import families as room
from precepts.models.batching import common_prefix
from precepts.models.families import families, in_batches

torch = pytest.importorskip("torch")


def cost(ids: list[list[int]], found: list[room.Family], begun: int) -> int:
    """Tokens that are run: a family's beginning once, each row's own end."""
    return sum(f.end - begun + sum(len(ids[row]) - f.end for row in f.rows) for f in found)


def best_cost(ids: list[list[int]], begun: int) -> int:
    """The least over all ways to cut the sorted rows, each family sharing as much as it can."""
    rows = sorted(ids, key=lambda row: row[begun:])
    least = sum(len(row) - begun for row in rows)
    for cuts in range(1 << (len(rows) - 1)):
        edges = [0, *(k + 1 for k in range(len(rows) - 1) if cuts >> k & 1), len(rows)]
        total = 0
        for a, b in pairwise(edges):
            part = rows[a:b]
            end = begun
            while all(end < len(row) - 1 and row[end] == part[0][end] for row in part):
                end += 1
            if len(part) == 1 or end - begun < room._LEAST:
                end = begun
            total += end - begun + sum(len(row) - end for row in part)
        least = min(least, total)
    return least


ROWS = st.lists(
    st.builds(
        lambda heads, tail: [9] * 3 + [token for head in heads for token in [head] * 9] + tail,
        st.lists(st.integers(1, 2), max_size=3),
        st.lists(st.integers(1, 3), min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=7,
)


@given(ROWS)
def test_no_other_cut_of_the_sorted_rows_runs_fewer_tokens(ids: list[list[int]]) -> None:
    found = families(ids, begun=3)
    assert sorted(row for family in found for row in family.rows) == list(range(len(ids)))
    for family in found:
        heads = {tuple(ids[row][: family.end]) for row in family.rows}
        assert len(heads) == 1
        assert all(len(ids[row]) > family.end >= 3 for row in family.rows)
    assert cost(ids, found, 3) == best_cost(ids, 3)


def test_families_of_a_clause_and_a_conversation() -> None:
    clause, one, other = [1] * 10, [2] * 20, [3] * 20
    ids = [[0, *clause, *one, n] for n in range(4)] + [[0, *clause, *other, n] for n in range(4)] + [[0, 7]]
    found = families(ids, begun=1)
    assert [(f.end, f.rows) for f in found] == [(31, (0, 1, 2, 3)), (31, (4, 5, 6, 7)), (1, (8,))]
    assert in_batches(found, ids, begun=1, most=4) == [[found[0]], [found[1]], [found[2]]]
    assert len(in_batches(found, ids, begun=1, most=100)) == 1
    # What is held at once is bounded: two rows of a family of four, each 31 tokens long after the first.
    assert [len(f.rows) for f in families(ids[:4], begun=1, held=2 * 31)] == [2, 2]
    assert len(in_batches(found[:2], ids, begun=1, most=100, held=4 * 31)) == 2


BRIEF = "please answer with one word or name some colours; the plan is kept and nobody asked what it costs."
ASKED = ("Name a colour that grows by the sea and is kept.", "Why does the garden cost what it costs, and who asked?")
SAID = ("red", "I'm not able to say, and nobody asked.", "the sea", "It is kept.")


def test_probabilities_in_families_are_those_of_plain_passes(tiny_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from precepts.models import open_model

    monkeypatch.setenv("PRECEPTS_DTYPE", "float32")
    engine: Any = open_model(str(tiny_path))
    asked = [turns(("system", BRIEF), ("user", f"{prompt}\n{said}")) for prompt in ASKED for said in SAID]
    asked.append(turns(("system", BRIEF), ("user", "Why?")))
    seen: list[int] = []
    plain = engine._states

    def counted(prefix: Any, cache: Any, ids_BT: Any, mask_BT: Any, position_BT: Any) -> Any:
        seen.append(int(mask_BT[:, -ids_BT.shape[1] :].sum()))
        return plain(prefix, cache, ids_BT, mask_BT, position_BT)

    monkeypatch.setattr(engine, "_states", counted)
    words = ["a", "e"]
    assert all(len(engine.ids_of(word)) == 1 for word in words)
    found = engine.log_probs([c for c in asked for _ in words], words * len(asked))
    monkeypatch.undo()
    expected = []
    for conversation in asked:
        ids = engine.ids_of(engine.prompt_text(conversation))
        with torch.inference_mode():
            log_V = engine.model(torch.tensor([ids])).logits[0, -1].double().log_softmax(-1)
        expected += [float(log_V[engine.ids_of(word)[0]]) for word in words]
    assert found == pytest.approx(expected, abs=1e-4)
    # After what all begin with, each question ran once for its four answers, not once an answer.
    rows = [engine.ids_of(engine.prompt_text(conversation)) for conversation in asked]
    own = sum(len(row) - len(common_prefix(rows, own=1)) for row in rows)
    begun = sum(len(engine.ids_of(prompt)) - 1 for prompt in ASKED)
    assert sum(seen) <= own - 3 * begun
