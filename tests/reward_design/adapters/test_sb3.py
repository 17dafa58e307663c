from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack, VecNormalize

from operant.agents.sb3.vec_env import SB3VecEnv
from operant.errors import GammaMismatchError, NonFiniteRewardError, OperantError
from operant.reward_design import RewardDesign, make_design, shape
from operant.reward_design.adapters.sb3 import DesignCallback
from operant.reward_design.base import DesignSpec
from operant.types import RewardTerms

GAMMA, NUM, STEPS = 0.9, 3, 24


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Keep(BaseCallback):
    """Keeps copies of the rollout buffers, and of what was logged."""

    def __init__(self):
        super().__init__()
        self.buffers, self.logged = [], {}

    def _on_step(self):
        return True

    def _on_rollout_end(self):
        buffer = self.locals["rollout_buffer"]
        names = ("observations", "actions", "rewards", "advantages", "returns", "episode_starts")
        self.buffers.append({name: getattr(buffer, name).copy() for name in names})
        self.logged = dict(self.model.logger.name_to_value)


class Once(RewardDesign):
    """Pays an amount in one step of one row; known at once, or only after the rollout."""

    def __init__(self, step, row, timing="step", amount=1.0):
        super().__init__()
        self.at, self.row, self.amount, self.clock = step, row, amount, 0
        self.spec = DesignSpec(timing=timing)
        self.updates = []

    def step(self, t):
        bonus = self.amount * (self.clock == self.at) * (t.env_ids == self.row)
        self.clock += 1
        return RewardTerms.sum_of(env=t.reward, bonus=bonus)

    def redistribute(self, r):
        bonus = np.zeros_like(r.reward)
        bonus[self.at, self.row] = self.amount
        return RewardTerms.sum_of(env=r.reward, bonus=bonus)

    def update(self, r):
        self.updates.append(r)
        return {"loss": 0.25}


def dummy(corridor, limit=7, wrap=lambda env: env):
    return DummyVecEnv([lambda: wrap(corridor(limit=limit))] * NUM)


def batched(corridor, limit=7):
    make = functools.partial(corridor, limit=limit)
    return SyncVectorEnv([make] * NUM, autoreset_mode=AutoresetMode.SAME_STEP)


def ppo(env, gamma=GAMMA, **kwargs):
    settings = {"n_steps": STEPS, "batch_size": NUM * STEPS, "n_epochs": 1, "seed": 0}
    return PPO("MlpPolicy", env, gamma=gamma, device="cpu", **{**settings, **kwargs})


def first_rollout(env, *callbacks, **kwargs):
    keep = Keep()
    ppo(env, **kwargs).learn(NUM * STEPS, [*callbacks, keep])
    return keep.buffers[0]


@pytest.mark.parametrize("timing", ["step", "rollout"])
@pytest.mark.parametrize("at", [0, 9, STEPS - 1])
def test_a_bonus_raises_the_advantages_up_to_its_step_in_its_episode(corridor, timing, at):
    settings = {"gamma": 1.0, "gae_lambda": 1.0}
    plain = first_rollout(dummy(corridor), **settings)
    bonus = first_rollout(dummy(corridor), DesignCallback(Once(at, 1, timing)), **settings)
    np.testing.assert_array_equal(plain["actions"], bonus["actions"])
    starts = np.flatnonzero(plain["episode_starts"][: at + 1, 1])
    expected = np.zeros((STEPS, NUM))
    expected[starts[-1] : at + 1, 1] = 1.0
    np.testing.assert_allclose(bonus["advantages"] - plain["advantages"], expected, atol=1e-5)
    np.testing.assert_allclose(bonus["returns"] - plain["returns"], expected, atol=1e-5)


@pytest.mark.parametrize("timing", ["step", "rollout"])
def test_the_bootstrap_at_time_limits_is_kept_exactly(corridor, timing):
    plain = first_rollout(dummy(corridor, limit=2))
    assert (plain["rewards"] % 0.5 != 0).any()  # some steps were bootstrapped
    nothing = first_rollout(
        dummy(corridor, limit=2), DesignCallback(Once(0, 0, timing, amount=0.0))
    )
    for name in plain:
        np.testing.assert_array_equal(plain[name], nothing[name])


DESIGNS = [
    ("none", {}),
    ("potential", {}),
    ("count", {"beta": 0.1}),
    ("naive", {"bonuses": {"lit": 0.5}}),
]


@pytest.mark.parametrize(("name", "kwargs"), DESIGNS)
def test_callback_and_wrapper_pay_alike(corridor, name, kwargs):
    wrapped = first_rollout(
        SB3VecEnv(shape(batched(corridor), make_design(name, **kwargs), gamma=GAMMA))
    )
    row_by_row = first_rollout(dummy(corridor), DesignCallback(make_design(name, **kwargs)))
    in_batch = first_rollout(
        SB3VecEnv(batched(corridor)), DesignCallback(make_design(name, **kwargs))
    )
    for other in (row_by_row, in_batch):
        np.testing.assert_array_equal(other["observations"], wrapped["observations"])
        np.testing.assert_allclose(other["rewards"], wrapped["rewards"], atol=1e-6)
    if name != "none":
        plain = first_rollout(dummy(corridor))
        assert (plain["rewards"] != wrapped["rewards"]).any()


def test_the_monitor_keeps_the_true_return(corridor):
    env = dummy(corridor, wrap=Monitor)
    model = ppo(env)
    model.learn(NUM * STEPS, DesignCallback(make_design("count", beta=100.0)))
    returns = [episode["r"] for episode in model.ep_info_buffer]
    assert returns
    assert set(returns) <= {-0.5, 0.0, 1.0}


def test_replay_buffers_store_the_designed_reward(corridor):
    model = DQN(
        "MlpPolicy",
        dummy(corridor),
        gamma=GAMMA,
        learning_starts=10_000,
        buffer_size=600,
        seed=0,
        device="cpu",
    )
    paid = []

    class Spy(type(make_design("potential"))):
        def step(self, t):
            terms = super().step(t)
            paid.append(terms.total)
            return terms

    model.learn(120, DesignCallback(Spy()))
    stored = model.replay_buffer.rewards[: len(paid)]
    np.testing.assert_allclose(stored, np.stack(paid), atol=1e-6)
    assert (stored % 0.5 != 0).any()


def test_another_discount_is_refused_with_both_values(corridor):
    callback = DesignCallback(make_design("potential", gamma=0.8))
    with pytest.raises(GammaMismatchError, match=r"gamma=0\.8 .* gamma=0\.9"):
        ppo(dummy(corridor)).learn(NUM * STEPS, callback)


def test_non_finite_rewards_stop_training(corridor, fixed):
    with pytest.raises(NonFiniteRewardError, match="'Fixed' returned inf"):
        first_rollout(dummy(corridor), DesignCallback(fixed(np.inf)))


def test_terms_are_logged_as_means(corridor, fixed):
    keep = Keep()
    ppo(dummy(corridor)).learn(NUM * STEPS, [DesignCallback(fixed(0.25)), keep])
    assert keep.logged["design/extra"] == pytest.approx(0.25)
    assert "design/env" in keep.logged


def test_deferred_designs_learn_from_whole_rollouts(corridor):
    design, keep = Once(0, 0, "rollout"), Keep()
    ppo(dummy(corridor)).learn(2 * NUM * STEPS, [DesignCallback(design), keep])
    assert len(design.updates) == 2
    first, second = design.updates
    assert first.reward.shape == second.reward.shape == (STEPS, NUM)
    assert first.valid.all()
    np.testing.assert_array_equal(first.obs, keep.buffers[0]["observations"])
    np.testing.assert_array_equal(second.obs, keep.buffers[1]["observations"])
    done = first.terminated | first.truncated
    np.testing.assert_array_equal(first.next_obs[:-1][~done[:-1]], first.obs[1:][~done[:-1]])
    assert (first.next_obs[first.terminated][:, 0] % 6 == 0).all()  # true ends, not new starts
    assert keep.logged["design/loss"] == 0.25


def test_deferred_designs_need_an_on_policy_algorithm(corridor):
    model = DQN("MlpPolicy", dummy(corridor), gamma=GAMMA, buffer_size=100, device="cpu")
    with pytest.raises(OperantError, match=r"needs an on-policy algorithm .* got DQN"):
        model.learn(10, DesignCallback(Once(0, 0, "rollout")))


def test_training_in_two_parts_equals_training_in_one(corridor):
    rewards = []
    for parts in ([4], [2, 2]):
        model, keep = ppo(dummy(corridor)), Keep()
        callback = DesignCallback(make_design("count", beta=0.2))
        for part in parts:
            model.learn(part * NUM * STEPS, [callback, keep], reset_num_timesteps=False)
        rewards.append([buffer["rewards"] for buffer in keep.buffers])
    np.testing.assert_array_equal(*rewards)


def test_a_callback_that_missed_the_start_of_episodes_is_refused(corridor):
    model = ppo(dummy(corridor))
    model.learn(NUM * STEPS)
    with pytest.raises(OperantError, match="middle of an episode"):
        model.learn(NUM * STEPS, DesignCallback("count"), reset_num_timesteps=False)
    model.learn(NUM * STEPS, DesignCallback("count"))


def test_observations_under_a_normaliser_are_read_raw(corridor):
    plain = first_rollout(dummy(corridor, limit=9), DesignCallback("potential"))
    env = VecNormalize(dummy(corridor, limit=9), norm_reward=False, gamma=GAMMA)
    seen = []

    class Spy(type(make_design("count"))):
        def step(self, t):
            seen.append((t.obs, t.next_obs))
            return super().step(t)

    first_rollout(env, DesignCallback(Spy()))
    for obs, next_obs in seen:
        for each in (obs, next_obs):
            np.testing.assert_allclose(each, np.round(each), atol=1e-5)
    assert len(plain["rewards"]) == len(seen)


def test_a_reward_normaliser_is_refused_unless_asked_for(corridor, fixed):
    def normalised():
        return VecNormalize(dummy(corridor), norm_obs=False, gamma=GAMMA)

    with pytest.raises(OperantError, match="allow_scaled=True"):
        first_rollout(normalised(), DesignCallback(fixed(1.0)))
    settings = {"gamma": GAMMA, "gae_lambda": 1.0}
    plain = first_rollout(normalised(), **settings)
    env = normalised()
    scaled = first_rollout(env, DesignCallback(fixed(1.0), allow_scaled=True), **settings)
    extra = scaled["rewards"] - plain["rewards"]
    np.testing.assert_allclose(extra[-1], 1 / np.sqrt(env.ret_rms.var + env.epsilon), rtol=1e-5)


def test_normalisers_a_callback_cannot_see_through_are_refused(corridor):
    inside = VecFrameStack(VecNormalize(dummy(corridor), norm_reward=False), 2)
    with pytest.raises(OperantError, match=r"outermost .* VecFrameStack"):
        ppo(inside).learn(NUM * STEPS, DesignCallback("count"))
    model = DQN(
        "MlpPolicy",
        VecNormalize(dummy(corridor), norm_reward=False),
        gamma=GAMMA,
        buffer_size=100,
        device="cpu",
    )
    with pytest.raises(OperantError, match="off-policy"):
        model.learn(10, DesignCallback("count"))
