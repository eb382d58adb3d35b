"""The command line: a thin face over the public functions, one file for each group of commands.

Only click is imported here and in the files beside it; what a command needs, it imports when it runs.
"""

from __future__ import annotations

import errno
import sys
from io import TextIOWrapper
from typing import Any

import click

from fsdl_bench.cli import compare, data, evaluate, generate, leaderboard
from fsdl_bench.errors import BadInput

_FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


class _BadCall(click.ClickException):
    exit_code = 2


class _Commands(click.Group):
    """Turns what can go wrong for a person into one message: 2 for a bad call, 130 for Ctrl-C, 1 else."""

    def invoke(self, ctx: click.Context) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):  # a title that the terminal cannot show is no error
                stream.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except BadInput as error:
            raise _BadCall(str(error)) from None
        except KeyboardInterrupt:
            click.echo("Interrupted. The same command takes up the work already done.", err=True)
            ctx.exit(130)
        except MemoryError:
            raise click.ClickException(
                "out of memory; try fewer --workers, or a machine with more of it"
            ) from None
        except OSError as error:
            if error.errno in _FULL_DISK:
                where = f" while writing {error.filename}" if error.filename else ""
                advice = "free some space, or set FSDL_BENCH_HOME to another disk, and run the command again"
                raise click.ClickException(f"the disk is full{where}; {advice}") from None
            if isinstance(error, PermissionError):
                raise click.ClickException(f"no permission: {error.filename or error}") from None
            raise


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fsdl-bench")
def main() -> None:
    """Few-shot distribution learning for music: build tracks, look at them, check them.

    Everything is kept under FSDL_BENCH_HOME.
    """


for _command in (
    *data.COMMANDS,
    *evaluate.COMMANDS,
    *compare.COMMANDS,
    *generate.COMMANDS,
    *leaderboard.COMMANDS,
):
    main.add_command(_command)
