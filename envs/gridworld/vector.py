"""A gridworld as a native batched Gymnasium vector env."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from operant.envs.gridworld.engine import NEXT_STEP, NO_RESET, SAME_STEP, Family
from operant.envs.gridworld.render import render_rgb
from operant.envs.gridworld.simulator import Simulator
from operant.envs.gridworld.spaces import action_space, observation_space
from operant.types import Card

_MODES = {
    AutoresetMode.NEXT_STEP: NEXT_STEP,
    AutoresetMode.SAME_STEP: SAME_STEP,
    AutoresetMode.DISABLED: NO_RESET,
}


class GridVectorEnv(VectorEnv[dict[str, Any], npt.NDArray[np.int64], npt.NDArray[Any]]):
    """N levels stepped by one compiled call; row i equals the scalar env seeded s + i.

    Infos: ``features`` (name -> (N,), of the returned observations), ``true_reward`` and
    ``success`` (N,) of the step just taken; in SAME_STEP mode ``final_obs`` and ``final_info``
    where an episode ended. Each key has Gymnasium's ``_key`` mask.
    """

    def __init__(
        self,
        *,
        num_envs: int,
        family: Family,
        size: int,
        height: int | None = None,
        max_steps: int | None = None,
        max_episode_steps: int | None = None,
        layout: str = "operant",
        reward: str = "sparse",
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
    ) -> None:
        """Create the env.

        Args:
            num_envs: N >= 1.
            family: Kind of level.
            size: Cells in x, outer walls included.
            height: Cells in y; None for a square.
            max_steps: Time limit in env steps, or None for the family's.
            max_episode_steps: Cuts episodes like the ``TimeLimit`` that ``gym.make`` adds for it.
            layout: ``"operant"`` or ``"minigrid"``.
            reward: ``"sparse"`` or ``"minigrid"``.
            autoreset_mode: Gymnasium's ``AutoresetMode`` or its value.
            render_mode: ``"rgb_array"`` or None.

        Raises:
            ValueError: If an argument is outside its range.
        """
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode must be 'rgb_array' or None, got {render_mode!r}")
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {
            "render_modes": ["rgb_array"],
            "render_fps": 8,
            "autoreset_mode": self.autoreset_mode,
        }
        self.num_envs, self.render_mode = num_envs, render_mode
        self.simulator = Simulator(
            family,
            num=num_envs,
            width=size,
            height=size if height is None else height,
            max_steps=max_steps,
            outer_limit=max_episode_steps,
            layout=layout,
            reward=reward,
        )
        self.single_observation_space: gym.Space[Any] = observation_space()
        self.single_action_space: gym.Space[Any] = action_space()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._ready = False

    @property
    def card(self) -> Card:
        """The env's card, with its feature table."""
        family, size = self.simulator.family, self.simulator.size
        return family.card(self.spec.id if self.spec else family.name, size, self.simulator.table)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start episodes.

        Args:
            seed: ``s`` seeds row i with s + i; a list seeds rows whose entry is not None; None
                continues every stream.
            options: ``{"reset_mask": (N,) bool}`` resets only those rows.

        Raises:
            ValueError: If seeds or mask have the wrong length, or the first reset is partial.
        """
        mask = np.ones(self.num_envs, np.bool_)
        if options and "reset_mask" in options:
            mask = np.asarray(options["reset_mask"], np.bool_)
            if mask.shape != (self.num_envs,):
                raise ValueError(f"reset_mask must have shape ({self.num_envs},), got {mask.shape}")
        if not self._ready and not mask.all():
            raise ValueError("reset_mask must be all True at the first reset: no row has a level")
        seeds = self._seeds(seed)
        self.simulator.seed([s if mask[i] else None for i, s in enumerate(seeds)])
        self.simulator.reset(mask)
        self._ready = True
        return self._obs(), self._with_masks({"features": self._features()}, mask)

    def step(
        self, actions: npt.NDArray[np.int64]
    ) -> tuple[
        dict[str, Any], npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], dict[str, Any]
    ]:
        """Step all rows.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset; in DISABLED mode after an end.
            ValueError: If an action is not in [0, 6] or the batch has the wrong length.
        """
        out = self.simulator.out
        mode = _MODES[self.autoreset_mode]
        if not self._ready or (mode == NO_RESET and out.pending.any()):
            raise gym.error.ResetNeeded(
                "an env has no running episode; call reset(), or in DISABLED mode "
                "reset(options={'reset_mask': ended})"
            )
        actions = np.asarray(actions)
        if actions.dtype.kind not in "iu":
            raise ValueError(f"actions must be integers, got dtype {actions.dtype}")
        actions = np.ascontiguousarray(actions, np.int64)
        if actions.shape != (self.num_envs,) or actions.min() < 0 or actions.max() > 6:
            raise ValueError(
                f"actions must be {self.num_envs} integers in [0, 6], got shape {actions.shape} "
                f"with values in [{actions.min(initial=0)}, {actions.max(initial=0)}]"
            )
        self.simulator.step(actions, mode)
        reward, terminated, truncated = (
            out.reward.copy(),
            out.terminated.copy(),
            out.truncated.copy(),
        )
        return self._obs(), reward, terminated, truncated, self._infos(terminated | truncated)

    def render(self) -> tuple[Any, ...] | None:
        """Return one (H, W, 3) uint8 frame per row, or None without a render mode."""
        if self.render_mode is None:
            return None
        world, size = self.simulator.world, self.simulator.size
        return tuple(render_rgb(world, n, size) for n in range(self.num_envs))

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything that decides the future, the random streams included."""
        return self.simulator.get_state()

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned."""
        self.simulator.set_state(state)
        self._ready = True

    def _seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        if isinstance(seed, (int, np.integer)):
            return [int(seed) + i for i in range(self.num_envs)]
        seeds: list[int | None] = [None] * self.num_envs if seed is None else list(seed)
        if len(seeds) != self.num_envs:
            raise ValueError(f"seed must be an int or {self.num_envs} entries, got {len(seeds)}")
        if not self._ready:  # rows without a seed still need a stream of their own
            fresh = self.np_random.integers(2**31, size=self.num_envs)
            seeds = [int(fresh[i]) if s is None else s for i, s in enumerate(seeds)]
        return seeds

    def _obs(self) -> dict[str, Any]:
        out = self.simulator.out
        return {"image": out.image.copy(), "direction": out.direction.copy()}

    def _features(self) -> dict[str, Any]:
        return dict(self.simulator.features(self.simulator.out.features))

    def _infos(self, done: npt.NDArray[np.bool_]) -> dict[str, Any]:
        """Describe the step: per-step values for all rows, final ones where an episode ended."""
        out = self.simulator.out
        everywhere = np.ones(self.num_envs, np.bool_)
        true_reward = out.reward.copy()
        infos: dict[str, Any] = {"features": self._features(), "true_reward": true_reward}
        infos = self._with_masks(infos | {"success": out.success.copy()}, everywhere)
        if self.autoreset_mode is AutoresetMode.SAME_STEP and done.any():
            final: npt.NDArray[Any] = np.full(self.num_envs, None, object)
            for n in np.flatnonzero(done):
                direction = np.int64(out.final_direction[n])
                final[n] = {"image": out.final_image[n].copy(), "direction": direction}
            last = {
                "features": dict(self.simulator.features(out.final_features)),
                "true_reward": true_reward.copy(),
                "success": infos["success"].copy(),
            }
            last = self._with_masks(last, done)
            infos |= self._with_masks({"final_obs": final, "final_info": last}, done)
        return infos

    @staticmethod
    def _with_masks(infos: dict[str, Any], mask: npt.NDArray[np.bool_]) -> dict[str, Any]:
        return infos | {f"_{key}": mask.copy() for key in infos}
