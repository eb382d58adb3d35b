"""Model-agnostic meta-learning: an inner loop that can be differentiated, for many episodes at a time.

    w_0 = theta      w_{k+1} = update(grad L_k(w_k), w_k)      outer gradient: d L_Q(w_n) / d theta

(Finn, Abbeel & Levine 2017). `update_rules.py` has the updates. Gradients may be clipped, inside the graph.
The first-order variant treats grad L_k(w_k) as a constant; the update rule, with its state, is differentiated
in both variants.

Episodes go through `torch.func.vmap` together.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
import torch._dynamo  # torch.func would import it at its first use, in every cell of a verified run
from torch import Tensor
from torch.func import grad_and_value, vmap
from torch.utils.checkpoint import checkpoint

from common.trees import Tree, detach, leaves, with_leaves
from common.update_rules import UpdateRule, Weights, clipped

Loss = Callable[[Weights, Tree], Tensor]
"""The weights of one episode and a batch -> a scalar."""

Step = Callable[[Weights, Tree, Tree, Tree], tuple[Weights, Tree]]
"""Weights and state of all episodes, the rule's learned tensors, a batch -> the next weights and state."""


@dataclass(frozen=True)
class InnerLoop:
    """How the weights of an episode are found.

    Attributes:
        second_order: differentiate through the inner gradients.
        clip: the largest norm of an inner gradient, over all adapted weights.
        checkpointed: compute each inner step again in the backward pass instead of storing it. This takes a
            third more time, and the memory of one step instead of all.
    """

    second_order: bool = True
    clip: float = float("inf")
    checkpointed: bool = False

    def run(self, loss: Loss, weights: Weights, rule: UpdateRule, batches: Sequence[Tree]) -> Weights:
        """Return w_n of each episode, the last weights of `path`."""
        *_, last = self.path(loss, weights, rule, batches)
        return last

    def path(
        self, loss: Loss, weights: Weights, rule: UpdateRule, batches: Sequence[Tree]
    ) -> Iterator[Weights]:
        """Adapt to B episodes.

        Args:
            loss: of one episode. Whatever it uses besides its arguments is shared and not adapted.
            weights: theta, the adapted part of it.
            rule: the update rule.
            batches: the data of each step, at least one; tensors [B, ...].

        Yields:
            w_1, ..., w_n of each episode: tensors [B, ...].
        """
        state = rule.init(weights)
        for number, batch in enumerate(batches):
            # All episodes start from the same weights, so their first step shares its matrix products.
            start = None if number == 0 else 0
            step = vmap(partial(self._step, loss, rule), in_dims=(start, start, None, 0))
            again = self.checkpointed and torch.is_grad_enabled()
            weights, state = (_recomputed if again else _called)(step, weights, state, rule.learned, batch)
            yield weights

    def _step(
        self, loss: Loss, rule: UpdateRule, weights: Weights, state: Tree, learned: Tree, batch: Tree
    ) -> tuple[Weights, Tree]:
        with contextlib.nullcontext() if self.second_order else torch.no_grad():
            gradients, value = grad_and_value(loss)(weights, batch)
            gradients = clipped(gradients, self.clip)
        if not self.second_order:
            gradients, value = detach(gradients), value.detach()
        return with_learned(rule, learned).update(gradients, state, weights, value)


def with_learned(rule: Any, learned: Tree) -> UpdateRule:
    """Return the rule with other learned tensors."""
    return replace(rule, learned=learned)


def _called(step: Step, weights: Weights, state: Tree, learned: Tree, batch: Tree) -> tuple[Weights, Tree]:
    return step(weights, state, learned, batch)


def _recomputed(
    step: Step, weights: Weights, state: Tree, learned: Tree, batch: Tree
) -> tuple[Weights, Tree]:
    """Run the step, store nothing for the backward pass, and run it again there.

    Only the reentrant variant of `checkpoint` works here: the other one hooks into stored tensors, which
    `torch.func` does not allow. It needs tensors as arguments, not trees.
    """
    given = (weights, state, learned, batch)
    outcome: list[Tree] = []

    def flat(*tensors: Tensor) -> tuple[Tensor, ...]:
        outcome[:] = [step(*with_leaves(given, tensors))]
        return tuple(leaves(outcome[0]))

    tensors = checkpoint(flat, *leaves(given), use_reentrant=True)
    return with_leaves(outcome[0], tensors)
