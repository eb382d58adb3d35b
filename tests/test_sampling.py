"""The training sampler: artist-first, seeded, the same stream for any number of workers."""

import pickle
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch.utils.data import DataLoader

from fsdl_bench.codecs.words import WordsCodec
from fsdl_bench.errors import BadInput
from fsdl_bench.sampling import TrainingEpisodes
from fsdl_bench.tracks.split import Split


def split(works_of: dict[str, list[int]]) -> Split:
    """Each artist's songs by the number of their work; lengths and tokens differ between songs."""
    rng = np.random.default_rng(0)
    return Split.from_rows(
        "train",
        WordsCodec(),
        [
            {
                "artist": artist,
                "tokens": rng.integers(4, 99, 1 + (7 * i + len(artist)) % 40).astype(np.uint16),
                "work": str(work),
                "text": "",
                "units": 1,
            }
            for artist, works in works_of.items()
            for i, work in enumerate(works)
        ],
    )


TOY = {
    "ada": range(9),
    "bo": range(30),
    "cyril": [i // 3 for i in range(60)],
    "dan": range(150),
    "eve": [0] * 20,
}


@pytest.fixture(scope="module")
def toy() -> Split:
    return split(TOY)


def content(item):
    """What an episode or a batch holds, as plain lists that compare."""
    if hasattr(item, "support_lengths"):
        return (
            item.artists,
            *(
                getattr(item, name).tolist()
                for name in ("support", "support_lengths", "query", "query_lengths")
            ),
        )
    return item.artist, [s.id for s in item.support], [s.id for s in item.query]


def first(episodes, count):
    return [content(item) for item, _ in zip(episodes, range(count), strict=False)]


works = st.lists(st.integers(0, 12), min_size=1, max_size=40)


@given(
    st.dictionaries(st.sampled_from(["ada", "bo", "cy"]), works, min_size=1),
    st.integers(0, 4),
    st.integers(1, 4),
    st.integers(0, 2**40),
)
@settings(max_examples=60, deadline=None)
def test_every_episode_is_full_and_has_no_work_on_both_sides(works_of, shots, queries, seed):
    enough = {artist for artist, found in works_of.items() if len(set(found)) >= shots + queries}
    if not enough:
        with pytest.raises(BadInput, match=f"{shots + queries} works"):
            TrainingEpisodes(split(works_of), shots=shots, queries=queries)
        return
    episodes = TrainingEpisodes(split(works_of), shots=shots, queries=queries, seed=seed, stop=20)
    for episode in episodes:
        songs = (*episode.support, *episode.query)
        assert (len(episode.support), len(episode.query)) == (shots, queries)
        assert len({s.id for s in songs}) == len(songs)
        assert {s.artist_key for s in songs} == {episode.artist} <= enough
        assert not {s.work for s in episode.support} & {s.work for s in episode.query}


def test_artists_are_uniform_and_so_are_their_songs(toy):
    """A wrong order of drawing (songs first, artists by their number of songs) fails these."""
    episodes = list(TrainingEpisodes(toy, shots=2, queries=1, stop=8000))
    artists = Counter(episode.artist for episode in episodes)
    assert set(artists) == {"ada", "bo", "cyril", "dan"}
    assert chisquare(list(artists.values())).pvalue > 1e-3
    for place in ("support", "query"):
        songs = Counter(s.id for e in episodes if e.artist == "bo" for s in getattr(e, place))
        assert len(songs) == 30
        assert chisquare(list(songs.values())).pvalue > 1e-3


def test_sizes_are_drawn_from_what_is_given(toy):
    sizes = Counter(
        (len(e.support), len(e.query))
        for e in TrainingEpisodes(toy, shots=range(3), queries=[1, 4], stop=1200)
    )
    assert set(sizes) == {(k, q) for k in (0, 1, 2) for q in (1, 4)}
    assert chisquare(list(sizes.values())).pvalue > 1e-3


def test_an_artist_with_few_works_serves_small_episodes_only(toy):
    small = {e.artist for e in TrainingEpisodes(toy, shots=[0, 8], queries=1, stop=300) if not e.support}
    large = {e.artist for e in TrainingEpisodes(toy, shots=[0, 18], queries=2, stop=300) if e.support}
    assert small == set(TOY)
    assert large == {"bo", "cyril", "dan"}


@pytest.mark.filterwarnings("ignore:This DataLoader will create", "ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("batch_size", [None, 3])
@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("stop", [17, 18])
def test_the_stream_is_the_same_for_any_number_of_workers(toy, batch_size, workers, stop):
    def stream():
        return TrainingEpisodes(toy, shots=range(4), queries=2, seed=5, batch_size=batch_size, stop=stop)

    loader = DataLoader(
        stream(), batch_size=None, num_workers=workers, collate_fn=_same, multiprocessing_context="fork"
    )
    found = [content(item) for item in loader]
    assert len(found) == stop
    assert found == first(stream(), stop)


def _same(item):
    return item


def test_a_stream_can_be_entered_anywhere(toy):
    whole = first(TrainingEpisodes(toy, shots=range(3), batch_size=2, seed=1), 12)
    assert first(TrainingEpisodes(toy, shots=range(3), batch_size=2, seed=1, start=7), 5) == whole[7:]
    assert content(TrainingEpisodes(toy, shots=range(3), batch_size=2, seed=1).batch(9)) == whole[9]


def test_seeds_differ_and_repeat(toy):
    streams = [first(TrainingEpisodes(toy, seed=seed), 10) for seed in (0, 1, 2**63, 0)]
    assert streams[0] == streams[3]
    assert len({str(stream) for stream in streams}) == 3


def test_the_stream_is_frozen(toy):
    """Training runs are repeated by their seed, so the draws may not move with a version of numpy."""
    episode = TrainingEpisodes(toy, seed=3).episode(1000)
    ids = "".join(s.id[:2] for s in (*episode.support, *episode.query))
    assert (episode.artist, ids) == ("dan", "077ed38b2236fedc1e")


def test_batches_hold_the_same_songs_padded(toy):
    singles = TrainingEpisodes(toy, shots=5, queries=4, seed=2)
    batches = TrainingEpisodes(toy, shots=5, queries=4, seed=2, batch_size=4)
    for number in range(5):
        batch = batches.batch(number)
        episodes = [singles.episode(4 * number + i) for i in range(4)]
        assert batch.artists == tuple(episode.artist for episode in episodes)
        for name, count in (("support", 5), ("query", 4)):
            padded, lengths = getattr(batch, name), getattr(batch, f"{name}_lengths")
            assert padded.dtype == lengths.dtype == torch.int64
            assert padded.shape == (4, count, int(lengths.max()))
            for b, episode in enumerate(episodes):
                for i, song in enumerate(getattr(episode, name)):
                    length = int(lengths[b, i])
                    np.testing.assert_array_equal(padded[b, i, :length].numpy(), song.tokens)
                    assert not padded[b, i, length:].any()


def test_songs_of_a_batch_can_be_cut(toy):
    whole = TrainingEpisodes(toy, batch_size=4, seed=2).batch(3)
    cut = TrainingEpisodes(toy, batch_size=4, seed=2, max_length=10).batch(3)
    assert torch.equal(cut.support, whole.support[..., :10])
    assert torch.equal(cut.query_lengths, whole.query_lengths.clamp(max=10))


def test_zero_shots_are_an_empty_tensor(toy):
    batch = TrainingEpisodes(toy, shots=0, queries=2, batch_size=3).batch(0)
    assert batch.support.shape == (3, 0, 0)
    assert batch.support_lengths.shape == (3, 0)
    moved = batch.to("cpu")
    assert content(moved) == content(batch)


def test_tokens_are_views_of_the_split(toy):
    episode = TrainingEpisodes(toy).episode(0)
    owner = toy.artist(episode.artist)
    for song in (*episode.support, *episode.query):
        place = [s.id for s in owner.songs].index(song.id)
        assert np.shares_memory(song.tokens, owner.songs[place].tokens)


def test_it_pickles(toy):
    episodes = TrainingEpisodes(toy, shots=2, seed=9)
    assert first(pickle.loads(pickle.dumps(episodes)), 5) == first(episodes, 5)


@pytest.mark.parametrize(
    "wrong",
    [{"shots": -1}, {"shots": []}, {"queries": 0}, {"batch_size": 0}, {"max_length": 0}, {"shots": 150}],
    ids=str,
)
def test_sizes_out_of_range_are_refused(toy, wrong):
    with pytest.raises(BadInput, match=next(iter(wrong)) if wrong != {"shots": 150} else "154 works"):
        TrainingEpisodes(toy, **wrong)


def test_single_episodes_come_in_no_batches(toy):
    with pytest.raises(ValueError, match="batch_size"):
        TrainingEpisodes(toy).batch(0)
