"""The command line: a thin layer over the public functions, one file per group of commands.

At import, this package imports only click. Each command imports what it needs when it runs.
"""

from __future__ import annotations

import errno
import os
import sys
from io import TextIOWrapper
from typing import Any

import click

from fsdl_bench.cli import (
    compare,
    compress,
    data,
    evaluate,
    export,
    generate,
    leaderboard,
    models,
    play,
    scrape,
)
from fsdl_bench.errors import BadInput

_FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
_PLACE = "FSDL_BENCH_HOME or --out"
_NOT_ALLOWED = f"choose a place that you may read and write ({_PLACE}), or change its permissions"
_IN_THE_WAY = f"a file is where a folder is expected; remove it, or choose another place ({_PLACE})"
_ADVICE = {
    errno.EACCES: _NOT_ALLOWED,
    errno.EPERM: _NOT_ALLOWED,
    errno.EROFS: _NOT_ALLOWED,
    errno.EEXIST: _IN_THE_WAY,
    errno.ENOTDIR: _IN_THE_WAY,
    errno.EISDIR: "a folder is where a file is expected; give the path of a file",
    errno.ENAMETOOLONG: "use a shorter name; most file systems allow 255 bytes",
    errno.ENOENT: "check the path",
    errno.EIO: "the disk may be failing; try another one",
    errno.EMFILE: "raise the limit on open files (`ulimit -n`), or use fewer --workers",
}


class _BadCall(click.ClickException):
    exit_code = 2


class _Commands(click.Group):
    """Turn errors that a user can mend into one message.

    The exit code is 2 for a bad call or a place that cannot be used, 130 for Ctrl-C, and 1 for a machine
    without disk space or memory. Any other exception is a defect and keeps its traceback.
    """

    def invoke(self, ctx: click.Context) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):  # a terminal that cannot show a title is no error
                stream.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except BadInput as error:
            raise _BadCall(str(error)) from None
        except KeyboardInterrupt:
            click.echo("Interrupted. Run the same command again to continue.", err=True)
            ctx.exit(130)
        except MemoryError:
            raise click.ClickException("out of memory; use fewer --workers, or a larger machine") from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader of our output has gone; click ends quietly
                raise
            if error.errno in _FULL_DISK:
                where = f" while writing {error.filename}" if error.filename else ""
                advice = "free some space, or set FSDL_BENCH_HOME to another disk, and run the command again"
                raise click.ClickException(f"the disk is full{where}; {advice}") from None
            raise _BadCall(_os_error(error)) from None


def _os_error(error: OSError) -> str:
    """Return the path first, then what the system says, then what to do."""
    from fsdl_bench.paths import home

    if error.errno in (errno.ENOTDIR, errno.EEXIST) and home().is_file():
        return f"FSDL_BENCH_HOME is {home()}, which is a file; set it to a folder"
    if error.errno is None or error.filename is None:
        return " ".join(str(error).split()) or type(error).__name__
    path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else str(error.filename)
    advice = _ADVICE.get(error.errno)
    return f"{path}: {error.strerror}" + (f"; {advice}" if advice else "")


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fsdl-bench")
def main() -> None:
    """Few-shot distribution learning for music: build tracks, evaluate models, compare results.

    All data is kept in the folder FSDL_BENCH_HOME.
    """


for _command in (
    *data.COMMANDS,
    *evaluate.COMMANDS,
    *compress.COMMANDS,
    *compare.COMMANDS,
    *generate.COMMANDS,
    *leaderboard.COMMANDS,
    *export.COMMANDS,
    *models.COMMANDS,
    *play.COMMANDS,
    *scrape.COMMANDS,
):
    main.add_command(_command)
