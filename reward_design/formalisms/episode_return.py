"""Functions of the episode's return: risk, thresholds, and trade-offs among several rewards."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv

from operant.arrays import section
from operant.errors import UnknownIdError
from operant.reward_design import as_design
from operant.reward_design.base import (
    DesignContext,
    DesignSpec,
    OnTruncation,
    RewardDesign,
    require_on_truncation,
)
from operant.reward_design.formalisms.memory import (
    EpisodeMemory,
    MemoryObservation,
    MemoryVectorObservation,
    Vector,
)
from operant.reward_design.formalisms.utilities import UTILITIES, Utility, named_utility
from operant.types import Bool, Float, Int, RewardTerms, Rollout, Transition

Pays = Literal["changes", "end"]


class ReturnMemory(EpisodeMemory):
    """Remembers the return so far, one number per reward term, and the time.

    The return is the sum of ``discount ** t * r``, where r are the true rewards, or the named terms
    of a reward design.
    """

    name = "return"

    def __init__(
        self,
        *,
        discount: float = 1.0,
        design: str | RewardDesign | None = None,
        terms: Sequence[str] = (),
    ) -> None:
        """Choose what is added up.

        Args:
            discount: Discount within the return, in (0, 1].
            design: A design whose terms are added up (a copy of it), or its id; None for the true
                reward. It must know its rewards step by step, whatever the agent's discount.
            terms: Names of its terms, K >= 1 of them.

        Raises:
            ValueError: If an argument is outside its range.
        """
        if not 0.0 < discount <= 1.0:
            raise ValueError(f"discount must lie in (0, 1], got {discount}")
        if isinstance(terms, str) or (design is None) != (not terms):
            raise ValueError(
                f"terms must be a list of terms of design, and both or none be given, got "
                f"{terms!r} of {design!r}"
            )
        # A copy: memories of the design and of the observation must not step one object twice.
        self.inner = None if design is None else copy.deepcopy(as_design(design))
        if self.inner is not None:
            spec = self.inner.spec
            if spec.timing != "step" or spec.gamma_bound:
                raise ValueError(
                    "design must know its rewards step by step and not depend on the agent's "
                    f"discount, got {self.inner.id!r} ({spec})"
                )
        self.terms, self._discount = tuple(terms), discount
        self._returns: Float = np.zeros((1, max(1, len(terms))))
        self._time: Int = np.zeros(1, np.int64)

    def setup(self, context: DesignContext) -> None:
        """Attach to an env, all slots at the start of an episode; again starts afresh.

        Raises:
            OperantError: If the inner design cannot be used on this env.
        """
        if self.inner is not None:
            self.inner.setup(context)
        self._returns = np.zeros((context.num_envs, self._returns.shape[1]))
        self._time = np.zeros(context.num_envs, np.int64)

    @property
    def space(self) -> spaces.Box:
        """Space of the K returns and the time."""
        size = self._returns.shape[1]
        low = np.array([-np.inf] * size + [0.0], np.float32)
        return spaces.Box(low, np.inf, (size + 1,), np.float32)

    def reset(self, mask: Bool) -> None:
        """Start episodes in the slots of ``mask``."""
        self._returns[mask] = 0.0
        self._time[mask] = 0
        if self.inner is not None:
            self.inner.reset(mask)

    def advance(self, t: Transition) -> None:
        """Add the rewards of B transitions to the returns."""
        rewards = self._rewards(t) * self._discount ** t.episode_step[:, None]
        self._returns[t.env_ids] += rewards
        self._time[t.env_ids] = t.episode_step + 1

    def returns(self, env_ids: Int) -> Float:
        """Return the returns so far of B slots, (B, K), a copy."""
        taken: Float = self._returns[env_ids]
        return taken

    def read(self) -> Vector:
        """Return returns and time of all slots, (num_envs, K + 1) float32."""
        return np.column_stack([self._returns, self._time]).astype(np.float32)

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return ``returns``, ``time`` and the state of the inner design."""
        inner = {} if self.inner is None else self.inner.state_dict()
        return {
            "returns": self._returns.copy(),
            "time": self._time.copy(),
            **{f"design/{name}": value for name, value in inner.items()},
        }

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._returns, self._time = state["returns"].copy(), state["time"].copy()
        if self.inner is not None:
            self.inner.load_state_dict(section(state, "design"))

    def _rewards(self, t: Transition) -> Float:
        if self.inner is None:
            return t.reward[:, None]
        scored = self.inner.step(t).terms
        unknown = [name for name in self.terms if name not in scored]
        if unknown:
            raise ValueError(
                f"terms must be terms of design {self.inner.id!r}, which are {sorted(scored)}; "
                f"got {unknown}"
            )
        return np.column_stack([scored[name] for name in self.terms])


class EpisodeReturn(RewardDesign):
    """Pays a function f of the episode's return G instead of its rewards. Terms: ``utility``.

    ``"changes"`` pays f(G') - f(G) at each step, G' being the return after it, which adds up to
    f(G) - f(0) over the episode; ``"end"`` pays f(G) with the last step. Both are an agent's E f(G)
    if its own discount is 1; with a smaller one it prefers to be paid early (``"changes"``), or to
    end early where f(G) > 0 (``"end"``). Discounted returns inside f are for ``discount``.

    How good an action is depends on the return so far, so a Markov agent must see it: wrap the env
    with :class:`ReturnObservation` or :class:`ReturnVectorObservation` first.

    Source: On the Expressivity of Objective-Specification Formalisms in Reinforcement Learning
    (Subramani et al., 2024), the formalisms INMR (one reward) and IMORL (several).
    """

    spec = DesignSpec(markov=False)

    def __init__(
        self,
        *,
        utility: str | Utility = "cap",
        parameter: float | None = None,
        pays: Pays = "changes",
        discount: float = 1.0,
        design: str | RewardDesign | None = None,
        terms: Sequence[str] = (),
        on_truncation: OnTruncation = "bootstrap",
    ) -> None:
        """Choose f and what it is a function of.

        Args:
            utility: A key of :data:`~operant.reward_design.formalisms.utilities.UTILITIES`, or a
                function of returns (B, K) to (B,) (Python only: it cannot be rebuilt from JSON).
            parameter: Parameter of a named utility, or None for its default.
            pays: ``"changes"`` or ``"end"``.
            discount: Discount within the return, in (0, 1].
            design: A design whose terms are added up, or its id; None for the true reward.
            terms: Names of its terms, K >= 1 of them.
            on_truncation: Whether ``"end"`` pays at a time limit (``"terminal"``) or leaves that to
                the agent's bootstrap.

        Raises:
            TypeError: If ``utility`` is neither a name nor callable.
            UnknownIdError: If there is no utility or design of that name.
            ValueError: If another argument is outside its range.
        """
        super().__init__()
        if isinstance(utility, str) and utility not in UTILITIES:
            raise UnknownIdError("utility", utility, UTILITIES)
        if not isinstance(utility, str) and (not callable(utility) or parameter is not None):
            raise TypeError(
                f"utility must be a name ({', '.join(UTILITIES)}) or a function without parameter, "
                f"got {utility!r}"
            )
        if pays not in ("changes", "end"):
            raise ValueError(f"pays must be 'changes' or 'end', got {pays!r}")
        require_on_truncation(on_truncation)
        self._utility = named_utility(utility, parameter) if isinstance(utility, str) else utility
        self._pays, self._on_truncation = pays, on_truncation
        self._memory = ReturnMemory(discount=discount, design=design, terms=terms)

    def required_features(self) -> tuple[str, ...]:
        """Return the features of the inner design."""
        inner = self._memory.inner
        return () if inner is None else inner.required_features()

    def _setup(self, context: DesignContext) -> None:
        self._memory.setup(context)
        inner = self._memory.inner
        if inner is not None:
            self.spec = dataclasses.replace(
                self.spec,
                needs=inner.spec.needs,
                stationary=inner.spec.stationary,
                privileged=inner.spec.privileged,
            )

    def memory(self) -> ReturnMemory:
        """Return the returns so far and the time."""
        return copy.deepcopy(self._memory)

    def step(self, t: Transition) -> RewardTerms:
        """Return the change of f(G), or f(G) where the episode ends."""
        before = self._memory.returns(t.env_ids)
        self._memory.advance(t)
        worth = np.asarray(self._utility(self._memory.returns(t.env_ids)), np.float64)
        if self._pays == "changes":
            return RewardTerms.sum_of(utility=worth - self._utility(before))
        ends = t.done if self._on_truncation == "terminal" else t.terminated
        return RewardTerms.sum_of(utility=np.where(ends, worth, 0.0))

    def reset(self, mask: Bool) -> None:
        """Forget the returns of the slots in ``mask``."""
        self._memory.reset(mask)

    @property
    def learns(self) -> bool:
        """Whether the inner design does."""
        return self._memory.inner is not None and self._memory.inner.learns

    def update(self, r: Rollout) -> dict[str, float]:
        """Let the inner design learn."""
        return {} if self._memory.inner is None else self._memory.inner.update(r)

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return ``returns`` (num_envs, K), ``time`` (num_envs,) and the inner design's state."""
        return self._memory.state_dict()

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned; call after :meth:`setup`."""
        self._memory.load_state_dict(state)


class ReturnObservation(MemoryObservation, RecordConstructorArgs):
    """Appends the return so far and the time to the observations of a scalar env."""

    def __init__(self, env: gym.Env[Any, Any], **options: Any) -> None:
        """Choose what is added up; the env must carry no design yet.

        Args:
            env: The env.
            **options: Arguments of :class:`ReturnMemory`, the same as those of the design.

        Raises:
            OperantError: If a wrapper inside carries a design, or the env lacks features.
            ValueError: If an argument is outside its range.
        """
        RecordConstructorArgs.__init__(self, **options)
        MemoryObservation.__init__(self, env, ReturnMemory(**options))


class ReturnVectorObservation(MemoryVectorObservation):
    """Appends the return so far and the time to the observations of a vector env."""

    def __init__(self, env: VectorEnv[Any, Any, Any], **options: Any) -> None:
        """Choose what is added up; the env must carry no design yet.

        Args:
            env: The env.
            **options: Arguments of :class:`ReturnMemory`, the same as those of the design.

        Raises:
            OperantError: If a wrapper inside carries a design, or the env lacks features.
            ValueError: If an argument is outside its range.
        """
        super().__init__(env, ReturnMemory(**options))
