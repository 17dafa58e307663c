"""What a bandit algorithm is: N independent learners in lockstep, on arrays.

All that a learner knows are named statistics, which are zeros before the first round. So a policy
can carry them as its memory (:mod:`operant.agents.bandits.agent`), and a study can run thousands of
learners as one.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from operant.agents.base import Array
from operant.types import Float, Int

Statistics: TypeAlias = dict[str, Float]
"""Name -> (N, ...) float64: what N learners know. Algorithms write into the arrays."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Payout:
    """What N learners are told after a round.

    Attributes:
        reward: (N,) reward of the arm that was chosen.
        every: (N, K) rewards of all arms, for algorithms with full information; else None.
        used: (N, D) what the choice consumed of each resource; None without resources.
    """

    reward: Float
    every: Float | None = None
    used: Float | None = None


class BanditAlgorithm(abc.ABC):
    """A rule that picks arms from statistics of the rounds before.

    An instance holds settings alone: everything that changes is in the statistics that a caller
    passes, in which each row is a learner of its own.
    """

    @abc.abstractmethod
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Return the name and the shape, for one row, of each statistic."""

    @abc.abstractmethod
    def act(self, known: Statistics, context: Float | None, rng: np.random.Generator | None) -> Int:
        """Choose.

        Args:
            known: The statistics; what the update of this round needs may be written into them.
            context: What is seen before the choice, such as (N, K, d) features of arms; or None.
            rng: Source of chance; None for the most likely choice, or that of the means.

        Returns:
            (N,) indices of arms.
        """

    @abc.abstractmethod
    def update(self, known: Statistics, choices: Int, payout: Payout) -> None:
        """Learn from a round, into the statistics.

        Args:
            known: The statistics, as :meth:`act` left them.
            choices: (N,) arms that it chose.
            payout: What came of them.
        """

    def actions(self, choices: Int) -> Array:
        """Return what choices are called in the env, (N, ...); the same, unless arms are points."""
        return choices

    def start(self, rows: int) -> Statistics:
        """Return the statistics of N learners before the first round."""
        return {name: np.zeros((rows, *shape)) for name, shape in self.shapes().items()}


Pull: TypeAlias = Callable[[int, Int], Payout]
"""(round, (N,) arms) -> what came of them."""


def play(
    algorithm: BanditAlgorithm,
    pull: Pull,
    *,
    runs: int,
    rounds: int,
    rng: np.random.Generator,
    context: Callable[[int], Float] | None = None,
) -> Int:
    """Run N learners for T rounds.

    Args:
        algorithm: What they follow.
        pull: What pays.
        runs: N.
        rounds: T.
        rng: Source of the algorithm's chance.
        context: Round -> what is seen before its choice; None if nothing is.

    Returns:
        (T, N) arms chosen.
    """
    known = algorithm.start(runs)
    chosen = np.zeros((rounds, runs), np.int64)
    for t in range(rounds):
        chosen[t] = algorithm.act(known, None if context is None else context(t), rng)
        algorithm.update(known, chosen[t], pull(t, chosen[t]))
    return chosen
