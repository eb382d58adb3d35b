import itertools
import json
import pickle
import random
import tarfile
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fsdl_bench.codecs import load_codec
from fsdl_bench.codecs.base import BOS, EOS, PAD
from fsdl_bench.codecs.lyrics import EXCERPT, PATTERN, LyricsCodec, canonical
from fsdl_bench.errors import BadInput

CORPUS = [
    "Shall I compare thee to a summer's day?\nThou art more lovely and more temperate:\n",
    "Rough winds do shake the darling buds of May,\nAnd summer's lease hath all too short a date;\n\n",
    "明月几时有，把酒问青天。\n不知天上宫阙，今夕是何年。",
    "明月别枝惊鹊，清风半夜鸣蝉。\n稻花香里说丰年，听取蛙声一片。",
    "O'er the hills and far away, o'er the hills and far away\n\n   indented, 1234 times — “quoted”",
]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
SPACE_AND_MARKS = st.text(
    st.sampled_from(" \t\n\r\v\f\x1c\x85\xa0\u1680\u2000\u2001\u2028\u3000a\u0301\u0300\u0345")
)


@pytest.fixture(scope="module")
def codec():
    return LyricsCodec.train(CORPUS, vocab_size=420)


# --- canonical text


@given(TEXTS | SPACE_AND_MARKS | st.text())
@example("e\u0301 \r\n\r x\u2000\n\n")
@example("a \n\u0301")
def test_canonical_text_is_a_fixed_point(text):
    once = canonical(text)
    assert canonical(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert "\r" not in once
    assert all(line == line.rstrip() for line in once.split("\n"))
    assert once == once.rstrip()


@given(TEXTS)
def test_canonical_changes_nothing_but_ends_of_lines_and_composition(text):
    # What is left when all white space goes is the NFC text without white space: no letter is lost or added.
    kept = "".join(canonical(text).split())
    assert kept == "".join(unicodedata.normalize("NFC", text).split())


def test_canonical_keeps_indents_blank_lines_and_inner_space():
    assert canonical("  a  b\t\r\n\r\n\u3000c \n\n") == "  a  b\n\n\u3000c"


# --- the bijection


@given(TEXTS)
@example("")
@example("<pad><bos></s><unk>[CLS] <|endoftext|>")
@example("\x00\x01\x02\u0120\u010a Ġthe Ċ")
@example("\r\n \t \u2028\U0010ffff\ufffe\ufdd0")
@example(" " * 3000 + "a" * 3000 + "春" * 3000)
def test_decode_inverts_encode(codec, text):
    tokens = codec.encode(text)
    assert tokens.dtype == np.uint16
    assert tokens[-1] == EOS
    assert tokens[:-1].min(initial=3) >= 3
    assert tokens.max() < codec.vocab_size
    assert codec.decode(tokens) == codec.decode(tokens[:-1]) == text
    assert codec.decode_bytes(tokens) == text.encode()


@given(st.lists(TEXTS, max_size=5))
def test_a_batch_is_its_songs_one_by_one(codec, texts):
    for text, tokens in zip(texts, codec.encode_batch(texts), strict=True):
        np.testing.assert_array_equal(tokens, codec.encode(text))


def test_reserved_names_are_ordinary_text_even_where_they_were_learnt():
    codec = LyricsCodec.train(["<pad> </s> <unk> [MASK]"] * 50, vocab_size=300)
    tokens = codec.encode("<pad></s><unk>[MASK]")
    assert not {PAD, BOS, EOS} & set(tokens[:-1].tolist())
    assert codec.decode(tokens) == "<pad></s><unk>[MASK]"


@given(st.lists(st.integers(3, 400)))
def test_any_sequence_of_ids_has_bytes_and_they_are_counted(codec, ids):
    data = codec.decode_bytes(ids)
    assert codec.units(ids) == codec.units([*ids, EOS]) == len(data)
    assert codec.decode(ids) == data.decode(errors="replace")


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
def test_a_lone_surrogate_has_no_tokens(codec, text):
    with pytest.raises(ValueError, match="surrogates not allowed"):
        codec.encode(text)
    with pytest.raises(ValueError, match="surrogates not allowed"):
        LyricsCodec.train([text])


def test_an_excerpt_is_512_tokens_and_counts_the_bytes_of_a_cut_character(codec):
    text = "\U0001d11e" * 200  # four bytes each, not in the corpus, so four tokens
    tokens = codec.encode("a" + text)
    excerpt = codec.excerpt(tokens)
    assert len(excerpt) == EXCERPT == 512
    assert EOS not in excerpt
    assert codec.units(excerpt) == 512
    assert codec.decode_bytes(excerpt) == ("a" + text).encode()[:512]
    assert codec.decode(excerpt) == "a" + text[:127] + "\ufffd"
    short = codec.encode("short")
    np.testing.assert_array_equal(codec.excerpt(short), short)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([70, PAD], "position 1: expected an id of 3-419, found 0"),
        ([BOS, 70], "position 0: expected an id of 3-419, found 1"),
        ([70, EOS, 70], r"position 1: EOS \(id 2\) before the end"),
        ([70, EOS, EOS], "position 1: EOS"),
        ([70, 420], "position 1: .* found 420"),
        ([-1], "position 0: .* found -1"),
    ],
)
def test_what_is_no_sequence_is_refused_by_position(codec, tokens, message):
    assert codec.vocab_size == 420
    with pytest.raises(ValueError, match=message):
        codec.decode(tokens)


def test_allowed_next(codec):
    anything = codec.allowed_next([])
    assert np.flatnonzero(~anything).tolist() == [PAD, BOS]
    np.testing.assert_array_equal(codec.allowed_next(codec.encode("a")[:-1]), anything)
    assert not codec.allowed_next(codec.encode("a")).any()


# --- training


def test_training_does_not_depend_on_the_order_of_the_texts():
    texts = CORPUS * 3
    first = LyricsCodec.train(texts, vocab_size=500).to_json()
    for seed in range(5):
        random.Random(seed).shuffle(texts)
        assert LyricsCodec.train(iter(texts), vocab_size=500).to_json() == first


def test_the_most_frequent_pair_is_joined_first():
    # "ab" occurs 30 times, "cd" 20 times, "ef" 10 times; nothing else repeats as often.
    codec = LyricsCodec.train(["ab\n"] * 30 + ["cd\n"] * 20 + ["ef\n"] * 10, vocab_size=262)
    assert codec.merges == (("a", "b"), ("c", "d"), ("e", "f"))
    assert codec.encode("abcd\n").tolist() == [259, 260, 3 + ord("\n"), EOS]


def test_every_byte_has_an_id_however_little_was_seen():
    codec = LyricsCodec.train([])
    assert codec.vocab_size == 3 + 256
    assert [codec.decode_bytes([3 + byte]) for byte in range(256)] == [bytes([byte]) for byte in range(256)]


def test_the_number_of_ids_is_the_one_asked_for():
    generator = random.Random(0)
    texts = ["".join(generator.choices("abcdefgh  ", k=400)) for _ in range(400)]
    codec = LyricsCodec.train(texts)
    assert codec.vocab_size == 4096
    assert len({codec.decode_bytes([token]) for token in range(3, 4096)}) == 4096 - 3
    with pytest.raises(ValueError, match="need 259"):
        LyricsCodec.train(texts, vocab_size=258)


def test_the_file_is_small_stable_and_complete(codec):
    data = codec.to_json()
    again = LyricsCodec.from_json(data)
    assert again == codec
    assert again.to_json() == data
    assert json.loads(data)["pattern"] == PATTERN
    assert list(json.loads(data)) == sorted(json.loads(data))
    assert len(data) < 4096
    for text in CORPUS:
        np.testing.assert_array_equal(again.encode(text), codec.encode(text))


def test_two_merges_may_make_one_token():
    codec = LyricsCodec((("a", "b"), ("b", "c"), ("a", "bc"), ("ab", "c")))
    assert codec.vocab_size == 259 + 3
    assert codec.encode("abc").tolist() == [261, EOS]
    assert codec.decode([261]) == "abc"


def test_agrees_with_the_merges_applied_by_hand(codec):
    """The rule itself, in plain Python: join the earliest learnt pair that occurs, until none does."""
    rank = {tuple(pair): index for index, pair in enumerate(codec.merges)}
    symbol_of = {data: spelt for spelt, data in zip(codec._vocabulary, codec._byte_strings[3:], strict=True)}
    for word in ["Shall", " temperate", " summer", "明月几时有", "o'", " darling"]:
        parts = [symbol_of[bytes([byte])] for byte in word.encode()]
        while pairs := [pair for pair in itertools.pairwise(parts) if pair in rank]:
            best = min(pairs, key=rank.__getitem__)
            joined: list[str] = []
            for part in parts:
                if joined and (joined[-1], part) == best:
                    joined[-1] += part
                else:
                    joined.append(part)
            parts = joined
        assert codec.encode(word)[:-1].tolist() == [codec._vocabulary[part] for part in parts]


def test_pieces_are_words_lines_and_phrases():
    from tokenizers import models

    from fsdl_bench.codecs.lyrics import _tokenizer

    cut = _tokenizer(models.BPE()).pre_tokenizer.pre_tokenize_str
    text = "O'er the 'hills',\n\n  away 12345\n春风，又绿。\n"
    pieces = [text[start:end] for _, (start, end) in cut(text)]
    assert "".join(pieces) == text
    assert pieces == [
        *("O", "'er", " the", " 'hills", "',\n\n", " ", " away", " 123", "45", "\n"),
        *("春风", "，", "又绿", "。\n"),
    ]


def test_a_codec_can_be_sent_to_a_worker(codec):
    codec.encode("used before")
    again = pickle.loads(pickle.dumps(codec))
    assert again == codec
    np.testing.assert_array_equal(again.encode(CORPUS[0]), codec.encode(CORPUS[0]))


# --- real songs


def members(archive, suffix, count):
    """The first `count` files of an archive that end in `suffix`, as bytes."""
    with tarfile.open(archive, "r|gz") as tar:
        files = (tar.extractfile(entry).read() for entry in tar if entry.name.endswith(suffix))
        return list(itertools.islice(files, count))


@pytest.mark.real
@pytest.mark.parametrize(
    ("archive", "suffix", "count"),
    [("facjure__public-domain-poetry", ".txt", 500), ("chinese-poetry__chinese-poetry", "ci.song.0.json", 1)],
)
def test_every_song_of_a_slice_comes_back(mirror, archive, suffix, count):
    (path,) = mirror.glob(f"{archive}-*.tar.gz")
    texts = [data.decode(errors="replace") for data in members(path, suffix, count)]
    if suffix.endswith(".json"):
        texts = ["\n".join(song["paragraphs"]) for song in json.loads(texts[0])]
    texts = [canonical(text) for text in texts]
    assert len(texts) >= 500
    codec = LyricsCodec.train(texts)
    assert codec.vocab_size == 4096
    coded = codec.encode_batch(texts)
    assert [codec.decode(tokens) for tokens in coded] == texts
    assert [codec.units(tokens) for tokens in coded] == [len(text.encode()) for text in texts]
    assert sum(map(len, coded)) < sum(len(text.encode()) for text in texts) / 2.5


# --- opening


def test_load_codec(codec):
    assert load_codec("bpe4096-v1", codec.to_json()) == codec
    assert load_codec("words-v1").name == "words-v1"
    assert load_codec("note10ms-v1").name == "note10ms-v1"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("bpe", None, "there are: bpe4096-v1, note10ms-v1, words-v1"),
        ("bpe4096-v1", None, "pass the content"),
        ("words-v1", "{}", "takes no data"),
        ("bpe4096-v1", "[]", "expected a codec file"),
        ("bpe4096-v1", "{", "expected a codec file"),
        ("bpe4096-v1", '{"format": "fsdl-bench/bpe/2", "merges": [], "pattern": "x"}', "fsdl-bench/bpe/2"),
        ("bpe4096-v1", '{"format": "fsdl-bench/bpe/1", "merges": [], "pattern": "x"}', "another way"),
        ("bpe4096-v1", '{"format": "fsdl-bench/bpe/1", "pattern": "x"}', "expected a codec file"),
    ],
)
def test_what_cannot_be_loaded_says_why(name, data, message):
    with pytest.raises(BadInput, match=message):
        load_codec(name, data)


@pytest.mark.parametrize("merges", [["ab c"], ["a"], ["a b c"], [1], "a b", 7])
def test_a_damaged_codec_file_is_refused(codec, merges):
    content = json.loads(codec.to_json()) | {"merges": merges}
    with pytest.raises(BadInput, match="expected a codec file"):
        LyricsCodec.from_json(json.dumps(content))
