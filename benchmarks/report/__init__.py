"""The leaderboard as one self-contained HTML page and as Markdown."""

from operant.benchmarks.report.write import write_report

__all__ = ["write_report"]
