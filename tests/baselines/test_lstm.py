"""The static LSTM: training, interrupted or not, and its scores."""

import numpy as np
import pytest
import torch

from fsdl_bench import pad

TINY = {"embedding": 8, "hidden": 12, "epochs": 2, "batch": 8, "peak": 0.01}


def fit(baseline, toy_splits, context, **options):
    model = baseline("lstm").LSTM(**(TINY | options))
    model.fit(*toy_splits, context)
    return model


def cost(predictor, split):
    songs = [torch.from_numpy(song.tokens.astype(np.int64)) for song in split.songs]
    with torch.no_grad():
        nats = [
            -predictor.logits(song[None])[0].log_softmax(-1)[range(len(song)), song].sum() for song in songs
        ]
    return float(sum(nats)) / sum(map(len, songs))


def test_it_learns_more_than_the_unigram(baseline, toy_splits, context):
    counts = np.ones(100)
    for song in toy_splits[0].songs:
        np.add.at(counts, song.tokens, 1)
    unigram = np.log(counts / counts.sum())
    tokens = np.concatenate([song.tokens for song in toy_splits[1].songs])
    model = fit(baseline, toy_splits, context, epochs=12, hidden=24, peak=0.02)
    assert cost(model.adapt(()), toy_splits[1]) < -unigram[tokens].mean() - 0.2
    assert model.training.best == min(figure for _, figure in model.training.curve)
    seen = sum(len(song.tokens) for song in toy_splits[0].songs)
    assert seen <= model.notes["training tokens"] <= 12 * seen
    assert model.notes["training tokens"] == model.training.batches / 23 * seen  # 23 batches an epoch


def test_it_is_trained_once_and_interrupting_changes_nothing(
    baseline, toy_splits, context, tmp_path, monkeypatch
):
    whole = fit(baseline, toy_splits, context)
    files = list((tmp_path / "parts").glob("lstm-*/part.pt"))
    assert len(files) == 1
    trained = files[0].stat().st_mtime_ns
    again = fit(baseline, toy_splits, context)
    assert files[0].stat().st_mtime_ns == trained
    files[0].unlink()
    monkeypatch.setattr(baseline("common.training"), "CHECKPOINT_SECONDS", 0.0)
    songs = baseline("common.songs")
    plain = songs.SongBatches.__call__

    def killed(self, index):
        if index == 30:
            raise KeyboardInterrupt
        return plain(self, index)

    torch.manual_seed(99)
    with monkeypatch.context() as patch:
        patch.setattr(songs.SongBatches, "__call__", killed)
        with pytest.raises(KeyboardInterrupt):
            fit(baseline, toy_splits, context)
    assert not files[0].exists()
    resumed = fit(baseline, toy_splits, context)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name])
        assert torch.equal(value, resumed.model.state_dict()[name])
    assert fit(baseline, toy_splits, context, dropout=0.2).training.curve != whole.training.curve


def test_scores_are_those_of_one_song_and_of_the_stream(baseline, toy_splits, context, check_stream):
    model = fit(baseline, toy_splits, context, epochs=1)
    songs = [song.tokens for song in toy_splits[1].songs[:3]]
    batch = pad(songs)
    predictor = model.adapt([song.tokens for song in toy_splits[1].songs[5:8]])
    with torch.no_grad():
        scores = predictor.logits(batch)
        zero = model.adapt(()).logits(batch)
    assert scores.shape == (*batch.shape, 100)
    assert scores.dtype == torch.float32
    assert torch.equal(scores, zero)
    check_stream(predictor, songs)
    sizes = 100 * 8 + 100 + 4 * 12 * (8 + 12 + 2) + 8 * (12 + 1)
    assert sum(p.numel() for p in model.parameters()) == sizes


def test_through_the_harness(keeps_the_rules, synthetic):
    stored, rows = keeps_the_rules("lstm", TINY)
    assert stored.result.submission.notes["training tokens"] > 0
    by_song = {}
    for row, *_ in rows:
        by_song.setdefault(row.song_id, []).append(row.nats)
    for nats in by_song.values():
        assert nats == pytest.approx([nats[0]] * len(nats), rel=1e-6)
    uniform = sum(len(song) for *_, song in rows) * np.log(synthetic.codec.vocab_size)
    assert sum(row.nats for row, *_ in rows) < uniform
