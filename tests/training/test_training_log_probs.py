"""The distribution that was sampled from, against the definition written out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from precepts.training.log_probs import as_sampled, entropy, written_before  # noqa: E402

COMPLETIONS = st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=6), min_size=1, max_size=4)


@given(COMPLETIONS, st.floats(0.1, 2), st.floats(-1, 1))
def test_the_logits_are_those_of_the_definition(
    completions: list[list[int]], temperature: float, penalty: float
) -> None:
    count = sum(map(len, completions))
    logits = torch.randn(count, 5, generator=torch.Generator().manual_seed(count))
    found = as_sampled(logits.clone(), completions, temperature=temperature, frequency_penalty=penalty)
    row = 0
    for ids in completions:
        for place in range(len(ids)):
            for token in range(5):
                expected = (float(logits[row, token]) - penalty * ids[:place].count(token)) / temperature
                assert float(found[row, token]) == pytest.approx(expected, abs=1e-4)
            row += 1


def test_gradients_pass_the_penalty_unchanged() -> None:
    logits = torch.zeros(3, 4, requires_grad=True)
    as_sampled(logits * 1, [[1, 1, 2]], temperature=0.5, frequency_penalty=0.7).sum().backward()
    assert torch.equal(logits.grad, torch.full((3, 4), 2.0))


def test_what_could_not_stand_there_takes_no_probability() -> None:
    logits = torch.zeros(4, 3, requires_grad=True)
    found = as_sampled(
        logits * 1, [[0, 1], [2, 2]], temperature=1.0, frequency_penalty=0.0, forbidden=[[(1, 0)], [(0, 0), (0, 1)]]
    )
    expected = torch.tensor([[1 / 3, 1 / 3, 1 / 3], [0, 0.5, 0.5], [0, 0, 1], [1 / 3, 1 / 3, 1 / 3]])
    assert torch.allclose(found.softmax(-1), expected)
    assert torch.isfinite(entropy(found)).all()
    found.log_softmax(-1)[2, 2].backward()
    assert torch.isfinite(logits.grad).all()


def test_a_completion_sees_nothing_of_another() -> None:
    positions, tokens = written_before([[7], [8, 9, 8], [5, 5]])
    assert list(zip(positions.tolist(), tokens.tolist(), strict=True)) == [(2, 8), (3, 8), (3, 9), (5, 5)]


def test_entropy_is_that_of_known_distributions() -> None:
    rows = torch.cat([torch.zeros(300, 4), torch.tensor([[0.0, -1e9, -1e9, -1e9], [math.log(3), 0, -1e9, -1e9]])])
    found = entropy(rows)
    assert found.shape == (302,)
    assert torch.allclose(found[:300], torch.tensor(math.log(4)))
    assert float(found[300]) == pytest.approx(0)
    assert float(found[301]) == pytest.approx(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))
