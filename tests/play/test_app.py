"""The server: hosts and origins, limits, messages; and one song through the whole of it."""

import io
import json
import zipfile
from contextlib import closing

import pytest
from starlette.testclient import TestClient

from fsdl_bench.errors import BadInput
from fsdl_bench.generation.soundfont import find_soundfont
from fsdl_bench.play.app import make_app
from fsdl_bench.play.desk import Desk
from fsdl_bench.play.guard import Guard
from fsdl_bench.play.ready import Choice, Offer, offers
from fsdl_bench.play.uploads import LARGEST, Reader

HERE = "http://127.0.0.1:8000"


@pytest.fixture
def app(in_home):
    desk = Desk(offers(submission=str(in_home / "counter.py")))
    with TestClient(make_app(desk, find_soundfont()), base_url=HERE) as client:
        yield client


@pytest.fixture
def bare():
    """An application without processes and tracks."""
    desk = Desk([Offer("tunes", "midi", {}, (Choice("m", "m.py", (), False, "A model."),))])
    return lambda **options: TestClient(make_app(desk, **options), base_url=HERE)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000", "127.0.0.1"])
def test_loopback_hosts_are_served(bare, host):
    assert bare().get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example:8000", "192.168.1.5:8000", "", "localhost.evil.example", "[::2]"]
)
def test_other_hosts_are_refused(bare, host):
    answer = bare().get("/", headers={"host": host})
    assert answer.status_code == 403
    assert "--allow-host" in answer.json()["error"]


def test_hosts_can_be_allowed(bare):
    client = bare(hosts=["studio.local"], any_address=True)
    assert client.get("/", headers={"host": "studio.local:8000"}).status_code == 200
    assert client.get("/", headers={"host": "192.168.1.5:8000"}).status_code == 200
    assert client.get("/", headers={"host": "evil.example"}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_requests_from_other_origins_are_refused(bare, headers):
    answer = bare().post("/api/songs?track=tunes&name=a.mid", content=b"x", headers=headers)
    assert answer.status_code == 403
    assert "refused" in answer.json()["error"]


def test_a_link_may_lead_to_the_page_but_not_behind_it(bare):
    assert bare().get("/", headers={"sec-fetch-site": "cross-site"}).status_code == 200
    assert bare().get("/api/all.zip", headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_the_page_allows_no_foreign_content(bare):
    answer = bare().get("/", headers={"origin": HERE})
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "http://" not in answer.text.replace("http://www.w3.org", "")
    assert "https://" not in answer.text


def test_a_body_beyond_the_limit_is_not_read(bare, monkeypatch):
    monkeypatch.setattr("fsdl_bench.play.app.LARGEST", 1000)
    sent = []

    def chunks():
        for number in range(1000):
            sent.append(number)
            yield b"x" * 600

    answer = bare().post("/api/songs?track=tunes&name=big.mid", content=chunks())
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("big.mid: the file is too large")


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/api/write", "no json", "Invalid JSON"),
        ("/api/write", '{"track": "tunes", "model": "m", "support": [], "temperature": -1}', "temperature"),
        ("/api/write", '{"track": "no", "model": "m", "support": []}', "track: expected one of tunes"),
        ("/api/write", '{"track": "tunes", "model": "no", "support": []}', "model: expected one of m"),
        ("/api/artist", '{"track": "tunes"}', "artist"),
        ("/api/songs?track=no&name=a.mid", "x", "track: expected one of tunes"),
    ],
)
def test_a_bad_request_is_answered_with_its_reason(bare, path, body, message):
    answer = bare().post(path, content=body)
    assert answer.status_code == 400
    assert message in answer.json()["error"]


def test_a_song_that_the_server_does_not_have(bare):
    body = {"track": "tunes", "model": "m", "support": ["gone"]}
    assert bare().post("/api/write", json=body).status_code == 409
    assert bare().get("/api/samples/gone.mid").status_code == 409


def test_a_file_that_takes_too_long_or_ends_the_reader_costs_only_itself(songs):
    data = (songs / "My tune 0.mid").read_bytes()
    reader = Reader(seconds=0.0)
    with pytest.raises(BadInput, match=r"slow.mid: reading it took more than 0 s"):
        reader.read(data, "slow.mid", "midi")
    reader._seconds = 60.0
    (content,) = reader.read(data, "next.mid", "midi")
    assert content.title == "next"
    reader._process.kill()
    reader._process.join()
    assert reader.read(data, "after.mid", "midi")[0].title == "after"
    with pytest.raises(BadInput, match=r"large.mid: the file is too large; expected at most 10 MB"):
        reader.read(bytes(LARGEST + 1), "large.mid", "midi")
    reader.close()


def lines(answer):
    return [json.loads(line) for line in answer.text.splitlines()]


SCORE = b"""<?xml version="1.0"?><score-partwise version="3.1"><part-list><score-part id="P1"><part-name/>
</score-part></part-list><part id="P1"><measure number="1"><attributes><divisions>1</divisions></attributes>
<note><pitch><step>C</step><octave>4</octave></pitch><duration>4</duration><type>whole</type></note>
</measure><measure number="2"><note><pitch><step>E</step><octave>4</octave></pitch><duration>4</duration>
<type>whole</type></note></measure></part></score-partwise>"""


def test_scores_are_read_with_their_bars():
    pytest.importorskip("verovio", reason="needs the extra [scores]")
    container = '<container><rootfiles><rootfile full-path="s.xml"/></rootfiles></container>'
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("META-INF/container.xml", container)
        archive.writestr("s.xml", SCORE)
    files = {"One.musicxml": SCORE, "Two.xml": SCORE, "THREE.MXL": packed.getvalue()}
    with closing(Reader()) as reader:
        found = [reader.read(data, name, "midi") for name, data in files.items()]
    for (content,), title in zip(found, ("One", "Two", "THREE"), strict=True):
        assert content.title == title
        assert content.content.pitch.tolist() == [60, 64]
        assert content.bars == pytest.approx([0, 2])


def test_from_files_to_new_songs(app, songs, read_midi):
    ids = []
    for number in range(2):
        name = f"My tune {number}.mid"
        answer = app.post(f"/api/songs?track=tunes&name={name}", content=(songs / name).read_bytes())
        (song,) = answer.json()["songs"]
        ids.append(song["id"])
    broken = app.post("/api/songs?track=tunes&name=broken.mid", content=(songs / "broken.mid").read_bytes())
    assert broken.status_code == 400
    assert broken.json()["error"].startswith("broken.mid: ")
    wish = {"track": "tunes", "model": "counter.py", "support": ids}
    warmed = lines(app.post("/api/warm", json=wish))
    assert [event["type"] for event in warmed if event["type"] != "log"] == ["ready", "adapted", "done"]
    go_on = {"song": ids[0], "part": 3}
    order = wish | {"n": 2, "length": 20, "seed": 7, "keep_instruments": True, "go_on": go_on}
    events = lines(app.post("/api/write", json=order))
    starts = [event for event in events if event["type"] == "start"]
    assert [start["seed"] for start in starts] == [7, 8]
    assert all(len(start["notes"]) == 16 for start in starts)
    notes = [
        event["note"]
        for event in events
        if event.get("sample") == starts[0]["sample"] and event["type"] == "note"
    ]
    assert notes == sorted(notes, key=lambda note: (note[0], note[2], note[3]))
    assert {note[2] for note in notes} == {3}
    again = [event["note"] for event in lines(app.post("/api/write", json=order)) if event["type"] == "note"]
    assert [event["note"] for event in events if event["type"] == "note"] == again
    (surprise,) = (e for e in events if e["type"] == "surprise" and e["sample"] == starts[0]["sample"])
    assert len(surprise["units"]) == 16 + len(notes)
    assert sum(before for _, before in surprise["units"]) > sum(after for after, _ in surprise["units"])
    midi = read_midi(app.get(f"/api/samples/{starts[0]['sample']}.mid?tempo=2").content)
    (part,) = midi.instruments
    assert part.program == 24
    played = [[round(2 * note.start, 2), note.pitch] for note in part.notes]
    shown = [[note[0], note[3]] for note in starts[0]["notes"] + notes]
    assert played == [[pytest.approx(start, abs=0.01), pitch] for start, pitch in shown]
    assert app.put(f"/api/samples/{starts[0]['sample']}.wav", content=b"RIFF").status_code == 200
    with zipfile.ZipFile(
        io.BytesIO(app.get(f"/api/all.zip?samples={starts[0]['sample']}&support={ids[0]}").content)
    ) as zipped:
        names = zipped.namelist()
        record = json.loads(zipped.read("settings.json"))["samples"][0]
    assert {"01-counter.py-seed7.mid", "01-counter.py-seed7.wav", "support/01-My-tune-0.mid"} < set(names)
    assert (record["seed"], record["model"], record["go_on"]) == (7, "counter.py", go_on)


def test_an_artist_of_the_track_and_words(app):
    artist = next(iter(next(one for one in app.app.state.offers if one.track == "verses").artists))
    answer = app.post("/api/artist", json={"track": "verses", "artist": artist, "songs": 3})
    songs = answer.json()["songs"]
    assert len(songs) == 3
    wish = {
        "track": "verses",
        "model": "counter.py",
        "support": [song["id"] for song in songs],
        "n": 1,
        "length": 30,
    }
    events = lines(app.post("/api/write", json=wish))
    text = "".join(event["text"] for event in events if event["type"] == "text")
    (surprise,) = (event["units"] for event in events if event["type"] == "surprise")
    assert "".join(word for word, *_ in surprise) == text != ""
    (end,) = (event for event in events if event["type"] == "end")
    assert app.get(f"/api/samples/{end['sample']}.txt").text == text.rstrip() + "\n"
    assert app.get(f"/api/samples/{end['sample']}.mid").status_code == 400


def test_guard_lets_other_protocols_pass():
    import anyio

    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    anyio.run(Guard(app), {"type": "lifespan"}, None, None)
    assert seen == ["lifespan"]
