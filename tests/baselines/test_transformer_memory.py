"""With a memory: a set of songs, the same in training and scoring, and used."""

import itertools
import pickle

import numpy as np
import pytest
import torch

TINY = {"width": 16, "layers": 2, "heads": 2, "dropout": 0.0}


@pytest.fixture
def module(baseline):
    return baseline("transformer_memory")


@pytest.fixture
def untrained(module, any_ids):
    """A submission with random weights, in double precision."""
    submission = module.TransformerMemory(**TINY)
    submission.codec = any_ids(100)
    submission.model = module.Transformer(100, **TINY, song_pairs=2).double().eval()
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
    """The encoder knows the positions of the tokens."""
    forward = untrained.adapt(songs[:1]).logits(query_of(songs))
    backward = untrained.adapt([songs[0][::-1].copy()]).logits(query_of(songs))
    assert not torch.allclose(forward, backward, atol=1e-6)


@torch.no_grad()
def test_songs_are_encoded_alike_in_any_company(module, untrained, songs):
    padded = torch.nn.utils.rnn.pad_sequence(
        [torch.tensor(song.astype("int64")) for song in songs[:9]], batch_first=True
    )
    together, _ = module.read(untrained.model, padded, [len(song) for song in songs[:9]], module.SUPPORT, [])
    assert len(together) == 9
    for song, found in zip(songs, together, strict=False):
        alone = untrained.adapt([song]).predictor.memory
        for layer, same in zip(found, alone, strict=True):
            assert layer.kv.keys.shape[2] == len(song) + 1
            for part, other in zip(layer.kv, same.kv, strict=True):
                torch.testing.assert_close(part, other, rtol=0, atol=1e-12)


@torch.no_grad()
def test_one_song_in_memory_by_hand(untrained, songs):
    """The attention of each layer, over the song in memory and the query's own tokens, written out."""
    model = untrained.model
    support, query = (torch.tensor([1, *song.tolist()]) for song in songs[:2])
    logits = untrained.adapt(songs[:1]).logits(query[None, 1:])[0]

    def both(conv, old, new):
        return conv(old[None])[0][0], conv(new[None])[0][0]

    positions = torch.cat(
        [
            torch.stack([torch.arange(len(row)), torch.full((len(row),), number)], -1)
            for number, row in enumerate([support, query])
        ]
    )
    rotation = model.rotary(positions[None])
    mask = torch.ones(len(positions), len(positions), dtype=torch.bool).tril()
    old, new = model.embedded(support), model.embedded(query)
    for block in model.blocks:
        mixed = torch.cat(both(block.conv_attention, old, new))[None]
        found = block.attention(mixed, block.attention.kv(mixed, rotation), rotation, mask)[0]
        old, new = old + found[: len(old)], new + found[len(old) :]
        before = both(block.conv_hidden, old, new)
        old, new = old + block.hidden(before[0]), new + block.hidden(before[1])
    torch.testing.assert_close(logits, model.scores(model.norm(new))[:-1], rtol=0, atol=1e-10)


@torch.no_grad()
@pytest.mark.parametrize("shots", [0, 1, 3])
def test_episodes_in_training_cost_what_scoring_costs(module, untrained, toy_splits, context, shots):
    batch = context.episodes(toy_splits[0], shots=shots, queries=2, batch_size=3).batch(5)
    nats = tokens = 0.0
    for episode in range(3):
        support, query = (
            [song[:length] for song, length in zip(songs, lengths, strict=True)]
            for songs, lengths in (
                (batch.support[episode], batch.support_lengths[episode]),
                (batch.query[episode], batch.query_lengths[episode]),
            )
        )
        none = untrained.adapt([])
        few = untrained.adapt([song.numpy().astype(np.uint16) for song in support])
        for predictor, songs in ((none, support), (few, query)):
            for song in songs:
                scores = predictor.logits(song[None])[0]
                nats += float(torch.nn.functional.cross_entropy(scores, song, reduction="sum"))
                tokens += len(song)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "half", lambda device: torch.autocast("cpu", enabled=False))
        loss = float(module.episodes_loss(untrained.model, batch))
    assert loss == pytest.approx(nats / tokens, abs=1e-5)


@torch.no_grad()
def test_stream_agrees_with_logits(untrained, songs, check_stream):
    for shots in (0, 2):
        predictor = untrained.adapt(songs[:shots])
        check_stream(predictor, songs[-3:], 1e-12)


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
    submission = module.TransformerMemory(width=32, heads=2, layers=2, dropout=0.0, epochs=6)
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


def test_keeps_the_rules(keeps_the_rules):
    keeps_the_rules("transformer_memory", TINY, epochs=1)


def test_its_size_is_the_others(module):
    model = module.Transformer(4096, 128, 4, 2)
    assert 0.9e6 < sum(p.numel() for p in model.parameters()) < 3.5e6
