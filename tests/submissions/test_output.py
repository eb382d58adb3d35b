"""What an isolated submission prints, and that it has no terminal."""

import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fsdl_bench.submissions import output

pytestmark = pytest.mark.walls

PRINTS = """
import os, sys
class Prints:
    def prepare(self, context):
        self.size = context.vocab_size
        {action}
    def adapt(self, support):
        return self
    def logits(self, songs):
        return torch.zeros(*songs.shape, self.size)
"""
QUICK = {"limit": 1, "shots": [0], "isolate": True}


def test_it_reaches_standard_error_without_escape_sequences(toy, model, run, capfd):
    action = "print('a\\x1b[2Jb\\x07c'); print('d', file=sys.stderr); sys.stdout.flush()"
    run(model(PRINTS.format(action=action)), **QUICK)
    error = capfd.readouterr().err
    assert "a[2Jbc" in error
    assert "d\n" in error
    assert "\x1b" not in error


def test_it_is_limited(toy, model, run, capfd, monkeypatch):
    monkeypatch.setattr(output, "MOST", 1000)
    run(model(PRINTS.format(action="os.write(2, b'x' * 300_000)")), **QUICK)
    error = capfd.readouterr().err
    assert 1 <= error.count("x" * 1000) <= 2, "of the run's two processes"
    assert error.count("x") <= 2000
    assert "the rest is dropped" in error


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a terminal")
def test_it_has_no_terminal_to_write_into(toy, model, tmp_path):
    """The harness runs on a pseudo-terminal; the submission finds none on its descriptors."""
    path = model(
        PRINTS.format(action="self.ttys = [os.isatty(fd) for fd in range(3)]; assert not any(self.ttys)")
    )
    main, user = pty.openpty()
    options = {"limit": 1, "shots": [0], "isolate": True, "progress": False, "out": str(tmp_path / "r.json")}
    text = f"import fsdl_bench\nfsdl_bench.evaluate({path!r}, 'toy', **{options!r})"
    process = subprocess.Popen([sys.executable, "-c", text], stdin=user, stdout=user, stderr=user)
    os.close(user)
    seen = []

    def read():
        try:
            while data := os.read(main, 4096):
                seen.append(data)
        except OSError:
            pass

    reader = threading.Thread(target=read)
    reader.start()
    assert process.wait(timeout=120) == 0, b"".join(seen).decode()
    reader.join(timeout=5)
    os.close(main)
    assert Path(tmp_path / "r.json").exists()
