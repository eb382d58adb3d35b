"""Streams of predictors, with and without `stream`."""

import pytest
import torch

from fsdl_bench.submissions.checking import ContractError
from fsdl_bench.submissions.streams import RescoringStream, next_scores, open_stream

CPU = torch.device("cpu")


class Counting:
    """Has only `logits`; keeps what it was given."""

    def __init__(self):
        self.fed = []

    def logits(self, songs):
        self.fed.append(songs.tolist())
        return songs.cumsum(1)[..., None] + torch.arange(5.0)


def test_the_rescoring_stream_scores_the_songs_so_far():
    predictor = Counting()
    stream = open_stream(predictor, 2, 5, CPU)
    assert isinstance(stream, RescoringStream)
    for tokens in ([1, 1], [3, 4], [4, 2], [3, 0]):
        assert next_scores(stream, torch.tensor(tokens), 5).shape == (2, 5)
    assert [[song[:-1] for song in songs] for songs in predictor.fed] == [
        [[], []],
        [[3], [4]],
        [[3, 4], [4, 2]],
        [[3, 4, 3], [4, 2, 0]],
    ]
    assert [songs[0][-1] for songs in predictor.fed] == [2, 2, 2, 2]
    assert predictor.fed[-1][1][-1] == 0, "an ended song is padded to its end"


def test_a_stream_that_does_not_begin_with_bos():
    with pytest.raises(ValueError, match=r"the first token of a stream is BOS \(1\), found \[4\]"):
        open_stream(Counting(), 1, 5, CPU).step(torch.tensor([4]))


def test_a_predictor_with_a_stream_is_asked_for_as_many_songs():
    class Streamed(Counting):
        def stream(self, songs=1):
            self.songs = songs
            return self

        def step(self, tokens):
            return torch.zeros(len(tokens), 5, requires_grad=True) * 2

    predictor = Streamed()
    stream = open_stream(predictor, 3, 5, CPU)
    assert predictor.songs == 3
    assert not next_scores(stream, torch.ones(3, dtype=torch.int64), 5).requires_grad


def test_a_step_of_another_shape():
    class Short(Counting):
        def stream(self, songs=1):
            return self

        def step(self, tokens):
            return torch.zeros(5)

    stream = open_stream(Short(), 1, 5, CPU)
    with pytest.raises(
        ContractError, match=r"Short.step returned a tensor of shape \[5\]; expected \[1, 5\]"
    ):
        next_scores(stream, torch.tensor([1]), 5)
