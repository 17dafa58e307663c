"""Designs that learn: what the adapters hand them, when, and that nothing is lost in between."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from stable_baselines3 import DQN, PPO

import operant
from operant.reward_design import RewardDesign
from operant.reward_design.adapters.sb3 import DesignCallback
from operant.types import RewardTerms, Rollout, Transition

ENV, STEPS = "SparseKey-5x5-v0", 10


class Pupil(RewardDesign):
    """Pays the true reward and keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Transition] = []
        self.rollouts: list[Rollout] = []

    def step(self, t: Transition) -> RewardTerms:
        self.seen.append(t)
        return RewardTerms.sum_of(env=t.reward)

    def update(self, r: Rollout) -> dict[str, float]:
        self.rollouts.append(r)
        return {"lessons": float(len(self.rollouts))}


def rows(field: str, t: Transition) -> np.ndarray:
    value = getattr(t, field)
    return value["image"] if isinstance(value, dict) and "image" in value else value


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_a_rollout_is_the_last_steps(mode: AutoresetMode) -> None:
    envs = gym.make_vec(ENV, num_envs=3, max_steps=7, autoreset_mode=mode)
    pupil = Pupil()
    shaped = operant.shape(envs, pupil, gamma=0.9, learn_every=STEPS)
    shaped.action_space.seed(0)
    shaped.reset(seed=0)
    for _ in range(2 * STEPS + 3):
        shaped.step(shaped.action_space.sample())
    assert [r.reward.shape for r in pupil.rollouts] == [(STEPS, 3)] * 2
    pseudo = 0
    for at in range(2 * STEPS):
        rollout, t = pupil.rollouts[at // STEPS], pupil.seen[at]
        step = at % STEPS
        assert np.flatnonzero(rollout.valid[step]).tolist() == t.env_ids.tolist()
        for field in ("obs", "next_obs", "action", "reward", "terminated", "episode_step"):
            stored = getattr(rollout, field)
            stored = stored["image"] if isinstance(stored, dict) else stored
            assert np.array_equal(stored[step][t.env_ids], rows(field, t)), field
        for name, value in t.features.items():
            assert np.array_equal(rollout.features[name][step][t.env_ids], value)
        pseudo += int((~rollout.valid[step]).sum())
    assert (pseudo > 0) == (mode is AutoresetMode.NEXT_STEP)
    assert shaped.design_metrics == {"lessons": 2.0}


def test_a_scalar_env_teaches_too_and_zero_is_never() -> None:
    for every, lessons in ((5, 4), (0, 0)):
        pupil = Pupil()
        env = operant.shape(gym.make(ENV, max_steps=7), pupil, gamma=0.9, learn_every=every)
        env.action_space.seed(0)
        env.reset(seed=0)
        for _ in range(20):
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            if terminated or truncated:
                env.reset()
        assert len(pupil.rollouts) == lessons
    with pytest.raises(ValueError, match="learn_every must be >= 0, got -1"):
        operant.shape(gym.make(ENV), "none", gamma=0.9, learn_every=-1)


def test_nothing_is_kept_for_who_does_not_learn() -> None:
    for design in ("count", "invariant(count)", "episode_return"):
        envs = operant.shape(gym.make_vec(ENV, num_envs=2), design, gamma=0.9)
        envs.reset(seed=0)
        envs.step(np.zeros(2, np.int64))
        assert not operant.make_design(design).learns
        assert not [key for key in envs.get_state() if key.startswith("rollout/")]
    assert operant.make_design("explors").learns
    assert operant.make_design("invariant(explors)").learns


def test_a_saved_run_learns_the_same() -> None:
    """The state is taken in the middle of a rollout."""

    def make() -> operant.reward_design.adapters.vector.DesignVectorWrapper:
        envs = gym.make_vec("Chain-n40-v0", num_envs=4, length=9, max_steps=30)
        made = operant.shape(envs, "explors", gamma=0.9, learn_every=STEPS)
        made.reset(seed=3)
        return made

    actions = np.random.default_rng(0).integers(0, 2, (70, 4))
    whole, part = make(), make()
    for at in range(25):
        whole.step(actions[at])
    part.set_state(whole.get_state())
    paid = []
    for at in range(25, 70):
        paid.append(whole.step(actions[at])[1])
        assert np.array_equal(paid[-1], part.step(actions[at])[1])
    assert whole.design_metrics == part.design_metrics
    learned = whole.design.learned(np.arange(1, 8), {})
    assert np.abs(learned).max() > 0  # the learned part is alive in ordinary training


@pytest.mark.parametrize(("algorithm", "lessons"), [("ppo", 4), ("dqn", 2)])
def test_inside_stable_baselines3(algorithm: str, lessons: int) -> None:
    """On-policy: a rollout is the algorithm's own. Off-policy: as many steps as elsewhere."""
    pupil = Pupil()
    if algorithm == "ppo":
        learner = PPO("MultiInputPolicy", gym.make(ENV), n_steps=64, batch_size=64, n_epochs=1)
    else:
        learner = DQN("MultiInputPolicy", gym.make(ENV), buffer_size=300, learning_starts=300)
    learner.learn(256, callback=DesignCallback(pupil))
    assert len(pupil.rollouts) == lessons
    assert sum(int(r.valid.sum()) for r in pupil.rollouts) == 256


def test_a_design_that_writes_to_the_reward_does_not_falsify_the_true_one() -> None:
    class Scribbler(RewardDesign):
        def step(self, t: Transition) -> RewardTerms:
            t.reward[:] = 7.0
            return RewardTerms.sum_of(env=t.reward)

    envs = operant.shape(gym.make_vec(ENV, num_envs=2), Scribbler(), gamma=0.9)
    envs.reset(seed=0)
    assert envs.step(np.zeros(2, np.int64))[4]["true_reward"].tolist() == [0.0, 0.0]
