"""Work spread over Ray workers: the same jobs, the same results in the same order, and still one process that writes.

A stage gives a function and its jobs to a `Spread`. `here` runs them one after another in this process; `Workers` runs them on a local
Ray, or on a cluster. Each worker is given the function once and keeps what it loads (a model) from job to job. Results come back in the
order of the jobs, so a table that is appended to is the same table however many workers there were, and a kill costs what it costs
without workers: what was not yet written. A worker that dies is replaced, and its job is done again.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from precepts.errors import InputError, PreceptsError, needs_extra

J = TypeVar("J")
R = TypeVar("R")

NUM_RETRIES = 3
"""Of a job whose worker died; then the run ends, for a job that takes too much memory kills every worker it meets."""

_AHEAD = 4
"""Jobs that a worker may be ahead of the one whose result is wanted: their results are held in memory, and lost with a kill."""

_PATIENCE = 20.0
"""Seconds until a cluster that does not answer is not there."""

_STORE_BYTES = 512 << 20
"""Of a local Ray's shared memory: what passes through it is rows."""


class Spread(Protocol):
    """Who does the jobs; results come in the order of the jobs."""

    def __call__(self, work: Callable[[J], R], jobs: Iterable[J]) -> Iterator[R]:
        """The result of each job."""
        ...


class WorkerError(PreceptsError, RuntimeError):
    """Workers died again and again, or could not be had."""


def here(work: Callable[[J], R], jobs: Iterable[J]) -> Iterator[R]:
    """The jobs done in this process, each when its result is asked for."""
    return map(work, jobs)


@contextmanager
def spread_over(count: int | None = None, *, address: str | None = None) -> Generator[Spread]:
    """Who does the jobs while the block runs: this process, `count` local workers, or workers of the Ray cluster at an address.

    Args:
        count: How many workers. On a cluster by default one a GPU, or where there is none one a machine.
        address: `HOST:PORT` of a running Ray, or `auto` for the one that this machine is part of; None starts a local one.

    Raises:
        InputError: If there are to be fewer than one.
        MissingError: If Ray is not installed.
    """
    if count is None and address is None:
        yield here
        return
    workers = Workers(count, address=address)
    try:
        yield workers
    finally:
        workers.close()


class Workers:
    """A `Spread` over Ray workers. Ray is started or joined with the first job, so that a finished stage starts nothing."""

    def __init__(self, count: int | None = None, *, address: str | None = None) -> None:
        """As `spread_over`."""
        if count is not None and count < 1:
            raise InputError(f"--workers is at least 1, not {count}. Leave it out to work in this process.")
        self._count, self._address, self._joined = count, address, False
        _ray()

    def __call__(self, work: Callable[[J], R], jobs: Iterable[J]) -> Iterator[R]:
        """The result of each job, in order; several are under way at once.

        Raises:
            PreceptsError: What a job raised; the results of jobs before it have been given.
            WorkerError: If a job's worker died, and `NUM_RETRIES` times more.
        """
        packed = [pickle.dumps(job) for job in jobs]
        if not packed:
            return
        ray = _ray()
        share = self._start(ray)
        payload = ray.put(ray.cloudpickle.dumps((os.getcwd(), work)))
        remote = ray.remote(num_cpus=share.cpus, num_gpus=share.gpus)(_Worker)
        num = min(share.num, len(packed))
        idle = [remote.remote(payload) for _ in range(num)]
        waiting, deaths = deque(range(len(packed))), Counter[int]()
        running: dict[Any, tuple[int, Any]] = {}
        done: dict[int, bytes] = {}
        try:
            for wanted in range(len(packed)):
                while wanted not in done:
                    while idle and waiting and waiting[0] < wanted + _AHEAD * num:
                        job, worker = waiting.popleft(), idle.pop()
                        running[worker.do.remote(packed[job])] = (job, worker)
                    (ended,), _ = ray.wait(list(running), num_returns=1)
                    job, worker = running.pop(ended)
                    try:
                        done[job] = ray.get(ended)
                    except ray.exceptions.RayActorError as error:
                        deaths[job] += 1
                        if deaths[job] > NUM_RETRIES:
                            raise _gave_up(error) from None
                        waiting.appendleft(job)
                        worker = remote.remote(payload)
                    idle.append(worker)
                result = pickle.loads(done.pop(wanted))
                if isinstance(result, PreceptsError):
                    raise result
                yield result
        finally:
            for worker in (*idle, *(worker for _, worker in running.values())):
                if ray.is_initialized():  # else all have ended with Ray
                    ray.kill(worker)

    def close(self) -> None:
        """Ends the local Ray, or leaves the cluster, if it was this object that started or joined it."""
        if self._joined:
            _ray().shutdown()
            self._joined = False

    def _start(self, ray: Any) -> _Share:
        """Starts or joins Ray, and what of it each worker is given."""
        if not ray.is_initialized():
            own: dict[str, Any] = {
                "num_cpus": max(self._count or 1, os.cpu_count() or 1), "object_store_memory": _STORE_BYTES, "include_dashboard": False,
            }  # fmt: skip
            try:
                _reach(self._address)
                ray.init(
                    address=self._address or "local", log_to_driver=False, logging_level=logging.ERROR,
                    **({} if self._address else own),
                )  # fmt: skip
            except (OSError, RuntimeError, ValueError) as error:
                raise WorkerError(
                    f"Ray at {self._address or 'this machine'} cannot be had ({_first_line(error)}). Give the HOST:PORT that `ray start --head` "
                    "printed, or leave --ray out for workers on this machine."
                ) from None
            self._joined = True
        there = ray.cluster_resources()
        gpus, nodes = there.get("GPU", 0.0), sum(1 for node in ray.nodes() if node["Alive"])
        num = self._count or int(gpus) or nodes
        if there.get("CPU", 0.0) < num:
            raise InputError(f"{num} workers need as many CPUs, and Ray has {there.get('CPU', 0.0):g}. Give fewer.")
        # On a cluster of uneven machines a whole number of CPUs each leaves room that a share of the sum would not.
        return _Share(num, 1 if self._address else int(there["CPU"]) // num, min(1.0, gpus / num))


class _Share(NamedTuple):
    """How many workers, and the CPUs and GPUs of each; several share a GPU where there are more workers than GPUs."""

    num: int
    cpus: int
    gpus: float


class _Worker:
    """What runs in a worker's process: one function, unpacked once."""

    def __init__(self, payload: bytes) -> None:
        """`payload` is the directory where the command was typed, and the function."""
        place, self._work = pickle.loads(payload)
        if Path(place).is_dir():  # relative paths mean what they mean where the command was typed
            os.chdir(place)

    def do(self, job: bytes) -> bytes:
        """The result of one job, or the error that tells a person what to do."""
        try:
            made = self._work(pickle.loads(job))
        except PreceptsError as error:
            made = error
        return pickle.dumps(made)


def _reach(address: str | None) -> None:
    """Raises OSError if nothing answers at `HOST:PORT`, where Ray itself would wait without end."""
    host, _, port = (address or "").rpartition("://")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()


def _ray() -> Any:
    # Before Ray is imported: it sends no figures of its use anywhere.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        ray = import_module("ray")
        for part in ("cloudpickle", "exceptions"):
            import_module(f"ray.{part}")
    except ImportError:
        raise needs_extra("ray", "scale") from None
    return ray


def _gave_up(error: BaseException) -> WorkerError:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    said = "; ".join(dict.fromkeys((lines[0].strip(), lines[-1].strip())))
    return WorkerError(
        f"A job's worker died {NUM_RETRIES + 1} times, most often for want of memory: {said[:400]} What was written stands: the same command "
        "goes on from here, with fewer workers or none."
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
