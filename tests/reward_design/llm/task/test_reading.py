"""The task and the view of a world, read off envs of ours and of others."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

import operant
from operant.envs import one_per_kind
from operant.reward_design.llm.task.documentation import (
    numbered_items,
    numbered_rows,
    without_rewards,
)
from operant.reward_design.llm.task.reading import NAMED, ViewError, check_view, task_of, view_of
from operant.types import Card

PAYS = re.compile(r"\b(reward|pays|earns|return)", re.I)


@pytest.mark.parametrize("env_id", one_per_kind())
def test_every_kind_of_world_of_ours_can_be_read(env_id: str) -> None:
    env = gym.make(env_id)
    task, view = task_of(env), view_of(env)
    assert task.goal
    assert task.max_steps
    assert not PAYS.search(task.goal + task.success + task.termination)
    choices = getattr(env.action_space, "n", 0)  # vectors have no names
    assert len(view.actions) == (choices if choices <= NAMED else 0)


@pytest.mark.parametrize("env_id", ["SparseKey-5x5-v0", "LineKey-v0", "Chain-n40-v0"])
def test_worlds_of_ours_show_what_they_declare(env_id: str) -> None:
    env = gym.make(env_id)
    view = view_of(env)
    _, info = env.reset(seed=0)
    check_view(view, env.observation_space, env.action_space, info["features"])
    assert {feature.name for feature in view.features} == set(info["features"])
    assert "true_reward" not in info["features"]


def test_the_task_of_a_world_of_ours() -> None:
    task = task_of(gym.make("SparseKey-8x8-v0"))
    assert task.env_id == "SparseKey-8x8-v0"
    assert task.goal.startswith("A grid of 8x8 cells")
    assert task.success == "the agent stands on the goal"
    assert task.max_steps == 640
    other = task_of(gym.make("SparseKey-8x8-v0"), goal="Reach the goal.")
    assert other.goal == "Reach the goal."
    assert other.identity != task.identity == dataclasses.replace(task).identity


def test_the_view_of_a_world_of_others() -> None:
    view = view_of(gym.make("CartPole-v1"))
    assert (view.obs_size, view.action_size, view.features) == (4, 0, ())
    assert view.elements[2].description == "Pole Angle"
    assert view.elements[2].high == pytest.approx(0.41887903)
    assert view.actions == ("Push cart to the left", "Push cart to the right")
    assert "reward" not in task_of(gym.make("CartPole-v1")).goal


@pytest.mark.mujoco
def test_a_robot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mujoco")
    monkeypatch.chdir(tmp_path)  # MuJoCo writes its log where it is
    env = gym.make("HalfCheetah-v5")
    view = view_of(env)
    assert (view.obs_size, view.action_size) == (17, 6)
    assert len(view.elements) == 17
    assert view.elements[8].description.startswith("velocity of the x-coordinate")
    assert view.action_elements[0].low == -1.0
    assert "run forward" in task_of(env).goal
    assert "reward" not in task_of(env).goal
    # With one number more the documented table describes another env: it must not be believed.
    longer = view_of(gym.make(env.spec.id, exclude_current_positions_from_observation=False))  # type: ignore[union-attr]
    assert longer.obs_size == 18
    assert {element.description for element in longer.elements} == {""}


def test_wrappers_change_what_is_seen() -> None:
    env = gym.wrappers.FlattenObservation(gym.make("SparseKey-5x5-v0"))
    view = view_of(env)
    assert view.obs_size == env.observation_space.shape[0]  # type: ignore[index]
    assert view.observation.startswith("Box")
    assert view.features
    pole = gym.wrappers.FrameStackObservation(gym.make("CartPole-v1"), 2)
    assert view_of(pole).obs_size == 0  # (2, 4) is no vector


def test_a_view_that_differs_from_its_world_is_refused() -> None:
    env = gym.make("LineKey-v0")
    view = view_of(env)
    _, info = env.reset(seed=0)

    def check(env: gym.Env[Any, Any] = env, **changes: Any) -> None:
        changed = dataclasses.replace(view, **changes)
        check_view(changed, env.observation_space, env.action_space, info["features"])

    check()
    for changes, message in (
        ({"obs_size": 3}, "has 3 numbers in an observation, the env 2"),
        ({"action_size": 1}, "has 1 numbers in an action, the env 0"),
        ({"actions": ("left", "right")}, "has 2 names of actions, the env 3"),
        ({"elements": view.elements[:1]}, "has 1 described numbers of an observation, the env 2"),
        (
            {"features": (*view.features, dataclasses.replace(view.features[0], name="mass"))},
            r"declares the features \['mass'\]",
        ),
    ):
        with pytest.raises(ViewError, match=message):
            check(**changes)


class _Declared(gym.Env[Any, Any]):
    """An env with the card of another one."""

    observation_space = spaces.Box(-1.0, 1.0, (17,), np.float64)
    action_space = spaces.Discrete(3)

    def __init__(self, **changes: str) -> None:
        self.card: Card = dataclasses.replace(operant.card("LineKey-v0"), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"observation": "Box (18,) float64: joints."}, r"shape \(18,\), the env shows Box"),
        ({"observation": "Box.", "action": "Discrete(4): a, b, c, d."}, r"says Discrete\(4\)"),
        ({"observation": "Box.", "action": "Discrete(3): a, b."}, "lists 2 actions"),
    ],
)
def test_a_card_that_declares_other_shapes_is_refused(
    changes: dict[str, str], message: str
) -> None:
    with pytest.raises(ViewError, match=message):
        view_of(_Declared(**changes))


def test_what_cannot_be_read_is_refused() -> None:
    class Bare(gym.Env[Any, Any]):
        observation_space = spaces.Box(-1.0, 1.0, (2,), np.float64)
        action_space: gym.Space[Any] = spaces.Dict({"arm": spaces.Discrete(2)})

    Bare.__doc__ = ""
    with pytest.raises(ValueError, match="a number or a vector"):
        view_of(Bare())
    with pytest.raises(ValueError, match="give goal="):
        task_of(Bare())
    assert task_of(Bare(), goal="Grasp.").max_steps is None


def test_prose_without_rewards() -> None:
    text = "Go right, where a reward of 0.5 waits. It pays 1. The end: two rooms, a door."
    assert without_rewards(text) == "Go right. The end: two rooms, a door."
    assert without_rewards("Rewards are 1.") == ""
    assert without_rewards("The agent returns home.") == "The agent returns home."


def test_tables_and_lists_of_another_length_are_not_believed() -> None:
    table = "| Num | What | Min |\n|---|---|---|\n| 0 | x | -1 |\n| 1 | y | -1 |"
    assert numbered_rows(table, 2) == ("x", "y")
    assert numbered_rows(table, 3) == ()
    assert numbered_rows(table.replace("| 1 |", "| 2 |"), 2) == ()
    items = "- 0: left\n- 1: right"
    assert numbered_items(items, 2) == ("left", "right")
    assert numbered_items(items, 3) == ()
