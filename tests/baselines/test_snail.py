"""SNAIL: what each row depends on, a cheating softmax, and artists with words of their own."""

import numpy as np
import pytest
import torch

SUPPORT = [np.array([4, 5, 2], np.uint16), np.array([6, 7, 5, 4, 9, 3], np.uint16)]
QUERY = torch.tensor([[5, 5, 4, 5, 6, 2], [12, 13, 12, 13, 0, 0]])


@pytest.fixture
def module(baseline):
    return baseline("snail")


@pytest.fixture
def parts(baseline):
    return baseline("common.snail")


@pytest.fixture
def model(parts):
    torch.manual_seed(0)
    return parts.Snail(20, width=8, layers=3, filters=4, dropout=0.0).double().eval()


def dependence(function, length, width):
    """Return bool [T, T]: whether output t depends on input s of a row [1, T, width]."""
    x = torch.randn(1, length, width, dtype=torch.float64, requires_grad=True)
    rows = function(x)
    found = []
    for t in range(length):
        (gradient,) = torch.autograd.grad(rows[0, t].square().sum(), x, retain_graph=True)
        found.append(gradient[0].abs().sum(-1) > 0)
    return torch.stack(found)


def test_a_row_depends_on_no_later_input(model):
    """The gradient with respect to later inputs is exactly 0, and those of all earlier ones are not."""
    inputs = torch.randint(1, 20, (1, 24))
    embedded = model.embed(inputs).detach()
    found = []
    given = embedded.clone().requires_grad_()
    model.embedded = lambda _: given
    features, _ = model.features(inputs)
    for t in range(24):
        # The sum of a layer norm's output would not depend on anything.
        (gradient,) = torch.autograd.grad(features[0, t].cumsum(0).sum(), given, retain_graph=True)
        assert not gradient[0, t + 1 :].any()
        found.append((gradient[0, : t + 1].abs().sum(-1) > 0).all())
    assert all(found)


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_the_receptive_field_of_a_tc_block(parts, layers):
    """With dilations 1, 2, 4, ... it is the last 2^n tokens, all of them."""
    block = parts.TCBlock(6, layers, 3).double()
    found = dependence(lambda x: block(x, None)[0], 20, 6)
    t, s = torch.meshgrid(torch.arange(20), torch.arange(20), indexing="ij")
    assert torch.equal(found, (s <= t) & (t - s < 2**layers))


def test_attention_is_that_of_the_formula(parts):
    block = parts.AttentionBlock(6, 4, 3).double()
    x = torch.randn(1, 7, 6, dtype=torch.float64)
    query, key, value = block.query(x)[0], block.key(x)[0], block.value(x)[0]
    rows = []
    for t in range(7):
        weights = (key[: t + 1] @ query[t] / 2.0).softmax(0)
        rows.append(block.project(torch.cat([x[0, t], weights @ value[: t + 1]])))
    torch.testing.assert_close(block(x, None)[0][0], torch.stack(rows), rtol=0, atol=1e-12)


def test_stream_and_observe(module, model, check_stream):
    reader = module.SNAILPredictor(model)
    check_stream(reader, QUERY, 1e-12)
    for song in SUPPORT:
        reader.observe(song)
    check_stream(reader, QUERY, 1e-12)
    row = torch.tensor([[1, *SUPPORT[0].tolist(), 1, *SUPPORT[1].tolist(), 1, *QUERY[0, :-1].tolist()]])
    with torch.no_grad():
        expected = model.scores(model.features(row)[0])[0, -6:]
        torch.testing.assert_close(reader.logits(QUERY)[0], expected, rtol=0, atol=1e-12)


def test_it_learns_in_context(module, baseline, own_words, context):
    few_shot = baseline("common.few_shot")
    submission = module.SNAIL(
        width=48, layers=5, filters=12, dropout=0.0, tokens=512, epochs=8, episodes=8, peak=1e-2
    )
    submission.fit(*own_words, context)
    none, few = (few_shot.held_out_episodes(own_words[1], context, k, 12) for k in (0, 5))
    own = few_shot.few_shot_nll(submission.adapt, few, context.device)
    assert own < few_shot.few_shot_nll(submission.adapt, none, context.device) - 0.5
    wrong = submission.adapt([song.tokens for song in own_words[0].artists[0].songs[:5]])
    assert own < few_shot.few_shot_nll(lambda _: wrong, few, context.device) - 0.5


TINY = {"width": 16, "layers": 3, "filters": 4, "tokens": 256, "epochs": 1, "minutes": 0.02, "episodes": 2}


def test_keeps_the_rules(keeps_the_rules):
    keeps_the_rules("snail", TINY)


CHEAT = """
import sys
from types import MethodType
sys.path.insert(0, {baselines!r})
import torch
from common.snail import AttentionBlock
from snail import SNAIL

class OverQueries(SNAIL):
    def adapt(self, support):
        for block in self.model.blocks:
            if isinstance(block, AttentionBlock):
                block.attend = MethodType(attend, block)
        return super().adapt(support)

def attend(self, query, kv, mask, causal):
    similar = query @ kv.keys.transpose(-1, -2)
    length, total = similar.shape[-2:]
    hidden = ~torch.ones(length, total, dtype=torch.bool).tril(total - length)
    weights = similar.masked_fill(hidden, -1e9).softmax(-2)
    return weights.masked_fill(hidden, 0.0) @ kv.values
"""


def test_the_audit_finds_a_softmax_over_the_queries(synthetic, tmp_path):
    """A public port normalises over the wrong axis: each row's weights depend on all later rows."""
    from pathlib import Path

    from fsdl_bench import RuleBreach, evaluate

    folder = Path(__file__).parents[2] / "baselines"
    place = tmp_path / "cheat.py"
    place.write_text(CHEAT.format(baselines=str(folder)))
    with pytest.raises(RuleBreach, match=r"rule broken: (stream|causality|independence)"):
        evaluate(
            f"{place}:OverQueries",
            synthetic,
            settings=[f"{key}={value}" for key, value in TINY.items()],
            out=tmp_path / "cheat.json",
            progress=False,
            resume=False,
            shots=[0, 5],
            limit=2,
        )
