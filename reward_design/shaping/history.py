"""Any bonus made harmless: what it pays in an episode, it takes back in the same episode."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.arrays import section
from operant.errors import OperantError
from operant.reward_design import as_design
from operant.reward_design.base import (
    DesignContext,
    DesignSpec,
    Invariance,
    OnTruncation,
    RewardDesign,
    require_on_truncation,
)
from operant.types import Bool, Float, RewardTerms, Rollout, Transition


class Repaid(RewardDesign):
    """A design whose bonus F (what it adds to the true reward) is paid back within the episode.

    Terms: ``env``, ``bonus``, ``payback``. A bonus of step i is paid back at a later step t as
    ``F_i / gamma ** (t - i)``, so that the discounted sum over an episode is 0 and the optimal
    policies of the true reward stay, whatever F learns or remembers, as long as it does not look
    into the future. The debt depends on the history: an agent that only sees the state meets
    rewards that are not Markov. Subclasses say when a debt is due.

    At a time limit the debts are paid back too (``on_truncation="terminal"``): an agent that
    bootstraps there could only account for them if it saw them. ``"bootstrap"`` drops them, for
    agents that do; then nothing is promised (invariance ``"none"``), as any other agent keeps what
    it was lent, and the best policy for it may farm the bonus until the limit.
    """

    spec = DesignSpec(invariance="optimal", markov=False, gamma_bound=True)

    def __init__(
        self,
        design: str | RewardDesign,
        *,
        on_truncation: OnTruncation = "terminal",
        gamma: float | None = None,
    ) -> None:
        """Wrap a design.

        Args:
            design: A design of timing ``"step"``, or the id of one.
            on_truncation: ``"terminal"``, or ``"bootstrap"``, which promises nothing; see above.
            gamma: Discount in (0, 1], or None to follow the agent.

        Raises:
            TypeError: If ``design`` is neither a design nor an id.
            UnknownIdError: If there is no design of that id.
            ValueError: If an argument is outside its range.
        """
        super().__init__(gamma=gamma)
        self._inner, self._has_set_up = as_design(design), False
        if self._inner.spec.timing != "step":
            raise ValueError(
                f"design must pay step by step (timing 'step'), and {self._inner.id!r} has timing "
                f"{self._inner.spec.timing!r}"
            )
        require_on_truncation(on_truncation)
        self._on_truncation = on_truncation
        self.id = f"{type(self).__name__.lower()}({self._inner.id})"
        self._describe()

    def _describe(self) -> None:
        """Derive the spec from that of the design inside, which may change at its setup."""
        keeps: Invariance = "optimal" if self._on_truncation == "terminal" else "none"
        self.spec = dataclasses.replace(
            self._inner.spec, invariance=keeps, markov=False, gamma_bound=True
        )

    def required_features(self) -> tuple[str, ...]:
        """Return the features the design inside reads."""
        return self._inner.required_features()

    def _setup(self, context: DesignContext) -> None:
        if context.gamma == 0.0:
            raise ValueError("gamma must be > 0: debts grow by 1 / gamma per step")
        if self._inner.context is not None and not self._has_set_up:
            raise OperantError(
                f"design {self._inner.id!r} is attached to an env already; it has memory of its "
                f"own per env, so build one for each {self.id!r}"
            )
        self._inner.setup(context)
        self._has_set_up = True
        self._describe()
        self._owed = np.zeros((context.num_envs, self._columns))

    @property
    def _columns(self) -> int:
        """Numbers to remember per slot."""
        return 1

    def step(self, t: Transition) -> RewardTerms:
        """Return the true reward, the bonus, and what is due of earlier bonuses."""
        bonus = self._adjusted(self._inner(t).total - t.reward)
        ends = t.done if self._on_truncation == "terminal" else t.terminated
        return RewardTerms.sum_of(env=t.reward, bonus=bonus, payback=-self._due(t, bonus, ends))

    def _adjusted(self, bonus: Float) -> Float:
        """Return the bonuses that count, (B,)."""
        return bonus

    def _due(self, t: Transition, bonus: Float, ends: Bool) -> Float:
        """Return what is paid back now, (B,), and remember what is still owed."""
        raise NotImplementedError

    def reset(self, mask: Bool) -> None:
        """Forget the debts of the slots in ``mask``, and what the design inside remembers."""
        self._owed[mask] = 0.0
        self._inner.reset(mask)

    @property
    def learns(self) -> bool:
        """Whether the design inside does."""
        return self._inner.learns

    def update(self, r: Rollout) -> dict[str, float]:
        """Let the design inside learn."""
        return self._inner.update(r)

    def provenance(self) -> dict[str, Any]:
        """Return what the design inside says."""
        return self._inner.provenance()

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return the debts and the state of the design inside."""
        inner = {f"inner/{name}": value for name, value in self._inner.state_dict().items()}
        return {"owed": self._owed.copy(), **inner}

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned; call after :meth:`setup`."""
        self._owed = state["owed"].copy()
        self._inner.load_state_dict(section(state, "inner"))


class GRM(Repaid):
    """Pays each bonus back ``delay`` steps later, or with the episode's last step.

    Generalized reward matching with the weights ``m(t, i) = 1`` for ``t = min(i + delay, N - 1)``.
    With a short delay the sums stay small however long episodes are; the longer it is, the longer
    the bonus can lead the agent.

    Source: Potential-Based Intrinsic Motivation: Preserving Optimality With Complex, Non-Markovian
    Shaping Rewards (Forbes, Villalobos-Arias, Wang, Jhala, Roberts, 2024), arXiv 2410.12197.
    """

    def __init__(
        self,
        design: str | RewardDesign,
        *,
        delay: int = 1,
        on_truncation: OnTruncation = "terminal",
        gamma: float | None = None,
    ) -> None:
        """Wrap a design.

        Args:
            design: A design of timing ``"step"``, or the id of one.
            delay: Steps until a bonus is paid back, >= 1.
            on_truncation: ``"terminal"``, or ``"bootstrap"``, which promises nothing; see
                :class:`Repaid`.
            gamma: Discount in (0, 1], or None to follow the agent.

        Raises:
            TypeError: If ``design`` is neither a design nor an id.
            UnknownIdError: If there is no design of that id.
            ValueError: If an argument is outside its range.
        """
        if delay < 1:
            raise ValueError(f"delay must be >= 1, got {delay}; 0 would cancel every bonus at once")
        self._delay = delay
        super().__init__(design, on_truncation=on_truncation, gamma=gamma)

    @property
    def _columns(self) -> int:
        return self._delay

    def _due(self, t: Transition, bonus: Float, ends: Bool) -> Float:
        # Column c holds the youngest bonus of a step i with i % delay == c.
        owed, column = self._owed[t.env_ids], t.episode_step % self._delay
        age = (t.episode_step[:, None] - np.arange(self._delay) - 1) % self._delay + 1
        grown = owed / self.gamma**age
        due: Float = np.where(ends, grown.sum(axis=1) + bonus, grown[np.arange(len(t)), column])
        self._owed[t.env_ids, column] = bonus
        return due


class PBIM(Repaid):
    """Pays all bonuses of an episode back with its last step.

    That is shaping by a potential of the history, the debt: it starts at 0 and grows by
    ``debt' = (debt + F) / gamma``, so that ``F = gamma * debt' - debt``, and the end's potential 0
    brings the payback. The lump grows like ``gamma ** -N``; ``normalise`` keeps it small by taking
    a running mean (of all bonuses before this step) from each bonus.

    Source: Potential-Based Reward Shaping For Intrinsic Motivation (Forbes et al., 2024), arXiv
    2402.07411.
    """

    def __init__(
        self,
        design: str | RewardDesign,
        *,
        normalise: bool = False,
        on_truncation: OnTruncation = "terminal",
        gamma: float | None = None,
    ) -> None:
        """Wrap a design.

        Args:
            design: A design of timing ``"step"``, or the id of one.
            normalise: True to take the running mean from each bonus.
            on_truncation: ``"terminal"``, or ``"bootstrap"``, which promises nothing; see
                :class:`Repaid`.
            gamma: Discount in (0, 1], or None to follow the agent.

        Raises:
            TypeError: If ``design`` is neither a design nor an id.
            UnknownIdError: If there is no design of that id.
            ValueError: If an argument is outside its range.
        """
        self._normalise, self._mean, self._seen = normalise, 0.0, 0
        super().__init__(design, on_truncation=on_truncation, gamma=gamma)

    def _describe(self) -> None:
        super()._describe()
        if self._normalise:
            self.spec = dataclasses.replace(self.spec, stationary=False)

    def _setup(self, context: DesignContext) -> None:
        super()._setup(context)
        self._mean, self._seen = 0.0, 0

    def _adjusted(self, bonus: Float) -> Float:
        if not self._normalise:
            return bonus
        adjusted: Float = bonus - self._mean
        self._seen += len(bonus)
        self._mean += float(adjusted.sum()) / max(self._seen, 1)
        return adjusted

    def _due(self, t: Transition, bonus: Float, ends: Bool) -> Float:
        owed = self._owed[t.env_ids, 0] + bonus
        self._owed[t.env_ids, 0] = owed / self.gamma
        return np.where(ends, owed, 0.0)

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return the debts, the running mean, and the state of the design inside."""
        mean = {"mean": np.array(self._mean), "seen": np.array(self._seen)}
        return {**super().state_dict(), **mean}

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned; call after :meth:`setup`."""
        super().load_state_dict(state)
        self._mean, self._seen = float(state["mean"]), int(state["seen"])


def invariant(design: str | RewardDesign) -> PBIM:
    """Make a design keep the optimal policies of the true reward; today by :class:`PBIM`.

    Args:
        design: A design of timing ``"step"``, or the id of one.

    Raises:
        TypeError: If ``design`` is neither a design nor an id.
        UnknownIdError: If there is no design of that id.
        ValueError: If its rewards are not known step by step.

    >>> invariant("count").id
    'invariant(count)'
    """
    inner = as_design(design)
    made = PBIM(inner)
    made.id = f"invariant({inner.id})"
    return made
