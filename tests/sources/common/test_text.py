"""Text of unknown encoding, and names that are not text."""

import codecs
import os
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdl_bench.errors import BadInput, Rejected
from fsdl_bench.sources.common import text
from fsdl_bench.sources.common.text import decode_text, printable, readable, same_title

VERSE = "Ô rage, ô désespoir, ô vieillesse ennemie\nN’ai-je donc tant vécu…"
PLAIN = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), min_size=1)


@given(PLAIN)
def test_utf8_with_and_without_mark(verse):
    assert decode_text(verse.encode()) == verse
    assert decode_text(codecs.BOM_UTF8 + verse.encode()) == verse


@given(
    PLAIN.filter(lambda verse: not verse.startswith("\0")),
    st.sampled_from(["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]),
)
def test_wide_encodings_by_their_mark(verse, encoding):
    mark = getattr(codecs, f"BOM_{encoding.replace('-', '', 1).replace('-', '_').upper()}")
    assert decode_text(mark + verse.encode(encoding)) == verse


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("verse", [VERSE, "a", "line\nline\n"])
def test_utf16_without_mark_when_plain(verse, encoding):
    assert decode_text(verse.encode(encoding)) == verse


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "iso8859-15"])
def test_western_code_pages(encoding):
    verse = "Freude, schöner Götterfunken, Tochter aus Elysium: wir betreten feuertrunken"
    assert decode_text(verse.encode(encoding)) == verse


def test_windows_1252_has_its_quotes():
    assert decode_text("“don’t” – déjà".encode("cp1252")) == "“don’t” – déjà"


@pytest.mark.parametrize(
    ("verse", "encoding"),
    [
        ("Я помню чудное мгновенье", "cp1251"),
        ("床前明月光,疑是地上霜", "gbk"),
        ("古池や蛙飛び込む水の音", "shift-jis"),
        ("Ήταν ένας γάιδαρος", "cp1253"),
    ],
)
def test_other_code_pages_are_rejected_not_mangled(verse, encoding):
    with pytest.raises(Rejected) as caught:
        decode_text(verse.encode(encoding))
    assert caught.value.reason in (text.UNKNOWN_ENCODING, text.DAMAGED)
    assert decode_text(verse.encode(encoding), encoding) == verse


def test_cut_and_spoilt_utf8_is_rejected_not_mangled():
    data = VERSE.encode()
    for spoilt in (data[:-1], data.replace("é".encode(), b"\xe9", 1), data[:3] + b"\xff" + data[3:]):
        with pytest.raises(Rejected, match=text.DAMAGED):
            decode_text(spoilt)


def test_utf16_that_ends_in_half_a_character():
    with pytest.raises(Rejected, match=text.DAMAGED):
        decode_text(VERSE.encode("utf-16")[:-1])


@pytest.mark.parametrize(
    "data",
    [
        b"MThd\0\0\0\x06\0\0\0\x01\0\x60",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"PK\x03\x04\x14\0\0\0",
        b"\x01\x02\x03words",
        b"words\0",
        b"a\0b\0\0c",
        b"\0",
        b"\0\0",
        "Передо мной явилась ты".encode("utf-16-le"),
    ],
)
def test_binary_is_rejected(data):
    with pytest.raises(Rejected, match=text.BINARY):
        decode_text(data)


def test_dos_end_of_file_and_form_feed_are_text():
    assert decode_text(b"one\r\n\x0ctwo\r\n\x1a") == "one\r\n\x0ctwo\r\n"


@given(st.binary(max_size=200))
def test_any_bytes_give_text_or_a_fixed_reason(data):
    try:
        decoded = decode_text(data)
    except Rejected as rejected:
        assert rejected.reason in {text.BINARY, text.DAMAGED, text.UNKNOWN_ENCODING}  # noqa: PT017
    else:
        assert "\0" not in decoded
        decoded.encode("utf-8")


@pytest.mark.parametrize("name", ["klingon", "rot13", "hex"])
def test_unknown_codec_name_is_the_callers_mistake(name):
    with pytest.raises(BadInput, match=f"'{name}'"):
        decode_text(b"x", name)


def test_given_encoding_is_strict():
    with pytest.raises(Rejected, match=text.DAMAGED):
        decode_text(b"\xff", "utf-8")


NAMES = st.binary(min_size=1, max_size=30).filter(lambda name: b"\0" not in name).map(os.fsdecode)


@given(NAMES)
def test_printable_names_can_be_stored_shown_and_told_apart(name):
    shown = printable(name)
    shown.encode("utf-8")
    assert all(
        char.isprintable() or char in "\u200c\u200d" or unicodedata.category(char) == "Zs" for char in shown
    )
    undone = []
    rest = iter(shown)
    for char in rest:
        if char != "\\":
            undone.append(char.encode())
            continue
        kind = next(rest)
        if kind == "\\":
            undone.append(b"\\")
        elif kind == "x":
            undone.append(bytes.fromhex(next(rest) + next(rest)))
        else:
            digits = "".join(next(rest) for _ in range(4 if kind == "u" else 8))
            undone.append(chr(int(digits, 16)).encode())
    assert b"".join(undone) == os.fsencode(name)


@given(NAMES)
def test_readable_names_are_one_clean_line(name):
    words = readable(name)
    words.encode("utf-8")
    assert words == " ".join(words.split()) == unicodedata.normalize("NFC", words)
    assert not any(unicodedata.category(char) == "Cc" for char in words)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Beyonc\udce9", "Beyoncé"),
        ("Beyonce\u0301", "Beyoncé"),
        ("AC∕DC", "AC∕DC"),
        ("  two   spaces ", "two spaces"),
        ("\u202eevil\u202c", "evil"),
        ("שיר\u200f", "שיר"),
        ("👩\u200d🎤", "👩\u200d🎤"),
        ("tab\tand\nline", "tab and line"),
        ("half \ud83d", "half ?"),
    ],
)
def test_readable(name, words):
    assert readable(name) == words


def test_printable_examples():
    assert printable("a/b c.mid") == "a/b c.mid"
    assert printable("caf\udce9\\x.mid") == "caf\\xe9\\\\x.mid"
    assert printable("a\u202eb\n🎵") == "a\\u202eb\\u000a🎵"


@pytest.mark.parametrize(
    ("one", "other"),
    [("Étude, Op. 10 No.4", "etude op 10 no 4"), ("HEY JUDE", "Hey_Jude"), ("七里香", "七里香")],
)
def test_same_title(one, other):
    assert same_title(one) == same_title(other) != ""


def test_titles_of_signs_only_stay_apart():
    assert same_title("???") != same_title("!!!")
