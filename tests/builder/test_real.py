"""Near-duplicates and a build of real songs."""

import hashlib
import tarfile
from pathlib import Path

import pytest

from fsdl_bench.builder.clusters import clusters
from fsdl_bench.builder.duplicates import LYRICS, LYRICS_2, MUSIC, near_pairs
from fsdl_bench.builder.pipeline import build_track
from fsdl_bench.builder.shingles import lyrics_shingles, music_shingles, outline_shingles
from fsdl_bench.errors import BadInput
from fsdl_bench.music.reading import read_midi
from fsdl_bench.sources.common.archives import Archive, fetch
from fsdl_bench.tracks.definition import load_definition, parse_definition
from fsdl_bench.tracks.manifest import read_manifest
from fsdl_bench.tracks.rows import read_batches

pytestmark = pytest.mark.real

SCRATCH = Path("unused")


def members(archive: Path, wanted) -> dict[str, bytes]:
    """File name -> content of those files in an archive whose name is wanted."""
    found = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            name = member.name.rsplit("/", 1)[-1]
            if name in wanted and (stream := tar.extractfile(member)):
                found[name] = stream.read()
    assert set(found) == set(wanted)
    return found


# Pairs of one poem in two prints, or under two names; and poems that must stay apart.
POEMS = {
    "Robert-Herrick-The-Primrose.txt": 0,
    "Thomas-Carew-The-Primrose.txt": 0,
    "Ben-Jonson-Song-To-Celia.txt": 1,
    "Ben-Jonson-Song-To-Celia-2.txt": 1,
    "W-B-Yeats-THE-ATTACK-ON-THE-PLAY-BOY.txt": 2,
    "William-Butler-Yeats-The-Attack-on-The-Playboy-of-the-Western-World--1907.txt": 2,
    "Michael-Drayton-Sonet-29-To-The-Sences.txt": 3,
    "Michael-Drayton-Sonnets-Idea-XXIX-To-The-Senses.txt": 3,
    "Alfred-Lord-Tennyson-The-Lady-of-Shalott-1832.txt": 4,
    "Alfred-Lord-Tennyson-The-Lady-Of-Shalott.txt": 4,
    "Michael-Drayton-Sonnets-Idea-XX.txt": 5,
    "Michael-Drayton-Sonnets-Idea-XLIII.txt": 6,
    "Edward-Lear-The-Jumblies.txt": 7,
}


@pytest.mark.parametrize("rule", [LYRICS, LYRICS_2])
def test_poems_that_were_printed_twice(mirror, rule) -> None:
    texts = members(next(mirror.glob("facjure__*.tar.gz")), POEMS)
    bodies = [texts[name].decode("utf-8", "replace").split("---", 2)[2] for name in POEMS]
    found = clusters([near_pairs(lyrics_shingles(bodies), rule, SCRATCH)]).tolist()
    groups = list(POEMS.values())
    assert [[found[i] == found[j] for i in range(len(found))] for j in range(len(found))] == [
        [a == b for a in groups] for b in groups
    ]


# Movements of two copies of a mass by Lilius, of one by Palestrina, and of another by Lilius.
SCORES = {
    "pl-kk--kk-i-6--024-004_lilius-franciszek--missa-sanctus.krn": 0,
    "pl-kk--kk-i-2--021-004_lilius-franciszek--missa-a-4-voci-sanctus.krn": 0,
    "pl-kk--kk-i-6--024-005_lilius-franciszek--missa-agnus-dei.krn": 1,
    "pl-kk--kk-i-2--021-006_lilius-franciszek--missa-a-4-voci-agnus-dei.krn": 1,
    "pl-kk--kk-i-6--037-004_palestrina-giovanni-pierluigi-da--missa-inviolata-sanctus.krn": 2,
    "pl-kk--kk-i-7--058-003_palestrina-giovanni-pierluigi-da--missa-inviolata-sanctus.krn": 2,
    "pl-kk--kk-i-2--021-003_lilius-franciszek--missa-a-4-voci-credo.krn": 3,
    "pl-kk--kk-i-6--064-007_lilius-franciszek--missa-pro-defunctis-sanctus.krn": 4,
}


@pytest.mark.parametrize("rule", [1, 2])
def test_two_manuscripts_of_a_mass(mirror, rule) -> None:
    kern = members(next(mirror.glob("pl-wnifc__*.tar.gz")), SCORES)
    names = [f"{hashlib.sha256(kern[name]).hexdigest()}.mid" for name in SCORES]
    midi = members(next(mirror.glob("converted-*.tar.gz")), names)
    songs = [read_midi(midi[name]) for name in names]
    sets = [music_shingles(songs)] if rule == 1 else [music_shingles(songs), outline_shingles(songs)]
    found = clusters([near_pairs(each, MUSIC, SCRATCH) for each in sets]).tolist()
    groups = list(SCORES.values())
    assert [[a == b for a in found] for b in found] == [[a == b for a in groups] for b in groups]


def test_a_changed_byte_in_a_source_is_named(mirror, tmp_path) -> None:
    definition = load_definition("midi-pop909")
    source = definition.sources[0]
    files = fetch(Archive(source.repo, source.commit), mirror, progress=False)
    track = build_track(definition, mirror=mirror, workers=0, out=tmp_path / "track", progress=False)
    origin = next(read_batches(track.path, "train", ["origin"])).column(0)[3].as_py()
    data = bytearray((files / origin).read_bytes())
    data[len(data) // 2] ^= 1
    (files / origin).write_bytes(data)
    for workers in (0, 1):
        with pytest.raises(BadInput, match=f"{origin} is not the file that this track is made from"):
            build_track(definition, mirror=mirror, workers=workers, out=tmp_path / "track", progress=False)
    (files / origin).unlink()
    with pytest.raises(BadInput, match=f"lacks 1 of the files .*{origin}"):
        build_track(definition, source_dir=files, workers=0, out=tmp_path / "track", progress=False)
    assert read_manifest(tmp_path / "track").digest == track.digest


def test_real_songs_build_alike_with_any_number_of_workers(mirror, tmp_path) -> None:
    table = load_definition("midi-pop909").model_dump(mode="json") | {"digest": "", "min_songs": 9}
    definition = parse_definition(table | {"name": "pop-slice"}, "a test")
    reports = [
        build_track(definition, mirror=mirror, workers=workers, out=tmp_path / str(workers), progress=False)
        for workers in (0, 2)
    ]
    assert reports[0].digest == reports[1].digest
    assert reports[0].counts == reports[1].counts
    assert reports[0].kept > 100
    assert reports[0].kept + sum(reports[0].rejected.values()) == reports[0].songs == 909
