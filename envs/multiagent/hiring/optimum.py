"""The best incentive-compatible mechanism, by a linear program.

Variables are the probability of recommending a profile, and payment times that probability; both
enter linearly. An expert may disobey and misreport at once, so for every recommendation b and every
effort b' it could choose instead there is one constraint, in which z is the most it can make of
each signal by any report.

Source: Online Mechanism Design for Information Acquisition (Cacciamani, Castiglioni, Gatti, 2023):
that efforts must be correlated, and that a linear program finds the optimum. The program is ours.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from operant.envs.multiagent.hiring.instance import HiringInstance
from operant.envs.multiagent.hiring.mechanism import Mechanism
from operant.errors import OperantError
from operant.extras import require
from operant.types import Float

MOST_VARIABLES = 200_000
"""Larger programs are refused."""


class InfeasibleError(OperantError):
    """No mechanism keeps all constraints."""


def optimal_mechanism(
    instance: HiringInstance,
    *,
    slack: float = 0.0,
    profile: tuple[int, ...] | None = None,
    reserve: float = 0.0,
    mute: float = 0.0,
) -> Mechanism:
    """Return the mechanism that is best for the principal among those that experts obey.

    Args:
        instance: The instance.
        slack: How much obeying and telling the truth must be better than another effort (and, by
            how much signals differ in what they say, than misreporting), in utility; >= 0.
        profile: The one profile that may be recommended; None for any lottery over all.
        reserve: What every expert must at least expect, on average over recommendations; 0 is what
            it gets for doing nothing.
        mute: Nobody's pay depends on reports whose signals differ by no more than this in what they
            say of all else (total variation, in [0, 1]). Of an estimated instance such reports are
            noise, and an expert who reports it might as well report anything.

    Raises:
        InfeasibleError: If there is none: payments are capped, so they cannot bring about every
            effort, slack or reserve. Says which was asked for.
        MissingExtraError: If scipy is not installed.
        ValueError: If an argument is outside its range, or the program would be too large; names
            the limit.
    """
    if slack < 0.0 or not math.isfinite(slack) or not math.isfinite(reserve):
        raise ValueError(f"slack must be >= 0 and reserve finite, got {slack} and {reserve}")
    if not 0.0 <= mute <= 1.0:
        raise ValueError(f"mute must lie in [0, 1], got {mute}")
    if profile is not None and profile not in instance.profiles:
        raise ValueError(f"profile must be one of {instance.profiles}, got {profile}")
    program = _Program(instance, mute)
    if program.size > MOST_VARIABLES:
        raise ValueError(
            f"instance must need at most {MOST_VARIABLES} variables, it needs {program.size}; "
            "fewer experts, efforts, signals or states do"
        )
    program.incentives(slack)
    program.participation(reserve)
    upper = np.full(program.size, np.inf)
    for k, each in enumerate(instance.profiles):
        upper[k] = 1.0 if profile in (None, each) else 0.0
    solution, value = program.solve(upper)
    if solution is None:
        wanted = "any" if profile is None else str(profile)
        raise InfeasibleError(
            f"no mechanism with payments in [0, {instance.cap:g}] makes experts obey (profile "
            f"{wanted}, slack {slack:g}, reserve {reserve:g}); raise the cap, or ask for less"
        )
    return dataclasses.replace(program.mechanism(solution), value=value)


class _Program:
    """The linear program of an instance: columns are odds, paid odds, and best misreports."""

    def __init__(self, instance: HiringInstance, mute: float = 0.0) -> None:
        self.instance, self._mute = instance, mute
        self.profiles = instance.profiles
        self._shape = (*instance.readings, len(instance.prior))
        self._table = math.prod(self._shape)
        n = instance.experts
        self._pay = len(self.profiles)
        self._most = self._pay + len(self.profiles) * n * self._table
        self._sizes = [
            instance.efforts[i] ** 2 * instance.readings[i] for i in range(n)
        ]  # of z per expert: recommended, chosen, seen
        self.size = self._most + sum(self._sizes)
        self._rows: list[tuple[list[int], list[float]]] = []
        self._bounds: list[float] = []
        # (S_1, .., S_n, T) probabilities under every profile
        self._joint = {p: np.moveaxis(instance.joint(p), 0, -1) for p in self.profiles}
        self._muted = [
            [i for i in range(n) if mute > 0.0 and self._tells(p, i) <= mute] for p in self.profiles
        ]

    def pay(self, profile: int, expert: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the columns of an expert's paid odds under a profile, (S_1, .., S_n, T)."""
        start = self._pay + (profile * self.instance.experts + expert) * self._table
        columns = np.arange(start, start + self._table).reshape(self._shape)
        for muted in self._muted[profile]:  # all its reports share one column
            columns = np.take(columns, np.zeros(self._shape[muted], int), axis=muted)
        return columns

    def most(self, expert: int, asked: int, chosen: int, seen: int) -> int:
        """Return the column of the most that an expert makes of a signal by any report."""
        efforts, readings = self.instance.efforts[expert], self.instance.readings[expert]
        start = self._most + sum(self._sizes[:expert])
        return start + (asked * efforts + chosen) * readings + seen

    def _tells(self, profile: tuple[int, ...], expert: int) -> float:
        """Return how much the most different signals of an expert differ in what they say."""
        joint, seen = self._joint[profile], range(self.instance.readings[expert])
        return max(_apart(joint, expert, a, b) for a in seen for b in seen)

    def at_most(self, columns: list[int], factors: list[float], bound: float) -> None:
        """Add a constraint: the sum of factors times columns is at most a bound."""
        self._rows.append((columns, factors))
        self._bounds.append(bound)

    def incentives(self, slack: float) -> None:
        """Demand that obeying and telling the truth is best; also that payments are capped."""
        game = self.instance
        for k in range(len(self.profiles)):
            for i in range(game.experts):
                for column in self.pay(k, i).ravel().tolist():
                    self.at_most([column, k], [1.0, -game.cap], 0.0)
        for i, count in enumerate(game.efforts):
            for asked in range(count):
                told = [(k, p) for k, p in enumerate(self.profiles) if p[i] == asked]
                for chosen in range(count):
                    self._disobedience(i, told, asked, chosen, slack)

    def _disobedience(
        self, i: int, told: list[tuple[int, tuple[int, ...]]], asked: int, chosen: int, slack: float
    ) -> None:
        """Add the constraints of one recommendation and one effort chosen instead."""
        game, cost = self.instance, self.instance.costs[i]
        columns: list[int] = []
        factors: list[float] = []
        for k, profile in told:  # what is made of disobeying, minus what is made of obeying
            columns += [k, *self.pay(k, i).ravel().tolist()]
            margin = slack if chosen != asked else 0.0
            dearer = float(cost[asked] - cost[chosen])
            factors += [dearer + margin, *(-self._joint[profile]).ravel().tolist()]
        readings = range(game.readings[i])
        columns += [self.most(i, asked, chosen, seen) for seen in readings]
        factors += [1.0 for _ in readings]
        self.at_most(columns, factors, 0.0)
        for seen in readings:
            for said in readings:
                best = [self.most(i, asked, chosen, seen)]
                weights = [-1.0]
                for k, profile in told:
                    does = (*profile[:i], chosen, *profile[i + 1 :])
                    joint = self._joint[does]
                    best += np.take(self.pay(k, i), said, axis=i).ravel().tolist()
                    weights += np.take(joint, seen, axis=i).ravel().tolist()
                    if chosen == asked and said != seen and slack > 0.0 and i not in self._muted[k]:
                        odds = float(np.take(joint, seen, axis=i).sum())
                        best.append(k)
                        weights.append(slack * odds * _apart(joint, i, seen, said))
                self.at_most(best, weights, 0.0)

    def participation(self, reserve: float) -> None:
        """Demand that every expert expects as much as it gets elsewhere."""
        if reserve <= 0.0:
            return  # doing nothing costs nothing and pays at least that
        for i in range(self.instance.experts):
            columns: list[int] = []
            factors: list[float] = []
            for k, profile in enumerate(self.profiles):
                columns += [k, *self.pay(k, i).ravel().tolist()]
                cost = float(self.instance.costs[i][profile[i]])
                factors += [cost, *(-self._joint[profile]).ravel().tolist()]
            self.at_most(columns, factors, -reserve)

    def solve(self, upper: Float) -> tuple[Float | None, float]:
        """Return the best solution, or None if there is none, and what it is worth."""
        require("scipy", extra="theory")
        from scipy.optimize import linprog
        from scipy.sparse import csr_array

        objective = np.zeros(self.size)
        for k, profile in enumerate(self.profiles):
            objective[k] = -self.instance.worth(profile)
            for i in range(self.instance.experts):
                objective[self.pay(k, i)] = self._joint[profile]
        counts = [len(columns) for columns, _ in self._rows]
        rows = np.repeat(np.arange(len(self._rows)), counts)
        columns = np.concatenate([np.array(c) for c, _ in self._rows])
        factors = np.concatenate([np.array(f) for _, f in self._rows])
        matrix = csr_array((factors, (rows, columns)), shape=(len(self._rows), self.size))
        one = csr_array(
            (np.ones(self._pay), (np.zeros(self._pay, int), np.arange(self._pay))),
            shape=(1, self.size),
        )
        found = linprog(
            objective,
            A_ub=matrix,
            b_ub=np.array(self._bounds),
            A_eq=one,
            b_eq=[1.0],
            bounds=np.stack([np.zeros(self.size), upper], axis=1),
            method="highs",
        )
        if found.status == 2:
            return None, math.nan
        if found.status != 0:
            raise OperantError(f"the linear program was not solved: {found.message}")
        return np.asarray(found.x), -float(found.fun)

    def mechanism(self, solution: Float) -> Mechanism:
        """Return the mechanism that a solution stands for."""
        game = self.instance
        odds = np.maximum(solution[: self._pay], 0.0)
        odds /= odds.sum()
        payments = []
        for k in range(len(self.profiles)):
            paid = [solution[self.pay(k, i)] for i in range(game.experts)]
            share = odds[k] if odds[k] > 1e-9 else np.inf
            payments.append(tuple(np.clip(each / share, 0.0, game.cap) for each in paid))
        return Mechanism(
            odds=odds,
            payments=tuple(payments),
            decisions=tuple(game.decisions(profile) for profile in self.profiles),
        )


def _apart(joint: Float, expert: int, first: int, second: int) -> float:
    """Return how much two signals differ in what they say of all else, in total variation."""
    told = [np.take(joint, signal, axis=expert) for signal in (first, second)]
    if min(each.sum() for each in told) <= 0.0:
        return 0.0
    return float(np.abs(told[0] / told[0].sum() - told[1] / told[1].sum()).sum() / 2.0)
