"""What settings are chosen by is the metric, and the choice is that of the songs at hand."""

import itertools

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


def test_the_choice_is_of_the_greatest_number_of_shots_reached(few_shot):
    settings = {5: "five", 1: "one", 2: "two"}
    chosen = [few_shot.chosen_for(songs, settings) for songs in range(8)]
    assert chosen == ["one", "one", "two", "two", "two", "five", "five", "five"]
