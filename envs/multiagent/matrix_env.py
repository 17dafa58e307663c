"""A matrix game as a PettingZoo env in which both agents act at once."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.envs.multiagent.matrix_game import MatrixRounds, chosen
from operant.envs.multiagent.zoo import ParallelEnv
from operant.games import TERMINAL

MODES = ("ansi", "rgb_array", "human")


class MatrixEnv(ParallelEnv[str, npt.NDArray[Any], int]):  # type: ignore[misc]  # untyped
    """Rounds of a matrix game.

    Rewards are those of the round; infos have ``role`` (the player's number) and ``true_reward``.
    There is no chance in it.
    """

    metadata: dict[str, Any]

    def __init__(self, rules: MatrixRounds, *, render_mode: str | None = None) -> None:
        """Prepare the rounds.

        Args:
            rules: The game.
            render_mode: ``"ansi"``, ``"rgb_array"``, ``"human"`` or None.

        Raises:
            ValueError: If the mode is unknown.
        """
        if render_mode is not None and render_mode not in MODES:
            raise ValueError(f"render_mode must be one of {MODES} or None, got {render_mode!r}")
        self.rules, self.render_mode = rules, render_mode
        self.metadata = {
            "name": type(rules).__name__,
            "render_modes": list(MODES),
            "render_fps": 2,
        }
        self.possible_agents = [f"player_{player}" for player in range(rules.players)]
        self.agents: list[str] = []
        self.observation_spaces: dict[str, Any] = dict.fromkeys(self.possible_agents, rules.space)
        self.action_spaces: dict[str, Any] = {
            agent: gym.spaces.Discrete(len(rules.words)) for agent in self.possible_agents
        }

    def observation_space(self, agent: str) -> Any:
        """Return the space of an agent's observations."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        """Return the space of an agent's actions."""
        return self.action_spaces[agent]

    def reset(
        self,
        seed: int | None = None,  # noqa: ARG002 (PettingZoo's signature; there is no chance)
        options: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> tuple[dict[str, npt.NDArray[Any]], dict[str, dict[str, Any]]]:
        """Start a game; ``seed`` and ``options`` change nothing."""
        self.agents = list(self.possible_agents)
        self._state = self.rules.start()
        self._watch()
        infos = {agent: {"role": player} for player, agent in enumerate(self.agents)}
        return self._seen(), infos

    def step(
        self, actions: dict[str, int]
    ) -> tuple[
        dict[str, npt.NDArray[Any]],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """Play a round.

        Args:
            actions: Agent -> choice.

        Raises:
            gymnasium.error.ResetNeeded: If no game is running.
            ValueError: If a choice is missing or impossible, or somebody else's.
        """
        if not self.agents:
            raise gym.error.ResetNeeded("no game is running; call reset()")
        agents, before = self.agents, self._state.scores
        for move in chosen(actions, agents, len(self.rules.words)):
            self._state = self.rules.after(self._state, move)
        over = self.rules.mover(self._state) == TERMINAL
        paid = [now - then for now, then in zip(self._state.scores, before, strict=True)]
        rewards = dict(zip(agents, paid, strict=True))
        infos = {
            agent: {"role": player, "true_reward": paid[player]}
            for player, agent in enumerate(agents)
        }
        seen = self._seen()
        if over:
            self.agents = []
        self._watch()
        ended, cut = dict.fromkeys(agents, over), dict.fromkeys(agents, False)
        return seen, rewards, ended, cut, infos

    def render(self) -> Any:
        """Return the game as text or as a (H, W, 3) uint8 picture of it.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset.
        """
        if self.render_mode is None:
            return None
        if not hasattr(self, "_state"):
            raise gym.error.ResetNeeded("call reset() first: nothing to be seen")
        if self.render_mode == "rgb_array":
            return self.rules.picture(self._state)
        text = self.rules.text(self._state)
        if self.render_mode == "ansi":
            return text
        print(text, flush=True)  # noqa: T201 (this is what "human" asks for)
        return None

    def state(self) -> npt.NDArray[np.float32]:
        """Return what both players see together, as one vector.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset.
        """
        if not hasattr(self, "_state"):
            raise gym.error.ResetNeeded("call reset() first: no game is running")
        return np.concatenate([self.rules.seen(self._state, player) for player in (0, 1)])

    @property
    def state_space(self) -> gym.spaces.Box:
        """Space of :meth:`state`."""
        return gym.spaces.Box(0.0, 1.0, (2 * self.rules.space.shape[0],), np.float32)

    def close(self) -> None:
        """Give nothing back: there is nothing held."""

    def _seen(self) -> dict[str, npt.NDArray[Any]]:
        return {
            agent: self.rules.seen(self._state, player) for player, agent in enumerate(self.agents)
        }

    def _watch(self) -> None:
        if self.render_mode == "human":
            self.render()
