"""Rows of the suites."""

from __future__ import annotations

from operant.registry import Row

ROWS = [
    Row(
        id="bandits",
        entry_point="operant.benchmarks.suites.bandits:SUITE",
        summary="regret of classic algorithms on stochastic and adversarial arms",
        tags=("bandit",),
    ),
    Row(
        id="cooperation",
        entry_point="operant.benchmarks.suites.cooperation:SUITE",
        summary="welfare of teams that share a policy or do not; a robot that may ask a human",
        tags=("game", "cooperation"),
        extra="theory",
    ),
    Row(
        id="demo",
        entry_point="operant.benchmarks.suites.demo:SUITE",
        summary="four reward designs on one sparse-reward level; which help, which is hacked",
        tags=("gridworld",),
    ),
    Row(
        id="games-zero-sum",
        entry_point="operant.benchmarks.suites.games_zero_sum:SUITE",
        summary="exploitability of self-play, of CFR and of chance, exactly",
        tags=("game", "zero-sum"),
    ),
    Row(
        id="locomotion-skills",
        entry_point="operant.benchmarks.suites.locomotion_skills:SUITE",
        summary="flips, a wave and a rest: skills that a dense reward by a person should teach",
        tags=("mujoco",),
        extra="mujoco",
    ),
    Row(
        id="lsd-planning",
        entry_point="operant.benchmarks.suites.lsd_planning:SUITE",
        summary="bandits with memory: what plans are worth that are not the best",
        tags=("bandit", "lsd"),
    ),
    Row(
        id="mujoco-sparse",
        entry_point="operant.benchmarks.suites.mujoco_sparse:SUITE",
        summary="robots that are paid by the stride; what gets them going",
        tags=("mujoco",),
        extra="mujoco",
    ),
    Row(
        id="nethack-small",
        entry_point="operant.benchmarks.suites.nethack_small:SUITE",
        summary="rooms and first levels of NetHack, seen by a small network",
        tags=("nethack",),
        extra="nethack",
    ),
]
