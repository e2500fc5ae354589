"""A student that reads a chess position as text and writes a move: characters in, the move's two squares out.

The text has 69 characters: the 64 squares from a1 to h8 in the letters of FEN (`.` for an empty one), the four castling rights and the file
of a pawn that may be taken in passing, seen from the side to move (for Black the board is mirrored). A small transformer reads it; the
state at the square that a move leaves and the state at the square that it reaches give the move's score, over all 4,096 pairs of squares.
Nothing masks illegal moves: whether a student plays legally is measured, not granted. A promotion is to a queen.

Shapes: N positions, B of a batch, T characters, M = 4,096 moves, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from precepts.types import Frozen
from precepts.w2s.puzzles import chess_module

if TYPE_CHECKING:
    import chess

NUM_MOVES = 64 * 64
_ALPHABET = ".PNBRQKpnbrqk-abcdefgh"
_LENGTH = 69

BatchLoss = Callable[[Tensor, Tensor, float], Tensor]
"""Of logits and targets, both (B, M), and the share of training done."""


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
    """Texts as numbers of the alphabet, shape (N, T), the right move of each, shape (N,), and the legal moves of each."""

    text_NT: Tensor
    best_N: Tensor
    legal: list[frozenset[int]]


def position_text(board: chess.Board) -> str:
    """The position from the side to move, 69 characters."""
    seen = board if board.turn else board.mirror()
    squares = "".join(str(seen.piece_at(square) or ".") for square in range(64))
    flags = str(seen.fen()).split()[2]
    castling = "".join(flag if flag in flags else "-" for flag in "KQkq")
    return squares + castling + ("-" if seen.ep_square is None else "abcdefgh"[seen.ep_square % 8])


def move_number(move: chess.Move, board: chess.Board) -> int:
    """A move's place among the 4,096, from the side to move."""
    turned = 0 if board.turn else 56
    return (move.from_square ^ turned) * 64 + (move.to_square ^ turned)


def encode(fens: Sequence[str], moves: Sequence[str]) -> Positions:
    """Positions and their moves, all of which were read before (`puzzles`)."""
    chess = chess_module()
    texts: list[list[int]] = []
    best: list[int] = []
    legal: list[frozenset[int]] = []
    for fen, uci in zip(fens, moves, strict=True):
        board = chess.Board(fen)
        texts.append([_ALPHABET.index(character) for character in position_text(board)])
        best.append(move_number(chess.Move.from_uci(uci), board))
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
        states_BTD = self.norm(self.layers(self.letters(text_BT.long()) + self.places))[:, :64]
        from_BSD, to_BSD = self.leaves(states_BTD), self.reaches(states_BTD)
        return (from_BSD @ to_BSD.transpose(1, 2) / self.size.width**0.5).flatten(1)


def fit(
    reader: Reader, text_NT: Tensor, targets: Tensor, *, loss: BatchLoss, settings: Fitting, seed: int,
    tick: Callable[[int], Any] | None = None,
) -> Reader:  # fmt: skip
    """Trains the reader in place with AdamW and a cosine schedule and gives it back.

    Args:
        reader: From random or trained weights.
        text_NT: Positions.
        targets: The move of each, shape (N,), or probabilities of moves, shape (N, M).
        loss: Of a batch.
        settings: Of the optimiser.
        seed: Draws the order of rows.
        tick: Called with the rows of every step that is done.
    """
    batch = min(settings.batch_size, len(text_NT))
    steps = len(text_NT) // batch
    total = steps * settings.epochs
    optimizer = torch.optim.AdamW(reader.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=total)
    draw = np.random.default_rng([seed, 31])
    reader.train()
    for epoch in range(settings.epochs):
        order = torch.from_numpy(draw.permutation(len(text_NT)))
        for step in range(steps):
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
    return reader.eval()


@torch.no_grad()
def probabilities(reader: Reader, text_NT: Tensor, *, batch_size: int = 256) -> Tensor:
    """Of every move in every position, shape (N, M)."""
    parts = [
        reader(text_NT[at : at + batch_size]).softmax(-1) for at in range(0, len(text_NT), batch_size)
    ]  # fmt: skip
    return torch.cat(parts) if parts else torch.zeros((0, NUM_MOVES))
