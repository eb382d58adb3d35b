"""The optimisers of the training loop: AdamW, and Muon for linear layers if wanted.

Muon (Jordan et al. 2024; Liu et al. 2025, "Muon is Scalable for LLM Training") replaces the momentum of a
linear layer's weights by the nearest orthogonal matrix, scaled to the size of an AdamW step so that both use
the same learning rate. Embeddings, biases and gains stay with AdamW. Muon needs PyTorch 2.9.
"""

from __future__ import annotations

import torch
from torch import nn


def make_optimisers(
    model: nn.Module, peak: float, weight_decay: float, muon: bool
) -> list[torch.optim.Optimizer]:
    """Return the optimisers of all trainable parameters. Weight decay applies to matrices only."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    linear = {module.weight for module in model.modules() if isinstance(module, nn.Linear) and muon}
    matrices = [p for p in parameters if p.dim() >= 2 and p not in linear]
    groups = [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    optimisers: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=peak, fused=True)]
    if linear:
        weights = [p for p in parameters if p in linear]
        optimisers.append(
            torch.optim.Muon(weights, lr=peak, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")
        )
    return optimisers


def set_rate(optimisers: list[torch.optim.Optimizer], rate: float) -> None:
    """Set the learning rate of every parameter."""
    for group in (group for optimiser in optimisers for group in optimiser.param_groups):
        group["lr"] = rate
