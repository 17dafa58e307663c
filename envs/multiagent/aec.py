"""Any game of turns as a PettingZoo env in which agents act one after another."""

from __future__ import annotations

import operator
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.envs.multiagent.chance import RowDraws, thresholds
from operant.envs.multiagent.rules import GameRules
from operant.envs.multiagent.zoo import AECEnv
from operant.games import CHANCE, TERMINAL
from operant.types import Int

_ROW: Int = np.zeros(1, np.int64)
ILLEGAL = ("lose", "error")
MODES = ("ansi", "rgb_array", "human")


class GameEnv(AECEnv[str, dict[str, npt.NDArray[Any]], int]):  # type: ignore[misc]  # untyped
    """A game of turns, played by its rules.

    Observations are dicts of ``observation`` and ``action_mask`` ((A,) int8, all zero for who is
    not to move). Infos: ``role`` (the player's number), ``true_reward`` (what the last move paid
    the player) and, where an illegal move ended the game, ``illegal_move`` (its player's number).
    """

    metadata: dict[str, Any]

    def __init__(
        self,
        rules: GameRules[Any],
        *,
        render_mode: str | None = None,
        illegal: str = "lose",
    ) -> None:
        """Prepare the table.

        Args:
            rules: The game.
            render_mode: ``"ansi"`` for text, ``"rgb_array"`` for a picture of it, ``"human"`` to
                have it printed after every move, or None.
            illegal: What an illegal move does: ``"lose"`` ends the game, pays the mover the lowest
                payoff of the game and the others nothing; ``"error"`` raises.

        Raises:
            ValueError: If a mode is unknown.
        """
        super().__init__()
        if render_mode is not None and render_mode not in MODES:
            raise ValueError(f"render_mode must be one of {MODES} or None, got {render_mode!r}")
        if illegal not in ILLEGAL:
            raise ValueError(f"illegal must be one of {ILLEGAL}, got {illegal!r}")
        self.rules, self.render_mode, self._illegal = rules, render_mode, illegal
        self.metadata = {
            "name": type(rules).__name__,
            "render_modes": list(MODES),
            "render_fps": 2,
            "is_parallelizable": False,
        }
        self.possible_agents = [f"player_{player}" for player in range(rules.players)]
        self.agents: list[str] = []
        self._player = {agent: player for player, agent in enumerate(self.possible_agents)}
        actions = len(rules.words)
        mask = gym.spaces.Box(0, 1, (actions,), np.int8)
        self.observation_spaces: dict[str, Any] = {
            agent: gym.spaces.Dict({"observation": rules.space, "action_mask": mask})
            for agent in self.possible_agents
        }
        self.action_spaces: dict[str, Any] = {
            agent: gym.spaces.Discrete(actions) for agent in self.possible_agents
        }
        self._draws = RowDraws(1)
        self._seeded = False

    def observation_space(self, agent: str) -> Any:
        """Return the space of an agent's observations."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        """Return the space of an agent's actions."""
        return self.action_spaces[agent]

    def reset(
        self,
        seed: int | None = None,
        options: dict[str, Any] | None = None,  # noqa: ARG002 (PettingZoo's signature)
    ) -> None:
        """Start a game.

        Args:
            seed: Starts the chance of the game anew; None goes on with it (at first: anyhow).
            options: Ignored.

        Raises:
            ValueError: If the seed is negative.
        """
        if seed is None and not self._seeded:
            seed = int(np.random.SeedSequence().generate_state(1)[0])
        if seed is not None:
            self._draws.seed(_ROW, [seed])
            self._seeded = True
        self.agents = list(self.possible_agents)
        self._state = self._settled(self.rules.start())
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self._skip_agent_selection: str | None = None
        self._pay([0.0] * self.rules.players)
        self._select()
        self._watch()

    def observe(self, agent: str) -> dict[str, npt.NDArray[Any]]:
        """Return what an agent sees now, whoever is to move.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset.
            ValueError: If there is no such agent.
        """
        self._require_game()
        if agent not in self._player:
            raise ValueError(f"agent must be one of {self.possible_agents}, got {agent!r}")
        player, mask = self._player[agent], np.zeros(len(self.rules.words), np.int8)
        if self.rules.mover(self._state) == player and not self._over:
            mask[list(self.rules.moves(self._state))] = 1
        seen = np.array(self.rules.seen(self._state, player))
        return {"observation": seen, "action_mask": mask}

    def step(self, action: int | None, *, agent: str | None = None) -> None:
        """Let the agent to move, ``agent_selection``, do something.

        Args:
            action: The action; None for an agent whose game is over.
            agent: Who thinks to be moving; None for whoever is to move.

        Raises:
            gymnasium.error.ResetNeeded: If no game is running.
            ValueError: If it is not the agent's turn, the action is not in the action space, or it
                is illegal and ``illegal="error"``. Nothing has happened then.
        """
        self._require_game()
        if not self.agents:
            raise gym.error.ResetNeeded("the game is over for everybody; call reset()")
        mover = self.agent_selection
        if agent is not None and agent != mover:
            raise ValueError(f"{agent!r} acts out of turn: it is the turn of {mover!r}")
        if self.terminations[mover]:
            if action is not None:
                raise ValueError(f"the game is over: {mover!r} can do nothing but None")
            self._was_dead_step(None)
            return
        move = self._checked(action)
        self._cumulative_rewards[mover] = 0.0
        if move in self.rules.moves(self._state):
            self._state = self._settled(self.rules.after(self._state, move))
            over = self.rules.mover(self._state) == TERMINAL
            self._pay(self.rules.payoff(self._state) if over else [0.0] * self.rules.players)
        else:
            self._refuse(mover, move)
        self._accumulate_rewards()
        self._select()
        self._watch()

    def render(self) -> Any:
        """Return the game as text or as a (H, W, 3) uint8 picture of it, all secrets included.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset.
        """
        if self.render_mode is None:
            return None
        self._require_game()
        if self.render_mode == "rgb_array":
            return self.rules.picture(self._state)
        text = self.rules.text(self._state)
        if self.render_mode == "ansi":
            return text
        print(text, flush=True)  # noqa: T201 (this is what "human" asks for)
        return None

    def state(self) -> npt.NDArray[Any]:
        """Return what all players see together, who moves (one place each) first, as one vector.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset.
        """
        self._require_game()
        everybody = range(self.rules.players)
        mover = -1 if self._over else self.rules.mover(self._state)
        seen = [np.ravel(self.rules.seen(self._state, player)) for player in everybody]
        turn = [float(player == mover) for player in everybody]
        return np.concatenate([turn, *seen]).astype(np.float32)

    @property
    def state_space(self) -> gym.spaces.Box:
        """Space of :meth:`state`."""
        low, high = (np.ravel(bound) for bound in (self.rules.space.low, self.rules.space.high))
        count = self.rules.players
        return gym.spaces.Box(
            np.concatenate([np.zeros(count), *[low] * count]).astype(np.float32),
            np.concatenate([np.ones(count), *[high] * count]).astype(np.float32),
        )

    def close(self) -> None:
        """Give nothing back: there is nothing held."""

    def _settled(self, state: Any) -> Any:
        """Let chance move until a player does or the game is over."""
        while self.rules.mover(state) == CHANCE:
            bounds = thresholds(self.rules.odds(state))
            outcome = int(bounds.searchsorted(self._draws.draw(_ROW)[0], "right"))
            state = self.rules.after(state, self.rules.moves(state)[outcome])
        return state

    @property
    def _over(self) -> bool:
        return not self.agents or any(self.terminations.values())

    def _require_game(self) -> None:
        if not hasattr(self, "_state"):
            raise gym.error.ResetNeeded("call reset() first: no game is running")

    def _checked(self, action: Any) -> int:
        try:
            index = operator.index(action)
        except TypeError:
            index = -1
        if not 0 <= index < len(self.rules.words):
            last = len(self.rules.words) - 1
            raise ValueError(f"unknown action {action!r}; actions are integers in [0, {last}]")
        return index

    def _refuse(self, mover: str, move: int) -> None:
        """Punish an illegal move."""
        player, legal = self._player[mover], list(self.rules.moves(self._state))
        if self._illegal == "error":
            raise ValueError(f"action {move} is illegal; {mover!r} may do {legal}")
        paid = [0.0] * self.rules.players
        paid[player] = self.rules.lowest
        self._pay(paid)
        for agent in self.agents:
            self.terminations[agent] = True
            self.infos[agent]["illegal_move"] = player

    def _pay(self, payoff: Any) -> None:
        self.rewards = {agent: float(payoff[self._player[agent]]) for agent in self.agents}
        self.infos = {
            agent: {"role": self._player[agent], "true_reward": self.rewards[agent]}
            for agent in self.agents
        }

    def _select(self) -> None:
        """Find out who is to move; at the end it is the first agent's turn to leave."""
        mover = self.rules.mover(self._state)
        if mover == TERMINAL:
            self.terminations = dict.fromkeys(self.agents, True)
        first = self.possible_agents[0]
        self.agent_selection = first if self._over else self.possible_agents[mover]

    def _watch(self) -> None:
        if self.render_mode == "human":
            self.render()
