"""Writes the two reports; a reader never sees half a file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

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
    _replace(html, render_html(leaderboard, title=title, problems=problems))
    _replace(markdown, render_markdown(leaderboard, title=title, problems=problems))
    return html, markdown


def _replace(path: Path, text: str) -> None:
    """Write to a temporary file in the same folder (same file system), then rename it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)  # mkstemp makes it private, a report is there to be read
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
