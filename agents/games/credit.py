"""Who gets credit for what in a batch of turn-based games: functions of what was played."""

from __future__ import annotations

import dataclasses

import numpy as np

from operant.types import Bool, Float, Int


@dataclasses.dataclass(frozen=True, slots=True)
class Moves:
    """T moves in each of N games of P players; a new game follows where one ends.

    Attributes:
        role: (T, N) who moved.
        learner: (T, N) whether what is trained chose the move.
        rewards: (T, N, P) what the players got for it.
        ended: (T, N) whether it ended the game.
        before: (N, P) what the players had got in the running games before the first move.
        age: (N,) moves made in the running games before the first move.
    """

    role: Int
    learner: Bool
    rewards: Float
    ended: Bool
    before: Float
    age: Int

    def outcomes(self) -> Float:
        """Return what each player gets in the whole game a move belongs to, (T, N, P).

        NaN where the game goes on after the last move.
        """
        totals = np.full(self.rewards.shape, np.nan)
        got = self.before.copy()
        for t in range(len(totals)):
            got = got + self.rewards[t]
            ended = self.ended[t]
            totals[t, ended] = got[ended]
            got[ended] = 0
        for t in range(len(totals) - 2, -1, -1):
            going = ~self.ended[t]
            totals[t, going] = totals[t + 1, going]
        return totals

    def lengths(self) -> Int:
        """Return the number of moves of all games that ended, in the order of their ends."""
        made, found = self.age.copy(), []
        for ended in self.ended:
            made = made + 1
            found.append(made[ended])
            made = np.where(ended, 0, made)
        return np.concatenate(found) if found else np.zeros(0, np.int64)

    def settled(self, longest: int) -> Bool:
        """Return which moves may be learned from, (T, N): what they led to is known.

        A game counts if it ended, and began so early that one of ``longest`` moves would have ended
        as well. Without the second condition short games would be preferred, and with them whatever
        ends a game.
        """
        steps = len(self.ended)
        kept = np.zeros(self.ended.shape, np.bool_)
        start = -self.age
        for t in range(steps):
            kept[t] = start + longest <= steps
            start = np.where(self.ended[t], t + 1, start)
        kept &= np.isfinite(self.outcomes()[..., 0])
        return kept


def role_returns(moves: Moves) -> tuple[Float, Int]:
    """Return the outcomes of ended games for the roles that the learner had, (K,), and the roles.

    A role counts once per game, if the learner made its last move in it.
    """
    totals, (steps, num) = moves.outcomes(), moves.role.shape
    rows = np.arange(num)
    known, roles = [], []
    counted = np.zeros((num, moves.rewards.shape[2]), np.bool_)
    counted[:] = True  # what follows the last end does not count
    for t in range(steps - 1, -1, -1):
        counted[moves.ended[t]] = False
        role = moves.role[t]
        new = moves.learner[t] & ~counted[rows, role]
        known.append(totals[t, rows, role][new])
        roles.append(role[new])
        counted[rows[new], role[new]] = True
    return np.concatenate(known), np.concatenate(roles)


def turn_advantages(moves: Moves, values: Float, *, gamma: float, gae_lambda: float) -> Float:
    """Return generalised advantage estimates in which each player looks at its own moves, (T, N).

    What others do between two moves of a player is the world's answer to it: rewards on the way
    belong to the move before, and the value of its next own move follows. Discounts count own
    moves. Only meant for moves of games that ended.

    Args:
        moves: What was played.
        values: (T, N) what the player to move thought to get from there on.
        gamma: Discount per own move, in [0, 1].
        gae_lambda: Trace decay, in [0, 1].

    Source: High-Dimensional Continuous Control Using Generalized Advantage Estimation (Schulman et
    al., 2015), eq. 16.
    """
    steps, num = moves.role.shape
    rows, result = np.arange(num), np.zeros((steps, num))
    pay, following, trace = (np.zeros(moves.before.shape) for _ in range(3))
    for t in range(steps - 1, -1, -1):
        for part in (pay, following, trace):
            part[moves.ended[t]] = 0
        pay += moves.rewards[t]
        own = rows, moves.role[t]
        surprise = pay[own] + gamma * following[own] - values[t]
        result[t] = trace[own] = surprise + gamma * gae_lambda * trace[own]
        following[own], pay[own] = values[t], 0
    return result


class RoleBaseline:
    """What each role of a game got lately: running means of outcomes.

    Attributes:
        values: (P,) the means; 0 at first.
        decay: Weight of the old mean in an update, in [0, 1).
        shared: True for one mean over all roles.

    Source: SPIRAL: Self-Play on Zero-Sum Games Incentivizes Reasoning via Multi-Agent Multi-Turn
    Reinforcement Learning (Liu et al., 2025), role-conditioned advantage estimation.

    Deviation: there each game updates the mean in turn; here the mean outcome of all games of a
    rollout does, once. With one game per rollout both are the same. The mean is then independent of
    the games whose advantages it is subtracted in, and hardly noisy.
    """

    def __init__(self, players: int, *, decay: float = 0.95, shared: bool = False) -> None:
        """Start at 0.

        Raises:
            ValueError: If the decay is out of range.
        """
        if not 0 <= decay < 1:
            raise ValueError(f"decay must lie in [0, 1), got {decay!r}")
        self.values, self.decay, self.shared = np.zeros(players), decay, shared

    def advantages(self, moves: Moves) -> Float:
        """Return outcome less mean of whoever moved, (T, N): the same for all its moves in a game.

        To be read before :meth:`update` sees the same games. NaN where a game has not ended.
        """
        outcomes = np.take_along_axis(moves.outcomes(), moves.role[..., None], 2)[..., 0]
        return outcomes - self.values[moves.role]

    def update(self, outcomes: Float, roles: Int) -> None:
        """Learn from games.

        Args:
            outcomes: (K,) what roles got.
            roles: (K,) which they were.
        """
        groups = [np.ones(len(roles), np.bool_)] if self.shared else []
        groups = groups or [roles == role for role in range(len(self.values))]
        for role, mine in enumerate(groups):
            if mine.any():
                where = slice(None) if self.shared else slice(role, role + 1)
                mean = outcomes[mine].mean()
                self.values[where] = self.decay * self.values[where] + (1 - self.decay) * mean
