"""Which step earned it? Return decomposition on factors, on raw inputs and on decoys.

``python -m operant.benchmarks.studies.lare --env sparsekey`` fits decoders to the returns of whole
episodes alone, and asks how well they tell the dense reward of single steps that nobody showed
them (Pearson correlation over held-out episodes). ``--rl`` then trains PPO on the delayed reward of
SparseKey-5x5 with each of the designs.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

from operant.agents import make_agent
from operant.agents.base import Agent
from operant.benchmarks.studies.credit_tasks import TASKS, CreditTask, Recording, key_world, record
from operant.envs.delayed import DelayedVectorReward
from operant.reward_design import make_design, shape
from operant.types import Rollout

SIZES, HELD_OUT = (20, 100), 40
"""Episodes to learn from, and to judge by."""
FIT = {"gradient_steps": 600, "memory": max(SIZES)}
"""Of every decoder in the supervised test; all else is as the designs have it."""
ARMS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "good factors": ("lare", {}),
    "decoy factors": ("lare", {}),
    "raw, RD": ("rd", {"loss": "rd"}),
    "raw, RRD unbiased": ("rd", {"loss": "rrd_unbiased", "draws": 32}),
    "raw, uniform (IRCR)": ("ircr", {}),
}
"""Name -> (design, its arguments); the programs are those of the task."""
GAMMA, ROWS, RL_STEPS, RL_ENV = 0.99, 32, 100_000, "SparseKey-5x5-v0"
RL_ARMS: Mapping[str, tuple[str, Mapping[str, Any], bool]] = {
    "LaRe, good factors": ("lare", {"source": TASKS["sparsekey"].factors}, True),
    "RRD, raw": ("rd", {}, True),
    "uniform (IRCR), raw": ("ircr", {}, True),
    "delayed reward alone": ("none", {}, True),
    "dense reward (reference)": ("none", {}, False),
}
"""Name -> (design, its arguments, whether rewards are delayed)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Score:
    """What came of one arm.

    Attributes:
        arm: Its name.
        size: Episodes that it learned from; env steps in the RL part.
        seed: Of data and decoder.
        value: Correlation, or the mean true return over training.
        seconds: Of wall time.
    """

    arm: str
    size: int
    seed: int
    value: float
    seconds: float


# ---- supervised -----------------------------------------------------------------------------


def supervised(task: CreditTask, *, seeds: int) -> list[Score]:
    """Fit every arm to few and to many episodes.

    Args:
        task: The task.
        seeds: Recordings and decoders of each, >= 1.
    """
    scores = []
    for seed in range(seeds):
        shown = record(task, episodes=max(SIZES), seed=1000 * seed)
        held_out = record(task, episodes=HELD_OUT, seed=1000 * seed + 500)
        for size in SIZES:
            for arm in ARMS:
                scores.append(correlation(task, arm, size, seed, shown, held_out))
                sys.stderr.write(f"{scores[-1]}\n")
    return scores


def correlation(
    task: CreditTask, arm: str, size: int, seed: int, shown: Recording, held_out: Recording
) -> Score:
    """Fit one arm, and compare what it pays with what the steps had earned."""
    start = time.perf_counter()
    design_id, kwargs = ARMS[arm]
    if design_id == "lare":
        kwargs = {**kwargs, "source": task.decoys if "decoy" in arm else task.factors}
    design = make_design(design_id, **{**FIT, **kwargs})
    design.setup(dataclasses.replace(shown.context, seed=seed))
    design.update(first_episodes_of(shown.rollout, size))
    paid = design.score_rollout(held_out.rollout).total
    # A decoder that pays all steps alike tells nothing.
    told = paid.std() > 0 and np.corrcoef(paid.ravel(), held_out.earned.ravel())[0, 1]
    seconds = time.perf_counter() - start
    return Score(arm=arm, size=size, seed=seed, value=float(told), seconds=seconds)


def first_episodes_of(r: Rollout, number: int) -> Rollout:
    """Return the first episodes of a rollout with one row."""
    stop = int(np.flatnonzero(r.terminated | r.truncated)[number - 1]) + 1

    def part(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: array[:stop] for name, array in value.items()}
        return value[:stop]

    fields = [field.name for field in dataclasses.fields(Rollout)]
    return Rollout(**{name: part(getattr(r, name)) for name in fields})


# ---- reinforcement learning -----------------------------------------------------------------


def reinforcement(*, seeds: int, steps: int = RL_STEPS) -> list[Score]:
    """Train PPO with each arm; the score is the mean true return over all of training.

    Args:
        seeds: Runs of each, >= 1.
        steps: Env steps of a run.
    """
    scores = []
    for seed in range(seeds):
        for arm in RL_ARMS:
            scores.append(area(arm, seed, steps))
            sys.stderr.write(f"{scores[-1]}\n")
    return scores


def area(arm: str, seed: int, steps: int) -> Score:
    """Train once; return the mean, over rollouts, of the true return of the last episodes."""
    start = time.perf_counter()
    design, kwargs, delayed = RL_ARMS[arm]
    env: VectorEnv[Any, Any, Any] = key_world(ROWS, AutoresetMode.SAME_STEP, env_id=RL_ENV)
    env = DelayedVectorReward(env) if delayed else env
    shaped = shape(env, make_design(design, **kwargs), gamma=GAMMA, seed=seed)
    agent = make_agent("ppo", shaped, seed=seed, gamma=GAMMA)
    returns: list[float] = []

    def note(agent: Agent) -> bool:
        told = agent.metrics()
        if "rollout/ep_true_rew_mean" in told:  # not before the first episode has ended
            returns.append(told["rollout/ep_true_rew_mean"])
        return True

    agent.learn(steps, note)
    shaped.close()
    seconds = time.perf_counter() - start
    return Score(arm=arm, size=steps, seed=seed, value=float(np.mean(returns)), seconds=seconds)


# ---- report ---------------------------------------------------------------------------------


def table(scores: Sequence[Score], unit: str) -> str:
    """Return the scores as Markdown: the mean over seeds, and every seed."""
    sizes = sorted({score.size for score in scores})
    lines = [
        "| arm | " + " | ".join(f"{size:,} {unit}" for size in sizes) + " |",
        "| --- " * (len(sizes) + 1) + "|",
    ]
    for arm in dict.fromkeys(score.arm for score in scores):
        cells = [_cell([s.value for s in scores if (s.arm, s.size) == (arm, n)]) for n in sizes]
        lines.append(f"| {arm} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(values: Sequence[float]) -> str:
    each = ", ".join(f"{value:.2f}" for value in values)
    return f"**{np.mean(values):.2f}** ({each})"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the study, print its tables and write all numbers as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", choices=tuple(TASKS), default="sparsekey", help="the task")
    parser.add_argument("--seeds", type=int, default=3, help="recordings, and runs of each arm")
    parser.add_argument("--rl", action="store_true", help="train PPO instead (SparseKey-5x5)")
    parser.add_argument("--steps", type=int, default=RL_STEPS, help="env steps of a PPO run")
    parser.add_argument("--out", type=Path, help="JSON file for the numbers")
    options = parser.parse_args(arguments)
    if options.seeds < 1 or options.steps < 1:
        parser.error("--seeds and --steps must be >= 1")
    if options.rl:
        scores, title, unit = (
            reinforcement(seeds=options.seeds, steps=options.steps),
            RL_ENV,
            "steps",
        )
    else:
        task = TASKS[options.env]
        scores, title, unit = supervised(task, seeds=options.seeds), task.title, "episodes"
    if options.out is not None:
        options.out.write_text(json.dumps([dataclasses.asdict(score) for score in scores]))
    spent = sum(score.seconds for score in scores)
    sys.stdout.write(f"{title}\n\n{table(scores, unit)}\n\n{spent:.0f} s of fitting or training\n")


if __name__ == "__main__":
    main()
