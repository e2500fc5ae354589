"""A student that reads a chess position as text and writes a move: characters in, the move's two squares out.

The text has 69 characters: the 64 squares from a1 to h8 in the letters of FEN (`.` for an empty one), the four castling rights and the file
of a pawn that may be taken in passing, seen from the side to move (for Black the board is mirrored). A small transformer reads it; the
state at the square that a move leaves and the state at the square that it reaches give the move's score, over all 4,096 pairs of squares.
Nothing masks illegal moves: whether a student plays legally is measured, not granted. A promotion is to a queen.

Shapes: N positions, B of a batch, T characters, M = 4,096 moves, D width.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from precepts.models.memory import keep_freed_memory
from precepts.runs import write_atomic
from precepts.types import Frozen
from precepts.w2s.decoders import half
from precepts.w2s.puzzles import chess_module

if TYPE_CHECKING:
    import chess

NUM_MOVES = 64 * 64
_ALPHABET = ".PNBRQKpnbrqk-abcdefgh"
_LENGTH = 69
_SAVED_EVERY = 500
"""Steps after which training that may go on later is kept."""

BatchLoss = Callable[[Tensor, Tensor, float], Tensor]
"""Of logits and targets, both (B, M), and the share of training done."""


class Tick(Protocol):
    """Told of rows that were trained on, as `progress.Bar.advance`; `replayed` rows were done by an earlier try."""

    def __call__(self, count: int, *, replayed: bool = False) -> object:
        """Called as work is done."""
        ...


class Size(Frozen):
    """Of a reader: width D, layers, and attention heads."""

    width: int = 96
    layers: int = 2
    heads: int = 4


class Fitting(Frozen):
    """How a reader is trained; epochs and batch as Burns et al. 2023 (chess), as recalled."""

    epochs: int = 5
    batch_size: int = 32
    learning_rate: float = 3e-4
    weight_decay: float = 0.01


class Positions(NamedTuple):
    """Texts as numbers of the alphabet, shape (N, T), the right move of each, shape (N,), and the legal moves of each, if they were asked for."""

    text_NT: Tensor
    best_N: Tensor
    legal: list[frozenset[int]]


def position_text(board: chess.Board) -> str:
    """The position from the side to move, 69 characters."""
    seen = board if board.turn else board.mirror()
    pieces = seen.piece_map()
    squares = "".join(pieces[square].symbol() if square in pieces else "." for square in range(64))
    flags = seen.castling_xfen()
    castling = "".join(flag if flag in flags else "-" for flag in "KQkq")
    return squares + castling + ("-" if seen.ep_square is None else "abcdefgh"[seen.ep_square % 8])


def move_number(move: chess.Move, board: chess.Board) -> int:
    """A move's place among the 4,096, from the side to move."""
    turned = 0 if board.turn else 56
    return (move.from_square ^ turned) * 64 + (move.to_square ^ turned)


def encode(fens: Sequence[str], moves: Sequence[str], *, with_legal: bool = True) -> Positions:
    """Positions and their moves, all of which were read before (`puzzles`); to find the legal moves takes most of the time."""
    chess = chess_module()
    texts: list[list[int]] = []
    best: list[int] = []
    legal: list[frozenset[int]] = []
    for fen, uci in zip(fens, moves, strict=True):
        board = chess.Board(fen)
        texts.append([_ALPHABET.index(character) for character in position_text(board)])
        best.append(move_number(chess.Move.from_uci(uci), board))
        if with_legal:
            legal.append(frozenset(move_number(move, board) for move in board.legal_moves))
    return Positions(torch.tensor(texts, dtype=torch.uint8).reshape(-1, _LENGTH), torch.tensor(best), legal)


class Reader(nn.Module):
    """Reads position texts; `forward` gives the score of every move, shape (B, M), float32."""

    def __init__(self, size: Size, *, seed: int) -> None:
        """A reader with random weights drawn by the seed."""
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.size = size
            self.letters = nn.Embedding(len(_ALPHABET), size.width)
            self.places = nn.Parameter(0.1 * torch.randn(_LENGTH, size.width))
            layer = nn.TransformerEncoderLayer(
                size.width, size.heads, 4 * size.width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
            )  # fmt: skip
            self.layers = nn.TransformerEncoder(layer, size.layers, enable_nested_tensor=False)
            self.norm = nn.LayerNorm(size.width)
            self.leaves = nn.Linear(size.width, size.width)
            self.reaches = nn.Linear(size.width, size.width)

    def forward(self, text_BT: Tensor) -> Tensor:
        """The score of every move."""
        with half(text_BT.device):
            states_BTD = self.norm(self.layers(self.letters(text_BT.long()) + self.places))[:, :64]
            from_BSD, to_BSD = self.leaves(states_BTD), self.reaches(states_BTD)
        return (from_BSD.float() @ to_BSD.float().transpose(1, 2) / self.size.width**0.5).flatten(1)


def fit(
    reader: Reader, text_NT: Tensor, targets: Tensor, *, loss: BatchLoss, settings: Fitting, seed: int,
    tick: Tick | None = None, half_way: Path | None = None,
) -> Reader:  # fmt: skip
    """Trains the reader in place with AdamW and a cosine schedule and gives it back.

    Args:
        reader: From random or trained weights.
        text_NT: Positions.
        targets: The move of each, shape (N,), or probabilities of moves, shape (N, M).
        loss: Of a batch.
        settings: Of the optimiser.
        seed: Draws the order of rows.
        tick: Called with the rows of every step that is done, and once with those of all steps that an earlier try did.
        half_way: A file to which all that training goes on from is written now and then; where there is one, it goes on from there.
    """
    keep_freed_memory()
    batch = min(settings.batch_size, len(text_NT))
    steps = len(text_NT) // batch
    total = steps * settings.epochs
    optimizer = torch.optim.AdamW(reader.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=total)
    draw = np.random.default_rng([seed, 31])
    reader.train()
    parts = {"reader": reader, "optimizer": optimizer, "schedule": schedule}
    done = _gone_on(half_way, parts)
    if tick is not None and done:
        tick(done * batch, replayed=True)
    for epoch in range(settings.epochs):
        order = torch.from_numpy(draw.permutation(len(text_NT)))
        for step in range(max(0, done - epoch * steps), steps):
            rows = order[step * batch : (step + 1) * batch]
            given = targets[rows]
            wanted = given if given.dim() == 2 else nn.functional.one_hot(given, NUM_MOVES).float()
            found = loss(reader(text_NT[rows]), wanted, (epoch * steps + step) / total)
            optimizer.zero_grad()
            found.backward()
            nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            if tick is not None:
                tick(len(rows))
            if half_way is not None and (epoch * steps + step + 1) % _SAVED_EVERY == 0:
                _keep(half_way, parts, epoch * steps + step + 1)
    return reader.eval()


def _keep(path: Path, parts: dict[str, Any], done: int) -> None:
    held = io.BytesIO()
    torch.save({"done": done, **{name: part.state_dict() for name, part in parts.items()}}, held)
    write_atomic(path, held.getvalue())


def _gone_on(path: Path | None, parts: dict[str, Any]) -> int:
    """How many steps were done before; the parts are set to what they were then."""
    if path is None or not path.exists():
        return 0
    held = torch.load(path, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(held[name])
    return int(held["done"])


@torch.no_grad()
def probabilities(reader: Reader, text_NT: Tensor, *, batch_size: int = 256) -> Tensor:
    """Of every move in every position, shape (N, M)."""
    parts = [
        reader(text_NT[at : at + batch_size]).softmax(-1) for at in range(0, len(text_NT), batch_size)
    ]  # fmt: skip
    return torch.cat(parts) if parts else torch.zeros((0, NUM_MOVES))
