"""The LSTM with the weights that ship with the package."""

from dataclasses import asdict, replace

import pytest
import torch

from fsdl_bench import fingerprint, load_definition
from fsdl_bench.submissions.pretrained import Card, read_pretrained, write_pretrained

TINY = {"embedding": 8, "hidden": 12, "epochs": 1, "batch": 8, "peak": 0.01}


def test_shipped_weights_replace_the_training(
    baseline, toy_splits, context, check_stream, tmp_path, monkeypatch
):
    module = baseline("lstm")
    trained = module.LSTM(**TINY)
    trained.fit(*toy_splits, context)
    assert trained.notes["weights"] == "trained here"
    monkeypatch.setattr(fingerprint, "PRETRAINED", tmp_path / "pretrained")
    card = write_pretrained(
        trained.model.state_dict(),
        name="lstm",
        track=context.track,
        digest=context.digest,
        seed=context.seed,
        settings=asdict(trained.settings),
        training=asdict(trained.training),
        processor_seconds=1.0,
        figure=trained.training.best,
        commit="0" * 40,
    )
    shipped = module.LSTM(**TINY)
    shipped.fit(*toy_splits, context)
    assert shipped.notes == trained.notes | {"weights": f"shipped, SHA-256 {card.sha256}"}
    assert shipped.training == trained.training
    song = torch.from_numpy(toy_splits[1].songs[0].tokens.astype("int64"))[None]
    with torch.no_grad():
        rounded, exact = (model.adapt(()).logits(song).exp() for model in (shipped, trained))
    assert 0 < (rounded / exact.clamp_min(1e-30) - 1)[exact > 0].abs().max() < 0.01
    again = module.LSTM(**TINY)
    again.fit(*toy_splits, replace(context, refit=True))
    assert again.notes["weights"] == "trained here"
    other = module.LSTM(**TINY | {"hidden": 10})
    other.fit(*toy_splits, context)
    assert other.notes["weights"] == "trained here"


@pytest.mark.parametrize("track", ["lyrics-verse", "midi-scores", "lyrics-german"])
def test_the_weights_of_the_package_are_those_of_the_default_settings(baseline, track):
    definition = load_definition(track)
    settings = asdict(baseline("common.sizes").lstm_settings("hour", definition.kind))
    found = read_pretrained("lstm", track, definition.digest, 0, settings)
    assert found is not None
    model = baseline("common.pretrained").LSTMLanguageModel(
        found.tensors["bias"].numel(), settings["embedding"], settings["hidden"], settings["layers"]
    )
    model.load_state_dict(found.tensors)
    best = min(figure for _, figure in found.card.training["curve"])
    assert found.card.figure == pytest.approx(best, abs=1e-3)


def test_every_card_in_the_package_has_its_weights():
    cards = list(fingerprint.PRETRAINED.glob("*/*.json"))
    assert {path.with_suffix("") for path in fingerprint.PRETRAINED.glob("*/*.safetensors")} == {
        path.with_suffix("") for path in cards
    }
    for path in cards:
        card = Card.model_validate_json(path.read_bytes())
        assert (card.track, card.name) == (path.parent.name, path.stem)
        assert read_pretrained(card.name, card.track, card.digest, card.seed, card.settings) is not None
