"""The provenance of a result: versions, device, memory, the state of the repository."""

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
    """Return what the evaluation ran with; the commit is that of the repository around `folder`."""
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
    """Return the versions of the installed packages that scores may depend on."""
    return package_versions(_PACKAGES)


def device_name(device: torch.device) -> str:
    """Return the device in words: "cuda (NVIDIA H100)", "cpu (8 cores)"."""
    if device.type == "cuda":
        return f"{device.type} ({torch.cuda.get_device_name(device)})"
    return f"{device.type} ({psutil.cpu_count()} cores)"


def peak_memory_mib(device: torch.device) -> float:
    """Return the peak memory in MiB: of the device for cuda, else of this process or its largest child."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset) / 2**20
    import resource

    held = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return held / (2**20 if sys.platform == "darwin" else 2**10)
