"""The reward design: one batched class, and the edge rules that hold for every design.

A scalar env is a batch of one. Adapters build :class:`~operant.types.Transition` objects (with the
true successor, without pseudo-steps) and call the design; they never repeat a rule of this file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.errors import GammaMismatchError, NonFiniteRewardError, OperantError
from operant.finite import FiniteMDP
from operant.types import Bool, Feature, Float, Int, RewardTerms, Rollout, Transition

if TYPE_CHECKING:
    from operant.reward_design.formalisms.memory import EpisodeMemory

Timing = Literal["step", "rollout", "episode"]
Invariance = Literal["optimal", "asymptotic", "none"]
OnTruncation = Literal["bootstrap", "terminal"]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DesignSpec:
    """What a design promises and needs; shown in listings and on leaderboards.

    Attributes:
        timing: When the reward is known: at each step, at the end of a rollout, or of an episode.
        invariance: ``"optimal"`` keeps the optimal policies of the true reward, ``"asymptotic"``
            does so in the limit of training, ``"none"`` promises nothing.
        needs: Inputs beyond the transition, e.g. ``("features",)``.
        stationary: True if the reward of a transition never changes during training.
        markov: True if the reward depends on the transition alone, False if also on what came
            before it (in the episode, or for good).
        privileged: True if it reads what the agent cannot observe.
        gamma_bound: True if it is only right for the agent's own discount.
    """

    timing: Timing = "step"
    invariance: Invariance = "none"
    needs: tuple[str, ...] = ()
    stationary: bool = True
    markov: bool = True
    privileged: bool = False
    gamma_bound: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DesignContext:
    """What a design learns about the world it is attached to.

    Attributes:
        observation_space: Space of one observation.
        action_space: Space of one action.
        features: The env's feature table (empty if it publishes none).
        num_envs: Number of slots; ``env_ids`` of transitions lie in [0, num_envs).
        gamma: The agent's discount, in [0, 1].
        seed: Seed of everything random inside the design.
        device: Torch device for designs that hold networks.
        model: Makes the env's exact MDP for designs that need ``"model"``; None if nobody can.
        expert: The reward program on the env's card, for designs that need ``"expert"``; ``""`` if
            there is none.
        groups: For each slot the number of the team that it is a member of, for designs that hand
            out what a whole team earned; empty where every slot is on its own.
    """

    observation_space: gym.Space[Any]
    action_space: gym.Space[Any]
    features: tuple[Feature, ...]
    num_envs: int
    gamma: float
    seed: int = 0
    device: str = "cpu"
    model: Callable[[], FiniteMDP] | None = None
    expert: str = ""
    groups: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If ``gamma`` or ``num_envs`` is outside its range, or ``groups`` does not
                name a team for every slot.
        """
        if not 0.0 <= self.gamma <= 1.0:
            raise ValueError(f"gamma must lie in [0, 1], got {self.gamma}")
        if self.num_envs < 1:
            raise ValueError(f"num_envs must be >= 1, got {self.num_envs}")
        if self.groups and len(self.groups) != self.num_envs:
            raise ValueError(
                f"groups must be empty or have {self.num_envs} entries, got {len(self.groups)}"
            )


_OPTIMUM = " (deterministic gridworlds publish steps_to_success if made with optimum=True)"


class RewardDesign:
    """A rule that turns transitions into the reward an agent is trained on.

    Subclasses implement :meth:`step` (timing ``"step"``) or :meth:`redistribute`. Adapters call the
    design like a function: that validates the result, and clears episodic memory *after* the last
    transition of an episode was scored. Edge rules that live here once:

    * terminal states have potential 0, states at a time limit keep theirs
      (:meth:`potential_difference`);
    * a design built for one discount refuses an agent with another (:meth:`setup`);
    * rewards are finite ``(B,)`` float64, inputs are never mutated.

    Source: Policy invariance under reward transformations (Ng, Harada, Russell, 1999); the rule for
    time limits follows from bootstrapping at truncation (Time Limits in RL; Pardo et al., 2018).
    """

    spec: DesignSpec = DesignSpec()
    id: str = ""
    """Registry id, set by ``operant.make_design``; the class name elsewhere."""
    context: DesignContext | None = None
    """What it is attached to; None before :meth:`setup`."""
    _own_gamma: float | None = None

    def __init__(self, *, gamma: float | None = None) -> None:
        """Store the discount the design is built for.

        Args:
            gamma: Discount in [0, 1], or None to follow the agent.

        Raises:
            ValueError: If ``gamma`` is outside [0, 1].
        """
        if gamma is not None and not 0.0 <= gamma <= 1.0:
            raise ValueError(f"gamma must lie in [0, 1], got {gamma}")
        if not self.id:
            self.id = type(self).__name__
        self._own_gamma = gamma
        self.context = None

    # ---- life cycle -------------------------------------------------------------------------

    def setup(self, context: DesignContext) -> None:
        """Attach the design to an env; calling it again starts afresh.

        Raises:
            GammaMismatchError: If the design was built for another discount.
            OperantError: If the env does not publish a feature the design reads, or the design
                scores nothing.
        """
        if self.spec.timing == "step" and type(self).step is RewardDesign.step:
            raise OperantError(
                f"design {self.id!r} has timing 'step', but its class defines no step(self, t); "
                "define one that returns RewardTerms, or declare another timing"
            )
        if self._own_gamma is not None and self._own_gamma != context.gamma:
            raise GammaMismatchError(self.id, self._own_gamma, context.gamma)
        published = {feature.name for feature in context.features}
        missing = [name for name in self.required_features() if name not in published]
        if missing:
            raise OperantError(
                f"design {self.id!r} reads features {missing} which the env does not publish; "
                f"published: {sorted(published) or 'none'}. Use an env that has them"
                f"{_OPTIMUM if 'steps_to_success' in missing else ''}, or another design."
            )
        self.context = context
        self._setup(context)

    def _setup(self, context: DesignContext) -> None:
        """Allocate per-env memory; override where there is any."""

    def required_features(self) -> tuple[str, ...]:
        """Names of the features this design reads; checked at :meth:`setup`."""
        return ()

    def memory(self) -> EpisodeMemory | None:
        """Return what it remembers of an episode, for the agent to see; None if there is nothing.

        The memory follows the env by itself: a new object for each call, not set up.
        """
        return None

    def provenance(self) -> dict[str, Any]:
        """Return what a result must say of how it was made, as JSON values; known after set-up."""
        return {}

    def reset(self, mask: Bool) -> None:
        """Clear the episodic memory of the slots in ``mask``, (num_envs,) bool."""

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return all mutable state as arrays, enough to continue bit for bit."""
        return {}

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned; call after :meth:`setup`."""
        if state:
            raise ValueError(f"design {self.id!r} has no state, got {sorted(state)}")

    # ---- scoring ----------------------------------------------------------------------------

    def step(self, t: Transition) -> RewardTerms:
        """Score B >= 0 transitions; memory is indexed by ``t.env_ids``."""
        raise NotImplementedError(f"design {self.id!r} has timing {self.spec.timing!r}, not 'step'")

    def redistribute(self, r: Rollout) -> RewardTerms:
        """Score a rollout whose reward is only known afterwards; (T, N)."""
        raise NotImplementedError(
            f"design {self.id!r} has timing {self.spec.timing!r}, no rollouts"
        )

    @property
    def learns(self) -> bool:
        """Whether :meth:`update` wants to see rollouts; designs around another one ask that one."""
        return type(self).update is not RewardDesign.update

    def update(self, r: Rollout) -> dict[str, float]:  # noqa: ARG002 (most designs do not learn)
        """Learn from a rollout; returns scalars to log."""
        return {}

    def __call__(self, t: Transition) -> RewardTerms:
        """Score transitions, check the result, and close the episodes that ended.

        Raises:
            NonFiniteRewardError: If a term is NaN or infinite.
            OperantError: If :meth:`setup` was not called.
            TypeError: If it returned something else than terms.
            ValueError: If a term has the wrong shape.
        """
        context = self._require_context()
        terms = self.step(t)
        if not isinstance(terms, RewardTerms):
            raise TypeError(
                f"design {self.id!r}: step() must return RewardTerms, got "
                f"{type(terms).__name__}; use RewardTerms.sum_of(env=t.reward, bonus=...)"
            )
        self._check_terms(terms, t.env_ids, t.episode_step)
        if t.done.any():
            ended = np.zeros(context.num_envs, np.bool_)
            ended[t.env_ids[t.done]] = True
            self.reset(ended)
        return terms

    def score_rollout(self, r: Rollout) -> RewardTerms:
        """Score a rollout and check the result; for timing ``"rollout"`` and ``"episode"``.

        Raises:
            NonFiniteRewardError: If a term is NaN or infinite.
            OperantError: If :meth:`setup` was not called.
            ValueError: If a term has the wrong shape.
        """
        self._require_context()
        terms = self.redistribute(r)
        env_ids = np.broadcast_to(np.arange(r.reward.shape[1]), r.reward.shape)
        self._check_terms(terms, env_ids, r.episode_step)
        return terms

    def potential_difference(
        self, before: Float, after: Float, t: Transition, on_truncation: OnTruncation = "bootstrap"
    ) -> Float:
        """Return ``gamma * after - before`` with the edge rules of potentials.

        Args:
            before: Potential of the states before the action, (B,).
            after: Potential of the true successors, (B,).
            t: The transitions.
            on_truncation: ``"bootstrap"`` keeps the potential at a time limit (the agent bootstraps
                from the value there); ``"terminal"`` sets it to 0 (the time limit ends the MDP).

        Source: Policy invariance under reward transformations (Ng, Harada, Russell, 1999), eq. 2.
        """
        ends = t.done if on_truncation == "terminal" else t.terminated
        difference: Float = self.gamma * np.where(ends, 0.0, after) - before
        return difference

    @property
    def built_for_gamma(self) -> float | None:
        """The discount it was built for; None if it follows the agent's."""
        return self._own_gamma

    @property
    def gamma(self) -> float:
        """The discount in force, known after :meth:`setup`."""
        return self._require_context().gamma

    def _require_context(self) -> DesignContext:
        if self.context is None:
            raise OperantError(
                f"design {self.id!r} is not attached to an env; wrap the env with "
                "operant.shape(env, design, gamma=...)"
            )
        return self.context

    def _check_terms(self, terms: RewardTerms, env_ids: Int, episode_step: Int) -> None:
        named = {**terms.terms, "total": terms.total}
        fits = all(np.shape(value) == env_ids.shape for value in named.values())
        if fits and np.isfinite(np.array([*named.values()])).all():  # all at once: steps are many
            return
        for name, value in named.items():
            if np.shape(value) != env_ids.shape:
                raise ValueError(
                    f"design {self.id!r}: term {name!r} has shape {np.shape(value)}, "
                    f"expected {env_ids.shape}"
                )
            if not np.isfinite(value).all():
                first = tuple(np.argwhere(~np.isfinite(value))[0])
                raise NonFiniteRewardError(
                    design=self.id,
                    term=name,
                    env_row=int(env_ids[first]),
                    step=int(episode_step[first]),
                    value=float(value[first]),
                )


def require_on_truncation(on_truncation: str) -> None:
    """Check the argument of that name.

    Raises:
        ValueError: If it is neither ``"bootstrap"`` nor ``"terminal"``.
    """
    if on_truncation not in ("bootstrap", "terminal"):
        raise ValueError(f"on_truncation must be 'bootstrap' or 'terminal', got {on_truncation!r}")
