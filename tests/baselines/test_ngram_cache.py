"""The caches against a literal implementation, and the quick fit against the full distributions."""

import math
from collections import Counter
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fsdl_bench import Split
from fsdl_bench.codecs.words import WordsCodec

V, BOS, REACH = 9, 1, 3
song = st.lists(st.integers(2, V - 1), min_size=1, max_size=10)
pairs = st.lists(st.floats(-4, 4), min_size=12, max_size=12)


def literal(base, songs, query, t, merge, pairs):
    """p(. | songs, query[:t]), one context at a time, with dictionaries; `base` walks the n-gram chain."""
    begin = (BOS,) * REACH
    own = (*begin, *query[:t])

    def following(texts, context):
        found = Counter()
        for text in texts:
            for end in range(REACH, len(text)):
                if text[end - len(context) : end] == context:
                    found[text[end]] += 1
        return found

    def mixed(p, m, trained):
        context = own[len(own) - m + 1 :]
        for cache, texts in enumerate(([(*begin, *s) for s in songs], [own])):
            found = following(texts, context)
            n = sum(found.values())
            if n:
                r, s = pairs[cache][m - 1]
                if merge == "mixture":
                    share = n / (n + math.exp(s)) / (1 + math.exp(-r))
                else:
                    share = n / (n + math.exp(s) + trained / math.exp(r))
                p = [(1 - share) * p[w] + share * found[w] / n for w in range(V)]
        return p

    return base(mixed if merge == "counts" else None, mixed)


@given(
    st.lists(song, min_size=1, max_size=8),
    st.lists(song, max_size=3),
    song,
    st.sampled_from(["mixture", "counts"]),
    pairs,
    st.integers(1, 4),
)
@settings(max_examples=60, deadline=None)
def test_every_probability_is_the_literal_one(baseline, train, support, query, merge, flat, order):
    ngram, cache = baseline("common.kneser_ney"), baseline("common.ngram_mixing")
    as_tokens = [np.array(s, np.uint16) for s in train]
    model = ngram.KneserNey(ngram.Counts(as_tokens, V, 4), order)
    weights = cache.Weights(merge, torch.tensor(flat, dtype=torch.float64).view(2, REACH, 2))
    mix = partial(cache.mixed, model, weights)
    songs = [np.array(s, np.uint16) for s in support]
    predictor = baseline("common.ngram_predictor").CachePredictor(model, mix, REACH, songs)
    found = predictor.probabilities(query)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)
    text = np.array([BOS, *query])
    for t in range(len(query)):

        def base(in_chain, after, t=t):
            p = model.uniform
            for k, (level, contexts) in enumerate(
                zip(model.levels, model.contexts(text[: t + 1]), strict=True), 1
            ):
                row = np.tile(p, (1, 1))
                level.interpolate(row, contexts[-1:])
                p = row[0]
                if in_chain and k <= REACH:
                    p = np.array(in_chain(p, k, float(level.total(contexts[-1:])[0])))
            for m in range(model.order + 1 if in_chain else 1, REACH + 1):
                p = np.array(after(p, m, 0.0))
            return p

        expected = literal(base, support, query, t, merge, weights.pairs.tolist())
        np.testing.assert_allclose(found[t], expected, rtol=1e-9, atol=1e-13)


def nats_of(predictor, song):
    """-log p of each token [T]."""
    tokens = torch.from_numpy(song.tokens.astype(np.int64))
    return -predictor.logits(tokens[None])[0].gather(1, tokens[:, None])[:, 0]


def fit(baseline, toy_splits, context, **options):
    model = baseline("ngram_cache").NGramCache(orders=(2, 3), reach=3, episodes=6, **options)
    model.fit(*toy_splits, context)
    return model


@pytest.mark.parametrize("merge", ["mixture", "counts"])
def test_the_quick_fit_sees_the_true_nll(baseline, toy_splits, context, merge):
    module = baseline("common.ngram_mixing")
    model = fit(baseline, toy_splits, context, merge=merge)
    episode = context.episodes(toy_splits[1], shots=3, queries=2).episode(5)
    memory = module.Memory([s.tokens for s in episode.support], 3)
    evidence = module.Evidence(model.model, [(s.tokens, memory) for s in episode.query], 3)
    predictor = model.adapt([s.tokens for s in episode.support])
    nats = torch.cat([nats_of(predictor, song) for song in episode.query])
    assert evidence.nats(model.weights) == pytest.approx(float(nats.mean()), rel=1e-9)


def test_the_fit_is_a_minimum_and_the_better_merge_is_taken(baseline, toy_splits, context):
    module = baseline("common.ngram_mixing")
    lines = []
    heard = type(context)(**(vars(context) | {"log": lines.append}))
    model = fit(baseline, toy_splits, heard)
    figures = {line.split(":")[0]: float(line.split()[1]) for line in lines if "episodes" in line}
    assert model.weights.merge == min(figures, key=figures.get) == model.notes["merge"]
    drawn = [
        (s.tokens, module.Memory([x.tokens for x in e.support], 3))
        for k in (0, 5)
        for e in context.episodes(toy_splits[1], shots=k, queries=2, stop=6)
        for s in e.query
    ]
    evidence = module.Evidence(model.model, drawn, 3)
    least = evidence.nats(model.weights)
    assert least == pytest.approx(min(figures.values()), abs=1e-4)
    rng = np.random.default_rng(0)
    for _ in range(20):
        moved = module.Weights(
            model.weights.merge, model.weights.pairs + torch.from_numpy(rng.normal(0, 0.3, (2, 3, 2)))
        )
        assert evidence.nats(moved) > least - 1e-4


def test_the_support_helps_and_the_right_one_more(baseline, toy_splits, context):
    """Toy artists have words of their own, so every shot must gain and a stranger's support must not."""
    model = fit(baseline, toy_splits, context)

    def nats(episode, support):
        predictor = model.adapt([s.tokens for s in support])
        return sum(float(nats_of(predictor, song).sum()) for song in episode.query)

    episodes = [context.episodes(toy_splits[1], shots=5, queries=2).episode(i) for i in range(12)]
    none, one, five = (sum(nats(e, e.support[:k]) for e in episodes) for k in (0, 1, 5))
    stranger = sum(nats(e, next(o for o in episodes if o.artist != e.artist).support) for e in episodes)
    assert five < one < none
    assert five < 0.95 * none
    assert stranger > five


def test_an_observed_song_joins_the_support(baseline, toy_splits, context):
    model = fit(baseline, toy_splits, context)
    songs = [s.tokens for s in toy_splits[1].songs[:3]]
    query = torch.from_numpy(toy_splits[1].songs[4].tokens.astype(np.int64))[None]
    streaming = model.adapt(songs[:2])
    streaming.observe(songs[2])
    torch.testing.assert_close(streaming.logits(query), model.adapt(songs).logits(query), rtol=0, atol=0)
    assert not torch.equal(streaming.logits(query), model.adapt(songs[:2]).logits(query))


def test_without_validation_songs_the_weights_stay_at_their_start(baseline, toy_splits, context):
    model = baseline("ngram_cache").NGramCache(orders=(2,))
    model.fit(toy_splits[0], Split.from_rows("validation", WordsCodec(), []), context)
    start = baseline("common.ngram_mixing").Weights.start("mixture", model.reach)
    assert torch.equal(model.weights.pairs, start.pairs)


def test_contexts_of_a_song_have_keys_of_their_own(baseline):
    """The hash against the contexts themselves: equal where they are, different where they are not."""
    module = baseline("common.ngram_memory")
    tokens = np.random.default_rng(0).integers(2, 5, 400).astype(np.uint16)
    for m in range(1, 9):
        keys = module.context_keys(tokens, m).tolist()
        text = (BOS,) * m + tuple(tokens.tolist())
        contexts = [text[t + 1 : t + m] for t in range(len(tokens))]
        assert len(set(zip(keys, contexts, strict=True))) == len(set(keys)) == len(set(contexts))


@pytest.mark.parametrize("merge", ["mixture", "counts"])
@pytest.mark.parametrize("shots", [0, 2])
def test_the_stream_is_the_batch(baseline, toy_splits, context, check_stream, merge, shots):
    model = fit(baseline, toy_splits, context, merge=merge)
    songs = [song.tokens for song in toy_splits[1].songs]
    check_stream(model.adapt(songs[:shots]), songs[4:7], 1e-9)


@given(st.lists(st.integers(2, 4), min_size=1, max_size=60), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_hits_in_the_songs_own_past_are_those_of_every_pair(baseline, tokens, m):
    module, tokens = baseline("common.ngram_memory"), np.array(tokens)
    for found, expected in zip(
        module.hits_so_far(tokens, m), module.hits(tokens, module.seen_so_far(tokens, m)), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
