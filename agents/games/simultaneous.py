"""Games in which all act at once, as vector envs: players share a policy, or have their own."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from operant.agents.base import Array, Arrays
from operant.agents.games.policies import role_space, with_roles
from operant.games import SimultaneousBatch
from operant.seeding import SeedTree
from operant.types import Bool, Float, Int

Answer = tuple[Array, Any, Any, Any, dict[str, Any]]
"""What a vector env's step returns."""


class Starts:
    """Starts games of a batch: with given seeds, or with its own random numbers."""

    def __init__(self, batch: SimultaneousBatch) -> None:
        """Bind the games."""
        self._batch, self._rng = batch, np.random.default_rng(0)

    def new(self, seed: int | None) -> None:
        """Start all games anew, game n with chance of ``seed + n``; None draws a seed."""
        if seed is not None:
            self._rng = SeedTree(seed).generator("starts")
        first = int(self._rng.integers(1 << 31)) if seed is None else seed
        self._batch.reset([first + row for row in range(self._batch.num)])


class SharedRows(VectorEnv[Any, Any, Any]):
    """All players of all games as rows of one learner: row ``n * P + p`` is player p of game n.

    Any agent for vector envs thereby trains one policy for all players ("parameter sharing"), each
    row on its own player's reward.

    Attributes:
        batch: The games.
        roles: Whether the player stands behind the observation, one-hot.
    """

    def __init__(self, batch: SimultaneousBatch, *, roles: bool = True) -> None:
        """Wrap games; see the attributes."""
        self.batch, self.roles = batch, roles
        space = role_space(batch.observation_space, batch.players)
        self.single_observation_space = space if roles else batch.observation_space
        self.single_action_space = batch.action_space
        self.num_envs = batch.num * batch.players
        _describe(self)
        self._starts = Starts(batch)
        self._role: Int = np.tile(np.arange(batch.players), batch.num)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Start all games anew: game n with chance of ``seed + n``.

        Args:
            seed: Root; None goes on with the env's own random numbers.
            options: Must be empty.

        Raises:
            ValueError: If there are options.
        """
        refuse(options)
        self._starts.new(seed)
        return self._rows(self.batch.obs), {"role": self._role.copy()}

    def step(self, actions: Array) -> Answer:
        """Let all players of all games act: (N * P,) actions."""
        players = self.batch.players
        chosen = np.asarray(actions, np.int64).reshape(-1, players)
        rewards, ended, cut = self.batch.step(chosen)
        infos: dict[str, Any] = {"role": self._role.copy()}
        if (ended | cut).any():
            infos["final_obs"] = self._rows(self.batch.last_obs)
        over, late = np.repeat(ended, players), np.repeat(cut, players)
        return self._rows(self.batch.obs), rewards.reshape(-1).copy(), over, late, infos

    @property
    def get_state(self) -> Callable[[], Arrays]:
        """A function that returns where all games stand; missing where the batch cannot tell."""
        return functools.partial(_copied, self.batch.get_state)  # type: ignore[attr-defined]

    def set_state(self, state: Mapping[str, Array]) -> None:
        """Restore what :attr:`get_state` returned."""
        self.batch.set_state(state)  # type: ignore[attr-defined]

    def _rows(self, obs: Array) -> Array:
        flat = obs.reshape(self.num_envs, *obs.shape[2:])
        if not self.roles:
            return flat.copy()
        return with_roles(flat, self._role, self.batch.players)


class Rendezvous:
    """Steps games once all players have said what they do; each speaks from a thread of its own.

    A learner's loop asks its env for a step and waits for the answer. With a thread per player the
    loops of all players run as they are, and meet here.

    Attributes:
        batch: The games.
        rewards: (N, P) of the last step.
        ended: (N,) of the last step.
        cut: (N,) of the last step.
    """

    def __init__(self, batch: SimultaneousBatch) -> None:
        """Prepare for all players of the games."""
        self.batch = batch
        self.rewards: Float = np.zeros((batch.num, batch.players))
        self.ended: Bool = np.zeros(batch.num, np.bool_)
        self.cut: Bool = np.zeros(batch.num, np.bool_)
        self._actions: Int = np.zeros((batch.num, batch.players), np.int64)
        self._starting: list[bool] = [False] * batch.players
        self._starts = Starts(batch)
        self._seed: int | None = None
        self._barrier = threading.Barrier(batch.players, action=self._advance)

    def start(self, player: int, seed: int | None) -> None:
        """Wait until all want new games; the first player's seed counts."""
        if player == 0:
            self._seed = seed
        self._starting[player] = True
        self._barrier.wait()

    def act(self, player: int, actions: Array) -> None:
        """Wait until all have chosen their (N,) actions, and the games have been stepped."""
        # Whoever is ahead writes into its own column only, and the games stand until all are there.
        self._starting[player] = False
        self._actions[:, player] = actions
        self._barrier.wait()

    def leave(self) -> None:
        """Wake up all who wait, with an error: a player is not coming."""
        self._barrier.abort()

    def renew(self) -> None:
        """Let players meet again after one has left."""
        self._barrier.reset()

    def _advance(self) -> None:
        if any(self._starting) != all(self._starting):
            raise RuntimeError("some players start new games while others act")
        if all(self._starting):
            self._starts.new(self._seed)
        else:
            self.rewards, self.ended, self.cut = self.batch.step(self._actions)


class PlayerRows(VectorEnv[Any, Any, Any]):
    """One player's side of all games, N rows; its steps wait for the others'.

    Attributes:
        player: Which.
    """

    def __init__(self, meeting: Rendezvous, player: int) -> None:
        """Take a player's side."""
        self.player, self._meeting, batch = player, meeting, meeting.batch
        self.single_observation_space = batch.observation_space
        self.single_action_space = batch.action_space
        self.num_envs = batch.num
        _describe(self)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Start all games anew, together with the others."""
        refuse(options)
        self._meeting.start(self.player, seed)
        return self._meeting.batch.obs[:, self.player].copy(), {}

    def step(self, actions: Array) -> Answer:
        """Act, together with the others."""
        meeting, mine = self._meeting, self.player
        meeting.act(mine, actions)
        infos: dict[str, Any] = {}
        if (meeting.ended | meeting.cut).any():
            infos["final_obs"] = meeting.batch.last_obs[:, mine].copy()
        over, late = meeting.ended.copy(), meeting.cut.copy()
        seen = meeting.batch.obs[:, mine].copy()
        return seen, meeting.rewards[:, mine].copy(), over, late, infos

    @property
    def get_state(self) -> Callable[[], Arrays]:
        """As :attr:`SharedRows.get_state` for the first player; the others return nothing."""
        inner = self._meeting.batch.get_state  # type: ignore[attr-defined]
        return functools.partial(_copied, inner) if self.player == 0 else dict

    def set_state(self, state: Mapping[str, Array]) -> None:
        """Restore what :attr:`get_state` returned."""
        if self.player == 0:
            self._meeting.batch.set_state(state)  # type: ignore[attr-defined]


def refuse(options: dict[str, Any] | None) -> None:
    """Check that there are no options of a reset.

    Raises:
        ValueError: If there are.
    """
    if options:
        raise ValueError(f"options must be empty, got {sorted(options)}")


def _describe(env: VectorEnv[Any, Any, Any]) -> None:
    env.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
    env.observation_space = batch_space(env.single_observation_space, env.num_envs)
    env.action_space = batch_space(env.single_action_space, env.num_envs)


def _copied(get_state: Callable[[], Mapping[str, Array]]) -> Arrays:
    return {name: np.array(part) for name, part in get_state().items()}
