"""A principal who knows neither costs nor signals: explore by supervision, then commit.

Explored is by supervised work: in those rounds the principal sees efforts and pays for them, so
that experts work iff they are paid what it costs them, and have no reason to lie. That finds costs
by bisection and probabilities by counting. After about rounds^(2/3) such rounds it commits to the
mechanism that would be best if the estimates were true and obeying had to be better by a slack,
which covers what they may be wrong by.

Source: Online Mechanism Design for Information Acquisition (Cacciamani, Castiglioni, Gatti, 2023)
for the setting and the order of the regret, rounds^(2/3); of the paper only the abstract was read,
the algorithm is ours.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from operant.envs.multiagent.hiring.instance import HiringInstance
from operant.envs.multiagent.hiring.mechanism import Mechanism, expected, responses
from operant.envs.multiagent.hiring.optimum import InfeasibleError, optimal_mechanism
from operant.types import Float

_TOO_DEAR = 10.0
"""Caps that an effort is taken to cost which nobody did for the largest payment."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class OnlineRun:
    """What learning cost.

    Attributes:
        rounds: All rounds.
        explored: Rounds of supervised work.
        slack: Of the mechanism.
        estimate: The instance as it was estimated.
        mechanism: What was committed to.
        optimum: What the best mechanism is worth per round.
        committed: What this one is worth, given that experts respond to it as is best for them.
        regret: What was lost in all rounds together: in supervised rounds what they brought, in
            all others what they bring in expectation.
    """

    rounds: int
    explored: int
    slack: float
    estimate: HiringInstance
    mechanism: Mechanism
    optimum: float
    committed: float
    regret: float


def explore_then_commit(
    instance: HiringInstance, *, rounds: int, seed: int = 0, explore: int | None = None
) -> OnlineRun:
    """Learn while playing.

    Args:
        instance: The truth; only its utilities and the cap are known to the learner.
        rounds: T >= 1.
        seed: Of states and signals.
        explore: Supervised rounds in which is counted; None for T^(2/3).

    Raises:
        MissingExtraError: If scipy is not installed.
        ValueError: If an argument is outside its range.
    """
    if rounds < 1:
        raise ValueError(f"rounds must be >= 1, got {rounds}")
    supervised = math.ceil(rounds ** (2 / 3)) if explore is None else explore
    if not 0 <= supervised <= rounds:
        raise ValueError(f"explore must lie in [0, {rounds}], got {explore}")
    rng, optimum = np.random.default_rng(seed), optimal_mechanism(instance).value
    costs, asked, lost = _bisect(instance, rounds, optimum)
    each = max(supervised // len(instance.profiles), 1)
    estimate, gained, counted = _count(instance, costs, each, rng)
    lost += counted * optimum - gained
    error = 1.0 / math.sqrt(each)
    slack = instance.cap * error
    mechanism = None
    while mechanism is None:
        try:
            mechanism = optimal_mechanism(estimate, slack=slack, mute=min(3.0 * error, 1.0))
        except InfeasibleError:
            slack = slack / 2.0 if slack > 1e-6 else 0.0  # without slack nobody need be hired
    committed = expected(instance, mechanism, responses(instance, mechanism))
    left = max(rounds - asked - counted, 0)
    return OnlineRun(
        rounds=rounds,
        explored=asked + counted,
        slack=slack,
        estimate=estimate,
        mechanism=mechanism,
        optimum=optimum,
        committed=committed,
        regret=lost + left * (optimum - committed),
    )


def _bisect(
    instance: HiringInstance, rounds: int, optimum: float
) -> tuple[tuple[Float, ...], int, float]:
    """Return what efforts cost at most, by offers for supervised work; rounds; and their regret."""
    steps = max(math.ceil(0.5 * math.log2(rounds)), 1)
    costs, asked, lost = [], 0, 0.0
    worst = float(instance.utility.min())
    for truth in instance.costs:
        found = np.zeros(len(truth))
        for effort in range(1, len(truth)):
            low, high = 0.0, instance.cap
            accepted = truth[effort] <= high
            asked, lost = asked + 1, lost + optimum - worst + high * accepted
            for _ in range(steps if accepted else 0):
                offer = 0.5 * (low + high)
                takes = truth[effort] <= offer
                low, high = (low, offer) if takes else (offer, high)
                asked, lost = asked + 1, lost + optimum - worst + offer * takes
            found[effort] = high if accepted else _TOO_DEAR * instance.cap
        costs.append(found)
    return tuple(costs), asked, lost


def _count(
    instance: HiringInstance, costs: tuple[Float, ...], each: int, rng: np.random.Generator
) -> tuple[HiringInstance, float, int]:
    """Return the instance as estimated from supervised work, what that brought, and its rounds."""
    states, shape = len(instance.prior), (len(instance.prior), *instance.readings)
    seen, signals = np.zeros(states), np.empty_like(instance.signals)
    gained, counted = 0.0, 0
    for profile in instance.profiles:
        price = sum(float(cost[b]) for cost, b in zip(costs, profile, strict=True))
        counts = np.zeros(math.prod(shape))
        if price < _TOO_DEAR * instance.cap:
            drawn = rng.choice(len(counts), each, p=instance.joint(profile).ravel())
            counts = np.bincount(drawn, minlength=len(counts)).astype(np.float64)
            state = counts.reshape(states, -1).sum(axis=1)
            blind = int((instance.utility * (seen + 1.0)).sum(axis=1).argmax())
            gained += float((instance.utility[blind] * state).sum()) - each * price
            counted, seen = counted + each, seen + state
        some = counts.reshape(shape) + 1e-3  # a state that was never seen may show anything
        total = some.sum(axis=tuple(range(1, len(shape))), keepdims=True)
        signals[profile] = some / total
    prior = (seen + 1e-3) / (seen + 1e-3).sum()
    estimate = HiringInstance(
        prior=prior, signals=signals, costs=costs, utility=instance.utility, cap=instance.cap
    )
    return estimate, gained, counted
