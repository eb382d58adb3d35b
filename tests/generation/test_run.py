"""From a submission and songs to a folder, through the command line and through Python."""

import io
import json
import re
import wave
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from pretty_midi import Instrument, Note, PrettyMIDI

import fsdl_bench
from fsdl_bench.cli import main
from fsdl_bench.codecs.midi import MidiCodec
from fsdl_bench.codecs.words import WordsCodec
from fsdl_bench.errors import BadInput
from fsdl_bench.evaluation.runner import evaluate
from fsdl_bench.evaluation.scoring import token_nats
from fsdl_bench.generation import run as module
from fsdl_bench.generation.record import read_samples
from fsdl_bench.music.reading import read_midi


@pytest.fixture
def cli():
    """Runs the command; returns click's result."""

    def run(*words):
        return CliRunner().invoke(main, ["generate", *map(str, words)])

    return run


def test_new_tunes_after_ones_own(cli, tracks, model, own_songs, tmp_path):
    out = tmp_path / "out"
    result = cli(
        *("--submission", model(), "--track", "tunes", "--support", own_songs / "First Tune.MID"),
        *(own_songs / "Album", "-n", 2, "--max-notes", 30, "--seed", 5, "--out", out),
    )
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == f"Open {out / 'index.html'}"
    assert re.search(r"^your songs, Sample 1: \d+ notes, [\d.]+ nats/note$", result.stdout, re.M)
    assert "what a submission prints" not in result.stdout
    assert "fitting Counter on tunes, seed 0" in result.stderr
    samples = read_samples(out)
    (episode,) = samples.episodes
    assert [song.title for song in episode.support] == ["First Tune", "second"]
    assert [song.seed for song in episode.samples] == [5, 6]
    stems = ["support-1", "support-2", "sample-1", "sample-2"]
    expected = {f"{stem}.{kind}" for stem in stems for kind in ("mid", "png", "wav")}
    assert samples.files() == expected
    assert {path.name for path in out.iterdir()} == expected | {"index.html", "samples.json"}
    codec = MidiCodec()
    for song in (*episode.support, *episode.samples):
        tokens = codec.encode(read_midi((out / song.files["mid"]).read_bytes()))
        assert codec.units(tokens) == song.units <= 30
        with Image.open(out / song.files["png"]) as picture:
            assert picture.size[0] > 900
        with wave.open(io.BytesIO((out / song.files["wav"]).read_bytes())) as preview:
            assert preview.getframerate() == 22_050
            heard = preview.getnframes() / preview.getframerate()
        assert heard == pytest.approx(codec.seconds(tokens) + 0.5, abs=0.02)


def test_new_verses_after_a_frozen_episode(cli, tracks, model, tmp_path):
    out = tmp_path / "out"
    words = ("--submission", model(), "--track", "verses", "--episode", "Dora Dur:1", "--shots", 2)
    result = cli(*words, "-n", 1, "--max-tokens", 20, "--name", "counts", "--out", out)
    assert result.exit_code == 0, result.output
    found = json.loads((out / "samples.json").read_text())
    assert (found["track"], found["model"], found["unit"]) == ("verses", "counts", "byte")
    (episode,) = found["episodes"]
    assert (episode["artist"], episode["artist_key"], episode["index"]) == ("Dora Dur", "dora dur", 1)
    track = fsdl_bench.load_track("verses")
    frozen = fsdl_bench.evaluation_episodes(track.test, track.definition)[1]
    texts = [(out / song["files"]["txt"]).read_text("utf-8") for song in episode["support"]]
    assert texts == [song.text + "\n" for song in frozen.support[:2]]
    (sample,) = episode["samples"]
    assert sample["files"] == {"txt": "dora-dur-1-sample-1.txt"}
    assert sample["title"] == "Sample 1"


def test_the_likelihood_is_the_harnesss_own(tracks, model, own_songs, tmp_path):
    """The sample read back from its file, scored by a model that is fitted and adapted by hand."""
    verse = own_songs / "verse.txt"
    samples = fsdl_bench.generate(
        model(), "verses", tmp_path / "out", support=[verse], n=1, temperature=0.8, progress=False
    )
    (sample,) = samples.episodes[0].samples
    codec = WordsCodec()
    tokens = codec.encode((tmp_path / "out" / sample.files["txt"]).read_text("utf-8").rstrip("\n"))
    assert sample.ended
    namespace = {}
    exec((tmp_path / "models" / "counter1.py").read_text(), namespace)
    by_hand = namespace["Counter"]()
    train = fsdl_bench.load_track("verses").train
    by_hand.size, by_hand.songs = codec.vocab_size, [song.tokens for song in train.songs]
    predictor = by_hand.adapt([codec.encode(verse.read_text("utf-8").rstrip())])
    scores = predictor.logits(torch.from_numpy(tokens.astype(np.int64))[None])[0]
    nats = token_nats(scores, tokens).sum() / codec.units(tokens)
    assert sample.nats_per_unit == pytest.approx(nats, rel=1e-6)


def test_the_same_call_writes_the_same_files_with_a_stream_or_without(
    tracks, model, own_songs, tmp_path, capsys
):
    def run(out, stream, **options):
        support = [own_songs / "verse.txt"]
        fsdl_bench.generate(model(stream), "verses", tmp_path / out, support=support, n=2, **options)
        return {path.name: path.read_bytes() for path in (tmp_path / out).glob("*.txt")}

    first = run("out", True)
    assert "no `stream()`" not in capsys.readouterr().err
    assert run("out", True) == first  # the folder is replaced
    assert run("slow", False) == first
    assert capsys.readouterr().err.count("CounterPredictor has no `stream()`") == 1
    other = run("other", True, seed=1)
    assert other["sample-1.txt"] == first["sample-2.txt"] != first["sample-1.txt"]


def test_previews_are_as_long_and_as_fine_as_asked(tracks, model, own_songs, tmp_path):
    def run(**options):
        options = {"support": [own_songs / "First Tune.MID"], "n": 1, "max_notes": 2} | options
        fsdl_bench.generate(model(), "tunes", tmp_path / "out", progress=False, **options)
        return sorted(tmp_path.glob("out/*.wav"))

    assert run(preview_seconds=0) == []
    with wave.open(str(run(preview_seconds=1.5, preview_rate=8_000)[-1])) as preview:
        assert (preview.getframerate(), preview.getnframes()) == (8_000, 12_001)


def test_a_model_that_was_evaluated_is_not_fitted_again(tracks, model, own_songs, tmp_path, capsys):
    path = model()
    evaluate(path, "verses", limit=1, progress=False, out=tmp_path / "result.json")
    capsys.readouterr()
    fsdl_bench.generate(path, "verses", tmp_path / "out", support=[own_songs], n=1)
    printed = capsys.readouterr()
    assert "reusing the fit of" in printed.err
    assert "fitting" not in printed.err
    assert "what a submission prints" not in printed.out


def test_an_interrupted_run_leaves_the_folder_as_it_was(cli, tracks, model, own_songs, tmp_path, monkeypatch):
    words = ("--submission", model(), "--track", "verses", "--support", own_songs, "-n", 2)
    out = tmp_path / "new" / "out"
    assert cli(*words, "--out", out).exit_code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    draw, calls = module.draw, []

    def interrupted(*args):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return draw(*args)

    monkeypatch.setattr(module, "draw", interrupted)
    result = cli(*words, "--seed", 9, "--out", out)
    assert result.exit_code == 130
    assert f"Interrupted; {out} is unchanged" in result.stderr
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--track": "midi-scores"}, "run `fsdl-bench build midi-scores`"),
        ({"--track": "verses"}, "First Tune.MID: not a text file"),
        ({"--support": None}, "--support, --episode: expected one of them"),
        ({"--episode": "dora dur"}, "--support, --episode: expected one of them"),
        ({"--shots": "2"}, "--shots: only for --episode"),
        ({"--temperature": "-1"}, "temperature: expected"),
        ({"--top-p": "2"}, "top_p: expected"),
        ({"--preview-seconds": "-1"}, "--preview-seconds: expected"),
        ({"--preview-rate": "100"}, "--preview-rate: expected"),
        ({"--submission": "nothing.py"}, "no such file"),
        ({"--set": "wrong"}, "expected key=value"),
        ({"--device": "abacus"}, "--device abacus"),
    ],
)
def test_a_bad_call_ends_with_one_message(cli, tracks, model, own_songs, tmp_path, change, message):
    options = {"--submission": model(), "--track": "tunes", "--support": str(own_songs / "First Tune.MID")}
    options |= {"--out": str(tmp_path / "out")} | change
    result = cli(*(word for name, value in options.items() if value for word in (name, value)))
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


def test_a_folder_of_other_things_is_never_replaced(tracks, model, own_songs):
    with pytest.raises(BadInput, match=r"found .*, .*, .* and more in it"):
        fsdl_bench.generate(model(), "tunes", own_songs, support=[own_songs], progress=False)
    assert (own_songs / "verse.txt").is_file()


class _Page(HTMLParser):
    """The links and the texts of a page."""

    def __init__(self, text):
        super().__init__()
        self.references, self.text, self.tags, self.alternatives, self.ids = [], "", [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        self.references += [attributes[name] for name in ("src", "href") if name in attributes]
        self.ids += [attributes["id"]] if "id" in attributes else []
        if tag in ("img", "audio"):
            self.alternatives.append(attributes.get("alt") or attributes.get("aria-label"))

    def handle_data(self, data):
        self.text += data


def test_the_page_stands_alone_and_says_what_it_shows(tracks, model, own_songs, tmp_path):
    own = own_songs / "Album" / "second.mid"
    own = own.rename(own.with_name('<b>"A" & B.mid'))
    out = tmp_path / "out"
    fsdl_bench.generate(model(), "tunes", out, support=[own], n=2, max_notes=10, progress=False)
    source = (out / "index.html").read_text("utf-8")
    page = _Page(source)
    assert set(page.references) == {
        f"{stem}.{kind}" for stem in ("support-1", "sample-1", "sample-2") for kind in ("mid", "png", "wav")
    }
    assert '<b>"A" & B' in page.text
    assert "b" not in page.tags
    assert "script" not in page.tags
    assert not re.search(r"https?:|@import|url\(", source)
    assert page.tags.count("audio") == page.tags.count("img") == 3
    assert all(page.alternatives)
    assert len(set(page.ids)) == len(page.ids)
    assert "2 new songs by Counter" in page.text
    assert "10 notes" in page.text


def test_the_page_of_verses_holds_them(tracks, model, own_songs, tmp_path):
    out = tmp_path / "out"
    fsdl_bench.generate(
        model(), "verses", out, episodes=["dora dur:0", "dora dur:2"], shots=0, n=1, progress=False
    )
    page = _Page((out / "index.html").read_text("utf-8"))
    assert page.text.count("No support: the trained model") == 2
    for index in (0, 2):
        assert (out / f"dora-dur-{index}-sample-1.txt").read_text("utf-8").strip() in page.text


def test_the_default_model_is_one_that_is_ready(cli, tracks, model, own_songs, tmp_path, monkeypatch):
    path = model()
    monkeypatch.setattr(module, "ready_models", lambda track: ["counter"])
    monkeypatch.setattr("fsdl_bench.submissions.specs.reference_models", lambda: {"counter": Path(path)})
    words = ("--track", "verses", "--support", own_songs / "verse.txt", "-n", 1, "--out", tmp_path / "out")
    result = cli(*words)
    assert result.exit_code == 0, result.output
    assert "model: fsdl_bench:counter" in result.stderr
    assert read_samples(tmp_path / "out").submission == "fsdl_bench:counter"
    assert cli(*words, "--set", "a=1").exit_code == 2


def test_the_instruments_of_the_support_are_kept(tracks, model, tmp_path):
    song = PrettyMIDI()
    guitar = Instrument(program=25)
    guitar.notes = [Note(80, 60 + place % 5, place / 4, place / 4 + 0.2) for place in range(20)]
    song.instruments.append(guitar)
    song.write(str(tmp_path / "guitar.mid"))
    samples = fsdl_bench.generate(
        model(),
        "tunes",
        tmp_path / "out",
        support=[tmp_path / "guitar.mid"],
        n=2,
        max_notes=10,
        keep_instruments=True,
        preview_seconds=0,
        progress=False,
    )
    assert samples.keep_instruments
    for written in samples.episodes[0].samples:
        (part,) = PrettyMIDI(str(tmp_path / "out" / written.files["mid"])).instruments
        assert part.program == 25


def test_samples_come_before_the_support_on_the_page(tracks, model, own_songs, tmp_path):
    fsdl_bench.generate(
        model(), "verses", tmp_path / "out", support=[own_songs / "verse.txt"], n=1, progress=False
    )
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert page.index("Sample 1") < page.index("as given to the model")
