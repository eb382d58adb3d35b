"""Modified Kneser-Ney against a literal one: dictionaries, one context and one word at a time."""

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fsdl_bench import Split
from fsdl_bench.codecs.words import WordsCodec

V, BOS = 9, 1
songs_of = st.lists(st.lists(st.integers(2, V - 1), min_size=1, max_size=12), min_size=1, max_size=12)


class Literal:
    """Chen & Goodman's formulas as they are printed; contexts are tuples, the oldest token first."""

    def __init__(self, songs, order):
        self.order = order
        occurrences = [Counter() for _ in range(order + 1)]
        before = [defaultdict(set) for _ in range(order + 1)]
        for song in songs:
            text = (BOS, *song)
            for end in range(1, len(text)):
                for k in range(1, order + 1):
                    start = end - k + 1
                    if start >= 0:
                        gram = text[start : end + 1]
                        occurrences[k][gram] += 1
                        if start > 0:
                            before[k][gram].add(text[start - 1])
        self.counts = [Counter() for _ in range(order + 1)]
        for k in range(1, order + 1):
            for gram, count in occurrences[k].items():
                self.counts[k][gram] = count if k == order or gram[0] == BOS else len(before[k][gram])

    def discount(self, k, count):
        n = Counter(self.counts[k].values())
        if all(n[i] for i in (1, 2, 3, 4)):
            y = n[1] / (n[1] + 2 * n[2])
            d = [0, 1 - 2 * y * n[2] / n[1], 2 - 3 * y * n[3] / n[2], 3 - 4 * y * n[4] / n[3]]
            if all(0 < d[i] <= i for i in (1, 2, 3)):
                return d[min(count, 3)]
        return [0, 0.5, 1.0, 1.5][min(count, 3)]

    def p(self, word, history, k=None):
        k = self.order if k is None else k
        if k == 0:
            return 0.0 if word in (0, BOS) else 1 / (V - 2)
        if len(history) < k - 1:
            return self.p(word, history, k - 1)
        context = tuple(history[len(history) - k + 1 :])
        following = {gram[-1]: c for gram, c in self.counts[k].items() if gram[:-1] == context}
        lower = self.p(word, history, k - 1)
        if not following:
            return lower
        spare = sum(self.discount(k, c) for c in following.values())
        count = following.get(word, 0)
        own = count - self.discount(k, count) if count else 0.0
        return (own + spare * lower) / sum(following.values())


@given(songs_of, st.lists(st.integers(0, V - 1), min_size=1, max_size=8), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_every_probability_is_the_literal_one(baseline, songs, query, order):
    ngram = baseline("common.kneser_ney")
    model = ngram.KneserNey(ngram.Counts([np.array(song, np.uint16) for song in songs], V, 5), order)
    literal = Literal([tuple(song) for song in songs], order)
    found = model.probabilities(query)
    expected = [[literal.p(w, (BOS, *query[:t])) for w in range(V)] for t in range(len(query))]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(model.of_targets(query), found[np.arange(len(query)), query], rtol=1e-12)


@pytest.fixture(scope="module")
def markov():
    """A second-order language of 20 tokens with a known entropy, in long songs."""
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.full(20, 0.2), (20, 20))

    def song(length):
        tokens = [int(t) for t in rng.integers(0, 20, 2)]
        while len(tokens) < length:
            tokens.append(int(rng.choice(20, p=rows[tokens[-2], tokens[-1]])))
        return np.array(tokens, np.uint16) + 4

    return rows, [song(400) for _ in range(150)], [song(400) for _ in range(10)]


def test_it_finds_the_order_and_nearly_the_entropy(baseline, markov, context):
    rows, train, held_out = markov
    splits = [
        Split.from_rows(
            name,
            WordsCodec(),
            [{"artist": f"a{i % 3}", "tokens": s, "text": "", "units": 1} for i, s in enumerate(songs)],
        )
        for name, songs in (("train", train), ("validation", held_out))
    ]
    model = baseline("ngram").NGram()
    model.fit(*splits, context)
    assert model.notes["order"] == 3
    nats = sum(-np.log(model.model.of_targets(song))[2:].sum() for song in held_out)
    truth = sum(
        -math.log(rows[a - 4, b - 4, c - 4])
        for song in held_out
        for a, b, c in zip(song[:-2].tolist(), song[1:-1].tolist(), song[2:].tolist(), strict=True)
    )
    assert truth < nats < 1.1 * truth


def test_logits_are_the_log_of_the_probabilities(baseline, toy_splits, context, check_stream):
    model = baseline("ngram").NGram(orders=(2, 3))
    model.fit(*toy_splits, context)
    one, two = ([5, 17, 2], [9, 8, 7, 6, 5])
    scores = model.logits(torch.tensor([[*one, 0, 0], two]))
    assert scores.shape == (2, 5, 100)
    for row, song in zip(scores, (one, two), strict=True):
        np.testing.assert_allclose(row[: len(song)].exp(), model.model.probabilities(song), atol=1e-14)
    assert torch.isfinite(scores[0, 3:]).all()
    check_stream(model, [one, two], 1e-12)
    assert model.parameters() > 100


def test_without_validation_songs_the_middle_order_is_taken(baseline, toy_splits, context):
    model = baseline("ngram").NGram(orders=(2, 3, 4))
    model.fit(toy_splits[0], Split.from_rows("validation", WordsCodec(), []), context)
    assert model.model.order == 3
