"""The rounded planner: each arm follows a cycle of its own, and the best request is granted.

Each arm draws one cycle from the solution of the linear program and a phase. That makes a *virtual*
schedule, in which an arm's counter is what it would be if all its requests were granted. In every
round the arm whose virtual payoff is largest is played. Requests are independent with a load of one
per round at most, so the best of them is worth (1 - 1/e) of all of them in the mean; and where
more rest never pays less, a real play pays no less than its virtual one, since the arm was really
played at some of its virtual plays only.

Source: derived in the project's notes, after the abstracts of Last Switch Dependent Bandits with
Monotone Payoff Functions (Foussoul, Goyal, Papadigenopoulos, Zeevi, 2023) and of Non-Stationary
Bandits under Recharging Payoffs (Papadigenopoulos, Caramanis, Shakkottai, 2022).
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from typing import Literal, TypeAlias, get_args

import numpy as np

from operant.agents.bandits.lsd.lp import CycleProgram, solve_cycles
from operant.agents.bandits.lsd.policy import GuaranteeWarning
from operant.lsd import LSDInstance
from operant.types import Float, Int

Wish: TypeAlias = Literal["virtual", "real"]
FLOOR = 1.0 - math.exp(-1.0)
"""Share of the linear program's value that a random draw earns in the mean."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class VirtualSchedule:
    """R draws of cycles and phases; as a policy it has one row, or R rows with a draw each.

    Attributes:
        instance: The bandit.
        length: (R, K) rounds of each arm's cycle; 1 for arms that are left alone.
        phase: (R, K) where in its cycle each arm is in round 0.
        levels: (R, K, L) virtual level at each place of the cycle, -1 where nothing is requested.
        by: Which payoff decides among requests: the ``"virtual"`` one, or the ``"real"`` one, which
            is no less and keeps the guarantee.
    """

    instance: LSDInstance
    length: Int
    phase: Int
    levels: Int
    by: Wish = "virtual"

    def __len__(self) -> int:
        """Return R."""
        return len(self.length)

    def requests(self, now: int) -> Int:
        """Return the virtual levels of the arms that ask to be played, (R, K); -1 for others."""
        place = (now + self.phase) % self.length
        asked: Int = np.take_along_axis(self.levels, place[..., None], axis=2)[..., 0]
        return asked

    def act(self, levels: Int, now: int) -> Int:
        """Grant the request of the largest payoff in each row; see :class:`LSDPolicy`.

        Where nothing is requested the round passes; if that is not allowed, the arm that pays most
        now is played.
        """
        asked = self.requests(now)
        arms = np.arange(self.instance.rules.K)
        judged = asked if self.by == "virtual" else levels
        worth = np.where(asked >= 0, self.instance.payoffs[arms, judged], -np.inf)
        chosen = worth.argmax(axis=1)
        silent = asked.max(axis=1) < 0
        if silent.any():
            rules = self.instance.rules
            if rules.allow_none:
                chosen[silent] = rules.K
            else:
                now_best = self.instance.rewards(levels).argmax(axis=1)
                chosen = np.where(silent, now_best, chosen)
        rows: Int = np.broadcast_to(chosen, len(levels)).copy()
        return rows

    def one(self, row: int) -> VirtualSchedule:
        """Return one of the draws."""
        own = slice(row, row + 1)
        return dataclasses.replace(
            self, length=self.length[own], phase=self.phase[own], levels=self.levels[own]
        )

    def period(self, row: int) -> int:
        """Return after how many rounds the requests of a draw repeat."""
        return math.lcm(*np.unique(self.length[row]).tolist())


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RoundedPlan:
    """The best of some draws.

    Attributes:
        schedule: It, to be carried out.
        program: The linear program's solution.
        mean: Mean payoff per round over the rounds on which the draws were compared.
        guarantee: (1 - 1/e) of the program's value, which a draw earns at least in the mean and in
            the long run; None where that was not proved.
        why_not: Why there is no guarantee, or "".
    """

    schedule: VirtualSchedule
    program: CycleProgram
    mean: float
    guarantee: float | None
    why_not: str

    def act(self, levels: Int, now: int) -> Int:
        """Choose one action per row; see :class:`LSDPolicy`."""
        return self.schedule.act(levels, now)


def no_guarantee(instance: LSDInstance) -> str:
    """Return why the planner has no guarantee for a bandit, or ""."""
    if not instance.monotone:
        drop = np.argwhere(np.diff(instance.payoffs, axis=1) < 0)[0]
        taus, arm = instance.rules.taus, int(drop[0])
        return (
            f"payoffs are not monotone: arm {arm} pays less at tau = {taus[drop[1] + 1]} than at "
            f"tau = {taus[drop[1]]}"
        )
    if instance.rules.recovery == "gradual":
        return "arms recover gradually: a real counter may lag behind the virtual one"
    if not instance.rules.allow_none:
        return "every round must be used, so arms are played that did not ask for it"
    return ""


def draw_schedules(
    program: CycleProgram,
    instance: LSDInstance,
    draws: int,
    rng: np.random.Generator,
    *,
    by: Wish = "virtual",
) -> VirtualSchedule:
    """Draw cycles and phases.

    Args:
        program: The solution that says which cycles are likely.
        instance: The bandit.
        draws: R >= 1.
        rng: Source of chance.
        by: Which payoff decides among requests.

    Raises:
        ValueError: If that is neither ``"virtual"`` nor ``"real"``.
    """
    if by not in get_args(Wish):
        raise ValueError(f"by must be one of {get_args(Wish)}, got {by!r}")
    cycles, arms = program.cycles, instance.rules.K
    busy = program.rates * cycles.length
    edges = np.cumsum(busy, axis=1)  # (K, C); beyond the last one the arm is left alone
    drawn = rng.random((draws, arms))
    kind = (drawn[..., None] >= edges).sum(axis=2)
    idle_arm = kind == len(cycles.idle)
    kind = np.where(idle_arm, 0, kind)
    length = np.where(idle_arm, 1, cycles.length[kind])
    phase = (rng.random((draws, arms)) * length).astype(np.int64)
    place = np.arange(int(length.max()))
    nth = place - cycles.idle[kind][..., None]  # which play of the run, from 0 on
    again = np.maximum(instance.rules.S - nth, 0)
    levels = np.where(nth == 0, cycles.first[kind][..., None], again)
    asks = (nth >= 0) & (place < length[..., None]) & ~idle_arm[..., None]
    return VirtualSchedule(
        instance=instance, length=length, phase=phase, levels=np.where(asks, levels, -1), by=by
    )


def plan_rounded(
    instance: LSDInstance,
    *,
    draws: int = 32,
    rounds: int = 1000,
    seed: int = 0,
    by: Wish = "virtual",
    solver: Literal["highs", "price"] = "price",
    warn: bool = True,
) -> RoundedPlan:
    """Plan by the linear program and the best of some draws.

    Args:
        instance: The bandit.
        draws: Draws to compare, >= 1.
        rounds: Most rounds to compare them on: one period of the draw with the longest one, if
            that is less.
        seed: Of the draws.
        by: Which payoff decides among requests, ``"virtual"`` or ``"real"``.
        solver: See :func:`solve_cycles`.
        warn: Whether to warn where the guarantee does not hold.

    Raises:
        MissingExtraError: If ``solver="highs"`` and SciPy is not installed.
        ValueError: If a number is below 1, or ``by`` or the solver is unknown.

    Warns:
        GuaranteeWarning: If payoffs are not monotone, arms recover gradually, or every round must
            be used.
    """
    if draws < 1 or rounds < 1:
        raise ValueError(f"draws and rounds must be >= 1, got {draws} and {rounds}")
    why_not = no_guarantee(instance)
    if why_not and warn:
        warnings.warn(
            f"{why_not}; the rounded plan has no guarantee", GuaranteeWarning, stacklevel=2
        )
    program = solve_cycles(instance, solver=solver)
    schedule = draw_schedules(program, instance, draws, np.random.default_rng(seed), by=by)
    span = min(rounds, max(schedule.period(row) for row in range(draws)))
    means = mean_payoffs(schedule, span)
    best = int(means.argmax())
    return RoundedPlan(
        schedule=schedule.one(best),
        program=program,
        mean=float(means[best]),
        guarantee=None if why_not else FLOOR * program.value,
        why_not=why_not,
    )


def mean_payoffs(schedule: VirtualSchedule, rounds: int) -> Float:
    """Return what draws earn per round, (R,), after as many rounds to warm up."""
    instance = schedule.instance
    levels, total = instance.rules.start(len(schedule)), np.zeros(len(schedule))
    for now in range(2 * rounds):
        actions = schedule.act(levels, now)
        if now >= rounds:
            total += instance.means(levels, actions)
        levels = instance.rules.advance(levels, actions)
    mean: Float = total / rounds
    return mean
