"""The command line: one file per command, one table of them here.

Exit codes: 0 done, 1 a run failed, 2 wrong usage, 3 a dependency is missing, 75 interrupted, saved
and continued by the same command.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

OK, FAILED, USAGE, MISSING, INTERRUPTED = 0, 1, 2, 3, 75


def commands() -> dict[str, Callable[..., int]]:
    """Return command name -> function; each returns an exit code."""
    from operant.cli import bench, catalogue, demo, doctor, enjoy, report, train

    return {
        "demo": demo.demo,
        "train": train.train,
        "enjoy": enjoy.enjoy,
        "bench": bench.bench,
        "report": report.report,
        "envs": catalogue.envs,
        "designs": catalogue.designs,
        "agents": catalogue.agents,
        "suites": catalogue.suites,
        "doctor": doctor.doctor,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Run a command and exit with its code; errors print what to do, not a traceback.

    Args:
        argv: Arguments without the program name; None for the process's own.
    """
    sys.exit(run(list(sys.argv[1:] if argv is None else argv)))


def run(argv: list[str]) -> int:
    """Run a command and return its exit code."""
    try:
        import tyro
    except ModuleNotFoundError as error:
        print(f"operant: {error.name} is missing; run: pip install operant", file=sys.stderr)
        return MISSING
    from operant.errors import MissingExtraError, OperantError

    # No arguments: show what there is.
    argv = argv or ["--help"]
    try:
        code: Any = tyro.extras.subcommand_cli_from_dict(
            commands(), prog="operant", description=_DESCRIPTION, args=argv
        )
    except MissingExtraError as error:
        print(f"operant: {error}", file=sys.stderr)
        return MISSING
    except (OperantError, ValueError, TypeError, FileNotFoundError) as error:
        if os.environ.get("OPERANT_DEBUG"):
            raise
        print(f"operant: {error}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:  # the reader of a pipe (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    return int(code)


_DESCRIPTION = "Reward design laboratory: train on a designed reward, score on the true one."
