"""The hierarchy against a literal implementation with dictionaries, and against closed forms."""

import math
from collections import Counter
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

V, BOS, REACH = 9, 1, 3
song = st.lists(st.integers(2, V - 1), min_size=1, max_size=10)
values = st.lists(st.floats(-3, 3), min_size=2 * REACH * 4, max_size=2 * REACH * 4)


def arrays(songs):
    return [np.array(one, np.uint16) for one in songs]


def global_model(baseline, train, order, processes):
    ngram = baseline("common.kneser_ney")
    return ngram.KneserNey(ngram.Counts(arrays(train), V, 4), order, processes)


def following(texts, context, start):
    """What followed a context in some texts, for tokens from index `start` on."""
    found = Counter()
    for text in texts:
        for end in range(start, len(text)):
            if tuple(text[end - len(context) : end]) == tuple(context):
                found[text[end]] += 1
    return found


def restaurant(found, base, d, theta):
    n = sum(found.values())
    if not n:
        return base
    return [
        (found[w] - d * (found[w] > 0) + (theta + d * len(found)) * base[w]) / (theta + n) for w in range(V)
    ]


@given(
    train=st.lists(song, min_size=1, max_size=8),
    support=st.lists(song, max_size=3),
    query=song,
    flat=values,
    order=st.integers(1, 4),
)
@settings(max_examples=60, deadline=None)
def test_every_probability_is_the_literal_one(baseline, train, support, query, flat, order):
    module = baseline("common.pitman_yor")
    model = global_model(baseline, train, order, [(0.3 + 0.1 * k, 0.5 * k) for k in range(order)])
    settings_ = module.Restaurants(torch.tensor(flat, dtype=torch.float64).view(2, REACH, 4))
    predictor = baseline("common.ngram_predictor").CachePredictor(
        model, partial(module.mixed, model, settings_), REACH, arrays(support)
    )
    found = predictor.probabilities(query)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)
    begin = [BOS] * REACH
    text = np.array([BOS, *query])
    for t in range(len(query)):
        past = [*begin, *query[:t]]
        levels = list(zip(model.levels, model.contexts(text[: t + 1]), strict=True))
        upper = np.tile(model.uniform, (1, 1))
        own = [None, None]
        for m in range(1, REACH + 1):
            trained = 0.0
            if m <= len(levels):
                level, contexts = levels[m - 1]
                level.interpolate(upper, contexts[-1:])
                trained = float(level.total(contexts[-1:])[0])
            above = list(upper[0])
            context = past[len(past) - m + 1 :]
            for s, texts in enumerate(([[*begin, *one] for one in support], [past])):
                logit, log, a, b = flat[(s * REACH + m - 1) * 4 :][:4]
                if m > 1:
                    share = 1 / (1 + math.exp(-(a + b * math.log(1 + trained))))
                    above = [share * x + (1 - share) * y for x, y in zip(own[s], above, strict=True)]
                seen = following(texts, context, REACH)
                above = own[s] = restaurant(seen, above, 1 / (1 + math.exp(-logit)), math.exp(log))
        np.testing.assert_allclose(found[t], own[1], rtol=1e-9, atol=1e-13)


@given(train=st.lists(song, min_size=1, max_size=8), query=song, d=st.floats(0.1, 0.9))
@settings(max_examples=60, deadline=None)
def test_without_concentration_it_is_interpolated_kneser_ney(baseline, train, query, d):
    """Absolute discounting of the counts of different preceding tokens, written out for trigrams."""
    model = global_model(baseline, train, 3, [(d, 0.0)] * 3)
    texts = [[BOS, *one] for one in train]
    grams = {
        k: Counter(
            tuple(text[end - k + 1 : end + 1]) for text in texts for end in range(max(k - 1, 1), len(text))
        )
        for k in (1, 2, 3)
    }
    begins = {k: Counter(tuple(text[:k]) for text in texts) for k in (2, 3)}

    def count(gram):
        if len(gram) == min(3, max(map(len, texts))):
            return grams[len(gram)][gram]
        if len(gram) > 1 and begins[len(gram)][gram]:
            return grams[len(gram)][gram]
        return len({longer[0] for longer in grams[len(gram) + 1] if longer[1:] == gram})

    def p(word, context):
        lower = model.uniform[word] if not context else p(word, context[1:])
        row = {w: count((*context, w)) for w in range(V) if grams[len(context) + 1][(*context, w)]}
        n = sum(row.values())
        if not n:
            return lower
        return (max(row.get(word, 0) - d, 0) + d * len(row) * lower) / n

    text = [BOS, *query]
    found = model.probabilities(query)
    for t in range(len(query)):
        context = tuple(text[max(0, t - 1) : t + 1])
        assert found[t] == pytest.approx([p(w, context) for w in range(V)], abs=1e-12)


def test_one_level_with_a_known_base_is_the_dirichlet_predictive(baseline):
    module = baseline("common.pitman_yor")
    seen = baseline("common.ngram_memory").Seen
    base = np.random.default_rng(0).dirichlet(np.ones(V), 2)
    counts = np.array([[0, 3, 1, 0, 0, 2, 0, 0, 0], [0] * V])
    rows, words = np.nonzero(counts)
    found = module.seated(base.copy(), seen(counts.sum(axis=1), rows, words, counts[rows, words]), 0.0, 2.5)
    np.testing.assert_allclose(found, (counts + 2.5 * base) / (counts.sum(axis=1, keepdims=True) + 2.5))


@given(st.lists(st.integers(2, 4), min_size=1, max_size=60), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_visits_so_far_are_those_of_every_pair(baseline, tokens, m):
    module, tokens = baseline("common.pitman_yor"), np.array(tokens)
    memory = baseline("common.ngram_memory")
    keys = memory.context_keys(tokens, m)
    for t, found in enumerate(zip(*module.visits_so_far(tokens, m), strict=True)):
        past = [w for key, w in zip(keys[:t], tokens[:t], strict=True) if key == keys[t]]
        assert found == (len(past), past.count(tokens[t]), len(set(past)))


def fit(baseline, toy_splits, context):
    model = baseline("pitman_yor").PitmanYor(orders=(2, 3), reach=3, episodes=6)
    model.fit(*toy_splits, context)
    return model


def nats_of(predictor, song):
    """-log p of each token [T]."""
    tokens = torch.from_numpy(song.tokens.astype(np.int64))
    return -predictor.logits(tokens[None])[0].gather(1, tokens[:, None])[:, 0]


def test_the_quick_fit_sees_the_true_nll_and_is_a_minimum(baseline, toy_splits, context):
    module, memory = baseline("common.pitman_yor"), baseline("common.ngram_memory")
    model = fit(baseline, toy_splits, context)
    episode = context.episodes(toy_splits[1], shots=3, queries=2).episode(5)
    songs = [s.tokens for s in episode.support]
    evidence = module.Evidence(model.model, [(s.tokens, memory.Memory(songs, 3)) for s in episode.query], 3)
    nats = torch.cat([nats_of(model.adapt(songs), song) for song in episode.query])
    assert evidence.nats(model.restaurants) == pytest.approx(float(nats.mean()), rel=1e-9)
    drawn = memory.songs_with_memories(toy_splits[1], context, 6, 3)
    whole = module.Evidence(model.model, drawn, 3)
    least = whole.nats(model.restaurants)
    rng = np.random.default_rng(0)
    for _ in range(20):
        moved = model.restaurants.values + torch.from_numpy(rng.normal(0, 0.3, (2, 3, 4)))
        assert whole.nats(module.Restaurants(moved)) > least - 1e-4


def test_the_processes_of_all_artists_are_a_minimum(baseline, toy_splits):
    module, ngram = baseline("common.pitman_yor"), baseline("common.kneser_ney")
    counts = ngram.Counts([s.tokens for s in toy_splits[0].songs], 100, 3)
    held_out = [s.tokens for s in toy_splits[1].songs]

    def nats(processes):
        model = ngram.KneserNey(counts, 3, processes)
        return -np.concatenate([np.log(model.of_targets(one)) for one in held_out]).mean()

    best = module.fitted_processes(counts, 3, held_out)
    least = nats(best)
    for k in range(3):
        for change in ((0.02, 0.0), (-0.02, 0.0), (0.0, 0.3)):
            moved = [
                (min(d + change[0] * (j == k), 1.0), theta + change[1] * (j == k))
                for j, (d, theta) in enumerate(best)
            ]
            assert nats(moved) > least - 1e-4


def test_the_support_helps_in_any_order(baseline, toy_splits, context):
    model = fit(baseline, toy_splits, context)
    episodes = [context.episodes(toy_splits[1], shots=5, queries=2).episode(i) for i in range(12)]

    def nats(episode, support):
        predictor = model.adapt([s.tokens for s in support])
        return sum(float(nats_of(predictor, song).sum()) for song in episode.query)

    none, five = (sum(nats(e, e.support[:k]) for e in episodes) for k in (0, 5))
    stranger = sum(nats(e, next(o for o in episodes if o.artist != e.artist).support) for e in episodes)
    assert five < 0.95 * none
    assert stranger > five
    one = episodes[0]
    assert nats(one, one.support[::-1]) == pytest.approx(nats(one, one.support), rel=1e-12)


@pytest.mark.parametrize("shots", [0, 2])
def test_the_stream_is_the_batch(baseline, toy_splits, context, check_stream, shots):
    model = fit(baseline, toy_splits, context)
    songs = [song.tokens for song in toy_splits[1].songs]
    check_stream(model.adapt(songs[:shots]), songs[4:7], 1e-9)


def test_an_observed_song_joins_the_support(baseline, toy_splits, context):
    model = fit(baseline, toy_splits, context)
    songs = [s.tokens for s in toy_splits[1].songs[:3]]
    query = torch.from_numpy(toy_splits[1].songs[4].tokens.astype(np.int64))[None]
    streaming = model.adapt(songs[:2])
    streaming.observe(songs[2])
    torch.testing.assert_close(streaming.logits(query), model.adapt(songs).logits(query), rtol=0, atol=0)


def test_the_best_order_is_taken(baseline, toy_splits):
    """The toy language is one of bigrams."""
    module, ngram = baseline("common.pitman_yor"), baseline("common.kneser_ney")
    counts = ngram.Counts([s.tokens for s in toy_splits[0].songs], 100, 4)
    held_out = [s.tokens for s in toy_splits[1].songs]
    model, nats = module.best_model(counts, (1, 2, 4), held_out)
    assert model.order == 2
    for order in (1, 4):
        assert module.best_model(counts, (order,), held_out)[1] > nats
    assert module.best_model(counts, (1, 2), [])[0].order == 2
