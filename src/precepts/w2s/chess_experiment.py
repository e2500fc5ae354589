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
from precepts.w2s.chess_model import BatchLoss, Fitting, Positions, Reader, Tick, fit, probabilities
from precepts.w2s.puzzles import Puzzle
from precepts.w2s.splits import TEST_SHARE

ZERO_SHOT, CEILING, EASY = "zero-shot", "ceiling", "easy-to-hard"
_FEWEST = 20
_TINY = 1e-30


def plain(logits_BM: Tensor, targets_BM: Tensor, progress: float) -> Tensor:
    """Cross-entropy to the targets, whatever the progress."""
    return losses.naive(logits_BM, targets_BM, progress=progress)


def _confident(logits_BM: Tensor, targets_BM: Tensor, progress: float) -> Tensor:
    return losses.confidence(logits_BM, targets_BM, progress=progress, matched=False)


class Guesses(NamedTuple):
    """Probabilities of moves on the student's puzzles, each (N, M).

    The supervisor's, those of its reader before it was trained on puzzles, and the student's before training.
    """

    weak: Tensor
    before: Tensor
    own: Tensor


def _likeliest(guesses: Guesses) -> Tensor:
    return losses.one_hot_like(guesses.weak)


def _as_given(guesses: Guesses) -> Tensor:
    return guesses.weak


def _mixed(guesses: Guesses) -> Tensor:
    return (guesses.weak + guesses.own) / 2


def _product(guesses: Guesses) -> Tensor:
    return (_log(guesses.own) + _log(guesses.weak)).softmax(-1)


def _shifted(guesses: Guesses) -> Tensor:
    return (_log(guesses.own) + _log(guesses.weak) - _log(guesses.before)).softmax(-1)


def _log(probs_NM: Tensor) -> Tensor:
    return probs_NM.clamp_min(_TINY).log()


class ChessMethod(NamedTuple):
    """What a student is trained towards, of all the guesses, and by which loss."""

    title: str
    target: Callable[[Guesses], Tensor]
    loss: BatchLoss = plain


CHESS_METHODS: dict[str, ChessMethod] = {
    "naive": ChessMethod("cross-entropy to the supervisor's likeliest move", _likeliest),
    "soft": ChessMethod("cross-entropy to the supervisor's probabilities", _as_given),
    "logconf": ChessMethod("auxiliary confidence loss, α 0.5, on the likeliest move", _likeliest, _confident),
    "anchored": ChessMethod("as the confidence loss, with the student's guess from before training, unhardened", _mixed),
    "product": ChessMethod("the product of the supervisor's and the student's probabilities from before training", _product),
    "shift": ChessMethod("the student's probabilities from before training, moved as the supervisor's own training moved it", _shifted),
}  # fmt: skip
"""Moves have no class prior, so the hardened guess of the confidence loss is the likeliest move.

`logconf` lets the student's guess move with it; the last three hold on to what the student knew before it saw a label. `shift` adds the change of
the supervisor's log-probabilities, and needs its model from before: proxy-tuning (Liu et al. 2024, arXiv 2401.08565) as a target for training.
"""


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
    """Two halves of the puzzles that are not tested on, whole groups.

    Raises:
        InputError: If all are of one group.
    """
    by_group: dict[str, list[int]] = {}
    for i in rest:
        by_group.setdefault(puzzles[i].group, []).append(i)
    names = sorted(by_group)
    np.random.default_rng([seed, 71]).shuffle(names)
    halves: tuple[list[int], list[int]] = ([], [])
    for name in names:
        min(halves, key=len).extend(by_group[name])
    if not all(halves):
        raise InputError(
            "All puzzles to train on are of one game, so there are no two halves. Give puzzles of more games."
        )
    return ChessSplit(*halves)


def chess_seed(
    weak: Reader, strong: Reader, positions: Positions, puzzles: Sequence[Puzzle], part: ChessSplit, test: Sequence[int],
    methods: Sequence[str], *, settings: Fitting, seed: int, strata: Sequence[str], easy_to_hard: bool, tick: Tick | None = None,
) -> list[Row]:  # fmt: skip
    """One seed: supervisor, its labels, students of every method, ceiling and easy-to-hard, scored on the test puzzles.

    Easy-to-hard is a student trained on the true moves of the student's easy puzzles alone, where it is asked for.

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
        easy_to_hard: Asked for where the parts of all seeds have `enough_easy`, so that every seed has the same arms.
        tick: Called with the rows of every step.
    """
    text, best = positions.text_NT, positions.best_N

    def trained(reader: Reader, rows: Sequence[int], targets: Tensor, loss: BatchLoss) -> Reader:
        return fit(copy.deepcopy(reader), text[rows], targets, loss=loss, settings=settings, seed=seed, tick=tick)

    supervisor = trained(weak, part.supervisor, best[part.supervisor], plain)
    given = Guesses(*(probabilities(reader, text[part.student]) for reader in (supervisor, weak, strong)))
    arms = {ZERO_SHOT: strong, CEILING: trained(strong, part.student, best[part.student], plain)}
    for name in methods:
        method = CHESS_METHODS[name]
        arms[name] = trained(strong, part.student, method.target(given), method.loss)
    if easy_to_hard:
        easy = _easy(part, strata)
        arms[EASY] = trained(strong, easy, best[easy], plain)
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


def enough_easy(parts: Sequence[ChessSplit], strata: Sequence[str]) -> bool:
    """Whether every seed's student has enough easy puzzles for an arm that is trained on them alone."""
    return all(len(_easy(part, strata)) >= _FEWEST for part in parts)


def _easy(part: ChessSplit, strata: Sequence[str]) -> list[int]:
    return [i for i in part.student if strata[i] == "easy"]


def _moves(reader: Reader, text_NT: Tensor) -> list[int]:
    return probabilities(reader, text_NT).argmax(-1).tolist()
