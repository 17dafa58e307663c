"""Turn-based games as a vector env: a row is a game, a step is whoever's move."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from operant.agents.base import Array, Arrays
from operant.agents.games.credit import Moves
from operant.agents.games.opponents import OpponentPool
from operant.agents.games.policies import draw, role_space, with_roles
from operant.arrays import section
from operant.games import TurnBatch
from operant.seeding import SeedTree
from operant.types import Bool

ITSELF = -1
"""Opponent of a game in which the learner has all seats."""


class TurnEnv(VectorEnv[Any, Any, Any]):
    """N games in which a learner has all seats, or one seat against a snapshot of the pool.

    The learner is asked at every move, as a vector env does; where a snapshot is to move, the env
    takes the snapshot's action instead of the answer, and :meth:`take` tells. What is observed is
    what the player to move sees, never more. The reward is what the learner's seat gets; with all
    seats, one is drawn for each game. Infos: ``action_mask`` (N, A), ``role`` (N,) who is to move
    and ``learner`` (N,) whether the learner decides.

    Attributes:
        batch: The games.
        pool: The snapshots.
        share: Of the games, how many are against the pool if it holds anything.
        roles: Whether the role stands behind the observation, one-hot.
    """

    def __init__(
        self, batch: TurnBatch, *, roles: bool, share: float, pool: OpponentPool | None = None
    ) -> None:
        """Wrap games; see the attributes.

        Raises:
            ValueError: If the share is out of range.
        """
        if not 0 <= share <= 1:
            raise ValueError(f"share must lie in [0, 1], got {share!r}")
        self.batch, self.roles, self.share, self.pool = batch, roles, share, pool
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.num_envs = batch.num
        self.single_action_space = batch.action_space
        box = batch.observation_space
        self.single_observation_space = role_space(box, batch.players) if roles else box
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._rng = np.random.default_rng(0)
        num, players = batch.num, batch.players
        self._seat, self._against = np.zeros(num, np.int64), np.full(num, ITSELF)
        self._got, self._age = np.zeros((num, players)), np.zeros(num, np.int64)
        self._forget()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Start all games anew: row i with chance of ``seed + i``.

        Args:
            seed: Root; None goes on with the env's own random numbers.
            options: Must be empty.

        Raises:
            ValueError: If there are options.
        """
        if options:
            raise ValueError(f"options must be empty, got {sorted(options)}")
        if seed is not None:
            self._rng = SeedTree(seed).generator("opponents")
        first = int(self._rng.integers(1 << 31)) if seed is None else seed
        self.batch.reset([first + row for row in range(self.num_envs)])
        self._got[:], self._age[:] = 0, 0
        self._begin(np.ones(self.num_envs, np.bool_))
        self._forget()
        return self._seen(), self._infos()

    def step(self, actions: Array) -> tuple[Array, Any, Any, Any, dict[str, Any]]:
        """Make a move in every game; answers for a snapshot's move are passed over."""
        role, learner = self.batch.turn.copy(), self._learner()
        chosen = self._answered(np.asarray(actions, np.int64), learner)
        rewards, ended = self.batch.step(chosen)
        self._got += rewards
        for name, part in zip(self._log, (role, learner, rewards, ended), strict=True):
            self._log[name].append(part.copy())
        reward = rewards[np.arange(self.num_envs), self._seat]
        self._age += 1
        self._got[ended], self._age[ended] = 0, 0
        self._begin(ended)
        never = np.zeros(self.num_envs, np.bool_)
        return self._seen(), reward, ended.copy(), never, self._infos()

    def take(self) -> Moves:
        """Return what was played since the last call.

        Raises:
            ValueError: If nothing was.
        """
        if not self._log["role"]:
            raise ValueError("no move was made since moves were taken last")
        log = {name: np.stack(parts) for name, parts in self._log.items()}
        moves = Moves(**log, before=self._before, age=self._age_before)
        self._forget()
        return moves

    def _forget(self) -> None:
        self._log: dict[str, list[Any]] = {"role": [], "learner": [], "rewards": [], "ended": []}
        self._before, self._age_before = self._got.copy(), self._age.copy()

    def _begin(self, rows: Bool) -> None:
        """Draw the learner's seat and its opponent in new games."""
        size = int(rows.sum())
        if size == 0:
            return
        self._seat[rows] = self._rng.integers(self.batch.players, size=size)
        known = 0 if self.pool is None else len(self.pool)
        pooled = self._rng.random(size) < self.share
        drawn = self._rng.integers(max(known, 1), size=size)
        self._against[rows] = np.where(pooled & (known > 0), drawn, ITSELF)

    def _learner(self) -> Bool:
        return np.asarray((self._against == ITSELF) | (self.batch.turn == self._seat))

    def _answered(self, actions: Array, learner: Bool) -> Array:
        """Return the actions with those of the snapshots to move."""
        if learner.all() or self.pool is None:
            return actions
        actions, batch = actions.copy(), self.batch
        uniforms = self._rng.random(self.num_envs)
        for number in np.unique(self._against[~learner]):
            rows = np.flatnonzero(~learner & (self._against == number))
            chances = self.pool.seats[number].probabilities(
                batch.obs[rows], batch.legal[rows], batch.turn[rows]
            )
            actions[rows] = draw(chances, uniforms[rows])
        return actions

    def _seen(self) -> Array:
        if self.roles:
            return with_roles(self.batch.obs, self.batch.turn, self.batch.players)
        return self.batch.obs.copy()

    def _infos(self) -> dict[str, Any]:
        return {
            "action_mask": self.batch.legal.copy(),
            "role": self.batch.turn.copy(),
            "learner": self._learner(),
        }

    # ---- state ------------------------------------------------------------------------------

    @property
    def get_state(self) -> Callable[[], Arrays]:
        """A function that returns where all games stand; missing where the batch cannot tell.

        That it is missing (``hasattr``) is how agents know that they cannot resume bit for bit.
        """
        return functools.partial(self._state, self.batch.get_state)  # type: ignore[attr-defined]

    def set_state(self, state: Mapping[str, Array]) -> None:
        """Restore what :attr:`get_state` returned."""
        self.batch.set_state(section(state, "batch"))  # type: ignore[attr-defined]
        for name, part in self._own().items():
            part[:] = state[name]
        self._rng.bit_generator.state = json.loads(state["rng"].tobytes())
        self._forget()

    def _state(self, inner: Callable[[], Mapping[str, Array]]) -> Arrays:
        return {
            **{f"batch/{name}": np.array(part) for name, part in inner().items()},
            **{name: part.copy() for name, part in self._own().items()},
            "rng": np.frombuffer(json.dumps(self._rng.bit_generator.state).encode(), np.uint8),
        }

    def _own(self) -> Arrays:
        return {
            "seat": self._seat,
            "against": self._against,
            "got": self._got,
            "age": self._age,
        }
