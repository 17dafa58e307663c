"""Delayed rewards: all that an episode earns is paid as one sum with its last step.

``gym.make(ID, reward="delayed")`` and ``gym.make_vec(ID, num_envs=N, reward="delayed")`` give this
form of every registered env; :class:`DelayedReward` and :class:`DelayedVectorReward` give it of any
env. The episode's return stays what it was, and with it (undiscounted) what is best; which step
earned it can no longer be read off the reward. It is the setting of return decomposition.

A delayed reward depends on the whole episode, so the env is not Markov any more: it refuses to tell
its model, and no exact planner or audit takes it. Its oracle, which speaks of returns, stays.

Source: Learning Long-Term Reward Redistribution via Randomized Return Decomposition (Ren et al.,
2022), the setting of episodic rewards.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, SupportsFloat

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper

from operant.arrays import section
from operant.errors import OperantError
from operant.types import Bool, Card, Float, Oracle
from operant.wrapping import autoreset_mode, layers

STEP, DELAYED = "step", "delayed"
"""When a reward is paid: with the step that earned it, or with the last step of the episode."""


def payment(reward: str | None, rewards: Sequence[str]) -> tuple[bool, str | None]:
    """Read a constructor's argument ``reward``.

    Args:
        reward: ``"step"`` or None for the true reward as it is earned, ``"delayed"`` for the same
            at the end of the episode, or the name of another reward that the world can pay.
        rewards: Names of the rewards that the world can pay.

    Returns:
        Whether rewards are delayed, and which of ``rewards`` was asked for by name, if any.

    Raises:
        ValueError: If it is none of these.
    """
    if reward in (None, STEP, DELAYED):
        return reward == DELAYED, None
    if reward not in rewards:
        allowed = ", ".join(repr(name) for name in (STEP, DELAYED, *rewards))
        raise ValueError(f"reward must be one of {allowed}, got {reward!r}")
    return False, reward


class DelayedReward(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Pays 0 until an episode ends (terminated or truncated), and then all that it earned.

    Info gained: ``step_reward``, what the env itself paid for the step, and ``true_reward``, what
    is paid now. Put it around everything that may end an episode: a time limit outside of it cuts
    the last step off, and the sum with it.
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        """Wrap an env that pays its true reward."""
        RecordConstructorArgs.__init__(self)
        super().__init__(env)
        self._held = 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the env; what an abandoned episode had earned is lost."""
        self._held = 0.0
        obs, info = self.env.reset(seed=seed, options=options)
        return obs, info

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Step the env.

        Raises:
            OperantError: If the env pays something else than the true reward that its info tells.
        """
        obs, reward, terminated, truncated, info = self.env.step(action)
        earned = float(reward)
        if info.get("true_reward", earned) != earned:
            _refuse(earned, info["true_reward"])
        self._held += earned
        paid = self._held if terminated or truncated else 0.0
        info = {**info, "true_reward": paid, "step_reward": earned}
        return obs, paid, terminated, truncated, info

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return what is held back, and the state of the env inside where it can be saved."""
        return {"held": np.array(self._held), **_state_inside(self.env)}

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned."""
        self._held = float(state["held"])
        _set_state_inside(self.env, state)


class DelayedVectorReward(VectorWrapper):
    """Row for row what :class:`DelayedReward` pays, in any autoreset mode.

    Infos gained, with Gymnasium's masks: ``step_reward`` and ``true_reward``, (N,) float64; in
    ``final_info`` as well where episodes ended.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        """Wrap a vector env that pays its true reward.

        Raises:
            ValueError: If the env does not say how it resets.
        """
        super().__init__(env)
        mode = autoreset_mode(env)
        if mode is None:
            raise ValueError("env.metadata must name the env's 'autoreset_mode', it lacks")
        self._pseudo_steps = mode is AutoresetMode.NEXT_STEP
        self._held = np.zeros(env.num_envs)
        self._ended = np.zeros(env.num_envs, np.bool_)

    def reset(
        self,
        *,
        seed: Any = None,  # int or list: Gymnasium's own annotations disagree
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the env (``options={"reset_mask": ...}`` resets some rows)."""
        mask = (options or {}).get("reset_mask")  # read first: SyncVectorEnv removes it
        started = np.ones(self.num_envs, np.bool_) if mask is None else np.array(mask, np.bool_)
        obs, infos = self.env.reset(seed=seed, options=options)
        self._held[started], self._ended[started] = 0.0, False
        return obs, infos

    def step(  # type: ignore[override]  # VectorWrapper leaves the array type unbound
        self, actions: Any
    ) -> tuple[Any, Float, npt.NDArray[Any], npt.NDArray[Any], dict[str, Any]]:
        """Step all rows.

        Raises:
            OperantError: If the env pays something else than the true reward that its infos tell.
        """
        obs, reward, terminated, truncated, infos = self.env.step(actions)
        done = np.asarray(terminated, np.bool_) | np.asarray(truncated, np.bool_)
        earned = np.array(reward, np.float64)
        real = ~self._ended if self._pseudo_steps else np.ones_like(done)
        earned[~real] = 0.0  # a step that only resets
        _require_true(earned, infos, ~done)
        self._held += earned
        paid = np.where(done, self._held, 0.0)
        self._held[done], self._ended = 0.0, done
        told = {"true_reward": paid, "step_reward": earned}
        infos = {**infos, **_masked(told, np.ones_like(done)), "_step_reward": real}
        if "final_info" in infos:
            infos["final_info"] = {**infos["final_info"], **_masked(told, done)}
        return obs, paid, terminated, truncated, infos

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return what is held back, and the state of the env inside where it can be saved."""
        held = {"held": self._held.copy(), "ended": self._ended.copy()}
        return {**held, **_state_inside(self.env)}

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned."""
        self._held, self._ended = state["held"].copy(), state["ended"].copy()
        _set_state_inside(self.env, state)


class _WholeEnv:
    """What makes a wrapper the env itself: nobody gets past it by ``unwrapped``."""

    env: Any
    _np_random: Any

    @property
    def unwrapped(self) -> Any:
        """The env with its delayed reward."""
        return self

    @property
    def spec(self) -> Any:
        """Gymnasium's spec, whose arguments say ``reward="delayed"``."""
        return self.env.spec

    @spec.setter
    def spec(self, spec: Any) -> None:
        self.env.spec = spec

    @property
    def card(self) -> Card:
        """The env's card, with its feature table."""
        card: Card = self.env.card
        paid = f"{card.reward.rstrip('.')}; all of an episode is paid as one sum with its last step"
        return dataclasses.replace(card, reward=paid)

    def __getattr__(self, name: str) -> Any:
        """Return what else the env inside offers."""
        # A copy that is being built has no env yet. Gymnasium's checker reads an env's _np_random.
        if name == "env" or (name.startswith("_") and name != "_np_random"):
            raise AttributeError(name)
        found = getattr(self.env, name)
        if name == "compute_reward" and getattr(self.env, "continuing", False):
            return _refuse_hindsight
        return found


def _refuse_hindsight(*_: Any, **__: Any) -> NoReturn:
    """Stand for ``compute_reward`` where goals do not tell what a step pays.

    Raises:
        OperantError: Always.
    """
    raise OperantError(
        "hindsight cannot relabel a delayed reward that an episode earns in several steps "
        "(continuing=True): what a step pays depends on all before it; leave reward='delayed', "
        "continuing=True or hindsight (her) out"
    )


class DelayedEnv(_WholeEnv, DelayedReward):
    """What ``gym.make(ID, reward="delayed")`` makes."""

    def oracle(self) -> Oracle:
        """Return the optimum of the level: what is held back, and the best that can follow."""
        found: Oracle = self.env.unwrapped.oracle()
        return dataclasses.replace(found, optimal_return=self._held + found.optimal_return)

    def tabular_mdp(self) -> NoReturn:
        """Refuse.

        Raises:
            ValueError: Always: a delayed reward is no function of state and action.
        """
        raise ValueError(
            f"{self.spec.id if self.spec else self.env} pays a delayed reward, which depends on "
            "the whole episode, so it is no MDP over states; make it without reward='delayed'"
        )

    finite_mdp = tabular_mdp


class DelayedVectorEnv(_WholeEnv, DelayedVectorReward):
    """What ``gym.make_vec(ID, num_envs=N, reward="delayed")`` makes."""


def _masked(told: Mapping[str, Float], rows: Bool) -> dict[str, npt.NDArray[Any]]:
    """Return copies for the caller to keep, each with Gymnasium's mask."""
    infos: dict[str, npt.NDArray[Any]] = {name: value.copy() for name, value in told.items()}
    return infos | {f"_{name}": rows.copy() for name in told}


def _require_true(earned: Float, infos: Mapping[str, Any], rows: Bool) -> None:
    """Make sure that a reward is the true one; ended rows may show infos of the next episode."""
    told = infos.get("true_reward")
    if told is None:
        return
    wrong = (np.asarray(told, np.float64) != earned) & rows & infos.get("_true_reward", True)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        _refuse(float(earned[row]), float(told[row]))


def _refuse(paid: float, true: float) -> NoReturn:
    raise OperantError(
        f"the env pays {paid:g} where its true reward is {true:g}; what is delayed becomes the "
        "true reward, so make the env pay that (no other reward=, no program=, no wrapper on it)"
    )


def _state_inside(env: Any) -> dict[str, npt.NDArray[Any]]:
    stateful: Any = next((layer for layer in layers(env) if hasattr(layer, "get_state")), None)
    inner = {} if stateful is None else stateful.get_state()
    return {f"env/{name}": value for name, value in inner.items()}


def _set_state_inside(env: Any, state: Mapping[str, npt.NDArray[Any]]) -> None:
    stateful: Any = next((layer for layer in layers(env) if hasattr(layer, "get_state")), None)
    if stateful is not None:
        stateful.set_state(section(state, "env"))
