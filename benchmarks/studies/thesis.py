"""The experiments of the thesis "Reward Design for RL Agents", again.

``python -m operant.benchmarks.studies.thesis`` trains tabular learners on the designs ExpRD,
ExpAdaRD and ExploRS and their baselines, prints a table, and draws the plots of the docs.

Source: Explicable Reward Design for Reinforcement Learning Agents (2021), Exploration-Guided Reward
Shaping for Reinforcement Learning under Sparse Rewards (2022), Informativeness of Reward Functions
in Reinforcement Learning (2024), all by Devidze, Kamalaruban, Singla and, the first, Radanovic.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from rich.console import Console
from rich.table import Table

from operant.benchmarks.statistics import bootstrap_interval, iqm
from operant.benchmarks.studies import worlds
from operant.benchmarks.studies.plots import draw_curves, draw_informativeness
from operant.benchmarks.studies.softmax_learner import (
    KEPT,
    Episodes,
    SoftmaxLearner,
    best_return,
    expected_return,
)
from operant.benchmarks.studies.worlds import StudyWorld
from operant.reward_design.base import DesignContext
from operant.reward_design.shaping.exp_adard import ExpAdaRD
from operant.reward_design.shaping.explors import ExploRS
from operant.reward_design.shaping.exprd import Informativeness, design_explicable
from operant.reward_design.shaping.teaching import InvariantRewards, solve_teacher
from operant.types import Float, Rollout

Trainer = Callable[[SoftmaxLearner, int], None]
"""Trains a learner for a number of episodes on the reward of a design."""

BUDGET = 6
"""States that ExpRD may reward."""
REDESIGN = 50
"""Episodes between two designs of ExpAdaRD; 5 in the source."""
EVALUATIONS = 50
"""Points of a learning curve."""
GOOD = 0.9
"""Share of the best return that counts as learned."""


# ---- designs --------------------------------------------------------------------------------


def teacher_designs(world: StudyWorld) -> dict[str, Callable[[], Trainer]]:
    """Return the designs of a teacher who knows the MDP: name -> maker of a trainer."""
    mdp, gamma = world.mdp, world.gamma
    teacher = solve_teacher(mdp, gamma=gamma)
    structured = InvariantRewards(
        teacher, groups=world.groups, r_max=float(np.abs(mdp.reward).max())
    )
    sparse = design_explicable(mdp, budget=BUDGET, gamma=gamma)
    tables = {
        "true reward": mdp.reward,
        "invariance": structured.maximise(np.zeros(mdp.reward.shape)),
        "PBRS (V*)": teacher.advantages,
        f"ExpRD, {BUDGET} states": sparse.reward,
        "ExpRD, structured": Informativeness(teacher).maximise(structured),
    }

    def adaptive() -> Trainer:
        design = ExpAdaRD(mdp=mdp, gamma=gamma, groups=world.groups, epsilon=world.epsilon)

        def train(learner: SoftmaxLearner, episodes: int) -> None:
            for count in _parts(episodes, REDESIGN):
                design.redesign(learner.policy)
                learner.train(count, design.table)

        return train

    makers: dict[str, Callable[[], Trainer]] = {
        name: _maker_of(on_table(table)) for name, table in tables.items()
    }
    return {**makers, "ExpAdaRD": adaptive}


def agent_designs(world: StudyWorld) -> dict[str, Callable[[], Trainer]]:
    """Return the designs of a learner on its own: name -> maker of a trainer."""
    reward = world.mdp.reward
    return {
        "true reward": _maker_of(on_table(reward)),
        "ExploB": _maker_of(on_table(reward, max_bonus=1.0)),
        "SelfRS": lambda: on_own_reward(world, max_bonus=0.0),
        "ExploRS": lambda: on_own_reward(world, max_bonus=1.0),
    }


def on_table(reward: Float, *, max_bonus: float = 0.0) -> Trainer:
    """Return a trainer on a table, (S, A), and a count bonus."""
    return lambda learner, episodes: learner.train(episodes, reward, max_bonus=max_bonus)


def on_own_reward(world: StudyWorld, *, max_bonus: float) -> Trainer:
    """Return a trainer on the true reward, a count bonus and ExploRS's learned reward."""
    states, actions = world.mdp.reward.shape
    everywhere = np.arange(states)
    acting: list[SoftmaxLearner] = []
    design = ExploRS(
        policy=lambda numbers: acting[0].policy[np.asarray(numbers)],
        max_bonus=max_bonus,
        reward_rate=world.reward_rate,
    )
    design.setup(
        DesignContext(
            observation_space=spaces.Discrete(states),
            action_space=spaces.Discrete(actions),
            features=(),
            num_envs=KEPT,
            gamma=world.gamma,
        )
    )

    def train(learner: SoftmaxLearner, episodes: int) -> None:
        acting[:] = [learner]
        for count in _parts(episodes, KEPT):
            reward = world.mdp.reward + design.learned(everywhere, {})
            learner.train(count, reward, max_bonus=max_bonus)
            design.update(as_rollout(learner.last_episodes(), states))

    return train


def as_rollout(seen: Episodes, states: int) -> Rollout:
    """Lay K episodes out side by side, (H, K); the observation is the number of the state."""
    count, horizon = seen.states.shape
    step = np.arange(horizon)[:, None]
    valid = step < seen.lengths
    terminated = valid & (states == seen.after.T)
    return Rollout(
        obs=seen.states.T,
        action=seen.actions.T,
        next_obs=np.where(seen.after == states, seen.states, seen.after).T,
        reward=seen.true.T,
        terminated=terminated,
        truncated=(step == seen.lengths - 1) & ~terminated,
        features={},
        prev_features={},
        episode_step=np.broadcast_to(step, (horizon, count)),
        valid=valid,
    )


def _maker_of(train: Trainer) -> Callable[[], Trainer]:
    return lambda: train


def _parts(total: int, size: int) -> Iterator[int]:
    for start in range(0, total, size):
        yield min(size, total - start)


# ---- runs -----------------------------------------------------------------------------------


def run(
    world: StudyWorld,
    designs: dict[str, Callable[[], Trainer]],
    *,
    seeds: int,
    scale: float = 1.0,
) -> dict[str, Any]:
    """Train every design with every seed; return the learning curves as JSON.

    Args:
        world: Where.
        designs: Name -> maker of a trainer.
        seeds: Number of runs per design, >= 1; run i has seed i with every design.
        scale: Factor of the length of training, > 0.

    Returns:
        ``episodes`` (K,) and, per design, the exact expected discounted true return of the policy
        within the time limit, as a share of the best one: ``runs`` (seeds, K), and their
        interquartile mean with its 95 % interval, ``value``, ``low`` and ``high`` (K,).
    """
    every = max(1, round(scale * world.episodes / EVALUATIONS))
    best = best_return(world.mdp, gamma=world.gamma, horizon=world.horizon)

    def curve(maker: Callable[[], Trainer], seed: int) -> list[float]:
        learner = SoftmaxLearner(
            world.mdp, gamma=world.gamma, horizon=world.horizon, rate=world.rate, seed=seed
        )
        train, shares = maker(), []
        for _ in range(EVALUATIONS):
            train(learner, every)
            earned = expected_return(
                world.mdp, learner.policy, gamma=world.gamma, horizon=world.horizon
            )
            shares.append(earned / best)
        return shares

    curves = {}
    for name, maker in designs.items():
        runs = np.array([curve(maker, seed) for seed in range(seeds)])
        rng = np.random.default_rng(0)
        points = [bootstrap_interval(column[:, None], iqm, rng=rng) for column in runs.T]
        value, low, high = np.array(points).round(4).T.tolist()
        curves[name] = {"runs": runs.round(3).tolist(), "value": value, "low": low, "high": high}
    episodes = (every * np.arange(1, EVALUATIONS + 1)).tolist()
    return {"world": world.name, "episodes": episodes, "designs": curves}


def informativeness_curve(world: StudyWorld, budget: int) -> dict[str, Any]:
    """Return how informative ExpRD's reward is for growing budgets, as JSON."""
    found = design_explicable(world.mdp, budget=budget, gamma=world.gamma)
    measure = Informativeness(solve_teacher(world.mdp, gamma=world.gamma))
    least = budget + 1 - len(found.informativeness)
    return {
        "world": world.name,
        "budget": list(range(least, budget + 1)),
        "value": np.round(found.informativeness, 5).tolist(),
        "true_reward": round(measure(world.mdp.reward), 5),
        "states": list(found.states),
    }


def learned_at(result: dict[str, Any], name: str) -> tuple[float | None, int]:
    """Return the median of the episodes until 90 % of the best return, and how many runs did it.

    The median is over all runs, None if it is one that never got there.
    """
    runs = np.array(result["designs"][name]["runs"])
    good = runs >= GOOD
    first = np.where(good.any(axis=1), good.argmax(axis=1), len(result["episodes"]))
    middle = int(np.sort(first)[(len(first) - 1) // 2 if len(first) % 2 else len(first) // 2])
    episodes = result["episodes"]
    return (episodes[middle] if middle < len(episodes) else None), int(good.any(axis=1).sum())


# ---- report ---------------------------------------------------------------------------------


COLUMNS = ("world", "design", f"episodes to {GOOD:.0%}", "runs", "at the end", "on average")


def rows(results: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield the learning curves in numbers: the cells of ``COLUMNS``."""
    for result in [*results["teacher"], *results["agent"]]:
        for name, curve in result["designs"].items():
            episodes, count = learned_at(result, name)
            value, low, high = (curve[column][-1] for column in ("value", "low", "high"))
            yield (
                result["world"],
                name,
                "-" if episodes is None else f"{episodes:,}",
                f"{count}/{len(curve['runs'])}",
                f"{value:.2f} [{low:.2f}, {high:.2f}]",
                f"{np.mean(curve['value']):.2f}",
            )


def markdown(results: dict[str, Any]) -> str:
    """Return the learning curves in numbers as a table of the docs."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *rows(results)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def study(*, seeds: int, scale: float = 1.0, budget: int = 12) -> dict[str, Any]:
    """Run everything; see :func:`run` and :func:`informativeness_curve`."""
    teacher = [worlds.room_nav_world(), worlds.line_key_world()]
    agent = [worlds.chain_world(), worlds.long_line_key_world()]
    return {
        "seeds": seeds,
        "informativeness": [informativeness_curve(world, budget) for world in teacher],
        "teacher": [
            run(world, teacher_designs(world), seeds=seeds, scale=scale) for world in teacher
        ],
        "agent": [run(world, agent_designs(world), seeds=seeds, scale=scale) for world in agent],
    }


def write(results: dict[str, Any], folder: Path) -> None:
    """Write results and plots into a folder."""
    (folder / "thesis_results.json").write_text(json.dumps(results) + "\n")
    draw_informativeness(results["informativeness"], folder / "thesis_informativeness.png")
    draw_curves(results["teacher"], folder / "thesis_teacher.png")
    draw_curves(results["agent"], folder / "thesis_agent.png")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--seeds", type=int, default=10, help="runs per design")
    parser.add_argument("--scale", type=float, default=1.0, help="factor of the episodes")
    parser.add_argument("--write", type=Path, help="folder for the results and the plots")
    arguments = parser.parse_args(argv)
    if arguments.seeds < 1 or not arguments.scale > 0:
        parser.error("--seeds must be >= 1 and --scale > 0")
    if arguments.write is not None:
        arguments.write.mkdir(parents=True, exist_ok=True)  # before the work, not after it
    began = time.perf_counter()
    results = study(seeds=arguments.seeds, scale=arguments.scale)
    console, table = Console(), Table(*COLUMNS)
    for row in rows(results):
        table.add_row(*row)
    console.print(table)
    console.print(f"{time.perf_counter() - began:.0f} s")
    if arguments.write is not None:
        write(results, arguments.write)


if __name__ == "__main__":
    main()
