"""The pages as files: they show the figures of the results, links resolve, markup is well-formed."""

import csv
import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fsdl_bench.errors import BadInput
from fsdl_bench.results import read_result
from fsdl_bench.site import build
from fsdl_bench.site import render as render_module
from fsdl_bench.site.formats import count, interval, number
from fsdl_bench.site.render import _project_urls, build_site, render
from fsdl_bench.site.view import Leaderboard

ARTISTS = 8
VOID = {"meta", "link", "br", "img", "input", "hr", "path", "circle", "rect", "polygon", "polyline"}


class _Page(HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes something else, in {self.getpos()}"

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, *names):
        return [attrs for tag, attrs in self.tags if tag in names]


@pytest.fixture(scope="module")
def pages(built):
    return {path.relative_to(built[1]).as_posix(): _Page(path) for path in sorted(built[1].rglob("*.html"))}


def test_every_page_is_there(pages):
    models = ["lstm", "memory"], ["lstm", "optimum", "peeking", "tuned", "twin", "vae"]
    names = [
        f"models/{t}/{m}.html"
        for t, ms in zip(("midi-scores", "lyrics-synthetic"), models, strict=True)
        for m in ms
    ]
    for track in ("lyrics-synthetic", "midi-scores"):
        names += [f"tracks/{track}.html", f"compare/{track}.html"]
        names += [f"artists/{track}/artist-{number:02}.html" for number in range(ARTISTS)]
    assert set(pages) == {"index.html", "removals.html", *names}


def test_markup_is_sound(pages):
    for name, page in pages.items():
        assert not page.open, name
        assert len(page.all("h1")) == 1, name
        ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
        assert len(ids) == len(set(ids)), f"{name}: an id is used twice"
        assert all(attrs.get("alt") for attrs in page.all("img"))
        assert all(attrs.get("scope") for attrs in page.all("th")), name
        named = {target for attrs in page.all("svg") for target in attrs.get("aria-labelledby", "").split()}
        assert named <= set(ids)


def test_links_stay_in_the_folder_and_lead_somewhere(pages, built):
    for name, page in pages.items():
        ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
        for attrs in page.all("a", "link", "script", "img", "audio"):
            target = attrs.get("href") or attrs.get("src")
            if target is None or target in _project_urls().values():
                continue  # a script in the page, or an address of the package's metadata
            assert ":" not in target, f"{name} leaves the folder: {target}"
            target = target.partition("?")[0]
            if target.startswith("#"):
                assert target[1:] in ids
            else:
                place = (built[1] / name).parent / target.partition("#")[0]
                assert place.resolve().is_relative_to(built[1].resolve())
                assert place.is_file(), f"{name}: {target}"


def test_the_table_holds_the_figures_of_the_results(pages, leaderboard_folder):
    page = pages["tracks/lyrics-synthetic.html"]
    text = " ".join(" ".join(page.texts).split()).replace('","', " ")  # in the table, or for the script
    for path in sorted((leaderboard_folder / "results" / "lyrics-synthetic").glob("*.json")):
        result = read_result(path).result
        if result.submission.name == "peeking":
            continue
        for shot in result.aggregates.shots:
            assert f"{number(shot.nll.mean)} {interval(shot.nll)}" in text
            if shot.gain and abs(shot.gain.mean) > 1e-6:
                assert f"{number(shot.gain.mean, True)} {interval(shot.gain)}" in text
    assert "≤" in text
    assert "peeking : broke the rule: causality" in text


def test_an_artists_page_holds_the_figures_of_all_models(pages, built):
    (track,) = [one for one in built[0].tracks if one.name == "lyrics-synthetic"]
    page = pages["artists/lyrics-synthetic/artist-03.html"]
    for entry in track.boards[0].of("ranked"):
        (line,) = [line for line in entry.artists if line.artist == "artist 03"]
        assert entry.result.submission.name in page.texts
        assert {number(line.nll), number(line.gain, True)} <= set(page.texts)


def test_a_site_is_built_again_only_if_something_changed(leaderboard_folder, tmp_path, monkeypatch):
    results, out = tmp_path / "board" / "results", tmp_path / "site"
    shutil.copytree(leaderboard_folder, results.parent)
    first = build_site(results, out, progress=False)
    monkeypatch.setattr(render_module, "render", lambda *_: pytest.fail("rendered"))
    assert build_site(results, out, progress=False) == first
    page = out / "index.html"
    page.write_text(page.read_text("utf-8") + " ", "utf-8")
    with pytest.raises(pytest.fail.Exception, match="rendered"):
        build_site(results, out, progress=False)
    monkeypatch.undo()
    build_site(results, out, progress=False)
    (results / "midi-scores" / "lstm.json").unlink()
    (results / "midi-scores" / "lstm.rows.parquet").unlink()
    again = build_site(results, out, progress=False)
    assert "lstm" not in {model.slug for track in again.tracks[:1] for model in track.models()}
    assert not (out / "models" / "midi-scores" / "lstm.html").exists()


def test_what_results_say_cannot_become_markup(pages, built):
    assert "&lt;b&gt;old&lt;/b&gt;" in (built[1] / "removals.html").read_text()
    assert not pages["removals.html"].all("b")


def test_downloads_hold_what_the_pages_show(built):
    board, out = built
    assert Leaderboard.model_validate_json((out / "leaderboard.json").read_bytes()) == board
    track = json.loads((out / "data/lyrics-synthetic.json").read_text())
    assert track["boards"][0]["entries"][0]["result"]["submission"]["name"] in ("tuned", "twin")
    with (out / "data/lyrics-synthetic.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 7 * 6, "seven results at six numbers of shots"
    (row,) = [r for r in rows if (r["model"], r["protocol"], r["shots"]) == ("tuned", "independent", "5")]
    (shown,) = [one for one in board.tracks if one.name == "lyrics-synthetic"]
    entry = next(one for one in shown.boards[0].entries if one.slug == "tuned")
    assert float(row["nll"]) == entry.at(5).nll.mean
    assert float(row["gain_low"]) == entry.at(5).gain.low
    assert float(row["over_lstm"]) == entry.placing(5).over_baseline.mean
    assert float(row["control_gain"]) == entry.result.aggregates.control.gain.mean
    assert (row["rank"], row["tied"]) == (str(entry.placing(5).rank), str(entry.placing(5).tied))
    assert all(not row["rank"] for row in rows if row["model"] in ("peeking", "vae", "optimum"))


def test_the_same_results_make_the_same_site(built, tmp_path):
    render(built[0], tmp_path)
    for path in sorted(tmp_path.rglob("*")):
        if path.is_file():
            assert path.read_bytes() == (built[1] / path.relative_to(tmp_path)).read_bytes()


def test_an_empty_removal_log_says_so(built, tmp_path):
    render(built[0].model_copy(update={"removals": ()}), tmp_path)
    assert "No result has been removed so far" in (tmp_path / "removals.html").read_text()


def test_samples_come_along(built, pages):
    page = pages["models/midi-scores/memory.html"]
    assert [attrs["src"] for attrs in page.all("audio")] == ["../../samples/midi-scores/memory/one.wav"] * 2
    assert "Given songs by Ann & Co" in page.texts
    assert not pages["models/midi-scores/lstm.html"].all("audio")


def test_a_folder_of_something_else_is_not_replaced(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(BadInput, match=r"found thesis\.tex in it"):
        build_site(Path("nowhere"), tmp_path)
    assert (tmp_path / "thesis.tex").exists()


@pytest.mark.parametrize("listed", [True, False])
def test_what_a_user_adds_to_a_site_is_not_deleted(built, tmp_path, listed):
    render(built[0], tmp_path)
    if listed:
        build.record(tmp_path, "key")
    (tmp_path / "CNAME").write_text("example.org")
    with pytest.raises(BadInput, match="found CNAME in it"):
        build_site(Path("nowhere"), tmp_path)
    assert (tmp_path / "CNAME").read_text() == "example.org"


def test_a_track_named_like_a_path_is_refused(fake, tmp_path):
    track = fake(tmp_path / "results" / "a.json", "a").result.track
    fake(tmp_path / "results" / "a.json", "a", track_info=track.model_copy(update={"name": "../x"}))
    with pytest.raises(BadInput, match=r"track\.name '\.\./x' cannot be part of a file name"):
        build_site(tmp_path / "results", tmp_path / "site", progress=False)


def test_no_results_are_refused_before_anything_is_replaced(built, tmp_path):
    out = tmp_path / "site"
    render(built[0], out)
    (tmp_path / "results").mkdir()
    with pytest.raises(BadInput, match="expected results"):
        build_site(tmp_path / "results", out, progress=False)
    assert (out / "index.html").exists()


def test_figures_in_words():
    assert number(-0.5) == "−0.5000"
    assert number(1e-12, True) == "0"
    assert number(0.003, True) == "+0.0030"
    assert [count(n) for n in (None, 7, 999, 999_800, 13_571_749)] == ["–", "7", "999", "1 M", "13.6 M"]
