"""Attacks on the harness itself: its code, its memory, its files, its line, its patience.

Stopped by: the submission is imported, fitted and run in other processes only, inside bubblewrap and
Landlock, and the harness reads plain numbers of a length that it knows.
"""

import os
import sys

import psutil
import pytest

from fsdl_bench import bubblewrap
from fsdl_bench.errors import BadInput
from fsdl_bench.submissions import landlock, wire

pytestmark = pytest.mark.walls

LOCKED = pytest.mark.skipif(not landlock.version(), reason="the kernel has no Landlock")
WALLED = pytest.mark.skipif(bubblewrap.program() is None, reason="no bubblewrap works here")

BODY = """
import ctypes, gc, json, os, pathlib, signal, socket, subprocess, sys, time, fcntl, termios
{before}
class Cheat:
    def prepare(self, context):
        self.size = context.vocab_size
    def adapt(self, support):
        self.song = None
        {inside}
        return self
    def stream(self, songs=1):
        return self
    def step(self, tokens):
        scores = torch.zeros(len(tokens), self.size)
        {at_each_step}
        return scores
    def logits(self, songs):
        return torch.zeros(*songs.shape, self.size)
"""


@pytest.fixture
def cheat(toy, model, run, capfd):
    """`cheat(before=, inside=, at_each_step=)`: (NLL as a share of log V, what the submission printed)."""
    import math

    def evaluated(before="", inside="pass", at_each_step="pass", **options):
        path = model(BODY.format(before=before, inside=inside, at_each_step=at_each_step))
        capfd.readouterr()
        options = {"verified": True, "limit": 1, "shots": [0, 5]} | options
        rows = run(path, **options).rows
        return float(rows.nats.sum() / rows.tokens.sum() / math.log(100)), capfd.readouterr().err

    return evaluated


PATCHES = {
    "the scorer": "import fsdl_bench.evaluation.scoring as s; s.token_nats = lambda *a: 0.0",
    "tensor methods": "torch.Tensor.sub_ = lambda self, other: self.zero_()",
    "the Parquet writer": "import pyarrow.parquet as pq; pq.write_table = lambda *a, **k: None",
    "the result": "import fsdl_bench.results.files as f; f.write_result = lambda *a, **k: None",
    "numpy": "import numpy; numpy.log = lambda *a, **k: 0.0",
    "the exit": "import atexit; atexit.register(os._exit, 0)",
}


@pytest.mark.parametrize("name", PATCHES)
@pytest.mark.parametrize("verified", [True, False])
def test_what_a_submission_patches_stays_in_its_process(cheat, name, verified):
    found, _ = cheat(before=PATCHES[name], verified=verified, isolate=True)
    assert found == pytest.approx(1, abs=1e-9)


def test_the_harness_never_imports_the_submission(cheat):
    before = set(sys.modules)
    cheat(before="os.environ['FSDL_CHEAT'] = '1'")
    assert not [name for name in set(sys.modules) - before if "fsdl_submission" in name]
    assert "FSDL_CHEAT" not in os.environ


def test_no_frame_and_no_object_of_the_harness_is_there(cheat):
    """Stack frames and gc: the cell's process holds the support and the tokens so far, no query song."""
    inside = """
        names = ("Episode", "Track", "Journal", "Cell")
        count = sum(type(one).__name__ in names for one in gc.get_objects())
        print("found", count, "Episode" in str(sys._current_frames()))"""
    _, said = cheat(inside=inside)
    assert "found 0 False" in said


SEEKING = {
    "the songs, by another program": """
        script = "find / -name '*.arrow' -o -name '*.parquet' | grep -v site-packages"
        print("found", subprocess.run(["sh", "-c", script], capture_output=True, text=True).stdout)""",
    "the audit seed and the journal": """
        print("found", [str(path) for path in pathlib.Path("/").rglob("runs/*/run.json")])""",
    "archives of the sources": """
        print("found", [str(path) for path in [pathlib.Path(MIRROR)] if path.exists()])""",
    "the environment": """
        kinds = ("SECRET", "PYTEST", "FSDL_BENCH_M")
        print("found", [name for name in os.environ if name.startswith(kinds)])""",
    "the harness's processes": """
        paths = pathlib.Path("/proc").glob("[0-9]*/cmdline")
        lines = [path.read_bytes().replace(bytes(1), b" ") for path in paths]
        print("found", [line for line in lines if b"-m pytest" in line or b"execnet" in line])""",
}


@WALLED
@pytest.mark.parametrize("name", SEEKING)
def test_there_is_nothing_to_find(cheat, name, tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "x")
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    _, said = cheat(before=f"MIRROR = {str(mirror)!r}", inside=SEEKING[name])
    found = [line.removeprefix("found").strip() for line in said.splitlines() if line.startswith("found")]
    assert found
    assert set(found) <= {"", "[]"}, found


@WALLED
def test_signals_reach_no_process_of_the_harness(cheat):
    """A PID namespace of its own: the harness's processes have no number there."""
    inside = f"""
        for pid in ({os.getpid()}, {os.getppid()}):
            try:
                os.kill(pid, signal.SIGKILL)
                print("killed one")
            except OSError:
                pass"""
    found, said = cheat(inside=inside)
    assert found == pytest.approx(1)
    assert "killed one" not in said


@LOCKED
def test_no_terminal_to_type_into(cheat):
    """A session of its own, and no terminal among its files: TIOCSTI has nothing to act on."""
    inside = """
        for fd in range(64):
            try:
                fcntl.ioctl(fd, termios.TIOCSTI, b"x")
                print("typed")
            except OSError:
                pass
        try:
            open("/dev/tty", "w").write("x")
            print("typed")
        except OSError:
            print("no terminal")"""
    _, said = cheat(inside=inside)
    assert "no terminal" in said
    assert "typed" not in said


FORGED = {
    "JSON on standard output": 'print(json.dumps({"seconds": -1.0, "facts": {}}))',
    "JSON on standard error": 'sys.stderr.write(json.dumps({"error": "x"}) + chr(10))',
}


@pytest.mark.parametrize("name", FORGED)
def test_what_it_prints_is_no_answer(cheat, name):
    found, _ = cheat(inside=FORGED[name])
    assert found == pytest.approx(1)


ON_THE_LINE = {
    "short messages": "b'\\0\\0\\0\\4abcd'",
    "a pickle": "b'\\0\\0\\0\\6\\x80\\x04K\\x01.x'",
    "a message of many gigabytes": "b'\\xff\\xff\\xff\\xff\\0\\0\\0\\x7f\\0\\0\\0\\0'",
    "deep JSON": "b'\\0\\1\\x86\\xa0' + b'[' * 100000",
    "noise": "bytes(range(256))",
}


@pytest.mark.parametrize("name", ON_THE_LINE)
def test_forged_messages_end_the_run_in_one_line(cheat, name, monkeypatch):
    """The line is an open descriptor of the cell, so it can write to it anything; also half a message."""
    monkeypatch.setattr("fsdl_bench.submissions.reveal.CALL_SECONDS", 2.0)
    step = f"""
        for fd in range(3, 64):
            try:
                os.write(fd, {ON_THE_LINE[name]})
            except OSError:
                pass"""
    with pytest.raises(BadInput) as caught:
        cheat(at_each_step=step)
    assert "the submission's process" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_early_answers_gain_nothing(cheat):
    """Scores that arrive before their token was asked for are scores without that token."""
    found, _ = cheat(at_each_step="scores[:, 7] += 0.0")
    assert found == pytest.approx(1)


def test_it_may_not_keep_the_harness_waiting(cheat, monkeypatch):
    monkeypatch.setattr("fsdl_bench.submissions.reveal.CALL_SECONDS", 2.0)
    assert wire.CALL_SECONDS >= 600
    with pytest.raises(BadInput, match="did not answer for 2 s"):
        cheat(at_each_step="time.sleep(30)")


LIMITS = {
    "memory": """
        try:
            block = bytearray(1 << 45)
            print("limited", False)
        except MemoryError:
            print("limited", True)""",
    "a file": """
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            os.truncate(os.open("big", os.O_CREAT | os.O_RDWR), 1 << 32)
            print("limited", False)
        except OSError:
            print("limited", True)""",
}


@LOCKED
@pytest.mark.parametrize("name", LIMITS)
def test_one_cell_cannot_stop_the_machine(cheat, name):
    found, said = cheat(inside=LIMITS[name], shots=[0])
    assert found == pytest.approx(1)
    assert "limited True" in said


@LOCKED
def test_a_cell_with_too_many_processes_is_ended(cheat, monkeypatch):
    """The kernel limits those of an ordinary user; those of root are counted."""
    inside = """
        pids = []
        try:
            while len(pids) < 400:
                pids.append(os.fork())
                if not pids[-1]:
                    time.sleep(60)
                    os._exit(0)
        except OSError:
            print("limited")
            os._exit(1)
        time.sleep(60)"""
    with pytest.raises(BadInput, match="the submission's process ended unexpectedly"):
        cheat(inside=inside, shots=[0])
    left = [one for one in psutil.Process().children(recursive=True) if one.status() != psutil.STATUS_ZOMBIE]
    assert len(left) < 100
