"""Who of a team earned it, and when? LaRe over agents and time in the particle worlds.

``python -m operant.benchmarks.studies.lare_teams --out FOLDER`` fits decoders to the returns of
teams alone and asks how well they tell what each agent earned with each step; then it trains one
policy for all agents on delayed team rewards, with and without return decomposition. It writes
tables, a drawing and the numbers behind them; runs that are in the folder are not repeated.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import altair as alt
import gymnasium as gym
import numpy as np

from operant.agents import make_agent
from operant.agents.base import Agent
from operant.benchmarks.report.theme import LIGHT
from operant.benchmarks.studies.lare import Score, table
from operant.benchmarks.studies.plots import DASHES, small_png
from operant.reward_design import make_design, shape
from operant.reward_design.adapters.context import context_of
from operant.reward_design.adapters.rollouts import RolloutRecorder
from operant.reward_design.adapters.transitions import TransitionTracker
from operant.reward_design.base import DesignContext
from operant.types import Float, Rollout

HORIZON, TEAM = 25, 6
SIZES, HELD_OUT = (20, 100), 40
"""Episodes of a team to learn from, and to judge by."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """A world.

    Attributes:
        title: For people.
        factors: A program of what agents are paid for.
        decoys: One of as many numbers that have little to do with it.
    """

    title: str
    factors: str
    decoys: str


def _program(*names: str) -> str:
    listed = ", ".join(f'info["{name}"] * 1.0' for name in names)
    return f"def factors(obs, action, next_obs, info):\n    return [{listed}]\n"


DECOYS = _program("speed", "nearest_mate")
TASKS = {
    "CooperativeNavigation-n6-v0": Task(
        title="Cooperative navigation, 6 agents",
        factors=_program("nearest_landmark", "touched_mates"),
        decoys=DECOYS,
    ),
    "PredatorPrey-n6-v0": Task(
        title="Predator-prey, 6 predators",
        factors=_program("nearest_rival", "touched_rivals"),
        decoys=DECOYS,
    ),
}
FIT: Mapping[str, Any] = {"gradient_steps": 200, "memory": max(SIZES) * TEAM}
"""Of every decoder in the supervised test; all else is as the designs have it."""
ARMS: Mapping[str, tuple[str, Mapping[str, Any], bool]] = {
    "LaRe, team": ("lare", {}, True),
    "LaRe, each row alone": ("lare", {}, False),
    "decoy factors, team": ("lare", {}, True),
    "raw, RD, team": ("rd", {"loss": "rd"}, True),
    "raw, uniform (IRCR), team": ("ircr", {}, True),
}
"""Name -> (design, its arguments, whether it knows the teams)."""
RL_ARMS: Mapping[str, tuple[str, str]] = {
    "LaRe, team": ("lare", "delayed"),
    "uniform (IRCR), team": ("ircr", "delayed"),
    "delayed reward alone": ("none", "delayed"),
    "dense reward (reference)": ("none", "step"),
}
"""Name -> (design, what the env pays)."""
ROWS, STEPS = 96, 60_000
PPO: Mapping[str, Any] = {
    "gamma": 1.0,
    "n_steps": HORIZON,
    "batch_size": 480,
    "n_epochs": 4,
    "learning_rate": 0.003,
}
"""The learning rate was chosen between two on the dense reward, before anything else was run."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Curve:
    """One training.

    Attributes:
        env_id: The world.
        arm: Its name.
        seed: Of the agent, the design and the worlds.
        steps: Steps of agents trained so far.
        values: The true return per agent of the last 100 rows' episodes.
        correlation: Between what the last tenth of training paid and what agents had earned with
            the step, over agents and steps; 0 where all were paid alike.
        seconds: Of CPU.
    """

    env_id: str
    arm: str
    seed: int
    steps: tuple[int, ...]
    values: tuple[float, ...]
    correlation: float
    seconds: float


# ---- supervised -----------------------------------------------------------------------------


def play(env_id: str, episodes: int, seed: int) -> tuple[Rollout, Float, DesignContext]:
    """Record an episode of each of so many teams that act at random.

    Returns:
        The rollout, (25, 6 * episodes), what each agent earned with each step, and the context.
    """
    env: Any = gym.make_vec(env_id, num_envs=episodes * TEAM, reward="delayed")
    tracker = TransitionTracker(
        observation_space=env.single_observation_space,
        num_envs=env.num_envs,
        autoreset_mode=env.autoreset_mode,
    )
    recorder, earned, rng = RolloutRecorder(env.num_envs), [], np.random.default_rng(seed)
    tracker.reset(*env.reset(seed=seed))
    for _ in range(HORIZON):
        actions = rng.integers(0, 5, env.num_envs)
        step = env.step(actions)
        recorder.add(tracker.step(actions, *step))
        earned.append(step[4]["step_reward"])
    return recorder.take(), np.array(earned), context_of(env, gamma=1.0, seed=seed)


def supervised(env_id: str, size: int, seed: int) -> list[dict[str, Any]]:
    """Fit every arm to the returns of so many teams; return the :class:`Score` of each."""
    shown, _, context = play(env_id, size, 1000 * seed)
    held, earned, _ = play(env_id, HELD_OUT, 1000 * seed + 500)
    scores = []
    for arm, (design_id, kwargs, known) in ARMS.items():
        start = time.process_time()
        task = TASKS[env_id]
        if design_id == "lare":
            kwargs = {**kwargs, "source": task.decoys if "decoy" in arm else task.factors}
        design = make_design(design_id, **{**FIT, **kwargs})
        groups = context.groups if known else ()
        design.setup(dataclasses.replace(context, seed=seed, groups=groups))
        design.update(shown)
        told = correlation(design.score_rollout(held).total, earned)
        seconds = time.process_time() - start
        scores.append(Score(arm=arm, size=size, seed=seed, value=told, seconds=seconds))
    return [dataclasses.asdict(score) for score in scores]


def correlation(paid: Float, earned: Float) -> float:
    """Return Pearson's correlation; 0 where all were paid alike, which tells nothing."""
    if paid.std() == 0:
        return 0.0
    return float(np.corrcoef(paid.ravel(), earned.ravel())[0, 1])


# ---- reinforcement learning -----------------------------------------------------------------


def train(env_id: str, arm: str, seed: int, steps: int) -> dict[str, Any]:
    """Train one policy for all agents; return the :class:`Curve`."""
    start = time.process_time()
    design_id, reward = RL_ARMS[arm]
    kwargs = {"source": TASKS[env_id].factors} if design_id == "lare" else {}
    watch = _Watch(gym.make_vec(env_id, num_envs=ROWS, reward=reward))
    shaped = shape(
        watch, make_design(design_id, **kwargs), gamma=1.0, seed=seed, learn_every=HORIZON
    )
    paid = _Paid(shaped, watch, last=steps // (10 * ROWS))
    agent = make_agent("ppo", paid, seed=seed, **PPO)
    at: list[int] = []
    values: list[float] = []

    def note(agent: Agent) -> bool:
        told = agent.metrics()
        if "rollout/ep_true_rew_mean" in told:
            at.append(agent.num_steps)
            values.append(told["rollout/ep_true_rew_mean"])
        return True

    agent.learn(steps, note)
    paid.close()
    curve = Curve(
        env_id=env_id,
        arm=arm,
        seed=seed,
        steps=tuple(at),
        values=tuple(values),
        correlation=correlation(np.array(paid.paid), np.array(paid.earned)),
        seconds=time.process_time() - start,
    )
    return dataclasses.asdict(curve)


class _Watch(gym.vector.VectorWrapper):
    """Remembers what agents earned with the last step, which nobody may learn from."""

    earned: Float

    def step(self, actions: Any) -> Any:
        result = self.env.step(actions)
        self.earned = result[4]["step_reward"].copy()
        return result


class _Paid(gym.vector.VectorWrapper):
    """Keeps what the last steps were paid, and what agents had earned with them."""

    def __init__(self, env: Any, watch: _Watch, *, last: int) -> None:
        super().__init__(env)
        self._watch, self._last = watch, last
        self.paid: list[Float] = []
        self.earned: list[Float] = []

    def step(self, actions: Any) -> Any:
        result = self.env.step(actions)
        self.paid.append(result[1].copy())
        self.earned.append(self._watch.earned)
        del self.paid[: -self._last], self.earned[: -self._last]
        return result


# ---- report ---------------------------------------------------------------------------------


def scores_of(curves: Sequence[Curve]) -> list[Score]:
    """Return the mean true return over all of training: it counts speed as well as the end."""
    return [
        Score(
            arm=curve.arm,
            size=curve.steps[-1],
            seed=curve.seed,
            value=float(np.mean(curve.values)),
            seconds=curve.seconds,
        )
        for curve in curves
    ]


def ends_of(curves: Sequence[Curve]) -> list[Score]:
    """Return the mean true return over the last tenth of training."""
    last = max(len(curves[0].values) // 10, 1)
    ends = [dataclasses.replace(curve, values=curve.values[-last:]) for curve in curves]
    return scores_of(ends)


def draw(curves: Sequence[Curve]) -> bytes:
    """Return the learning curves as PNG: a panel per world, a thin line for every seed."""
    panels = [
        _panel([curve for curve in curves if curve.env_id == env_id], TASKS[env_id].title)
        for env_id in dict.fromkeys(curve.env_id for curve in curves)
    ]
    chart = alt.hconcat(*panels).configure_view(stroke=None)
    return small_png(chart.configure_axis(gridColor=LIGHT.grid, labelColor=LIGHT.text))


def _panel(curves: Sequence[Curve], title: str) -> Any:
    points = [
        {"step": step, "value": value, "arm": curve.arm, "seed": curve.seed}
        for curve in curves
        for step, value in zip(curve.steps, curve.values, strict=True)
    ]
    arms = list(RL_ARMS)
    paints = [LIGHT.colour(number) for number in (0, 1, 2, -1)]
    key = alt.Legend(orient="bottom", symbolOpacity=1, symbolStrokeWidth=2, columns=2)
    value: dict[str, Any] = {
        "title": "true return per agent",
        "scale": alt.Scale(zero=False),
        "axis": alt.Axis(tickCount=6),
    }
    base = alt.Chart(alt.InlineData(values=points)).encode(
        x=alt.X("step:Q", title="steps of agents", axis=alt.Axis(format="~s", tickCount=5)),
        color=alt.Color(
            "arm:N", title=None, scale=alt.Scale(domain=arms, range=paints), legend=key
        ),
    )
    thin = base.mark_line(opacity=0.3, strokeWidth=1).encode(
        y=alt.Y("value:Q", **value), detail="seed:N"
    )
    dash = alt.StrokeDash(
        "arm:N", legend=None, scale=alt.Scale(domain=arms, range=list(DASHES[: len(arms)]))
    )
    mean = base.mark_line(strokeWidth=2.5).encode(
        y=alt.Y("mean(value):Q", **value), strokeDash=dash
    )
    return alt.layer(thin, mean).properties(width=380, height=260, title=title)


def report(fits: Mapping[str, Sequence[Score]], curves: Sequence[Curve]) -> str:
    """Return the tables as Markdown."""
    parts = []
    for env_id, scores in fits.items():
        own = [curve for curve in curves if curve.env_id == env_id]
        seconds = sum(s.seconds for s in scores) + sum(curve.seconds for curve in own)
        parts += [
            f"## {TASKS[env_id].title}",
            "Correlation with what each agent earned with each step, held-out episodes:",
            table(scores, "team episodes"),
        ]
        if own:
            told = [
                dataclasses.replace(score, value=curve.correlation)
                for score, curve in zip(scores_of(own), own, strict=True)
            ]
            parts += [
                "Mean true return per agent over all of training:",
                table(scores_of(own), "steps"),
                "Over the last tenth of it:",
                table(ends_of(own), "steps"),
                "Correlation of what was paid with what was earned, in the last tenth:",
                table(told, "steps"),
            ]
        parts.append(f"{seconds:.0f} s of CPU")
    return "\n\n".join(parts) + "\n"


class Notebook:
    """Results of pieces of work, one line of JSON each; what is in it is not done again."""

    def __init__(self, path: Path) -> None:
        """Open or begin it."""
        self._path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self._known = {str(note["key"]): note["value"] for note in map(json.loads, lines)}

    def once(self, work: Callable[..., Any], *key: Any) -> Any:
        """Return what ``work(*key)`` is, as JSON has it."""
        name = str([work.__name__, *key])
        if name not in self._known:
            self._known[name] = work(*key)
            with self._path.open("a") as file:
                file.write(json.dumps({"key": name, "value": self._known[name]}) + "\n")
            sys.stderr.write(f"{name}\n")
        return self._known[name]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="recordings, and runs of each arm")
    parser.add_argument(
        "--envs", nargs="+", choices=tuple(TASKS), default=list(TASKS), help="the worlds"
    )
    parser.add_argument(
        "--steps", type=int, default=STEPS, help="steps of agents in a PPO run, 0 for no training"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for what comes out")
    options = parser.parse_args(arguments)
    least = 10 * ROWS * HORIZON
    if options.seeds < 1 or 0 != options.steps < least:
        parser.error(f"--seeds must be >= 1, and --steps 0 or >= {least}")
    options.out.mkdir(parents=True, exist_ok=True)
    notebook = Notebook(options.out / "runs.jsonl")
    fits: dict[str, list[Score]] = {env_id: [] for env_id in options.envs}
    curves: list[Curve] = []
    seeds = range(options.seeds)
    for seed, env_id, size in itertools.product(seeds, options.envs, SIZES):
        fits[env_id] += [Score(**s) for s in notebook.once(supervised, env_id, size, seed)]
    arms = RL_ARMS if options.steps else ()
    for env_id, seed, arm in itertools.product(options.envs, seeds, arms):
        curves.append(Curve(**notebook.once(train, env_id, arm, seed, options.steps)))
    if curves:
        (options.out / "lare_teams.png").write_bytes(draw(curves))
    text = report(fits, curves)
    (options.out / "tables.md").write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
