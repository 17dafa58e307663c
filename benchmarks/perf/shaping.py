"""What does a potential cost, compiled into the native batch and around one plain env?

Run ``python -m operant.benchmarks.perf.shaping``. Contenders take turns, and costs are taken inside
a round; see :mod:`operant.benchmarks.perf.interleave`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym

import operant
from operant.benchmarks.perf.bars import Bar, at_most
from operant.benchmarks.perf.contenders import BATCH, kernel_steps, simulator
from operant.benchmarks.perf.interleave import Chunk, Contender, Rates, timed
from operant.benchmarks.perf.report import compare, comparison, parser, run
from operant.reward_design.adapters.potential_wrapper import PotentialWrapper
from operant.reward_design.shaping.potential import PotentialShaping
from operant.reward_design.shaping.program import potential_program

ENV, GAMMA = "SparseKey-8x8-v0", 0.99
READS = ("subgoal", "steps_to_subgoal")
_CALLS = 1000


def progress(state: Any) -> float:
    """The potential ``subgoal_distance`` as a compiled one."""
    value: float = (state.subgoal + 1.0 - state.steps_to_subgoal / 24.0) / 3.0
    return value


def progress_of(features: Mapping[str, Any]) -> Any:
    """The same as a function of named features."""
    return (features["subgoal"] + 1.0 - features["steps_to_subgoal"] / 24.0) / 3.0


class Still(gym.Env[Any, Any]):
    """Does nothing, and so costs what a Gymnasium env costs at least."""

    observation_space = gym.spaces.Discrete(1)
    action_space = gym.spaces.Discrete(1)

    def __init__(self) -> None:
        """Take the feature table of the gridworld."""
        self.card = operant.card(ENV)
        self._info = {"features": dict.fromkeys((f.name for f in self.card.features), 1.0)}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Return the only state."""
        super().reset(seed=seed, options=options)
        return 0, self._info

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:  # noqa: ARG002
        """Stay."""
        return 0, 0.0, False, False, self._info


def contenders() -> list[Contender]:
    """Build everything that is timed."""
    own = {"potential": progress_of, "reads": READS, "privileged": True}
    program = potential_program(progress, gamma=GAMMA)
    rows = [
        ("kernel", f"kernel N={BATCH}", kernel_steps(simulator(ENV))),
        ("bare", "  without features", kernel_steps(simulator(ENV, features=False))),
        ("inlined", "  potential compiled in", kernel_steps(simulator(ENV, program=program))),
        (
            "swapped",
            "  potential by its address",
            kernel_steps(simulator(ENV, program=program, swappable=True)),
        ),
        ("plain", "a Gymnasium env that does nothing", scalar_steps(Still())),
        ("thin", "  in a wrapper that does nothing", scalar_steps(gym.Wrapper(Still()))),
        (
            "wrapper",
            "  PotentialWrapper",
            scalar_steps(PotentialWrapper(Still(), PotentialShaping(**own), gamma=GAMMA)),  # type: ignore[arg-type]
        ),
        (
            "design",
            "  DesignWrapper",
            scalar_steps(operant.shape(Still(), PotentialShaping(**own), gamma=GAMMA)),  # type: ignore[arg-type]
        ),
    ]
    return [Contender(key, label, "env steps", timed(work)) for key, label, work in rows]


def scalar_steps(env: gym.Env[Any, Any]) -> Chunk:
    """Step one env that never ends."""
    env.reset()

    def chunk() -> int:
        for _ in range(_CALLS):
            env.step(0)
        return _CALLS

    return chunk


def bars(rates: Rates) -> list[Bar]:
    """Hold the costs against the bars."""

    def share(with_it: float, without: float) -> float:
        return 100.0 * (1.0 - with_it / without)

    def microseconds(with_it: float, without: float) -> float:
        return 1e6 * (1.0 / with_it - 1.0 / without)

    rows = [
        ("inlined", "kernel", "compiled in: % of the engine's throughput", share, 15.0),
        ("inlined", "bare", "compiled in: %, features included", share, None),
        ("swapped", "kernel", "by address: % of the engine's throughput", share, None),
        ("wrapper", "plain", "PotentialWrapper: microseconds per step", microseconds, 3.0),
        ("thin", "plain", "any Gymnasium wrapper: microseconds per step", microseconds, None),
        ("design", "plain", "DesignWrapper: microseconds per step", microseconds, None),
    ]
    return [
        at_most(f"{mine}_over_{without}", text, goal, rates.figures(cost, mine, without))
        for mine, without, text, cost, goal in rows
    ]


def measure(*, rounds: int, seconds: float) -> dict[str, Any]:
    """Time all contenders.

    Args:
        rounds: Measured rounds, >= 1.
        seconds: CPU-seconds in all, > 0.

    Raises:
        ValueError: If an argument is outside its range.
    """
    task = {"env": ENV, "potential": "subgoal_distance"}
    return {"task": task, **compare(contenders, bars, rounds=rounds, seconds=seconds)}


def describe(result: dict[str, Any]) -> str:
    """Return the result of :func:`measure` as text."""
    return comparison(f"Potential subgoal_distance on {ENV}", result)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    told = "Measure what potentials cost."
    options = parser("shaping", told, rounds=15, seconds=20.0)
    return run(options, argv, measure, describe)


if __name__ == "__main__":
    sys.exit(main())
