"""Carries its own weights file, named by an argument; has no `fit`."""

from pathlib import Path

import torch


class OwnWeights:
    def __init__(self, weights: Path, temperature: float = 1.0):
        self.weights, self.temperature = weights, temperature

    def prepare(self, context):
        self.scores = torch.load(self.weights, map_location=context.device) / self.temperature

    def adapt(self, support):
        return self

    def logits(self, songs):
        return self.scores.expand(*songs.shape, -1)
