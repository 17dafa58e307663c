"""Goal worlds of MuJoCo: they move as Gymnasium's envs do, and judge what they say they judge."""

from __future__ import annotations

import importlib
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

pytest.importorskip("mujoco")

from operant.envs.mujoco.goals.goal_ant import GoalAnt
from operant.envs.mujoco.goals.goal_pusher import GOALS, MIDDLE, GoalPusher
from operant.envs.mujoco.goals.goal_reacher import REACH, GoalReacher
from operant.envs.mujoco.goals.rows import ROWS
from operant.reward_design.llm import compile_reward
from operant.testing import check_env, check_vector_env

IDS = [row.id for row in ROWS]
ONE = np.array([0])
FREE = {"GoalAnt": GoalAnt, "GoalReacher": GoalReacher, "GoalPusher": GoalPusher}


def made(env_id: str, **options: Any) -> Any:
    row = next(row for row in ROWS if row.id == env_id)
    make = importlib.import_module(row.entry_point.split(":")[0]).make
    return make(**{**row.kwargs, **options})


@pytest.mark.integration  # starts interpreters
@pytest.mark.parametrize(
    "env_id",
    [
        "GoalReacher-v0",
        "GoalPusher-v0",
        *(pytest.param(ant, marks=pytest.mark.slow) for ant in ("GoalAnt-v0", "AntMaze-UMaze-v0")),
    ],
)
def test_every_id_keeps_every_rule(env_id: str) -> None:
    check_env(env_id, steps=400)
    check_vector_env(env_id, num_envs=4, steps=120)


@pytest.mark.integration  # imports torch
@pytest.mark.parametrize("env_id", IDS)
def test_stable_baselines_takes_it_for_a_goal_env(env_id: str) -> None:
    from stable_baselines3.common.env_checker import check_env as sb3_check_env

    sb3_check_env(made(env_id, continuing=True), warn=False)
    sb3_check_env(made(env_id, reward="cost"), warn=False)


@pytest.mark.parametrize(
    ("name", "original", "columns"),
    [
        ("GoalAnt", "Ant-v5", (slice(None), slice(None))),
        ("GoalReacher", "Reacher-v5", (slice(0, 6), [0, 1, 2, 3, 6, 7])),
        ("GoalPusher", "Pusher-v5", (slice(None), slice(0, 20))),
    ],
)
def test_it_starts_and_moves_as_gymnasiums_env_does(
    name: str, original: str, columns: tuple[Any, Any]
) -> None:
    ours: Any = importlib.import_module(FREE[name].__module__).make()
    judge: Any = gym.make(original).unwrapped
    for seed in (0, 7):
        obs, _ = ours.reset(seed=seed)
        expected, _ = judge.reset(seed=seed)
        stream = np.random.default_rng(seed)
        for _ in range(30):
            np.testing.assert_array_equal(obs["observation"][columns[0]], expected[columns[1]])
            place = judge.data.qpos[:2]
            if name == "GoalPusher":
                place = MIDDLE + judge.data.qpos[[8, 7]]
            if name == "GoalReacher":
                np.testing.assert_array_equal(obs["desired_goal"], judge.data.qpos[2:])
                place = np.array([np.cos(judge.data.qpos[:2].cumsum()) @ [0.1, 0.11], 0.0])
                place[1] = np.sin(judge.data.qpos[:2].cumsum()) @ [0.1, 0.11]
            np.testing.assert_allclose(obs["achieved_goal"], place, rtol=0, atol=1e-15)
            action = stream.uniform(-1, 1, ours.action_space.shape).astype(np.float32)
            obs, _, over, *_ = ours.step(action)
            expected, *_ = judge.step(action)
            if over:
                break


def test_the_fingertip_is_where_mujoco_says() -> None:
    world = GoalReacher()
    world.reset(ONE)
    for _ in range(10):
        world.step(ONE, np.array([[0.7, -0.4]], np.float32))
        tip = world.simulation.data(0).body("fingertip").xpos[:2]  # after mj_forward: exact
        obs: Any = world.out.obs
        np.testing.assert_allclose(obs["achieved_goal"][0], tip, atol=1e-12)


def judged(world: Any, at: np.ndarray, apart: float) -> tuple[bool, bool, float]:
    """Put the goal so far from a place, do nothing for a step, and return the verdict."""
    goals = world.goals if hasattr(world, "goals") else world.memory["goal"]
    goals[0] = at + apart * np.array([0.6, 0.8])
    world.step(ONE, np.zeros((1, *world.action_space.shape), np.float32))
    assert world.out.features["goal_distance"][0] == pytest.approx(apart, abs=1e-9)
    out = world.out
    return bool(out.success[0]), bool(out.terminated[0]), float(out.true_reward[0])


@pytest.mark.parametrize("name", FREE)
def test_success_is_being_near_and_almost_near_is_none(name: str) -> None:
    """The world is played once to learn where a step leads, and again with a goal beside that."""
    world = FREE[name]()
    world.reset(ONE)
    if name == "GoalReacher":
        world.simulation.qvel[0] = 0.0
    before = world.get_state()
    world.step(ONE, np.zeros((1, *world.action_space.shape), np.float32))
    obs: Any = world.out.obs
    at = obs["achieved_goal"][0].copy()
    for share, verdict in ((0.99, (True, True, 1.0)), (1.01, (False, False, 0.0))):
        world.set_state(before)
        assert judged(world, at, share * world.tolerance) == verdict
    world = FREE[name](continuing=True)
    world.set_state(before)
    assert judged(world, at, 0.99 * world.tolerance) == (True, False, 1.0)


@pytest.mark.parametrize("options", [{}, {"continuing": True}, {"reward": "cost"}])
@pytest.mark.parametrize("env_id", [i for i in IDS if "Large" not in i and "Medium" not in i])
def test_what_is_paid_can_be_computed_again(env_id: str, options: dict[str, Any]) -> None:
    """Also in batches, and for goals of other times, as hindsight replay does."""
    env = made(env_id, **options)
    near = 0.05 if "Reacher" in env_id else 0.3
    env.world.tolerance = near  # else hardly a goal is reached by chance
    paid, seen = [], []
    env.action_space.seed(1)
    env.reset(seed=0)
    for step in range(30):
        obs, reward, over, late, info = env.step(env.action_space.sample())
        again = env.compute_reward(obs["achieved_goal"], obs["desired_goal"], info)
        assert type(again) is float
        assert again == reward
        assert env.compute_terminated(obs["achieved_goal"], obs["desired_goal"], info) == over
        assert not env.compute_truncated(obs["achieved_goal"], obs["desired_goal"], info)
        paid.append(reward)
        seen.append(obs)
        if over or late:
            env.reset(seed=step)
    achieved, desired = (np.stack([o[f"{k}_goal"] for o in seen]) for k in ("achieved", "desired"))
    np.testing.assert_array_equal(env.compute_reward(achieved, desired, [{}] * 30), paid)
    hindsight = env.compute_reward(achieved, achieved, np.array([{}] * 30))
    assert (hindsight == (0.0 if options.get("reward") else 1.0)).all()
    assert env.compute_terminated(achieved, achieved).all() != bool(options.get("continuing"))


def test_goals_are_drawn_where_the_cards_say() -> None:
    ant, reacher, pusher = GoalAnt(num=100), GoalReacher(num=200), GoalPusher(num=200)
    for world in (ant, reacher, pusher):
        world.seed(range(world.num))
        world.reset(np.arange(world.num))
    far = np.hypot(*(ant.memory["goal"] - ant.simulation.qpos[:, :2]).T)
    assert 2 <= far.min() < 2.3
    assert 4.7 < far.max() <= 5
    angle = np.arctan2(*(ant.memory["goal"] - ant.simulation.qpos[:, :2]).T)
    assert np.histogram(angle, 4, (-np.pi, np.pi))[0].min() > 10
    assert 0.9 * REACH < np.hypot(*reacher.goals.T).max() < REACH
    low, high = MIDDLE + GOALS
    assert ((low <= pusher.goals) & (pusher.goals <= high)).all()
    assert np.ptp(pusher.goals, axis=0).min() > 0.12
    obs: Any = pusher.out.obs
    apart = np.hypot(*(obs["achieved_goal"] - pusher.goals).T)
    assert 0.17 < apart.min() < 0.2


def test_the_bearing_is_where_the_ant_must_turn() -> None:
    world = GoalAnt()
    world.reset(ONE)
    quarter = np.sqrt(0.5)
    world.simulation.qpos[0, :7] = (1.0, 2.0, 0.75, quarter, 0, 0, quarter)  # faces +y
    for goal, bearing in (((1, 5), 0.0), ((-2, 2), np.pi / 2), ((4, 2), -np.pi / 2)):
        world.memory["goal"][0] = goal
        world._features(ONE)
        assert world.out.features["goal_bearing"][0] == pytest.approx(bearing)
        assert world.out.features["goal_distance"][0] == pytest.approx(3.0)


def test_a_fall_ends_the_episode_only_if_asked() -> None:
    for ends in (False, True):
        world = GoalAnt(ends_unhealthy=ends)
        world.reset(ONE)
        world.simulation.qpos[0, 2] = 1.5
        world.step(ONE, np.zeros((1, 8), np.float32))
        assert not world.out.features["healthy"][0]
        assert world.out.terminated[0] == ends
        assert not world.out.success[0]


@pytest.mark.parametrize("env_id", IDS)
def test_persons_rewards_compile_and_pay_for_coming_nearer(env_id: str) -> None:
    card = made(env_id).card
    program = compile_reward(card.expert, obs_size=0, features=card.features)
    now = {name.removeprefix("prev_"): 1.0 for name in program.reads}
    told = now | {f"prev_{name}": value for name, value in now.items()}
    way = "path_distance" if "Maze" in env_id else "goal_distance"
    assert way in now
    nearer = {**told, way: 0.9}
    assert program(None, None, None, nearer) > program(None, None, None, told)


def test_reachers_person_is_gymnasiums_reward() -> None:
    env, judge = made("GoalReacher-v0"), gym.make("Reacher-v5")
    card = env.card
    program = compile_reward(card.expert, obs_size=0, features=card.features)
    env.reset(seed=2)
    judge.reset(seed=2)
    for _ in range(10):
        action = np.array([0.01, -0.02], np.float32)
        info = env.step(action)[-1]
        expected = float(judge.step(action)[1])
        # v5 measures where the fingertip was a substep earlier
        assert program(None, None, None, info["features"]) == pytest.approx(expected, abs=2e-3)


def test_bad_arguments_are_named() -> None:
    for make, options, words in (
        (GoalAnt, {"tolerance": -1.0}, "tolerance must be"),
        (GoalReacher, {"threads": 0}, "threads"),
        (GoalPusher, {"max_steps": 0}, "max_steps"),
    ):
        with pytest.raises(ValueError, match=words):
            make(**options)
