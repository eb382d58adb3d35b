"""The LSTM over the episode: its rows by hand, its states, and that it learns to use the support."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fsdl_bench import BOS, PAD, Split

TINY = {"embedding": 8, "hidden": 12, "epochs": 2, "episodes_in_batch": 4, "cut": 64, "peak": 0.01}


@pytest.fixture
def predictor(baseline):
    """`predictor(songs)` of an untrained model."""
    torch.manual_seed(0)
    model = baseline("common.lstm").LSTMLanguageModel(20, 5, 7, layers=2).double().eval()

    def make(songs):
        return baseline("lstm_concat").LSTMConcatPredictor(model, songs)

    return make


def song(*tokens):
    return np.array(tokens, np.uint16)


SUPPORT = [song(4, 5, 2), song(6, 7, 8, 9), song(10, 2)]
QUERY = [song(5, 5, 11, 2), song(12, 13)]


def test_rows_are_the_songs_behind_bos(baseline):
    batch = SimpleNamespace(
        artists=("a", "b"),
        support=torch.tensor([[[4, 5, 2], [6, PAD, PAD]], [[7, 2, PAD], [8, 9, 2]]]),
        support_lengths=torch.tensor([[3, 1], [2, 3]]),
        query=torch.tensor([[[10, 11]], [[12, 2]]]),
        query_lengths=torch.tensor([[2], [1]]),
    )
    inputs, targets = baseline("lstm_concat").sequences(batch, torch.device("cpu"))
    assert inputs.tolist() == [[BOS, 4, 5, 2, BOS, 6, BOS, 10], [BOS, 7, 2, BOS, 8, 9, 2, BOS]]
    assert targets.tolist() == [[4, 5, 2, PAD, 6, PAD, 10, 11], [7, 2, PAD, 8, 9, 2, PAD, 12]]


def test_rows_without_support(baseline, toy_splits, context):
    batch = context.episodes(toy_splits[0], shots=0, queries=3, batch_size=2).batch(0)
    inputs, targets = baseline("lstm_concat").sequences(batch, torch.device("cpu"))
    assert (inputs == BOS).sum() == 6
    assert (targets != PAD).sum() == batch.query_lengths.sum()
    assert (inputs[:, 0] == BOS).all()


def test_every_query_song_goes_on_from_the_support(predictor):
    """As the last song of one long row, read in one piece."""
    reader = predictor(SUPPORT)
    row = [token for s in SUPPORT for token in (BOS, *s.tolist())]
    batch = torch.tensor([[*QUERY[0].tolist()], [*QUERY[1].tolist(), PAD, PAD]])
    found = reader.logits(batch)
    for scores, tokens in zip(found, QUERY, strict=True):
        whole = torch.tensor([[*row, BOS, *tokens[:-1].tolist()]])
        expected = reader.model.scores(reader.model.features(whole)[0])[0, len(row) :]
        assert scores[: len(tokens)].detach().numpy() == pytest.approx(expected.detach().numpy(), abs=1e-12)


def test_the_stream_starts_from_the_support(predictor, check_stream):
    check_stream(predictor(SUPPORT), QUERY, 1e-12)
    check_stream(predictor(()), QUERY, 1e-12)


def test_without_support_it_starts_from_zero(predictor):
    batch = torch.tensor([QUERY[0].tolist()])
    reader = predictor(())
    assert torch.equal(reader.logits(batch), reader.model(batch))


def test_an_observed_song_is_read_on(predictor):
    reader = predictor(SUPPORT[:2])
    reader.observe(SUPPORT[2])
    batch = torch.tensor([QUERY[0].tolist()])
    assert torch.equal(reader.logits(batch), predictor(SUPPORT).logits(batch))
    assert not torch.equal(reader.logits(batch), predictor(SUPPORT[:2]).logits(batch))


def test_the_validation_figure_is_nats_per_token_whatever_the_piece(predictor, baseline, monkeypatch):
    pieces = baseline("common.pieces")
    monkeypatch.setattr(pieces, "half", lambda device: torch.autocast(device.type, enabled=False))
    model = predictor(()).model
    inputs = torch.tensor([[BOS, 4, 5, 2, BOS, 6, BOS, 10], [BOS, 7, 2, BOS, 8, 9, 2, PAD]])
    targets = torch.tensor([[4, 5, 2, PAD, 6, PAD, 10, 11], [7, 2, PAD, 8, 9, 2, PAD, PAD]])
    scores = model.scores(model.features(inputs)[0]).log_softmax(-1)
    cost = -scores.gather(2, targets[..., None])[..., 0][targets != PAD]
    for piece in (3, 100):
        found = baseline("lstm_concat").mean_nll(model, [(inputs, targets)] * 2, piece)
        assert found == pytest.approx(cost.mean().item(), rel=1e-6)


def two_languages(name, artists, codec):
    """Every artist sings with one half of eight words only."""
    rng = np.random.default_rng(len(name))
    rows = [
        {
            "artist": f"{name} {artist}",
            "tokens": (4 + 4 * (artist % 2) + rng.integers(0, 4, 12)).astype(np.uint16),
        }
        for artist in range(artists)
        for _ in range(10)
    ]
    return Split.from_rows(name, codec, rows)


def test_it_learns_to_tell_the_artist_from_the_support(baseline, context):
    splits = [two_languages(name, 8, context.codec) for name in ("train", "validation")]
    model = baseline("lstm_concat").LSTMConcat(
        embedding=16, hidden=32, epochs=60, episodes_in_batch=4, peak=0.02, dropout=0.0, decay=0.01
    )
    model.fit(*splits, context)
    first = torch.tensor([[5]])
    with torch.no_grad():
        zero = model.adapt(()).logits(first).softmax(-1)[0, 0]
        ones = [model.adapt([song(*[word] * 6)]).logits(first).softmax(-1)[0, 0] for word in (4, 8)]
    assert zero[4:8].sum() == pytest.approx(0.5, abs=0.2)
    assert ones[0][4:8].sum() > 0.9
    assert ones[1][8:12].sum() > 0.9


def test_fit_is_the_same_every_time(baseline, toy_splits, context):
    def fit():
        torch.manual_seed(context.seed)
        model = baseline("lstm_concat").LSTMConcat(**TINY)
        model.fit(*toy_splits, context)
        return model

    first = fit()
    (context.checkpoints / "training.pt").unlink()
    second = fit()
    assert first.notes["training tokens"] > 0
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


def test_through_the_harness(keeps_the_rules):
    keeps_the_rules("lstm_concat", TINY)
