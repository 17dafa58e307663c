from __future__ import annotations

import copy
import functools

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from operant.errors import NonFiniteRewardError, OperantError
from operant.reward_design import make_design, shape
from operant.reward_design.base import DesignSpec, RewardDesign

MODES = list(AutoresetMode)
DESIGNS = [
    ("none", {}),
    ("potential", {}),
    ("potential", {"on_truncation": "terminal", "scale": 3.0}),
    ("count", {"beta": 0.3}),
    ("count", {"key": ["position"]}),
    ("naive", {"bonuses": {"lit": 0.5}}),
]


def vectorised(corridor, mode, num=3, **kwargs):
    return SyncVectorEnv([functools.partial(corridor, **kwargs)] * num, autoreset_mode=mode)


def action_of(step):
    """A fixed plan per episode step, so that every mode plays the same episodes."""
    return np.asarray((7 * np.asarray(step) + 3) % 5 % 2, np.int64)


def vector_episodes(env, steps, seed=0):
    """Per row: the designed rewards of each finished episode, and what infos reported of it."""
    num, mode = env.num_envs, env.unwrapped.autoreset_mode
    episodes, running, age = [[] for _ in range(num)], [[] for _ in range(num)], np.zeros(num, int)
    env.reset(seed=seed)
    for _ in range(steps):
        _, reward, terminated, truncated, infos = env.step(action_of(age))
        valid, done = infos["_reward_terms"], terminated | truncated
        assert reward[~valid].tolist() == [0.0] * (~valid).sum()
        total = sum(v for k, v in infos["reward_terms"].items() if not k.startswith("_"))
        np.testing.assert_allclose(total, reward, atol=1e-12)
        for row in np.flatnonzero(valid):
            running[row].append(reward[row])
            if done[row]:
                report = [
                    infos[f"episode_{name}"][row]
                    for name in ("true_return", "designed_return", "length")
                ]
                episodes[row].append((running[row], report))
                running[row] = []
        assert ("episode_length" in infos) == bool(done.any())
        if done.any():
            assert infos["_episode_length"].tolist() == done.tolist()
        age = np.where(done | ~valid, 0, age + 1)
        if mode is AutoresetMode.DISABLED and done.any():
            env.reset(options={"reset_mask": done})
    return episodes


def scalar_episodes(env, count, seed):
    episodes, reset_seed = [], seed
    for _ in range(count):
        env.reset(seed=reset_seed)
        reset_seed, rewards, true, done = None, [], 0.0, False
        while not done:
            _, reward, terminated, truncated, info = env.step(int(action_of(len(rewards))))
            done = terminated or truncated
            rewards.append(reward)
            true += info["true_reward"]
        report = [info[f"episode_{name}"] for name in ("true_return", "designed_return", "length")]
        assert report == [pytest.approx(true), pytest.approx(sum(rewards)), len(rewards)]
        episodes.append((rewards, report))
    return episodes


@pytest.mark.parametrize(("name", "kwargs"), DESIGNS)
@pytest.mark.parametrize("seed", [0, 11])
def test_episodes_are_paid_alike_in_every_mode_and_by_scalar_envs(corridor, name, kwargs, seed):
    def shaped(env):
        return shape(env, make_design(name, **kwargs), gamma=0.9)

    per_mode = [
        vector_episodes(shaped(vectorised(corridor, mode, limit=6)), 90, seed) for mode in MODES
    ]
    for row in range(3):
        count = min(len(episodes[row]) for episodes in per_mode)
        assert count >= 10
        expected = scalar_episodes(shaped(corridor(limit=6)), count, seed + row)
        for episodes in per_mode:
            for (rewards, report), (wanted, wanted_report) in zip(
                episodes[row][:count], expected, strict=True
            ):
                assert rewards == wanted
                np.testing.assert_allclose(report, wanted_report, atol=1e-12)


@pytest.mark.parametrize("vectorization", ["vector_entry_point", "sync"])
def test_true_reward_is_the_reward_of_the_env(vectorization):
    plain, wrapped = (
        gym.make_vec("CartPole-v1", num_envs=4, vectorization_mode=vectorization) for _ in range(2)
    )
    wrapped = shape(wrapped, "count", gamma=0.99)
    plain.reset(seed=0)
    wrapped.reset(seed=0)
    for _ in range(50):
        action = np.ones(4, np.int64)
        obs, reward, *flags, _ = plain.step(action)
        obs2, designed, *flags2, infos = wrapped.step(action)
        np.testing.assert_array_equal(obs, obs2)
        np.testing.assert_array_equal(flags, flags2)
        np.testing.assert_array_equal(infos["true_reward"], reward)
        assert infos["_true_reward"].all()
        assert designed.dtype == np.float64
        assert (designed >= reward).all()


@pytest.mark.parametrize("mode", MODES)
def test_a_saved_vector_env_goes_on_exactly(corridor, mode):
    def build():
        return shape(vectorised(corridor, mode, limit=5), make_design("count"), gamma=0.9)

    env, age = build(), np.zeros(3, int)
    env.reset(seed=4)
    for _ in range(13):
        _, _, terminated, truncated, _ = env.step(action_of(age))
        age += 1
        done = terminated | truncated
        if mode is AutoresetMode.DISABLED and done.any():
            env.reset(options={"reset_mask": done})
    other = build()
    other.reset(seed=99)
    other.set_state(copy.deepcopy(env.get_state()))
    # SyncVectorEnv has no get_state: hand its state over ourselves
    other.env = copy.deepcopy(env.env)
    for _ in range(30):
        results = [each.step(action_of(age)) for each in (env, other)]
        (_, reward, terminated, truncated, infos), (_, reward2, *_, infos2) = results
        assert reward.tolist() == reward2.tolist()
        for key in infos:
            if key.startswith("episode_"):
                np.testing.assert_array_equal(infos[key], infos2[key])
        age += 1
        done = terminated | truncated
        if mode is AutoresetMode.DISABLED and done.any():
            for each in (env, other):
                each.reset(options={"reset_mask": done})


def test_a_saved_scalar_env_goes_on_exactly_with_the_env_inside(corridor):
    def build():
        return shape(gym.wrappers.OrderEnforcing(corridor(limit=9)), "count", gamma=0.9)

    env = build()
    env.reset(seed=1)
    env.step(1)
    state = copy.deepcopy(env.get_state())
    assert {"tracker", "design", "env"} <= {name.split("/")[0] for name in state}
    assert all(isinstance(value, np.ndarray) for value in state.values())
    other = build()
    other.reset(seed=77)
    other.set_state(state)
    done = False
    while not done:
        (obs, *step, info), (obs2, *step2, info2) = (each.step(0) for each in (env, other))
        np.testing.assert_array_equal(obs, obs2)
        assert step == step2
        assert info == info2
        done = step[1] or step[2]
    assert info["episode_length"] > 1


def test_reset_abandons_the_running_returns(chain, fixed):
    env = shape(chain([1.0, 1.0, 1.0], terminated=True, truncated=False), fixed(0.5), gamma=0.9)
    env.reset()
    env.step(0)
    env.reset()
    info = [env.step(0)[4] for _ in range(3)][-1]
    assert info["episode_length"] == 3
    assert info["episode_true_return"] == 3.0
    assert info["episode_designed_return"] == 4.5


def test_wrapping_does_not_change_what_the_env_returned(corridor):
    class Spy(gym.Wrapper):
        def step(self, action):
            self.returned = self.env.step(action)
            self.before = copy.deepcopy(self.returned)
            return self.returned

    spy = Spy(corridor())
    env = shape(spy, make_design("naive", bonuses={"lit": 1.0}), gamma=0.9)
    env.reset(seed=0)
    env.step(1)
    assert spy.returned[1:] == spy.before[1:]
    np.testing.assert_array_equal(spy.returned[0], spy.before[0])


def test_a_design_that_returns_nan_is_stopped(corridor, fixed):
    env = shape(vectorised(corridor, AutoresetMode.SAME_STEP), fixed(np.nan), gamma=0.9)
    env.reset(seed=0)
    with pytest.raises(NonFiniteRewardError, match="'Fixed' returned nan in term 'extra'"):
        env.step(np.ones(3, np.int64))


@pytest.mark.parametrize("timing", ["rollout", "episode"])
def test_deferred_designs_that_estimate_no_steps_are_sent_to_the_callback(corridor, fixed, timing):
    class Deferred(RewardDesign):
        spec = DesignSpec(timing=timing)

    for env in (corridor(), vectorised(corridor, AutoresetMode.SAME_STEP)):
        with pytest.raises(OperantError, match=f"timing '{timing}'.*no step.*DesignCallback"):
            shape(env, Deferred(), gamma=0.9)
    estimating = fixed()
    estimating.spec = DesignSpec(timing=timing)
    assert shape(corridor(), estimating, gamma=0.9).design is estimating


def test_a_second_design_is_refused(corridor):
    for env in (corridor(), vectorised(corridor, AutoresetMode.SAME_STEP)):
        with pytest.raises(OperantError, match="already carries reward design 'count'"):
            shape(shape(env, "count", gamma=0.9), "none", gamma=0.9)


def test_wrappers_show_design_and_discount(corridor):
    for env in (corridor(), vectorised(corridor, AutoresetMode.SAME_STEP)):
        design = make_design("none")
        wrapped = shape(env, design, gamma=0.7, seed=5)
        assert (wrapped.design, wrapped.gamma) == (design, 0.7)
        assert design.context.gamma == 0.7
        assert design.context.seed == 5
        with pytest.raises(OperantError, match="attached to an env already"):
            shape(corridor(), design, gamma=0.7)


@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version:UserWarning")
def test_gymnasium_accepts_the_wrapped_env():
    from gymnasium.utils.env_checker import check_env

    env = gym.make("SparseKey-5x5-v0").unwrapped
    check_env(shape(env, "count", gamma=0.9), skip_render_check=True)


@pytest.mark.parametrize("batched", [False, True])
def test_an_env_that_pays_something_else_than_the_truth_is_refused(batched: bool) -> None:
    """A design would take its proxy for the true reward, and report it as such."""
    make = functools.partial(gym.make_vec, num_envs=2) if batched else gym.make
    env = shape(make("BoatRace-v0", reward="proxy"), "none", gamma=0.9)
    env.reset(seed=0)
    actions = [np.full(2, action) if batched else action for action in (0, 1, 2, 3, 0, 0)]
    with pytest.raises(OperantError, match=r"pays .* where its true reward is .*without reward="):
        list(map(env.step, actions))
