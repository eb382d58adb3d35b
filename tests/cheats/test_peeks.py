"""Looking ahead, in every way that fooled sampled audits: under reveal scoring there is nothing to look at.

Stopped by: token t is sent only after the scores for t have arrived, and the recorded nats are those of these
scores.
"""

import pytest

from fsdl_bench.errors import RuleBreach

pytestmark = pytest.mark.walls

PEEK = """
import math
class Cheat:
    {declared}
    calls = 0
    def prepare(self, context):
        self.size = context.vocab_size
    def adapt(self, support):
        type(self).calls += 1
        return self
    def logits(self, songs):
        scores = torch.zeros(*songs.shape, self.size)
        {peek}
        return scores
"""

BOOST = "scores.scatter_(2, songs[..., None].clamp(min=0), {by})"

LAST = "scores[:, -1] = 20.0 * torch.nn.functional.one_hot(songs[:, -1].long(), self.size)"
TWICE = "scores += torch.stack([torch.bincount(s.long(), minlength=self.size) for s in songs])[:, None]"

PEEKS = {
    "everywhere": ("", BOOST.format(by="20.0")),
    "rarely": ("", f"if self.calls % 7 == 3: {BOOST.format(by='20.0')}"),
    "at the last token": ("", LAST),
    "a little, under a declared precision": ("precision = torch.bfloat16", BOOST.format(by="0.7")),
    "a little, in half precision": ("", BOOST.format(by="0.7") + "; scores = scores.bfloat16()"),
    "in two passes": ("", TWICE),
    "a gate on the scored token": ("", "scores[..., 5] = torch.where(songs == 5, 3.0, -3.0)"),
    "with scores that grow": ("", BOOST.format(by="1e30")),
}

STEADY = ["everywhere", "a little, under a declared precision", "a little, in half precision"]


@pytest.fixture
def share(toy, model, run):
    """NLL per token as a share of log V: 1 without a peek."""
    import math

    def evaluated(name, **options):
        declared, peek = PEEKS[name]
        rows = run(model(PEEK.format(declared=declared, peek=peek)), limit=2, shots=[0, 5], **options).rows
        return float(rows.nats.sum() / rows.tokens.sum() / math.log(100))

    return evaluated


@pytest.mark.parametrize("name", PEEKS)
def test_a_peek_gains_nothing_when_tokens_are_revealed(share, name):
    """The future is not there: the last position of every prefix holds a stand-in for the next token."""
    assert share(name, verified=True) > 0.9, "counting the past, as 'in two passes' does, is no peek"


@pytest.mark.parametrize(
    "name", ["everywhere", "a little, under a declared precision", "a little, in half precision"]
)
def test_the_audits_catch_what_is_steady(share, name):
    """As a help while a model is made: the tolerance is measured, not declared."""
    with pytest.raises(RuleBreach, match="causality"):
        share(name)


NUMBERS = {
    "nan": ("torch.full((len(tokens), 100), float('nan'))", "scores are NaN"),
    "infinity": ("torch.full((len(tokens), 100), float('inf'))", r"\+inf"),
    "minus infinity": ("torch.full((len(tokens), 100), -float('inf'))", "every score is -inf"),
    "more ids than there are": ("torch.zeros(len(tokens), 101)", "expected"),
    "whole numbers": ("torch.zeros(len(tokens), 100, dtype=torch.int64)", "expected|floating"),
    "complex numbers": ("torch.zeros(len(tokens), 100, dtype=torch.complex64)", "expected|floating"),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_that_are_no_scores_end_the_run(toy, model, run, name):
    scores, words = NUMBERS[name]
    text = f"""
    class Cheat:
        def adapt(self, support):
            return self
        def stream(self, songs=1):
            return self
        def step(self, tokens):
            return {scores}
        def logits(self, songs):
            return torch.zeros(*songs.shape, 100)
    """
    from fsdl_bench.errors import BadInput

    with pytest.raises(BadInput, match=words):
        run(model(text), verified=True, limit=1, shots=[0])
