"""Fixed opponents, who make games of two players into worlds for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from operant.envs.multiagent.chance import BITS
from operant.envs.multiagent.engine import GameEngine, TableEngine
from operant.envs.multiagent.negotiation_engine import NegotiationEngine
from operant.envs.multiagent.simple_negotiation import ACCEPT, OFFERS, PASS
from operant.types import Bool, Float, Int


class Opponent(Protocol):
    """Decides for the players to move; all its chance comes from the rows' draws."""

    def __call__(self, engine: Any, rows: Int) -> Int:
        """Return (B,) legal actions for (B,) rows."""


def among(choices: Bool, draws: Int) -> Int:
    """Return one of the choices of each row, (B,), all equally likely.

    Args:
        choices: (B, A), at least one per row.
        draws: (B,) random numbers below 2^32.

    >>> among(np.array([[False, True, True]]), np.array([2**32 - 1]))
    array([2])
    """
    wanted = (draws * choices.sum(1)) >> BITS
    picked: Int = (choices.cumsum(1) > wanted[:, None]).argmax(1)
    return picked


class RandomOpponent:
    """Takes any legal action."""

    def __call__(self, engine: GameEngine, rows: Int) -> Int:
        """Return random legal actions."""
        return among(engine.legal.take(rows, 0), engine.draws.draw(rows))


class TableOpponent:
    """Follows probabilities that are written down for every state."""

    def __init__(self, policy: Float) -> None:
        """Prepare.

        Args:
            policy: (S, A) probabilities of legal actions; rows of zeros where nobody asks.

        Raises:
            ValueError: If a row neither sums to one nor is zero.
        """
        sums = policy.sum(1)
        if not np.isclose(sums, np.round(sums)).all() or sums.max() > 1.5:
            raise ValueError("the rows of a policy must sum to 1, or be zero")
        self._bounds = np.rint(policy.cumsum(1) * 2.0**BITS).astype(np.int64)
        self._bounds[:, -1] = 2**BITS

    def __call__(self, engine: TableEngine, rows: Int) -> Int:
        """Return actions drawn from the states' probabilities."""
        bounds = self._bounds.take(engine.node[rows], 0)
        drawn: Int = (bounds <= engine.draws.draw(rows)[:, None]).sum(1)
        return drawn


class GreedyTrader:
    """Accepts whatever is worth more to it than what it gives, and offers nothing else."""

    def __call__(self, engine: NegotiationEngine, rows: Int) -> Int:
        """Return what to do: accept if it pays, else offer something that would."""
        player = engine.turn[rows]
        values = engine.values[rows, player]
        _, given, pays, asked, wants = engine.offer[rows].T
        each = np.arange(len(rows))
        gain = values[each, given] * pays - values[each, asked] * wants  # of the other's offer
        deal = engine.legal[rows, ACCEPT] & (gain > 0)
        choices = engine.legal.take(rows, 0)
        own, costs, other, gets = engine.offers[OFFERS:].T
        choices[:, OFFERS:] &= values[:, other] * gets > values[:, own] * costs
        choices[:, ACCEPT] = False
        choices[:, PASS] = ~choices[:, OFFERS:].any(1)
        return np.where(deal, ACCEPT, among(choices, engine.draws.draw(rows)))


def policy_table(legal: Bool, weights: Sequence[Sequence[float]]) -> Float:
    """Return probabilities that are proportional to weights of the actions, (S, A).

    Args:
        legal: (S, A), what is legal.
        weights: Per state the weights of all actions; those of illegal ones do not count.
    """
    table = np.where(legal, np.array(weights, np.float64), 0.0)
    sums = table.sum(1, keepdims=True)
    return table / np.where(sums > 0, sums, 1)
