"""A gridworld as a native batched Gymnasium vector env."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from operant.envs.batched.rows import reset_mask, row_seeds, with_masks
from operant.envs.gridworld.engine import NEXT_STEP, NO_RESET, SAME_STEP
from operant.envs.gridworld.family import Family
from operant.envs.gridworld.programs import Program
from operant.envs.gridworld.render import FPS, frame
from operant.envs.gridworld.simulator import Simulator
from operant.types import Bool, Card, Features

NO_ACTION = 2**31 - 1
"""Larger than any action."""

_MODES = {
    AutoresetMode.NEXT_STEP: NEXT_STEP,
    AutoresetMode.SAME_STEP: SAME_STEP,
    AutoresetMode.DISABLED: NO_RESET,
}


class GridVectorEnv(VectorEnv[Any, npt.NDArray[np.int64], npt.NDArray[Any]]):
    """N levels stepped by one compiled call; row i equals the scalar env seeded s + i.

    Infos: ``features`` (name -> (N,), of the returned observations), ``true_reward`` and
    ``success`` (N,) of the step just taken (and ``proxy_reward`` in families with a proxy); in
    SAME_STEP mode ``final_obs`` and ``final_info`` where an episode ended. Each key has Gymnasium's
    ``_key`` mask.
    """

    def __init__(
        self,
        *,
        num_envs: int,
        family: Family,
        max_steps: int | None = None,
        max_episode_steps: int | None = None,
        layout: str = "operant",
        reward: str | None = None,
        features: bool = True,
        threads: int = 1,
        program: Program | None = None,
        swappable: bool = False,
        copy: bool = True,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        optimum: bool = False,
        **options: int,
    ) -> None:
        """Create the env.

        Args:
            num_envs: N >= 1.
            family: Kind of level.
            max_steps: Time limit in env steps, or None for the family's.
            max_episode_steps: Cuts episodes like the ``TimeLimit`` that ``gym.make`` adds for it.
            layout: ``"operant"`` or, for MiniGrid's worlds, ``"minigrid"``.
            reward: One of the family's ``rewards``; None for the first, the true one.
            features: False to leave ``infos["features"]`` out, which is faster.
            threads: Threads that share the rows where there are at least 2048 for each.
            program: A reward program, ``(now, prev, action, reward, terminated) -> float`` over
                features by name, which the kernel calls; see
                :mod:`operant.envs.gridworld.programs`. The true reward stays in the infos.
            swappable: True if :meth:`swap_program` will replace the program.
            copy: False to return the env's own arrays, which the next step overwrites: faster, for
                callers that are done with them by then.
            autoreset_mode: Gymnasium's ``AutoresetMode`` or its value.
            render_mode: ``"rgb_array"`` or None.
            optimum: True to publish the feature ``steps_to_success``, exact for every state. Each
                new level is then searched, which takes from milliseconds to seconds; programs
                cannot read it.
            **options: The family's own options, such as ``size``.

        Raises:
            TypeError: If the family has no such option.
            ValueError: If an argument is outside its range, or ``optimum`` is asked for where
                chance plays a part.
        """
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode must be 'rgb_array' or None, got {render_mode!r}")
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {
            "render_modes": ["rgb_array"],
            "render_fps": FPS,
            "autoreset_mode": self.autoreset_mode,
        }
        self.num_envs, self.render_mode = num_envs, render_mode
        self.simulator = Simulator(
            family,
            num=num_envs,
            options=options,
            max_steps=max_steps,
            outer_limit=max_episode_steps,
            layout=layout,
            reward=reward,
            features=features,
            threads=threads,
            program=program,
            swappable=swappable,
            optimum=optimum,
        )
        self.single_observation_space: gym.Space[Any] = family.view.space(
            self.simulator.size, family.mission
        )
        self.single_action_space: gym.Space[Any] = spaces.Discrete(family.num_actions)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._mode, self._with_features = _MODES[self.autoreset_mode], features
        self._copy = copy
        self._everywhere = np.ones(num_envs, np.bool_)
        self._everywhere.setflags(write=False)  # shared by all infos
        self._ready = False
        # Looked up once: with few rows every look-up would count.
        out, view = self.simulator.out, family.view
        self._judged = out.reward, out.terminated, out.truncated
        self._shown = view.pack, out.image, out.direction, out.mission if family.mission else None
        self._described = (
            out.true_reward,
            out.success,
            out.proxy_reward if family.has_proxy else None,
        )

    @property
    def card(self) -> Card:
        """The env's card, with its feature table."""
        family, size = self.simulator.family, self.simulator.size
        return family.card(self.spec.id if self.spec else family.name, size, self.simulator.table)

    @property
    def missions(self) -> list[str]:
        """The task of each row's level as a sentence, MiniGrid's where it is its world."""
        text = self.simulator.family.mission_text
        return [text(tuple(words)) for words in self.simulator.out.mission.tolist()]

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
                first reset is partial; if the env was made with ``optimum`` and a level is too
                large for it.
        """
        mask = reset_mask(options, self.num_envs, ready=self._ready)
        seeds = row_seeds(seed, self.num_envs, None if self._ready else self.np_random)
        self.simulator.seed([s if mask[i] else None for i, s in enumerate(seeds)])
        self.simulator.reset(mask)
        self._ready = True
        infos = {"features": self._features()} if self._with_features else {}
        return self._obs(), with_masks(infos, mask)

    def step(
        self, actions: npt.NDArray[np.int64]
    ) -> tuple[Any, npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], dict[str, Any]]:
        """Step all rows.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset; in DISABLED mode after an end.
            ValueError: If an action is not in [0, A) or the batch has the wrong shape or dtype; no
                row has moved then.
        """
        simulator = self.simulator
        reward, terminated, truncated = self._judged
        if not self._ready or (self._mode == NO_RESET and simulator.out.pending.any()):
            raise gym.error.ResetNeeded(
                "an env has no running episode; call reset(), or in DISABLED mode "
                "reset(options={'reset_mask': ended})"
            )
        own = simulator.actions
        if (
            actions.__class__ is not np.ndarray
            or actions.dtype is not own.dtype
            or actions.shape != own.shape
        ):
            actions = self._checked(actions)
        own[...] = actions
        simulator.step(self._mode)
        if self._copy:
            reward, terminated, truncated = reward.copy(), terminated.copy(), truncated.copy()
        return self._obs(), reward, terminated, truncated, self._infos()

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
            raise gym.error.ResetNeeded("call reset() before rendering: no row has a level")
        if not 0 <= row < self.num_envs:
            raise ValueError(f"row must lie in [0, {self.num_envs - 1}], got {row}")
        return frame(self.simulator, row)

    def swap_program(self, program: Program) -> None:
        """Pay the steps to come by another reward program; compiles that program alone.

        Raises:
            ValueError: If it cannot be compiled, or the env was not made with ``swappable=True``.
        """
        self.simulator.swap_program(program)

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything that decides the future, the random streams included."""
        return self.simulator.get_state()

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned.

        Raises:
            ValueError: If it is of other levels, or has rows that wait for a reset which this env's
                autoreset mode does not do.
        """
        if self._mode == SAME_STEP and np.any(state.get("out.pending", False)):
            raise ValueError(
                "the state has episodes that are over and wait for the next step (autoreset mode "
                "NEXT_STEP or DISABLED); set it in an env of that mode"
            )
        self.simulator.set_state(state)
        self._ready = True

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Protect again what all infos share: a copy of an array is always writable."""
        self.__dict__ |= state
        self._everywhere.setflags(write=False)

    def _checked(self, actions: Any) -> npt.NDArray[Any]:
        """Return a batch of actions as an array of integers of the right shape.

        Raises:
            ValueError: If it is none.
        """
        try:
            array = np.asarray(actions)
        except ValueError as error:  # a ragged list
            raise ValueError(f"actions must be {self.num_envs} integers: {error}") from error
        if array.dtype.kind not in "iu" or array.shape != (self.num_envs,):
            raise ValueError(
                f"actions must be {self.num_envs} integers, got dtype {array.dtype} and shape "
                f"{array.shape}"
            )
        checked: npt.NDArray[Any] = np.minimum(array, NO_ACTION)  # a huge uint64 stays positive
        return checked

    def _obs(self) -> Any:
        pack, image, direction, mission = self._shown
        if self._copy:
            image, direction = image.copy(), direction.copy()
            mission = mission if mission is None else mission.copy()
        return pack(image, direction, mission)

    def _features(self) -> Features:
        values = self.simulator.out.features
        return self.simulator.features(values.copy() if self._copy else values)

    def _infos(self) -> dict[str, Any]:
        """Describe the step: per-step values for all rows, final ones where an episode ended."""
        true, success, proxy = self._described
        everywhere = self._everywhere
        if self._copy:
            true, success = true.copy(), success.copy()
            proxy = proxy if proxy is None else proxy.copy()
        infos: dict[str, Any] = {
            "true_reward": true,
            "_true_reward": everywhere,
            "success": success,
            "_success": everywhere,
        }
        if proxy is not None:
            infos["proxy_reward"], infos["_proxy_reward"] = proxy, everywhere
        if self._mode == SAME_STEP and self.simulator.some_ended:
            _, terminated, truncated = self._judged
            last = {key: value.copy() for key, value in infos.items() if key[0] != "_"}
            infos |= self._final(terminated | truncated, last)
        if self._with_features:
            infos["features"], infos["_features"] = self._features(), everywhere
        return infos

    def _final(self, done: Bool, last: dict[str, Any]) -> dict[str, Any]:
        """Return the last observations and infos of the episodes that just ended."""
        out, family = self.simulator.out, self.simulator.family
        final: npt.NDArray[Any] = np.full(self.num_envs, None, object)
        rows = np.flatnonzero(done)
        # Copied together, and handed out row by row.
        missions = out.final_mission[rows] if family.mission else [None] * len(rows)
        shown = zip(out.final_image[rows], out.final_direction[rows], missions, strict=True)
        for n, parts in zip(rows.tolist(), shown, strict=True):
            final[n] = family.view.pack(*parts)
        if self._with_features:
            last["features"] = self.simulator.features(out.final_features.copy())
        return with_masks({"final_obs": final, "final_info": with_masks(last, done)}, done)
