"""`precepts w2s chess`: puzzles made with an engine, and weak-to-strong on them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from precepts.cli.numbers import grid, show
from precepts.cli.w2s_cells import cell
from precepts.runs import Run, to_json

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help="Chess puzzles, read as text: make them with an engine, and run weak-to-strong on them or on Lichess's.",
)  # fmt: skip
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command("make")
def make(
    out: Annotated[Path, typer.Option(help="The run directory: puzzles.jsonl and games.jsonl.")],
    puzzles: Annotated[int, typer.Option(min=1, help="At least how many puzzles.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Of openings and blunders; other seeds give other games.")] = 0,
    engine: Annotated[str | None, typer.Option(help="A UCI engine; without it Stockfish, if it is installed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Plays an engine against itself and keeps the positions whose best move is unique and confirmed."""
    from precepts.pipelines.w2s_chess import make_chess

    found, moves = make_chess(Run(out), puzzles=puzzles, seed=seed, engine=engine)
    if as_json:
        print(to_json({"v": 1, "run": str(out), "puzzles": found, "moves": moves}, indent=1))
        return
    print(f"{found} puzzles: {out / 'puzzles.jsonl'}")
    print(f"{moves} moves of games: {out / 'games.jsonl'}")


@app.command("run")
def run(
    puzzles: Annotated[Path, typer.Argument(help="Lichess's CSV (also .csv.gz), or puzzles.jsonl of `make`.")],
    games: Annotated[Path, typer.Option(help="games.jsonl of `make`: what both readers are pretrained on.")],
    out: Annotated[Path, typer.Option(help="The run directory.")],
    method: Annotated[list[str] | None, typer.Option(help="naive, soft, logconf, anchored, product or shift; again for more; else all.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 3,
    rows: Annotated[int, typer.Option(min=0, help="At most how many puzzles; 0 for all.")] = 0,
    moves: Annotated[int, typer.Option(min=1, help="At most how many moves of games to pretrain on.")] = 50_000,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """A small reader supervises a larger one; PGR and the gain over zero-shot. Run again, it goes on where it stopped."""
    from precepts.pipelines.w2s_chess import ChessConfig, run_chess
    from precepts.w2s.chess_experiment import CHESS_METHODS

    config = ChessConfig(
        puzzles=str(puzzles), games=str(games), methods=tuple(dict.fromkeys(method or CHESS_METHODS)), seeds=seeds,
        rows=rows or None, moves=moves,
    )  # fmt: skip
    found = run_chess(Run(out), config)
    if as_json:
        print(to_json({"v": 1, "run": str(out), "evidence": found}, indent=1))
        return
    overall = {(e.slice["arm"], e.claim.removeprefix("w2s/")): e for e in found if len(e.slice) == 2}

    def build(between: str) -> Table:
        columns = ("", "best move", "legal", "above zero-shot", "PGR")
        table = grid("chess (95 % intervals over seeds and puzzles)", columns)
        for arm in dict.fromkeys(arm for arm, _ in overall):
            claims = ("accuracy", "legality", "gain_over_zero_shot", "pgr")
            table.add_row(arm, *(cell(overall.get((arm, claim)), between) for claim in claims))
        return table

    show(build)
    print(f"page:     {out / 'chess.html'}")
    print(f"evidence: {out / 'evidence.jsonl'}")
