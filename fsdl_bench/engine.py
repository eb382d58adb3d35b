"""Map a function over many tasks in worker processes, in order. A crash costs one task only.

A worker that dies (a segmentation fault in a parser) or exceeds the time limit is replaced, and its task
comes back as a `Failure`. An exception that the function raises is raised here. At most a few tasks per
worker are under way, so neither tasks nor results pile up. When the caller stops iterating, the workers are
stopped.

`FSDL_BENCH_ENGINE=ray` sends the same tasks to a Ray cluster instead; its nodes must share the folders that
tasks read and write.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from fsdl_bench.errors import BadInput
from fsdl_bench.workers import LOOK_AHEAD, Lost, Workers

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Failure:
    """The outcome of a task whose worker was lost."""

    reason: Literal["crashed", "timed out"]
    detail: str


def default_workers() -> int:
    """The number of cores that this process may use."""
    with suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run(
    function: Callable[[T], R],
    tasks: Iterable[T],
    *,
    workers: int,
    initializer: Callable[..., None] | None = None,
    initargs: tuple[Any, ...] = (),
    timeout: float | None = None,
) -> Iterator[R | Failure]:
    """Yield `function(task)` for each task, in the order of the tasks.

    Args:
        function: defined at the top of a module, so that workers can import it.
        tasks: consumed as workers become free.
        workers: number of worker processes; 0 works in this process, without isolation or time limit.
        initializer: called once in each worker before its first task, with `initargs`.
        initargs: sent once to each worker.
        timeout: seconds that one task may take.

    Yields:
        The function's value, or a `Failure` where the worker died or ran past `timeout`.

    Raises:
        BadInput: no worker could be started.
        Exception: whatever the function raised.
    """
    if workers == 0:
        if initializer:
            initializer(*initargs)
        yield from map(function, tasks)
        return
    ray = os.environ.get("FSDL_BENCH_ENGINE", "").lower() == "ray"
    backend = _ray if ray else _processes
    # The server that workers are forked from keeps the environment of its first use, so ours goes along.
    settings = {name: value for name, value in os.environ.items() if name.startswith("FSDL_BENCH_")}
    start = pickle.dumps((settings, initializer, initargs))
    yield from backend(function, tasks, workers, start, timeout)


def _processes(
    function: Callable[[T], R], tasks: Iterable[T], workers: int, start: bytes, timeout: float | None
) -> Iterator[R | Failure]:
    for outcome in Workers(workers, _start_worker, start, timeout).run(function, tasks):
        if not isinstance(outcome, Lost):
            yield outcome
        elif outcome.how == "crashed":
            yield Failure("crashed", _exit_in_words(outcome.exit_code))
        else:
            yield Failure("timed out", f"after {timeout:g} s")


def _in_order(
    submit: Callable[[T], Callable[[], R | Failure]], tasks: Iterable[T], ahead: int
) -> Iterator[R | Failure]:
    waiting: deque[Callable[[], R | Failure]] = deque()
    for task in tasks:
        waiting.append(submit(task))
        if len(waiting) >= ahead:
            yield waiting.popleft()()
    while waiting:
        yield waiting.popleft()()


def _exit_in_words(code: int | None) -> str:
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"worker killed by {signal.Signals(-code).name}"
    return f"worker ended with code {code}"


def _start_worker(start: bytes) -> None:
    """Prepare a worker; `start` is pickled so that no library loads before its threads are capped."""
    for variable in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "RAYON"):
        os.environ[f"{variable}_NUM_THREADS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
    # Ctrl-C reaches the whole group; the parent decides what becomes of the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    settings, initializer, initargs = pickle.loads(start)
    os.environ.update(settings)
    if initializer:
        initializer(*initargs)


def _ray(
    function: Callable[[T], R], tasks: Iterable[T], workers: int, start: bytes, timeout: float | None
) -> Iterator[R | Failure]:
    try:
        import ray
    except ImportError:
        raise BadInput("FSDL_BENCH_ENGINE=ray needs Ray: pip install 'fsdl-bench[ray]'") from None
    if not ray.is_initialized():
        ray.init(log_to_driver=False)
    remote: Any = ray.remote(num_cpus=1, max_retries=0)(_ray_task)
    shared = ray.put(start)

    def submit(task: T) -> Callable[[], R | Failure]:
        reference = remote.remote(function, task, shared)

        def outcome() -> R | Failure:
            try:
                value: R = ray.get(reference, timeout=timeout)
                return value
            except ray.exceptions.GetTimeoutError:
                ray.cancel(reference, force=True)
                return Failure("timed out", f"after {timeout:g} s")
            except (
                ray.exceptions.WorkerCrashedError,
                ray.exceptions.NodeDiedError,
                ray.exceptions.ObjectLostError,
            ) as error:
                return Failure("crashed", str(error).splitlines()[0])
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None

        return outcome

    yield from _in_order(submit, tasks, workers * LOOK_AHEAD)


_started: bytes | None = None


def _ray_task(function: Callable[[T], R], task: T, start: bytes) -> R:
    """One task on a Ray worker, which is prepared when it meets another `start` than its last."""
    global _started
    if _started != start:
        _start_worker(start)
        _started = start
    return function(task)
