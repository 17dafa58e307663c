"""Collects batches of transitions in which primary and auxiliary reward are apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from operant.agents.barfi.policy import SoftmaxPolicy
from operant.agents.base import AnyVectorEnv, Array, Arrays
from operant.agents.native.encoder import check_finite
from operant.agents.native.episodes import Episodes
from operant.arrays import section
from operant.types import stack_rows
from operant.wrapping import has_state, true_rewards


class Batch(NamedTuple):
    """T steps of N rows.

    Attributes:
        rows: (T, N, D) encoded observations.
        after: (T, N, D) the same of the true successors.
        actions: (T, N) int64 from 0 on.
        primary: (T, N) the env's own rewards.
        auxiliary: (T, N) what the reward design adds to them.
        terminated: (T, N) bool, nothing can be earned after it.
        ended: (T, N) bool, nothing that was collected follows: the episode ended, or the batch.
        episode_step: (T, N) float64, 0 for the first step of an episode.
    """

    rows: Tensor
    after: Tensor
    actions: Tensor
    primary: Tensor
    auxiliary: Tensor
    terminated: Tensor
    ended: Tensor
    episode_step: Tensor


class BatchCollector:
    """Steps a SAME_STEP env with a policy.

    Attributes:
        episodes: Statistics of the last episodes.
    """

    def __init__(self, env: AnyVectorEnv, policy: SoftmaxPolicy, *, seed: int) -> None:
        """Prepare; the env is reset with ``seed`` at the first :meth:`collect`."""
        self._env, self._policy = env, policy
        self._seed: int | None = seed
        self._at: Tensor | None = None
        self.episodes = Episodes(env.num_envs)

    @torch.no_grad()
    def collect(self, steps: int) -> Batch:
        """Take T steps with the current policy.

        Raises:
            ValueError: If an observation or a reward is not finite.
        """
        taken = [self._step() for _ in range(steps)]
        batch = Batch(*(torch.stack(column) for column in zip(*taken, strict=True)))
        batch.ended[-1] = True
        return batch

    def _step(self) -> Batch:
        rows = self._reset() if self._at is None else self._at
        self._at = None  # whatever interrupts the step, it cannot be continued
        actions = self._policy.sample(rows)
        to_env: Any = self._policy.head.to_env(actions)
        obs, rewards, terminated, truncated, infos = self._env.step(to_env)
        designed, done = np.asarray(rewards, np.float64), terminated | truncated
        check_finite("reward", designed)
        primary = np.asarray(true_rewards(designed, done, infos), np.float64)
        step = self.episodes.lengths.astype(np.float64)
        self.episodes.step(designed, done, infos, None)
        self._at = after = self._policy.rows(obs)
        if done.any():
            after = after.clone()
            ended = np.flatnonzero(done)
            finals = stack_rows([infos["final_obs"][row] for row in ended.tolist()])
            after[torch.from_numpy(ended)] = self._policy.rows(finals)
        columns = (primary, designed - primary, terminated, done, step)
        return Batch(rows, after, actions, *(torch.from_numpy(np.array(c)) for c in columns))

    def _reset(self) -> Tensor:
        obs, _ = self._env.reset(seed=self._seed)
        self._seed = None
        self.episodes.restart()
        return self._policy.rows(obs)

    # ---- state ------------------------------------------------------------------------------

    def state(self) -> tuple[Arrays, bool]:
        """Return where the episodes stand, and whether that is exact."""
        if self._at is None:
            return {}, self._seed is not None
        if not has_state(self._env):
            return {}, False
        state: Arrays = self._env.get_state()  # type: ignore[attr-defined]
        arrays: Arrays = {f"env/{name}": np.array(value) for name, value in state.items()}
        arrays |= {f"running/{name}": value for name, value in self.episodes.arrays().items()}
        return {**arrays, "at": self._at.numpy().copy()}, True

    def load_state(self, arrays: Mapping[str, Array], *, seed: int | None) -> None:
        """Restore what :meth:`state` returned; without arrays the env is reset with ``seed``."""
        self._at, self._seed = None, seed
        if "at" in arrays:
            self._env.set_state(section(arrays, "env"))  # type: ignore[attr-defined]
            self.episodes.load_arrays(section(arrays, "running"))
            self._at, self._seed = torch.from_numpy(arrays["at"].copy()), None
