"""The rows of a world as a batched Gymnasium vector env."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from operant.envs.batched.rows import reset_mask, row_seeds, with_masks
from operant.envs.batched.scalar import checked_action
from operant.envs.batched.world import BatchWorld
from operant.types import Bool, Card, Int, Obs


class WorldVectorEnv(VectorEnv[Any, Any, npt.NDArray[Any]]):
    """N rows of a world; row i equals the scalar env seeded s + i.

    Infos: ``features`` (name -> (N, ...), of the returned observations), ``true_reward``,
    ``success`` and the world's extras, (N, ...), of the step just taken; in SAME_STEP mode
    ``final_obs`` and ``final_info`` where an episode ended. Each key has Gymnasium's ``_key`` mask,
    which is False where NEXT_STEP mode only reset a row.
    """

    def __init__(
        self,
        world: BatchWorld,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
    ) -> None:
        """Take over a world.

        Args:
            world: The world.
            autoreset_mode: Gymnasium's ``AutoresetMode`` or its value.
            render_mode: ``"rgb_array"`` or None.

        Raises:
            ValueError: If the mode is unknown.
        """
        self.world, self.render_mode, self.num_envs = world, render_mode, world.num
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode must be 'rgb_array' or None, got {render_mode!r}")
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {
            "render_modes": ["rgb_array"],
            "render_fps": world.FPS,
            "autoreset_mode": self.autoreset_mode,
        }
        self.single_observation_space = world.observation_space
        self.single_action_space = world.action_space
        self.observation_space = batch_space(world.observation_space, world.num)
        self.action_space = batch_space(world.action_space, world.num)
        self._all: Int = np.arange(world.num)
        self._pending = np.zeros(world.num, np.bool_)  # ended rows that were not reset yet
        self._ready = False

    @property
    def card(self) -> Card:
        """The env's card, with its feature table."""
        return self.world.card(self.spec.id if self.spec else type(self.world).__name__)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Start episodes.

        Args:
            seed: ``s`` seeds row i with s + i; a list seeds rows whose entry is not None; None
                continues every stream.
            options: ``{"reset_mask": (N,) bool}`` resets only those rows.

        Raises:
            ValueError: If seeds or mask have the wrong length or type, an option is unknown, or the
                first reset is partial.
        """
        mask = reset_mask(options, self.num_envs, ready=self._ready)
        seeds = row_seeds(seed, self.num_envs, None if self._ready else self.np_random)
        self.world.seed([s if mask[row] else None for row, s in enumerate(seeds)])
        self.world.reset(np.flatnonzero(mask))
        self._ready = True
        self._pending[mask] = False
        return self._obs(), with_masks({"features": _copied(self.world.out.features)}, mask)

    def step(
        self, actions: Any
    ) -> tuple[Any, npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], dict[str, Any]]:
        """Step all rows.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset; in DISABLED mode after an end.
            ValueError: If an action is not in the action space or the batch has the wrong length;
                no row has moved then.
        """
        disabled = self.autoreset_mode is AutoresetMode.DISABLED
        if not self._ready or (disabled and self._pending.any()):
            raise gym.error.ResetNeeded(
                "an env has no running episode; call reset(), or in DISABLED mode "
                "reset(options={'reset_mask': ended})"
            )
        batch = self._checked(actions)
        world, out = self.world, self.world.out
        moved = ~self._pending
        rows = self._all if moved.all() else np.flatnonzero(moved)
        if len(rows):
            world.step(rows, batch[rows])
        if not moved.all():
            world.reset(np.flatnonzero(~moved))
        done = out.terminated | out.truncated
        judged = out.reward.copy(), out.terminated.copy(), out.truncated.copy()
        told = {"true_reward": out.true_reward, "success": out.success, **out.extras}
        infos = with_masks(_copied(told), moved)
        if self.autoreset_mode is AutoresetMode.SAME_STEP:
            if done.any():
                infos |= self._final(infos, done)
                world.reset(np.flatnonzero(done))
        else:
            self._pending = done
        infos |= with_masks({"features": _copied(out.features)}, np.ones_like(moved))
        return self._obs(), *judged, infos

    def render(self) -> tuple[Any, ...] | None:
        """Return one (H, W, 3) uint8 frame per row, or None without a render mode."""
        if self.render_mode is None:
            return None
        return tuple(self.render_row(row) for row in range(self.num_envs))

    def render_row(self, row: int) -> npt.NDArray[np.uint8]:
        """Return the (H, W, 3) uint8 frame of one row, in any render mode.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset.
            ValueError: If there is no such row.
        """
        if not self._ready:
            raise gym.error.ResetNeeded("call reset() before rendering: no row has an episode")
        if not 0 <= row < self.num_envs:
            raise ValueError(f"row must lie in [0, {self.num_envs - 1}], got {row}")
        return self.world.frame(row)

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything that decides the future, the random streams included."""
        return {"pending": self._pending.copy(), **self.world.get_state()}

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned.

        Raises:
            ValueError: If it is of another number of rows, or has rows that wait for a reset which
                this env's autoreset mode does not do.
        """
        if self.autoreset_mode is AutoresetMode.SAME_STEP and state["pending"].any():
            raise ValueError(
                "the state has episodes that are over and wait for the next step (autoreset mode "
                "NEXT_STEP or DISABLED); set it in an env of that mode"
            )
        self.world.set_state({key: value for key, value in state.items() if key != "pending"})
        self._pending, self._ready = state["pending"].copy(), True

    def close_extras(self, **kwargs: Any) -> None:  # noqa: ARG002 (Gymnasium's signature)
        """Give back what the world holds; the env cannot be used after it."""
        self._ready = False
        self.world.close()

    def __getattr__(self, name: str) -> Any:
        """Return what the world offers beside, such as ``compute_reward`` of goal tasks."""
        if name.startswith("_") or name == "world" or name not in self.world.OFFERS:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.world, name)

    def _checked(self, actions: Any) -> npt.NDArray[Any]:
        """Return a batch of actions as an array, after looking at every one."""
        space = self.single_action_space
        shape = (self.num_envs, *(space.shape or ()))
        try:
            batch = np.asarray(actions)
        except ValueError as error:  # a ragged list
            raise ValueError(f"actions must have shape {shape}: {error}") from None
        if batch.shape != shape:
            raise ValueError(f"actions must have shape {shape}, got {batch.shape}")
        if isinstance(space, gym.spaces.Discrete):
            fine = (
                batch.dtype.kind in "iu"
                and ((batch >= space.start) & (batch < space.start + space.n)).all()
            )
            kind: Any = np.int64
        else:
            kind = space.dtype
            fine = batch.dtype.kind in "iuf" and np.isfinite(batch).all()
        if not fine:
            for action in batch:
                checked_action(space, action)  # names the one that is wrong
            raise ValueError(f"actions must be {shape} numbers, got dtype {batch.dtype}")
        return batch.astype(kind, copy=False)

    def _obs(self) -> Any:
        return _copied(self.world.out.obs)

    def _final(self, infos: Mapping[str, Any], done: Bool) -> dict[str, Any]:
        """Return the last observations and infos of the episodes that just ended."""
        out = self.world.out
        final: npt.NDArray[Any] = np.full(self.num_envs, None, object)
        for row in np.flatnonzero(done).tolist():
            final[row] = _row_of(out.obs, row)
        last = {key: _copied(value) for key, value in infos.items() if key[0] != "_"}
        last["features"] = _copied(out.features)
        return with_masks({"final_obs": final, "final_info": with_masks(last, done)}, done)


def _copied(values: Any) -> Any:
    if isinstance(values, Mapping):
        return {name: value.copy() for name, value in values.items()}
    return values.copy()


def _row_of(obs: Obs, row: int) -> Any:
    if isinstance(obs, dict):
        return {key: value[row].copy() for key, value in obs.items()}
    return obs[row].copy()
