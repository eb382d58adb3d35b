"""Takes gradient steps on the query song and scores it afterwards."""

import torch
from base import Predictor, Unigram


class Cheat(Unigram):
    def adapt(self, support):
        return Trained(super().adapt(support).counts)


class Trained(Predictor):
    def logits(self, songs):
        return torch.stack([self.after_training(song).expand(len(song), -1) for song in songs])

    def after_training(self, song):
        scores = self.counts.log().requires_grad_()
        with torch.enable_grad():
            loss = torch.nn.functional.cross_entropy(scores.expand(len(song), -1), song, ignore_index=0)
            (gradient,) = torch.autograd.grad(loss, scores)
        return (scores - 30 * gradient).detach()
