"""Replaces the harness's functions at run time; one class each for three ways."""

import torch
from base import Predictor, Unigram
from torch.overrides import TorchFunctionMode

from fsdl_bench.evaluation import cells


class Cheat(Unigram):
    """Puts another function in the place of the scorer's."""

    def adapt(self, support):
        honest = cells.token_nats
        cells.token_nats = lambda scores, targets: honest(scores, targets) / 2
        return super().adapt(support)


class LeftOn(Unigram):
    """Leaves a torch mode on that changes what `log_` gives."""

    def adapt(self, support):
        if torch._C._len_torch_function_stack() == 0:
            Halving().__enter__()
        return super().adapt(support)


class Halving(TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        return found - 1 if function is torch.Tensor.log_ else found


class Lying(torch.Tensor):
    """A tensor whose own rows are cheaper than they are."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        found = super().__torch_function__(function, types, args, kwargs or {})
        return found - 1 if function is torch.Tensor.log_ else found


class LyingTensor(Unigram):
    """Returns scores that answer the scorer's arithmetic with their own."""

    def adapt(self, support):
        return Liar(super().adapt(support).counts)


class Liar(Predictor):
    def logits(self, songs):
        return super().logits(songs).as_subclass(Lying)
