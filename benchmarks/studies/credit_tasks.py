"""Tasks of the study of credit: episodes that pay once, and the dense reward that they hide."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv, VectorWrapper

import operant
from operant.envs.delayed import DelayedVectorReward
from operant.reward_design.adapters.context import context_of
from operant.reward_design.adapters.rollouts import RolloutRecorder
from operant.reward_design.adapters.transitions import TransitionTracker
from operant.reward_design.base import DesignContext
from operant.reward_design.llm import compile_reward
from operant.types import Float, Rollout

STEPS = {"sparsekey": 60, "halfcheetah": 200}
"""Time limits in env steps."""

KEY_REWARD = """
def reward(obs, action, next_obs, info):
    if info["steps_to_goal"] == 0:
        return 1.0
    if info["subgoal"] != info["prev_subgoal"]:
        return 1.0 if info["subgoal"] > info["prev_subgoal"] else -1.0
    closer = info["prev_steps_to_subgoal"] - info["steps_to_subgoal"]
    if closer > 0:
        return 0.3
    return -0.1 if closer < 0 else -0.02
"""
"""What a step of SparseKey earns here. It is no potential difference: coming and going costs."""
KEY_FACTORS = """
def factors(obs, action, next_obs, info):
    advanced = info["subgoal"] - info["prev_subgoal"]
    closer = 0.0
    if advanced == 0:
        closer = info["prev_steps_to_subgoal"] - info["steps_to_subgoal"]
    arrived = 1.0 if info["steps_to_goal"] == 0 else 0.0
    return [advanced, max(closer, 0.0), min(closer, 0.0), arrived]
"""
KEY_DECOYS = """
def factors(obs, action, next_obs, info):
    column = info["agent_x"] - info["prev_agent_x"]
    row = info["agent_y"] - info["prev_agent_y"]
    right = 1.0 if info["agent_direction"] == 0 else 0.0
    return [info["agent_x"], info["agent_y"], column, row, right]
"""
CHEETAH_FACTORS = """
def factors(obs, action, next_obs, info):
    torque = 0.0
    for i in range(6):
        torque += action[i] ** 2
    return [obs[8], next_obs[8], torque, abs(next_obs[1]), abs(next_obs[0])]
"""
CHEETAH_DECOYS = """
def factors(obs, action, next_obs, info):
    return [next_obs[9], next_obs[11], obs[13], abs(next_obs[4]), next_obs[6]]
"""


class Behaviour(Protocol):
    """Acts in one env."""

    def begin(self, rng: np.random.Generator) -> None:
        """Start an episode, with a habit of its own."""

    def act(self, env: VectorEnv[Any, Any, Any], t: int) -> npt.NDArray[Any]:
        """Return the action of step t, (1, ...)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CreditTask:
    """An env whose episodes pay once.

    Attributes:
        title: For people.
        make: Builds it with so many rows, in a given autoreset mode.
        behaviour: Who acts in the recorded episodes.
        factors: A program of the factors on which the return depends.
        decoys: One of as many factors on which it does not.
    """

    title: str
    make: Callable[[int, AutoresetMode], VectorEnv[Any, Any, Any]]
    behaviour: Callable[[], Behaviour]
    factors: str
    decoys: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recording:
    """Whole episodes, one after the other.

    Attributes:
        rollout: The steps, (T, 1), as an agent sees them.
        earned: (T, 1) what each step had earned, which nobody may learn from.
        context: Of the env.
    """

    rollout: Rollout
    earned: Float
    context: DesignContext


def record(task: CreditTask, *, episodes: int, seed: int) -> Recording:
    """Play episodes with one row.

    Args:
        task: The task.
        episodes: Number of them, >= 1.
        seed: Of the first level, and of the behaviour.
    """
    env = task.make(1, AutoresetMode.DISABLED)
    context = context_of(env, gamma=1.0, seed=seed)
    tracker = TransitionTracker(
        observation_space=env.single_observation_space,
        num_envs=1,
        autoreset_mode=AutoresetMode.DISABLED,
        copy=True,
    )
    recorder, earned = RolloutRecorder(1), []
    rng, behaviour = np.random.default_rng(seed), task.behaviour()
    for episode in range(episodes):
        tracker.reset(*env.reset(seed=seed + episode))
        behaviour.begin(rng)
        t, over = 0, False
        while not over:
            action = behaviour.act(env, t)
            obs, reward, terminated, truncated, infos = env.step(action)
            transition = tracker.step(action, obs, reward, terminated, truncated, infos)
            recorder.add(transition)
            earned.append(infos["step_reward"])
            t, over = t + 1, bool(transition.done[0])
    env.close()
    return Recording(rollout=recorder.take(), earned=np.array(earned), context=context)


# ---- SparseKey ------------------------------------------------------------------------------


class ProgramIsTrue(VectorWrapper):
    """Declares what a reward program pays to be the true reward: here, it is the task."""

    def step(self, actions: Any) -> Any:
        """Step the env."""
        obs, reward, terminated, truncated, infos = self.env.step(actions)
        infos = {**infos, "true_reward": reward.copy()}
        if "final_info" in infos:
            infos["final_info"] = {**infos["final_info"], "true_reward": reward.copy()}
        return obs, reward, terminated, truncated, infos


def key_world(
    num_envs: int, mode: AutoresetMode, *, env_id: str = "SparseKey-8x8-v0", **options: Any
) -> VectorEnv[Any, Any, Any]:
    """Return SparseKey with the dense reward above; ``options`` are those of the world."""
    features = operant.card(env_id).features
    program = compile_reward(KEY_REWARD, obs_size=0, features=features).for_kernel()
    options = {"max_steps": STEPS["sparsekey"], **options}
    env = gym.make_vec(env_id, num_envs=num_envs, autoreset_mode=mode, program=program, **options)
    return ProgramIsTrue(env)


class NoisyGuide:
    """Goes for the next subgoal, and at random as often as the episode's habit says."""

    def __init__(self) -> None:
        """Keep a second env to look one step ahead in."""
        self._probe: Any = key_world(1, AutoresetMode.DISABLED).unwrapped
        self._probe.reset(seed=0)

    def begin(self, rng: np.random.Generator) -> None:
        """Draw how often it errs, in [0.05, 1]."""
        self._rng, self._error = rng, rng.uniform(0.05, 1.0)

    def act(self, env: VectorEnv[Any, Any, Any], t: int) -> npt.NDArray[Any]:  # noqa: ARG002
        """Return an action, (1,)."""
        if self._rng.random() < self._error:
            return self._rng.integers(7, size=1)
        state: Mapping[str, Any] = env.unwrapped.get_state()
        return np.array([min(range(7), key=lambda action: self._left(state, action))])

    def _left(self, state: Mapping[str, Any], action: int) -> tuple[float, float]:
        """Return how much is left to do after an action: subgoals first, then steps."""
        self._probe.set_state(state)
        features = self._probe.step(np.array([action]))[4]["features"]
        return -float(features["subgoal"][0]), float(features["steps_to_subgoal"][0])


# ---- HalfCheetah ----------------------------------------------------------------------------


def cheetah(num_envs: int, mode: AutoresetMode) -> VectorEnv[Any, Any, Any]:
    """Return HalfCheetah with episodes of 200 steps."""

    def make() -> gym.Env[Any, Any]:
        return gym.make("HalfCheetah-v5", max_episode_steps=STEPS["halfcheetah"])

    return SyncVectorEnv([make] * num_envs, autoreset_mode=mode)


class Sinusoids:
    """Moves every joint to and fro, at a pace that the episode's habit says."""

    def begin(self, rng: np.random.Generator) -> None:
        """Draw pace, phases and strengths."""
        self._rng, self._pace = rng, rng.uniform(0.02, 0.2)
        self._phase, self._strength = rng.uniform(0, 2 * np.pi, 6), rng.uniform(0, 1, 6)

    def act(self, env: VectorEnv[Any, Any, Any], t: int) -> npt.NDArray[Any]:  # noqa: ARG002
        """Return torques, (1, 6)."""
        wave = self._strength * np.sin(2 * np.pi * self._pace * t + self._phase)
        noisy = np.clip(wave + self._rng.normal(0.0, 0.1, 6), -1.0, 1.0)
        return noisy[None].astype(np.float32)


TASKS = {
    "sparsekey": CreditTask(
        title="SparseKey-8x8, dense reward delayed",
        make=lambda rows, mode: DelayedVectorReward(key_world(rows, mode)),
        behaviour=NoisyGuide,
        factors=KEY_FACTORS,
        decoys=KEY_DECOYS,
    ),
    "halfcheetah": CreditTask(
        title="HalfCheetah-v5, 200 steps, delayed",
        make=lambda rows, mode: DelayedVectorReward(cheetah(rows, mode)),
        behaviour=Sinusoids,
        factors=CHEETAH_FACTORS,
        decoys=CHEETAH_DECOYS,
    ),
}
