"""The frozen evaluation episodes: a pure function of the songs, nested, without a work on both sides."""

import hashlib
import os
import random
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsdl_bench.codecs.words import WordsCodec
from fsdl_bench.episodes import Episode, episodes_digest, evaluated_artists, evaluation_episodes
from fsdl_bench.errors import BadInput
from fsdl_bench.tracks.split import Split

BUILT = sorted(Path(os.environ.get("FSDL_BENCH_HOME", "nowhere"), "tracks").glob("[!.]*/manifest.json"))


def design(shots=(0, 1, 2, 5), queries=4, episodes=4, headline_shot=5, name="toy", version="v1"):
    return SimpleNamespace(
        name=name,
        version=version,
        shots=shots,
        headline_shot=headline_shot,
        queries=queries,
        episodes=episodes,
        min_artist_songs_evaluated=max(shots) + queries,
    )


def song(artist, number, work=None):
    identity = hashlib.blake2b(f"{artist} {number}".encode(), digest_size=16).hexdigest()
    row = {"artist": artist, "song_id": identity, "tokens": [4, 5], "text": "", "units": 1}
    return row | ({} if work is None else {"work": str(work)})


def split(works_of: dict[str, list[int]], shuffle=None) -> Split:
    """Each artist's songs, given by the number of each song's work."""
    rows = [song(artist, i, work) for artist, works in works_of.items() for i, work in enumerate(works)]
    if shuffle is not None:
        random.Random(shuffle).shuffle(rows)
    return Split.from_rows("test", WordsCodec(), rows)


works = st.lists(st.integers(0, 30), min_size=9, max_size=60)
splits = st.dictionaries(st.sampled_from(["ada", "bo", "cy", "dan", "eve"]), works, min_size=1)


@given(splits)
@settings(max_examples=60, deadline=None)
def test_no_work_stands_on_both_sides_and_every_support_is_full(works_of):
    toy, protocol = split(works_of), design()
    enough = sorted(artist for artist, found in works_of.items() if len(set(found)) >= 9)
    assert [artist.key for artist in evaluated_artists(toy, protocol)] == enough
    if not enough:
        with pytest.raises(BadInput, match="each needs 9 works"):
            evaluation_episodes(toy, protocol)
        return
    episodes = evaluation_episodes(toy, protocol)
    assert [(e.artist, e.index) for e in episodes] == [(a, i) for a in enough for i in range(4)]
    for episode in episodes:
        assert len(episode.query) == 4
        assert len(episode.support) == 5
        assert len({s.id for s in (*episode.query, *episode.support)}) == 9
        assert not {s.work for s in episode.query} & {s.work for s in episode.support}
        assert {s.artist_key for s in (*episode.query, *episode.support)} == {episode.artist}


def test_the_order_is_the_documented_hash():
    """The byte layout, spelt out a second time: it may never change under this version."""
    toy = split({"ada": list(range(30)), "bo": list(range(12)) * 2})
    for episode in evaluation_episodes(toy, design()):
        ordered = sorted(
            toy.artist(episode.artist).songs,
            key=lambda s: hashlib.blake2b(
                b"toy/v1/" + f"{episode.artist}/{episode.index}/{s.id}".encode(), digest_size=8
            ).digest(),
        )
        assert list(episode.query) == ordered[:4]
        expected = [s for s in ordered[4:] if s.work not in {q.work for q in ordered[:4]}]
        assert list(episode.support) == expected[:5]


def test_episodes_are_frozen():
    toy = split({name: list(range(24)) for name in ("ada", "bo", "cy", "dan")})
    found = {
        shots: episodes_digest(evaluation_episodes(toy, design(shots=shots)))
        for shots in ((0, 1, 2, 5), (0, 1, 2, 5, 10, 20))
    }
    assert found == {
        (0, 1, 2, 5): "a2683b7172589187bdb0894a1c02362c",
        (0, 1, 2, 5, 10, 20): "6fed33c0d1c1abd18f741a096fd555b7",
    }


@given(st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_the_order_of_the_rows_does_not_matter(shuffle):
    works_of = {"ada": [i // 2 for i in range(40)], "bo": list(range(20)), "cy": list(range(15))}
    usual = evaluation_episodes(split(works_of), design())
    assert episodes_digest(evaluation_episodes(split(works_of, shuffle), design())) == episodes_digest(usual)


def test_name_and_version_and_episode_draw_anew():
    toy = split({name: list(range(24)) for name in ("ada", "bo")})
    queries = {
        (name, version, episode.index): tuple(s.id for s in episode.query)
        for name in ("toy", "other")
        for version in ("v1", "v2")
        for episode in evaluation_episodes(toy, design(name=name, version=version))
        if episode.artist == "ada"
    }
    assert len(set(queries.values())) == len(queries) == 16


def test_other_artists_change_nothing_but_the_control():
    one = evaluation_episodes(split({"ada": list(range(24))}), design())
    more = evaluation_episodes(split({n: list(range(24)) for n in ("ada", "bo", "cy")}), design())
    for alone, among in zip(one, more, strict=False):
        assert (alone.query, alone.support) == (among.query, among.support)


def test_the_largest_shot_changes_neither_query_nor_smaller_shots():
    toy = split({"ada": list(range(40))})
    few = evaluation_episodes(toy, design())
    many = evaluation_episodes(toy, design(shots=(0, 1, 2, 5, 10, 20)))
    for short, long in zip(few, many, strict=True):
        assert short.query == long.query
        for shots in (0, 1, 2, 5):
            assert short.at(shots) == long.at(shots) == long.support[:shots]


def test_shots_out_of_range_are_refused():
    episode = evaluation_episodes(split({"ada": list(range(24))}), design())[0]
    for shots in (-1, 6):
        with pytest.raises(ValueError, match="between 0 and 5"):
            episode.at(shots)


@given(st.integers(2, 12), st.sampled_from([1, 2, 5]))
@settings(max_examples=20, deadline=None)
def test_the_control_is_another_artists_support_and_everyones_serves_once(count, headline):
    toy = split({f"artist {i}": list(range(9 + i)) for i in range(count)})
    episodes = evaluation_episodes(toy, design(headline_shot=headline))
    supports = {(e.artist, e.index): e.support for e in episodes}
    for index in range(4):
        served = [e.control_artist for e in episodes if e.index == index]
        assert sorted(served) == sorted({e.artist for e in episodes})
    for episode in episodes:
        assert episode.control_artist != episode.artist
        assert episode.control == supports[episode.control_artist, episode.index][:headline]
        assert {s.artist_key for s in episode.control} == {episode.control_artist}


def test_a_lone_artist_has_no_control():
    for episode in evaluation_episodes(split({"ada": list(range(24)), "bo": [1] * 24}), design()):
        assert (episode.artist, episode.control, episode.control_artist) == ("ada", (), "")


def test_the_digest_tells_every_part():
    episode = evaluation_episodes(split({"ada": list(range(24)), "bo": list(range(9))}), design())[0]
    parts = {
        "artist": "bo",
        "index": 7,
        "support": episode.support[::-1],
        "query": episode.query[:3],
        "control": episode.control[1:],
        "control_artist": "cy",
    }
    usual = {name: getattr(episode, name) for name in parts}
    digests = {episodes_digest([Episode(**(usual | {name: other}))]) for name, other in parts.items()}
    assert len(digests | {episodes_digest([episode])}) == 7


@pytest.mark.real
@pytest.mark.parametrize("manifest", BUILT or [None], ids=lambda m: m.parent.name if m else "none")
def test_built_tracks(manifest):
    """Every track built in the home that pytest was started with."""
    if manifest is None:
        pytest.skip("no built track: set FSDL_BENCH_HOME to a home that holds some")
    from fsdl_bench.tracks.track import load_track

    track = load_track(manifest.parent)
    for name in ("validation", "test"):
        artists = evaluated_artists(track[name], track.definition)
        if not artists:
            continue
        episodes = evaluation_episodes(track[name], track.definition)
        assert len(episodes) == track.definition.episodes * len(artists)
        for episode in episodes:
            assert len(episode.query) == track.definition.queries
            assert len(episode.support) == max(track.definition.shots)
            sides = [{s.work for s in side} for side in (episode.query, episode.support)]
            assert not sides[0] & sides[1]
            assert all(len(s.tokens) for s in episode.query)
