import random

import numpy as np
import pytest

from fsdl_bench.builder.chunks import Chunks, DamagedChunk, ReadSong, write_chunk
from fsdl_bench.checked import is_intact


def song(number: int) -> ReadSong:
    return ReadSong(
        song_id=f"{number:032x}",
        artist=f"Ärtist {number % 3}",
        artist_key=f"artist {number % 3}",
        title="",
        work=str(number),
        licence="x",
        source="folder",
        origin=f"\U0001f3b5/{number}",
        tokens=np.arange(number % 5, dtype=np.uint16),
        units=number % 5,
        length=number,
        text="",
        shingles=np.arange(number, dtype=np.uint64) << np.uint64(40),
        outline=np.arange(number % 3, dtype=np.uint64) << np.uint64(41),
        metadata=f'{{"year": {number}}}',
        velocity=np.arange(number % 7, dtype=np.uint8),
    )


@pytest.fixture
def chunks(tmp_path):
    """Songs 0-99 in 50 chunks, one of them empty: more than stay open."""
    paths = []
    for number in range(50):
        songs = [] if number == 7 else [song(i) for i in range(2 * number, 2 * number + 2)]
        rejected = [("folder", f"bad {number}", "no notes", "")] if number % 10 == 0 else []
        paths.append(tmp_path / f"{number}.arrow")
        write_chunk(paths[-1], "midi", songs, rejected)
    return Chunks(paths, "midi")


NUMBERS = [i for i in range(100) if i not in (14, 15)]


def test_what_was_written_is_read(chunks) -> None:
    assert len(chunks) == 98
    assert chunks.columns["length"].to_pylist() == NUMBERS
    assert [origin for _, origin, *_ in chunks.rejected] == [f"bad {n}" for n in (0, 10, 20, 30, 40)]
    rows = np.arange(0, 98, 3)
    assert [len(s) for s in chunks.shingles(rows, "outline")] == [NUMBERS[row] % 3 for row in rows]
    sizes = [len(s) for s in chunks.shingles(rows)]
    assert sizes == [NUMBERS[row] for row in rows]


def test_rows_come_in_the_order_asked_for(chunks) -> None:
    rows = np.random.default_rng(1).permutation(98)[:40]
    assert chunks.metadata(rows) == [f'{{"year": {NUMBERS[row]}}}' for row in rows]
    table = chunks.take(rows)
    assert table["work"].to_pylist() == [str(NUMBERS[row]) for row in rows]
    assert [len(t) for t in table["tokens"].to_pylist()] == [NUMBERS[row] % 5 for row in rows]
    assert "shingles" not in table.column_names
    loud = chunks.take(rows, ["velocity"])
    assert loud.column_names == ["velocity"]
    assert [len(v) for v in loud["velocity"].to_pylist()] == [NUMBERS[row] % 7 for row in rows]


def test_no_flipped_bit_is_ever_read(tmp_path) -> None:
    path = tmp_path / "0.arrow"
    write_chunk(path, "midi", [song(i) for i in range(20)], [("folder", "bad", "no notes", "")])
    whole = path.read_bytes()
    rng = random.Random(3)
    for _ in range(150):
        data = bytearray(whole)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        assert not is_intact(path)
        with pytest.raises(DamagedChunk):
            Chunks([path], "midi")
    path.write_bytes(whole)
    assert len(Chunks([path], "midi")) == 20


def test_damage_after_the_first_look_is_noticed_when_a_chunk_is_opened_again(tmp_path) -> None:
    paths = [tmp_path / f"{number:02d}.arrow" for number in range(40)]
    for number, path in enumerate(paths):
        write_chunk(path, "midi", [song(number)], [])
    chunks = Chunks(paths, "midi")  # the first ones are closed again
    data = bytearray(paths[0].read_bytes())
    data[len(data) // 2] ^= 4
    paths[0].write_bytes(data)
    with pytest.raises(DamagedChunk) as caught:
        chunks.take(np.arange(40))
    assert caught.value.path == paths[0]
