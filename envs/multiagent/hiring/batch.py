"""N hiring games side by side, for learners in rows."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.envs.multiagent.acting import check_joint_actions
from operant.envs.multiagent.hiring.game import PRINCIPAL, HiringGame
from operant.types import Bool, Float, Int

_SHOWN = ("obs", "last_obs", "success")


class HiringBatch:
    """Games whose agents are all alike, an :class:`operant.games.SimultaneousBatch`.

    That is a principal alone, who chooses from the menu while experts follow a script, or experts
    alone under the best mechanism. Row i does what a single game with the same seed does.

    Attributes:
        num: N.
        players: P, the agents of a game.
        observation_space: Of one agent.
        action_space: Of one agent.
        obs: (N, P, D) float32, what agents see now.
        last_obs: (N, P, D), what they saw after the last step, before new games began.
        success: (N,) bool, whether the last decision was the best for the state.
        optimum: What the best mechanism earns a principal alone in a game, on average; None for
            experts.
    """

    def __init__(self, *, num_envs: int, **options: Any) -> None:
        """Build the games; call :meth:`reset` before anything else.

        Args:
            num_envs: N >= 1.
            **options: Of :class:`HiringGame`.

        Raises:
            MissingExtraError: If scipy or PettingZoo is not installed.
            ValueError: If agents are not alike, their actions are not Discrete, or an argument is
                outside its range.
        """
        if num_envs < 1:
            raise ValueError(f"num_envs must be >= 1, got {num_envs}")
        game = HiringGame(**options)
        self._agents = list(game.possible_agents)
        observations = [game.observation_space(agent) for agent in self._agents]
        actions = [game.action_space(agent) for agent in self._agents]
        alike = all(each == observations[0] for each in observations)
        alike &= all(each == actions[0] for each in actions)
        if not alike or not isinstance(actions[0], gym.spaces.Discrete):
            raise ValueError(
                "rows need agents that are alike, with Discrete actions: principal='menu' with "
                "experts='best_response' or 'epsilon', or principal='optimal'; got "
                f"principal={game.principal!r} and experts={game.experts!r}"
            )
        # What a game is made of never changes, so that all share the mechanisms that were solved.
        self._games = [game, *(copy.copy(game) for _ in range(num_envs - 1))]
        self.num, self.players = num_envs, len(self._agents)
        self.observation_space, self.action_space = observations[0], actions[0]
        shape = num_envs, self.players, *observations[0].shape
        self.obs: npt.NDArray[Any] = np.zeros(shape, np.float32)
        self.last_obs: npt.NDArray[Any] = np.zeros(shape, np.float32)
        self.success: Bool = np.zeros(num_envs, np.bool_)
        alone = self._agents == [PRINCIPAL]
        self.optimum = game.optimum * game.rounds if alone else None

    def reset(self, seeds: Sequence[int]) -> None:
        """Start all games anew, row i with the chance of ``seeds[i]``.

        Raises:
            ValueError: If there are not N seeds.
        """
        if len(seeds) != self.num:
            raise ValueError(f"seeds must have {self.num} entries, got {len(seeds)}")
        for row, (game, seed) in enumerate(zip(self._games, seeds, strict=True)):
            self._show(self.obs, row, game.reset(seed=seed)[0])
        self.last_obs[:] = self.obs

    def step(self, actions: Int) -> tuple[Float, Bool, Bool]:
        """Let all agents act; see :meth:`operant.games.SimultaneousBatch.step`.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset.
            ValueError: If there are not (N, P) actions, or one is none; then no game has moved.
        """
        actions = check_joint_actions(actions, self.num, self._agents, int(self.action_space.n))
        rewards, cut = np.zeros((self.num, self.players)), np.zeros(self.num, np.bool_)
        for row, game in enumerate(self._games):
            chosen = dict(zip(self._agents, actions[row], strict=True))
            seen, paid, _, truncated, infos = game.step(chosen)
            rewards[row] = [paid[agent] for agent in self._agents]
            self.success[row] = infos[self._agents[0]]["success"]
            self._show(self.last_obs, row, seen)
            cut[row] = truncated[self._agents[0]]
            self._show(self.obs, row, game.reset()[0] if cut[row] else seen)
        return rewards, np.zeros(self.num, np.bool_), cut

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything that decides the future, the random streams included, as arrays."""
        games = json.dumps([game.get_state() for game in self._games]).encode()
        shown = {name: getattr(self, name).copy() for name in _SHOWN}
        return shown | {"games": np.frombuffer(games, np.uint8)}

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned.

        Raises:
            ValueError: If it is of another number of games.
        """
        games = json.loads(state["games"].tobytes())
        if len(games) != self.num:
            raise ValueError(f"the state is of {len(games)} games, here are {self.num}")
        for game, saved in zip(self._games, games, strict=True):
            game.set_state(saved)
        for name in _SHOWN:
            getattr(self, name)[...] = state[name]

    def _show(self, target: npt.NDArray[Any], row: int, seen: dict[str, Any]) -> None:
        for player, agent in enumerate(self._agents):
            target[row, player] = seen[agent]
