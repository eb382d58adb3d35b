from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdl_bench.errors import BadInput
from fsdl_bench.tracks.artists import SPLITS, artist_key, assign, format_splits, read_splits, split_of


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Ludwig van Beethoven", "ludwig van beethoven"),
        ("Beethoven, Ludwig van", "ludwig van beethoven"),
        ("  DVOŘÁK ,  Antonín ", "antonin dvorak"),
        ("Sammy Davis, Jr.", "sammy davis jr"),
        ("Earth, Wind, & Fire", "earth wind fire"),
        ("AC/DC", "ac dc"),
        ("Beyonc\u00e9", "beyonce"),
        ("Beyonce\u0301", "beyonce"),
        ("蘇軾", "sushi"),
        ("Straße", "strasse"),
        ("!!!", ""),
        ("\u202eP!nk\u202c", "p nk"),
    ],
)
def test_keys(name: str, key: str) -> None:
    assert artist_key(name) == key


@given(st.text())
def test_a_key_is_its_own_key_and_plain(name: str) -> None:
    key = artist_key(name)
    assert artist_key(key) == key
    assert key == " ".join(key.split())
    assert all(c in "abcdefghijklmnopqrstuvwxyz0123456789 " for c in key)


@given(st.text())
def test_the_split_rule_is_the_one_of_the_design(key: str) -> None:
    head = blake2b(b"fsdl-bench/v1/" + key.encode()).hexdigest()[:16]
    u = int(head, 16) / 2.0**64
    assert split_of(key) == ("test" if u < 0.2 else "validation" if u < 0.3 else "train")


def test_shares_of_the_splits() -> None:
    counts = dict.fromkeys(SPLITS, 0)
    for number in range(20_000):
        counts[split_of(f"artist {number}")] += 1
    # Five standard deviations of a binomial.
    assert abs(counts["test"] / 20_000 - 0.2) < 5 * (0.16 / 20_000) ** 0.5
    assert abs(counts["validation"] / 20_000 - 0.1) < 5 * (0.09 / 20_000) ** 0.5


def test_splits_that_must_never_change() -> None:
    known = {"emily dickinson": "train", "robert schumann": "validation", "fryderyk chopin": "test"}
    assert {key: split_of(key) for key in known} == known


@given(
    st.dictionaries(
        st.from_regex("[a-z0-9]+( [a-z0-9]+)*", fullmatch=True), st.sampled_from(SPLITS), max_size=8
    )
)
def test_a_list_is_read_back(tmp_path_factory, splits) -> None:
    path = tmp_path_factory.mktemp("splits") / "s.csv"
    path.write_text(format_splits(splits), encoding="utf-8")
    assert read_splits(path) == splits


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("key,split\na,test\n", "header"),
        ("artist_key,split\na,tset\n", "line 2: .*'a,tset'"),
        ("artist_key,split\na,test\na,train\n", "line 3"),
        ("", "header"),
    ],
)
def test_a_wrong_list_is_refused(tmp_path, content: str, message: str) -> None:
    path = tmp_path / "s.csv"
    path.write_text(content)
    with pytest.raises(BadInput, match=message):
        read_splits(path)


def test_a_frozen_list_goes_before_the_rule() -> None:
    keys = ["franz schubert", "nobody else", "franz schubert"]
    assert assign(keys, {"franz schubert": "test", "not here": "train"}) == {
        "franz schubert": "test",
        "nobody else": split_of("nobody else"),
    }
