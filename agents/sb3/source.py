"""A Stable-Baselines3 ``VecEnv`` as a Gymnasium vector env: the inverse of ``vec_env``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from stable_baselines3.common.env_util import is_wrapped
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecNormalize
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from operant.agents.base import AnyVectorEnv
from operant.agents.sb3.vec_env import SB3VecEnv
from operant.types import Bool
from operant.wrapping import autoreset_mode

_BATCHED = ("reward_terms", "true_reward", "action_mask")


class VecEnvSource(VectorEnv[Any, Any, Any]):
    """Steps a ``VecEnv`` in SAME_STEP mode, and reports what its infos say in Gymnasium's words.

    ``terminal_observation`` becomes ``final_obs``, ``TimeLimit.truncated`` is told apart from the
    end of the MDP, ``episode`` and ``is_success`` (as ``success``) are batched, and so are action
    masks: of a method ``action_masks()`` of each env, or of ``action_mask`` in the infos.

    Attributes:
        vec: The ``VecEnv``.
        rows: The infos of the last step as ``VecEnv`` gave them, one dict per row.
    """

    def __init__(self, vec: VecEnv) -> None:
        """Wrap an env."""
        self.vec, self.num_envs = vec, vec.num_envs
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.render_mode = vec.render_mode
        self.single_observation_space = vec.observation_space
        self.single_action_space = vec.action_space
        self.observation_space = batch_space(vec.observation_space, vec.num_envs)
        self.action_space = batch_space(vec.action_space, vec.num_envs)
        self.rows: Sequence[dict[str, Any]] = []
        base = vec.unwrapped
        self._batched = base if isinstance(base, SB3VecEnv) else None
        self._asks = self._batched is None and vec.has_attr("action_masks")

    def reset(
        self,
        *,
        seed: int | list[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Start a new episode in every row: row i with ``seed + i``."""
        if isinstance(seed, int):
            self.vec.seed(seed)
        if options is not None:
            self.vec.set_options(options)
        obs = self.vec.reset()
        infos = dict(self._batched.initial_infos) if self._batched is not None else {}
        return obs, self._with_masks(_chosen(infos), self.vec.reset_infos)

    def step(
        self, actions: npt.NDArray[Any]
    ) -> tuple[Any, npt.NDArray[Any], Bool, Bool, dict[str, Any]]:
        """Step all rows."""
        obs, rewards, dones, rows = self.vec.step(actions)
        self.rows = rows
        dones = np.asarray(dones, np.bool_)
        truncated = np.zeros(self.num_envs, np.bool_)
        ended = np.flatnonzero(dones).tolist()
        for row in ended:
            truncated[row] = bool(rows[row].get("TimeLimit.truncated", False))
        infos: dict[str, Any] = {}
        if self._batched is not None and self._batched.last_step is not None:
            infos = _chosen(self._batched.last_step[-1])
        if ended:
            infos |= _final(rows, ended, dones)
        return obs, rewards, dones & ~truncated, truncated, self._with_masks(infos, self._after())

    def _after(self) -> Sequence[Mapping[str, Any]]:
        """Return per row the info of the observation that stands now."""
        starts = self.vec.reset_infos
        return [
            starts[row] if "terminal_observation" in info else info
            for row, info in enumerate(self.rows)
        ]

    def _with_masks(
        self, infos: dict[str, Any], rows: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        if self._asks:
            return {**infos, "action_mask": np.stack(self.vec.env_method("action_masks"))}
        if "action_mask" not in infos and rows and all("action_mask" in row for row in rows):
            return {**infos, "action_mask": np.stack([row["action_mask"] for row in rows])}
        return infos

    def render(self) -> Any:
        """Return a frame per row."""
        return tuple(self.vec.get_images())

    def close(self, **kwargs: Any) -> None:  # noqa: ARG002
        """Close the env."""
        self.vec.close()


class Unsteppable(SB3VecEnv):
    """What SB3's helpers may ask of a vector env whose autoreset ``VecEnv`` cannot express."""

    def __init__(self, env: AnyVectorEnv) -> None:
        """Wrap an env in any autoreset mode."""
        self.env = env  # first: VecEnv asks it for its render_mode
        VecEnv.__init__(self, env.num_envs, env.single_observation_space, env.single_action_space)

    def reset(self) -> Any:
        """Refuse; see :meth:`step_wait`."""
        return self.step_wait()

    def step_wait(self) -> VecEnvStepReturn:
        """Refuse.

        Raises:
            RuntimeError: With the remedy.
        """
        raise RuntimeError(
            "autoreset_mode must be SAME_STEP for an env that is stepped as a VecEnv: it is how "
            "VecEnv resets. Build it with gymnasium.make_vec(id, num_envs=N, "
            "autoreset_mode=AutoresetMode.SAME_STEP), or step the vector env itself"
        )


def looped(env: gym.Env[Any, Any]) -> VecEnv:
    """Return a scalar env as a ``VecEnv`` of one row, with SB3's monitor of episodes."""
    monitored = env if is_wrapped(env, Monitor) else Monitor(env)
    return DummyVecEnv([lambda: monitored])


def as_vec_env(env: AnyVectorEnv) -> VecEnv:
    """Return a Gymnasium vector env as a ``VecEnv``: the one inside it, or an adapter around it."""
    if isinstance(env, VecEnvSource):
        return env.vec
    same_step = autoreset_mode(env) is AutoresetMode.SAME_STEP
    return SB3VecEnv(env) if same_step else Unsteppable(env)


def is_vec_env(env: object) -> bool:
    """Tell whether something is a ``VecEnv``."""
    return isinstance(env, VecEnv)


def vec_normalize(vec: VecEnv | None) -> VecNormalize | None:
    """Return the outermost ``VecNormalize`` around an env, or None."""
    while vec is not None:
        if isinstance(vec, VecNormalize):
            return vec
        vec = getattr(vec, "venv", None)
    return None


def _chosen(infos: Mapping[str, Any]) -> dict[str, Any]:
    names = [name for name in _BATCHED if name in infos]
    return {name: infos[name] for name in names} | {
        f"_{name}": infos[f"_{name}"] for name in names if f"_{name}" in infos
    }


def _final(rows: Sequence[Mapping[str, Any]], ended: list[int], dones: Bool) -> dict[str, Any]:
    """Return what the infos of ended rows say, batched."""
    infos: dict[str, Any] = {}
    if all("terminal_observation" in rows[row] for row in ended):
        final = np.full(len(rows), None, object)
        for row in ended:
            final[row] = rows[row]["terminal_observation"]
        infos |= {"final_obs": final, "_final_obs": dones}
    if all("episode" in rows[row] for row in ended):
        episode = {key: np.zeros(len(rows)) for key in ("r", "l", "t")}
        for row in ended:
            for key, values in episode.items():
                values[row] = rows[row]["episode"].get(key, 0.0)
        infos |= {"episode": episode, "_episode": dones}
    if all("is_success" in rows[row] for row in ended):
        success = np.zeros(len(rows), np.bool_)
        success[ended] = [bool(rows[row]["is_success"]) for row in ended]
        infos |= {"success": success, "_success": dones}
    return infos
