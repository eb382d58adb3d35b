"""The export of a track as a dataset repository."""

import shutil

import numpy as np
import pytest
import yaml

from fsdl_bench.builder.pipeline import build_track
from fsdl_bench.errors import BadInput
from fsdl_bench.tracks.check import check_track
from fsdl_bench.tracks.definition import user_definition
from fsdl_bench.tracks.hub import export_hub


@pytest.fixture
def built(tmp_path):
    """The folder of a small track."""
    random = np.random.default_rng(0)
    for artist in range(12):
        for number in range(9):
            path = tmp_path / "songs" / f"Artist {artist}" / f"{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(" ".join(f"w{word}" for word in random.integers(0, 500, 40)))
    definition = user_definition("toy", "lyrics")
    return build_track(definition, source_dir=tmp_path / "songs", workers=0, progress=False).path


def test_a_repository_is_whole_and_readable(built, tmp_path):
    datasets = pytest.importorskip("datasets")
    out = tmp_path / "repository"
    names = export_hub(built, out)
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()) == names
    assert not any(name.startswith(".arrays") for name in names)
    (out / ".gitattributes").unlink()
    assert check_track(out).ok
    front = yaml.safe_load((out / "README.md").read_text().split("---")[1])
    for config in front["configs"]:
        for part in config["data_files"]:
            assert list(out.glob(part["path"])), part
    songs = datasets.load_dataset(str(out), split="train")
    assert len(songs) > 0


def test_what_is_in_the_way_stays(built, tmp_path):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.tex").write_text("x")
    with pytest.raises(BadInput, match="expected a new folder, or an earlier export of toy, found thesis"):
        export_hub(built, out)
    assert (out / "thesis.tex").read_text() == "x"
    shutil.rmtree(out)
    export_hub(built, out)
    assert export_hub(built, out), "an earlier export is replaced"
    (out / ".git").mkdir()
    (out / ".git" / "HEAD").write_text("ref: main")
    with pytest.raises(BadInput, match=r"found \.git/HEAD in it"):
        export_hub(built, out)
    with pytest.raises(BadInput, match="found a built track"):
        export_hub(built, built)
    assert (built / ".arrays").is_dir()


def test_a_damaged_track_is_not_exported(built, tmp_path):
    shard = next(built.glob("train-*.parquet"))
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(BadInput, match=r"train-.*parquet was changed or damaged: it has .* bytes"):
        export_hub(built, tmp_path / "out")
    assert not (tmp_path / "out").exists()
