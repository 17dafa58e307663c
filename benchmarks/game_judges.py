"""How good a policy is in a game: what a perfect opponent takes from it, or what a team earns."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from operant.agents.games.best_response import best_values, expected_values
from operant.agents.games.minimax import Minimax
from operant.agents.games.sequence_form import SequenceForm
from operant.benchmarks.evaluate import STOP_EVERY
from operant.benchmarks.records import EvalTable
from operant.errors import InterruptedRunError
from operant.games import ExtensiveGame, SimultaneousBatch, StateGame
from operant.types import Bool, Float, Int

Act: TypeAlias = Callable[[npt.NDArray[Any]], Int]
"""(N, P, ...) what players see -> (N, P) actions."""
PERFECT = 1e-9
"""Who could gain no more than this plays perfectly; gains are sums of rounded numbers."""


class TreeJudge:
    """Judges policies of a tree by best responses.

    Attributes:
        form: How agents are given the game; a tag of those that play it.
        game: The game, of two players whose payoffs sum up to 0.
        perfect: None: an equilibrium exists, but is not known beforehand.
    """

    form = "tree"
    perfect: Float | None = None

    def __init__(self, tree: ExtensiveGame) -> None:
        """Read a tree."""
        self.game = SequenceForm(tree)

    def judged(self, policy: Float, step: int) -> EvalTable:
        """Return a row per seat; see :func:`seats_table`."""
        best, fair = best_values(self.game, policy), expected_values(self.game, policy)
        return seats_table(gain=best - fair, left=-best[::-1], step=step)


class StatesJudge:
    """Judges policies of a game without chance or secrets by backward induction.

    Attributes:
        form: How agents are given the game; a tag of those that play it.
        game: The game, of two players whose payoffs sum up to 0.
        perfect: Perfect play.
    """

    form = "states"
    perfect: Float | None

    def __init__(self, game: StateGame) -> None:
        """Solve a game."""
        self._solved = Minimax(game)
        self.game, self.perfect = game, self._solved.perfect

    def judged(self, policy: Float, step: int) -> EvalTable:
        """Return a row per seat; see :func:`seats_table`."""
        left = np.array([self._solved.worst_case(policy, seat) for seat in (0, 1)])
        fair = self._solved.expected_values(policy, policy)
        return seats_table(gain=-left[::-1] - fair, left=left, step=step)


def seats_table(*, gain: Float, left: Float, step: int) -> EvalTable:
    """Return the exact judgement of a policy in a game, a row per seat instead of per episode.

    The score of a seat is what its player could gain by deviating from the policy; the mean over
    seats is the exploitability. The true return is what the policy gets there against a perfect
    opponent who knows it, success that nothing can be gained, and the length unknown, 0.

    Args:
        gain: (P,) what the players could gain.
        left: (P,) what a perfect opponent leaves them.
        step: Steps trained so far.
    """
    seats = len(gain)
    returns = ("true_return", "designed_return", "discounted_true_return")
    return EvalTable(
        step=np.full(seats, step, np.int64),
        episode=np.arange(seats),
        length=np.zeros(seats, np.int64),
        success=gain <= PERFECT,
        score=gain,
        discounted_designed_return=left,
        **dict.fromkeys(returns, left),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class TeamJudge:
    """Judges teams by playing: the score of an episode is what all players earn together.

    Attributes:
        batch: N -> so many games.
        form: How agents are given the game; a tag of those that play it.
    """

    batch: Callable[[int], SimultaneousBatch]
    form: ClassVar[str] = "team"

    def played(
        self,
        act: Act,
        *,
        episodes: int,
        seed: int,
        gamma: float,
        step: int,
        should_stop: Callable[[], bool],
    ) -> EvalTable:
        """Play the first episode of every row.

        Args:
            act: What acts.
            episodes: Rows.
            seed: Episode i has the chance of ``seed + i``.
            gamma: Discount.
            step: Steps trained so far, written into the table.
            should_stop: Asked now and then; True abandons the episodes.

        Raises:
            InterruptedRunError: If a stop was asked for before all had ended.
        """
        games = self.batch(episodes)
        games.reset([seed + row for row in range(episodes)])
        welfare, discounted = np.zeros(episodes), np.zeros(episodes)
        length: Int = np.zeros(episodes, np.int64)
        success: Bool = np.zeros(episodes, np.bool_)
        running, t = np.ones(episodes, np.bool_), 0
        while running.any():
            if t and t % STOP_EVERY == 0 and should_stop():
                raise InterruptedRunError("stopped during an evaluation")
            rewards, ended, cut = games.step(act(games.obs))
            earned = np.where(running, rewards.sum(1), 0.0)
            welfare += earned
            discounted += gamma**t * earned
            length += running
            last = running & (ended | cut)
            # Worlds that know success tell it of the step that was just made.
            success |= last & np.asarray(getattr(games, "success", False))
            running &= ~last
            t += 1
        return EvalTable(
            step=np.full(episodes, step, np.int64),
            episode=np.arange(episodes),
            length=length,
            success=success,
            score=welfare,
            true_return=welfare,
            designed_return=welfare,
            discounted_true_return=discounted,
            discounted_designed_return=discounted,
        )
