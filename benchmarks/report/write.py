"""Writes the two reports; a reader never sees half a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from operant.benchmarks.files import write_atomic
from operant.benchmarks.leaderboard import Leaderboard
from operant.benchmarks.report.html import render_html
from operant.benchmarks.report.markdown import render_markdown


def write_report(
    leaderboard: Leaderboard,
    path_dir: str | os.PathLike[str],
    *,
    title: str = "Operant leaderboard",
    problems: Sequence[str] = (),
) -> tuple[Path, Path]:
    """Write ``leaderboard.html`` and ``leaderboard.md``, each atomically.

    Args:
        leaderboard: What to show.
        path_dir: Folder, created if absent.
        title: Title of the page.
        problems: One line per run that was found but not counted.

    Returns:
        Paths of the HTML and of the Markdown file.
    """
    folder = Path(path_dir)
    folder.mkdir(parents=True, exist_ok=True)
    html, markdown = folder / "leaderboard.html", folder / "leaderboard.md"
    write_atomic(html, render_html(leaderboard, title=title, problems=problems))
    write_atomic(markdown, render_markdown(leaderboard, title=title, problems=problems))
    return html, markdown
