import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsdl_bench.errors import BadInput
from fsdl_bench.tracks.definition import (
    definition_names,
    load_definition,
    parse_definition,
    user_definition,
)

TABLE = {
    "name": "toy",
    "kind": "lyrics",
    "codec": "bpe4096-v1",
    "sources": [{"source": "folder", "options": {"encoding": "latin-1"}}],
}


def test_every_packaged_definition_is_valid_and_names_itself() -> None:
    names = definition_names()
    assert {"lyrics-verse", "midi-scores", "lyrics-synthetic", "midi-lakh"} <= set(names)
    for name in names:
        definition = load_definition(name)
        assert definition.name == name
        assert definition.description
        assert (definition.kind == "midi") == name.startswith("midi-")
        assert all(source.repo for source in definition.sources) or definition.status in ("default", "recipe")


def test_headline_protocols() -> None:
    verse = load_definition("lyrics-verse")
    assert (verse.shots, verse.min_artist_songs_evaluated) == ((0, 1, 2, 5, 10, 20), 24)
    scores = load_definition("midi-scores")
    assert (scores.shots, scores.headline_shot, scores.queries, scores.episodes) == ((0, 1, 2, 5), 5, 4, 4)
    assert scores.min_artist_songs_evaluated == scores.min_songs == 9


text = st.text(st.characters(codec="utf-8"), max_size=20)


@given(
    description=text,
    limits=st.lists(text, max_size=3),
    options=st.dictionaries(
        text, st.one_of(text, st.integers(-99, 99), st.booleans(), st.lists(text)), max_size=3
    ),
    aliases=st.dictionaries(text, st.just("Anne Other"), max_size=3),
    origins=st.dictionaries(text, text, max_size=3),
)
def test_toml_is_read_back_as_it_was(description, limits, options, aliases, origins) -> None:
    aliases = {name: target for name, target in aliases.items() if name.isalpha()}
    definition = parse_definition(
        TABLE
        | {
            "description": description,
            "limits": limits,
            "aliases": aliases,
            "filters": {"exclude_origins": origins, "near_duplicates": False},
            "sources": [{"source": "folder", "options": options}, {"source": "ci"}],
        },
        "a test",
    )
    assert parse_definition(tomllib.loads(definition.to_toml()), "again") == definition


@pytest.mark.parametrize("name", definition_names())
def test_packaged_definitions_are_read_back_as_they_were(name) -> None:
    definition = load_definition(name)
    assert parse_definition(tomllib.loads(definition.to_toml()), "again") == definition


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shotz": [0]}, r"unknown key 'shotz'; accepted: name, kind, .*shots"),
        ({"sources": [{"source": "folder", "branch": "x"}]}, r"'sources.0.branch'; accepted: source, repo"),
        ({"filters": {"artist": []}}, r"'filters.artist'; accepted: artists"),
        ({"kind": "audio"}, r"kind: .*'lyrics' or 'midi'.*found 'audio'"),
        ({"name": "../x"}, "name"),
        ({"sources": []}, "sources"),
        ({"sources": [{"source": "folder", "repo": "a/b"}]}, "40-digit 'commit'"),
        ({"shots": [0, 5, 2]}, "ascend"),
        ({"shots": [1, 5]}, "ascend from 0"),
        ({"headline_shot": 3}, "one of"),
        ({"min_artist_songs_evaluated": 8}, "at least queries . largest shot = 9"),
        ({"aliases": {"A": "B", "b": "C"}}, "another alias: B"),
        ({"digest": "12"}, "digest"),
    ],
)
def test_what_is_wrong_is_named(change, message) -> None:
    with pytest.raises(BadInput, match=message):
        parse_definition(TABLE | change, "file.toml")


def test_the_least_number_of_songs_follows_the_shots() -> None:
    assert parse_definition(TABLE | {"shots": [0, 5, 10]}, "").min_artist_songs_evaluated == 14
    assert parse_definition(TABLE, "").min_artist_songs_evaluated == 9


def test_aliases_hold_in_any_spelling() -> None:
    definition = parse_definition(TABLE | {"aliases": {"Emily Elizabeth Dickinson": "Emily Dickinson"}}, "")
    assert definition.artist_name("DICKINSON, Emily Elizabeth") == "Emily Dickinson"
    assert definition.artist_name("Emily Brontë") == "Emily Brontë"


def test_an_unknown_track_lists_the_known(tmp_path) -> None:
    with pytest.raises(BadInput, match="lyrics-verse"):
        load_definition("nothing")
    (tmp_path / "x.toml").write_text("name = ")
    with pytest.raises(BadInput, match=r"x.toml is not valid TOML"):
        load_definition(tmp_path / "x.toml")


def test_a_users_track_may_not_take_a_frozen_name() -> None:
    assert user_definition("mine", "midi", "lakh").sources[0].source == "lakh"
    assert user_definition("mine", "midi", "lakh").filters.rule == 3
    with pytest.raises(BadInput, match="choose another"):
        user_definition("midi-scores", "midi")
    with pytest.raises(BadInput, match="--name My Songs"):
        user_definition("My Songs", "midi")
