"""SB3VecEnv against SB3's own DummyVecEnv and wrappers."""

from __future__ import annotations

import copy
import warnings
from functools import partial

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    VecCheckNan,
    VecFrameStack,
    VecMonitor,
    VecNormalize,
)

import operant  # noqa: F401  (registers the ids)
from operant.agents.sb3.vec_env import RUNNING, SB3VecEnv, row_info
from operant.wrapping import true_rewards


def same(a, b) -> bool:
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return np.shape(a) == np.shape(b) and np.array_equal(a, b)


def native(num_envs, **kwargs):
    return gym.make_vec(
        "SparseKey-5x5-v0",
        num_envs=num_envs,
        vectorization_mode="vector_entry_point",
        autoreset_mode=AutoresetMode.SAME_STEP,
        **kwargs,
    )


@pytest.mark.parametrize("case", ["cartpole", "sparse-key", "sparse-key-native"])
def test_equals_dummy_vec_env_step_by_step(case, make_sync) -> None:
    """CartPole with a time limit of 12 ends both ways; SparseKey has dict observations."""
    num_envs = 5
    if case == "cartpole":
        make = partial(gym.make, "CartPole-v1", max_episode_steps=12)
        ours = SB3VecEnv(make_sync("CartPole-v1", num_envs, max_episode_steps=12))
    else:
        make = partial(gym.make, "SparseKey-5x5-v0", max_steps=15)
        batched = native if case == "sparse-key-native" else partial(make_sync, "SparseKey-5x5-v0")
        ours = SB3VecEnv(batched(num_envs=num_envs, max_steps=15))
    theirs = DummyVecEnv([lambda: Monitor(make())] * num_envs)
    for env in (ours, theirs):
        env.seed(11)
    assert same(ours.reset(), theirs.reset())
    rng = np.random.default_rng(0)
    ended = {True: 0, False: 0}
    for _ in range(120):
        actions = rng.integers(0, ours.action_space.n, size=num_envs)
        obs, rewards, dones, infos = ours.step(actions)
        expected = theirs.step(actions)
        assert same(obs, expected[0])
        assert rewards.dtype == expected[1].dtype == np.float32
        assert same(rewards, expected[1])
        assert same(dones, expected[2])
        for row in np.flatnonzero(dones):
            mine, other = infos[row], expected[3][row]
            assert same(mine["terminal_observation"], other["terminal_observation"])
            assert mine["TimeLimit.truncated"] is other["TimeLimit.truncated"]
            assert mine["episode"]["r"] == pytest.approx(other["episode"]["r"], abs=1e-6)
            assert mine["episode"]["l"] == other["episode"]["l"]
            ended[mine["TimeLimit.truncated"]] += 1
        for row in np.flatnonzero(~dones):
            assert infos[row] is RUNNING
    assert ended[True] > 5
    assert case != "cartpole" or ended[False] > 5


def test_done_rows_report_returns_and_success(corridor) -> None:
    env = SB3VecEnv(corridor(3, limit=4))
    env.seed(0)
    env.reset()
    env.env.at[:] = [5, 0, 4]  # the first leaves at once, the third at the second step
    _, _, dones, infos = env.step(np.array([2, 1, 2]))
    assert dones.tolist() == [True, False, False]
    assert infos[0]["episode"]["r"] == 1.0
    assert infos[0]["episode"]["l"] == 1
    assert infos[0]["true_return"] == 2.0
    assert infos[0]["is_success"] is True
    assert infos[0]["TimeLimit.truncated"] is False
    _, _, dones, infos = env.step(np.array([0, 1, 2]))
    assert dones.tolist() == [False, False, True]
    for _ in range(2):
        _, _, dones, infos = env.step(np.array([0, 1, 0]))
    assert dones[1]
    assert infos[1]["is_success"] is False
    assert infos[1]["TimeLimit.truncated"] is True
    assert infos[1]["episode"]["l"] == 4
    assert infos[1]["true_return"] == 0.0


def test_terminated_on_the_last_allowed_step_is_not_truncated(corridor) -> None:
    env = SB3VecEnv(corridor(1, limit=1))
    env.reset()
    env.env.at[:] = 5
    _, _, dones, infos = env.step(np.array([2]))
    _, _, terminated, truncated, _ = env.last_step
    assert dones[0] and terminated[0] and truncated[0]  # noqa: PT018
    assert infos[0]["TimeLimit.truncated"] is False


def test_shared_info_refuses_every_write(corridor) -> None:
    env = SB3VecEnv(corridor(2))
    env.reset()
    infos = env.step(np.array([1, 1]))[3]
    writes = [
        lambda info: info.__setitem__("x", 1),
        lambda info: info.update(x=1),
        lambda info: info.setdefault("x", 1),
        lambda info: info.__ior__({"x": 1}),
        lambda info: info.pop("x", None),
        lambda info: info.clear(),
    ]
    for write in writes:
        with pytest.raises(TypeError, match=r"replace the entry instead"):
            write(infos[0])
    copied = infos[0].copy()
    copied["x"] = 1
    infos[1] = copied  # the list itself is fresh every step
    assert not RUNNING
    assert copy.deepcopy(infos[0]) == {}
    assert env.step(np.array([1, 1]))[3] == [{}, {}]


def test_terminal_observation_is_a_copy(corridor) -> None:
    env = SB3VecEnv(corridor(1, limit=1))
    env.reset()
    _, _, _, infos = env.step(np.array([1]))
    infos[0]["terminal_observation"]["cell"][:] = 77
    assert env.last_step[4]["final_obs"][0]["cell"] != 77


def test_rewards_may_be_changed_without_changing_the_last_step(corridor) -> None:
    env = SB3VecEnv(corridor(2))
    env.reset()
    rewards = env.step(np.array([1, 1]))[1]
    rewards += 5  # as SB3 does when it bootstraps at time limits
    assert env.last_step[1].tolist() == [0.0, 0.0]


def test_true_return_survives_envs_that_report_only_in_final_info() -> None:
    rewards, dones = np.array([1.0, 2.0]), np.array([True, False])
    assert true_rewards(rewards, dones, {}).tolist() == [1.0, 2.0]
    running = np.array([0.0, 20.0])  # row 0 is filled with 0: its info is the reset's
    final = {"true_reward": np.array([10.0, 0.0])}
    infos = {"true_reward": running, "final_info": final}
    assert true_rewards(rewards, dones, infos).tolist() == [10.0, 20.0]
    all_done = np.array([True, True])
    assert true_rewards(rewards, all_done, {"final_info": final}).tolist() == [10.0, 0.0]
    assert running.tolist() == [0.0, 20.0]


def test_seeds_options_and_reset_infos(corridor) -> None:
    env = SB3VecEnv(corridor(3))
    env.seed(5)
    env.set_options({"level": 2})
    first = env.reset()
    assert env.env.reset_options == {"level": 2}
    assert [info["features"]["at"] for info in env.reset_infos] == first["cell"].ravel().tolist()
    assert env.initial_infos["features"]["at"].shape == (3,)
    env.reset()
    assert env.env.reset_options is None  # seeds and options are used once
    env.seed(5)
    assert same(env.reset(), first)
    env.set_options([{"level": 1}, {}, {}])
    with pytest.raises(ValueError, match="options must be equal for all rows"):
        env.reset()


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [
        ([None, None, None], None),
        ([None, 0, None], [None, 0, None]),  # 0 is a seed like any other
        ([None, 4, None], [None, 4, None]),
        ([0, 1, 2], 0),
        ([0, 0, 0], [0, 0, 0]),
        ([5, 6, 8], [5, 6, 8]),
    ],
)
def test_seeds_reach_the_env_as_they_were_set(seeds, expected, corridor, monkeypatch) -> None:
    env = SB3VecEnv(corridor(3))
    told = {}
    real = env.env.reset

    def reset(*, seed, options):
        told["seed"] = seed
        return real(seed=0, options=options)

    monkeypatch.setattr(env.env, "reset", reset)
    env._seeds = list(seeds)
    env.reset()
    assert told["seed"] == expected


def test_row_info_leaves_out_masks_and_absent_values() -> None:
    infos = {
        "a": np.array([1, 2]),
        "_a": np.array([True, False]),
        "nested": {"b": np.array([3, 4]), "_b": np.array([True, True])},
    }
    assert row_info(infos, 0) == {"a": 1, "nested": {"b": 3}}
    assert row_info(infos, 1) == {"nested": {"b": 4}}


def test_attributes_of_a_batched_env(corridor, stateless) -> None:
    env = SB3VecEnv(stateless(corridor(3)))
    assert env.get_attr("limit") == [20, 20, 20]
    assert env.get_attr("limit", 1) == [20]
    env.set_attr("limit", 7)
    assert env.env_method("get_state", indices=[0, 2])[0]["at"].shape == (3,)
    assert env.env.unwrapped.limit == 7
    assert env.has_attr("limit")
    assert not env.has_attr("nothing")
    with pytest.raises(ValueError, match=r"all 3 rows of a batched env, got \[1\]"):
        env.set_attr("limit", 3, indices=1)
    assert env.env_is_wrapped(stateless) == [True] * 3
    assert env.env_is_wrapped(Monitor, [0]) == [False]


def test_attributes_of_a_loop_over_envs(make_sync) -> None:
    env = SB3VecEnv(make_sync("CartPole-v1", 2, render_mode="rgb_array"))
    env.seed(0)
    env.reset()
    lengths = env.get_attr("length")
    assert lengths == [0.5, 0.5]
    env.set_attr("length", 0.7, indices=[1])
    assert env.get_attr("length") == [0.5, 0.7]
    assert env.env_is_wrapped(gym.wrappers.TimeLimit) == [True, True]
    assert env.env_method("get_wrapper_attr", "length", indices=1) == [0.7]
    env.close()


def test_images_come_from_the_env() -> None:
    env = SB3VecEnv(native(3, render_mode="rgb_array"))
    env.reset()
    images = env.get_images()
    assert len(images) == 3
    assert images[0].dtype == np.uint8
    assert env.render().ndim == 3  # SB3 tiles them


def test_sb3_wrappers_work(make_sync) -> None:
    for wrap in (
        VecMonitor,
        VecCheckNan,
        partial(VecNormalize, norm_obs=False, norm_reward=True),
        partial(VecFrameStack, n_stack=3),
    ):
        env = wrap(SB3VecEnv(make_sync("CartPole-v1", 3, max_episode_steps=9)))
        other = wrap(DummyVecEnv([partial(gym.make, "CartPole-v1", max_episode_steps=9)] * 3))
        for venv in (env, other):
            venv.seed(0)
        assert same(env.reset(), other.reset())
        rng = np.random.default_rng(1)
        ended = 0
        for _ in range(40):
            actions = rng.integers(0, 2, 3)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # DummyVecEnv under VecMonitor
                got, want = env.step(actions), other.step(actions)
            for mine, theirs in zip(got[:3], want[:3], strict=True):
                assert same(mine, theirs)
            for row in np.flatnonzero(got[2]):
                ended += 1
                last = got[3][row]["terminal_observation"]
                assert same(last, want[3][row]["terminal_observation"])
                if wrap is VecMonitor:
                    for key in "rl":
                        assert got[3][row]["episode"][key] == want[3][row]["episode"][key]
        assert ended > 3
        assert not RUNNING


def test_dict_frame_stack_works(corridor) -> None:
    env = VecFrameStack(SB3VecEnv(corridor(2, limit=4)), n_stack=2)
    env.reset()
    for _ in range(4):
        obs, _, dones, infos = env.step(np.array([0, 0]))
    assert dones.all()
    assert obs["cell"].shape == (2, 2)
    assert infos[0]["terminal_observation"]["clock"].tolist() == [0.75, 1.0]


def test_state_continues_the_same_future(corridor, stateless) -> None:
    env = SB3VecEnv(corridor(6, limit=9))
    rng = np.random.default_rng(0)
    env.seed(2)
    env.reset()
    for _ in range(13):
        env.step(rng.integers(0, 3, 6))
    saved = env.get_state()
    actions = rng.integers(0, 3, (30, 6))
    first = [env.step(action) for action in actions]
    other = SB3VecEnv(corridor(6, limit=9))
    other.set_state(saved)
    for action, expected in zip(actions, first, strict=True):
        got = other.step(action)
        assert same(got[0], expected[0])
        assert same(got[1], expected[1])
        for mine, theirs in zip(got[3], expected[3], strict=True):
            if theirs:
                assert mine["episode"]["r"] == theirs["episode"]["r"]
                assert mine["episode"]["l"] == theirs["episode"]["l"]
                assert mine["true_return"] == theirs["true_return"]
    assert env.has_state
    assert not SB3VecEnv(stateless(corridor())).has_state
