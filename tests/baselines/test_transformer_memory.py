"""With a memory: a set of songs, alike in training and scoring, used for what it is worth."""

import itertools
import pickle

import numpy as np
import pytest
import torch

TINY = {"width": 16, "heads": 2, "encoder": 1, "layers": 2, "dropout": 0.0}


@pytest.fixture
def module(baseline):
    return baseline("transformer_memory")


@pytest.fixture(params=[0, 3], ids=["every token", "3 slots"])
def untrained(module, request):
    """A submission with random weights, in double precision."""
    submission = module.TransformerMemory(**TINY, slots=request.param)
    submission.model = module.MemoryTransformer(100, **TINY, slots=request.param).double().eval()
    return submission


@pytest.fixture
def songs(toy_splits):
    return [song.tokens for song in toy_splits[0].artists[0].songs]


def query_of(songs):
    return torch.tensor(songs[-1].astype("int64"))[None]


@torch.no_grad()
def test_the_support_is_a_set(untrained, songs):
    first = untrained.adapt(songs[:3]).logits(query_of(songs))
    for order in itertools.permutations(songs[:3]):
        torch.testing.assert_close(untrained.adapt(order).logits(query_of(songs)), first, rtol=0, atol=1e-12)
    assert not torch.allclose(untrained.adapt(songs[:2]).logits(query_of(songs)), first, atol=1e-6)


@torch.no_grad()
def test_order_inside_a_song_counts(untrained, songs):
    """Tokens are no bag: the encoder knows their places."""
    forward = untrained.adapt(songs[:1]).logits(query_of(songs))
    backward = untrained.adapt([songs[0][::-1].copy()]).logits(query_of(songs))
    assert not torch.allclose(forward, backward, atol=1e-6)


@torch.no_grad()
def test_songs_are_encoded_alike_in_any_company(untrained, songs):
    padded = torch.nn.utils.rnn.pad_sequence(
        [torch.tensor(song.astype("int64")) for song in songs[:9]], batch_first=True
    )
    together = untrained.model.encode(padded, [len(song) for song in songs[:9]])
    for song, found in zip(songs, together, strict=False):
        alone = untrained.model.encode(torch.tensor(song.astype("int64"))[None], [len(song)])[0]
        torch.testing.assert_close(found, alone, rtol=0, atol=1e-12)
        assert len(found) == (len(song) if not untrained.slots else 3)


@torch.no_grad()
def test_no_vector_can_outgrow_the_others(untrained, songs):
    """However large a vector of the memory, attention to it is as its direction says."""
    encoded = untrained.adapt(songs[:1]).logits(query_of(songs))
    untrained.model.null *= 1e3
    torch.testing.assert_close(untrained.adapt(songs[:1]).logits(query_of(songs)), encoded, rtol=0, atol=1e-4)
    untrained.model.null += torch.randn_like(untrained.model.null) * 1e3
    assert not torch.allclose(untrained.adapt(songs[:1]).logits(query_of(songs)), encoded, atol=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("shots", [0, 1, 3])
def test_episodes_in_training_cost_what_scoring_costs(module, untrained, toy_splits, context, shots):
    batch = context.episodes(toy_splits[0], shots=shots, queries=2, batch_size=3).batch(5)
    nats = tokens = 0.0
    for episode in range(3):
        support = [
            song[:length].numpy().astype(np.uint16)
            for song, length in zip(batch.support[episode], batch.support_lengths[episode], strict=True)
        ]
        predictor = untrained.adapt(support)
        for song, length in zip(batch.query[episode], batch.query_lengths[episode], strict=True):
            scores = predictor.logits(song[None, :length])[0]
            nats += float(torch.nn.functional.cross_entropy(scores, song[:length], reduction="sum"))
            tokens += int(length)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "half", lambda device: torch.autocast("cpu", enabled=False))
        loss = float(module.episodes_loss(untrained.model, batch))
    assert loss == pytest.approx(nats / tokens, abs=1e-5)


@torch.no_grad()
def test_stream_agrees_with_logits(untrained, songs):
    for shots in (0, 2):
        predictor = untrained.adapt(songs[:shots])
        stream = predictor.stream()
        rows = torch.stack([stream.step(token) for token in [1, *songs[-1][:-1].tolist()]])
        torch.testing.assert_close(rows, predictor.logits(query_of(songs))[0], rtol=0, atol=1e-12)


@torch.no_grad()
def test_an_observed_song_joins_the_support(untrained, songs):
    grown = untrained.adapt(songs[:1])
    before = grown.logits(query_of(songs))
    grown.observe(songs[1])
    torch.testing.assert_close(
        grown.logits(query_of(songs)), untrained.adapt(songs[:2]).logits(query_of(songs)), rtol=0, atol=0
    )
    torch.testing.assert_close(untrained.adapt(songs[:1]).logits(query_of(songs)), before, rtol=0, atol=0)


def test_the_support_of_the_right_artist_helps(module, baseline, own_words, context):
    """A song of 10 tokens shows an artist's 4 words late; 5 songs show them before it begins."""
    few_shot = baseline("common.few_shot")
    submission = module.TransformerMemory(
        width=32, heads=2, encoder=1, layers=2, dropout=0.0, peak=5e-3, batch=8, epochs=6
    )
    submission.fit(*own_words, context)
    train, validation = own_words
    none, few = (few_shot.held_out_episodes(validation, context, k, 12) for k in (0, 5))
    again = pickle.loads(pickle.dumps(submission))
    wrong = again.adapt([song.tokens for song in train.artists[0].songs[:5]])
    zero, right, control = (
        few_shot.few_shot_nll(adapt, episodes, context.device)
        for adapt, episodes in ((again.adapt, none), (again.adapt, few), (lambda _: wrong, few))
    )
    assert right < zero - 0.3
    assert right < control - 0.3


@pytest.mark.parametrize("protocol", ["independent", "streaming"])
@pytest.mark.parametrize("slots", [0, 2])
def test_keeps_the_rules(score, protocol, slots):
    settings = [f"{key}={value}" for key, value in (TINY | {"epochs": 1, "slots": slots}).items()]
    stored, _ = score("transformer_memory", settings, protocol=protocol, shots=[0, 5], limit=2)
    rules = {verdict.rule for verdict in stored.result.audits}
    assert {"causality", "independence", "determinism", "state", "stream"} <= rules
    assert all(verdict.passed for verdict in stored.result.audits)


def test_its_size_is_the_others(module):
    model = module.MemoryTransformer(4096, 128, 2, 1, 3, 0, 0.1)
    assert 0.9e6 < sum(p.numel() for p in model.parameters()) < 3.5e6
