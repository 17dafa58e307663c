"""``operant demo``."""

from __future__ import annotations

from pathlib import Path


def demo(results: Path = Path("results/demo"), workers: int | None = None) -> int:
    """Compare four reward designs on one sparse-reward world and write a leaderboard.

    Args:
        results: Folder for runs and leaderboard; interrupted runs in it are continued.
        workers: Number of processes; by default one per core.
    """
    from operant import benchmarks
    from operant.cli.bench import run_and_report
    from operant.cli.output import console, program

    suite = benchmarks.suite("demo")
    runs = suite.runs()
    console.print(
        f"[bold]{suite.title}[/]: {len(suite.designs)} designs x {len(suite.seeds)} seeds of PPO "
        f"on {suite.env_ids[0]}, {runs[0].total_steps:,} steps each.\n"
        "Agents train on the designed reward; scores come from the true one (1 at the goal).\n"
    )
    code = run_and_report(suite, results, workers)
    if code == 0:
        folder = results / runs[-1].folder
        console.print(
            "\nNext:\n"
            f"  {program()} enjoy {folder}    watch the farmed bonus\n"
            f"  {program()} train SparseKey-6x6-v0 --design potential\n"
            f"  {program()} designs potential",
            soft_wrap=True,
        )
    return code
