"""From Gymnasium's step format to transitions: the one place that knows about autoreset.

Gymnasium has three conventions for what a vector env returns when an episode ends. All of them
leave here as :class:`~operant.types.Transition` objects with the true successor and without
pseudo-steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv

from operant import wrapping
from operant.arrays import section
from operant.errors import OperantError
from operant.types import Bool, Card, Features, Obs, Transition, stack_rows, take_rows

_ARRAY_SPACES = (
    gym.spaces.Box,
    gym.spaces.Discrete,
    gym.spaces.MultiDiscrete,
    gym.spaces.MultiBinary,
)


def required_mode(env: VectorEnv[Any, Any, Any]) -> AutoresetMode:
    """Return how a vector env starts the next episode.

    Raises:
        OperantError: If the env does not say.
    """
    mode = wrapping.autoreset_mode(env)
    if mode is None:
        raise OperantError(
            f"{env} does not say how it resets: set env.metadata['autoreset_mode'] to a member of "
            "gymnasium.vector.AutoresetMode (a guess would credit rewards to the wrong states)"
        )
    return mode


def card_of(env: gym.Env[Any, Any] | VectorEnv[Any, Any, Any]) -> Card | None:
    """Return the card of a scalar or vector env, through wrappers; None if it has none."""
    base: Any = env.unwrapped
    if isinstance(base, SyncVectorEnv):
        return card_of(base.envs[0])
    if isinstance(base, AsyncVectorEnv):  # asking a worker for an absent attribute would kill it
        probe = base.env_fns[0]()
        try:
            return card_of(probe)
        finally:
            probe.close()
    card = getattr(base, "card", None)
    return card if isinstance(card, Card) else None


def infos_of_one(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return what :class:`TransitionTracker` reads of a scalar env's info, as that of a batch."""
    features = info.get("features", {})
    infos: dict[str, Any] = {
        "features": {name: np.asarray(value)[None] for name, value in features.items()}
    }
    if "true_reward" in info:
        infos["true_reward"] = np.asarray([info["true_reward"]], np.float64)
    return infos


class TransitionTracker:
    """Remembers where each row is, and turns steps into transitions.

    Arrays are passed on without a copy where no episode ended, so the env must return fresh arrays
    at each step (Gymnasium's default); ``copy`` is for envs that reuse theirs.
    """

    def __init__(
        self,
        *,
        observation_space: gym.Space[Any],
        num_envs: int,
        autoreset_mode: AutoresetMode,
        copy: bool = False,
    ) -> None:
        """Create a tracker without episodes; :meth:`reset` starts them.

        Args:
            observation_space: Space of one observation: an array space, or a Dict of them.
            num_envs: Number of rows.
            autoreset_mode: What the env returns when an episode ends.
            copy: True if the env writes into arrays it returned before.

        Raises:
            TypeError: If observations are not arrays.
        """
        leaves = (
            observation_space.spaces
            if isinstance(observation_space, gym.spaces.Dict)
            else {"observation": observation_space}
        )
        for name, leaf in leaves.items():
            if not isinstance(leaf, _ARRAY_SPACES):
                raise TypeError(
                    f"{name!r} has space {leaf}, which has no array form; drop it with "
                    "gymnasium.wrappers.FilterObservation or flatten it with FlattenObservation"
                )
        self._space, self._num, self._mode, self._copy = (
            observation_space,
            num_envs,
            autoreset_mode,
            copy,
        )
        self._rows = np.arange(num_envs)
        self._obs: Obs | None = None
        self._features: Features = {}
        self._episode_step = np.zeros(num_envs, np.int64)
        # Rows whose episode is over; stepping them is a pseudo-step in NEXT_STEP mode, an error in
        # DISABLED mode, and SAME_STEP mode has none.
        self._ended = np.zeros(num_envs, np.bool_)

    def reset(self, obs: Any, infos: Mapping[str, Any], mask: Bool | None = None) -> Bool:
        """Start episodes.

        Args:
            obs: The batch ``env.reset`` returned.
            infos: Its infos.
            mask: The ``reset_mask`` option, (N,) bool; None if all rows were reset.

        Returns:
            (N,) bool, the rows that start an episode.
        """
        started = np.ones(self._num, np.bool_) if mask is None else np.array(mask, np.bool_)
        batch = self._batch(obs)
        features: Features = _features(infos, started)
        if self._obs is None or started.all():
            self._obs, self._features = batch, features
        else:
            rows = np.flatnonzero(started)
            self._obs = _replaced(self._obs, rows, take_rows(batch, rows))
            self._features = _replaced_features(self._features, rows, features)
        self._episode_step = np.where(started, 0, self._episode_step)
        self._ended = self._ended & ~started
        return started

    def step(
        self,
        action: Any,
        obs: Any,
        reward: npt.ArrayLike,
        terminated: npt.ArrayLike,
        truncated: npt.ArrayLike,
        infos: Mapping[str, Any],
    ) -> Transition:
        """Return the transitions of one ``env.step``; rows in pseudo-steps are left out.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset, and in DISABLED mode if a row goes
                on after its episode ended.
            OperantError: If the env withholds final observations or features, or pays something
                else than the true reward that its infos tell.
        """
        if self._obs is None:
            raise gym.error.ResetNeeded("call env.reset() before env.step()")
        terminated, truncated = np.asarray(terminated, np.bool_), np.asarray(truncated, np.bool_)
        done = terminated | truncated
        _require_true(reward, infos, ~done)
        batch = self._batch(obs)
        features: Features = _features(infos, np.ones(self._num, np.bool_))
        _same_names(self._features, features)
        next_obs, next_features = batch, features
        if self._mode is AutoresetMode.SAME_STEP and done.any():
            next_obs, next_features = self._finals(batch, features, infos, done)
        transition = Transition(
            obs=self._obs,
            action=np.asarray(action),
            next_obs=next_obs,
            reward=np.asarray(reward, np.float64),
            terminated=terminated,
            truncated=truncated,
            features=next_features,
            prev_features=self._features,
            env_ids=self._rows,
            episode_step=self._episode_step,
        )
        if self._ended.any():
            transition = self._without_ended(transition)
        self._obs, self._features = batch, features
        self._episode_step = np.where(done | self._ended, 0, self._episode_step + 1)
        self._ended = done & (self._mode is not AutoresetMode.SAME_STEP)
        return transition

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything needed to continue mid-episode, as arrays.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset.
        """
        if self._obs is None:
            raise gym.error.ResetNeeded("call env.reset() before saving the state")
        obs = self._obs if isinstance(self._obs, dict) else {"": self._obs}
        return {
            "episode_step": self._episode_step,
            "ended": self._ended,
            **{f"obs/{name}": value for name, value in obs.items()},
            **{f"features/{name}": value for name, value in self._features.items()},
        }

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned."""
        self._episode_step, self._ended = state["episode_step"], state["ended"]
        obs = section(state, "obs")
        self._obs = obs if isinstance(self._space, gym.spaces.Dict) else obs[""]
        self._features = section(state, "features")

    def _batch(self, obs: Any) -> Obs:
        if isinstance(obs, dict):
            return {name: np.array(value, copy=self._copy or None) for name, value in obs.items()}
        return np.array(obs, copy=self._copy or None)

    def _finals(
        self, obs: Obs, features: Features, infos: Mapping[str, Any], done: Bool
    ) -> tuple[Obs, Features]:
        """Put the last states of the episodes that ended in the place of the first of the next."""
        if "final_obs" not in infos:
            raise OperantError(
                "the env is in SAME_STEP mode and ended an episode without infos['final_obs']: "
                "the true successor is lost"
            )
        rows = np.flatnonzero(done)
        last = stack_rows([infos["final_obs"][row] for row in rows.tolist()])
        last_features = _features(infos.get("final_info", {}), done)
        return _replaced(obs, rows, last), _replaced_features(features, rows, last_features)

    def _without_ended(self, t: Transition) -> Transition:
        if self._mode is AutoresetMode.DISABLED:
            raise gym.error.ResetNeeded(
                f"the episodes of rows {np.flatnonzero(self._ended).tolist()} have ended; call "
                "env.reset(), or env.reset(options={'reset_mask': ended}) on a vector env"
            )
        rows = np.flatnonzero(~self._ended)
        return Transition(
            obs=take_rows(t.obs, rows),
            action=t.action[rows],
            next_obs=take_rows(t.next_obs, rows),
            reward=t.reward[rows],
            terminated=t.terminated[rows],
            truncated=t.truncated[rows],
            features={name: value[rows] for name, value in t.features.items()},
            prev_features={name: value[rows] for name, value in t.prev_features.items()},
            env_ids=rows,
            episode_step=t.episode_step[rows],
        )


def _require_true(reward: npt.ArrayLike, infos: Mapping[str, Any], rows: Bool) -> None:
    """Make sure that a reward is the true one, where infos tell it.

    Only rows whose episode goes on are looked at: elsewhere, infos may be those of the next one.
    """
    told = infos.get("true_reward")
    if told is None:
        return
    paid = np.asarray(reward, np.float64)
    wrong = (np.asarray(told, np.float64) != paid) & rows & infos.get("_true_reward", True)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise OperantError(
            f"the env pays {paid[row]:g} in row {row} where its true reward is "
            f"{np.asarray(told)[row]:g}; a design takes the env's reward for the true one, so make "
            "the env with that (without reward=, program= or a wrapper that changes rewards)"
        )


def _features(infos: Mapping[str, Any], rows: Bool) -> dict[str, npt.NDArray[Any]]:
    """Read ``infos["features"]``; names that start with ``_`` are Gymnasium's masks."""
    published = dict(infos.get("features", {}))
    masked = any(name[:1] == "_" for name in published)
    features = {}
    for name, value in published.items():
        if name[:1] == "_":
            continue
        mask = published.get(f"_{name}") if masked else None
        if mask is not None and not mask[rows].all():
            raise OperantError(f"the env publishes feature {name!r} for some rows only")
        array = np.asarray(value)
        # Gymnasium batches what it does not know (np.bool_, say) as objects.
        features[name] = array.astype(np.float64) if array.dtype == object else array
    return features


def _same_names(before: Features, after: Features) -> None:
    if before.keys() != after.keys():
        raise OperantError(
            f"the env published features {sorted(before)} and then {sorted(after)}; it must "
            "publish the same ones at reset, at each step and in final_info"
        )


def _replaced(batch: Obs, rows: npt.NDArray[np.intp], values: Obs) -> Obs:
    if isinstance(batch, dict) and isinstance(values, dict):
        return {name: _replaced_array(value, rows, values[name]) for name, value in batch.items()}
    return _replaced_array(np.asarray(batch), rows, np.asarray(values))


def _replaced_features(old: Features, rows: npt.NDArray[np.intp], new: Features) -> Features:
    _same_names(old, new)
    return {name: _replaced_array(value, rows, new[name][rows]) for name, value in old.items()}


def _replaced_array(
    array: npt.NDArray[Any], rows: npt.NDArray[np.intp], values: npt.NDArray[Any]
) -> npt.NDArray[Any]:
    copy = array.copy()
    copy[rows] = values
    return copy
