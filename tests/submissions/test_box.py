"""A submission in a process of its own, and the lock on that process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fsdl_bench.errors import BadInput, RuleBreach
from fsdl_bench.submissions import landlock

pytestmark = pytest.mark.walls

LANDLOCK = pytest.mark.skipif(not landlock.version(), reason="the kernel has no Landlock")

NOISY = """
import os
class Noisy:
    precision = torch.float32
    def prepare(self, context):
        self.size = context.vocab_size
        self.dtype = {kind}
    def adapt(self, support):
        self.generator = sum(int(song.sum()) for song in support)
        return self
    def logits(self, songs):
        shape = torch.arange(self.size).to(self.dtype) / 100 * (1 + self.generator % 7)
        return shape.expand(*songs.shape, -1)
    def stream(self, songs=1):
        return self
    def step(self, tokens):
        return self.logits(tokens)
"""


def test_gives_what_the_harness_s_own_process_gives(toy, model, run):
    path = model(NOISY.format(kind="torch.bfloat16"))
    options = {"limit": 1, "shots": [0, 5]}
    here, there = run(path, **options), run(path, **options, isolate=True)
    assert here.rows.equals(there.rows)
    assert {verdict.rule for verdict in here.result.audits} == {v.rule for v in there.result.audits}


def test_a_reference_model_goes_by_its_name(toy, run):
    isolated = run("fsdl_bench:uniform", limit=1, shots=[0], isolate=True)
    assert isolated.result.submission.name == "Uniform"
    assert isolated.rows.equals(run("fsdl_bench:uniform", limit=1, shots=[0]).rows)


FAILING = {
    "raise ValueError('my own mistake')": (BadInput, r"the submission failed:\n(.|\n)*my own mistake"),
    "return 3": (BadInput, r"int has no method `logits\(songs\)`"),
    "import os; os._exit(9)": (BadInput, r"process ended unexpectedly \(exit status 9\)"),
}


def test_a_failure_while_it_prepares_ends_the_process(toy, model, run):
    text = "class Late:\n    def prepare(self, context):\n        1 / 0\n    adapt = print\n"
    with pytest.raises(BadInput, match="ZeroDivisionError"):
        run(model(text), isolate=True)


@pytest.mark.parametrize("body", FAILING)
def test_what_goes_wrong_there_is_told_here(toy, model, run, body):
    kind, message = FAILING[body]
    path = model(f"class Failing:\n    def adapt(self, support):\n        {body}\n")
    with pytest.raises(kind, match=message):
        run(path, isolate=True)


def test_scores_that_are_no_distribution_break_the_rule_here(toy, model, run):
    text = NOISY.format(kind="torch.float32").replace("/ 100", "* torch.nan")
    with pytest.raises(RuleBreach, match="a full distribution"):
        run(model(text), isolate=True)


def test_an_object_cannot_be_isolated(toy, run):
    with pytest.raises(BadInput, match="given as an object cannot be isolated"):
        run(object(), isolate=True)


def locked(tmp_path, code, read=(), write=()):
    """Run code in a process that has locked itself in."""
    system = ["/usr", "/lib", "/lib64", "/etc", "/dev", sys.base_prefix, sys.prefix, *sys.path[1:]]
    script = f"""
import sys
from fsdl_bench.submissions.landlock import lock
print(lock({[*system, *map(str, read)]!r}, {[*map(str, write)]!r}))
{code}
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
        check=False,
    )


@LANDLOCK
def test_the_lock_holds_for_libraries_too(tmp_path):
    secret, open_ = tmp_path / "secret", tmp_path / "open"
    for folder in (secret, open_):
        folder.mkdir()
        (folder / "file").write_text("content")
    code = f"""
import pyarrow
for folder in ({str(open_)!r}, {str(secret)!r}):
    try:
        print(pyarrow.OSFile(folder + "/file").read())
    except OSError as error:
        print("no")
try:
    open({str(open_)!r} + "/new", "w")
except OSError:
    print("read only")
"""
    done = locked(tmp_path, code, read=[open_])
    assert done.stdout.split("\n")[:4] == ["True", "b'content'", "no", "read only"], done.stderr


NOTES = """
from pathlib import Path
class Notes:
    def __init__(self, place: str):
        self.place = place
    def prepare(self, context):
        self.size = context.vocab_size
    def adapt(self, support):
        return self
    def logits(self, songs):
        try:
            Path(self.place, "fsdl-bench-note").write_text("peeked")
            print("a note was left")
        except OSError:
            pass
        return torch.zeros(*songs.shape, self.size)
"""


@LANDLOCK
def test_no_process_can_leave_a_note_for_the_next(toy, model, run, capfd):
    run(model(NOTES), settings=["place=/dev/shm"], isolate=True, limit=1, shots=[0])
    assert "a note was left" not in capfd.readouterr().err
    assert not Path("/dev/shm/fsdl-bench-note").exists()


@LANDLOCK
def test_the_lock_lets_write_where_it_may_and_connect_nowhere(tmp_path):
    code = f"""
import socket
open({str(tmp_path)!r} + "/new", "w").write("x")
try:
    socket.create_connection(("127.0.0.1", 9), timeout=2)
except PermissionError:
    print("no network")
"""
    done = locked(tmp_path, code, write=[tmp_path])
    assert done.stdout.split() == ["True", "no", "network"], done.stderr
    assert (tmp_path / "new").read_text() == "x"


def test_without_landlock_it_says_so(monkeypatch):
    monkeypatch.setattr(landlock, "version", lambda: 0)
    assert landlock.lock([], []) is False
