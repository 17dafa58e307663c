"""What is truly best, and the worst of what is best for a design: two plans for one world.

Verdicts do not depend on the units of a reward: each is divided by its largest absolute value.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from operant import finite, planning
from operant.finite import FiniteMDP
from operant.planning import Plan
from operant.reward_design.audit.findings import Audit, Counterexample, Episode
from operant.tabular import TabularMDP
from operant.types import Bool, Float, Int

SLACK, NOISE = 1e-13, 5e-15
"""Rounding errors of a value, relative to the largest one, and of a reward of at most 1."""
FLAGGED = 1e-6
"""A policy that loses more than this part of a state's value is not optimal there."""


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """What planning for two rewards tells, in all S states.

    Attributes:
        gamma: Discount.
        scale: Largest absolute true reward; values are in units of it.
        best: The truly best plan.
        worst: The truly worst policy among those that are best for the design, and its true values;
            ``optimal_actions`` are the design's.
        lost: (S,) true value that it loses.
        rounding: Policies of equally good actions may differ by as much.
    """

    gamma: float
    scale: float
    best: Plan
    worst: Plan
    lost: Float
    rounding: float

    @property
    def bad(self) -> Bool:
        """Where it loses more than rounding errors explain, and a part that matters, (S,)."""
        own = np.maximum(np.abs(self.best.values), np.abs(self.worst.values))
        bad: Bool = self.lost > np.maximum(FLAGGED * own, self.rounding)
        return bad

    @property
    def wrong(self) -> Bool:
        """Where its action is not truly best, and it loses, (S,)."""
        here = np.arange(len(self.lost)), self.worst.policy
        wrong: Bool = ~self.best.optimal_actions[here] & (self.lost > self.rounding)
        return wrong

    @property
    def changed(self) -> Bool:
        """Where an action is best for the design and not truly best, and that matters, (S,)."""
        differs = (self.worst.optimal_actions & ~self.best.optimal_actions).any(axis=1)
        changed: Bool = differs & self.bad
        return changed

    @property
    def broken(self) -> Bool:
        """Where the design leaves out a truly best action, and that is all, (S,)."""
        differs = (self.best.optimal_actions & ~self.worst.optimal_actions).any(axis=1)
        broken: Bool = differs & ~self.changed
        return broken

    def counterexample(
        self, state: int, path: Sequence[int], *, on_the_way: bool, hack: Episode, honest: Episode
    ) -> Counterexample:
        """Describe what happens in a state to which a path leads."""
        return Counterexample(
            path=tuple(path),
            on_the_way=on_the_way,
            design_action=int(self.worst.policy[state]),
            true_actions=tuple(np.flatnonzero(self.best.optimal_actions[state]).tolist()),
            true_value=float(self.best.values[state]) * self.scale,
            reached_value=float(self.best.values[state] - self.lost[state]) * self.scale,
            hack=hack,
            honest=honest,
        )

    def audit(self, name: str, reason: str, found: Counterexample | None) -> Audit:
        """Return the verdict on a design of some name."""
        return Audit(
            design=name,
            preserves_optimal_policy=found is None,
            method="exact",
            reason=reason,
            gamma=self.gamma,
            states=len(self.lost),
            states_changed=int(self.changed.sum()),
            ties_broken=int(self.broken.sum()),
            counterexample=found,
        )


def compare_plans(mdp: TabularMDP | FiniteMDP, designed: Float, gamma: float) -> Comparison:
    """Compare (S, A) designed rewards with the true ones of a level.

    Args:
        mdp: The level.
        designed: Designed rewards; expected ones where chance plays a part.
        gamma: Discount of the agent, in [0, 1).
    """
    true = unit(mdp.reward)
    best = best_plan(mdp, true, gamma)
    liked = best_plan(mdp, unit(designed), gamma).optimal_actions
    against = best_plan(mdp, -true, gamma, allowed=liked)
    worst = Plan(values=-against.values, q=-against.q, policy=against.policy, optimal_actions=liked)
    return Comparison(
        gamma=gamma,
        scale=float(np.abs(mdp.reward).max(initial=0.0)),
        best=best,
        worst=worst,
        lost=best.values - worst.values,
        rounding=_tolerance(best, gamma) / (1.0 - gamma),
    )


def unit(reward: Float) -> Float:
    """Return a reward in units of its largest absolute value; zero stays zero."""
    largest = np.abs(reward).max(initial=0.0)
    scaled: Float = reward / largest if largest > 0 else reward
    return scaled


def best_plan(
    mdp: TabularMDP | FiniteMDP, reward: Float, gamma: float, *, allowed: Bool | None = None
) -> Plan:
    """Return the best policy for rewards of at most 1, up to rounding errors.

    Args:
        mdp: The level; its own reward is not read.
        reward: (S, A) rewards in [-1, 1].
        gamma: Discount, in [0, 1).
        allowed: (S, A) actions that may be taken, at least one per state; None for all.
    """
    barred = np.zeros(reward.shape) if allowed is None else np.where(allowed, 0.0, -np.inf)

    def evaluate(policy: Int) -> tuple[Float, Float]:
        if isinstance(mdp, FiniteMDP):
            chosen = np.eye(mdp.num_actions)[policy]
            values = finite.policy_evaluation(mdp, chosen, gamma=gamma, reward=reward)
            return values, finite.action_values(mdp, values, gamma=gamma, reward=reward) + barred
        values = planning.policy_evaluation(mdp, policy, gamma=gamma, reward=reward)
        # Index -1, the successor of terminal transitions, finds the appended zero.
        ahead = np.append(values, 0.0)[mdp.next_state]
        return values, reward + gamma * ahead + barred

    plan = planning.policy_iteration(reward + barred, evaluate, tol=0.0)
    equal = plan.q >= plan.q.max(axis=1, keepdims=True) - _tolerance(plan, gamma)
    return dataclasses.replace(plan, optimal_actions=equal)


def _tolerance(plan: Plan, gamma: float) -> float:
    """Return how far the values of equally good actions may lie apart."""
    return SLACK * float(np.abs(plan.values).max()) + NOISE / (1.0 - gamma)
