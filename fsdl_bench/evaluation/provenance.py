"""Where a result comes from: versions, device, memory, the state of the repository."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import psutil
import torch

from fsdl_bench.results import Environment
from fsdl_bench.versions import git, package_versions

_PACKAGES = ("fsdl-bench", "torch", "numpy", "scipy", "tokenizers", "symusic", "transformers")


def environment(device: torch.device, folder: Path) -> Environment:
    """What the evaluation ran with; the commit is that of the repository which `folder` lies in."""
    commit = git(folder, "rev-parse", "HEAD")
    changes = git(folder, "status", "--porcelain", "--", ".") if commit else None
    return Environment(
        device=device_name(device),
        python=platform.python_version(),
        platform=platform.platform(),
        packages=packages(),
        git_commit=commit.decode().strip() if commit else None,
        git_dirty=None if changes is None else bool(changes.strip()),
    )


def packages() -> dict[str, str]:
    """The versions of what scores may depend on, those that are installed."""
    return package_versions(_PACKAGES)


def device_name(device: torch.device) -> str:
    """The device in words: "cuda (NVIDIA H100)", "cpu (8 cores)"."""
    if device.type == "cuda":
        return f"{device.type} ({torch.cuda.get_device_name(device)})"
    return f"{device.type} ({psutil.cpu_count()} cores)"


def open_device(name: str) -> torch.device:
    """The device called `name`, for scoring: float32 is computed as float32, without TF32.

    Raises:
        RuntimeError: torch knows no such device, or it is not there.
    """
    device = torch.device(name)
    torch.zeros(1, device=device)
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
    return device


def peak_memory_mib(device: torch.device) -> float:
    """The most memory that was held: on the device for cuda, else by this process and its children so far."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset) / 2**20
    import resource

    held = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return held / (2**20 if sys.platform == "darwin" else 2**10)
