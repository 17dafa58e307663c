"""How the arms of an LSD bandit move, and what they pay: plain data and pure functions.

Source: A Last Switch Dependent Analysis of Satiation and Seasonality in Bandits (Laforgue, Clerici,
Cesa-Bianchi, Gilad-Bachrach, 2022).
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from operant.types import Bool, Float, Int

Recovery: TypeAlias = Literal["reset", "gradual"]
RECOVERIES: tuple[str, ...] = get_args(Recovery)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LSDRules:
    """What is known of an LSD bandit of K arms before anything was paid.

    Every arm has a counter tau: rounds since it was last played (1 to D, and it stays at D), or
    minus the number of its plays in a row (-1 to -S, and it stays at -S). Arrays hold *levels*
    instead, the places of tau in the order -S, .., -1, 1, .., D, from 0 on.

    Attributes:
        K: Number of arms, >= 1.
        D: Longest rest that is told apart, >= 1.
        S: Longest run that is told apart; 0 for bandits without runs, where playing an arm leads to
            tau = 1 wherever it was.
        recovery: ``"reset"``: the first rest after a run leads to tau = 1, since only the last
            switch matters. ``"gradual"``: each rest takes back one play of the run.
        allow_none: True if a round may be let pass; its action is K.
    """

    K: int
    D: int
    S: int
    recovery: Recovery = "reset"
    allow_none: bool = True

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If one is out of range; names it.
        """
        for name, low in (("K", 1), ("D", 1), ("S", 0)):
            value = getattr(self, name)
            if not isinstance(value, (int, np.integer)) or not low <= value <= 10_000:
                raise ValueError(f"{name} must be an integer in [{low}, 10000], got {value!r}")
        if self.recovery not in RECOVERIES:
            raise ValueError(f"recovery must be one of {RECOVERIES}, got {self.recovery!r}")

    @property
    def size(self) -> int:
        """Number n = S + D of levels of one arm."""
        return self.S + self.D

    @property
    def states(self) -> int:
        """Number n ** K of states of all arms together, reachable or not."""
        states: int = int(self.size) ** int(self.K)
        return states

    @property
    def actions(self) -> int:
        """Number A of actions: the arms, and letting a round pass where that is allowed."""
        return self.K + self.allow_none

    @property
    def rested(self) -> int:
        """Level of tau = D."""
        return self.size - 1

    @functools.cached_property
    def taus(self) -> Int:
        """(n,) counter of every level.

        >>> LSDRules(K=1, D=3, S=2).taus.tolist()
        [-2, -1, 1, 2, 3]
        """
        return _fixed(np.concatenate([np.arange(-self.S, 0), np.arange(1, self.D + 1)]))

    @functools.cached_property
    def played(self) -> Int:
        """(n,) level that each level becomes when its arm is played."""
        level = np.arange(self.size)
        run = np.maximum(level - 1, 0)
        return _fixed(np.where(level < self.S, run, max(self.S - 1, 0)))

    @functools.cached_property
    def idle(self) -> Int:
        """(n,) level that each level becomes when its arm is not played."""
        level = np.arange(self.size)
        # After -1 comes 1, which is the next level: gradual recovery is one level per round.
        back = self.S if self.recovery == "reset" else level + 1
        return _fixed(np.where(level < self.S, back, np.minimum(level + 1, self.rested)))

    def levels(self, taus: npt.ArrayLike) -> Int:
        """Return the levels of counters, of any shape.

        Raises:
            ValueError: If one is no counter of these rules.
        """
        tau = np.asarray(taus)
        if not np.isin(tau, self.taus).all():
            runs = f"-{self.S} to -1 or " if self.S else ""
            raise ValueError(f"tau must be {runs}1 to {self.D}, got {tau.tolist()}")
        level: Int = np.where(tau < 0, tau + self.S, tau + self.S - 1).astype(np.int64)
        return level

    def start(self, rows: int = 1, *, tau: int | None = None) -> Int:
        """Return the levels of rows whose arms all have the same counter, (rows, K).

        Args:
            rows: Number of rows.
            tau: The counter; None for D, fully rested.
        """
        level = self.rested if tau is None else int(self.levels(tau))
        return np.full((rows, self.K), level, np.int64)

    def advance(self, levels: Int, actions: Int) -> Int:
        """Return the levels after a round.

        Args:
            levels: (B, K) before it.
            actions: (B,) arms played, K for none.

        >>> rules = LSDRules(K=2, D=3, S=2)
        >>> rules.taus[rules.advance(rules.levels([[3, -2]]), np.array([0]))].tolist()
        [[-1, 1]]
        """
        after = self.idle[levels]
        rows = np.flatnonzero(np.asarray(actions) < self.K)
        arms = np.asarray(actions)[rows]
        after[rows, arms] = self.played[levels[rows, arms]]
        return after


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LSDInstance:
    """An LSD bandit whose means are known.

    Attributes:
        rules: How the arms move.
        payoffs: (K, n) float64, mean payoff of playing an arm at each level: columns are tau = -S,
            .., -1, 1, .., D. Letting a round pass pays 0.
    """

    rules: LSDRules
    payoffs: Float

    def __post_init__(self) -> None:
        """Check the table, and keep a copy that cannot be changed.

        Raises:
            ValueError: If it has another shape or is not finite.
        """
        table = np.array(self.payoffs, np.float64)
        shape = (self.rules.K, self.rules.size)
        if table.shape != shape or not np.isfinite(table).all():
            raise ValueError(
                f"payoffs must be {shape} finite numbers (K arms, S + D counters), got "
                f"{table.shape}: {table.tolist() if table.size < 50 else '...'}"
            )
        table.setflags(write=False)
        object.__setattr__(self, "payoffs", table)

    @property
    def monotone(self) -> bool:
        """True if no arm pays less for more rest: in the order tau = -S, .., -1, 1, .., D."""
        return bool((np.diff(self.payoffs, axis=1) >= 0).all())

    def means(self, levels: Int, actions: Int) -> Float:
        """Return the mean payoff of actions, (B,), at the levels (B, K) before them."""
        actions = np.asarray(actions)
        plays: Bool = actions < self.rules.K
        arms = np.where(plays, actions, 0)
        level = levels[np.arange(len(levels)), arms]
        paid: Float = np.where(plays, self.payoffs[arms, level], 0.0)
        return paid

    def rewards(self, levels: Int) -> Float:
        """Return the mean payoffs of all actions, (B, A), at levels (B, K)."""
        paid = np.zeros((len(levels), self.rules.actions))
        paid[:, : self.rules.K] = self.payoffs[np.arange(self.rules.K), levels]
        return paid


def _fixed(values: npt.NDArray[np.int64]) -> Int:
    values = values.astype(np.int64)
    values.setflags(write=False)
    return values
