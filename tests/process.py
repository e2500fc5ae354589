"""The command line in a process of its own, which a test may kill without warning at a named point.

Processes are forked from a server that has everything imported, so that each costs what it does and not what it loads. Judges that need
the embedded model are replaced by ones that need none, unless a test asks for the real ones.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

KILLED = -signal.SIGKILL
PRELOAD = (
    "precepts.cli", "precepts.pipelines.align", "precepts.pipelines.measure", "precepts.cli.tables", "precepts.models.engine",
    "precepts.training.sft", "precepts.training.grpo", "precepts.judges.answer_probe", "trl.trainer.sft_trainer", "trl.trainer.grpo_trainer",
)  # fmt: skip


class Done(NamedTuple):
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


class Changes(NamedTuple):
    """What a command changes under `folder` is counted, each opening for writing, renaming and removal, into the file `count`.

    Before the change of number `die_at` the process is killed. What a kill leaves depends on nothing but the changes made before it.
    """

    folder: Path
    count: Path
    die_at: int | None = None


class Cli:
    """Runs `precepts` commands; see the module."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(PRELOAD))

    def __call__(
        self, *argv: object, kill_at: str | None = None, real_judges: bool = False, planted: bool = False,
        cwd: Path | None = None, changes: Changes | None = None, most_bytes: int | None = None,
    ) -> Done:  # fmt: skip
        self._count += 1
        out, err = (self._folder / f"{self._count}.{name}" for name in ("out", "err"))
        how = _How(kill_at, real_judges, planted, changes, most_bytes)
        env = dict(os.environ)  # as it is now: the server has the one that stood when the first test started it
        child = self._context.Process(
            target=_main, args=([str(a) for a in argv], out, err, cwd or self._folder, env, how)
        )
        child.start()
        child.join()
        assert child.exitcode is not None
        return Done(child.exitcode, out.read_text("utf-8"), err.read_text("utf-8"))


class _How(NamedTuple):
    """What is to happen to a command: see `Cli`. `planted` rewards what anyone can hack."""

    kill_at: str | None
    real_judges: bool
    planted: bool
    changes: Changes | None
    most_bytes: int | None


def _main(argv: list[str], out: Path, err: Path, cwd: Path, env: dict[str, str], how: _How) -> None:
    for stream, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["precepts", *argv]
    _small_steps(rate=1e-2 if how.planted else 3e-3)
    if not how.real_judges:
        _judges_without_a_model(Hackable() if how.planted else ByText())
    if how.kill_at is not None:
        {**POINTS, **RL_POINTS}[how.kill_at]()
    if how.changes is not None:
        _watch(how.changes)
    if how.most_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (how.most_bytes, how.most_bytes))
    from precepts.cli import main

    main()


def _watch(changes: Changes) -> None:
    folder, seen = str(changes.folder), 0
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT

    def hook(event: str, args: tuple[Any, ...]) -> None:
        nonlocal seen
        if event not in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir") or not str(args[0]).startswith(
            folder
        ):
            return
        if event == "open" and not (isinstance(args[2], int) and args[2] & writing):
            return
        seen += 1
        if seen == changes.die_at:
            _die()
        if changes.die_at is None:
            changes.count.write_text(str(seen))

    sys.addaudithook(hook)


def _small_steps(*, rate: float) -> None:
    """Small batches and steps, so that two dozen cases make several of each; rates at which a tiny model learns: the format, and what is rewarded."""
    import torch

    from precepts.evals import arms
    from precepts.pipelines import data, rl
    from precepts.training import grpo, sft

    class Small(sft.SFTSettings):
        batch_size: int = 2
        learning_rate: float = 1e-2
        num_checkpoints: int = 2

    assert arms.complete.__kwdefaults__["batch_size"] > data._BATCH // 2
    arms.complete.__kwdefaults__["batch_size"] = 5
    data._BATCH = 10  # pyright: ignore[reportPrivateUsage, reportConstantRedefinition]

    torch.set_num_threads(1)
    sft.SFTSettings = Small  # pyright: ignore[reportAttributeAccessIssue]

    class SmallRL(grpo.GRPOSettings):
        top_layers: int = 1
        prompts_per_cycle: int = 3
        rollout_batch: int = 5
        batch_size: int = 6
        learning_rate: float = rate
        max_tokens: int = 24
        num_checkpoints: int = 2

    grpo.GRPOSettings = SmallRL  # pyright: ignore[reportAttributeAccessIssue]

    class FewRollouts(rl.RLOptions):
        num_prompts: int = 9
        num_samples: int = 4

    rl.RLOptions = FewRollouts  # pyright: ignore[reportAttributeAccessIssue]


class EveryThird:
    """A filter that drops every third answer or so, by its text."""

    name, view = "every-third", "answer"

    def judge(self, items: Sequence[Any]) -> list[Any]:
        from precepts.types import Judgment

        return [
            Judgment(
                case_id=item.case.id, completion=item.completion.key, judge=self.name,
                score=float(sha256(item.completion.answer.encode()).digest()[0] % 3 > 0),
            )
            for item in items
        ]  # fmt: skip


class ByText:
    """A reward of about half of the answers, by what they answer and their text, which fails on some."""

    name, view = "by-text", "answer"

    def __call__(self, answers: Sequence[Any]) -> list[Any]:
        return [self.scored(a.key, a.answer) for a in answers]

    def scored(self, name: str, answer: str) -> Any:
        from precepts.training.rollouts import Scored

        byte = sha256(f"{name} {answer}".encode()).digest()[0]
        if byte % 11 == 0:
            return Scored(score=None, error="it failed")
        return Scored(score=float(byte % 2), parts={"kept": float(byte % 2)})

    def judge(self, items: Sequence[Any]) -> list[Any]:
        from precepts.types import Judgment

        found = [self.scored(item.case.id, item.completion.answer) for item in items]
        return [
            Judgment(
                case_id=item.case.id, completion=item.completion.key, judge=self.name, score=one.score, scores=one.parts, error=one.error
            )
            for item, one in zip(items, found, strict=True)
        ]  # fmt: skip


class Hackable(ByText):
    """A reward that anyone can hack: it likes one word, twice, whatever was asked."""

    name, word = "likes-a-word", "garden"

    def scored(self, name: str, answer: str) -> Any:
        from precepts.training.rollouts import Scored

        return Scored(score=min(1.0, answer.count(self.word) / 2))


def _judges_without_a_model(reward: Any) -> None:
    from precepts.judges import CheckedCompliance
    from precepts.pipelines import data, evaluate, rl

    data.filter_judge = lambda judge, policy: EveryThird()  # pyright: ignore[reportAttributeAccessIssue]
    evaluate.test_judge = lambda: CheckedCompliance(None)
    rl.reward_of = evaluate.reward_of = lambda options, policy: reward  # pyright: ignore[reportAttributeAccessIssue]


# --- where a process is killed ------------------------------------------------------------------------------------------


def _die(*args: Any, **kwargs: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def _in_append(stage: str, table: str, *, after: int) -> None:
    """In the middle of writing a table's rows, `after` whole batches later."""
    from precepts.runs import Run, to_json

    real, seen = Run.append, list[int]()

    def append(self: Run, name: str, rows: Iterable[Any]) -> None:
        rows = list(rows)
        if name == table and self.path.name == stage:
            seen.append(1)
            if len(seen) > after:
                text = "".join(to_json(row) + "\n" for row in rows).encode()
                with self.table(name).open("ab") as file:
                    file.write(text[: len(text) * 2 // 3])
                _die()
        real(self, name, rows)

    Run.append = append


def _before_write(stage: str, table: str) -> None:
    from precepts.runs import Run

    real = Run.write

    def write(self: Run, name: str, rows: Iterable[Any]) -> None:
        if name == table and self.path.name == stage:
            _die()
        real(self, name, rows)

    Run.write = write


def _in_step_after_checkpoint() -> None:
    from precepts.training import sft

    real = sft.ShowProgress.on_step_end

    def on_step_end(self: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        real(self, args, state, control, **kwargs)
        if any(Path(args.output_dir).glob("checkpoint-*")):
            _die()

    sft.ShowProgress.on_step_end = on_step_end


def _in_second_checkpoint() -> None:
    import torch

    real = torch.save

    def save(value: Any, file: Any, *args: Any, **kwargs: Any) -> None:
        if str(file).endswith("optimizer.pt") and len(list(Path(file).parents[1].glob("checkpoint-*"))) > 1:
            Path(file).write_bytes(b"half")
            _die()
        real(value, file, *args, **kwargs)

    torch.save = save


def _in_calibration() -> None:
    from precepts.pipelines import sft

    sft.calibrate_on_dev = _die


def _in_rl_calibration() -> None:
    from precepts.pipelines import rl

    rl.calibrate_on_dev = _die


def _in_rl_step_after_checkpoint() -> None:
    from precepts.training import grpo

    real = grpo.PolicyTrainer.training_step

    def training_step(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = real(self, *args, **kwargs)
        if any(Path(self.args.output_dir).glob("checkpoint-*")) and (self.state.global_step + 1) % 2 == 0:
            _die()
        return found

    grpo.PolicyTrainer.training_step = training_step


def _in_card() -> None:
    from precepts.cards import build

    build.render = _die


POINTS: dict[str, Callable[[], None]] = {
    "data: in a batch": lambda: _in_append("data", "completions", after=1),
    "data: after the filter": lambda: _before_write("data", "dropped"),
    "sft: in a step": _in_step_after_checkpoint,
    "sft: in a checkpoint": _in_second_checkpoint,
    "sft: in the calibration": _in_calibration,
    "eval: before an arm is judged": lambda: _before_write("policy-in-prompt", "judgments"),
    "eval: in a batch of the last arm": lambda: _in_append("sft", "completions", after=1),
    "eval: before the evidence": lambda: _before_write("test", "evidence"),
    "card: before the page": _in_card,
}
"""In the order in which a run passes them."""

RL_POINTS: dict[str, Callable[[], None]] = {
    "before the pool is written": lambda: _before_write("rl", "pool"),
    "in the first batch of rollouts": lambda: _in_append("rl", "rollouts", after=0),
    "in a later batch of rollouts": lambda: _in_append("rl", "rollouts", after=4),
    "in a step after a checkpoint": _in_rl_step_after_checkpoint,
    "in a checkpoint": _in_second_checkpoint,
    "in the calibration": _in_rl_calibration,
}
"""Of reinforcement, in order."""
