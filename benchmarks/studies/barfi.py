"""Auxiliary rewards, good and bad: added as they are, as potentials, or weighted by BARFI.

``python -m operant.benchmarks.studies.barfi --out FOLDER`` trains everything and writes a table, a
drawing and the numbers behind them. All methods are the same learner: without an outer step BARFI
is the plain policy gradient on the designed reward.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import altair as alt
import numpy as np

from operant.agents import make_agent
from operant.agents.base import Agent
from operant.benchmarks.evaluate import make_batch
from operant.benchmarks.first_episodes import first_episodes
from operant.benchmarks.report.theme import LIGHT
from operant.benchmarks.studies.plots import small_png
from operant.reward_design import shape
from operant.reward_design.base import DesignSpec, RewardDesign
from operant.types import Features, Float, Obs, RewardTerms, Transition

Worth: TypeAlias = Callable[[Obs, Features], Float]
"""What an auxiliary reward sees in B states, given their observations and features: (B,)."""
GAMMA = 0.99
EPISODES, FIRST_LEVEL = 32, 10_000
"""Episodes of an evaluation, and the seed of its env; no training uses it."""
EVALUATIONS = 10
OUTER_RATE = 0.1
POLE_LIMIT = 12 * 2 * np.pi / 360
"""Angle at which CartPole ends, rad."""


class StatePay(RewardDesign):
    """Adds the worth of the state entered to the true reward. Terms: ``env``, ``auxiliary``."""

    spec = DesignSpec(needs=("features",), privileged=True)

    def __init__(self, worth: Worth) -> None:
        """Choose what is paid."""
        super().__init__()
        self._worth = worth

    def step(self, t: Transition) -> RewardTerms:
        """Return the true reward plus the worth of the state entered."""
        return RewardTerms.sum_of(env=t.reward, auxiliary=self._worth(t.next_obs, t.features))


class StatePotential(StatePay):
    """Adds the same worth as a potential instead. Terms: ``env``, ``auxiliary``."""

    spec = DesignSpec(needs=("features",), privileged=True, invariance="optimal", gamma_bound=True)

    def step(self, t: Transition) -> RewardTerms:
        """Return the true reward plus the potential difference."""
        before, after = self._worth(t.obs, t.prev_features), self._worth(t.next_obs, t.features)
        shaping = self.potential_difference(before, after, t, "bootstrap")
        return RewardTerms.sum_of(env=t.reward, auxiliary=shaping)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """An env, two auxiliary rewards, and how every method learns there.

    Attributes:
        env_id: Gymnasium id.
        env_kwargs: Of ``gym.make``.
        num_envs: Rows of training.
        steps: Env transitions of training.
        best: Highest true return of an episode that is possible, at least on average.
        hyper: Config of the agent.
        auxiliaries: Name -> what is paid.
    """

    env_id: str
    env_kwargs: Mapping[str, Any]
    num_envs: int
    steps: int
    best: float
    hyper: Mapping[str, Any]
    auxiliaries: Mapping[str, Worth]


def nearness(_: Obs, features: Features) -> Float:
    """Return minus the share of the longest way that is left, (B,) in [-1, 0]."""
    return -np.asarray(features["steps_to_goal"], np.float64) / 12


def staying(_: Obs, features: Features) -> Float:
    """Return 0.2 in the room of the start, (B,)."""
    return np.where(np.asarray(features["room"]) == 0, 0.2, 0.0)


def upright(obs: Obs, _: Features) -> Float:
    """Return how upright the pole is, (B,): 1 where it stands, 0 at the limit."""
    return 1 - _lean(obs)


def leaning(obs: Obs, _: Features) -> Float:
    """Return minus twice that, (B,): -2 where the pole stands, 0 at the limit."""
    return 2 * _lean(obs) - 2


def _lean(obs: Obs) -> Float:
    angle = np.abs(np.asarray(obs, np.float64)[:, 2])
    return np.minimum(angle / POLE_LIMIT, 1.0)


GOOD, BAD = "well-specified", "misspecified"
TASKS = {
    "RoomNav": Task(
        env_id="RoomNav-v0",
        env_kwargs={"max_steps": 200},
        num_envs=32,
        steps=600_000,
        best=100 / 9,
        hyper={
            "n_steps": 100,
            "inner_rollouts": 1,
            "net_arch": (),
            "inner_learning_rate": 0.02,
            "temperature": 0.05,
        },
        auxiliaries={GOOD: nearness, BAD: staying},
    ),
    "CartPole": Task(
        env_id="CartPole-v1",
        env_kwargs={},
        num_envs=16,
        steps=240_000,
        best=500,
        hyper={
            "n_steps": 128,
            "inner_rollouts": 2,
            "net_arch": (32,),
            "inner_learning_rate": 0.01,
            "temperature": 0.02,
        },
        auxiliaries={GOOD: upright, BAD: leaning},
    ),
}
METHODS: dict[str, tuple[type[StatePay] | None, float]] = {
    "primary only": (None, 0.0),
    "naive sum": (StatePay, 0.0),
    "as a potential": (StatePotential, 0.0),
    "BARFI": (StatePay, OUTER_RATE),
}
"""Name -> (what becomes of the auxiliary reward, rate of the outer step)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """What came of one training.

    Attributes:
        task: Key of :data:`TASKS`.
        auxiliary: Which of its auxiliary rewards.
        method: Key of :data:`METHODS`.
        seed: Of the agent.
        steps: Env transitions before each evaluation.
        returns: Mean true return of each.
        weights: Last scalars of the learned reward.
        seconds: Of wall time, evaluations included.
    """

    task: str
    auxiliary: str
    method: str
    seed: int
    steps: list[int]
    returns: list[float]
    weights: dict[str, float]
    seconds: float


def train(task_name: str, auxiliary: str, method: str, seed: int, *, share: float = 1.0) -> Run:
    """Train once, and evaluate now and then on the env without the design.

    Args:
        task_name: Key of :data:`TASKS`.
        auxiliary: Which of its auxiliary rewards.
        method: Key of :data:`METHODS`.
        seed: Of the agent and its levels.
        share: Of the task's budget, in (0, 1].
    """
    start = time.perf_counter()
    task, (design, rate) = TASKS[task_name], METHODS[method]
    env = make_batch(task.env_id, task.num_envs, **task.env_kwargs)
    if design is not None:
        env = shape(env, design(task.auxiliaries[auxiliary]), gamma=GAMMA)
    hyper = {**task.hyper, "gamma": GAMMA, "outer_learning_rate": rate}
    agent = make_agent("barfi", env, seed=seed, **hyper)
    steps, scores = [], []
    for part in range(EVALUATIONS + 1):
        agent.learn(int(share * task.steps * part / EVALUATIONS))
        steps.append(agent.num_steps)
        scores.append(true_return(agent, task))
    return Run(
        task=task_name,
        auxiliary=auxiliary,
        method=method,
        seed=seed,
        steps=steps,
        returns=scores,
        weights={name: x for name, x in agent.metrics().items() if name.startswith("train/")},
        seconds=time.perf_counter() - start,
    )


def true_return(agent: Agent, task: Task) -> float:
    """Return the mean true return of 32 episodes of the stochastic policy, undiscounted."""
    env = make_batch(task.env_id, EPISODES, **task.env_kwargs)
    found = np.zeros(EPISODES)
    act = partial(agent.act, deterministic=False)
    with agent.sampling(0):
        for running, rewards, _ in first_episodes(env, act, seed=FIRST_LEVEL):
            found += np.where(running, rewards, 0.0)
    env.close()
    return float(found.mean())


def study(seeds: int, *, share: float = 1.0) -> list[Run]:
    """Train all methods; what does not use the auxiliary reward is trained once per task.

    Args:
        seeds: Runs of each, >= 1.
        share: Of the budget, in (0, 1].
    """
    runs = []
    for task, spec in TASKS.items():
        for method, (design, _) in METHODS.items():
            for auxiliary in spec.auxiliaries if design is not None else [""]:
                runs += [train(task, auxiliary, method, seed, share=share) for seed in range(seeds)]
                sys.stderr.write(f"{task}, {method} {auxiliary}: {_final(runs[-seeds:])}\n")
    return runs


# ---- report ---------------------------------------------------------------------------------


def final(run: Run) -> float:
    """Return the mean of the last three evaluations."""
    return float(np.mean(run.returns[-3:]))


def _final(runs: Sequence[Run]) -> str:
    scores = [final(run) for run in runs]
    return f"{np.mean(scores):.1f} ({min(scores):.1f} to {max(scores):.1f})"


def table(runs: Sequence[Run]) -> str:
    """Return the final true returns as Markdown: the mean over seeds, the worst and the best."""
    columns = [(task, auxiliary) for task in TASKS for auxiliary in (GOOD, BAD)]
    lines = [
        "| method | " + " | ".join(f"{task}, {auxiliary}" for task, auxiliary in columns) + " |",
        "| --- " * (len(columns) + 1) + "|",
    ]
    for method in METHODS:
        cells = [_final(_of(runs, method, *column)) for column in columns]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    learned = [_weights(_of(runs, "BARFI", *column)) for column in columns]
    return "\n".join([*lines, "| *BARFI's weights* | " + " | ".join(learned) + " |"])


def _weights(runs: Sequence[Run]) -> str:
    names = ("weight_constant", "weight_primary", "weight_auxiliary", "gamma")
    means = [float(np.mean([run.weights[f"train/{name}"] for run in runs])) for name in names]
    return "{:.1f}, {:.1f}, {:.1f}; discount {:.3f}".format(*means)


def _of(runs: Sequence[Run], method: str, task: str, auxiliary: str) -> list[Run]:
    return [
        run
        for run in runs
        if (run.method, run.task) == (method, task) and run.auxiliary in ("", auxiliary)
    ]


def draw(runs: Sequence[Run]) -> bytes:
    """Return the learning curves as PNG: the mean over seeds and a thin line per seed."""
    panels = [_panel(runs, task, auxiliary) for task in TASKS for auxiliary in (GOOD, BAD)]
    chart = alt.concat(*panels, columns=2).configure_view(stroke=None)
    chart = chart.configure_axis(gridColor=LIGHT.grid, labelColor=LIGHT.text)
    return small_png(chart)


def _panel(runs: Sequence[Run], task: str, auxiliary: str) -> Any:
    points = [
        {"step": step, "value": value, "method": method, "seed": run.seed}
        for method in METHODS
        for run in _of(runs, method, task, auxiliary)
        for step, value in zip(run.steps, run.returns, strict=True)
    ]
    colours = [LIGHT.baseline, *LIGHT.series[: len(METHODS) - 1]]
    base = alt.Chart(alt.InlineData(values=points)).encode(
        x=alt.X("step:Q", title="env steps", axis=alt.Axis(format="~s", tickCount=4)),
        color=alt.Color(
            "method:N",
            title=None,
            scale=alt.Scale(domain=list(METHODS), range=colours),
            legend=alt.Legend(symbolOpacity=1, symbolStrokeWidth=2),
        ),
    )
    thin = base.mark_line(opacity=0.25, strokeWidth=1).encode(y="value:Q", detail="seed:N")
    scale = alt.Scale(domain=[0, 1.05 * TASKS[task].best])
    y = alt.Y("mean(value):Q", title="true return", scale=scale)
    title = f"{task}, {auxiliary} auxiliary reward"
    return alt.layer(thin, base.mark_line().encode(y=y)).properties(
        title=title, width=330, height=200
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the study and write ``barfi.json``, ``barfi_curves.png`` and ``barfi.md``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="runs of each method")
    parser.add_argument("--share", type=float, default=1.0, help="share of the training budget")
    parser.add_argument("--out", type=Path, default=Path("results/barfi"), help="folder to fill")
    options = parser.parse_args(arguments)
    if options.seeds < 1 or not 0 < options.share <= 1:
        parser.error("--seeds must be >= 1, and --share lie in (0, 1]")
    options.out.mkdir(parents=True, exist_ok=True)  # before the work, not after it
    runs = study(options.seeds, share=options.share)
    (options.out / "barfi.json").write_text(json.dumps([dataclasses.asdict(run) for run in runs]))
    (options.out / "barfi_curves.png").write_bytes(draw(runs))
    (options.out / "barfi.md").write_text(table(runs) + "\n")
    sys.stdout.write(f"{table(runs)}\n{sum(run.seconds for run in runs):.0f} s of training\n")


if __name__ == "__main__":
    main()
