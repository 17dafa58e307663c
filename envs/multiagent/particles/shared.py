"""Particle worlds for learners of one policy: every agent is a row of a Gymnasium vector env."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from operant.envs.batched.rows import reset_mask, row_seeds, with_masks
from operant.envs.multiagent.particles.batch import DELAYED, STEP, ParticleBatch
from operant.envs.multiagent.particles.member import gymnasium_card
from operant.envs.multiagent.particles.picture import drawn
from operant.envs.multiagent.particles.scenarios import Scenario, one_team
from operant.envs.multiagent.particles.scenarios import scenario as named
from operant.types import Bool, Card, Int


class SharedParticles(VectorEnv[Any, Any, npt.NDArray[Any]]):
    """N worlds of P agents as N * P rows; row ``world * P + agent``.

    All agents share one policy, whatever trains it: the native PPO, SB3 behind an adapter, or a
    reward design around this env. Episodes of all agents of a world begin and end together.
    Ended episodes start again in the same step.

    Infos: ``features`` (name -> (N * P,), of the returned observations), ``true_reward``,
    ``step_reward`` (what the agent itself earned with the step), ``success``, each with
    Gymnasium's mask; ``final_obs`` and ``final_info`` where episodes ended.

    Attributes:
        batch: The engine.
        groups: (N * P,) int64, the world of each row: rows of a world are paid together.
    """

    def __init__(
        self,
        *,
        num_worlds: int,
        scenario: str | Scenario = "CN-6",
        reward: str = STEP,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        render_mode: str | None = None,
    ) -> None:
        """Build the worlds.

        Args:
            num_worlds: N >= 1.
            scenario: A scenario or its name; its agents must be one team.
            reward: ``"step"``, ``"team"`` or ``"delayed"``; see
                :class:`operant.envs.multiagent.particles.batch.ParticleBatch`.
            autoreset_mode: ``SAME_STEP``, there is no other.
            render_mode: ``"rgb_array"`` or None.

        Raises:
            UnknownIdError: If there is no such scenario.
            ValueError: If an argument is outside its range.
        """
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        if self.autoreset_mode is not AutoresetMode.SAME_STEP:
            raise ValueError(
                f"autoreset_mode must be {AutoresetMode.SAME_STEP.value!r}, got "
                f"{self.autoreset_mode.value!r}"
            )
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode must be 'rgb_array' or None, got {render_mode!r}")
        what = one_team(named(scenario))
        self.batch = ParticleBatch(num_envs=num_worlds, scenario=what, reward=reward)
        self.num_envs = num_worlds * self.batch.players
        self.render_mode = render_mode
        self.metadata = {
            "render_modes": ["rgb_array"],
            "render_fps": 10,
            "autoreset_mode": self.autoreset_mode,
        }
        self.single_observation_space = self.batch.observation_space
        self.single_action_space = self.batch.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.groups: Int = np.repeat(np.arange(num_worlds), self.batch.players)
        self._ready = False

    @property
    def card(self) -> Card:
        """What a user must know about it, with the feature table of one agent."""
        return gymnasium_card(self.batch, self.spec.id if self.spec else self.batch.scenario.name)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Start episodes in all worlds.

        Args:
            seed: ``s`` seeds world i with s + i; a list has one entry per world; None continues
                every stream.
            options: None, or ``{"reset_mask": (N * P,) all True}``.

        Raises:
            ValueError: If seeds have the wrong length or type, or the options ask for more.
        """
        if not reset_mask(options, self.num_envs, ready=self._ready).all():
            raise ValueError("reset_mask must be all True: agents of a world start together")
        seeds = row_seeds(seed, self.batch.num, None if self._ready else self.np_random)
        self.batch.reset(seeds)
        self._ready = True
        return self._flat(self.batch.obs), with_masks(self._features(self.batch.facts), self._all())

    def step(
        self, actions: Any
    ) -> tuple[Any, npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], dict[str, Any]]:
        """Step all worlds.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset.
            ValueError: If an action is not in the action space or the batch has the wrong length;
                no row has moved then.
        """
        if not self._ready:
            raise gym.error.ResetNeeded("call reset() before step(): no episode is running")
        batch = np.asarray(actions)
        if batch.shape != (self.num_envs,):
            raise ValueError(f"actions must have shape ({self.num_envs},), got {batch.shape}")
        rewards, terminated, truncated = self.batch.step(batch.reshape(self.batch.num, -1))
        rows, paid = self.batch.players, rewards.ravel()
        done = np.repeat(truncated, rows)
        told: dict[str, Any] = {
            "true_reward": paid.copy(),
            "step_reward": self.batch.earned.ravel(),
            "success": np.repeat(self.batch.success, rows),
        }
        infos = with_masks(told, self._all())
        if done.any():
            infos |= self._final(told, done)
        infos |= with_masks(self._features(self.batch.facts), self._all())
        return self._flat(self.batch.obs), paid, np.repeat(terminated, rows), done, infos

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything that decides the future, the random streams included."""
        return self.batch.get_state()

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned.

        Raises:
            ValueError: If it is of other worlds.
        """
        self.batch.set_state(state)
        self._ready = True

    def render(self) -> tuple[Any, ...] | None:
        """Return one (H, W, 3) uint8 frame per row, that of its world; None without a mode."""
        if self.render_mode is None:
            return None
        members = self.batch.players
        frames = [self.render_row(row) for row in range(0, self.num_envs, members)]
        return tuple(frame.copy() for frame in frames for _ in range(members))

    def render_row(self, row: int) -> npt.NDArray[np.uint8]:
        """Return the (H, W, 3) uint8 frame of a row's world, in any render mode.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset.
            ValueError: If there is no such row.
        """
        if not self._ready:
            raise gym.error.ResetNeeded("call reset() before rendering: no row has an episode")
        if not 0 <= row < self.num_envs:
            raise ValueError(f"row must lie in [0, {self.num_envs - 1}], got {row}")
        return drawn(self.batch.scenario, self.batch.at[row // self.batch.players])

    @property
    def delayed(self) -> bool:
        """True if all is paid at the end."""
        return self.batch.reward == DELAYED

    def _all(self) -> Bool:
        return np.ones(self.num_envs, np.bool_)

    def _flat(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return values.reshape(self.num_envs, *values.shape[2:]).copy()

    def _features(self, facts: Mapping[str, npt.NDArray[Any]]) -> dict[str, Any]:
        return {"features": {name: self._flat(values) for name, values in facts.items()}}

    def _final(self, told: Mapping[str, Any], done: Bool) -> dict[str, Any]:
        """Return the last observations and infos of the episodes that just ended."""
        last = self._flat(self.batch.last_obs)
        final: npt.NDArray[Any] = np.full(self.num_envs, None, object)
        for row in np.flatnonzero(done).tolist():
            final[row] = last[row].copy()
        info = {name: value.copy() for name, value in told.items()}
        info |= self._features(self.batch.last_facts)
        return with_masks({"final_obs": final, "final_info": with_masks(info, done)}, done)
