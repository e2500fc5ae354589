"""Games and puzzles made with a chess engine that speaks UCI (Stockfish), so that none of them carries anybody's licence.

The engine plays itself at few nodes from random openings, and now and then a random move stands for a blunder. A position becomes a puzzle
if the best move beats the second by at least two pawns, a search of more nodes names the same move by that margin, and it is not the only
legal one. Its difficulty is the smallest depth from which the search keeps to that move. The positions and the moves that the engine chose
are kept beside the puzzles: students are pretrained on games.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from precepts.errors import InputError, MissingError
from precepts.types import Frozen
from precepts.w2s.puzzles import GameMove, Puzzle, chess_module

if TYPE_CHECKING:
    import chess
    import chess.engine

_MATE = 10_000
_PATIENCE_S = 300.0
_PLACES = ("stockfish", "/usr/games/stockfish")


class PuzzleSettings(Frozen):
    """How games are played and puzzles are checked; nodes are of the engine's search."""

    play_nodes: int = 800
    check_nodes: int = 8_000
    margin: int = 200
    """Centipawns by which the best move beats the second."""
    winning: int = 400
    """Centipawns from which the second move wins too: such a position has two answers, whatever the lead of one, and is no puzzle."""
    plain_share: float = 0.3
    """Share kept of puzzles that a search of depth 1 solves, most of which are recaptures."""
    blunder_rate: float = 0.15
    opening_plies: int = 6
    most_plies: int = 100


class Made(NamedTuple):
    """What one game gave."""

    moves: list[GameMove]
    puzzles: list[Puzzle]


class Choice(NamedTuple):
    """A position searched: the best move, its lead over the second and what that one is worth, both in centipawns.

    `depth` is the smallest from which the best move stays the best.
    """

    best: str
    lead: int
    second: int
    depth: int


def engine_path(given: str | None = None) -> str:
    """Where the engine is.

    Raises:
        MissingError: If there is none.
    """
    for name in [given] if given else _PLACES:
        if name and (found := shutil.which(name)):
            return found
    raise MissingError(
        f"There is no chess engine {given or 'stockfish'}. Install one (Debian: apt-get install stockfish) or give --engine PATH."
    )


def make_puzzles(
    engine: str, *, puzzles: int, seed: int, settings: PuzzleSettings | None = None, start: int = 0,
    before: Sequence[Puzzle] = (),
) -> Iterator[Made]:  # fmt: skip
    """Plays games until so many puzzles were found, one game at a time; the same seed and engine give the same games, wherever it starts.

    Args:
        engine: Path of a UCI engine.
        puzzles: At least how many are made in all.
        seed: Of openings and blunders.
        settings: Of games and checks.
        start: Number of the first game to play.
        before: The puzzles of the games before it.

    Raises:
        InputError: If the engine does not speak UCI, cannot rate two moves of a position, or stops answering.
        MissingError: If `chess` is not installed.
    """
    chess_module()
    import chess.engine

    chosen, found, number = settings or PuzzleSettings(), len(before), start
    seen = {puzzle.key for puzzle in before}
    try:
        opened = chess.engine.SimpleEngine.popen_uci(engine, timeout=_PATIENCE_S)
    except (OSError, TimeoutError, chess.engine.EngineError) as error:
        raise InputError(
            f"{engine} does not answer as a UCI engine ({error}). Give another with --engine PATH."
        ) from None
    with opened as player:
        if "MultiPV" not in player.options:
            raise InputError(
                f"{engine} cannot rate two moves of a position (UCI option MultiPV). Give another with --engine PATH."
            )
        try:
            player.configure({name: 1 for name in ("Threads", "Hash") if name in player.options})
            while found < puzzles:
                name = f"{seed}-{number}"
                made = _game(player, random.Random(name), name, chosen)
                fresh = [p for p in made.puzzles if p.key not in seen]
                seen.update(p.key for p in fresh)
                found, number = found + len(fresh), number + 1
                yield Made(made.moves, fresh)
        except (TimeoutError, chess.engine.EngineError) as error:
            raise InputError(
                f"{engine} stopped answering in game {number} ({error}). The same command goes on after the last whole game."
            ) from None


def search(player: chess.engine.SimpleEngine, board: chess.Board, *, nodes: int, game: object = None) -> Choice | None:
    """The best move of a position by a search of so many nodes; None where fewer than two moves are legal."""
    from chess.engine import Limit

    if board.legal_moves.count() < 2:
        return None
    best_by_depth: dict[int, str] = {}
    scores: dict[int, tuple[int, str]] = {}
    with player.analysis(board, Limit(nodes=nodes), multipv=2, game=game) as stream:
        for info in stream:
            line: Any = info.get("pv")
            if not line or "score" not in info or info.get("upperbound") or info.get("lowerbound"):
                continue
            rank = int(info.get("multipv", 1))
            scores[rank] = (info["score"].pov(board.turn).score(mate_score=_MATE), line[0].uci())
            if rank == 1:
                best_by_depth[info.get("depth", 0)] = line[0].uci()
    if 1 not in scores or 2 not in scores or scores[1][1] == scores[2][1]:
        return None
    best = scores[1][1]
    depth = next((d + 1 for d in sorted(best_by_depth, reverse=True) if best_by_depth[d] != best), min(best_by_depth))
    return Choice(best, scores[1][0] - scores[2][0], scores[2][0], depth)


def is_single(choice: Choice, settings: PuzzleSettings) -> bool:
    """Whether the best move is the only answer: it leads by the margin, and the second does not win."""
    return choice.lead >= settings.margin and choice.second < settings.winning


def _game(player: chess.engine.SimpleEngine, rng: random.Random, name: str, settings: PuzzleSettings) -> Made:
    board = chess_module().Board()
    moves: list[GameMove] = []
    puzzles: list[Puzzle] = []
    for _ in range(rng.randint(2, settings.opening_plies)):
        board.push(rng.choice(list(board.legal_moves)))
        if board.is_game_over():
            return Made(moves, puzzles)
    for _ in range(settings.most_plies):
        if board.is_game_over(claim_draw=True):
            break
        choice = search(player, board, nodes=settings.play_nodes, game=name)
        if choice is None:
            board.push(next(iter(board.legal_moves)))
            continue
        fen = board.fen()
        if is_single(choice, settings):
            checked = search(player, board, nodes=settings.check_nodes, game=name)
            kept = checked is not None and (checked.depth > 1 or rng.random() < settings.plain_share)
            if checked is not None and checked.best == choice.best and is_single(checked, settings) and kept:
                puzzles.append(Puzzle(fen, checked.best, checked.depth, name))
        moves.append(GameMove(fen, choice.best, name))
        blunders = rng.random() < settings.blunder_rate
        board.push(rng.choice(list(board.legal_moves)) if blunders else board.parse_uci(choice.best))
    return Made(moves, puzzles)
