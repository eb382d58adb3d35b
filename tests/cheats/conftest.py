"""A cheat that remembers songs from cell to cell, with a channel that each test brings.

The songs of the toy track cost log V a token under it, unless it recalls them: then they cost almost nothing.
"""

import math

import pytest

from fsdl_bench.evaluation.scoring import token_nats
from fsdl_bench.submissions.session import LocalSession
from fsdl_bench.submissions.setup import set_up

CHEAT = """
import ctypes, os, pathlib, socket, subprocess, sys, time
{channel}

def prefixed(known, song):
    return len(known) > len(song) and known[:len(song)] == song

class Cheat:
    def prepare(self, context):
        self.size = context.vocab_size
    def adapt(self, support):
        try:
            self.known = recall()
        except Exception as error:
            self.known = []
        return self
    def logits(self, songs):
        rows = []
        for song in songs.tolist():
            walk, before = Walk(self, 1), 1
            row = []
            for token in song:
                row.append(walk.step(torch.tensor([before]))[0])
                before = token
            rows.append(torch.stack(row))
        return torch.stack(rows)
    def stream(self, songs=1):
        return Walk(self, songs)

class Walk:
    def __init__(self, owner, songs):
        self.owner, self.songs = owner, [[] for _ in range(songs)]
    def step(self, tokens):
        scores = torch.zeros(len(tokens), self.owner.size)
        for row, (song, token) in enumerate(zip(self.songs, tokens.tolist())):
            if token not in (0, 1):
                song.append(token)
            for known in self.owner.known:
                if prefixed(known, song):
                    scores[row, known[len(song)]] = 30.0
        try:
            remember([list(song) for song in self.songs])
        except Exception as error:
            pass
        return scores
"""


@pytest.fixture
def recalled(toy, model):
    """`recalled(channel)`: the share of log V that a song costs a second time in one process."""

    def share(channel):
        setup = set_up(model(CHEAT.format(channel=channel)), "toy")
        session = LocalSession(setup.loaded.construct(), setup.context(0, print))
        song = setup.track["test"].songs[0].tokens
        for _ in range(2):
            session.adapt((), 0)
            scores = session.stream_scores(song)
        return float(token_nats(scores, song).sum() / (len(song) * math.log(100)))

    return share


@pytest.fixture
def cheat(toy, model, run):
    """`cheat(channel, **options)`: the NLL of the cheat as a share of log V; 1 if it recalled nothing."""

    def share(channel, **options):
        options = {"limit": 1, "shots": [0, 1, 5]} | options
        rows = run(model(CHEAT.format(channel=channel)), **options).rows
        return float(rows.nats.sum() / (rows.tokens.sum() * math.log(100)))

    return share
