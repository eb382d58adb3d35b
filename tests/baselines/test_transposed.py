"""The mixture over keys against the average of transposed songs."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from fsdl_bench import BadInput, Split, load_codec, pad

CODEC = load_codec("note10ms-v1")
NOTE, SHIFT, DUR = (CODEC.token_kinds()[kind].start for kind in ("note", "shift", "dur"))
SONG = np.array([NOTE + 60, DUR + 9, NOTE + 64, DUR + 4, SHIFT + 20, NOTE + 2048 + 40, NOTE + 72, DUR, 2])


@pytest.fixture
def model(baseline):
    """A submission with an untrained LSTM, as its fit would leave it."""
    torch.manual_seed(0)
    module = baseline("transposed")
    submission = module.Transposed()
    submission.model = baseline("common.lstm").LSTMLanguageModel(CODEC.vocab_size, 6, 9).double().eval()
    torch.nn.init.normal_(submission.model.project.weight)
    submission.codec, submission.chosen = CODEC, 1.0
    transposer = baseline("common.transposition").Transposer(CODEC)
    submission.ids = module.all_keys(transposer, CODEC.vocab_size)
    return submission


def log_p(scores, song):
    return scores.double().log_softmax(-1)[range(len(song)), song].sum()


@torch.no_grad()
def test_a_song_has_the_average_probability_of_its_transpositions(model, baseline):
    transposer = baseline("common.transposition").Transposer(CODEC)
    moved = [transposer(SONG.astype(np.uint16), shift).astype(np.int64) for shift in range(-6, 6)]
    assert len({tuple(song) for song in moved}) == 12
    each = torch.stack([log_p(model.model(torch.from_numpy(song)[None])[0], song) for song in moved])
    found = log_p(model._mixture(1.0).logits(torch.from_numpy(SONG)[None])[0], SONG)
    assert float(found) == pytest.approx(float(each.logsumexp(0)) - np.log(12), abs=1e-9)


def test_every_key_renames_every_id_once(model):
    for one, two in itertools.combinations(model.ids.tolist(), 2):
        assert sorted(one) == sorted(two) == list(range(CODEC.vocab_size))
        assert one != two


@torch.no_grad()
def test_the_stream_is_the_batch(model, check_stream):
    songs = pad([SONG.astype(np.uint16), SONG[2:5].astype(np.uint16)])
    check_stream(model.adapt(()), songs, 1e-9)


def test_the_temper_is_the_best_on_validation(baseline, context):
    def split(name, artists):
        random = np.random.default_rng(len(name))
        rows = []
        for artist in range(artists):
            for _ in range(7):
                chosen = NOTE + 60 + random.choice([0, 4, 7, 12], 6) + random.integers(-5, 5)
                song = [token for note in chosen for token in (note, DUR + 9, SHIFT + 20)][:-1]
                rows.append({"artist": f"{name} {artist}", "tokens": np.array([*song, 2], np.uint16)})
        return Split.from_rows(name, CODEC, rows)

    few_shot = baseline("common.few_shot")
    own = replace(context, kind="midi", codec=CODEC)
    model = baseline("transposed").Transposed(
        embedding=8, hidden=12, epochs=2, batch=8, peak=0.01, transpose=False, episodes=3
    )
    validation = split("validation", 4)
    model.fit(split("train", 8), validation, own)
    episodes = few_shot.held_out_episodes(validation, own, 0, 3)
    figures = {
        temper: few_shot.few_shot_nll(lambda _, t=temper: model._mixture(t), episodes, own.device)
        for temper in (0.0, 0.03, 0.1, 0.3, 1.0)
    }
    assert model.chosen == min(figures, key=figures.get)
    assert len(set(figures.values())) == 5


def test_lyrics_are_refused(baseline, toy_splits, context):
    with pytest.raises(BadInput, match="MIDI songs; lyrics-synthetic has lyrics"):
        baseline("transposed").Transposed().fit(*toy_splits, context)
