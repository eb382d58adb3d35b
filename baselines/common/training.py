"""The training loop: warm-up and cosine decay, clipping, averaged weights, early stopping, checkpoints.

    lr(i) = peak * min((i + 1) / warmup, floor + (1 - floor) (1 + cos(pi i / n)) / 2)

A batch is a function of its index, and a checkpoint holds the state of the random generators. So a training
that was interrupted continues from its last checkpoint and ends with the same weights, bit for bit. A batch
may have several losses, one for each piece of a long song: the optimiser steps after each.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from common.averaging import Average
from common.optimisers import make_optimisers, set_rate
from fsdl_bench import FitContext

CHECKPOINT_SECONDS = 120.0

Curve = tuple[tuple[int, float], ...]
"""(batches, validation figure) of each validation."""


@dataclass(frozen=True)
class Recipe:
    """The length and the speed of a training.

    Attributes:
        batches: n, the largest number of batches.
        peak: the highest learning rate.
        warmup: batches until it is reached.
        floor: the last learning rate as a share of the peak.
        weight_decay: of matrices; vectors do not decay.
        muon: train linear layers with Muon.
        clip: the largest norm of a gradient.
        average: the horizon of the averaged weights as a share of n; 0 keeps the last weights.
        every: batches between two validations.
        patience: validations without a new best figure after which training stops.
        minutes: wall time after which training stops; for trials, as results then depend on the machine.
    """

    batches: int
    peak: float = 2e-3
    warmup: int = 100
    floor: float = 0.05
    weight_decay: float = 0.01
    muon: bool = False
    clip: float = 1.0
    average: float = 0.0
    every: int = 250
    patience: int = 4
    minutes: float = math.inf

    def rate(self, index: int) -> float:
        """Return lr(index) / peak."""
        decay = self.floor + (1 - self.floor) * (1 + math.cos(math.pi * min(index / self.batches, 1))) / 2
        return min((index + 1) / self.warmup, decay)


@dataclass
class Training:
    """The record of a training. It is kept with the model and appears in its results.

    Attributes:
        batches: number of batches.
        tokens: training tokens, counting repetitions.
        seconds: wall time, validation included.
        processor_seconds: processor time of all threads, validation included.
        device: device and number of threads.
        curve: the figure at each validation.
    """

    batches: int = 0
    tokens: int = 0
    seconds: float = 0.0
    processor_seconds: float = 0.0
    device: str = ""
    curve: Curve = ()

    @property
    def best(self) -> float:
        """The lowest validation figure, which is that of the final weights."""
        return min((figure for _, figure in self.curve), default=math.inf)

    @property
    def since_best(self) -> int:
        """The number of validations after the best one; the first counts among equals."""
        figures = [figure for _, figure in self.curve]
        return len(figures) - 1 - figures.index(min(figures)) if figures else 0

    def notes(self) -> dict[str, str | int | float]:
        """Return the entries of a submission's `notes`, which appear in its results."""
        return {
            "training batches": self.batches,
            "training tokens": self.tokens,
            "training seconds": round(self.seconds, 1),
            "training processor seconds": round(self.processor_seconds, 1),
            "training device": self.device,
            "validation figure": self.best,
        }


def train(
    model: nn.Module,
    batch: Callable[[int], Any],
    losses: Callable[[Any], Iterable[Tensor]],
    validate: Callable[[], float],
    recipe: Recipe,
    context: FitContext,
    *,
    tokens: Callable[[Any], int],
    name: str = "training",
) -> Training:
    """Train a model in place. It ends in evaluation mode, with the weights of its best validation.

    Args:
        model: its parameters are trained.
        batch: index of a batch -> the batch.
        losses: a batch -> one scalar for each optimiser step.
        validate: returns the figure to minimise; called in evaluation mode, without gradients.
        recipe: the length and the speed.
        context: the fit's context, which stores the checkpoint.
        tokens: a batch -> the number of its training tokens.
        name: of the checkpoint and the progress bar.
    """
    run = _Run(model, recipe, context, name)
    run.resume()
    done = run.done
    bar = tqdm(total=recipe.batches, initial=done.batches, desc=name, unit="batch", mininterval=2.0)
    while (
        done.batches < recipe.batches
        and done.since_best < recipe.patience
        and done.seconds < 60 * recipe.minutes
    ):
        now = batch(done.batches)
        run.step(losses(now))
        done.batches, done.tokens = done.batches + 1, done.tokens + tokens(now)
        bar.update()
        if done.batches % recipe.every == 0 or done.batches == recipe.batches:
            bar.set_postfix(validation=f"{run.validate(validate):.4f}")
        run.checkpoint()
    bar.close()
    model.load_state_dict(run.best)
    model.eval()
    return done


class _Run:
    """A training in progress: everything that a checkpoint holds."""

    def __init__(self, model: nn.Module, recipe: Recipe, context: FitContext, name: str) -> None:
        self.model, self.recipe, self.context, self.name = model, recipe, context, name
        self.optimisers = make_optimisers(model, recipe.peak, recipe.weight_decay, recipe.muon)
        self.average = Average(model, recipe.average * recipe.batches)
        self.best = copy.deepcopy(model.state_dict())
        self.done = Training(device=_device_name(context.device))
        self.clock = self.saved = time.monotonic()
        self.processor = time.process_time()

    def step(self, losses: Iterable[Tensor]) -> None:
        self.model.train()
        set_rate(self.optimisers, self.recipe.peak * self.recipe.rate(self.done.batches))
        for loss in losses:
            self.model.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
            for optimiser in self.optimisers:
                optimiser.step()
        self.average.update()
        self._measure()

    def validate(self, figure_of: Callable[[], float]) -> float:
        self.model.eval()
        with torch.no_grad(), self.average.applied():
            figure = float(figure_of())
            self.done.curve += ((self.done.batches, figure if math.isfinite(figure) else math.inf),)
            if self.done.since_best == 0:
                self.best = copy.deepcopy(self.model.state_dict())
        return figure

    def _measure(self) -> None:
        clock, processor = time.monotonic(), time.process_time()
        self.done.seconds += clock - self.clock
        self.done.processor_seconds += processor - self.processor
        self.clock, self.processor = clock, processor

    def checkpoint(self) -> None:
        if self.clock - self.saved < CHECKPOINT_SECONDS and self.done.batches < self.recipe.batches:
            return
        self._measure()
        self.saved = self.clock
        state = {
            "model": self.model.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "average": self.average.state_dict(),
            "best": self.best,
            "done": asdict(self.done),
            "random": _random_state(self.context.device),
        }
        self.context.save(self.name, state)

    def resume(self) -> None:
        state = self.context.load(self.name)
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.average.load_state_dict(state["average"])
        self.best = state["best"]
        self.done = Training(**state["done"])
        _set_random_state(state["random"], self.context.device)


def _random_state(device: torch.device) -> list[Tensor]:
    """Return the state of the generators that dropout uses."""
    return [torch.get_rng_state()] + ([torch.cuda.get_rng_state(device)] if device.type == "cuda" else [])


def _set_random_state(state: list[Tensor], device: torch.device) -> None:
    torch.set_rng_state(state[0].cpu())
    if device.type == "cuda" and len(state) > 1:  # a training may continue on another device
        torch.cuda.set_rng_state(state[1].cpu(), device)


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads"
