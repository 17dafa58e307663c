"""A Gymnasium vector env, seen through Stable-Baselines3's ``VecEnv`` interface."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from stable_baselines3.common.env_util import is_wrapped
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import (
    VecEnvIndices,
    VecEnvObs,
    VecEnvStepReturn,
)

from operant.agents.base import AnyVectorEnv, Arrays, require_same_step
from operant.arrays import section
from operant.types import Bool, Float
from operant.wrapping import final_success, has_state, layers, true_rewards

Step = tuple[Any, Float, Bool, Bool, dict[str, Any]]


class RunningInfo(dict[str, Any]):
    """The empty info shared by all rows whose episode goes on. It refuses to be written to."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError(
            "infos of rows whose episode goes on are one shared read-only dict; "
            "replace the entry instead: infos[i] = {**infos[i], ...}"
        )

    __setitem__ = __delitem__ = __ior__ = update = setdefault = pop = popitem = clear = _refuse


RUNNING = RunningInfo()


class SB3VecEnv(VecEnv):
    """Steps N envs as one batch; per-row dicts exist only for rows whose episode just ended.

    Such a row's info holds ``terminal_observation`` (the true last observation, a copy),
    ``TimeLimit.truncated`` (truncated and not terminated), ``episode`` (``r``: return the agent was
    trained on, ``l``: env steps, ``t``: seconds since construction), ``true_return`` (the same sum
    over ``true_reward``, where the env publishes it), and ``is_success`` where the env publishes
    ``success``. All other infos are one shared read-only empty dict; what the env itself reported
    is in :attr:`last_step`, batched.

    Attributes:
        env: The Gymnasium vector env, in ``SAME_STEP`` autoreset mode.
        last_step: The last step in Gymnasium's format (obs, reward, terminated, truncated, infos).
        initial_infos: Infos of the last :meth:`reset`, in Gymnasium's batched format.
    """

    def __init__(self, env: AnyVectorEnv) -> None:
        """Wrap an env.

        Raises:
            ValueError: If its autoreset mode is not ``SAME_STEP``.
        """
        require_same_step(env)
        self.env = env
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)
        self.last_step: Step | None = None
        self.initial_infos: dict[str, Any] = {}
        self._actions: npt.NDArray[Any] = np.zeros(0)
        self._returns = np.zeros(self.num_envs)
        self._true_returns = np.zeros(self.num_envs)
        self._lengths = np.zeros(self.num_envs, np.int64)
        self._start = time.time()

    # ---- stepping ---------------------------------------------------------------------------

    def reset(self) -> VecEnvObs:
        """Start a new episode in every row, with the seeds and options set before."""
        obs, self.initial_infos = self.env.reset(
            seed=self._next_seed(),  # type: ignore[arg-type]  # loops over envs take lists too
            options=self._next_options(),
        )
        self.reset_infos = [row_info(self.initial_infos, row) for row in range(self.num_envs)]
        self._reset_seeds()
        self._reset_options()
        self._returns[:] = self._true_returns[:] = self._lengths[:] = 0
        self.last_step = None
        return obs  # type: ignore[no-any-return]

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        """Take the actions, (N, ...)."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Step; rewards are float32 (N,), dones bool (N,), infos a fresh list of N dicts."""
        self.last_step = obs, rewards, terminated, truncated, infos = self.env.step(self._actions)
        dones = terminated | truncated
        self._returns += rewards
        self._true_returns += true_rewards(rewards, dones, infos)
        self._lengths += 1
        row_infos: list[dict[str, Any]] = [RUNNING] * self.num_envs
        for row in np.flatnonzero(dones).tolist():
            row_infos[row] = self._end_of_episode(row, not terminated[row], infos)
        self._returns[dones] = self._true_returns[dones] = self._lengths[dones] = 0
        return obs, rewards.astype(np.float32), dones, row_infos

    def _end_of_episode(self, row: int, timeout: bool, infos: dict[str, Any]) -> dict[str, Any]:
        info = {
            "terminal_observation": _copied(infos["final_obs"][row]),
            "TimeLimit.truncated": timeout,
            "episode": {
                "r": float(self._returns[row]),
                "l": int(self._lengths[row]),
                "t": round(time.time() - self._start, 6),
            },
            "true_return": float(self._true_returns[row]),
        }
        success = final_success(infos)
        if success is not None:
            info["is_success"] = bool(success[row])
        return info

    def _next_seed(self) -> int | list[int | None] | None:
        """Return the seeds as one integer s where row i has s + i: all that native envs take."""
        first = self._seeds[0]
        if all(seed is None for seed in self._seeds):
            return None
        consecutive = first is not None and self._seeds == [first + i for i in range(self.num_envs)]
        return first if consecutive else list(self._seeds)

    def _next_options(self) -> dict[str, Any] | None:
        """Return the options, which a batched env takes once for all rows."""
        if any(options != self._options[0] for options in self._options):
            raise ValueError(
                "options must be equal for all rows, because the batched env takes one dict; "
                "pass set_options a dict instead of a list"
            )
        return self._options[0] or None

    # ---- the rest of the interface ----------------------------------------------------------

    def close(self) -> None:
        """Close the env."""
        self.env.close()

    def get_images(self) -> Sequence[npt.NDArray[np.uint8] | None]:
        """Return one RGB frame per row; needs ``render_mode="rgb_array"``."""
        return list(self.env.render() or ())

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Return an attribute per row; a batched env has one value for all rows.

        Raises:
            AttributeError: If neither the env, nor what it wraps, nor its sub-envs have it.
        """
        rows = self._rows(indices)
        for layer in layers(self.env):
            if hasattr(layer, attr_name):
                return [getattr(layer, attr_name)] * len(rows)
        if hasattr(self.env.unwrapped, "get_attr"):  # one Python object per row
            values = self.env.unwrapped.get_attr(attr_name)
            return [values[row] for row in rows]
        raise AttributeError(f"{self.env} has no attribute {attr_name!r}")

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute of the env inside all wrappers, for all rows.

        Raises:
            ValueError: If only some rows are named and the env holds one value for all.
        """
        inner, rows = self.env.unwrapped, self._rows(indices)
        if hasattr(inner, "envs"):
            for row in rows:
                inner.envs[row].set_wrapper_attr(attr_name, value)
        elif len(set(rows)) < self.num_envs:
            raise ValueError(
                f"indices must name all {self.num_envs} rows of a batched env, got {rows}"
            )
        else:
            setattr(inner, attr_name, value)

    def env_method(
        self,
        method_name: str,
        *method_args: Any,
        indices: VecEnvIndices = None,
        **method_kwargs: Any,
    ) -> list[Any]:
        """Call a method, once for a batched env, and return its result per row."""
        rows = self._rows(indices)
        inner = self.env.unwrapped
        if hasattr(inner, "envs"):
            methods = [inner.envs[row].get_wrapper_attr(method_name) for row in rows]
            return [method(*method_args, **method_kwargs) for method in methods]
        result = self.get_attr(method_name)[0](*method_args, **method_kwargs)
        return [result] * len(rows)

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None
    ) -> list[bool]:
        """Tell per row whether a wrapper of that class is around the env."""
        rows = self._rows(indices)
        envs = getattr(self.env.unwrapped, "envs", None)
        if envs is not None:
            return [is_wrapped(envs[row], wrapper_class) for row in rows]
        return [any(isinstance(layer, wrapper_class) for layer in layers(self.env))] * len(rows)

    def _rows(self, indices: VecEnvIndices) -> list[int]:
        rows: Iterable[int] = self._get_indices(indices)
        return list(rows)

    # ---- state ------------------------------------------------------------------------------

    @property
    def has_state(self) -> bool:
        """True if the env and every wrapper around it can save and restore their state."""
        return has_state(self.env)

    def get_state(self) -> Arrays:
        """Return the state of the env and of the running episodes; needs :attr:`has_state`."""
        state: Arrays = {f"env/{name}": value for name, value in self.env.get_state().items()}  # type: ignore[attr-defined]
        return {
            **state,
            "returns": self._returns.copy(),
            "true_returns": self._true_returns.copy(),
            "lengths": self._lengths.copy(),
        }

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned."""
        inner = section(state, "env")
        self.env.set_state(inner)  # type: ignore[attr-defined]
        self._returns[:] = state["returns"]
        self._true_returns[:] = state["true_returns"]
        self._lengths[:] = state["lengths"]
        self._reset_seeds()


def row_info(infos: Mapping[str, Any], row: int) -> dict[str, Any]:
    """Return one row of Gymnasium's batched infos as the dict a scalar env would have given."""
    info: dict[str, Any] = {}
    for name, value in infos.items():
        if name.startswith("_") or not infos.get(f"_{name}", np.ones(row + 1, np.bool_))[row]:
            continue
        info[name] = row_info(value, row) if isinstance(value, Mapping) else value[row]
    return info


def _copied(obs: Any) -> Any:
    if isinstance(obs, Mapping):
        return {key: np.array(value) for key, value in obs.items()}
    return np.array(obs)
