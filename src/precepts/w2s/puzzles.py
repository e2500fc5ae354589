"""Chess puzzles: a position, its best move and how hard it is, read from Lichess's CSV or from puzzles made here.

Lichess gives the position *before* the opponent's move; the first of its moves is the opponent's, the second is the answer (the puzzle
database is CC0). Burns et al. 2023, section 4.1: the target is the first move of the solution alone, and only that move is right.
"""

from __future__ import annotations

import csv
import gzip
import heapq
import json
import zlib
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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


def read_puzzles(path: Path, *, rows: int | None = None) -> list[Puzzle]:
    """Puzzles of a Lichess CSV (`.csv`, `.csv.gz`) or of a file made by `w2s chess make` (`.jsonl`), each position once.

    Args:
        path: The file; it is read line by line, so Lichess's whole database fits.
        rows: At most so many, of games drawn by their names; the others are not looked into.

    Raises:
        InputError: If a row is no puzzle, with file and line: a column that is missing, a position that does not exist, an illegal move.
        MissingError: If there is no such file, or `chess` is not installed.
    """
    found: dict[str, Puzzle] = {}
    lichess = ".csv" in path.suffixes
    raw = _csv_lines(path) if lichess else _json_lines(path)
    if rows is not None:
        raw = heapq.nsmallest(
            rows, raw, key=lambda one: content_key(_game_of(one[1]) if lichess else one[1].get("game"))
        )
    for line, row in raw:
        puzzle = _lichess(path, line, row) if lichess else _made(path, line, row)
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


def _csv_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with _opened(path) as lines:
        reader = csv.DictReader(lines)
        missing = [name for name in _LICHESS if name not in (reader.fieldnames or ())]
        if missing:
            raise InputError.at(
                path, 1, f"has no column {', '.join(missing)}; Lichess's puzzles have {', '.join(_LICHESS)}"
            )
        for row in reader:
            yield reader.line_num, row


def _game_of(row: Mapping[str, Any]) -> str:
    return (row.get("GameUrl") or "").partition("#")[0].removesuffix("/black") or str(row["FEN"])


def _lichess(path: Path, line: int, row: Mapping[str, Any]) -> Puzzle:
    moves = (row["Moves"] or "").split()
    if len(moves) < 2:
        raise InputError.at(path, line, "`Moves` needs the opponent's move and the answer")
    try:
        rating = float(row["Rating"])
    except (TypeError, ValueError):
        raise InputError.at(path, line, f"{row['Rating']!r} is no rating") from None
    board = _board(path, line, row["FEN"] or "")
    board.push(_move(path, line, board, moves[0]))
    return Puzzle(board.fen(), moves[1], rating, _game_of(row))


def _made(path: Path, line: int, row: Mapping[str, Any]) -> Puzzle:
    try:
        return Puzzle(str(row["fen"]), str(row["best"]), float(row["depth"]), str(row["game"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError.at(path, line, f"is no puzzle ({error}); a row has fen, best, depth and game") from None


def _json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with _opened(path) as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise InputError.at(path, number, f"not JSON ({error})") from None
                if not isinstance(row, dict):
                    raise InputError.at(path, number, "not a JSON object; one object a line is expected")
                yield number, row


@contextmanager
def _opened(path: Path) -> Generator[Iterable[str]]:
    if path.suffix == ".zst":
        raise InputError.at(path, None, f"is compressed by zstd. Decompress it first: zstd -d {path.name}")
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="") as lines:
            yield lines
    except FileNotFoundError:
        raise MissingError(f"There is no file {path}. Give Lichess's CSV or the file of `w2s chess make`.") from None
    except (UnicodeDecodeError, OSError, EOFError, zlib.error, csv.Error) as error:
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
