"""What planners return, and what it earns when it is carried out."""

from __future__ import annotations

import dataclasses
from typing import Protocol

import numpy as np

from operant.lsd import LSDInstance
from operant.types import Float, Int


class GuaranteeWarning(UserWarning):
    """A planner is used where its guarantee was not proved; what it says is still carried out."""


class LSDPolicy(Protocol):
    """Chooses arms, knowing the payoffs."""

    def act(self, levels: Int, now: int) -> Int:
        """Choose one action per row.

        Args:
            levels: (B, K) levels of the arms.
            now: Rounds played so far, the same in all rows.

        Returns:
            (B,) arms, K for none.
        """


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LSDRun:
    """T rounds of B rows.

    Attributes:
        actions: (T, B) what was chosen.
        means: (T, B) mean payoffs of it.
        levels: (B, K) levels at the end.
    """

    actions: Int
    means: Float
    levels: Int


def carry_out(
    instance: LSDInstance,
    policy: LSDPolicy,
    rounds: int,
    *,
    levels: Int | None = None,
    begin: int = 0,
) -> LSDRun:
    """Follow a policy and count mean payoffs; nothing is left to chance.

    Args:
        instance: The bandit.
        policy: What chooses.
        rounds: T >= 1.
        levels: (B, K) levels at the start; None for one row with rested arms.
        begin: Rounds that the policy believes were played before.
    """
    here = instance.rules.start() if levels is None else levels.copy()
    actions = np.zeros((rounds, len(here)), np.int64)
    means = np.zeros((rounds, len(here)))
    for at in range(rounds):
        actions[at] = policy.act(here, begin + at)
        means[at] = instance.means(here, actions[at])
        here = instance.rules.advance(here, actions[at])
    return LSDRun(actions=actions, means=means, levels=here)


def gain_of(instance: LSDInstance, policy: LSDPolicy, *, longest: int = 1_000_000) -> float:
    """Return the mean payoff per round in the long run of a policy that ignores the time.

    It is followed from rested arms until the levels repeat, so the answer is exact.

    Args:
        instance: The bandit.
        policy: A policy whose actions depend on the levels alone.
        longest: Most rounds to look for a repetition.

    Raises:
        ValueError: If there was none.
    """
    here, seen, paid = instance.rules.start(), dict[bytes, int](), list[float]()
    for at in range(longest):
        first = seen.setdefault(here.tobytes(), at)
        if first < at:
            return float(np.mean(paid[first:]))
        action = policy.act(here, at)
        paid.append(float(instance.means(here, action)[0]))
        here = instance.rules.advance(here, action)
    raise ValueError(f"the levels did not repeat within longest = {longest} rounds; raise it")
