"""The one training loop: AdamW or Muon, warm-up, cosine decay, clipping, early stopping, checkpoints.

    lr(i) = peak * min((i + 1) / warmup, floor + (1 - floor) (1 + cos(pi i / n)) / 2)

A batch is a function of its number, and the checkpoint holds the state of the random generators, so an
interrupted training goes on from its last checkpoint as if nothing had happened, bit for bit. A batch may
have several losses, one for each piece of a long sequence (truncated backpropagation): each is stepped on as
it comes, before the next piece is computed.

Muon (Jordan et al. 2024; Liu et al. 2025, "Muon is Scalable for LLM Training") replaces the momentum of each
linear layer's weights by the nearest orthogonal matrix, scaled to the size of an AdamW step so that one rate
serves both; embeddings, biases and gains stay with AdamW. It needs PyTorch 2.9.
"""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from fsdl_bench import FitContext

Curve = tuple[tuple[int, float], ...]
"""(batches, validation figure) of each validation."""


@dataclass(frozen=True)
class Recipe:
    """How long and how fast.

    Attributes:
        batches: n, at most so many.
        peak: highest learning rate.
        warmup: batches until it is reached.
        floor: the share of the peak that is left at the end.
        weight_decay: on matrices only.
        muon: whether linear layers are trained by Muon.
        clip: largest norm of the gradient.
        every: batches between two validations, each followed by a checkpoint.
        patience: validations without a new best after which training stops.
        minutes: wall time after which it stops as well; what was trained by then is what the result states.
    """

    batches: int
    peak: float = 2e-3
    warmup: int = 100
    floor: float = 0.05
    weight_decay: float = 0.01
    muon: bool = False
    clip: float = 1.0
    every: int = 250
    patience: int = 4
    minutes: float = math.inf

    def rate(self, index: int) -> float:
        """lr(index) / peak."""
        decay = self.floor + (1 - self.floor) * (1 + math.cos(math.pi * min(index / self.batches, 1))) / 2
        return min((index + 1) / self.warmup, decay)


@dataclass(frozen=True)
class Training:
    """What was done: kept with the model, and stated beside its results.

    Attributes:
        batches: how many.
        tokens: how many tokens were learnt from, every repetition counted.
        seconds: wall time, validation included.
        device: where.
        curve: at each validation.
    """

    batches: int
    tokens: int
    seconds: float
    device: str
    curve: Curve

    @property
    def best(self) -> float:
        """The lowest validation figure: that of the weights that were kept."""
        return min((figure for _, figure in self.curve), default=math.inf)

    def notes(self) -> dict[str, str | int | float]:
        """For a submission's `notes`, which stand in its result."""
        return {
            "training batches": self.batches,
            "training tokens": self.tokens,
            "training seconds": round(self.seconds, 1),
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
    """Train in place; the model ends with the weights of its best validation, in evaluation mode.

    Args:
        model: whose parameters are trained.
        batch: number of a batch -> the batch.
        losses: a batch -> one scalar for each optimiser step.
        validate: the figure to be lowered; called with the model in evaluation mode, without gradients.
        recipe: see there.
        context: the fit's context; the checkpoint lies in its folder.
        tokens: a batch -> how many tokens it teaches.
        name: of the checkpoint and the progress bar.
    """
    device = context.device
    path = context.checkpoints / f"{name}.pt"
    optimisers = _optimisers(model, recipe)
    index, seen, spent = 0, 0, 0.0
    curve: Curve = ()
    best = copy.deepcopy(model.state_dict())
    if path.exists():
        saved = torch.load(path, map_location=device, weights_only=True)
        model.load_state_dict(saved["model"])
        for optimiser, state in zip(optimisers, saved["optimisers"], strict=True):
            optimiser.load_state_dict(state)
        _set_random_state(saved["random"], device)
        index, seen, spent, best = saved["index"], saved["seen"], saved["spent"], saved["best"]
        curve = saved["curve"]
    bar = tqdm(total=recipe.batches, initial=index, desc=name, unit="batch", mininterval=2.0)
    started = time.monotonic()
    while index < recipe.batches and not _enough(curve, recipe) and spent < 60 * recipe.minutes:
        model.train()
        for group in (group for optimiser in optimisers for group in optimiser.param_groups):
            group["lr"] = recipe.peak * recipe.rate(index)
        now = batch(index)
        for loss in losses(now):
            model.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
            for optimiser in optimisers:
                optimiser.step()
        index, seen = index + 1, seen + tokens(now)
        bar.update()
        if index % recipe.every and index < recipe.batches:
            continue
        model.eval()
        with torch.no_grad():
            figure = float(validate())
        curve = (*curve, (index, figure if math.isfinite(figure) else math.inf))
        if _since_best(curve) == 0:
            best = copy.deepcopy(model.state_dict())
        bar.set_postfix(validation=f"{figure:.4f}")
        spent, started = spent + time.monotonic() - started, time.monotonic()
        states = [optimiser.state_dict() for optimiser in optimisers]
        state = {"model": model.state_dict(), "optimisers": states, "best": best}
        progress = {"index": index, "seen": seen, "spent": spent, "curve": curve}
        _save(path, state | progress | {"random": _random_state(device)})
    bar.close()
    model.load_state_dict(best)
    model.eval()
    return Training(index, seen, spent, _device_name(device), curve)


def _since_best(curve: Curve) -> int:
    """Validations after the best one; of equal ones the first counts."""
    figures = [figure for _, figure in curve]
    return len(figures) - 1 - figures.index(min(figures))


def _enough(curve: Curve, recipe: Recipe) -> bool:
    return bool(curve) and _since_best(curve) >= recipe.patience


def _optimisers(model: nn.Module, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon for linear layers where wanted, AdamW for the rest; of both only matrices decay."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    linear = {module.weight for module in model.modules() if isinstance(module, nn.Linear) and recipe.muon}
    matrices = [p for p in parameters if p.dim() >= 2 and p not in linear]
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    optimisers: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=recipe.peak, fused=True)]
    if linear:
        weights = [p for p in parameters if p in linear]
        decay, like = recipe.weight_decay, "match_rms_adamw"
        optimisers.append(torch.optim.Muon(weights, lr=recipe.peak, weight_decay=decay, adjust_lr_fn=like))
    return optimisers


def _random_state(device: torch.device) -> list[Tensor]:
    """Of the generators that dropout draws from."""
    return [torch.get_rng_state()] + ([torch.cuda.get_rng_state(device)] if device.type == "cuda" else [])


def _set_random_state(state: list[Tensor], device: torch.device) -> None:
    torch.set_rng_state(state[0].cpu())
    if device.type == "cuda" and len(state) > 1:  # a training may go on elsewhere than where it began
        torch.cuda.set_rng_state(state[1].cpu(), device)


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads"


def _save(path: Path, state: dict[str, Any]) -> None:
    temporary = path.with_suffix(f".{os.getpid()}.part")
    torch.save(state, temporary)
    temporary.replace(path)
