"""In context: training and scoring see the same, and the support is used."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn

TINY = {"width": 16, "layers": 2, "heads": 2, "dropout": 0.0, "tokens": 512}


@pytest.fixture
def module(baseline):
    return baseline("transformer_context")


@pytest.fixture
def rows(baseline):
    return baseline("common.rows")


@pytest.fixture
def untrained(module, baseline, any_ids):
    """A submission with random weights, in double precision."""
    submission = module.TransformerContext(**TINY)
    submission.codec = any_ids(100)
    submission.model = baseline("common.transformer").Transformer(100, 16, 2, 2, 0.0, song_pairs=1)
    submission.model.double().eval()
    return submission


@torch.no_grad()
def test_a_row_in_training_costs_what_scoring_costs(rows, untrained, toy_splits, context):
    """The loss on a packed row is that of its songs, each scored after the ones before it were observed."""
    train, _ = toy_splits
    row = rows.RowBatches(train, context, tokens=300)(3)
    features, _ = untrained.model.features(row.inputs, row.positions)
    scores = untrained.model.scores(features)
    begins = torch.where(row.inputs[0] == 1)[0].tolist()
    assert len(begins) > 1
    predictor = untrained.adapt(())
    for begin, end in zip(begins, [*begins[1:], len(row.inputs[0])], strict=True):
        song = row.targets[0, begin:end]
        song = song[song != 0]
        alone = predictor.logits(song[None])[0]
        torch.testing.assert_close(scores[0, begin : begin + len(song)], alone, rtol=0, atol=1e-12)
        predictor.observe(song.numpy().astype(np.uint16))


@torch.no_grad()
def test_padding_teaches_nothing(module, rows, untrained, toy_splits, context):
    train, _ = toy_splits
    row = rows.RowBatches(train, context, tokens=100)(0)
    longer = rows.Rows(*(nn.functional.pad(part, (0, 0) * (part.dim() - 2) + (0, 30)) for part in row))
    losses = [float(module.row_loss(untrained.model, one)) for one in (row, longer)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


@torch.no_grad()
def test_stream_agrees_with_logits_and_changes_nothing(untrained, toy_splits, check_stream):
    songs = [song.tokens for song in toy_splits[0].artists[0].songs[:4]]
    predictor = untrained.adapt(songs[:2])
    query = torch.tensor(songs[3].astype("int64"))[None]
    scores = predictor.logits(query)[0]
    check_stream(predictor, songs[1:4], 1e-12)
    torch.testing.assert_close(predictor.logits(query)[0], scores, rtol=0, atol=0)
    predictor.observe(songs[2])
    assert not torch.allclose(predictor.logits(query)[0], scores, atol=1e-3)
    grown = untrained.adapt(songs[:3])
    torch.testing.assert_close(predictor.logits(query), grown.logits(query), rtol=0, atol=0)


def test_the_support_of_the_right_artist_helps(module, baseline, own_words, context):
    """A song of 10 tokens shows an artist's 4 words late; 5 songs show them before it begins."""
    few_shot = baseline("common.few_shot")
    submission = module.TransformerContext(
        width=32, layers=2, heads=2, dropout=0.0, peak=5e-3, tokens=1024, epochs=8
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
    assert submission.notes["training tokens"] > 1e5


def test_keeps_the_rules(keeps_the_rules):
    keeps_the_rules("transformer_context", TINY, epochs=1)


def test_its_size_is_the_others(module, baseline):
    transformer = baseline("common.transformer").Transformer(4096)
    assert 0.9e6 < sum(p.numel() for p in transformer.parameters()) < 3.5e6
