"""What the gridworld engine has to reach, and whether a measurement shows that it did."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from operant.benchmarks.perf.interleave import Rates

SLACK = 0.05
"""Equally fast things differ by that much in a measurement."""


@dataclasses.dataclass(frozen=True, slots=True)
class Bar:
    """One requirement, or a figure that is reported without one.

    Attributes:
        key: Short name in the machine-readable output.
        text: What is measured, with its unit.
        goal: The bound, None if there is none.
        at_least: Whether the bound is a lower one.
        values: One figure per round or process; empty if something it needs was not measured.
    """

    key: str
    text: str
    goal: float | None
    at_least: bool
    values: Sequence[float]

    @property
    def measured(self) -> float | None:
        """Median of the values."""
        return statistics.median(self.values) if self.values else None

    @property
    def verdict(self) -> str:
        """``"met"``, ``"missed"``, ``"reported"`` (no goal) or ``"not measured"``."""
        if self.measured is None:
            return "not measured"
        if self.goal is None:
            return "reported"
        reached = self.measured >= self.goal if self.at_least else self.measured <= self.goal
        return "met" if reached else "missed"

    def summary(self) -> dict[str, Any]:
        """Return the bar with its verdict, ready for JSON.

        Half of the values lie in ``half``.
        """
        half = None
        if self.values:  # twice, since quantiles are of two values or more
            low, _, high = statistics.quantiles([*self.values, *self.values], method="inclusive")
            half = [low, high]
        return {
            "key": self.key,
            "text": self.text,
            "goal": self.goal,
            "at_least": self.at_least,
            "measured": self.measured,
            "half": half,
            "verdict": self.verdict,
        }


def bars(
    rates: Rates,
    scaling: Sequence[Mapping[str, Any]],
    start_up: Mapping[str, Sequence[float]],
    bytes_per_env: float,
    size_pairs: Iterable[tuple[str, str]],
) -> list[Bar]:
    """Hold a measurement against the bars.

    Args:
        rates: Units per CPU-second of all contenders.
        scaling: Rows of :func:`operant.benchmarks.perf.scaling.scaling`.
        start_up: Of :func:`operant.benchmarks.perf.start_up.start_up`.
        bytes_per_env: Memory of a level beyond its observation.
        size_pairs: Ids of the same world in 8x8 and 16x16.
    """
    return [
        *_beside_peers(rates),
        *_engine(rates),
        *_programs(rates),
        *(
            at_least(
                f"rate_of_{large}",
                f"{large}, share of the 8x8 rate",
                0.6,
                rates.ratios(large, small),
            )
            for small, large in size_pairs
        ),
        at_most("memory", "memory beyond the observation, bytes per env", 700, [bytes_per_env]),
        *(_threads(row) for row in scaling),
        *_start_up(start_up),
    ]


def _beside_peers(rates: Rates) -> list[Bar]:
    """Equal views beside equal views; peers compute no features, so ours do not."""
    rows = [
        ("kernel", "envpool_256", "kernel N=1024, x EnvPool N=256", 50),
        ("kernel", "envpool_1024", "kernel N=1024, x EnvPool N=1024", 50),
        ("vector_16", "envpool_16", "make_vec N=16, x EnvPool N=16", 40),
        ("vector_16_shared", "envpool_16", "make_vec N=16 copy=False, x EnvPool N=16", None),
        ("kernel", "minigrid", "kernel N=1024, x MiniGrid", 1000),
        ("kernel", "xminigrid_occlusion", "kernel, x XLand-MiniGrid, both with occlusion", 40),
        ("see_through", "xminigrid", "kernel, x XLand-MiniGrid, both see through walls", None),
        ("kernel", "xminigrid", "kernel, x XLand-MiniGrid, only theirs sees through", None),
        ("see_through", "navix", "kernel, x NAVIX, both see through walls", 40),
        ("kernel", "navix", "kernel, x NAVIX, only theirs sees through", None),
    ]
    return [
        at_least(f"{mine}_x_{theirs}", text, goal, rates.ratios(mine, theirs))
        for mine, theirs, text, goal in rows
    ]


def _engine(rates: Rates) -> list[Bar]:
    """Ours beside ours."""
    return [
        at_least(
            "vector_share",
            "make_vec N=1024, share of the kernel",
            0.8,
            rates.ratios("vector", "kernel"),
        ),
        at_least(
            "vector_features_share",
            "make_vec N=1024 with features, share of that kernel",
            0.8,
            rates.ratios("vector_features", "kernel_features"),
        ),
        at_most(
            "features",
            "features, slowdown of the kernel",
            0.25,
            _slowdown(rates, "kernel_features"),
        ),
        at_most("scalar", "scalar step, us", 2, rates.figures(lambda rate: 1e6 / rate, "scalar")),
        at_most(
            "level",
            "a new level, ns beside showing it",
            100,
            rates.figures(lambda drawn, shown: 1e9 / drawn - 1e9 / shown, "levels", "views"),
        ),
        at_most(
            "reset_often",
            "a new level every 10 steps, slowdown",
            0.15,
            _slowdown(rates, "reset_often", "never_reset"),
        ),
    ]


def _programs(rates: Rates) -> list[Bar]:
    """Reward programs beside the kernel that computes the features they read."""
    return [
        at_most(
            "program_inlined",
            "reward program inlined, slowdown",
            0.05,
            _slowdown(rates, "inlined", "kernel_features"),
        ),
        at_most(
            "program_swapped",
            "reward program by address, slowdown",
            0.2,
            _slowdown(rates, "swapped", "kernel_features"),
        ),
    ]


def _threads(row: Mapping[str, Any]) -> Bar:
    """Threads must never cost, and not collapse beside other work."""
    where = "beside a busy process" if row["busy"] else "alone"
    return at_least(
        f"threads_{row['N']}{'_busy' if row['busy'] else ''}",
        f"threads N={row['N']}, x serial, {where}",
        0.8 if row["busy"] else 1 - SLACK,
        row["ratios"],
    )


def _start_up(seconds: Mapping[str, Sequence[float]]) -> list[Bar]:
    """Waiting times, in CPU-seconds."""
    rows = [
        ("first_step_cold", "first step without kernels on disk, CPU-s", 4),
        ("first_step_cached", "first step with kernels on disk, CPU-s", 0.5),
        ("first_step_core", "the same without SciPy (a core install), CPU-s", 0.5),
        ("import", "import operant, CPU-s", 0.4),
        ("swap", "a new program swapped in, to its first step, CPU-s", 1.5),
        ("inline", "a new program inlined, to its first step, CPU-s", None),
        ("inline_again", "a further one inlined, CPU-s", None),
    ]
    return [at_most(key, text, goal, seconds[key]) for key, text, goal in rows]


def at_least(key: str, text: str, goal: float | None, values: Sequence[float]) -> Bar:
    """Return a bar whose goal is a lower bound."""
    return Bar(key, text, goal, True, values)


def at_most(key: str, text: str, goal: float | None, values: Sequence[float]) -> Bar:
    """Return a bar whose goal is an upper bound."""
    return Bar(key, text, goal, False, values)


def _slowdown(rates: Rates, slower: str, faster: str = "kernel") -> list[float]:
    """Return by which share the time per unit grows, in each round."""
    return [ratio - 1 for ratio in rates.ratios(faster, slower)]
