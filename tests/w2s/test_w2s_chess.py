"""Chess: Lichess's convention, what is refused, positions as text, made puzzles, and the command on planted games."""

from __future__ import annotations

import gzip
import json
import random
import stat
import sys
from pathlib import Path

import pytest

from precepts.errors import InputError, MissingError

pytest.importorskip("chess")
pytest.importorskip("torch")

import chess
import chess.engine
import torch

from precepts.w2s.chess_experiment import ChessSplit, chess_pool, chess_split, enough_easy
from precepts.w2s.chess_model import Fitting, Reader, Size, encode, fit, move_number, position_text, probabilities
from precepts.w2s.engine_puzzles import PuzzleSettings, engine_path, is_single, make_puzzles, search
from precepts.w2s.losses import confidence, naive
from precepts.w2s.puzzles import Puzzle, read_games, read_puzzles, strata

HEADER = "PuzzleId,FEN,Moves,Rating,GameUrl\n"
FEN = "r5k1/pp3p1p/2b2qp1/3pr3/8/4P2P/R1PN1PP1/Q3K2R w K - 0 19"
ROW = f"a,{FEN},a2a7 e5e3 f2e3,1493,https://lichess.org/SLbfzQtP#36\n"


def played(num_games, seed=0, plies=30):
    """Random games: positions, and a move of each that a rule chooses (the first in the alphabet)."""
    rng = random.Random(seed)
    for number in range(num_games):
        board = chess.Board()
        for _ in range(plies):
            if board.is_game_over():
                break
            best = min(move.uci()[:4] for move in board.legal_moves)
            yield {
                "fen": board.fen(),
                "move": best,
                "best": best,
                "depth": rng.randint(1, 9),
                "game": f"g{seed}-{number}",
            }
            board.push(rng.choice(list(board.legal_moves)))


def as_program(path, *changes):
    """The engine of this folder as a program, its text changed."""
    text = Path(__file__).with_name("material_engine.py").read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path.with_suffix(".py").write_text(text)
    path.write_text(f"#!/bin/sh\nexec {sys.executable} {path.with_suffix('.py')}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.fixture
def engine(tmp_path) -> str:
    """The engine of this folder as a program."""
    return as_program(tmp_path / "engine")


def test_the_answer_is_the_second_move_after_the_opponents(tmp_path):
    for path in (tmp_path / "p.csv", tmp_path / "p.csv.gz"):
        path.write_bytes(gzip.compress((HEADER + ROW).encode()) if path.suffix == ".gz" else (HEADER + ROW).encode())
        (puzzle,) = read_puzzles(path)
        board = chess.Board(FEN)
        board.push_uci("a2a7")
        assert puzzle.fen == board.fen()
        assert (puzzle.best, puzzle.difficulty, puzzle.group) == ("e5e3", 1493.0, "https://lichess.org/SLbfzQtP")


def test_the_public_sample_reads_whole(public_data):
    puzzles = read_puzzles(public_data / "lichess_puzzles" / "lichess_puzzles_sample.csv.gz")
    assert len(puzzles) > 2_400
    assert all(chess.Board(p.fen).is_legal(chess.Move.from_uci(p.best)) for p in puzzles)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("p.csv", "FEN,Moves\n", "has no column Rating"),
        ("p.csv", HEADER, "holds no puzzles"),
        ("p.csv", HEADER + ROW.replace("a2a7", "a2a9"), r"p.csv:2: 'a2a9' is not legal"),
        ("p.csv", HEADER + ROW.replace("1493", "hard"), r"p.csv:2: 'hard' is no rating"),
        ("p.csv", HEADER + ROW.replace("a2a7 e5e3 f2e3", "a2a7"), r"p.csv:2: `Moves` needs"),
        ("p.csv", HEADER + ROW.replace("r5k1", "r5z1"), r"p.csv:2: is no position"),
        ("p.jsonl", '{"fen": "8/8/8/8/8/8/8/8 w - - 0 1", "best": "a1a2", "depth": 1, "game": "g"}', "cannot occur"),
        ("p.jsonl", '{"fen": "x"}', r"p.jsonl:1: is no puzzle"),
        ("p.jsonl", "[1]", r"p.jsonl:1: not a JSON object"),
        ("p.jsonl", "{", r"p.jsonl:1: not JSON"),
        ("p.csv.zst", "(", r"p.csv.zst: is compressed by zstd. Decompress it first: zstd -d p.csv.zst"),
    ],
)
def test_a_bad_row_is_one_clear_error(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_puzzles(tmp_path / name)


def test_of_a_long_file_only_the_rows_that_are_used_are_looked_into(tmp_path):
    games = [f"https://lichess.org/{n:08d}#36" for n in range(200)]
    text = HEADER + "".join(
        ROW.replace("https://lichess.org/SLbfzQtP#36", game).replace(" 0 19", f" 0 {n + 19}")
        for n, game in enumerate(games)
    )
    path = tmp_path / "p.csv"
    path.write_text(text)
    assert len(read_puzzles(path)) == 1, "one position"
    (used,) = read_puzzles(path, rows=1)
    broken = text.replace("a2a7", "a2a9")
    at = next(n for n, game in enumerate(games) if used.group in game)
    lines, mended = broken.splitlines(keepends=True), text.splitlines(keepends=True)
    lines[at + 1] = mended[at + 1]
    path.write_text("".join(lines))
    assert read_puzzles(path, rows=1) == [used]
    with pytest.raises(InputError, match="a2a9"):
        read_puzzles(path, rows=2)


def test_missing_files_and_engines_say_what_to_do(tmp_path):
    with pytest.raises(MissingError, match="Lichess"):
        read_puzzles(tmp_path / "none.csv")
    with pytest.raises(MissingError, match="Install one"):
        engine_path(str(tmp_path / "none"))


def test_text_and_moves_are_seen_from_the_side_to_move():
    board = chess.Board()
    assert position_text(board) == "RNBQKBNR" + "P" * 8 + "." * 32 + "p" * 8 + "rnbqkbnr" + "KQkq-"
    assert move_number(chess.Move.from_uci("e2e4"), board) == chess.E2 * 64 + chess.E4
    mirrored = board.mirror()
    assert position_text(mirrored) == position_text(board)
    assert move_number(chess.Move.from_uci("e7e5"), mirrored) == chess.E2 * 64 + chess.E4
    taking = chess.Board("rnbqkbnr/ppp1pppp/8/8/3pP3/8/PPPP1PPP/RNBQKBNR b KQ e3 0 3")
    assert position_text(taking).endswith("--kqe")


def test_encoded_best_moves_are_legal_and_sets_of_legal_moves_are_whole():
    rows = list(played(3))
    positions = encode([r["fen"] for r in rows], [r["best"] for r in rows])
    for n, row in enumerate(rows):
        assert int(positions.best_N[n]) in positions.legal[n]
        moves = {m.uci()[:4] for m in chess.Board(row["fen"]).legal_moves}
        assert len(positions.legal[n]) == len(moves)


def test_a_reader_learns_a_move_that_the_text_tells():
    rows = list(played(12))
    positions = encode([r["fen"] for r in rows], [r["best"] for r in rows])
    reader = Reader(Size(width=32, layers=1, heads=2), seed=0)
    before = float((probabilities(reader, positions.text_NT).argmax(-1) == positions.best_N).float().mean())
    fit(
        reader, positions.text_NT, positions.best_N, loss=lambda logits, wanted, at: naive(logits, wanted, progress=at),
        settings=Fitting(epochs=12, learning_rate=5e-3), seed=0,
    )  # fmt: skip
    after = float((probabilities(reader, positions.text_NT).argmax(-1) == positions.best_N).float().mean())
    assert before < 0.1
    assert after > 0.5


def test_training_that_was_stopped_ends_in_the_same_weights(tmp_path, monkeypatch):
    from precepts.w2s import chess_model

    monkeypatch.setattr(chess_model, "_SAVED_EVERY", 3)
    rows = list(played(12))
    positions = encode([r["fen"] for r in rows], [r["best"] for r in rows])
    steps, before = [], []

    def once(half_way, *, stop=None):
        def tick(done, *, replayed=False):
            steps.append(done)
            before.append(replayed)
            if len(steps) == stop:
                raise KeyboardInterrupt

        steps.clear()
        before.clear()
        return fit(
            Reader(Size(width=16, layers=1, heads=2), seed=0), positions.text_NT, positions.best_N,
            loss=lambda logits, wanted, at: naive(logits, wanted, progress=at), settings=Fitting(epochs=3), seed=0, tick=tick,
            half_way=half_way,
        )  # fmt: skip

    whole = once(None).state_dict()
    num_steps = len(steps)
    with pytest.raises(KeyboardInterrupt):
        once(tmp_path / "half", stop=num_steps - 1)
    ended = once(tmp_path / "half").state_dict()
    assert len(steps) < num_steps / 2, "what was done was not done again"
    assert sum(steps) == 32 * num_steps
    assert before == [True, *[False] * (len(steps) - 1)], "what an earlier try did is no part of this one's rate"
    for name, weight in whole.items():
        assert torch.equal(weight, ended[name]), name


def test_without_a_prior_the_guess_is_the_likeliest_class_by_hand():
    logits = torch.tensor([[2.0, 0.0, 0.0], [1.0, 0.0, 0.0]], requires_grad=True)
    weak = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    log = logits.detach().log_softmax(-1)
    by_hand = -(0.5 * log[0, 1] + 0.5 * log[0, 0] + log[1, 0]) / 2
    assert confidence(logits, weak, matched=False).item() == pytest.approx(by_hand.item(), abs=1e-6)


def test_targets_that_hold_on_to_the_student_by_hand():
    from precepts.w2s.chess_experiment import CHESS_METHODS, Guesses

    guesses = Guesses(torch.tensor([[0.6, 0.4]]), torch.tensor([[0.8, 0.2]]), torch.tensor([[0.5, 0.5]]))
    found = {name: method.target(guesses)[0, 1].item() for name, method in CHESS_METHODS.items()}
    assert found["naive"] == found["logconf"] == 0
    assert found["soft"] == pytest.approx(0.4)
    assert found["anchored"] == pytest.approx(0.45)
    assert found["product"] == pytest.approx(0.4), "an even student leaves the supervisor's"
    assert found["shift"] == pytest.approx(2 / (2 + 0.75)), (
        "0.4 / 0.2 against 0.6 / 0.8: the likelier it became, not the likelier it is"
    )
    unmoved = Guesses(guesses.before, guesses.before, torch.tensor([[0.3, 0.7]]))
    assert CHESS_METHODS["shift"].target(unmoved)[0, 1].item() == pytest.approx(0.7), (
        "what learned nothing moves nothing"
    )


class Knows:
    """Stands for a reader: a table of moves, and what it was trained on."""

    def __init__(self, name, answers, trained=()):
        self.name, self.answers, self.trained = name, answers, trained


@pytest.mark.parametrize("easy_to_hard", [False, True])
def test_every_arm_learns_from_what_it_is_named_for_and_is_scored_by_it(monkeypatch, easy_to_hard):
    """What each `fit` was given, and every column of the scores, by hand."""
    from precepts.w2s import chess_experiment
    from precepts.w2s.chess_experiment import CHESS_METHODS, Guesses, chess_seed

    by_text = {position_text(chess.Board(r["fen"])): r for r in played(4)}
    puzzles = [Puzzle(r["fen"], r["best"], r["depth"], r["game"]) for r in [*by_text.values()][:60]]
    positions = encode([p.fen for p in puzzles], [p.best for p in puzzles])
    part, test = ChessSplit(list(range(20)), list(range(20, 40))), range(40, 60)
    kinds = ["easy" if i % 2 else "hard" for i in range(60)]
    fits, place = [], {tuple(text.tolist()): i for i, text in enumerate(positions.text_NT)}

    def moved(i, by):
        return positions.legal[i] and sorted(positions.legal[i])[by % len(positions.legal[i])]

    def noted(reader, text, targets, *, loss, settings, seed, tick=None):
        fits.append((reader.name, [place[tuple(t.tolist())] for t in text], targets, loss))
        return Knows(f"{reader.name}+{len(fits)}", reader.answers + len(fits), (*reader.trained, len(fits)))

    def said(reader, text):
        found = torch.full((len(text), 4096), 1e-4)
        for n, t in enumerate(text):
            i = place[tuple(t.tolist())]
            found[n, moved(i, reader.answers) if i % 5 else 4095] = 0.9
        return found / found.sum(-1, keepdim=True)

    monkeypatch.setattr(chess_experiment, "fit", noted)
    monkeypatch.setattr(chess_experiment, "probabilities", said)
    weak, strong, text = Knows("weak", 1), Knows("strong", 2), positions.text_NT
    scores = chess_seed(
        weak, strong, positions, puzzles, part, test, ("naive", "shift"), settings=Fitting(), seed=0, strata=kinds,
        easy_to_hard=easy_to_hard,
    )  # fmt: skip
    names = ["supervisor", "ceiling", "naive", "shift", *["easy-to-hard"] * easy_to_hard]
    supervisor = Knows("weak+1", 2, (1,))
    guesses = Guesses(*(said(reader, text[part.student]) for reader in (supervisor, weak, strong)))
    easy = [i for i in part.student if i % 2]
    wanted = {
        "supervisor": ("weak", part.supervisor, positions.best_N[part.supervisor]),
        "ceiling": ("strong", part.student, positions.best_N[part.student]),
        "naive": ("strong", part.student, CHESS_METHODS["naive"].target(guesses)),
        "shift": ("strong", part.student, CHESS_METHODS["shift"].target(guesses)),
        "easy-to-hard": ("strong", easy, positions.best_N[easy]),
    }
    assert len(fits) == len(names)
    for (reader, at, targets, _), name in zip(fits, names, strict=True):
        assert (reader, at) == wanted[name][:2], name
        assert torch.equal(targets, wanted[name][2]), name
    answers = {name: (1 if name == "supervisor" else 2) + n for n, name in enumerate(names, 1)} | {"zero-shot": 2}
    for row, i in zip(scores, test, strict=True):
        moves = {name: moved(i, by) if i % 5 else 4095 for name, by in answers.items()}
        right = {name: int(move == int(positions.best_N[i])) for name, move in moves.items()}
        assert row["correct"] == right
        assert (row["weak"], row["ceiling"], row["zero_shot"]) == tuple(
            right[n] for n in ("supervisor", "ceiling", "zero-shot")
        )
        assert row["legal"] == {name: int(move in positions.legal[i]) for name, move in moves.items()}
        assert row["agrees"] == {name: int(move == moves["supervisor"]) for name, move in moves.items()}
        assert (row["stratum"], row["row"]) == (kinds[i], i - 40)
    assert {r["legal"]["naive"] for r in scores} == {0, 1}


def test_an_arm_of_easy_puzzles_stands_for_all_seeds_or_for_none():
    kinds = ["easy"] * 20 + ["hard"] * 40
    parts = [ChessSplit(list(range(20, 60)), list(range(20))), ChessSplit(list(range(20)), list(range(20, 60)))]
    assert enough_easy(parts[:1], kinds)
    assert not enough_easy(parts, kinds)


def test_strata_are_terciles():
    assert strata([1, 2, 3, 4, 5, 6]) == ["easy", "easy", "medium", "medium", "hard", "hard"]


def test_parts_share_no_game_and_seeds_differ():
    puzzles = [Puzzle(f"{i}", "e2e4", 1.0, f"g{i // 3}") for i in range(300)]
    chosen, test, rest = chess_pool(puzzles, rows=None)
    parts = [chess_split(chosen, rest, seed=seed) for seed in (0, 1)]
    assert parts[0] != parts[1]
    for part in parts:
        groups = [{chosen[i].group for i in rows} for rows in (test, part.supervisor, part.student)]
        assert not groups[0] & groups[1]
        assert not groups[0] & groups[2]
        assert not groups[1] & groups[2]
        assert sorted([*part.supervisor, *part.student]) == rest
    with pytest.raises(InputError, match="Give more puzzles"):
        chess_pool(puzzles[:30], rows=None)


def test_puzzles_of_one_game_are_refused():
    puzzles = [Puzzle(f"fen {n}", "e2e4", 1.0, "one") for n in range(60)]
    with pytest.raises(InputError, match="of one game"):
        chess_split(puzzles, range(60), seed=0)


def test_made_puzzles_have_one_best_move_and_are_the_same_for_a_seed(engine):
    settings = PuzzleSettings(most_plies=30, plain_share=1.0)
    first, second = (list(make_puzzles(engine, puzzles=5, seed=3, settings=settings)) for _ in range(2))
    assert first == second
    puzzles = [p for made in first for p in made.puzzles]
    assert len(puzzles) >= 5
    for puzzle in puzzles:
        board = chess.Board(puzzle.fen)
        assert chess.Move.from_uci(puzzle.best) in board.legal_moves
        assert board.legal_moves.count() > 1
    assert all(chess.Board(m.fen).is_legal(chess.Move.from_uci(m.move)) for made in first for m in made.moves)


@pytest.mark.parametrize(("winning", "single"), [(400, False), (401, True)])
def test_a_position_with_two_winning_moves_is_no_puzzle(engine, winning, single):
    queen_or_rook = chess.Board("4k3/8/8/3q1r2/4P3/8/8/4K3 w - - 0 1")
    with chess.engine.SimpleEngine.popen_uci(engine) as player:
        choice = search(player, queen_or_rook, nodes=1)
    assert choice is not None
    assert (choice.best, choice.lead, choice.second) == ("e4d5", 400, 400)
    assert is_single(choice, PuzzleSettings(winning=winning)) is single


def test_a_program_that_is_no_engine_is_refused():
    with pytest.raises(InputError, match="UCI engine"):
        next(make_puzzles("/bin/false", puzzles=1, seed=0))


def test_an_engine_with_fewer_options_will_do_but_not_one_that_rates_one_move_or_dies(engine, tmp_path, cli):
    settings = PuzzleSettings(most_plies=30, plain_share=1.0)
    option = '                print("option name {} type spin default 1 min 1 max {}")\n'
    plain = as_program(tmp_path / "plain", (option.format("Hash", 16), ""))
    made = [list(make_puzzles(path, puzzles=2, seed=3, settings=settings)) for path in (engine, plain)]
    assert made[0] == made[1]
    single = as_program(tmp_path / "single", (option.format("MultiPV", 5), ""))
    with pytest.raises(InputError, match="option MultiPV"):
        next(make_puzzles(single, puzzles=2, seed=3, settings=settings))
    dies = as_program(
        tmp_path / "dies",
        ('case ["go"]:', 'case ["go"] if board.fullmove_number > 4:\n                return\n            case ["go"]:'),
    )
    argv = ("w2s", "chess", "make", "--puzzles", "400", "--out", str(tmp_path / "made"), "--engine")
    done = cli(*argv, dies)
    assert (done.code, "stopped answering" in done.err) == (2, True), done.err
    assert "Traceback" not in done.err
    assert cli(*argv[:4], "1", *argv[5:], engine).code == 0, "nothing was half-written, so another engine can begin"


def test_the_engines_puzzles_are_confirmed(tmp_path):
    try:
        path = engine_path()
    except MissingError as error:
        pytest.skip(str(error))
    puzzles = [p for made in make_puzzles(path, puzzles=2, seed=1) for p in made.puzzles]
    with chess.engine.SimpleEngine.popen_uci(path, timeout=300) as player:
        for puzzle in puzzles[:2]:
            board = chess.Board(puzzle.fen)
            assert player.analyse(board, chess.engine.Limit(nodes=30_000))["pv"][0].uci() == puzzle.best


def test_the_command_gives_evidence_that_recomputes_and_goes_on(cli, tmp_path, monkeypatch):
    from precepts.pipelines.w2s_chess import unseen
    from precepts.pipelines.w2s_page import cell
    from precepts.stats import verify
    from precepts.types import Evidence

    monkeypatch.setenv("PRECEPTS_CACHE", str(tmp_path / "cache"))
    puzzles, games = tmp_path / "puzzles.jsonl", tmp_path / "games.jsonl"
    rows = list(played(40, seed=1, plies=24))
    puzzles.write_text("".join(json.dumps(row) + "\n" for row in rows[::6]))
    games.write_text("".join(json.dumps(row) + "\n" for row in [*rows, *played(10, seed=2)]))
    read, tested = read_puzzles(puzzles), chess_pool(read_puzzles(puzzles), rows=None)
    kept = unseen(read_games(games), read, [tested[0][i] for i in tested[1]])
    assert kept
    assert not {m.group for m in kept} & {tested[0][i].group for i in tested[1]}
    assert not {" ".join(m.fen.split()[:4]) for m in kept} & {" ".join(p.fen.split()[:4]) for p in read}
    out = tmp_path / "run"
    argv = [
        "w2s",
        "chess",
        "run",
        str(puzzles),
        "--games",
        str(games),
        "--seeds",
        "2",
        "--moves",
        "300",
        "--out",
        str(out),
    ]
    done = cli(*argv)
    assert done.code == 0, done.err
    evidence = [Evidence.model_validate_json(line) for line in (out / "evidence.jsonl").read_text().splitlines()]
    assert {"w2s/accuracy", "w2s/legality", "w2s/gain_over_zero_shot", "w2s/pgr"} <= {e.claim for e in evidence}
    for row in evidence:
        assert verify(row, root=out) == [], row.claim
    assert {e.slice["stratum"] for e in evidence if "stratum" in e.slice} == {"easy", "medium", "hard"}
    readers = tmp_path / "cache" / "w2s-readers"
    kept = {path.name: path.stat().st_mtime_ns for path in readers.iterdir()}
    assert [Path(name).suffix for name in kept] == [".safetensors"] * 2, "nothing half-way is left"
    fewer = cli(*argv[:-4], "--moves", "200", "--out", str(tmp_path / "fewer"))
    assert fewer.code == 0, fewer.err
    after = {path.name: path.stat().st_mtime_ns for path in readers.iterdir()}
    assert len(after) == 4, "other games never meet a reader of these"
    other = cli(*argv[:-4], "--moves", "300", "--method", "shift", "--out", str(tmp_path / "other"))
    assert other.code == 0, other.err
    assert {path.name: path.stat().st_mtime_ns for path in readers.iterdir()} == after, "these are not read twice"
    assert kept.items() <= after.items()
    page = (out / "chess.html").read_text()
    gain = next(e for e in evidence if e.claim == "w2s/gain_over_zero_shot" and e.slice["arm"] == "logconf")
    assert cell(gain) in page
    assert all(
        text in page
        for text in ("Nothing masks illegal moves", "hard puzzles", "<svg", "agrees where supervisor is wrong")
    )
    (out / "evidence.jsonl").unlink()
    again = cli(*argv, "--json")
    assert again.code == 0, again.err
    assert len(json.loads(again.out)["evidence"]) == len(evidence)


def test_the_command_makes_puzzles(cli, engine, tmp_path):
    out = tmp_path / "made"
    done = cli("w2s", "chess", "make", "--puzzles", "2", "--engine", engine, "--out", str(out))
    assert done.code == 0, done.err
    assert len(read_puzzles(out / "puzzles.jsonl")) >= 2
    assert read_games(out / "games.jsonl")


def test_puzzles_of_two_engines_never_meet_and_what_is_no_engine_leaves_nothing(engine, tmp_path):
    from precepts.pipelines.w2s_chess import make_chess
    from precepts.runs import Run

    run, other = Run(tmp_path / "run"), tmp_path / "other"
    settings = PuzzleSettings(most_plies=12, plain_share=1.0)
    with pytest.raises(InputError, match="UCI engine"):
        make_chess(run, puzzles=2, seed=3, engine="/bin/true", settings=settings)
    make_chess(run, puzzles=2, seed=3, engine=engine, settings=settings)
    other.write_bytes((tmp_path / "engine").read_bytes())
    other.chmod(0o755)
    with pytest.raises(InputError, match="begun with another engine"):
        make_chess(run, puzzles=2, seed=3, engine=str(other), settings=settings)


def test_making_goes_on_from_the_game_where_it_was_stopped(engine, tmp_path, monkeypatch):
    from precepts.pipelines import w2s_chess
    from precepts.runs import Run

    settings = PuzzleSettings(most_plies=12, plain_share=1.0)
    whole = Run(tmp_path / "whole")
    w2s_chess.make_chess(whole, puzzles=10, seed=3, engine=engine, settings=settings)
    number, starts = len({row["game"] for row in whole.rows("games")}), []
    inner = w2s_chess.make_puzzles

    def stopping(*args, **options):
        starts.append(options["start"])
        for place, made in enumerate(inner(*args, **options)):
            if len(starts) == 1 and place == number - 1:
                raise KeyboardInterrupt
            yield made

    monkeypatch.setattr(w2s_chess, "make_puzzles", stopping)
    stopped = Run(tmp_path / "stopped")
    with pytest.raises(KeyboardInterrupt):
        w2s_chess.make_chess(stopped, puzzles=10, seed=3, engine=engine, settings=settings)
    with stopped.table("games").open("a") as file:
        file.write('{"fen": "torn')
    w2s_chess.make_chess(stopped, puzzles=10, seed=3, engine=engine, settings=settings)
    assert number >= 3
    assert starts == [0, number - 2]  # the last game that was written is played again
    for name in ("puzzles", "games"):
        assert stopped.rows(name) == whole.rows(name)
