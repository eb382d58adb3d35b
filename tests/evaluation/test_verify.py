"""Verifying a result: the same figures, or what differs."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from fsdl_bench.cli import main
from fsdl_bench.errors import BadInput
from fsdl_bench.evaluation.verify import verify
from fsdl_bench.results import read_result

HONEST = Path(__file__).parents[1] / "honest"

LUCKY = """
class Lucky:
    def prepare(self, context):
        self.size = context.vocab_size
    def adapt(self, support):
        return self
    def logits(self, songs):
        scores = torch.zeros(*songs.shape, self.size)
        {peek}
        return scores
"""
PEEK = "scores.scatter_(2, songs[..., None], 0.01)"


@pytest.mark.parametrize("protocol", ["independent", "streaming"])
def test_an_honest_result_holds(toy, run, tmp_path, protocol):
    run(str(HONEST / "mixture.py"), protocol=protocol, shots=[0, 5], seeds=[0, 3])
    found = verify(tmp_path / "result.json", progress=False, workers=2)
    assert found.holds
    assert found.songs == 2 * 8 * 3 * 4
    assert found.largest < 1e-9
    assert found.verified.path == tmp_path / "result.verified.json"
    assert read_result(found.verified.path).result.mode == "verified"


def test_a_peek_too_small_for_an_audit_does_not_hold(toy, model, run, tmp_path, monkeypatch):
    """Every score of the next token is a little higher: the sampled audits are switched off here."""
    monkeypatch.setattr("fsdl_bench.evaluation.batched.Auditor.check", lambda *_: [])
    monkeypatch.setattr("fsdl_bench.evaluation.batched.Auditor.compare", lambda *_: [])
    run(model(LUCKY.format(peek=PEEK)))
    found = verify(tmp_path / "result.json", progress=False)
    assert not found.holds
    assert found.differing == found.songs
    assert found.largest > 1e-3


def test_another_submission_is_refused(toy, model, run, tmp_path):
    path = model(LUCKY.format(peek="pass"))
    run(path, limit=None)
    Path(path).write_text(Path(path).read_text() + "# changed")
    with pytest.raises(BadInput, match="made with another submission"):
        verify(tmp_path / "result.json", progress=False)


def test_the_command(toy, model, run, tmp_path):
    run(model(LUCKY.format(peek="pass")), shots=[0, 5])
    result = CliRunner().invoke(main, ["verify", str(tmp_path / "result.json")])
    assert result.exit_code == 0, result.stderr
    assert "96 songs compared; the largest difference is 0.0e+00 nats per token" in result.stdout
