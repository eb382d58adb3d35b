from hypothesis import given
from hypothesis import strategies as st

from fsdl_bench.builder.capping import TOO_FEW, select

songs = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5)), max_size=40)


@given(songs, st.integers(1, 4), st.integers(1, 6), st.randoms(use_true_random=False))
def test_selection_against_its_words(songs, least: int, most: int, random) -> None:
    ids = [f"{number:03d}" for number in random.sample(range(999), len(songs))]
    chosen = select([a for a, _ in songs], [f"w{w}" for _, w in songs], ids, min_songs=least, max_songs=most)
    expected = []
    for artist in "abc":
        own = sorted((ids[i], i) for i, (a, _) in enumerate(songs) if a == artist)[:most]
        if len({songs[i][1] for _, i in own}) >= least:
            expected += [i for _, i in own]
    assert chosen.kept == expected
    assert sorted([*chosen.kept, *chosen.dropped]) == list(range(len(songs)))
    assert {reason for reason, _ in chosen.dropped.values()} <= {
        "over the cap of songs per artist",
        TOO_FEW,
    }
