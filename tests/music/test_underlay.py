"""Words from the syllables of a score: hyphens, verses, repeats, parts, translations."""

import io
import re
import tarfile
import zipfile
from collections import defaultdict

import pytest

from fsdl_bench.errors import Rejected
from fsdl_bench.music.underlay import underlay


def _lyric(syllable: str, verse: int = 1) -> str:
    """`lie-` goes on, `-be` ends a word."""
    kind = {(0, 0): "single", (0, 1): "begin", (1, 0): "end", (1, 1): "middle"}[
        (syllable.startswith("-"), syllable.endswith("-"))
    ]
    text = syllable.strip("-")
    return f'<lyric number="{verse}"><syllabic>{kind}</syllabic><text>{text}</text></lyric>'


def _note(*lyrics: str) -> str:
    return f"<note><pitch/><duration>1</duration>{''.join(lyrics)}</note>"


def _measure(*notes: str, repeat: str = "") -> str:
    bar = f'<barline><repeat direction="{repeat}"/></barline>' if repeat else ""
    return f"<measure>{bar}{''.join(notes)}</measure>"


def _sung(words: str, verse: int = 1) -> list[str]:
    return [_note(_lyric(syllable, verse)) for syllable in words.split()]


def _score(*parts: list[str]) -> bytes:
    return (
        "<score-partwise>" + "".join(f"<part>{''.join(part)}</part>" for part in parts) + "</score-partwise>"
    ).encode()


def test_syllables_become_words():
    assert underlay(_score([_measure(*_sung("Ro- -sen- -rot die Lie- -be"))])) == "Rosenrot die Liebe"


@pytest.mark.parametrize(
    ("lyrics", "words"),
    [
        (
            "<lyric><syllabic>end</syllabic><text>ne</text><elision>\u203f</elision><text>il</text></lyric>",
            "ne il",
        ),
        ("<lyric><text>L'a\u00admour\u00a0!</text></lyric>", "L'amour !"),
        ("<lyric><text>1.\u00a0Die</text></lyric>", "Die"),
        ("<lyric><text>Ah__</text></lyric>", "Ah"),
    ],
)
def test_signs_of_the_engraver(lyrics, words):
    assert underlay(_score([_measure(_note(lyrics))])) == words


def test_written_hyphens():
    notes = _note("<lyric><syllabic>begin</syllabic><text>d'é</text></lyric>") + _note(
        "<lyric><syllabic>end</syllabic><text>–\u00a0gli</text></lyric>"
    )
    french = _note("<lyric><text>veux-</text></lyric>") + _note("<lyric><text>tu</text></lyric>")
    english = _note("<lyric><text>spring</text></lyric>") + _note("<lyric><text>-ing</text></lyric>")
    assert underlay(_score([_measure(notes, french, english)])) == "d'égli veux-tu springing"


def test_verses_one_after_the_other():
    notes = [
        _note(_lyric("Blau", 1), _lyric("Rot", 2)),
        _note(_lyric("ist", 1), _lyric("war", 2)),
        _note(_lyric("es.", 1), _lyric("es.", 2)),
    ]
    assert underlay(_score([_measure(*notes)])) == "Blau ist es.\nRot war es."


def test_a_repeated_section_between_others():
    start = _measure(*_sung("Am Meer"))
    middle = [
        _measure(_note(_lyric("sang", 1), _lyric("klang", 2)), repeat="forward"),
        _measure(*[_note(_lyric(word, 1), _lyric(word, 2)) for word in ("der", "Wind", "so")]),
        _measure(_note(_lyric("sehr,", 1), _lyric("schwer,", 2)), repeat="backward"),
    ]
    end = _measure(*_sung("bis in die Nacht."))
    assert underlay(_score([start, *middle, end])) == (
        "Am Meer sang der Wind so sehr,\nklang der Wind so schwer,\nbis in die Nacht."
    )


def test_upbeats_move_to_their_verse():
    first = _sung("Es war ein Herz.") + _sung("2.") + [_note(_lyric("Und", 1))]
    notes = [_note(_lyric("2.", 2)), *_sung("nun ist es fort.", 2)]
    assert underlay(_score([_measure(*first), _measure(*notes)])) == "Es war ein Herz.\nUnd nun ist es fort."


def test_other_parts_fill_the_silence_of_the_fullest():
    silence = _measure("<note><rest/><duration>1</duration></note>")
    high = [_measure(*_sung("Wer bist du denn?")), silence, _measure(*_sung("So geh mit mir."))]
    low = [silence, _measure(*_sung("Ich bin der Tod.")), _measure(*_sung("Geh mit"))]
    assert underlay(_score(low, high)) == "Wer bist du denn? Ich bin der Tod. So geh mit mir."


def test_translations_are_left_out():
    german = "Die Bäume blühn und ich bin so allein mit dir"
    english = "The trees are in bloom and I am all alone with thee"
    second = "Der Mond ist auf und du bist nicht bei mir zu"
    part = [_measure(*_sung(german, 1)), _measure(*_sung(english, 2)), _measure(*_sung(second, 3))]
    lines = underlay(_score(part)).split("\n")
    assert lines == [german, second]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "damaged file"),
        (b"<score-partwise><part>", "damaged file"),
        (b"PK\x03\x04 not a zip", "damaged file"),
        (_score([_measure("<note><pitch/><duration>1</duration></note>")]), "no lyrics"),
        (b"<score-partwise/>", "no lyrics"),
    ],
)
def test_what_is_rejected(data, reason):
    with pytest.raises(Rejected) as error:
        underlay(data)
    assert error.value.reason == reason


def test_a_compressed_score():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("META-INF/container.xml", "<container/>")
        archive.writestr("score.xml", _score([_measure(*_sung("Gu- -te Nacht"))]))
    assert underlay(buffer.getvalue()) == "Gute Nacht"


@pytest.mark.real
def test_real_songs_against_the_text_beside_them(mirror):
    """Songs that the independent export has on one line, so of one verse and voice: the same letters."""
    (archive,) = mirror.glob("OpenScore__Lieder*.tar.gz")
    songs = defaultdict(dict)
    with tarfile.open(archive) as members:
        for member in members:
            folder, _, name = member.name.rpartition("/")
            if re.search(r"/scores/(Brahms|Quilter|Satie|Holm)", folder) and name.endswith((".mxl", ".txt")):
                songs[folder][name[-3:]] = members.extractfile(member).read()
    same = total = 0
    for files in songs.values():
        text = files.get("txt", b"").decode().strip()
        if not text or "\n" in text or text.startswith("2."):
            continue
        total += 1
        same += re.sub(r"\W|\d|_", "", underlay(files["mxl"])) == re.sub(r"\W|\d|_", "", text)
    assert total >= 100
    assert same >= 0.97 * total
