"""Lock this process out of everything but the files it needs, with Landlock (Linux 5.13 and later).

This module imports nothing heavy: the lock holds for the calling thread and for what that thread starts
afterwards, so it must be set before torch starts its threads. See https://docs.kernel.org/userspace-api/landlock.html.
"""

from __future__ import annotations

import ctypes
import glob
import os
import stat
import sys
from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_RULE_PATH_BENEATH = 1
_NO_NEW_PRIVILEGES = 38

DEVICES = ("/dev/null", "/dev/zero", "/dev/dri", "/dev/kfd", *glob.glob("/dev/nvidia*"))  # noqa: PTH207 (pathlib is slower to import)
"""Devices that a submission may write to."""

_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_ON_FILES = _EXECUTE | 1 << 1 | _READ_FILE | 1 << 14 | 1 << 15  # and write, truncate, ioctl
_FS_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""The number of file rights in each version of the interface."""


class _Ruleset(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """Return the kernel's version of Landlock; 0 for none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, int(_libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1))))


def lock(read: Iterable[str], write: Iterable[str], listed: Iterable[str] = ()) -> bool:
    """Lock this process in: it makes no TCP connection, and uses only these files.

    Args:
        read: files and folders that it may read.
        write: files and folders with which it may do anything.
        listed: folders whose file names it may list, as Python's imports do.


    Paths that do not exist are skipped. Returns false, and does nothing, if the kernel has no Landlock.

    Raises:
        OSError: the kernel has Landlock and refuses.
    """
    known = version()
    if not known:
        return False
    libc = _libc()
    rights = (1 << _FS_RIGHTS.get(known, 16)) - 1
    rules = _Ruleset(rights, 3 if known >= 4 else 0, 3 if known >= 6 else 0)
    size = 8 if known < 4 else 16 if known < 6 else 24
    ruleset = _checked(
        libc.syscall(_CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(size), ctypes.c_uint32(0))
    )
    for paths, allowed in ((read, _READ), (write, rights), (listed, _READ_DIR)):
        for path in paths:
            _allow(libc, ruleset, path, allowed & rights)
    _checked(libc.prctl(_NO_NEW_PRIVILEGES, *map(ctypes.c_ulong, (1, 0, 0, 0))))
    _checked(libc.syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0)))
    os.close(ruleset)
    return True


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, allowed: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            allowed &= _ON_FILES
        rule = _PathBeneath(allowed, place)
        arguments = (
            ctypes.c_int(ruleset),
            ctypes.c_int(_RULE_PATH_BENEATH),
            ctypes.byref(rule),
            ctypes.c_uint32(0),
        )
        _checked(libc.syscall(_ADD_RULE, *arguments))
    finally:
        os.close(place)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {os.strerror(number)}")
    return result
