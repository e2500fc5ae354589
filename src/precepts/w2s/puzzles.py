"""Chess puzzles: a position, its best move and how hard it is, read from Lichess's CSV or from puzzles made here.

Lichess gives the position *before* the opponent's move; the first of its moves is the opponent's, the second is the answer (the puzzle
database is CC0). Burns et al. 2023, section 4.1: the target is the first move of the solution alone, and only that move is right.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from precepts.errors import InputError, MissingError, needs_extra
from precepts.types import content_key

if TYPE_CHECKING:
    import chess

_LICHESS = ("FEN", "Moves", "Rating")


class Puzzle(NamedTuple):
    """A position and its best move in UCI notation.

    `difficulty` is Lichess's rating, or the smallest search depth from which the engine keeps to the move. Puzzles of one `group` (a game)
    never stand in two parts.
    """

    fen: str
    best: str
    difficulty: float
    group: str

    @property
    def key(self) -> str:
        """Names the puzzle by its position."""
        return content_key(" ".join(self.fen.split()[:4]))


class GameMove(NamedTuple):
    """A position and the move that was played in it: what a student is pretrained on. Nobody says that the move is best."""

    fen: str
    move: str
    group: str


def chess_module() -> Any:
    """The package `chess`, which is no requirement of this one.

    Raises:
        MissingError: If it is not installed.
    """
    try:
        import chess
    except ImportError:
        raise needs_extra("chess", "chess") from None
    return chess


def read_puzzles(path: Path) -> list[Puzzle]:
    """Puzzles of a Lichess CSV (`.csv`, `.csv.gz`) or of a file made by `w2s chess make` (`.jsonl`), each position once.

    Raises:
        InputError: If a row is no puzzle, with file and line: a column that is missing, a position that does not exist, an illegal move.
        MissingError: If there is no such file, or `chess` is not installed.
    """
    found: dict[str, Puzzle] = {}
    for line, puzzle in _lichess(path) if ".csv" in path.suffixes else _made(path):
        board = _board(path, line, puzzle.fen)
        _move(path, line, board, puzzle.best)
        found.setdefault(puzzle.key, puzzle)
    if not found:
        raise InputError.at(path, None, "holds no puzzles; give Lichess's CSV or the file of `w2s chess make`")
    return list(found.values())


def read_games(path: Path) -> list[GameMove]:
    """Positions and moves of games, as `w2s chess make` writes them.

    Raises:
        InputError: If a row cannot be read or its move is illegal, with file and line.
        MissingError: If there is no such file, or `chess` is not installed.
    """
    found: list[GameMove] = []
    for line, row in _json_lines(path):
        try:
            one = GameMove(str(row["fen"]), str(row["move"]), str(row["game"]))
        except KeyError as error:
            raise InputError.at(path, line, f"has no {error}; a row has fen, move and game") from None
        _move(path, line, _board(path, line, one.fen), one.move)
        found.append(one)
    if not found:
        raise InputError.at(path, None, "holds no moves; make games with `w2s chess make`")
    return found


def strata(difficulties: Sequence[float]) -> list[str]:
    """`easy`, `medium` or `hard` for each puzzle: below the first tercile of all, up to the second, above it."""
    low, high = np.quantile(np.asarray(difficulties, dtype=float), [1 / 3, 2 / 3])
    return ["easy" if d <= low else "medium" if d <= high else "hard" for d in difficulties]


def _lichess(path: Path) -> Iterator[tuple[int, Puzzle]]:
    reader = csv.DictReader(io.StringIO(_text(path), newline=""))
    missing = [name for name in _LICHESS if name not in (reader.fieldnames or ())]
    if missing:
        raise InputError.at(
            path, 1, f"has no column {', '.join(missing)}; Lichess's puzzles have {', '.join(_LICHESS)}"
        )
    for row in reader:
        line, moves = reader.line_num, (row["Moves"] or "").split()
        if len(moves) < 2:
            raise InputError.at(path, line, "`Moves` needs the opponent's move and the answer")
        try:
            rating = float(row["Rating"])
        except (TypeError, ValueError):
            raise InputError.at(path, line, f"{row['Rating']!r} is no rating") from None
        board = _board(path, line, row["FEN"] or "")
        board.push(_move(path, line, board, moves[0]))
        game = (row.get("GameUrl") or "").partition("#")[0].removesuffix("/black")
        yield line, Puzzle(board.fen(), moves[1], rating, game or board.fen())


def _made(path: Path) -> Iterator[tuple[int, Puzzle]]:
    for line, row in _json_lines(path):
        try:
            yield line, Puzzle(str(row["fen"]), str(row["best"]), float(row["depth"]), str(row["game"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError.at(path, line, f"is no puzzle ({error}); a row has fen, best, depth and game") from None


def _json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(_text(path).split("\n"), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise InputError.at(path, number, f"not JSON ({error})") from None
            if not isinstance(row, dict):
                raise InputError.at(path, number, "not a JSON object; one object a line is expected")
            yield number, row


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
        return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    except FileNotFoundError:
        raise MissingError(f"There is no file {path}. Give Lichess's CSV or the file of `w2s chess make`.") from None
    except (UnicodeDecodeError, OSError, EOFError, zlib.error) as error:
        raise InputError.at(path, None, f"cannot be read ({error})") from None


def _board(path: Path, line: int, fen: str) -> chess.Board:
    try:
        board = chess_module().Board(fen)
    except ValueError as error:
        raise InputError.at(path, line, f"is no position ({error})") from None
    if not board.is_valid():
        raise InputError.at(path, line, "is a position that cannot occur in a game")
    return board


def _move(path: Path, line: int, board: chess.Board, uci: str) -> chess.Move:
    try:
        return board.parse_uci(uci)
    except ValueError:
        raise InputError.at(path, line, f"{uci!r} is not legal in {board.fen()}") from None
