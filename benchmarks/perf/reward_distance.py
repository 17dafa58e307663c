"""How long exact reward distances take: ``python -m operant.benchmarks.perf.reward_distance``."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence

import gymnasium as gym
import numpy as np

from operant.finite import random_mdp
from operant.reward_design.metrics import Metric, registry
from operant.reward_design.metrics.rewards import MDP, with_end

GAMMA, BAR_STATES, BAR_SECONDS = 0.99, 500, 2.0


def main(argv: Sequence[str] | None = None) -> None:
    """Print the seconds that each distance of two rewards takes, and whether the bar holds."""
    parser = argparse.ArgumentParser(prog="python -m operant.benchmarks.perf.reward_distance")
    parser.add_argument("--states", type=int, default=BAR_STATES, help="S of the random MDP")
    parser.add_argument("--actions", type=int, default=4, help="A of the random MDP")
    parser.add_argument("--level", default="SparseKey-8x8-v0", help="env to enumerate")
    parser.add_argument("--repeats", type=int, default=5, help="measurements, of which the median")
    options = parser.parse_args(argv)
    rng = np.random.default_rng(0)
    dense = random_mdp(rng, states=options.states, actions=options.actions, ends=0.01)
    env = gym.make(options.level)
    env.reset(seed=0)
    level: MDP = env.unwrapped.tabular_mdp()  # type: ignore[attr-defined]
    env.close()
    print(f"{'exact distance of two rewards':<54}{'states':>8}{'median s':>10}{'max s':>8}")
    for row in registry():
        enumerable = "actual" in row.tags
        worlds: dict[str, MDP] = {"random MDP": dense if enumerable else with_end(dense)}
        if enumerable:
            worlds[options.level] = level
        for name, mdp in worlds.items():
            times = _times(row.id, mdp, rng, options.repeats)
            line = f"{row.id + ', ' + name:<54}{mdp.num_states:>8,}"
            print(f"{line}{statistics.median(times):>10.3f}{max(times):>8.3f}")
            if (row.id, mdp.num_states) == ("starc", BAR_STATES):
                verdict = "held" if statistics.median(times) <= BAR_SECONDS else "MISSED"
                print(f"  bar: <= {BAR_SECONDS:g} s on {BAR_STATES} states: {verdict}")


def _times(metric: str, mdp: MDP, rng: np.random.Generator, repeats: int) -> list[float]:
    distances: Metric = registry().load(metric)
    rewards = [mdp.reward, rng.normal(size=mdp.reward.shape)]
    distances(mdp, rewards, gamma=GAMMA)  # imports and warms up
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        distances(mdp, rewards, gamma=GAMMA)
        times.append(time.perf_counter() - start)
    return times


if __name__ == "__main__":
    main()
