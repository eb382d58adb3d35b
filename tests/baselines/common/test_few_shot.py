"""The figure that settings are chosen by, and the choice."""

import itertools
import math

import numpy as np
import pytest
import torch

from fsdl_bench import BOS


@pytest.fixture
def few_shot(baseline):
    return baseline("common.few_shot")


class Uneven:
    """Scores that differ from token to token, and with the size of the support."""

    def __init__(self, support):
        table = np.random.default_rng(len(support)).normal(size=(100, 100))
        self.table = torch.tensor(table)

    def logits(self, songs):
        """[B, T] -> [B, T, V]."""
        before = torch.nn.functional.pad(songs[:, :-1], (1, 0), value=BOS)
        return self.table[before]


@pytest.mark.parametrize("shots", [0, 2])
def test_the_figure_is_nats_per_unit_song_by_song(few_shot, toy_splits, context, shots):
    episodes = few_shot.held_out_episodes(toy_splits[1], context, shots, 3)
    figures = []
    for episode in episodes:
        assert len(episode.support) == shots
        table = Uneven(episode.support).table.log_softmax(-1)
        nats = 0.0
        for song in episode.query:
            ids = [BOS, *song.tokens.tolist()]
            nats -= sum(float(table[a, b]) for a, b in itertools.pairwise(ids))
        figures.append(nats / sum(song.units for song in episode.query))
    found = few_shot.few_shot_nll(Uneven, episodes, context.device)
    assert found == pytest.approx(np.mean(figures), abs=1e-5)
    assert len(set(figures)) == 3


def test_held_out_episodes_are_the_same_every_time(few_shot, toy_splits, context):
    first, again = (
        [
            [song.id for song in (*episode.support, *episode.query)]
            for episode in few_shot.held_out_episodes(toy_splits[1], context, 2, 4)
        ]
        for _ in range(2)
    )
    assert first == again
    assert [len(songs) for songs in first] == [4] * 4


def test_the_setting_of_the_largest_number_of_shots_reached(few_shot):
    settings = {5: "five", 1: "one", 2: "two"}
    chosen = [few_shot.for_shots(settings, songs) for songs in range(8)]
    assert chosen == ["one", "one", "two", "two", "two", "five", "five", "five"]


def test_the_lowest_score_wins_and_what_is_not_finite_never(few_shot):
    scores = {"a": float("nan"), "b": 3.0, "c": 2.0, "d": 2.0, "e": float("-inf")}
    lines = []
    assert few_shot.choose(list(scores), scores.__getitem__, log=lines.append) == "c"
    assert len(lines) == 5
    assert few_shot.choose(["a", "e"], scores.__getitem__) == "a"


def test_a_single_setting_is_not_scored(few_shot):
    def score(_):
        raise AssertionError

    assert few_shot.choose([7], score) == 7


@pytest.mark.parametrize("lowest", [-20, 0, 1, 7])
def test_climbing_finds_the_lowest_of_a_valley_and_asks_once(few_shot, lowest):
    asked = []

    def score(setting):
        asked.append(setting)
        return abs(setting - lowest)

    assert few_shot.climb(0, lambda setting: [setting + 1, setting - 1], score) == lowest
    assert len(asked) == len(set(asked))


def test_climbing_stops_between_neighbours_that_are_no_better_or_not_finite(few_shot):
    scores = {0: 1.0, 1: math.nan, -1: 1.0}
    logged = []
    found = few_shot.climb(0, lambda setting: [setting + 1, setting - 1], scores.get, "n", logged.append)
    assert found == 0
    assert logged == ["n: 1: inf", "n: 0: 1.0000", "n: -1: 1.0000"]
