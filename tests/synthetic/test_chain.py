"""The exact probabilities against brute force, on chains small enough to write out every song."""

import itertools
from math import exp, inf, isclose, log

import numpy as np
import pytest
from scipy import integrate, special, stats

from fsdl_bench.codecs.base import BOS, EOS, PAD
from fsdl_bench.synthetic.chain import Predictive, Singer, Slot, add_counts, draw_artist

A, B = 3, 4


class Bigram:
    """A and B in any order, each given the one before; EOS at any time but first, and after `longest` - 1."""

    vocab_size = 5

    def __init__(self, longest=6):
        self.longest = longest
        self.prior = tuple(map(np.array, ([0.7, 0.4], [0.5, 1.2, 0.3], [0.9, 0.2, 2.0], [1.0])))
        self.slots = {
            None: Slot(0, np.array([A, B])),
            A: Slot(1, np.array([EOS, A, B])),
            B: Slot(2, np.array([EOS, A, B])),
        }
        self.last = Slot(3, np.array([EOS]))

    def song(self):
        token = None
        for _ in range(self.longest - 1):
            token = yield self.slots[token]
            if token == EOS:
                return
        yield self.last


class Geometric:
    """A's, until EOS: one context of two symbols."""

    vocab_size = 4
    longest = 10_000

    def __init__(self, alpha=0.8, beta=2.5):
        self.prior = (np.array([alpha, beta]),)
        self.slot = Slot(0, np.array([EOS, A]))

    def song(self):
        while (yield self.slot) != EOS:
            pass


SUPPORT = [[A, A, B, EOS], [B, B, B, B, B, EOS], [A, EOS]]


def every_song(longest):
    for length in range(1, longest):
        for body in itertools.product((A, B), repeat=length):
            yield [*body, EOS]


def predictives(chain):
    theta = draw_artist(chain, np.random.RandomState(3))
    return {
        "oracle": Predictive(chain, theta, learns=False),
        "no support": Predictive(chain, chain.prior, learns=True),
        "support": Predictive(chain, add_counts(chain, chain.prior, SUPPORT), learns=True),
    }


def marginal(chain, songs):
    """log p(songs) with theta integrated out, by Gamma functions of counts that are counted here."""
    counts = {context: {} for context in (None, A, B)}
    for song in songs:
        for before, token in itertools.pairwise([None, *song][: chain.longest]):
            counts[before][token] = counts[before].get(token, 0) + 1
    total = 0.0
    for before, seen in counts.items():
        slot = chain.slots[before]
        prior = chain.prior[slot.context]
        n = np.array([seen.get(token, 0) for token in slot.tokens.tolist()])
        total += special.gammaln(prior.sum()) - special.gammaln(prior.sum() + n.sum())
        total += (special.gammaln(prior + n) - special.gammaln(prior)).sum()
    return total


@pytest.mark.parametrize("name", ["oracle", "no support", "support"])
def test_the_probabilities_of_all_songs_add_up_to_one(name):
    predictive = predictives(Bigram())[name]
    assert isclose(sum(exp(-predictive.nll(song)) for song in every_song(6)), 1.0, rel_tol=1e-12)


@pytest.mark.parametrize("name", ["oracle", "no support", "support"])
def test_what_short_songs_leave_is_the_probability_of_longer_ones(name):
    predictive = predictives(Bigram(longest=12))[name]
    short = sum(exp(-predictive.nll(song)) for song in every_song(6))
    longer = sum(exp(-predictive.nll(start)) for start in itertools.product((A, B), repeat=6))
    assert 0.01 < longer < 0.99
    assert isclose(short + longer, 1.0, rel_tol=1e-12)


def test_the_oracles_long_songs_by_powers_of_the_transition_matrix():
    chain = Bigram(longest=50)
    first, after_a, after_b, _ = theta = draw_artist(chain, np.random.RandomState(3))
    still_going = first @ np.linalg.matrix_power(np.array([after_a[1:], after_b[1:]]), 5)
    oracle = Predictive(chain, theta, learns=False)
    assert isclose(
        1 - sum(exp(-oracle.nll(song)) for song in every_song(6)), still_going.sum(), rel_tol=1e-12
    )


def test_the_chain_rule_gives_the_marginal_likelihood():
    chain = Bigram()
    songs = [*SUPPORT, [B, A, B, A, EOS]]
    for shots in range(len(songs)):
        predictive = Predictive(chain, add_counts(chain, chain.prior, songs[:shots]), learns=True)
        expected = marginal(chain, songs[: shots + 1]) - marginal(chain, songs[:shots])
        assert isclose(-predictive.nll(songs[shots]), expected, rel_tol=1e-12)


@pytest.mark.parametrize("shots", [0, 1, 3])
def test_two_symbols_by_numerical_integration_over_theta(shots):
    """p(song | support) = int p(song, support | theta) p(theta) / int p(support | theta) p(theta)."""
    chain = Geometric(alpha=1.8, beta=2.5)
    support, song = [[A, A, A, EOS], [EOS], [A, EOS]][:shots], [A, A, EOS]

    def density(end, songs):
        tokens = [token for each in songs for token in each]
        return stats.beta.pdf(end, 1.8, 2.5) * end ** tokens.count(EOS) * (1 - end) ** tokens.count(A)

    with_song, _ = integrate.quad(density, 0, 1, args=([*support, song],), epsabs=1e-13)
    without, _ = integrate.quad(density, 0, 1, args=(support,), epsabs=1e-13)
    predictive = Predictive(chain, add_counts(chain, chain.prior, support), learns=True)
    assert isclose(exp(-predictive.nll(song)), with_song / without, rel_tol=1e-9)


@pytest.mark.parametrize("length", [1, 4, 30])
def test_the_length_of_a_song_by_the_beta_function(length):
    """P(more than L tokens) = B(alpha, beta + L) / B(alpha, beta)."""
    predictive = Predictive(Geometric(), Geometric().prior, learns=True)
    short = sum(exp(-predictive.nll([A] * count + [EOS])) for count in range(length))
    longer = exp(special.betaln(0.8, 2.5 + length) - special.betaln(0.8, 2.5))
    assert isclose(short, 1 - longer, rel_tol=1e-11)
    assert isclose(exp(-predictive.nll([A] * length)), longer, rel_tol=1e-11)


@pytest.mark.parametrize("name", ["oracle", "no support", "support"])
def test_every_row_is_a_distribution_and_holds_the_songs_own_figure(name):
    predictive = predictives(Bigram())[name]
    for song in every_song(6):
        rows = predictive.log_probs(song)
        assert rows.shape == (len(song), 5)
        assert rows.dtype == np.float64
        np.testing.assert_allclose(special.logsumexp(rows, axis=1), 0, atol=1e-14)
        assert isclose(-rows[range(len(song)), song].sum(), predictive.nll(song), rel_tol=1e-12)
        assert np.isneginf(rows[:, [PAD, BOS]]).all()


def test_a_row_is_the_ratio_of_two_marginals():
    chain, predictive = Bigram(), predictives(Bigram())["support"]
    song = [A, A, B, A]
    rows = predictive.log_probs(song)
    for t, token in itertools.product(range(1, len(song)), (EOS, A, B)):
        expected = marginal(chain, [*SUPPORT, [*song[:t], token]]) - marginal(chain, [*SUPPORT, song[:t]])
        assert isclose(rows[t, token], expected, rel_tol=1e-11)


@pytest.mark.parametrize("name", ["oracle", "no support", "support"])
def test_a_row_depends_on_the_tokens_before_it_only(name):
    predictive = predictives(Bigram())[name]
    rows = predictive.log_probs([A, B, B, A, EOS])
    for t in range(5):
        np.testing.assert_array_equal(
            predictive.log_probs([A, B, B, A][:t] + [B] * (5 - t))[: t + 1], rows[: t + 1]
        )


@pytest.mark.parametrize("tokens", [[A, PAD, A, A], [A, EOS, EOS, PAD], [A, 70, A, A], [PAD, A, A, A]])
def test_what_is_no_song_has_no_probability_and_uniform_rows_from_there_on(tokens):
    predictive = predictives(Bigram())["support"]
    assert predictive.nll(tokens) == inf
    rows = predictive.log_probs(tokens)
    sound = tokens.index(next(token for token in tokens if token not in (A, B))) + 1
    assert np.isfinite(rows[:sound]).sum(axis=1).tolist() == [2, 3][:sound]
    np.testing.assert_array_equal(rows[sound:], -log(5))
    with pytest.raises(ValueError, match="not a song of this model"):
        add_counts(Bigram(), Bigram().prior, [tokens])


def test_no_tokens_at_all():
    predictive = predictives(Bigram())["oracle"]
    assert predictive.log_probs([]).shape == (0, 5)
    assert predictive.nll([]) == 0


def test_the_support_is_a_set_and_grows_one_song_at_a_time():
    chain, song = Bigram(), [B, A, EOS]
    expected = predictives(chain)["support"].nll(song)
    for order in itertools.permutations(SUPPORT):
        predictive = Predictive(chain, chain.prior, learns=True)
        for seen in order:
            predictive = predictive.given(seen)
        assert isclose(predictive.nll(song), expected, rel_tol=1e-14)
    oracle = predictives(chain)["oracle"]
    assert oracle.given(SUPPORT[0]).nll(song) == oracle.nll(song)


def test_scoring_changes_nothing():
    chain = Bigram()
    before = [prior.copy() for prior in chain.prior]
    predictive = predictives(chain)["support"]
    assert predictive.nll([B, A, A, EOS]) == predictive.nll([B, A, A, EOS])
    predictive.given([A, EOS])
    for now, then in zip(chain.prior, before, strict=True):
        np.testing.assert_array_equal(now, then)


# --- drawing


def frequencies_agree(drawn, expected):
    """Chi-square test of the songs drawn against their exact probabilities; rare songs are taken together."""
    common = {song: p for song, p in expected.items() if p * len(drawn) >= 5}
    found = [sum(other == song for other in drawn) for song in common]
    found.append(len(drawn) - sum(found))
    wanted = [p * len(drawn) for p in common.values()]
    wanted.append(len(drawn) - sum(wanted))
    assert len(common) > 10
    return stats.chisquare(found, wanted).pvalue > 1e-3


def exact(predictive):
    return {tuple(song): exp(-predictive.nll(song)) for song in every_song(6)}


def test_an_artists_songs_are_as_frequent_as_the_oracle_says():
    chain, random = Bigram(), np.random.RandomState(1)
    theta = draw_artist(chain, np.random.RandomState(3))
    singer = Singer(chain, theta)
    drawn = [tuple(singer.draw(random).tolist()) for _ in range(4000)]
    assert frequencies_agree(drawn, exact(predictives(chain)["oracle"]))
    assert not frequencies_agree(drawn, exact(predictives(chain)["no support"]))


def test_songs_of_new_artists_are_as_frequent_as_the_bayes_optimal_predictive_says():
    chain, random = Bigram(), np.random.RandomState(2)
    drawn = [tuple(Singer(chain, draw_artist(chain, random)).draw(random).tolist()) for _ in range(4000)]
    assert frequencies_agree(drawn, exact(predictives(chain)["no support"]))
    assert not frequencies_agree(drawn, exact(predictives(chain)["oracle"]))


def test_artists_have_the_mean_and_the_variance_of_their_dirichlet():
    chain, random = Bigram(), np.random.RandomState(4)
    drawn = [draw_artist(chain, random) for _ in range(20_000)]
    for context, prior in enumerate(chain.prior):
        theta = np.array([artist[context] for artist in drawn])
        expected = stats.dirichlet(prior) if len(prior) > 1 else None
        np.testing.assert_allclose(theta.sum(axis=1), 1)
        if expected:
            np.testing.assert_allclose(theta.mean(axis=0), expected.mean(), atol=0.01)
            np.testing.assert_allclose(theta.var(axis=0), expected.var(), atol=0.01)


def test_a_song_takes_the_same_numbers_from_the_stream_whatever_its_length():
    chain, random = Bigram(), np.random.RandomState(5)
    singer = Singer(chain, draw_artist(chain, random))
    state = np.random.RandomState(6)
    lengths = {len(singer.draw(state)) for _ in range(50)}
    again = np.random.RandomState(6)
    again.random_sample(50 * chain.longest)
    assert len(lengths) > 3
    assert state.random_sample() == again.random_sample()


def test_a_chain_that_never_ends_is_noticed():
    chain = Geometric()
    chain.longest = 5
    with pytest.raises(AssertionError, match="went on after 5 tokens"):
        Singer(chain, (np.array([0.0, 1.0]),)).draw(np.random.RandomState(0))
