"""Figures by artist and by song against plain loops, and commands that the command line accepts."""

import math
import shlex
from collections import defaultdict

import pytest

from fsdl_bench.cli import main
from fsdl_bench.results import read_result
from fsdl_bench.site.boards import Placed
from fsdl_bench.site.entries import entry_of, query_songs, reproduce


@pytest.fixture(scope="module")
def stored(leaderboard_folder):
    return read_result(leaderboard_folder / "results" / "lyrics-synthetic" / "tuned.json")


@pytest.fixture(scope="module")
def entry(stored):
    songs = query_songs(stored, {stored.rows["song_id"].iloc[0]: "The First"})
    return entry_of(Placed("tuned", stored, "ranked", ""), "x/tuned.json", "", songs, (0, 1, 2, 5, 10, 20))


def _by_loop(stored, *keys):
    """Bits and bytes summed over (condition, shots, *keys)."""
    sums = defaultdict(lambda: [0.0, 0])
    for row in stored.rows.to_dict("records"):
        cell = sums[(row["condition"], row["shots"], *(row[key] for key in keys))]
        cell[0] += row["nats"] / math.log(2)
        cell[1] += row["units"]
    return {key: bits / units for key, (bits, units) in sums.items()}


def test_artists_are_those_of_a_loop(stored, entry):
    rates = _by_loop(stored, "artist")
    assert len(entry.artists) == 8
    for line in entry.artists:
        right = rates["right", 5, line.artist]
        assert line.nll == pytest.approx(right)
        assert line.gain == pytest.approx(rates["right", 0, line.artist] - right)
        assert line.control_gain == pytest.approx(rates["control", 5, line.artist] - right)
    gains = [line.gain for line in entry.artists]
    assert gains == sorted(gains, reverse=True)
    shown = stored.result.aggregates.shots[3]
    assert sum(gains) / len(gains) == pytest.approx(shown.gain.mean), "their mean is the headline's gain"


def test_songs_are_those_of_a_loop(stored, entry):
    rates = _by_loop(stored, "artist", "song_id")
    gains = {
        key[2:]: rates["right", 0, *key[2:]] - rate for key, rate in rates.items() if key[:2] == ("right", 5)
    }
    ordered = sorted(gains.values(), reverse=True)
    assert [line.gain for line in entry.gains_most] == pytest.approx(ordered[:5])
    assert [line.gain for line in entry.gains_least] == pytest.approx(ordered[::-1][:5])
    for line in (*entry.gains_most, *entry.gains_least):
        assert line.gain == pytest.approx(gains[line.artist, line.song_id])
        assert line.title == ("The First" if line.song_id == stored.rows["song_id"].iloc[0] else "")


def test_every_song_has_its_nll_at_the_headline_shot(stored, entry):
    rates = _by_loop(stored, "artist", "song_id")
    songs = query_songs(stored, {})
    expected = [rates["right", 5, song.artist, song.song_id] for song in songs]
    assert entry.song_nll == pytest.approx(expected, abs=6e-5)
    other = entry_of(Placed("tuned", stored, "ranked", ""), "", "", songs[1:], ())
    assert other.song_nll == (), "the songs of another board"


def test_a_model_that_does_not_adapt_has_no_songs_to_show(leaderboard_folder, fake, tmp_path):
    still = fake(tmp_path / "still.json", "still", gain=0.0)
    frame = still.rows.sort_values(["artist", "song_id"])
    nats = frame[(frame["shots"] == 0)]["nats"].to_numpy()
    for shots in (1, 2, 5, 10, 20):
        rows = (frame["shots"] == shots) & (frame["condition"] == "right")
        frame.loc[rows, "nats"] = nats
    same = type(still)(still.path, still.result, frame)
    entry = entry_of(Placed("still", same, "ranked", ""), "", "", (), ())
    assert entry.gains_most == entry.gains_least == ()


def test_the_command_is_one_that_evaluate_takes(stored):
    run = stored.result.model_copy(
        update={
            "protocol": "streaming",
            "seeds": (0, 1, 2),
            "submission": stored.result.submission.model_copy(
                update={
                    "name": "my model",
                    "source": "a folder/m.py:M",
                    "arguments": {"rate": 0.5, "text": "x y"},
                }
            ),
            "environment": stored.result.environment.model_copy(update={"device": "cuda (NVIDIA H100)"}),
        }
    )
    checkout, build, evaluate = reproduce(run, (0, 1))
    assert checkout == f"git checkout {'ab' * 20}"
    assert build == "fsdl-bench build lyrics-synthetic"
    program, name, *words = shlex.split(evaluate)
    assert (program, name) == ("fsdl-bench", "evaluate")
    command = main.commands[name]
    given = command.make_context(name, words).params
    assert given["submission"] == "a folder/m.py:M"
    assert given["settings"] == ("rate=0.5", "text=x y")
    assert (given["protocol"], given["seeds"], given["device"]) == ("streaming", (0, 1, 2), "cuda")
    assert given["shots"] == (0, 1, 2, 5, 10, 20), "other than the track's own, so they are named"
    assert given["name"] == "my model"


def test_what_is_usual_is_not_spelt_out(stored):
    *_, evaluate = reproduce(stored.result, (0, 1, 2, 5, 10, 20))
    assert (
        evaluate
        == "fsdl-bench evaluate --submission baselines/ngram.py --track lyrics-synthetic --name tuned"
    )
