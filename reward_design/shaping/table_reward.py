"""Rewards that are a table: one number per state and action, in place of the true reward."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from operant.reward_design.base import DesignContext, DesignSpec, RewardDesign
from operant.types import Float, Int, Obs, RewardTerms, Transition

StateOf = Callable[[Obs], Int]
"""(B, ...) observations -> (B,) numbers of their states."""


class TableReward(RewardDesign):
    """Pays ``table[state, action]`` instead of the true reward. Terms: ``table``.

    Nothing is promised about a table that is merely given; the designs that compute one say what
    theirs keeps.
    """

    spec = DesignSpec(invariance="none")

    def __init__(
        self,
        *,
        table: Float | Sequence[Sequence[float]],
        state: StateOf | None = None,
        gamma: float | None = None,
    ) -> None:
        """Give the table.

        Args:
            table: (S, A) finite rewards.
            state: Returns the numbers, in [0, S), of the states that (B, ...) observations show;
                None if the observations are these numbers (``Discrete``).
            gamma: Discount in [0, 1], or None to follow the agent.

        Raises:
            ValueError: If the table is not (S, A) finite numbers, or gamma is out of range.
        """
        super().__init__(gamma=gamma)
        self._initial = np.array(table, np.float64)
        if self._initial.ndim != 2 or not np.isfinite(self._initial).all():
            raise ValueError(
                f"table must be (S, A) finite numbers, got shape {self._initial.shape}"
            )
        self._table, self._state = self._initial.copy(), state

    @property
    def table(self) -> Float:
        """The table in force, a copy, (S, A)."""
        return self._table.copy()

    def _setup(self, context: DesignContext) -> None:
        states, actions = self._initial.shape
        space, observed = context.action_space, context.observation_space
        if not isinstance(space, spaces.Discrete) or space.n != actions:
            raise ValueError(f"table has {actions} actions, but the action space is {space}")
        if self._state is None and not (
            isinstance(observed, spaces.Discrete) and observed.start == 0 and observed.n <= states
        ):
            raise ValueError(
                f"table has {states} states, but the observation space is {observed}; give a "
                "function `state` that numbers its observations"
            )
        self._table = self._initial.copy()
        self._first_action = int(space.start)

    def states_of(self, obs: Obs) -> Int:
        """Return the numbers of the states that B observations show, (B,).

        Raises:
            ValueError: If the function ``state`` returns something else than B numbers in [0, S).
        """
        numbers = np.asarray(obs if self._state is None else self._state(obs))
        size = len(self._table)
        if numbers.dtype.kind not in "iu" or numbers.ndim != 1:
            raise ValueError(
                f"state must return (B,) integers, got {numbers.shape} {numbers.dtype}"
            )
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < size:
            raise ValueError(
                f"state must return numbers in [0, {size - 1}], got "
                f"{numbers.min()} to {numbers.max()}"
            )
        return numbers.astype(np.int64)

    def step(self, t: Transition) -> RewardTerms:
        """Look the rewards up."""
        paid = self._table[self.states_of(t.obs), t.action - self._first_action]
        return RewardTerms.sum_of(table=paid)

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return the table in force."""
        return {"table": self.table}

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned; call after :meth:`setup`."""
        self._table = np.array(state["table"], np.float64)


def numbering(obs: Obs) -> StateOf:
    """Return the function that finds observations among those of S states, as for ``state``.

    Args:
        obs: (S, ...) the observation of each state, e.g. ``TabularMDP.obs``.

    Raises:
        ValueError: If two states look alike: what they should be paid cannot be told apart. The
            returned function raises it for an observation that is none of them.
    """
    from operant.reward_design.intrinsic.visits import hash_rows  # compiles

    def keys(batch: Obs) -> list[int]:
        columns = [batch[name] for name in sorted(batch)] if isinstance(batch, dict) else [batch]
        hashed: list[int] = hash_rows(columns).tolist()
        return hashed

    numbers: dict[int, int] = {}
    for state, key in enumerate(keys(obs)):
        if numbers.setdefault(key, state) != state:
            raise ValueError(f"states {numbers[key]} and {state} have the same observation")

    def state_of(batch: Obs) -> Int:
        try:
            return np.array([numbers[key] for key in keys(batch)], np.int64)
        except KeyError:
            raise ValueError("an observation shows none of the numbered states") from None

    return state_of
