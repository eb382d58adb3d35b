"""Scraping a site that breaks in every way, politely; killed runs lose nothing and fetch nothing twice."""

import random
import signal
import subprocess
import sys
import time

import pytest

from fsdl_bench.sources.common.base import open_source
from fsdl_bench.sources.common.tree import Tree

pytest.importorskip("scrapy")


def index(site, *links, more=()):
    site.page(
        "/",
        "".join(f'<a class=poem href="{link}">x</a>' for link in links)
        + "".join(f'<a class=more href="{link}">y</a>' for link in more),
    )


def test_a_site_where_everything_goes_wrong(site, scrape, tmp_path):
    site.poem("/good", artist="Ada  Byron", title="To/Fro", words="<p>one<br>two &amp; so</p><p>three</p>")
    site.poem("/same", artist="Ada Byron", title="To/Fro", words="another poem")
    site.poem("/free", licence="In the Public Domain.")
    site.poem("/closed", licence="All rights reserved")
    site.poem("/silent", licence="")
    site.poem("/nobody", artist="")
    site.poem("/empty", words="<script>no()</script>")
    site.poem("/private/diary")
    site.page("/loop", b"", 302, Location="/loop2")
    site.page("/loop2", b"", 302, Location="/loop")
    site.page("/down", b"", 503, **{"Retry-After": "0"})
    site.page("/big", b" " * (50 << 20))
    latin = "<h2>Zoë</h2><h1>É</h1><div class=poem>né</div><a rel=license>CC BY-SA</a>"
    site.page("/latin", latin.encode("latin-1"), kind="text/html; charset=iso-8859-1")
    site.page(
        "/broken", b"<h2>B</h2><h1>T</h1><div class=poem>lost \xff\xfe</div><a rel=license>CC BY-SA</a>"
    )
    site.page("/image", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", kind="image/png")

    def drip(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "text/html")
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b"<p>")
            time.sleep(0.1)

    site.pages["/tarpit"] = drip
    names = (
        "good same free closed silent nobody empty private/diary loop down big latin broken image tarpit gone"
    )
    index(site, *names.split(), "http://elsewhere.invalid/poem", "good#part")
    done, table = scrape()
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    taken = table[table.file != ""]
    assert sorted(taken.index) == ["/free", "/good", "/latin", "/same"]
    out = tmp_path / "out"
    good, same = taken.loc["/good"], taken.loc["/same"]
    texts = {(out / name).read_text() for name in (good.file, same.file)}
    assert texts == {"one\ntwo & so\n\nthree\n", "another poem\n"}
    assert {good.file, same.file} >= {"Ada Byron/To-Fro.txt"}
    assert (out / taken.loc["/latin"].file).read_text() == "né\n"
    assert (taken.sha256.str.len() == 64).all()
    assert (taken.time.dt.year >= 2026).all()
    reasons = table[table.file == ""].reason.to_dict()
    tarpit = reasons.pop("/tarpit")
    assert "Timeout" in tarpit
    assert "Cancel" in reasons.pop("/big")
    assert reasons.pop("/loop").startswith("max redirections")
    assert reasons == {
        "/closed": "licence not wanted",
        "/silent": "no licence",
        "/nobody": "no artist",
        "/empty": "no text",
        "/private/diary": "Forbidden by robots.txt",
        "/down": "HTTP 503",
        "/broken": "lost bytes (U+FFFD)",
        "/image": "not a page",
        "/gone": "HTTP 404",
    }
    assert site.counts["/private/diary"] == 0
    assert site.counts["/good"] == 1
    assert site.agents == {next(iter(site.agents))}
    assert "fsdl-bench/" in next(iter(site.agents))
    assert "tests@example.org" in next(iter(site.agents))
    items = list(open_source("folder", Tree(out), kind="lyrics").items())
    assert {item.artist for item in items} == {"Ada Byron", "Ada", "Zoë"}


def test_it_waits_as_long_as_the_server_asks(site, scrape):
    answers = iter([429, 503])

    def busy(_):
        status = next(answers, None)
        if status is None:
            return (
                200,
                {"Content-Type": "text/html"},
                b"<h2>A</h2><h1>T</h1><p class=poem>x</p><a rel=license>CC BY-SA</a>",
            )
        return status, {"Retry-After": "1"}, b""

    site.pages["/busy"] = busy
    site.poem("/later")
    index(site, "busy", "later")
    done, table = scrape()
    assert done.returncode == 0
    assert sorted(table[table.file != ""].index) == ["/busy", "/later"]
    first, second, third = site.times["/busy"]
    assert second - first >= 0.9
    assert third - second >= 0.9
    quiet = [when for when in site.times["/later"] if first + 0.1 < when < first + 0.9]
    assert quiet == [], "nothing else is asked meanwhile"


def test_a_page_limit_and_going_on(site, scrape):
    for number in range(6):
        site.poem(f"/{number}", title=f"Poem {number}")
    index(site, *map(str, range(6)))
    _, table = scrape("--pages", "4")
    assert (table.file != "").sum() == 3
    assert (table.reason == "page limit").sum() == 3
    _, table = scrape()
    assert (table.file != "").sum() == 6
    assert site.counts["/0"] == site.counts["/5"] == 1
    assert set(table.reason) == {""}


def test_files_of_a_user_are_not_replaced(site, scrape, tmp_path):
    site.poem("/one", artist="Ada", title="One", words="words of the site")
    index(site, "one")
    (tmp_path / "out" / "Ada").mkdir(parents=True)
    (tmp_path / "out" / "Ada" / "One.txt").write_text("the user's words")
    _, table = scrape()
    assert (tmp_path / "out" / "Ada" / "One.txt").read_text() == "the user's words"
    assert table.file.loc["/one"].startswith("Ada/One [")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "metadata.parquet").write_text("the user's table")
    words = ["scrape", "mutopia", "--contact", "x", "--out", tmp_path / "other"]
    done = subprocess.run(
        [sys.executable, "-m", "fsdl_bench", *words], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "one without metadata.parquet" in done.stderr) == (2, True)
    assert (tmp_path / "other" / "metadata.parquet").read_text() == "the user's table"


def test_killed_at_random_nothing_is_lost_and_nothing_fetched_twice(site, scrape, command, tmp_path):
    pages = [f"page{number}" for number in range(3)]
    for number in range(24):
        site.poem(f"/{number}", artist=f"Artist {number % 3}", title=f"Poem {number}", words=f"word {number}")
    for page in pages:
        links = range(8 * pages.index(page), 8 * pages.index(page) + 8)
        site.page(f"/{page}", "".join(f'<a class=poem href="/{n}">x</a>' for n in links))
    index(site, more=pages)
    _, whole = scrape(out="whole")
    site.counts.clear()
    site.slow = 0.05
    pick, kills = random.Random(1), 0
    for _ in range(30):
        process = subprocess.Popen(command(out="out"), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            process.wait(timeout=pick.uniform(1.5, 3.5))
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
    done, table = scrape()
    assert done.returncode == 0
    assert kills > 0
    columns = ["sha256", "licence", "artist", "title", "file", "reason"]
    assert table[columns].equals(whole[columns])
    for row in table.itertuples():
        assert (tmp_path / "out" / row.file).read_bytes() == (tmp_path / "whole" / row.file).read_bytes()
    again = {path: count for path, count in site.counts.items() if count > 1}
    assert sum(count - 1 for count in again.values()) <= kills, "only what was under way is asked again"


def test_files_of_music(site, scrape):
    recipe = """
start = ["{url}/"]
licences = ["CC0"]
[song]
pages = "a.poem::attr(href)"
artist = "//h2/text()"
title = "h1::text"
file = "a[href$='.mid']::attr(href)"
licence = "a[rel=license]::text"
"""
    site.poem("/one", licence="CC0", more="<a href='/one.mid'>play</a>")
    site.poem("/two", licence="CC0", more="<a href='/two.mid'>play</a>")
    site.poem("/three", licence="CC0")
    site.page("/one.mid", b"MThd\0\0\0\6", kind="audio/midi")
    site.page("/two.mid", b"<html>sorry</html>", kind="audio/midi")
    index(site, "one", "two", "three")
    _, table = scrape(recipe=recipe)
    assert table.file.to_dict() == {"/one.mid": "Ada/A Poem.mid", "/two.mid": "", "/three": ""}
    assert table.reason.to_dict() == {"/one.mid": "", "/two.mid": "not a MIDI file", "/three": "no file"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("start = [\"{url}/\"]", ""), "start: Field required"),
        (("text = \".poem\"", ""), "expected 'text' or 'file'"),
        (("h1::text", "h1[[::text"), "the selector 'h1[[::text' cannot be parsed"),
        (("[song]", "wrong = 1\n[song]"), "wrong: Extra inputs"),
    ],
)  # fmt: skip
def test_a_wrong_recipe_is_one_message(scrape, change, message):
    from .conftest import RECIPE

    done, _ = scrape(recipe=RECIPE.replace(*change))
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_calls_are_one_message(scrape):
    for recipe, more, message in [
        ("nowhere", (), "there is no recipe 'nowhere'"),
        ("wikisource", (), "expected --set category="),
        ("mutopia", ("--set", "colour=red"), "--set colour: expected composer, site"),
    ]:
        done, _ = scrape(*more, recipe=recipe)
        assert (done.returncode, message in done.stderr) == (2, True), done.stderr[-300:]
