"""``operant report RESULTS``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg


def report(results: Annotated[Positional[Path], arg(metavar="RESULTS")], title: str = "") -> int:
    """Write the leaderboard of a results folder: leaderboard.html and leaderboard.md in it.

    Args:
        results: Results folder, e.g. results/demo.
        title: Title of the page; by default the folder's name.
    """
    from operant.benchmarks import bench
    from operant.cli.output import summary

    summary(bench.report(results, title=title))
    return 0
