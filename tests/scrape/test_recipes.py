"""The recipes that come with the package, against small sites that answer as the public ones do."""

import json
import urllib.parse

import pytest

pytest.importorskip("scrapy")

RDF = """<?xml version="1.0"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:mp="http://www.mutopiaproject.org/piece-data/0.1/"><rdf:Description rdf:about=".">
<mp:title>{title}</mp:title><mp:composer>{composer}</mp:composer><mp:opus>BWV 1</mp:opus>
<mp:date>1723</mp:date><mp:style>Baroque</mp:style><mp:licence>{licence}</mp:licence></rdf:Description></rdf:RDF>"""


def test_mutopia(site, scrape):
    def piece(name, composer="BachJS", licence="Public Domain"):
        path = f"/ftp/{composer}/{name}/{name}"
        site.page(f"{path}.rdf", RDF.format(title=name, composer=composer, licence=licence), kind="text/xml")
        site.page(f"{path}.mid", b"MThd\0\0\0\6", kind="audio/midi")
        return f"<a href='..{path}.mid'>MIDI</a>"

    table = "/cgibin/make-table.cgi?startat={}&Composer="
    following = "<a href='make-table.cgi?startat={}&amp;Composer='>Next</a>"
    first = piece("one") + piece("two", licence="Creative Commons Attribution-ShareAlike 3.0")
    site.page(table.format(0), first + following.format(10))
    several = "<a href='../ftp/BachJS/suite/suite-mids.zip'>zip</a>"
    second = piece("three", "SorF") + piece("four", licence="Non-commercial") + several
    site.page(table.format(10), second + following.format(0))
    done, found = scrape("--set", f"site={site.url}/", recipe="mutopia")
    assert done.returncode == 0, done.stderr[-1000:]
    files = {name.rpartition("/")[2]: row.file for name, row in found.iterrows()}
    assert files == {
        "one.mid": "J S Bach/one BWV 1.mid",
        "two.mid": "J S Bach/two BWV 1.mid",
        "three.mid": "F Sor/three BWV 1.mid",
        "four.mid": "",
        "suite-mids.zip": "",
    }
    row = found.loc["/ftp/BachJS/one/one.mid"]
    assert json.loads(row.extra) == {"catalogue": "BWV 1", "genre": "Baroque", "year": "1723"}
    assert row.licence == "Public Domain"


def call(**query):
    usual = {"format": "json", "formatversion": "2", "maxlag": "5"}
    return "/w/api.php?" + urllib.parse.urlencode(query | usual)


def test_wikisource(site, scrape, as_json, tmp_path):
    def members(titles, following=None, **more):
        path = call(
            action="query",
            list="categorymembers",
            cmtitle="Category:Poems",
            cmlimit=500,
            cmnamespace=0,
            **more,
        )
        answer = {"query": {"categorymembers": [{"title": title} for title in titles]}}
        site.pages[path] = as_json(answer | ({"continue": {"cmcontinue": following}} if following else {}))

    def work(title, text):
        answer = {"parse": {"title": title, "text": text}} if text else {"error": {"info": "no such page"}}
        site.pages[call(action="parse", page=title, prop="text", redirects=1)] = as_json(answer)

    members(["Hope", "Success"], following="next|1")
    members(["List", "Gone"], cmcontinue="next|1")
    work(
        "Hope",
        """<div class="ws-header">by Emily</div><div class="poem"><p>Hope is the thing with feathers<br />
        That perches<sup class="reference">[1]</sup> in the soul<span class="pagenum">[p. 27]</span></p>
        <p>And sings</p></div><div class="references">1. a note</div>
        <div class="licenseContainer">PD</div>""",
    )
    work("Success", "<p>Success is counted sweetest</p><table><tr><td>navigation</td></tr></table>")
    work("List", "<div id='disambigbox'>may refer to</div>")
    work("Gone", "")
    options = ("--set", f"site={site.url}/w/", "--set", "category=Poems", "--set", "artist=Emily Dickinson")
    done, found = scrape(*options, recipe="wikisource")
    assert done.returncode == 0, done.stderr[-1000:]
    taken = {row.title: (tmp_path / "out" / row.file).read_text() for row in found.itertuples() if row.file}
    assert taken == {
        "Hope": "Hope is the thing with feathers\nThat perches in the soul\n\nAnd sings\n",
        "Success": "Success is counted sweetest\n",
    }
    assert set(found[found.file == ""].reason) == {"a list of works: disambigbox", "no such page"}
    assert set(found[found.file != ""].licence) == {"CC BY-SA 4.0"}
