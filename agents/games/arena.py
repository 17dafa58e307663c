"""Lets policies play each other, and rates them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from operant.agents.games.policies import Seat, draw
from operant.games import TurnBatch
from operant.seeding import SeedTree
from operant.types import Float

SPREAD, MEAN = 400.0, 1500.0
"""Elo's scale: points per factor of 10 in the odds, and the mean of all ratings."""


def play(batch: TurnBatch, seats: Sequence[Seat], games: int, seed: int) -> Float:
    """Return what the players got in a number of games, (G, P).

    Each row plays its share from the start, so games do not count more for being short.

    Args:
        batch: N games at a time; it is reset.
        seats: Who plays, one per player.
        games: G >= 1.
        seed: Root of chance and of what is drawn.

    Raises:
        ValueError: If there is not one seat per player, or no game to play.
    """
    if len(seats) != batch.players or games < 1:
        raise ValueError(
            f"seats must be one per player, {batch.players}, and games >= 1, got {len(seats)} and "
            f"{games}"
        )
    tree, rows = SeedTree(seed).child("arena"), np.arange(batch.num)
    rng = tree.generator("moves")
    batch.reset([int(s) for s in tree.sequence("games").generate_state(batch.num, np.uint32)])
    left = games // batch.num + (rows < games % batch.num)
    running, results = np.zeros((batch.num, batch.players)), []
    while (left > 0).any():
        actions, uniforms = np.zeros(batch.num, np.int64), rng.random(batch.num)
        for role, seat in enumerate(seats):
            mine = np.flatnonzero(batch.turn == role)
            if len(mine):
                chances = seat.probabilities(batch.obs[mine], batch.legal[mine], batch.turn[mine])
                actions[mine] = draw(chances, uniforms[mine])
        rewards, ended = batch.step(actions)
        running += rewards
        results.append(running[ended & (left > 0)].copy())
        left -= ended
        running[ended] = 0
    return np.concatenate(results)


def round_robin(batch: TurnBatch, seats: Sequence[Seat], games: int, seed: int) -> Float:
    """Return how often each of K beat each other, (K, K); a draw is half a win.

    Args:
        batch: Games of two players.
        seats: The K contestants.
        games: Games per ordered pair: each of two sits first in so many.
        seed: Root of everything random.

    Raises:
        ValueError: If the game has not two players, or there are fewer than two contestants.
    """
    if batch.players != 2 or len(seats) < 2:
        raise ValueError(
            f"a round robin needs games of 2 players and >= 2 seats, got {batch.players} and "
            f"{len(seats)}"
        )
    wins, tree = np.zeros((len(seats), len(seats))), SeedTree(seed)
    for first, second in itertools.permutations(range(len(seats)), 2):
        pair = (seats[first], seats[second])
        returns = play(batch, pair, games, tree.seed(f"{first} against {second}"))
        margin = np.sign(returns[:, 0] - returns[:, 1])
        wins[first, second] += ((1 + margin) / 2).sum()
        wins[second, first] += ((1 - margin) / 2).sum()
    return wins


def elo(wins: Float, *, prior: float = 1.0) -> Float:
    """Return the ratings of K contestants, (K,), on Elo's scale with mean 1500.

    The most likely strengths of the Bradley-Terry model, by minorisation and maximisation. It knows
    one strength per contestant: it cannot say that rock, paper and scissors beat each other.

    >>> elo(np.array([[0, 91], [9, 0]]), prior=0.0).round().tolist()
    [1701.0, 1299.0]

    Args:
        wins: (K, K) how often each beat each other.
        prior: Draws added between each two, >= 0; with 0, ratings may not exist.

    Raises:
        ValueError: If the table does not fit, or there are no finite ratings: some have never lost
            to the others, and ``prior`` is 0.

    Source: MM Algorithms for Generalized Bradley-Terry Models (Hunter, 2004), eq. 3.
    """
    wins = np.asarray(wins, np.float64)
    count = len(wins)
    if wins.shape != (count, count) or count < 2 or not (wins >= 0).all() or not prior >= 0:
        raise ValueError(
            f"wins must be (K, K) numbers >= 0 with K >= 2, and prior >= 0, got the shape "
            f"{wins.shape} and {prior!r}"
        )
    wins = (wins + prior / 2) * ~np.eye(count, dtype=np.bool_)
    reaches = (wins > 0) | np.eye(count, dtype=np.bool_)
    for _ in range(count.bit_length()):  # ways of 2, 4, 8, ... wins
        reaches = reaches @ reaches
    if not reaches.all():
        raise ValueError(
            "ratings are finite only if everybody has beaten everybody, if by way of others; "
            "somebody has not: pass prior > 0"
        )
    met, strength = wins + wins.T, np.ones(count)
    for _ in range(100_000):
        pairs = met / (strength[:, None] + strength)
        updated = wins.sum(1) / pairs.sum(1)
        updated /= np.exp(np.log(updated).mean())
        moved = float(np.abs(np.log(updated / strength)).max())
        strength = updated
        if moved < 1e-12:
            break
    return MEAN + SPREAD * np.log10(strength)
