"""`precepts w2s chess`: puzzles made with an engine, and weak-to-strong on puzzles that students read as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field
from safetensors.torch import load_file, save

from precepts.data import cache
from precepts.errors import InputError
from precepts.pipelines.w2s import plan_taken_back
from precepts.pipelines.w2s_chess_page import write_chess_page
from precepts.pipelines.w2s_evidence import Scores
from precepts.progress import progress
from precepts.runs import Run, command_line, file_digest, write_atomic
from precepts.types import Evidence, Frozen, content_key
from precepts.w2s.chess_experiment import (
    CEILING,
    CHESS_METHODS,
    EASY,
    ZERO_SHOT,
    ChessSplit,
    chess_pool,
    chess_seed,
    chess_split,
    enough_easy,
    plain,
)  # fmt: skip
from precepts.w2s.chess_model import Fitting, Positions, Reader, Size, encode, fit
from precepts.w2s.engine_puzzles import PuzzleSettings, engine_path, make_puzzles
from precepts.w2s.puzzles import GameMove, Puzzle, read_games, read_puzzles, strata

_VERSION = 1
"""Of how readers are pretrained; one more whenever the same games would give another reader."""


class ChessConfig(Frozen):
    """What one run compares. `moves` is how many moves of games readers are pretrained on."""

    puzzles: str
    games: str
    methods: tuple[str, ...] = tuple(CHESS_METHODS)
    seeds: int = Field(default=3, ge=1)
    rows: int | None = None
    moves: int = Field(default=50_000, ge=1)
    margin: float = Field(default=0.02, gt=0)
    weak: Size = Size(width=32, layers=1)
    strong: Size = Size()
    pretraining: Fitting = Fitting(epochs=3, batch_size=128, learning_rate=1e-3)
    fitting: Fitting = Fitting()


def make_chess(
    run: Run, *, puzzles: int, seed: int, engine: str | None, settings: PuzzleSettings | None = None
) -> tuple[int, int]:
    """Makes puzzles and games with the engine and says how many of each; a run that was stopped goes on from the game it was in.

    Raises:
        PreceptsError: If there is no engine or `chess` is not installed.
    """
    path = engine_path(engine)
    chosen = settings or PuzzleSettings()
    with run.locked():
        named = {} if engine is None else {"engine": engine}
        run.begin({
            "command": "w2s chess make", "puzzles": puzzles, "seed": seed, "settings": chosen.model_dump(), **named
        })  # fmt: skip
        if run.finished:
            return len(run.rows("puzzles")), len(run.rows("games"))
        start, before = _made_so_far(run)
        with plan_taken_back(run), progress("puzzles", puzzles, unit="puzzles") as bar:
            bar.advance(len(before))
            for made in make_puzzles(path, puzzles=puzzles, seed=seed, settings=chosen, start=start, before=before):
                run.append(
                    "puzzles",
                    [{"fen": p.fen, "best": p.best, "depth": p.difficulty, "game": p.group} for p in made.puzzles],
                )
                run.append("games", [{"fen": m.fen, "move": m.move, "game": m.group} for m in made.moves])
                bar.advance(len(made.puzzles))
        run.finish(command=command_line(), engine=Path(path).name)
    return len(run.rows("puzzles")), len(run.rows("games"))


def _made_so_far(run: Run) -> tuple[int, list[Puzzle]]:
    """The number of the game to go on with and the puzzles of those before it; the last game, which a kill may have cut, is played again."""
    there = {name: run.rows(name) for name in ("puzzles", "games")}
    start = max((_number(row["game"]) for row in there["games"]), default=0)
    kept = {name: [row for row in rows if _number(row["game"]) < start] for name, rows in there.items()}
    for name, rows in kept.items():
        if run.table(name).exists():
            run.write(name, rows)
    return start, [Puzzle(row["fen"], row["best"], row["depth"], row["game"]) for row in kept["puzzles"]]


def _number(game: str) -> int:
    return int(game.rpartition("-")[2])


def run_chess(run: Run, config: ChessConfig) -> list[Evidence]:
    """Pretrains both readers once, then seed by seed supervisor, students and ceiling; a run that was stopped goes on at its seed.

    Raises:
        InputError: If a puzzle or game cannot be read, there are too few, or a method is unknown.
        MissingError: If `chess` or a file is missing.
    """
    for name in config.methods:
        if name not in CHESS_METHODS:
            raise InputError(f"There is no chess method {name!r:.80}; methods are: {', '.join(CHESS_METHODS)}.")
    puzzles, test, rest = chess_pool(read_puzzles(Path(config.puzzles), rows=config.rows), rows=config.rows)
    games = unseen(read_games(Path(config.games)), puzzles, [puzzles[i] for i in test])[: config.moves]
    if not games:
        raise InputError(f"{config.games}: every game holds a test puzzle. Give more games.")
    files = {name: file_digest(Path(getattr(config, name))) for name in ("puzzles", "games")}
    with run.locked():
        run.begin({"command": "w2s chess run", "config": config.model_dump(mode="json"), "files": files})
        positions = encode([p.fen for p in puzzles], [p.best for p in puzzles])
        weak, strong = (
            _pretrained(name, size, games, config) for name, size in (("weak", config.weak), ("strong", config.strong))
        )
        kinds = strata([p.difficulty for p in puzzles])
        stage = run.stage("chess")
        parts = [chess_split(puzzles, rest, seed=seed) for seed in range(config.seeds)]
        easy = enough_easy(parts, kinds)
        for seed, part in enumerate(parts):
            _seed(stage.stage(f"seed-{seed}"), seed, part, weak, strong, positions, puzzles, test, kinds, config, easy)
        stage.write(
            "scores", (row for seed in range(config.seeds) for row in stage.stage(f"seed-{seed}").rows("scores"))
        )
        evidence = measure_chess(run, stage, config)
        run.write("evidence", evidence)
        weights = [sum(weight.numel() for weight in reader.parameters()) for reader in (weak, strong)]
        write_chess_page(
            run, config.model_dump(), evidence, moves=len(games), tested=len(test), sizes=(weights[0], weights[1])
        )
        run.finish(
            command=command_line(), rows={"test": len(test), "trained on": len(rest), "moves of games": len(games)}
        )
    return evidence


def unseen(games: Sequence[GameMove], puzzles: Sequence[Puzzle], tested: Sequence[Puzzle]) -> list[GameMove]:
    """Moves that may be pretrained on: no position of a puzzle, and nothing from the game of a tested puzzle."""
    keys, groups = {p.key for p in puzzles}, {p.group for p in tested}
    return [m for m in games if m.group not in groups and Puzzle(m.fen, m.move, 0.0, m.group).key not in keys]


def measure_chess(run: Run, stage: Run, config: ChessConfig) -> list[Evidence]:
    """Accuracy, legality, PGR and gain over zero-shot by arm, and accuracy by stratum, each from the scores alone."""
    scores = Scores(run, stage, slice_={"task": "chess"}, model=f"reader-{config.strong.width}x{config.strong.layers}")
    arms = list(scores.rows[0]["correct"])
    gap = {"score_b": "weak", "score_c": "ceiling", "margin": config.margin}
    for arm in arms:
        score = {"score": f"correct.{arm}"}
        scores.add("accuracy", "crossed_mean@1", {"arm": arm}, score)
        scores.add("legality", "crossed_mean@1", {"arm": arm}, {"score": f"legal.{arm}"})
        for kind in sorted({row["stratum"] for row in scores.rows}):
            scores.add("accuracy", "crossed_mean@1", {"arm": arm, "stratum": kind}, score, where={"stratum": kind})
        if arm in ("supervisor", ZERO_SHOT):
            continue
        scores.add(
            "gain_over_zero_shot",
            "crossed_difference@1",
            {"arm": arm},
            {**score, "score_b": "zero_shot"},
            baseline=ZERO_SHOT,
        )
        if arm not in (CEILING, EASY):
            scores.add("pgr", "crossed_pgr@1", {"arm": arm}, {**score, **gap})
            for right, name in ((1, "right"), (0, "wrong")):
                scores.add(
                    "agreement", "crossed_mean@1", {"arm": arm, "supervisor": name}, {"score": f"agrees.{arm}"},
                    where={"weak": right}, better="neither",
                )  # fmt: skip
            if arm != "naive" and "naive" in arms:
                scores.add(
                    "gain_over_naive",
                    "crossed_difference@1",
                    {"arm": arm},
                    {**score, "score_b": "correct.naive"},
                    baseline="naive",
                )
    scores.add("gap", "crossed_difference@1", {"arm": CEILING}, {"score": "ceiling", "score_b": "weak"})
    return scores.found


def _pretrained(name: str, size: Size, games: Sequence[GameMove], config: ChessConfig) -> Reader:
    """A reader that has read the games, trained once for these games, this size and these settings; training goes on where it was stopped."""
    reader = Reader(size, seed=0)
    read = [(m.fen, m.move) for m in games]
    key = content_key(_VERSION, size.model_dump(), config.pretraining.model_dump(), read)
    path = cache() / "w2s-readers" / f"{key}.safetensors"
    if path.exists():
        reader.load_state_dict(load_file(path))
        return reader.eval()
    half_way = path.with_suffix(".half")
    positions = encode([fen for fen, _ in read], [move for _, move in read], with_legal=False)
    with progress(f"pretraining {name}", len(games) * config.pretraining.epochs, unit="moves") as bar:
        fit(
            reader, positions.text_NT, positions.best_N, loss=plain, settings=config.pretraining, seed=0, tick=bar.advance, half_way=half_way,
        )  # fmt: skip
    write_atomic(path, save({key: value.contiguous() for key, value in reader.state_dict().items()}))
    half_way.unlink(missing_ok=True)
    return reader


def _seed(
    stage: Run, seed: int, part: ChessSplit, weak: Reader, strong: Reader, positions: Positions, puzzles: Sequence[Puzzle],
    test: Sequence[int], kinds: Sequence[str], config: ChessConfig, easy_to_hard: bool,
) -> None:  # fmt: skip
    if stage.table("scores").exists():
        return
    total = config.fitting.epochs * (len(part.supervisor) + (2 + len(config.methods)) * len(part.student))
    with progress(f"seed {seed}", total, unit="positions") as bar:
        rows = chess_seed(
            weak, strong, positions, puzzles, part, test, config.methods, settings=config.fitting, seed=seed, strata=kinds,
            easy_to_hard=easy_to_hard, tick=bar.advance,
        )  # fmt: skip
    stage.write("scores", rows)
