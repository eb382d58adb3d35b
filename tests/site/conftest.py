"""A small leaderboard of made-up results, built once: every standing, both protocols, samples, a removal."""

import datetime
import json
import math
import runpy
import struct
import wave
import zlib
from pathlib import Path

import pytest

from fsdl_bench.results import AuditVerdict
from fsdl_bench.site.render import build_site
from fsdl_bench.site.verified import Verified

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
BENCHMARK = runpy.run_path(str(BENCHMARKS / "leaderboard.py"))
ARTISTS = 8  # few enough for the sign-flip test to go through all signs


@pytest.fixture(scope="session")
def fake():
    """Writes a made-up result: `fake(path, name, level=, gain=, track=, protocol=, exact=, ...)`."""

    def write(path, name, **changes):
        return BENCHMARK["write_fake"](path, name, artists=ARTISTS, **changes)

    return write


@pytest.fixture(scope="session")
def entry_of():
    """Makes the entry of a result in the list of verified ones: `entry_of(stored, by=, date=, ...)`."""

    def make(stored, **changes):
        result = stored.result
        facts = {
            "track": result.track.name,
            "protocol": result.protocol,
            "model": result.submission.name,
            "rows": result.rows.sha256,
            "commit": "ab" * 20,
            "date": datetime.date(2026, 3, 1),
            "machine": "cpu, Linux",
            "by": "A Maintainer",
            "guarantees": ("each cell in a fork",),
        }
        return Verified(**(facts | changes))

    return make


@pytest.fixture(scope="session")
def leaderboard_folder(fake, tmp_path_factory):
    """`results/`, `samples/` and `removed.toml`, as in the repository."""
    folder = tmp_path_factory.mktemp("leaderboard")
    lyrics, midi = folder / "results" / "lyrics-synthetic", folder / "results" / "midi-scores"
    fake(
        lyrics / "lstm.json",
        "lstm",
        level=1.4,
        gain=0.0,
        family="static",
        status="verified",
        budget="quarter-hour",
    )
    fake(lyrics / "tuned.json", "tuned", level=1.4, gain=0.3, family="fine-tuning")
    fake(lyrics / "twin.json", "twin", level=1.398, gain=0.3, family="meta-learned", budget="hour")
    fake(lyrics / "optimum.json", "optimum", level=1.0, gain=0.2, family="reference")
    fake(lyrics / "vae.json", "vae", level=1.0, gain=0.2, family="latent", exact=False)
    broken = AuditVerdict(
        rule="causality", passed=False, checks=9, worst=2.0, tolerance=1e-9, detail="song 1"
    )
    fake(lyrics / "peeking.json", "peeking", level=0.5, gain=0.2, family="static", audits=(broken,))
    fake(lyrics / "tuned-s.json", "tuned", level=1.38, gain=0.3, family="fine-tuning", protocol="streaming")
    fake(midi / "lstm.json", "lstm", track="midi-scores", level=4.5, gain=0.0, family="static")
    fake(midi / "memory.json", "memory", track="midi-scores", level=4.3, gain=0.4, family="memory")
    _write_samples(folder / "samples" / "midi-scores" / "memory")
    (folder / "removed.toml").write_text(
        '[[removed]]\ndate = "2026-03-01"\ntrack = "midi-scores"\nmodel = "<b>old</b>"\nreason = "Peeked."\n'
    )
    return folder


@pytest.fixture(scope="session")
def built(leaderboard_folder, tmp_path_factory):
    """(the `Leaderboard`, the folder of its site)."""
    out = tmp_path_factory.mktemp("out") / "site"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FSDL_BENCH_HOME", str(tmp_path_factory.mktemp("home")))
        return build_site(leaderboard_folder / "results", out, progress=False), out


@pytest.fixture
def listen():
    """`listen(tab)` hears the console of a page; at the end nothing was said."""
    said = []

    def listen(tab):
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))

    yield listen
    assert said == []


@pytest.fixture
def visit(browser, built, listen):
    """Opens a page of the site; at the end no request left the folder, and the console was silent."""
    contexts, asked = [], []

    def visit(page, **settings):
        name, mark, query = page.partition("?")
        given = mark + query
        context = browser.new_context(**settings)
        contexts.append(context)
        tab = context.new_page()
        listen(tab)
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto((built[1] / name).as_uri() + given)
        return tab

    yield visit
    for context in contexts:
        context.close()
    assert asked
    assert all(address.startswith(built[1].as_uri() + "/") for address in asked)


def _write_samples(folder):
    """A second of sound, a picture and a file named like MIDI, listed as `generate` lists them."""
    folder.mkdir(parents=True)
    with wave.open(str(folder / "one.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        tone = (int(8000 * math.sin(2 * math.pi * 440 * t / 8000)) for t in range(4000))
        sound.writeframes(b"".join(struct.pack("<h", value) for value in tone))
    (folder / "one.mid").write_bytes(b"MThd")
    (folder / "one.png").write_bytes(_png())
    files = {"mid": "one.mid", "wav": "one.wav", "png": "one.png"}
    song = {"title": "One", "units": 12, "files": files}
    sample = song | {"title": "Sample 1", "seed": 3, "ended": True, "nats_per_unit": 3.25}
    episode = {
        "artist": "Ann & Co",
        "artist_key": "ann co",
        "index": 0,
        "support": [song],
        "samples": [sample],
    }
    record = {
        "track": "midi-scores",
        "track_digest": "ab" * 32,
        "kind": "midi",
        "unit": "note",
        "model": "memory",
        "submission": "baselines/ngram.py",
        "submission_sha256": "0" * 64,
        "settings": [],
        "fit_seed": 0,
        "temperature": 1.0,
        "top_p": 1.0,
        "max_notes": None,
        "max_tokens": None,
        "episodes": [episode],
    }
    (folder / "samples.json").write_text(json.dumps(record))


def _png():
    """A grey picture of one pixel."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\x80")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts
