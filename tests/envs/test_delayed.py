"""Delayed rewards: one sum with the last step, in every form an env comes in."""

from __future__ import annotations

import copy
import functools
import pickle
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import operant
from operant.envs.delayed import DelayedEnv, DelayedReward, DelayedVectorReward
from operant.errors import OperantError
from operant.testing import check_env, check_vector_env
from operant.wrapping import has_state

DENSE = "BoatRace-v0"
"""A world that pays in many steps, so that a sum differs from its last part."""
ENDS = (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP)


def play(env: gym.Env[Any, Any], actions: list[int], seed: int) -> list[tuple[Any, ...]]:
    env.reset(seed=seed)
    shown = []
    for action in actions:
        shown.append(env.step(action))
        if shown[-1][2] or shown[-1][3]:
            env.reset()
    return shown


def test_all_is_paid_with_the_last_step_and_nothing_before() -> None:
    plain, delayed = gym.make(DENSE, max_steps=15), gym.make(DENSE, max_steps=15, reward="delayed")
    actions = np.random.default_rng(0).integers(plain.action_space.n, size=60).tolist()
    earned, episodes, varied = 0.0, 0, 0
    for one, other in zip(play(plain, actions, 3), play(delayed, actions, 3), strict=True):
        earned += one[1]
        varied += one[1] != 0
        ended = one[2] or one[3]
        assert other[1] == (earned if ended else 0.0)
        assert other[2:4] == one[2:4]
        assert other[4] == {**one[4], "true_reward": other[1], "step_reward": one[1]}
        if ended:
            earned, episodes = 0.0, episodes + 1
    assert episodes == 4
    assert varied > 8


def test_terminations_pay_as_well() -> None:
    env = gym.make("SparseKey-5x5-v0", reward="delayed")
    env.reset(seed=0)
    *_, (_, reward, terminated, _, info) = [env.step(a) for a in env.unwrapped.oracle().actions]
    assert (reward, terminated, info["step_reward"]) == (1.0, True, 1.0)


def test_an_abandoned_episode_pays_nobody() -> None:
    env = gym.make(DENSE, max_steps=6, reward="delayed")
    actions = [1, 2, 2, 1, 2, 2]
    env.reset(seed=0)
    fresh = [env.step(action)[1] for action in actions][-1]
    for _ in range(2):
        env.reset(seed=0)
        for action in actions[:4]:
            env.step(action)
    env.reset(seed=0)
    assert [env.step(action)[1] for action in actions][-1] == fresh


@pytest.mark.parametrize("env_id", ["SparseKey-5x5-v0", DENSE])
def test_scalar_env_is_sound(env_id: str) -> None:
    env = gym.make(env_id, reward="delayed")
    check_env(env, steps=150, deterministic=env_id == DENSE, subprocess=False)


@pytest.mark.integration  # compiles batch kernels
@pytest.mark.parametrize("env_id", ["SparseKey-5x5-v0", DENSE, "Tomato-Toy-v0"])
def test_vector_env_is_the_scalar_one_row_by_row(env_id: str) -> None:
    make = functools.partial(gym.make_vec, env_id, reward="delayed")
    check_vector_env(make, scalar=lambda: gym.make(env_id, reward="delayed"), num_envs=3, steps=120)


@pytest.mark.filterwarnings(
    "ignore:It seems .* image:UserWarning", "ignore:The minimal resolution for an image:UserWarning"
)
def test_outside_checkers_accept_it() -> None:
    gymnasium_check_env(gym.make("SparseKey-5x5-v0", reward="delayed").unwrapped)
    sb3_check_env(gym.make("SparseKey-5x5-v0", reward="delayed").unwrapped, warn=True)


@pytest.mark.parametrize("env_id", operant.envs.one_per_kind())
def test_every_world_has_a_delayed_form(env_id: str) -> None:
    env = gym.make(env_id, reward="delayed")
    card = env.unwrapped.card
    assert type(env.unwrapped) is DelayedEnv
    assert "one sum" in card.reward
    assert (card.id, env.spec.kwargs["reward"]) == (env_id, "delayed")
    assert card.features == gym.make(env_id).unwrapped.card.features
    assert gym.make(env.spec).unwrapped.card == card


@pytest.mark.parametrize("make", [gym.make, functools.partial(gym.make_vec, num_envs=2)])
def test_unknown_reward_names_the_allowed_ones(make: Any) -> None:
    with pytest.raises(ValueError, match=r"'step', 'delayed', 'sparse', 'minigrid', got 'dlayed'"):
        make("SparseKey-v0", reward="dlayed")
    assert type(make("SparseKey-v0", reward="step").unwrapped) is type(
        make("SparseKey-v0").unwrapped
    )


def test_on_a_gpu_there_is_none() -> None:
    with pytest.raises(ValueError, match=r"device must be 'cpu' for reward='delayed'"):
        gym.make_vec("SparseKey-v0", num_envs=2, reward="delayed", device="cuda")


def test_it_is_no_mdp_but_has_an_optimum() -> None:
    env: Any = gym.make(DENSE, reward="delayed").unwrapped
    plain: Any = gym.make(DENSE).unwrapped
    for each in (env, plain):
        each.reset(seed=0)
    assert env.oracle() == plain.oracle()
    action = env.oracle().actions[0]
    earned = plain.step(action)[1]
    env.step(action)
    assert env.oracle().optimal_return == earned + plain.oracle().optimal_return
    with pytest.raises(ValueError, match="BoatRace-v0 pays a delayed reward"):
        env.finite_mdp()
    with pytest.raises(ValueError, match="no MDP over states"):
        env.tabular_mdp()


def test_planners_and_designs_that_need_a_model_refuse_it() -> None:
    env = gym.make("Chain-n40-v0", reward="delayed")
    with pytest.raises(ValueError, match="delayed reward"):
        operant.shape(env, "exprd", gamma=0.9)


@pytest.mark.parametrize("reward", ["step", "delayed"])
def test_state_saves_what_is_held_back(reward: str) -> None:
    env, other = (gym.make(DENSE, max_steps=12, reward=reward) for _ in range(2))
    assert has_state(env)
    env.reset(seed=0)
    other.reset(seed=5)
    for action in [2, 2, 1, 0, 2]:
        env.step(action)
    other.unwrapped.set_state(copy.deepcopy(env.unwrapped.get_state()))
    rest = [2, 0, 2, 1, 2, 2, 2]
    mine, others = ([each.step(action)[1] for action in rest] for each in (env, other))
    assert mine == others
    assert mine[-1] != 0


def test_copies_are_independent_and_pickle() -> None:
    env = gym.make(DENSE, max_steps=5, reward="delayed")
    env.reset(seed=0)
    env.step(2)
    copied, pickled = copy.deepcopy(env), pickle.loads(pickle.dumps(env))
    ends = [[each.step(2)[1] for _ in range(4)][-1] for each in (env, copied, pickled)]
    assert ends[0] == ends[1] == ends[2] != 0


# ---- envs that are not ours -----------------------------------------------------------------


@pytest.mark.parametrize("mode", AutoresetMode)
def test_foreign_vector_envs_pay_like_scalar_ones(mode: AutoresetMode) -> None:
    def single() -> gym.Env[Any, Any]:
        return gym.make("CartPole-v1", max_episode_steps=13)

    envs = DelayedVectorReward(SyncVectorEnv([single] * 3, autoreset_mode=mode))
    singles = [DelayedReward(single()) for _ in range(3)]
    envs.reset(seed=4)
    for i, env in enumerate(singles):
        env.reset(seed=4 + i)
    rng, over, paid = np.random.default_rng(0), np.zeros(3, np.bool_), 0.0
    for _ in range(80):
        if mode is AutoresetMode.DISABLED and over.any():
            envs.reset(options={"reset_mask": over.copy()})
        actions = rng.integers(2, size=3)
        _, rewards, terminated, truncated, infos = envs.step(actions)
        for i, env in enumerate(singles):
            if over[i]:
                env.reset()
            if over[i] and mode is AutoresetMode.NEXT_STEP:
                assert rewards[i] == 0
                assert not infos["_step_reward"][i]
                continue
            _, reward, *_, info = env.step(int(actions[i]))
            assert rewards[i] == infos["true_reward"][i] == reward
            assert infos["step_reward"][i] == info["step_reward"] == 1.0
        over = terminated | truncated
        paid += rewards.sum()
        if "final_info" in infos:
            assert np.array_equal(infos["final_info"]["true_reward"][over], rewards[over])
    assert paid > 100


@pytest.mark.integration
def test_what_is_not_the_true_reward_cannot_be_delayed() -> None:
    proxy = DelayedReward(gym.make("Tomato-Toy-v0", reward="proxy"))
    proxy.reset(seed=0)
    actions = np.random.default_rng(0).integers(proxy.action_space.n, size=200).tolist()
    with pytest.raises(OperantError, match="where its true reward is"):
        [proxy.step(action) for action in actions]
    batch = DelayedVectorReward(gym.make_vec("Tomato-Toy-v0", num_envs=2, reward="proxy"))
    batch.reset(seed=0)
    batch.action_space.seed(0)
    with pytest.raises(OperantError, match="where its true reward is"):
        [batch.step(batch.action_space.sample()) for _ in range(200)]


def test_vector_env_must_say_how_it_resets() -> None:
    envs = SyncVectorEnv([lambda: gym.make("CartPole-v1")])
    envs.metadata, envs.autoreset_mode = {}, None
    with pytest.raises(ValueError, match="autoreset_mode"):
        DelayedVectorReward(envs)


@pytest.mark.parametrize("mode", ENDS)
def test_designs_take_it_for_the_true_reward(mode: AutoresetMode) -> None:
    envs = gym.make_vec(
        "SparseKey-5x5-v0", num_envs=3, max_steps=9, autoreset_mode=mode, reward="delayed"
    )
    shaped = operant.shape(envs, "potential", gamma=1.0)
    shaped.reset(seed=0)
    shaped.action_space.seed(0)
    for _ in range(40):
        _, reward, *_, infos = shaped.step(shaped.action_space.sample())
        shaping = infos["reward_terms"]["shaping"]
        assert reward == pytest.approx(infos["true_reward"] + shaping)
