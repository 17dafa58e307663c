"""A gridworld as a batched Gymnasium vector env whose arrays are torch tensors on a GPU."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from operant.envs.gridworld.cuda.batch import BY_COLUMN, CudaBatch, TensorColumns
from operant.envs.gridworld.cuda.kernels import BAD_ACTION, DRAW, OVER, SEED, Variant
from operant.envs.gridworld.cuda.launch import cuda_device
from operant.envs.gridworld.engine import (
    DRIFT,
    FEATURES,
    NEXT_STEP,
    NO_RESET,
    REGENERATE,
    SAME_STEP,
)
from operant.envs.gridworld.family import Family
from operant.envs.gridworld.render import render_rgb
from operant.envs.gridworld.vector import GridVectorEnv
from operant.types import Card

_MODES = {
    AutoresetMode.NEXT_STEP: NEXT_STEP,
    AutoresetMode.SAME_STEP: SAME_STEP,
    AutoresetMode.DISABLED: NO_RESET,
}


_ONLY = {
    "layout": "operant",
    "threads": 1,
    "program": None,
    "swappable": False,
    "optimum": False,
}
"""Arguments of ``GridVectorEnv`` that a GPU takes at one value only: others are work for the CPU's
generators, threads, compiler and solver."""


class CudaVectorEnv(VectorEnv[Any, Any, torch.Tensor]):
    """N levels on a GPU, one thread each; row i equals the CPU's row seeded s + i, bit by bit.

    Works like :class:`~operant.envs.gridworld.vector.GridVectorEnv` with tensors for arrays, also
    for masks, except where that would make the CPU wait for the GPU at every step:

    * In SAME_STEP mode ``final_obs`` and ``final_info`` are in every step's infos, as whole
      batches; rows are zeros where no episode ended (see the mask ``_final_obs``).
    * A wrong action (or in DISABLED mode a step after the end) raises in a later call, when the GPU
      has told. Its row did not move, but others did: the env then needs a reset.

    Tensors that were returned are the caller's: later steps do not change them. Images have the
    rows as their fastest axis; ``.contiguous()`` gives the usual order. States move between CPU and
    GPU by ``get_state`` and ``set_state``.
    """

    def __init__(
        self,
        *,
        num_envs: int,
        family: Family,
        device: str = "cuda",
        features: bool = True,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        **kwargs: Any,
    ) -> None:
        """Create the env.

        Args:
            num_envs: N >= 1.
            family: Kind of level.
            device: ``"cuda"`` or ``"cuda:<index>"``.
            features: False to leave ``infos["features"]`` out, which is faster.
            autoreset_mode: Gymnasium's ``AutoresetMode`` or its value.
            **kwargs: The other arguments of ``GridVectorEnv``; ``copy`` has no effect, and
                MiniGrid's layouts, threads, reward programs and the optimum are the CPU's.

        Raises:
            TypeError: If the family has no such option.
            ValueError: If an argument is outside its range, or there is no such device.
        """
        for name, value in _ONLY.items():
            if (given := kwargs.pop(name, value)) != value:
                raise ValueError(
                    f"{name} must be {value!r} on a GPU, got {given!r}; use device='cpu' for that"
                )
        if not isinstance(num_envs, (int, np.integer)) or num_envs < 1:
            raise ValueError(f"num_envs must be an integer >= 1, got {num_envs!r}")
        # An env of one row on the CPU checks the arguments, and shows what a row looks like.
        row = GridVectorEnv(
            num_envs=1, family=family, features=features, autoreset_mode=autoreset_mode, **kwargs
        )
        self.num_envs, self.render_mode = num_envs, row.render_mode
        self.metadata, self.autoreset_mode = row.metadata, row.autoreset_mode
        self.single_observation_space = row.single_observation_space
        self.single_action_space = row.single_action_space
        self.family, self.table, self.size = family, row.simulator.table, row.simulator.size
        self._mode, self._with_features = _MODES[self.autoreset_mode], features
        work = REGENERATE | DRIFT | (FEATURES if features else 0)
        self.device = cuda_device(device)
        variant = Variant(family, self.size, self._mode, work, BY_COLUMN)
        self.batch = CudaBatch(variant, num_envs, self.device)
        self._everywhere = torch.ones(num_envs, dtype=torch.bool, device=self.device)
        self._ready = False

    @functools.cached_property
    def observation_space(self) -> gym.Space[Any]:  # type: ignore[override]  # it can be written
        """Space of N observations; made when asked for, since its bounds are N rows of memory."""
        return batch_space(self.single_observation_space, self.num_envs)

    @functools.cached_property
    def action_space(self) -> gym.Space[Any]:  # type: ignore[override]  # it can be written
        """Space of N actions."""
        return batch_space(self.single_action_space, self.num_envs)

    @property
    def card(self) -> Card:
        """The env's card, with its feature table."""
        return self.family.card(
            self.spec.id if self.spec else self.family.name, self.size, self.table
        )

    @property
    def missions(self) -> list[str]:
        """The task of each row's level as a sentence, MiniGrid's where it is its world."""
        text = self.family.mission_text
        return [text(tuple(words)) for words in self.batch.out.mission.tolist()]

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
            ValueError: If seeds or mask have the wrong length, or the first reset is partial; if
                an earlier step was refused.
            gymnasium.error.ResetNeeded: If one was made after an episode's end.
        """
        self._raise_faults()
        mask = self._everywhere
        if options and "reset_mask" in options:
            mask = torch.as_tensor(options["reset_mask"], device=self.device).bool()
            if mask.shape != (self.num_envs,):
                raise ValueError(
                    f"reset_mask must have shape ({self.num_envs},), got {tuple(mask.shape)}"
                )
        if not self._ready and not mask.all():
            raise ValueError("reset_mask must be all True at the first reset: no row has a level")
        seeds, seeded = self._seeds(seed)
        orders = DRAW + SEED * torch.from_numpy(seeded).to(self.device, torch.uint8)
        self.batch.reset(orders * mask, seeds)
        self._ready = True
        infos = {"features": self._features("features")} if self._with_features else {}
        return self._obs(), _with_masks(infos, mask.clone())

    def step(
        self, actions: Any
    ) -> tuple[Any, torch.Tensor, torch.Tensor, torch.Tensor, dict[str, Any]]:
        """Step all rows.

        Args:
            actions: (N,) integers, a tensor on any device or an array.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset; in DISABLED mode if an earlier
                step was made after an end.
            ValueError: If the batch has the wrong shape or dtype (no row has moved then), or an
                action of an earlier step was not in [0, A).
        """
        self._raise_faults()
        if not self._ready:
            raise gym.error.ResetNeeded("no env has a running episode; call reset()")
        actions = torch.as_tensor(actions)
        kind = actions.dtype
        if (
            kind.is_floating_point
            or kind.is_complex
            or kind == torch.bool
            or (actions.shape != (self.num_envs,))
        ):
            raise ValueError(
                f"actions must be {self.num_envs} integers, got dtype {kind} and shape "
                f"{tuple(actions.shape)}"
            )
        self.batch.step(actions)
        out = self.batch.out
        return self._obs(), out.reward, out.terminated, out.truncated, self._infos()

    def render(self) -> tuple[Any, ...] | None:
        """Return one (H, W, 3) uint8 frame per row, an array, or None without a render mode."""
        if self.render_mode is None:
            return None
        return tuple(self.render_row(row) for row in range(self.num_envs))

    def render_row(self, row: int) -> npt.NDArray[np.uint8]:
        """Return the (H, W, 3) uint8 frame of one row, an array, in any render mode.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset.
            ValueError: If there is no such row.
        """
        if not self._ready:
            raise gym.error.ResetNeeded("call reset() before rendering: no row has a level")
        if not 0 <= row < self.num_envs:
            raise ValueError(f"row must lie in [0, {self.num_envs - 1}], got {row}")
        world, image = self.batch.host_row(row)
        return render_rgb(world, 0, self.size, self.family.view, image)

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything that decides the future, as arrays; a CPU env takes it as well."""
        state = self.batch.get_state()
        self._raise_faults()  # now that the GPU has done all that was asked of it
        return state

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned, of this env or of one on the CPU."""
        self.batch.set_state(state)
        self._ready = True

    def _seeds(
        self, seed: int | Sequence[int | None] | None
    ) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
        """Return a seed for each row, and which rows have one."""
        num = self.num_envs
        if isinstance(seed, (int, np.integer)):
            _check_seeds(int(seed), int(seed) + num - 1)
            return np.uint64(seed) + np.arange(num, dtype=np.uint64), np.ones(num, np.bool_)
        given: list[int | None] = [None] * num if seed is None else list(seed)
        if len(given) != num:
            raise ValueError(f"seed must be an int or {num} entries, got {len(given)}")
        known = [s for s in given if s is not None]
        _check_seeds(min(known, default=0), max(known, default=0))
        seeds = np.zeros(num, np.uint64)
        if not self._ready:  # rows without a seed still need a stream of their own
            seeds = self.np_random.integers(2**31, size=num).astype(np.uint64)
        seeded = np.array([s is not None for s in given])
        seeds[seeded] = known
        return seeds, seeded | (not self._ready)

    def _raise_faults(self) -> None:
        """Raise what the GPU has found wrong with earlier steps; the env then needs a reset."""
        faults = self.batch.faults.tolist()
        if faults == [-1, -1]:
            return
        self.batch.faults.fill_(-1)
        self._ready = False
        if faults[OVER] >= 0:
            raise gym.error.ResetNeeded(
                f"row {faults[OVER]} was stepped after its episode ended; in DISABLED mode call "
                "reset(options={'reset_mask': ended}) before the next step. Now reset() all rows"
            )
        names = ", ".join(self.family.action_names)
        raise ValueError(
            f"unknown action in row {faults[BAD_ACTION]} of an earlier step; actions are integers "
            f"in [0, {self.size.num_actions - 1}]: {names}. The other rows have moved: reset()"
        )

    def _obs(self, prefix: str = "") -> Any:
        out, family = self.batch.out, self.family
        image, direction, mission = (
            getattr(out, prefix + name) for name in ("image", "direction", "mission")
        )
        return family.view.pack(image, direction, mission if family.mission else None)

    def _features(self, name: str) -> TensorColumns:
        return TensorColumns(self.table, getattr(self.batch.out, name))

    def _infos(self) -> dict[str, Any]:
        """Describe the step: per-step values for all rows, final ones where an episode ended."""
        out = self.batch.out
        last: dict[str, Any] = {"true_reward": out.true_reward, "success": out.success}
        if self.family.has_proxy:
            last["proxy_reward"] = out.proxy_reward
        infos = dict(last)
        if self._with_features:
            infos["features"] = self._features("features")
        infos = _with_masks(infos, self._everywhere)
        if self._mode == SAME_STEP:
            done = out.terminated | out.truncated
            if self._with_features:
                last["features"] = self._features("final_features")
            final = {"final_obs": self._obs("final_"), "final_info": _with_masks(last, done)}
            infos |= _with_masks(final, done)
        return infos


def _with_masks(infos: dict[str, Any], mask: torch.Tensor) -> dict[str, Any]:
    return infos | {f"_{key}": mask for key in infos}


def _check_seeds(low: int, high: int) -> None:
    if low < 0 or high >= 2**64:
        raise ValueError(f"seed must lie in [0, 2**64), got {low if low < 0 else high}")
