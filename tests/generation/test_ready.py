"""The models that are ready for a track."""

from fsdl_bench import fingerprint
from fsdl_bench.generation.ready import ready_models, ships
from fsdl_bench.reference import models


def test_what_ships_is_offered_and_models_that_adapt_come_first():
    for track in ("lyrics-verse", "midi-scores"):
        names = ready_models(track)
        shipped = {model.name for model in models() if track in model.ready}
        assert shipped <= set(names)
        assert names[0] not in ("lstm", "ngram")
        assert all(ships(track, name) == (name in shipped) for name in names)


def test_a_file_that_belongs_to_no_model_is_not_offered(monkeypatch, tmp_path):
    monkeypatch.setattr(fingerprint, "PRETRAINED", tmp_path)
    (tmp_path / "midi-scores").mkdir()
    for name in ("lstm", "dynamic_evaluation", "notes"):
        (tmp_path / "midi-scores" / f"{name}.json").write_text("{}")
    assert ready_models("midi-scores") == ["dynamic_evaluation", "lstm"]


def test_other_tracks_have_models_that_are_fitted_first():
    assert ready_models("my-songs") == ["ngram_cache", "ngram"]
