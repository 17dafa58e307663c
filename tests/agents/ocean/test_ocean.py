"""Every agent solves every tiny env that fits it; a new agent row needs no edit here.

By default each agent solves one; the cross product is slow.
"""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, NamedTuple

import numpy as np
import pytest

from operant.agents import agent_row, list_agents, make_agent, registry
from operant.agents.base import Player

KINDS = {"discrete", "multi-discrete", "box"}


class Task(NamedTuple):
    """An env, what an agent must be able to do for it, the budget, and what is good enough."""

    action: str
    steps: int
    near: float
    """Share of the optimum to be reached."""
    needs: str = ""
    """What an agent must be able to use: ``"masks"`` or a ``"memory"``."""
    excludes: tuple[str, ...] = ()
    """Tags that a row must not have."""


TASKS = {
    "bandit": Task("discrete", 4_000, 0.95),
    "identity": Task("discrete", 8_000, 0.95),
    "multiidentity": Task("multi-discrete", 8_000, 0.95),
    "target": Task("box", 16_000, 0.85),
    "delayed": Task("discrete", 16_000, 0.95),
    "squares": Task("discrete", 32_000, 0.9),
    "masks": Task("discrete", 8_000, 0.93, needs="masks"),
    "memory": Task("discrete", 12_000, 0.95, needs="memory"),
    "mixed": Task("discrete", 64_000, 0.94, excludes=("greedy", "recurrent")),
}
QUICK = ("identity", "target", "multiidentity")
"""An agent solves the first of these that fits it by default, and what its tags say it is for."""
QUICKLY = {
    "learning_rate": 5e-3,
    "gamma": 0.99,
    "net_arch": (32,),
    "n_steps": 8,
    "batch_size": 64,
    "n_epochs": 4,
    "gae_lambda": 0.95,
    "train_freq": 4,
    "gradient_steps": 4,
    "learning_starts": 500,
    "buffer_size": 20_000,
    "target_update_interval": 500,
    "exploration_fraction": 0.5,
    "exploration_final_eps": 0.1,
    "n_quantiles": 20,
    "lstm_hidden_size": 32,
    "recurrent_units": 32,
    "alpha": 0.3,
}
"""Hyper-parameters for small tasks, for agents that have such a field."""
LEARNERS = list_agents("learner")


def fields(name: str) -> set[str]:
    return {field.name for field in dataclasses.fields(registry().load(name).config_class)}


def fits(name: str, task: Task) -> bool:
    tags = set(agent_row(name).tags)
    able = {
        "": True,
        "masks": "action_mask" in inspect.signature(registry().load(name).act).parameters,
        "memory": "recurrent" in tags | fields(name),
    }
    kinds = KINDS & tags or KINDS
    return task.action in kinds and able[task.needs] and not tags & set(task.excludes)


def cases() -> list[Any]:
    """Return agents and tasks; all but one or two tasks per agent are slow."""
    found = []
    for name in LEARNERS:
        fitting = [task for task in TASKS if fits(name, TASKS[task])]
        special = {"masks": "masks", "recurrent": "memory"}
        quick = {task for tag, task in special.items() if tag in agent_row(name).tags}
        quick = quick or {next(task for task in QUICK if task in fitting)}
        # Other people's agents are not tried by default, but how they are adapted is.
        first = pytest.mark.integration if name.startswith("sb3-") else ()
        marks = {task: first if task in quick else pytest.mark.slow for task in fitting}
        found += [pytest.param(name, task, marks=marks[task]) for task in fitting]
    return found


def score(agent: Any, env: Any, *, deterministic: bool) -> float:
    """Return the mean return of as many first episodes as there are rows."""
    obs, infos = env.reset(seed=1234)
    player = Player(agent, env.num_envs)
    returns, running = np.zeros(env.num_envs), np.ones(env.num_envs, np.bool_)
    while running.any():
        mask = infos.get("action_mask")
        actions = player.act(obs, deterministic=deterministic, action_mask=mask)
        obs, rewards, terminated, truncated, infos = env.step(actions)
        returns += rewards * running
        player.forget(terminated | truncated)
        running &= ~(terminated | truncated)
    return float(returns.mean())


def trained(name: str, env: Any, steps: int, **hyper: Any) -> Any:
    known = {field: value for field, value in QUICKLY.items() if field in fields(name)}
    agent = make_agent(name, env, seed=0, **{**known, **hyper})
    agent.learn(steps)
    return agent


@pytest.mark.integration
@pytest.mark.parametrize(("name", "task"), cases())
def test_agent_solves(name: str, task: str, ocean: Any) -> None:
    needed = TASKS[task]
    memory = task == "memory" and "recurrent" in fields(name)
    hyper = {"recurrent": "lstm"} if memory else {}
    agent = trained(name, ocean[task](16), needed.steps, **hyper)
    reached = score(agent, ocean[task](500), deterministic=task != "mixed")
    assert reached >= needed.near * ocean[task].optimum, (name, task, reached)


def test_every_agent_has_a_task_in_ci() -> None:
    solved = {p.values[0] for p in cases() if "slow" not in {mark.name for mark in p.marks}}
    assert solved == set(LEARNERS)


# ---- the envs themselves ----------------------------------------------------------------------


@pytest.mark.integration
def test_memory_needs_one(ocean) -> None:
    """A policy without a memory gets half of it, whatever it learns."""
    agent = trained("sb3-ppo", ocean["memory"](16), 4_000)
    assert abs(score(agent, ocean["memory"](2000), deterministic=True) - 0.5) < 0.05


class Fixed:
    """Plays action 0 with a given probability."""

    def __init__(self, share: float) -> None:
        self.share, self.rng = share, np.random.default_rng(0)

    def act(self, obs: Any, *, deterministic: bool, action_mask: Any = None) -> Any:
        if action_mask is not None:
            return np.where(action_mask, np.arange(6), -1).max(1)
        return (self.rng.random(len(obs)) > self.share).astype(np.int64)


@pytest.mark.parametrize(
    ("share", "wanted"), [(0.0, -1.25), (0.5, 0.6875), (0.767, 0.954), (1, 0.75)]
)
def test_returns_of_mixed_are_as_computed(share, wanted, ocean) -> None:
    found = score(Fixed(share), ocean["mixed"](20_000), deterministic=False)
    exact = 1 - 4 * ((share - 0.75) ** 2 + share * (1 - share) / 16)
    assert found == pytest.approx(exact, abs=0.005)
    assert exact == pytest.approx(wanted, abs=0.001)


def test_optimum_of_masks_is_as_computed(ocean) -> None:
    env = ocean["masks"](50_000)
    assert score(Fixed(1), env, deterministic=True) == pytest.approx(env.optimum, abs=0.005)
