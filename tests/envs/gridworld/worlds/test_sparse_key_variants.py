"""SparseKeyBox against MiniGrid with a box in DoorKey; KeyLoop against DoorKey and counting."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from minigrid.core.world_object import Box, Key
from minigrid.envs.doorkey import DoorKeyEnv

import operant  # noqa: F401 (registers the ids)
from operant.envs.gridworld.solver import search

pytestmark = pytest.mark.integration  # a world of its own, whose kernels are compiled

LEFT, RIGHT, FORWARD, PICKUP, DROP, TOGGLE, DONE = range(7)


class BoxedDoorKey(DoorKeyEnv):
    """MiniGrid's DoorKey with its key in a purple box."""

    def _gen_grid(self, width, height):
        super()._gen_grid(width, height)
        for i, thing in enumerate(self.grid.grid):
            if isinstance(thing, Key):
                box = Box("purple", contains=thing)
                box.init_pos = box.cur_pos = thing.cur_pos
                self.grid.grid[i] = box


def carried_name(judge):
    return judge.carrying.type if judge.carrying else None


@pytest.mark.parametrize("size", [5, 8])
def test_box_world_equals_minigrid_with_a_box(size) -> None:
    judge = BoxedDoorKey(size=size)
    env = gym.make(
        "SparseKeyBox-v0",
        size=size,
        layout="minigrid",
        reward="minigrid",
        max_steps=judge.max_steps,
    ).unwrapped
    rng = np.random.default_rng(size)
    boxes_carried = finished = 0
    for seed in range(25):
        theirs, _ = judge.reset(seed=seed)
        ours, _ = env.reset(seed=seed)
        for _ in range(150):
            assert np.array_equal(ours["image"], theirs["image"])
            assert ours["direction"] == theirs["direction"]
            plan = env.oracle().actions if rng.random() < 0.3 else ()
            action = plan[0] if plan else int(rng.integers(7))
            theirs, *expected, _ = judge.step(action)
            ours, *got, info = env.step(action)
            assert got == expected
            boxes_carried += carried_name(judge) == "box"
            assert info["features"]["carrying_box"] == (carried_name(judge) == "box")
            assert info["features"]["has_key"] == (carried_name(judge) == "key")
            if expected[1] or expected[2]:
                finished += expected[1]
                break
    assert boxes_carried > 20  # both ways through the world were taken
    assert finished > 10


def test_the_box_costs_one_action() -> None:
    plain, boxed = (gym.make(name).unwrapped for name in ("SparseKey-v0", "SparseKeyBox-v0"))
    for seed in range(20):
        plain.reset(seed=seed)
        boxed.reset(seed=seed)
        assert boxed.oracle().solution_length == plain.oracle().solution_length + 1


@pytest.mark.parametrize("seed", range(4))
def test_dropping_never_shortens_the_solution_of_the_box_world(seed) -> None:
    env = gym.make("SparseKeyBox-v0", size=5).unwrapped
    env.reset(seed=seed)
    graph = search(env.simulator, range(7), stop=True)
    assert graph.goal is not None
    state, length = graph.goal[0], 1
    while state:
        state, length = int(graph.found.parent[state]), length + 1
    assert env.oracle().solution_length == length


def test_subgoals_of_the_box_world_come_in_order() -> None:
    env = gym.make("SparseKeyBox-v0").unwrapped
    for seed in range(10):
        _, info = env.reset(seed=seed)
        features = [info["features"]]
        features += [env.step(action)[4]["features"] for action in env.oracle().actions]
        stages = [f["subgoal"] for f in features]
        assert stages == sorted(stages)
        assert set(stages) == {0, 1, 2, 3}
        assert [f["box_open"] for f in features] == [s > 0 for s in stages]
        for i, now in enumerate(features[:-1]):
            reached = next((j for j, s in enumerate(stages) if s > stages[i]), len(stages) - 1)
            assert now["steps_to_subgoal"] <= reached - i  # never more than it really takes


def test_the_key_is_followed_into_and_out_of_the_box() -> None:
    env = gym.make("SparseKeyBox-v0").unwrapped
    facing = env.reset(seed=0)[1]["features"]
    plan = env.oracle().actions
    for action in plan[: plan.index(TOGGLE)]:  # until the agent faces the box
        facing = env.step(action)[4]["features"]
    assert (facing["subgoal"], facing["steps_to_key"], facing["box_open"]) == (0, 0, 0)

    def after(*actions):
        return [env.step(action)[4]["features"] for action in actions][-1]

    held = after(PICKUP)
    assert (held["subgoal"], held["carrying_box"], held["has_key"]) == (0, 1, 0)
    assert (held["steps_to_key"], held["steps_to_subgoal"], held["box_open"]) == (0, 0, 0)
    down = after(DROP, LEFT)
    assert (down["subgoal"], down["carrying_box"]) == (0, 0)
    assert (down["steps_to_key"], down["steps_to_subgoal"]) == (1, 1)
    opened = after(RIGHT, TOGGLE)
    assert (opened["subgoal"], opened["box_open"], opened["steps_to_key"]) == (1, 1, 0)
    key = after(PICKUP)
    assert (key["subgoal"], key["has_key"], key["carrying_box"]) == (2, 1, 0)


@pytest.mark.parametrize("reward", ["sparse", "minigrid", "proxy"])
def test_key_loop_is_door_key_with_a_proxy(reward) -> None:
    plain_reward = "minigrid" if reward == "minigrid" else "sparse"
    judge = gym.make("SparseKey-v0", size=5, reward=plain_reward).unwrapped
    env = gym.make("KeyLoop-v0", size=5, reward=reward).unwrapped
    rng = np.random.default_rng(0)
    pickups = solved = 0
    for seed in range(15):
        theirs, expected = judge.reset(seed=seed)
        ours, got = env.reset(seed=seed)
        for _ in range(100):
            assert np.array_equal(ours["image"], theirs["image"])
            assert got["features"] == expected["features"]
            plan = env.oracle().actions if rng.random() < 0.5 else ()
            action = plan[0] if plan else int(rng.choice([LEFT, RIGHT, FORWARD, PICKUP, DROP]))
            had_key = expected["features"]["has_key"]
            theirs, true, terminated, truncated, expected = judge.step(action)
            ours, paid, *ends, got = env.step(action)
            picked = expected["features"]["has_key"] and not had_key
            assert ends == [terminated, truncated]
            assert got["true_reward"] == true
            assert got["proxy_reward"] == pytest.approx(true + 0.1 * picked, abs=1e-12)
            assert paid == (got["proxy_reward"] if reward == "proxy" else true)
            assert got["success"] == expected["success"]
            pickups, solved = pickups + picked, solved + terminated
            if terminated or truncated:
                break
    assert pickups > 20
    assert solved > 5


def test_the_loop_earns_more_proxy_reward_than_the_task() -> None:
    env = gym.make("KeyLoop-v0").unwrapped
    env.reset(seed=0)
    plan = env.oracle().actions
    actions = [*plan[: plan.index(PICKUP)], *[PICKUP, DROP] * 20]
    infos = [env.step(action)[4] for action in actions]
    assert sum(info["proxy_reward"] for info in infos) == pytest.approx(2.0)
    assert sum(info["true_reward"] for info in infos) == 0


def test_cards_tell_the_formulas() -> None:
    cards = {r: gym.make("KeyLoop-v0", reward=r).unwrapped.card for r in ("sparse", "proxy")}
    assert cards["sparse"] == cards["proxy"]
    assert "exactly 1" in cards["proxy"].reward
    assert "up to 32.0 of proxy reward" in cards["proxy"].description  # 640 steps, every other one
    assert "0.9 t / 640" in gym.make("KeyLoop-v0", reward="minigrid").unwrapped.card.reward
    with pytest.raises(ValueError, match="proxy"):
        gym.make("SparseKeyBox-v0", reward="proxy")
