"""The arithmetic of the score, against the closed form in other libraries."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from fsdl_bench.codecs import load_codec
from fsdl_bench.errors import RuleBreach
from fsdl_bench.evaluation import scoring
from fsdl_bench.evaluation.scoring import Scored, batches, check_finite, kind_sums, token_nats

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def draw(seed, length, size, dtype=torch.float64, scale=3.0):
    generator = torch.Generator().manual_seed(seed)
    scores = (scale * torch.randn(length, size, generator=generator, dtype=torch.float64)).to(dtype)
    return scores, np.random.default_rng(seed).integers(size, size=length).astype(np.uint16)


@pytest.mark.parametrize("dtype", DTYPES)
def test_is_the_softmax_of_scipy_for_every_type(dtype):
    scores, targets = draw(0, 40, 300, dtype)
    expected = -special.log_softmax(scores.double().numpy(), axis=1)[np.arange(40), targets]
    assert token_nats(scores, targets) == pytest.approx(expected, rel=1e-13)


def test_is_the_sum_of_exponentials_by_hand():
    scores, targets = draw(1, 5, 30)
    for row, target, found in zip(scores.tolist(), targets, token_nats(scores, targets), strict=True):
        assert found == pytest.approx(math.log(math.fsum(map(math.exp, row))) - row[target], abs=1e-13)


@given(st.integers(0, 999), st.floats(-1e4, 1e4))
def test_a_constant_added_to_all_scores_changes_nothing(seed, constant):
    scores, targets = draw(seed, 6, 20)
    assert token_nats(scores + constant, targets) == pytest.approx(token_nats(scores, targets), abs=1e-9)


@given(st.integers(0, 999), st.integers(1, 70))
def test_chunks_do_not_show(seed, chunk):
    scores, targets = draw(seed, 9, 7)
    with pytest.MonkeyPatch.context() as patch:
        whole = token_nats(scores, targets)
        patch.setattr(scoring, "_CPU_CHUNK", chunk)
        assert np.array_equal(token_nats(scores, targets), whole)


def test_a_float32_song_is_not_rounded_in_float32():
    """Large scores of a large vocabulary, where a float32 softmax is off by 1e-5 a token."""
    scores, targets = draw(2, 64, 4096, torch.float32, scale=30.0)
    exact = -special.log_softmax(scores.double().numpy(), axis=1)[np.arange(64), targets]
    rounded = -torch.log_softmax(scores, 1).double().numpy()[np.arange(64), targets]
    assert abs(rounded - exact).max() > 1e-7
    assert abs(token_nats(scores, targets) - exact).max() < 1e-12


def test_scores_are_left_as_they_are():
    scores, targets = draw(3, 8, 9)
    before = scores.clone()
    token_nats(scores, targets)
    assert torch.equal(scores, before)


def test_rows_past_the_last_target_are_not_looked_at():
    scores, targets = draw(4, 8, 9)
    padded = torch.cat([scores, torch.full((3, 9), torch.nan, dtype=scores.dtype)])
    assert np.array_equal(token_nats(padded, targets), token_nats(scores, targets))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s, t: s[3].fill_(-math.inf), "every score is -inf"),
        (lambda s, t: s[3, 5].fill_(math.nan), "1 of 9 scores are NaN"),
        (lambda s, t: s[3, 5].fill_(math.inf), "the score of id 5 is \\+inf"),
        (lambda s, t: s[3, int(t[3])].fill_(-math.inf), "infinite nats"),
    ],
)
def test_a_score_that_is_no_distribution_is_refused(change, message):
    scores, targets = draw(5, 8, 9)
    change(scores, targets)
    with pytest.raises(
        RuleBreach, match=f"a full distribution. In song x, position 3: .*{message}"
    ) as breach:
        check_finite(token_nats(scores, targets), scores, targets, "song x")
    assert breach.value.rule == "a full distribution"


def test_minus_infinity_elsewhere_is_allowed():
    scores, targets = draw(6, 8, 9)
    keep = torch.zeros(8, 9).scatter_(1, torch.as_tensor(targets.astype("int64"))[:, None], 1.0).bool()
    scores[~keep] = -math.inf
    nats = token_nats(scores, targets)
    check_finite(nats, scores, targets, "song x")
    assert nats.tolist() == [0.0] * 8


@given(st.lists(st.integers(1, 50), max_size=20), st.integers(1, 10), st.integers(1, 2000))
def test_batches_hold_all_songs_in_order_within_the_limit(lengths, size, limit):
    found = list(batches(lengths, size, limit))
    assert [i for batch in found for i in batch] == list(range(len(lengths)))
    for batch in found:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) * size <= limit
    for one, two in pairwise(found):
        joined = [*one, two[0]]
        assert len(joined) * max(lengths[i] for i in joined) * size > limit


def test_kinds_of_a_midi_song_leave_only_the_end():
    codec = load_codec("note10ms-v1")
    tokens = np.array([108 + 60, 2284 + 9, 8 + 20, 108 + 64, 2284, 2], np.uint16)
    nats = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    assert kind_sums(nats, tokens, codec) == {"shift": 4.0, "note": 9.0, "dur": 18.0}


def test_parts_of_scored_songs():
    song, nats = np.array([3, 4, 5], np.uint16), np.array([1.0, 2.0, 3.0])
    scored = Scored(("a", "b"), (song, song), (nats, nats), torch.float32)
    assert scored.only(1).names == ("b",)
    cut = scored.until([0, 2])
    assert [len(one) for one in cut.songs] == [len(one) for one in cut.nats] == [1, 3]
    assert cut.names[0] == "a, redrawn from token 0"
