"""A mechanism: whom to ask for which effort, what to pay and decide; and how experts answer."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from operant.envs.multiagent.hiring.instance import HiringInstance
from operant.types import Float, Int

Answer = tuple[int, tuple[int, ...]]
"""An expert's effort, and what it reports for each signal."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Mechanism:
    """What the principal commits to.

    Attributes:
        odds: (B,) probabilities of recommending each profile of efforts, in the order of
            ``HiringInstance.profiles``; every expert is told its own part alone.
        payments: Per profile, per expert (S_1, .., S_n, T): what it is paid for the reports when
            the state has become known; in [0, cap].
        decisions: Per profile (S_1, .., S_n), what is decided for the reports.
        value: What the principal expects if all obey and report the truth.
    """

    odds: Float
    payments: tuple[tuple[Float, ...], ...]
    decisions: tuple[Int, ...]
    value: float = float("nan")


def answers(instance: HiringInstance, expert: int) -> list[Answer]:
    """Return everything an expert can do: (effort, report for each signal), in a fixed order."""
    seen = instance.readings[expert]
    reports = itertools.product(range(seen), repeat=seen)
    return list(itertools.product(range(instance.efforts[expert]), reports))


def truthful(instance: HiringInstance, expert: int, effort: int) -> Answer:
    """Return obeying a recommendation and reporting the truth."""
    return effort, tuple(range(instance.readings[expert]))


def outcome(
    instance: HiringInstance, mechanism: Mechanism, profile: int, given: Sequence[Answer]
) -> tuple[float, Float]:
    """Return what principal and experts expect of a round.

    Args:
        instance: The instance.
        mechanism: What the principal committed to.
        profile: Number of the recommended profile.
        given: What each expert does.

    Returns:
        The principal's utility minus all payments; (n,) payments minus costs of effort.
    """
    efforts = tuple(answer[0] for answer in given)
    joint = np.moveaxis(instance.joint(efforts), 0, -1)  # (S_1, .., S_n, T)
    reports = np.ix_(*(np.array(answer[1]) for answer in given))
    decided = mechanism.decisions[profile][reports]
    gained = float((joint * instance.utility[decided]).sum())
    paid = np.array([float((joint * pay[reports]).sum()) for pay in mechanism.payments[profile]])
    worked = np.array([cost[b] for cost, b in zip(instance.costs, efforts, strict=True)])
    return gained - float(paid.sum()), paid - worked


def best_response(
    instance: HiringInstance, mechanism: Mechanism, expert: int, effort: int, *, tie: float = 1e-9
) -> tuple[Answer, float]:
    """Return the best that an expert can do if all others obey and report the truth.

    Args:
        instance: The instance.
        mechanism: What the principal committed to.
        expert: Who.
        effort: What was recommended to it.
        tie: Obeying is done if it is worse by less.

    Returns:
        The answer, and how much it is worth more than obeying (per round with this recommendation).
    """
    profiles = instance.profiles
    chances = np.array([mechanism.odds[k] * (p[expert] == effort) for k, p in enumerate(profiles)])
    honest = truthful(instance, expert, effort)
    if chances.sum() <= 0.0:
        return honest, 0.0
    chances = chances / chances.sum()
    best, most, obedient = honest, -np.inf, 0.0
    for chosen, cost in enumerate(instance.costs[expert].tolist()):
        pay = _pay_of_reports(instance, mechanism, expert, chosen, chances)
        worth = float(pay.max(axis=1).sum()) - cost
        if chosen == effort:
            obedient = float(np.trace(pay)) - cost
        if worth > most:
            best, most = (chosen, tuple(pay.argmax(axis=1).tolist())), worth
    if most - obedient <= tie:
        return honest, 0.0
    return best, most - obedient


def responses(instance: HiringInstance, mechanism: Mechanism) -> list[list[Answer]]:
    """Return every expert's best response to each recommendation: [expert][effort]."""
    return [
        [best_response(instance, mechanism, expert, effort)[0] for effort in range(count)]
        for expert, count in enumerate(instance.efforts)
    ]


def expected(instance: HiringInstance, mechanism: Mechanism, play: list[list[Answer]]) -> float:
    """Return what the principal expects if experts answer recommendations so."""
    return sum(
        float(mechanism.odds[k])
        * outcome(instance, mechanism, k, [play[i][b] for i, b in enumerate(profile)])[0]
        for k, profile in enumerate(instance.profiles)
        if mechanism.odds[k] > 0.0
    )


def _pay_of_reports(
    instance: HiringInstance, mechanism: Mechanism, expert: int, chosen: int, chances: Float
) -> Float:
    """Return what each report for each signal brings an expert, (seen, said), if others obey.

    Args:
        instance: The instance.
        mechanism: What the principal committed to.
        expert: Who.
        chosen: The effort that it chooses.
        chances: (B,) of the profiles, given what was recommended to it.
    """
    signals = instance.readings[expert]
    pay = np.zeros((signals, signals))
    for k in np.flatnonzero(chances).tolist():
        profile = instance.profiles[k]
        joint = instance.joint((*profile[:expert], chosen, *profile[expert + 1 :]))
        seen = np.moveaxis(np.moveaxis(joint, 0, -1), expert, 0).reshape(signals, -1)
        said = np.moveaxis(mechanism.payments[k][expert], expert, 0).reshape(signals, -1)
        pay += chances[k] * (seen[:, None] * said[None]).sum(axis=2)
    return pay
