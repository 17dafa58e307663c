"""An upper bound on what can be earned: arms that share the rounds by a price, not by turns.

If a play costs a price, each arm can be planned alone. What the arms earn together, with the price
paid back once per round, is no less than any schedule that plays one arm per round can earn; the
best price gives the best bound. In the long run it is the value of the linear program of cycles.

Source: Lagrangian relaxation as in Restless Bandits: Activity Allocation in a Changing World
(Whittle, 1988); its use for a finite number of rounds of LSD bandits is ours.
"""

from __future__ import annotations

import numpy as np

from operant.lsd.rules import LSDInstance, LSDRules
from operant.types import Float, Int

_TOLERANCE = 1e-10


def relaxed_total(instance: LSDInstance, levels: Int, rounds: int) -> float:
    """Return an upper bound on the mean total payoff of so many rounds.

    The bound is convex in the price and made of straight lines, so it is minimised where two
    tangents meet, again and again; whatever price that ends with, the bound holds.

    Args:
        instance: The bandit; any payoffs, both recovery rules.
        levels: (K,) levels at the start.
        rounds: T >= 1.
    """
    if rounds < 1:
        raise ValueError(f"rounds must be >= 1, got {rounds}")
    spread = float(np.abs(instance.payoffs).max()) + 1.0
    # A play that nobody is forced to make has a price of 0 at least; where every round must be
    # used, plays may have to be paid for. Beyond the ends nothing is played, or everything.
    low = 0.0 if instance.rules.allow_none else -2.0 * spread * rounds
    high = spread * rounds
    left, right = (_at(instance, levels, rounds, price) for price in (low, high))
    best = min(left[0], right[0])
    if left[1] >= 0:  # the bound only grows with the price
        return left[0]
    for _ in range(200):
        price = (right[0] - left[0] + left[1] * low - right[1] * high) / (left[1] - right[1])
        floor = left[0] + left[1] * (price - low)
        middle = _at(instance, levels, rounds, price)
        best = min(best, middle[0])
        if best - floor <= _TOLERANCE * max(1.0, abs(best)) or not low < price < high:
            break
        if middle[1] < 0:
            left, low = middle, price
        else:
            right, high = middle, price
    return best


def _at(instance: LSDInstance, levels: Int, rounds: int, price: float) -> tuple[float, float]:
    """Return the bound at a price, and its slope there."""
    rules, net = instance.rules, instance.payoffs - price
    arms, size = net.shape
    # Round by round, or by squaring: what costs less, by a rough count of nanoseconds.
    step_by_step = rounds * (10_000 + 10 * arms * size)
    solve = _step if step_by_step < 6 * rounds.bit_length() * arms * size**3 else _square
    values, plays = solve(rules, net, rounds)
    every = np.arange(arms)
    return (
        float(values[every, levels].sum() + price * rounds),
        float(rounds - plays[every, levels].sum()),
    )


def _step(rules: LSDRules, net: Float, rounds: int) -> tuple[Float, Float]:
    """Return what each arm earns at most from each level, and by how many plays, (K, n) each."""
    values, plays = np.zeros(net.shape), np.zeros(net.shape)
    for _ in range(rounds):
        play, rest = net + values[:, rules.played], values[:, rules.idle]
        better = play > rest
        values = np.where(better, play, rest)
        plays = np.where(better, 1.0 + plays[:, rules.played], plays[:, rules.idle])
    return values, plays


def _square(rules: LSDRules, net: Float, rounds: int) -> tuple[Float, Float]:
    """Return the same by tables of 1, 2, 4, .. rounds from each level to each."""
    arms, size = net.shape
    level = np.arange(size)
    table, count = np.full((arms, size, size), -np.inf), np.zeros((arms, size, size))
    table[:, level, rules.idle] = 0.0
    better = net > table[:, level, rules.played]  # both may lead to the same level
    table[:, level, rules.played] = np.where(better, net, table[:, level, rules.played])
    count[:, level, rules.played] = better
    values, plays = np.zeros((arms, size, 1)), np.zeros((arms, size, 1))
    while rounds:
        if rounds & 1:
            values, plays = _joined(table, count, values, plays)
        rounds >>= 1
        if rounds:
            table, count = _joined(table, count, table, count)
    return values[..., 0], plays[..., 0]


def _joined(first: Float, plays: Float, then: Float, more: Float) -> tuple[Float, Float]:
    """Return the best sums over the level between two stretches of rounds, and their plays."""
    sums = first[..., None] + then[:, None]
    by = sums.argmax(axis=2)[:, :, None]
    count = plays[..., None] + more[:, None]
    best: Float = np.take_along_axis(sums, by, axis=2)[:, :, 0]
    counted: Float = np.take_along_axis(count, by, axis=2)[:, :, 0]
    return best, counted
