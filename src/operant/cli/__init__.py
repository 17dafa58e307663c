"""The command line: one file per command, one table of them here.

Exit codes: 0 done, 1 a run failed, 2 wrong usage, 3 a dependency is missing or of a wrong version,
4 a search found nothing, 75 interrupted, saved and continued by the same command.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

OK, FAILED, USAGE, MISSING, NOTHING_FOUND, INTERRUPTED = 0, 1, 2, 3, 4, 75


def commands() -> dict[str, Callable[..., int]]:
    """Return command name -> function; each returns an exit code.

    A name of two words is a command of a group: ``operant reward audit``.
    """
    from operant.cli import (
        bench,
        catalogue,
        demo,
        doctor,
        enjoy,
        play,
        report,
        reward,
        reward_check,
        reward_new,
        reward_show,
        train,
    )

    return {
        "demo": demo.demo,
        "train": train.train,
        "enjoy": enjoy.enjoy,
        "play": play.play,
        "bench": bench.bench,
        "report": report.report,
        "reward audit": reward.audit,
        "reward compare": reward.compare,
        "reward new": reward_new.new,
        "reward check": reward_check.check,
        "reward show": reward_show.show,
        "reward retrain": reward_show.retrain,
        "envs": catalogue.envs,
        "games": catalogue.games,
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
        if argv == ["doctor"]:  # it says what is missing, so it may need nothing itself
            from operant.cli.doctor import doctor

            return doctor()
        if argv == ["--version"]:
            from operant import __version__

            print(f"operant {__version__}")
            return OK
        return _dispatch(argv or ["--help"])  # no arguments: show what there is
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("operant"):  # a bug, not an installation
            raise
        print(
            f"operant: {error.name or error} is not installed; run: operant doctor, or: "
            "pip install -c constraints.txt operant",
            file=sys.stderr,
        )
        return MISSING
    except BrokenPipeError:  # the reader of a pipe (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def _dispatch(argv: list[str]) -> int:
    """Run a command; exceptions that the user can mend become one line."""
    import tyro
    from gymnasium.error import Error as GymnasiumError

    from operant.errors import MissingExtraError, OperantError, WrongVersionError

    known, prog = commands(), "operant"
    if group := {n.removeprefix(f"{argv[0]} "): f for n, f in known.items() if f"{argv[0]} " in n}:
        known, prog, argv = group, f"operant {argv[0]}", argv[1:] or ["--help"]
    try:
        code: Any = tyro.extras.subcommand_cli_from_dict(
            known, prog=prog, description=_DESCRIPTION, args=argv
        )
    except (MissingExtraError, WrongVersionError) as error:
        print(f"operant: {error}", file=sys.stderr)
        return MISSING
    except BrokenPipeError:
        raise
    except (OperantError, GymnasiumError, ValueError, TypeError, OSError) as error:
        if os.environ.get("OPERANT_DEBUG"):
            raise
        print(f"operant: {error}", file=sys.stderr)
        return USAGE
    return int(code)


_DESCRIPTION = "Reward design laboratory: train on a designed reward, score on the true one."
