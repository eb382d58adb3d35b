import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fsdl_bench import engine
from fsdl_bench.engine import Failure
from fsdl_bench.errors import BadInput

_offset = 0


def set_offset(value: int) -> None:
    global _offset
    _offset = value


def add_offset(x: int) -> int:
    return x + _offset


def slow_first(x: int) -> int:
    time.sleep(0.3 if x == 0 else 0)
    return x


def misbehave(x: int) -> int:
    if x == 2:
        os.kill(os.getpid(), signal.SIGSEGV)
    if x == 4:
        time.sleep(60)
    if x == 5:
        os._exit(7)
    return x * x


def crash_every_fifth(x: int) -> int:
    if x % 5 == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return x * x


def hang_or_crash(x: int) -> int:
    if x % 7 == 3:
        time.sleep(60)
    if x % 5 == 4:
        os._exit(3)
    return x


class Unreadable(Exception):
    """An exception that can be pickled and not read back."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


class SlowToRead:
    """A value that takes its reader longer than the limit of a task."""

    def __reduce__(self):
        return time.sleep, (3.5,)


class RefusesToBeRead:
    def __reduce__(self):
        return os.stat, ("/no such file",)


def answer_beside_a_slow_value(x: int):
    time.sleep(2 if x in (3, 5) else 0.5)
    return SlowToRead() if x == 0 else x


def refuse_to_be_read(x: int) -> RefusesToBeRead:
    return RefusesToBeRead()


def hang_with_the_interpreter_locked(task: tuple[int, bytes]) -> int:
    if task[0] == 0:
        ctypes.PyDLL(None).sleep(60)
    return task[0]


def leave_a_process_and_crash(x: int) -> int:
    if x == 1:
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)
    return x


def fail_unreadably(x: int) -> int:
    raise Unreadable(x, x)


def return_a_function(x: int):
    return lambda: x


def die_at_start() -> None:
    os._exit(5)


def fail(x: int) -> int:
    raise ValueError(f"task {x}")


def environment(name: str) -> str | None:
    return os.environ.get(name)


@pytest.mark.parametrize("workers", [0, 2])
def test_values_come_in_order_with_the_initializer_applied(workers: int) -> None:
    got = list(engine.run(add_offset, range(9), workers=workers, initializer=set_offset, initargs=(10,)))
    assert got == list(range(10, 19))


def test_a_slow_task_does_not_change_the_order() -> None:
    assert list(engine.run(slow_first, range(8), workers=2)) == list(range(8))


def test_a_lost_worker_costs_its_own_task_only() -> None:
    got = list(engine.run(misbehave, range(8), workers=2, timeout=3))
    assert [x for x in got if not isinstance(x, Failure)] == [0, 1, 9, 36, 49]
    assert got[2] == Failure("crashed", "worker killed by SIGSEGV")
    assert got[4] == Failure("timed out", "after 3 s")
    assert got[5] == Failure("crashed", "worker ended with code 7")


@pytest.mark.parametrize("run", range(6))
def test_no_task_is_lost_next_to_crashes(run: int) -> None:
    """The pool that was here before called a task beside a crash "timed out" in two of nine runs."""
    got = list(engine.run(crash_every_fifth, range(60), workers=2 + run % 2, timeout=30))
    for x, value in enumerate(got):
        if x % 5 == 4:
            assert value == Failure("crashed", "worker killed by SIGKILL")
        else:
            assert value == x * x


def test_tasks_over_their_time_next_to_crashes() -> None:
    got = list(engine.run(hang_or_crash, range(20), workers=3, timeout=2))
    for x, value in enumerate(got):
        if x % 7 == 3:
            assert value == Failure("timed out", "after 2 s")
        elif x % 5 == 4:
            assert value == Failure("crashed", "worker ended with code 3")
        else:
            assert value == x


def test_an_answer_near_the_limit_does_not_fail_another_task() -> None:
    """While the parent read one value, the limit of a worker passed that had answered in time."""
    got = list(engine.run(answer_beside_a_slow_value, range(6), workers=2, timeout=3))
    assert got == [None, 1, 2, 3, 4, 5]


def test_the_limit_holds_where_a_worker_cannot_read() -> None:
    tasks = [(x, bytes(3_000_000)) for x in range(5)]
    got = list(engine.run(hang_with_the_interpreter_locked, tasks, workers=2, timeout=2))
    assert got == [Failure("timed out", "after 2 s"), 1, 2, 3, 4]


def test_a_crash_is_seen_though_a_process_of_the_worker_lives_on() -> None:
    begin = time.monotonic()
    got = list(engine.run(leave_a_process_and_crash, range(4), workers=2))
    assert got == [0, Failure("crashed", "worker killed by SIGKILL"), 2, 3]
    assert time.monotonic() - begin < 15


def test_large_tasks_and_values_do_not_block_each_other() -> None:
    tasks = [bytes(3_000_000) for _ in range(8)]
    assert list(engine.run(bytes, tasks, workers=2, timeout=60)) == tasks


@pytest.mark.parametrize("function", [fail_unreadably, return_a_function])
def test_what_cannot_be_sent_is_an_error_in_words(function) -> None:
    with pytest.raises(RuntimeError, match="cannot be sent to the parent"):
        list(engine.run(function, range(3), workers=1))


def test_the_error_in_words_says_where_the_function_failed() -> None:
    with pytest.raises(RuntimeError, match="in fail_unreadably"):
        list(engine.run(fail_unreadably, [1], workers=1))


def test_a_value_that_cannot_be_read_raises_its_error() -> None:
    with pytest.raises(FileNotFoundError, match="no such file"):
        list(engine.run(refuse_to_be_read, range(3), workers=1))


def test_a_worker_that_dies_at_its_start_is_bad_input() -> None:
    with pytest.raises(BadInput, match=r"worker processes cannot start \(exit code 5\)"):
        list(engine.run(add_offset, range(3), workers=2, initializer=die_at_start))


def test_an_exception_is_raised_here() -> None:
    with pytest.raises(ValueError, match="task 0"):
        list(engine.run(fail, range(3), workers=1))


def test_tasks_are_taken_as_workers_become_free() -> None:
    tasks = iter(range(1000))
    results = engine.run(add_offset, tasks, workers=1)
    assert next(results) == 0
    assert next(tasks) <= engine.LOOK_AHEAD
    results.close()


def test_workers_keep_to_one_thread() -> None:
    names = ["OMP_NUM_THREADS", "RAYON_NUM_THREADS", "TOKENIZERS_PARALLELISM"]
    assert list(engine.run(environment, names, workers=1)) == ["1", "1", "false"]


@pytest.mark.parametrize("value", ["a", "b"])
def test_workers_see_the_settings_of_the_call(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FSDL_BENCH_HOME", value)
    assert list(engine.run(environment, ["FSDL_BENCH_HOME"], workers=1)) == [value]


def test_a_script_without_a_main_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "careless.py"
    script.write_text("from fsdl_bench import engine\nprint(list(engine.run(abs, [-1], workers=1)))\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "__name__ == '__main__'" in done.stderr.splitlines()[-1]


def test_closing_early_leaves_no_worker_behind() -> None:
    import psutil

    def descendants() -> set[psutil.Process]:
        return set(psutil.Process().children(recursive=True))

    earlier = descendants()  # other tests may have left some
    results = engine.run(slow_first, range(1, 100), workers=2)
    next(results)
    workers = {process for process in descendants() - earlier if process.ppid() != os.getpid()}
    results.close()
    _, alive = psutil.wait_procs(workers, timeout=20)  # the server that forked them may take a moment
    assert len(workers) == 2
    assert not alive


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    import psutil

    script = tmp_path / "parent.py"
    script.write_text(
        "import time\nfrom fsdl_bench import engine\n"
        "if __name__ == '__main__':\n    list(engine.run(time.sleep, [0, 60, 60], workers=2))\n"
    )
    parent = psutil.Popen([sys.executable, script])
    limit = time.monotonic() + 60
    workers: list[psutil.Process] = []
    while len(workers) < 2 and time.monotonic() < limit:
        time.sleep(0.1)
        workers = [child for server in parent.children() for child in server.children()]
    time.sleep(2)
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert len(workers) == 2
    assert not alive


def test_ray_missing_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FSDL_BENCH_ENGINE", "ray")
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BadInput, match="fsdl-bench\\[ray\\]"):
        list(engine.run(abs, [1], workers=1))


def test_ray_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="needs the optional Ray")
    monkeypatch.setenv("FSDL_BENCH_ENGINE", "ray")
    got = list(engine.run(add_offset, range(5), workers=2, initializer=set_offset, initargs=(10,)))
    assert got == [10, 11, 12, 13, 14]
    lost = list(engine.run(misbehave, [1, 2, 3], workers=1))
    assert [x for x in lost if not isinstance(x, Failure)] == [1, 9]
    assert isinstance(lost[1], Failure)
    assert lost[1].reason == "crashed"
    with pytest.raises(ValueError, match="task 0"):
        list(engine.run(fail, [0], workers=1))
