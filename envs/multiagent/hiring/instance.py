"""Who can be hired, what their work costs them, what it shows, and what knowing is worth."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np

from operant.types import Float, Int


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class HiringInstance:
    """One principal, n experts, finitely many states, efforts, signals and decisions.

    Attributes:
        prior: (T,) probabilities of the state, which nobody knows before it is decided.
        signals: (B_1, .., B_n, T, S_1, .., S_n) probabilities of what the experts see, given their
            efforts and the state; they may be correlated in any way.
        costs: Per expert (B_i,) what its efforts cost it; effort 0 costs nothing.
        utility: (A, T) what the principal gets for a decision in a state.
        cap: Largest payment to an expert, > 0; payments are never negative.

    Raises:
        ValueError: If shapes do not fit together, or numbers are outside their ranges.
    """

    prior: Float
    signals: Float
    costs: tuple[Float, ...]
    utility: Float
    cap: float = 1.0

    def __post_init__(self) -> None:
        """Check that it is an instance."""
        if not self.costs:
            raise ValueError("costs must name at least one expert, got none")
        efforts = tuple(len(cost) for cost in self.costs)
        n, states = len(efforts), len(self.prior)
        shape = self.signals.shape
        if len(shape) != 2 * n + 1 or shape[: n + 1] != (*efforts, states):
            raise ValueError(
                f"signals must have shape {(*efforts, states)} and one axis per expert's signals "
                f"for {n} experts, got {shape}"
            )
        if self.utility.ndim != 2 or self.utility.shape[1] != states:
            raise ValueError(
                f"utility must have shape (decisions, {states}), got {self.utility.shape}"
            )
        seen = tuple(range(n + 1, 2 * n + 1))
        for name, odds in (("prior", self.prior), ("signals", self.signals)):
            sums = odds.sum(axis=None if name == "prior" else seen)
            if not (
                np.isfinite(odds).all() and odds.min() >= 0 and np.allclose(sums, 1, atol=1e-9)
            ):
                raise ValueError(f"{name} must be probabilities that add up to 1")
        for expert, cost in enumerate(self.costs):
            if not (np.isfinite(cost).all() and cost[0] == 0.0 and cost.min() >= 0.0):
                raise ValueError(
                    f"costs of expert {expert} must be finite and >= 0, the first 0, got "
                    f"{cost.tolist()}"
                )
        if not np.isfinite(self.utility).all():
            raise ValueError("utility must be finite")
        if not 0.0 < self.cap < math.inf:
            raise ValueError(f"cap must be finite and > 0, got {self.cap}")

    @property
    def experts(self) -> int:
        """Number of experts n."""
        return len(self.costs)

    @property
    def efforts(self) -> tuple[int, ...]:
        """Number of efforts of each expert."""
        return tuple(len(cost) for cost in self.costs)

    @property
    def readings(self) -> tuple[int, ...]:
        """Number of signals of each expert."""
        return self.signals.shape[self.experts + 1 :]

    @property
    def profiles(self) -> list[tuple[int, ...]]:
        """All profiles of efforts, the axes of a mechanism in C order."""
        return list(itertools.product(*(range(count) for count in self.efforts)))

    def joint(self, efforts: Sequence[int]) -> Float:
        """Return the probabilities of state and signals under some efforts, (T, S_1, .., S_n)."""
        odds: Float = self.signals[tuple(efforts)]
        return odds * self.prior.reshape(-1, *[1] * self.experts)

    def decisions(self, efforts: Sequence[int]) -> Int:
        """Return the best decision for every report, (S_1, .., S_n), if all tell the truth."""
        best: Int = self._scores(efforts).argmax(axis=0)
        return best

    def worth(self, efforts: Sequence[int]) -> float:
        """Return what the principal gets in expectation if all work and report so, unpaid."""
        return float(self._scores(efforts).max(axis=0).sum())

    def _scores(self, efforts: Sequence[int]) -> Float:
        """Return (A, S_1, .., S_n) utilities times the probability of the signals."""
        joint = self.joint(efforts)
        flat = joint.reshape(len(joint), -1)
        scores = np.zeros((len(self.utility), flat.shape[1]))
        for state, odds in enumerate(flat):
            scores += self.utility[:, state, None] * odds
        return scores.reshape(-1, *joint.shape[1:])


def accuracy_instance(
    *, cost: float = 0.05, experts: int = 2, accuracy: float = 0.8, cap: float = 1.0
) -> HiringInstance:
    """Return the smallest interesting instance: guess a fair coin with experts who may look.

    An expert who works (effort 1) sees the coin right with probability ``accuracy``, one who does
    not sees noise. The principal gets 1 for a right decision.

    Args:
        cost: Of working, >= 0.
        experts: n >= 1.
        accuracy: In [0.5, 1].
        cap: Largest payment.

    Raises:
        ValueError: If an argument is outside its range.
    """
    if experts < 1:
        raise ValueError(f"experts must be >= 1, got {experts}")
    if not 0.5 <= accuracy <= 1.0:
        raise ValueError(f"accuracy must lie in [0.5, 1], got {accuracy}")
    right = (0.5, accuracy)
    signals = np.zeros((2,) * experts + (2,) + (2,) * experts)
    for efforts in itertools.product(range(2), repeat=experts):
        for state in range(2):
            for seen in itertools.product(range(2), repeat=experts):
                odds = [
                    right[effort] if sign == state else 1 - right[effort]
                    for effort, sign in zip(efforts, seen, strict=True)
                ]
                signals[(*efforts, state, *seen)] = math.prod(odds)
    return HiringInstance(
        prior=np.full(2, 0.5),
        signals=signals,
        costs=(np.array([0.0, cost]),) * experts,
        utility=np.eye(2),
        cap=cap,
    )


def random_instance(
    seed: int,
    *,
    efforts: Sequence[int] = (2, 2),
    readings: Sequence[int] = (2, 2),
    states: int = 2,
    decisions: int = 2,
    dearest: float = 0.15,
    cap: float = 1.0,
) -> HiringInstance:
    """Return an instance without structure: all probabilities are Dirichlet, costs uniform.

    Args:
        seed: Of the draw.
        efforts: Number of efforts of each expert.
        readings: Number of signals of each expert.
        states: T.
        decisions: A.
        dearest: Costs lie in [0, dearest].
        cap: Largest payment.

    Raises:
        ValueError: If efforts and readings are not of equally many experts, or a number is < 1.
    """
    if len(efforts) != len(readings) or min(*efforts, *readings, states, decisions) < 1:
        raise ValueError(
            "efforts and readings must have one number >= 1 per expert, got "
            f"{tuple(efforts)} and {tuple(readings)}"
        )
    rng = np.random.default_rng(seed)
    many = math.prod(readings)
    odds = rng.dirichlet(np.full(many, 0.5), (*efforts, states))
    costs = []
    for count in efforts:
        cost = np.sort(rng.uniform(0.0, dearest, count))
        cost[0] = 0.0
        costs.append(cost)
    return HiringInstance(
        prior=rng.dirichlet(np.ones(states)),
        signals=odds.reshape(*efforts, states, *readings),
        costs=tuple(costs),
        utility=rng.uniform(size=(decisions, states)),
        cap=cap,
    )
