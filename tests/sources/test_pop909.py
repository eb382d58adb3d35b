"""POP909: the index says who sings, `versions` are not read, and all 909 are accounted for."""

import io

import openpyxl
import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.sources.common.base import open_source

HEADER = ["song_id", "name", "artist", "modify_times", "num_beats_per_measure", "num_quavers_per_beat"]


def _index(*rows, header=HEADER) -> bytes:
    book = openpyxl.Workbook()
    for row in (header, *rows):
        book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def test_songs_by_the_index(make_tree, midi):
    files = {
        "POP909/index.xlsx": _index(
            ["001", "123我爱你", "新乐尘符", "3", "2", "2"],
            ["002", "小星星", "儿童歌曲", "1", "2", "2"],
            ["003", "9420", "麦小兜", "2", "2", "2"],
        ),
        "POP909/001/001.mid": midi(60),
        "POP909/001/versions/001-v1.mid": midi(61),
        "POP909/002/002.mid": midi(62),
        "POP909/004/004.mid": midi(63),
    }
    source = open_source("pop909", make_tree(files), kind="midi")
    (item,) = source.items()
    song = source.read(item)
    assert (song.artist, song.title, song.origin) == ("新乐尘符", "123我爱你", "POP909/001/001.mid")
    assert song.content.pitch.tolist() == [60]
    assert source.rejected == [
        ("POP909/002/002.mid", "no artist", "儿童歌曲"),
        ("index.xlsx#003", "missing file", ""),
        ("POP909/004/004.mid", "not in the index", ""),
    ]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"POP909/001/001.mid": b""}, "expected one index.xlsx under .*, found 0"),
        ({"index.xlsx": _index(header=["id", "name"])}, "expected the columns song_id, name, artist; found"),
    ],
)
def test_no_index(make_tree, files, message):
    with pytest.raises(BadInput, match=message):
        list(open_source("pop909", make_tree(files)).items())


@pytest.mark.real
def test_the_real_songs(make_tree, real_files):
    files = real_files("music-x-lab", lambda path: path.startswith("POP909/"))
    source = open_source("pop909", make_tree(files))
    items = list(source.items())
    assert (len(items), len(source.rejected)) == (897, 12)
    for item in items[::100]:
        notes = source.read(item).content
        assert len(set(notes.track.tolist())) == 3
        assert set(notes.family.tolist()) == {0}
