"""Chess, weak to strong: a small reader supervises a larger one, and both have read games before.

Burns et al. 2023, section 4.1 and appendix on chess: the supervisor's labels are its likeliest moves. A student that was pretrained on games
plays before it sees any label, so every arm stands beside zero-shot: a student below it lost what it knew.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from precepts.errors import InputError
from precepts.runs import Row
from precepts.types import content_key
from precepts.w2s import losses
from precepts.w2s.chess_model import BatchLoss, Fitting, Positions, Reader, fit, probabilities
from precepts.w2s.puzzles import Puzzle
from precepts.w2s.splits import TEST_SHARE

ZERO_SHOT, CEILING, EASY = "zero-shot", "ceiling", "easy-to-hard"
_FEWEST = 20


def _plain(logits_BM: Tensor, targets_BM: Tensor, progress: float) -> Tensor:
    return losses.naive(logits_BM, targets_BM, progress=progress)


def _confident(logits_BM: Tensor, targets_BM: Tensor, progress: float) -> Tensor:
    return losses.confidence(logits_BM, targets_BM, progress=progress, matched=False)


class ChessMethod(NamedTuple):
    """A loss, and whether it is given the supervisor's probabilities or its likeliest move."""

    title: str
    loss: BatchLoss
    soft: bool = False


CHESS_METHODS: dict[str, ChessMethod] = {
    "naive": ChessMethod("cross-entropy to the supervisor's likeliest move", _plain),
    "soft": ChessMethod("cross-entropy to the supervisor's probabilities", _plain, soft=True),
    "logconf": ChessMethod("auxiliary confidence loss, α 0.5, on the likeliest move", _confident),
}
"""Moves have no class prior, so the student's hardened guess is its likeliest move."""


class ChessSplit(NamedTuple):
    """Numbers of puzzles by part; parts share no group."""

    supervisor: list[int]
    student: list[int]


def chess_pool(puzzles: Sequence[Puzzle], *, rows: int | None) -> tuple[list[Puzzle], list[int], list[int]]:
    """The puzzles that are used, and the numbers of the test part, the same for every seed, and of the rest.

    Raises:
        InputError: If a part has fewer than 20 puzzles.
    """
    chosen = [p for _, _, p in sorted((content_key(p.group), i, p) for i, p in enumerate(puzzles))][:rows]
    drawn = [int(content_key("test", p.group), 16) % 1000 < 1000 * TEST_SHARE for p in chosen]
    test = [i for i, tested in enumerate(drawn) if tested]
    rest = [i for i, tested in enumerate(drawn) if not tested]
    if len(test) < _FEWEST or len(rest) < 2 * _FEWEST:
        raise InputError(
            f"{len(chosen)} puzzles give {len(test)} to test and {len(rest)} to train on; at least {_FEWEST} and {2 * _FEWEST} are "
            f"needed. Give more puzzles, or puzzles of more games."
        )
    return chosen, test, rest


def chess_split(puzzles: Sequence[Puzzle], rest: Sequence[int], *, seed: int) -> ChessSplit:
    """Two halves of the puzzles that are not tested on, whole groups."""
    by_group: dict[str, list[int]] = {}
    for i in rest:
        by_group.setdefault(puzzles[i].group, []).append(i)
    names = sorted(by_group)
    np.random.default_rng([seed, 71]).shuffle(names)
    halves: tuple[list[int], list[int]] = ([], [])
    for name in names:
        min(halves, key=len).extend(by_group[name])
    return ChessSplit(*halves)


def chess_seed(
    weak: Reader, strong: Reader, positions: Positions, puzzles: Sequence[Puzzle], part: ChessSplit, test: Sequence[int],
    methods: Sequence[str], *, settings: Fitting, seed: int, strata: Sequence[str], tick: Callable[[int], object] | None = None,
) -> list[Row]:  # fmt: skip
    """One seed: supervisor, its labels, students of every method, ceiling and easy-to-hard, scored on the test puzzles.

    Easy-to-hard is a student trained on the true moves of the student's easy puzzles alone.

    Args:
        weak: The supervisor's reader, pretrained.
        strong: The student's reader, pretrained; every arm starts from it and `zero-shot` is it.
        positions: Of every puzzle.
        puzzles: In the same order.
        part: The seed's halves.
        test: Numbers of the test puzzles.
        methods: Names among `CHESS_METHODS`.
        settings: Of fine-tuning.
        seed: Draws the order of rows.
        strata: Of every puzzle (`puzzles.strata`).
        tick: Called with the rows of every step.
    """
    text, best = positions.text_NT, positions.best_N

    def trained(reader: Reader, rows: Sequence[int], targets: Tensor, loss: BatchLoss) -> Reader:
        return fit(copy.deepcopy(reader), text[rows], targets, loss=loss, settings=settings, seed=seed, tick=tick)

    supervisor = trained(weak, part.supervisor, best[part.supervisor], _plain)
    labels_NM = probabilities(supervisor, text[part.student])
    likeliest_N = labels_NM.argmax(-1)
    arms = {ZERO_SHOT: strong, CEILING: trained(strong, part.student, best[part.student], _plain)}
    for name in methods:
        method = CHESS_METHODS[name]
        arms[name] = trained(strong, part.student, labels_NM if method.soft else likeliest_N, method.loss)
    easy = [i for i in part.student if strata[i] == "easy"]
    if len(easy) >= _FEWEST:
        arms[EASY] = trained(strong, easy, best[easy], _plain)
    chosen = {name: _moves(reader, text[list(test)]) for name, reader in {"supervisor": supervisor, **arms}.items()}
    rows: list[Row] = []
    for n, i in enumerate(test):
        played = {name: int(moves[n]) for name, moves in chosen.items()}
        right = {name: int(move == int(best[i])) for name, move in played.items()}
        rows.append(
            {
                "seed": seed, "row": n, "group": content_key(puzzles[i].group), "stratum": strata[i],
                "weak": right["supervisor"], "ceiling": right[CEILING], "zero_shot": right[ZERO_SHOT], "correct": right,
                "legal": {name: int(move in positions.legal[i]) for name, move in played.items()},
                "agrees": {name: int(move == played["supervisor"]) for name, move in played.items()},
            }
        )  # fmt: skip
    return rows


def _moves(reader: Reader, text_NT: Tensor) -> list[int]:
    return probabilities(reader, text_NT).argmax(-1).tolist()
