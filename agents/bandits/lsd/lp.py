"""The linear program of cycles: what each arm would do if it had to share rounds on average only.

An arm's time splits into cycles: it rests until its counter is d, then is played m times in a row.
The program decides how often which arm does which cycle, such that no arm is busy for more than all
of the time and all arms together are played once per round at most. Every schedule obeys that, so
the value bounds every schedule's mean payoff in the long run.
"""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any, Literal

import numpy as np

from operant.errors import MissingExtraError, OperantError
from operant.lsd import LSDInstance, LSDRules
from operant.types import Float, Int

_TOLERANCE = 1e-13


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Cycles:
    """The C kinds of cycles of an arm; the last one of bandits with runs is to play all the time.

    Attributes:
        idle: (C,) rounds of rest.
        plays: (C,) plays after it, 1 to S + 1.
        first: (C,) level of the first play; the further ones are at tau = -1, -2, ...
    """

    idle: Int
    plays: Int
    first: Int

    @property
    def length(self) -> Int:
        """(C,) rounds that a cycle takes."""
        return self.idle + self.plays


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class CycleProgram:
    """The solution of the linear program.

    Attributes:
        value: Its value, in mean payoff per round.
        bound: True if no schedule can earn more in the long run.
        cycles: The kinds of cycles.
        rates: (K, C) how many of them each arm begins per round.
    """

    value: float
    bound: bool
    cycles: Cycles
    rates: Float


def cycles_of(rules: LSDRules) -> Cycles:
    """Return the kinds of cycles that the program is about.

    Longer rests and longer runs than these need no kinds of their own: they pay like time off, and
    like playing all the time.
    """
    if rules.S == 0:  # tau = d comes after d - 1 rounds of rest
        rest = np.arange(rules.D)
        return Cycles(idle=rest, plays=np.ones_like(rest), first=rest)
    each = np.arange(rules.D * (rules.S + 1))
    rest = np.append(each // (rules.S + 1) + 1, 0)
    plays = np.append(each % (rules.S + 1) + 1, 1)
    first = np.where(rest > 0, rest + rules.S - 1, 0)
    return Cycles(idle=rest, plays=plays, first=first)


def cycle_rewards(instance: LSDInstance, cycles: Cycles) -> Float:
    """Return the payoff of each arm's cycles, (K, C)."""
    S, payoffs = instance.rules.S, instance.payoffs
    runs = np.cumsum(payoffs[:, :S][:, ::-1], axis=1)  # of 1, 2, .. further plays
    further = np.concatenate([np.zeros((len(payoffs), 1)), runs], axis=1)
    paid: Float = payoffs[:, cycles.first] + further[:, cycles.plays - 1]
    return paid


def solve_cycles(
    instance: LSDInstance, *, solver: Literal["highs", "price"] = "highs"
) -> CycleProgram:
    """Solve the linear program.

    Arms are taken to recover at once (``recovery="reset"``). Under gradual recovery the value still
    bounds what can be earned where payoffs are monotone: more rest then never pays less.

    Args:
        instance: The bandit.
        solver: ``"highs"``: SciPy's HiGHS. ``"price"``: a search for the price of a play at which
            the arms, each alone, take one round per round; needs NumPy only, and is faster.

    Raises:
        MissingExtraError: If SciPy is asked for and not installed.
        ValueError: If the solver is unknown.
        OperantError: If HiGHS finds no solution; says what it said.

    Source: derived in the project's notes; for recharging bandits compare Non-Stationary Bandits
        under Recharging Payoffs (Papadigenopoulos, Caramanis, Shakkottai, 2022).
    """
    cycles = cycles_of(instance.rules)
    paid = cycle_rewards(instance, cycles)
    if solver == "highs":
        rates = _highs(paid, cycles)
    elif solver == "price":
        rates = _priced(paid, cycles)
    else:
        raise ValueError(f"solver must be 'highs' or 'price', got {solver!r}")
    bound = instance.rules.recovery == "reset" or instance.monotone
    return CycleProgram(value=float((rates * paid).sum()), bound=bound, cycles=cycles, rates=rates)


def _highs(paid: Float, cycles: Cycles) -> Float:
    try:
        sparse: Any = importlib.import_module("scipy.sparse")
        optimize: Any = importlib.import_module("scipy.optimize")
    except ImportError as error:
        raise MissingExtraError("scipy", "theory") from error
    arms, kinds = paid.shape
    busy = sparse.kron(sparse.eye_array(arms), cycles.length[None].astype(float), format="csr")
    load = sparse.csr_array(np.tile(cycles.plays.astype(float), arms)[None])
    found = optimize.linprog(
        -paid.ravel(),
        A_ub=sparse.vstack([busy, load], format="csr"),
        b_ub=np.ones(arms + 1),
        bounds=(0, None),
        method="highs",
    )
    if found.status != 0:
        raise OperantError(f"HiGHS did not solve the program of {arms} arms: {found.message}")
    rates: Float = np.maximum(found.x, 0.0).reshape(arms, kinds)
    return rates


def _priced(paid: Float, cycles: Cycles) -> Float:
    """Solve it by a price: what arms would do just below and just above the best one is mixed."""
    low, high = 0.0, float(paid.max(initial=0.0)) + 1.0
    left, right = _at(paid, cycles, low), _at(paid, cycles, high)
    if left[1] <= 1.0:  # even for free, the arms leave rounds over
        return left[2]
    for _ in range(200):
        # Where the two tangents of the dual meet; its slope is 1 - load.
        fall, rise = 1.0 - left[1], 1.0 - right[1]
        price = (right[0] - left[0] + fall * low - rise * high) / (fall - rise)
        if not low < price < high:
            break
        middle = _at(paid, cycles, price)
        if middle[0] <= left[0] + fall * (price - low) + _TOLERANCE * max(1.0, abs(middle[0])):
            break  # no price is better: what is optimal on either side is optimal here
        if middle[1] > 1.0:
            left, low = middle, price
        else:
            right, high = middle, price
    share = (1.0 - right[1]) / (left[1] - right[1])
    rates: Float = share * left[2] + (1.0 - share) * right[2]
    return rates


def _at(paid: Float, cycles: Cycles, price: float) -> tuple[float, float, Float]:
    """Return the dual's value at a price, the plays per round, and the rates."""
    arms = np.arange(len(paid))
    net = (paid - price * cycles.plays) / cycles.length
    best = net.argmax(axis=1)
    worth = net[arms, best]
    rates = np.zeros_like(paid)
    rates[arms, best] = (worth > 0) / cycles.length[best]
    return (
        float(price + np.maximum(worth, 0.0).sum()),
        float((rates * cycles.plays).sum()),
        rates,
    )
