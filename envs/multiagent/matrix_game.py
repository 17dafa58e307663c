"""Games in which two players choose at once, over some rounds; rock-paper-scissors is one."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.envs.multiagent.makers import game_makers
from operant.envs.multiagent.rules import GameRules, one_hot
from operant.extras import require
from operant.games import TERMINAL

ROCK_PAPER_SCISSORS = ((0.0, -1.0, 1.0), (1.0, 0.0, -1.0), (-1.0, 1.0, 0.0))
"""What the first player gets: rock, paper, scissors."""


@dataclasses.dataclass(frozen=True, slots=True)
class Choices:
    """A state of a matrix game.

    Attributes:
        played: Rounds that are over.
        scores: What the players got in them.
        last: What they chose in the last one; -1 before it.
        chosen: What the first player has chosen already in the running one, unseen, or -1.
    """

    played: int = 0
    scores: tuple[float, float] = (0.0, 0.0)
    last: tuple[int, int] = (-1, -1)
    chosen: int = -1


@dataclasses.dataclass(frozen=True)
class MatrixRounds(GameRules[Choices]):
    """A zero-sum matrix game of turns: the second player does not see the first's choice.

    Description:
        In every round both players choose an action; the payoff matrix says what the first gets
        and the second loses.
    Observation:
        Box(0, 1, (3 A + 3,), float32): player (2), own last choice (A), the other's last choice
        (A), own choice of the running round where it is made (A), rounds that are over / rounds.
    Action:
        Discrete(A): the choice.
    Reward:
        The sum over the rounds, at the end.
    Termination:
        After the last round.
    """

    payoffs: tuple[tuple[float, ...], ...] = ROCK_PAPER_SCISSORS
    names: tuple[str, ...] = ("rock", "paper", "scissors")
    rounds: int = 1

    def __post_init__(self) -> None:
        """Check the matrix.

        Raises:
            ValueError: If it is not square with a finite number per pair of actions, names are
                missing, or there is no round.
        """
        if self.rounds < 1:
            raise ValueError(f"rounds must be >= 1, got {self.rounds}")
        sizes = {len(self.payoffs), *(len(row) for row in self.payoffs), len(self.names)}
        if len(sizes) != 1 or not np.isfinite(self.payoffs).all():
            raise ValueError(
                f"payoffs must be a square matrix of finite numbers with a name per action, got "
                f"{self.payoffs} and {self.names}"
            )

    @property
    def lowest(self) -> float:  # type: ignore[override]
        """The most that can be lost in all rounds."""
        return -self.rounds * float(np.abs(self.payoffs).max())

    @property
    def space(self) -> gym.spaces.Box:
        """Player, last choices, own choice, rounds."""
        return gym.spaces.Box(0.0, 1.0, (3 * len(self.names) + 3,), np.float32)

    @property
    def words(self) -> Sequence[str]:
        """The names of the choices."""
        return self.names

    def start(self) -> Choices:
        """Return the state before the first round."""
        return Choices()

    def mover(self, state: Choices) -> int:
        """Return who writes down the choice next."""
        if state.played == self.rounds:
            return TERMINAL
        return int(state.chosen >= 0)

    def moves(self, state: Choices) -> Sequence[int]:  # noqa: ARG002 (always the same)
        """Return all actions."""
        return range(len(self.names))

    def after(self, state: Choices, move: int) -> Choices:
        """Write a choice down, and pay when both are known."""
        if state.chosen < 0:
            return dataclasses.replace(state, chosen=move)
        won = self.payoffs[state.chosen][move]
        scores = state.scores[0] + won, state.scores[1] - won
        return Choices(state.played + 1, scores, (state.chosen, move))

    def payoff(self, state: Choices) -> Sequence[float]:
        """Return the sums of all rounds."""
        return state.scores

    def seen(self, state: Choices, player: int) -> npt.NDArray[np.float32]:
        """Return player, last choices, own choice and rounds."""
        size = len(self.names)
        own = state.chosen if player == 0 else -1
        parts = [
            *one_hot(player, 2),
            *one_hot(state.last[player], size),
            *one_hot(state.last[1 - player], size),
            *one_hot(own, size),
            state.played / self.rounds,
        ]
        return np.array(parts, np.float32)

    def told(self, state: Choices, player: int) -> str:
        """Return round, scores, last choices and the own one."""
        last = "-" if state.last[0] < 0 else " ".join(self.names[choice] for choice in state.last)
        own = f", chosen {self.names[state.chosen]}" if player == 0 and state.chosen >= 0 else ""
        return f"round {state.played}, scores {state.scores[0]:g}, last {last}{own}"

    def text(self, state: Choices) -> str:
        """Return the rounds that are over, and the last choices."""
        last = "-" if state.last[0] < 0 else " / ".join(self.names[at] for at in state.last)
        return (
            f"rounds: {state.played} of {self.rounds}; last: {last}; "
            f"scores: {state.scores[0]:g} / {state.scores[1]:g}"
        )


make_turns, make_batch = game_makers(MatrixRounds)


def make(*, render_mode: str | None = None, **options: Any) -> Any:
    """Build the game as a PettingZoo ``ParallelEnv``.

    Args:
        render_mode: ``"ansi"`` for text, ``"rgb_array"`` for a picture of it, ``"human"`` to have
            it printed after every round, or None.
        **options: Those of :class:`MatrixRounds`.

    Raises:
        MissingExtraError: If PettingZoo is not installed.
        ValueError: If an argument is outside its range.
    """
    require("pettingzoo", extra="multiagent")
    from operant.envs.multiagent.matrix_env import MatrixEnv

    return MatrixEnv(MatrixRounds(**options), render_mode=render_mode)


def chosen(actions: Mapping[str, Any], agents: Sequence[str], size: int) -> list[int]:
    """Return the agents' actions in order.

    Args:
        actions: Agent -> action.
        agents: Those who must choose.
        size: Number of actions.

    Raises:
        ValueError: If one is missing, an agent does not play, or an action is impossible.
    """
    if set(actions) != set(agents):
        raise ValueError(
            f"actions must be those of {list(agents)}, who choose at once; got {sorted(actions)}"
        )
    indices = []
    for agent in agents:
        try:
            index = operator.index(actions[agent])
        except TypeError:
            index = -1
        if not 0 <= index < size:
            raise ValueError(
                f"unknown action {actions[agent]!r} of {agent!r}; actions are integers in "
                f"[0, {size - 1}]"
            )
        indices.append(index)
    return indices
