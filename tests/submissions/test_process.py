"""The process of an isolated submission: environment, folder, signals, and what it may answer."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
import torch

from fsdl_bench.errors import BadInput
from fsdl_bench.submissions import landlock, process
from fsdl_bench.submissions.loading import load_submission

pytestmark = pytest.mark.walls

LANDLOCK = pytest.mark.skipif(not landlock.version(), reason="the kernel has no Landlock")


def test_the_environment_is_scrubbed(monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "x")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = process.environment("/own")
    assert "SECRET_TOKEN" not in found
    assert found["OMP_NUM_THREADS"] == "1"
    assert found["HOME"] == found["TMPDIR"] == "/own"
    assert found["FSDL_BENCH_HOME"] == "/own/home"


def test_caches_of_the_user_are_not_named_to_the_child(monkeypatch):
    closed = {
        "TORCHINDUCTOR_CACHE_DIR": "/elsewhere/torchinductor",
        "TORCH_HOME": "/elsewhere/torch",
        "TORCH_EXTENSIONS_DIR": "/elsewhere/extensions",
        "CUDA_CACHE_PATH": "/elsewhere/kernels",
        "PYTORCH_KERNEL_CACHE_PATH": "/elsewhere/kernels2",
    }
    for name, value in (closed | {"CUDA_HOME": "/usr/local/cuda", "TORCH_SHOW_CPP_STACKTRACES": "1"}).items():
        monkeypatch.setenv(name, value)
    found = process.environment("/own")
    assert not closed.keys() & found.keys()
    assert found["CUDA_HOME"] == "/usr/local/cuda"
    assert found["TORCH_SHOW_CPP_STACKTRACES"] == "1"


def test_large_pages_are_the_default_and_the_user_may_turn_them_off(monkeypatch):
    monkeypatch.delenv("THP_MEM_ALLOC_ENABLE", raising=False)
    assert process.environment("/own")["THP_MEM_ALLOC_ENABLE"] == "1"
    monkeypatch.setenv("THP_MEM_ALLOC_ENABLE", "0")
    assert process.environment("/own")["THP_MEM_ALLOC_ENABLE"] == "0"


@LANDLOCK
def test_songs_beside_the_submission_cannot_be_locked_away(model, tmp_path):
    loaded = load_submission(model("class Model:\n    adapt = print\n"))
    songs = Path(loaded.file).parent / "tracks"
    with pytest.raises(BadInput, match=r"cannot be locked away.*move the submission to a folder of its own"):
        process.check_apart(process.readable(loaded.places, []), [songs], [])
    process.check_apart(process.readable(loaded.places, []), [tmp_path / "elsewhere"], [])


def test_answers_are_never_unpickled(monkeypatch):
    """What comes from the child is JSON and numbers: anything else is refused."""

    class Line:
        def __init__(self, *messages):
            self.messages = list(messages)

        def poll(self, seconds):
            return True

        def recv_bytes(self, most):
            assert len(self.messages[0]) <= most
            return self.messages.pop(0)

        def recv(self):
            raise AssertionError("unpickling")

    child = process.Child.__new__(process.Child)
    for messages, message in [
        ([b"[1, 2]"], "out of turn"),
        ([b"\x80\x04K\x01."], "that are no JSON"),
        ([b"[" * 100_000], "that are no JSON"),
        ([b'{"dtype": "Tensor"}'], "expected a floating-point type"),
        ([b'{"dtype": "float32"}', bytes(20)], r"sent 20 bytes; expected 24 for float32 \[1, 2, 3\]"),
        ([b'{"dtype": "float32"}', bytes(28)], r"sent 28 bytes; expected 24"),
    ]:
        child._line = Line(*messages)
        with pytest.raises(BadInput, match=message):
            child.tensor((1, 2, 3))
    assert torch.float32


SLOW = """
import time
class Slow:
    def prepare(self, context):
        self.size = context.vocab_size
    def adapt(self, support):
        print("adapting", flush=True)
        time.sleep(60)
        return self
    def logits(self, songs):
        return torch.zeros(*songs.shape, self.size)
"""


@pytest.fixture
def started(toy, model, tmp_path):
    """An isolated evaluation in a process group of its own, once its submission is at work."""
    own = tmp_path / "tmp"
    own.mkdir()
    command = [sys.executable, "-c", "from fsdl_bench.cli import main; main()", "evaluate", "--isolate"]
    command += ["--submission", model(SLOW), "--track", "toy", "--out", str(tmp_path / "result.json")]
    with (tmp_path / "said").open("wb") as said:
        running = subprocess.Popen(
            command,
            stdout=said,
            stderr=said,
            start_new_session=True,
            env=os.environ | {"TMPDIR": str(own)},
        )
    deadline = time.monotonic() + 120
    while "adapting" not in (tmp_path / "said").read_text() and time.monotonic() < deadline:
        assert running.poll() is None, (tmp_path / "said").read_text()
        time.sleep(0.05)
    yield running
    for one in [*psutil.Process(running.pid).children(), running] if running.poll() is None else []:
        one.kill()
    running.wait()


def test_ctrl_c_ends_the_child_without_a_traceback(started, tmp_path):
    (child,) = psutil.Process(started.pid).children()
    os.killpg(started.pid, signal.SIGINT)  # as a terminal sends it: to the whole group
    assert started.wait(timeout=60) == 130
    said = (tmp_path / "said").read_text()
    assert "Interrupted. Add --resume" in said
    assert "Traceback" not in said
    assert not child.is_running()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_the_folder_that_a_killed_run_left_is_removed_by_the_next(started, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (child,) = psutil.Process(started.pid).children()
    (left,) = (tmp_path / "tmp").glob("fsdl-bench-box-*[!k]")
    own, lock = process.own_folder()
    assert left.is_dir(), "the folder of a run that is alive is left alone"
    started.kill()
    started.wait()
    child.kill()
    other, other_lock = process.own_folder()
    assert not left.exists()
    assert own.is_dir()
    for folder, held in ((own, lock), (other, other_lock)):
        folder.rmdir()
        process.remove_lock(held)
    assert list((tmp_path / "tmp").iterdir()) == []
