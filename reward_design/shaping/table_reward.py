"""Rewards that are a table: one number per state and action, in place of the true reward."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from operant.errors import OperantError
from operant.finite import FiniteMDP
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
        self._begin_with(np.array(table, np.float64), state)

    def _begin_with(self, table: Float, state: StateOf | None) -> None:
        if table.ndim != 2 or not np.isfinite(table).all():
            raise ValueError(f"table must be (S, A) finite numbers, got shape {table.shape}")
        self._initial, self._state = table, state
        self._table = table.copy()

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


class ModelReward(TableReward):
    """A table computed from an MDP: the one given, else that of the env the design is used on."""

    def __init__(
        self, *, mdp: FiniteMDP | None, state: StateOf | None, gamma: float | None
    ) -> None:
        """Compute the table at once if that is possible, else in :meth:`setup`.

        Args:
            mdp: The MDP with its true reward, or None for the env's.
            state: Numbers the states of observations; None to find them among ``mdp.obs``, or if
                the observations are these numbers.
            gamma: Discount of the agent, in [0, 1), or None to follow it.

        Raises:
            ValueError: If there is no table for these arguments.
        """
        RewardDesign.__init__(self, gamma=gamma)
        self._mdp, self._numbers = mdp, state
        if mdp is not None and gamma is not None:
            self._design_for(mdp, gamma)

    def solve(self, mdp: FiniteMDP, gamma: float) -> Float:
        """Return the table, (S, A), to begin with; the design's own work."""
        raise NotImplementedError

    def _design_for(self, mdp: FiniteMDP, gamma: float) -> None:
        state = numbering(mdp.obs) if self._numbers is None and mdp.obs is not None else None
        self._begin_with(self.solve(mdp, gamma), self._numbers or state)

    def _setup(self, context: DesignContext) -> None:
        if self._mdp is not None:
            self._design_for(self._mdp, context.gamma)
        elif context.model is not None:
            self._design_for(context.model(), context.gamma)
        else:
            raise OperantError(f"design {self.id!r} needs a model; give it one: mdp=...")
        super()._setup(context)


def numbering(obs: Obs) -> StateOf:
    """Return the function that finds observations among those of S states, as for ``state``.

    Args:
        obs: (S, ...) the observation of each state, e.g. ``TabularMDP.obs``.

    Raises:
        ValueError: If two states look alike: what they should be paid cannot be told apart. The
            returned function raises it for an observation that is none of them.
    """
    from operant.reward_design.intrinsic.visits import state_keys  # compiles

    def keys(batch: Obs) -> list[int]:
        hashed: list[int] = state_keys(batch, {}, ()).tolist()
        return hashed

    numbers: dict[int, int] = {}
    for state, key in enumerate(keys(obs)):
        if numbers.setdefault(key, state) != state:
            raise ValueError(
                f"states {numbers[key]} and {state} have the same observation, so a table cannot "
                "tell them apart; use an env that shows its whole state"
            )

    def state_of(batch: Obs) -> Int:
        try:
            return np.array([numbers[key] for key in keys(batch)], np.int64)
        except KeyError:
            raise ValueError(
                "an observation shows none of the numbered states; a table is for one level, so "
                "all levels of the env must be alike"
            ) from None

    return state_of
