"""Damaged MIDI files, 15,000, through reader and codec, in a process that may not crash, hang or swell."""

import json
import subprocess
import sys
from itertools import islice

import numpy as np
import pytest

FILES = 12_000
SECONDS = 100  # the limit on a busy machine; it takes a tenth of it
MEMORY = 3 << 30

# Counts what becomes of each file. What is kept must be a song through and through.
CHILD = """
import collections, json, resource, sys
import numpy as np
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
from fsdl_bench.codecs.midi import MidiCodec
from fsdl_bench.errors import Rejected
from fsdl_bench.music.reading import read_midi

codec, counts = MidiCodec(), collections.Counter()
with open(sys.argv[1], "rb") as file:
    while head := file.read(4):
        data = file.read(int.from_bytes(head))
        try:
            notes = read_midi(data)
        except Rejected as error:
            counts[error.reason] += 1
            continue
        assert 0 <= notes.start.min() and (notes.start <= notes.end).all() and notes.end.max() <= 7200
        assert notes.family.max() <= 16 and notes.pitch.max() <= 127 and 1 <= notes.velocity.min()
        tokens = codec.encode(notes)
        assert np.array_equal(codec.encode(codec.decode(tokens)), tokens)
        counts["song"] += 1
print(json.dumps(counts))
"""

REASONS = {
    *(
        "empty file",
        "not a MIDI file",
        "larger than 16 MiB",
        "several songs in one file",
        "ticks per quarter < 1",
    ),
    *("damaged file", "tempo 0", "no notes", "longer than 2 hours"),
}


def outcomes(files, folder):
    path = folder / "files"
    path.write_bytes(b"".join(len(data).to_bytes(4) + data for data in files))
    call = [sys.executable, "-c", CHILD, str(path), str(MEMORY)]
    done = subprocess.run(call, capture_output=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return json.loads(done.stdout)


def check(counts, files):
    assert sum(counts.values()) == files
    assert set(counts) <= REASONS | {"song"}
    # Both happen often, so that neither path goes untested.
    assert counts["song"] > files / 20
    assert files - counts["song"] > files / 4


def test_every_damaged_file_is_a_song_or_is_rejected_for_a_reason(seeds, mutants, tmp_path):
    files = list(islice(mutants(seeds, np.random.default_rng(2)), FILES))
    counts = outcomes(files, tmp_path)
    check(counts, FILES)
    assert len(counts) >= 7


def test_the_seeds_themselves_are_songs(seeds, tmp_path):
    assert outcomes(seeds, tmp_path) == {"song": len(seeds)}


@pytest.mark.real
def test_every_damaged_real_file_is_a_song_or_is_rejected_for_a_reason(pop909, converted, mutants, tmp_path):
    files = sorted([*pop909.values(), *converted.values()], key=len)[:60]
    counts = outcomes(islice(mutants(files, np.random.default_rng(3)), 3000), tmp_path)
    check(counts, 3000)
