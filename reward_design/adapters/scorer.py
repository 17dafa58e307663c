"""A design attached to a stream of steps: what the scalar and the vector wrapper share."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.wrappers import TimeLimit

from operant.arrays import section
from operant.errors import OperantError
from operant.reward_design.adapters.rollouts import RolloutRecorder
from operant.reward_design.adapters.transitions import TransitionTracker
from operant.reward_design.base import DesignContext, RewardDesign
from operant.types import Bool, Float
from operant.wrapping import layers


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ScoredStep:
    """One step of N rows, scored.

    Attributes:
        reward: Designed reward, (N,) float64; 0 in pseudo-steps.
        true_reward: The env's own reward, (N,) float64.
        terms: Name -> contribution to ``reward``, (N,) float64.
        valid: (N,) bool, False in pseudo-steps.
        done: (N,) bool, the episode ended with this step.
        episode: ``episode_true_return``, ``episode_designed_return`` (undiscounted) and
            ``episode_length``, (N,) each, meaningful where ``done``.
    """

    reward: Float
    true_reward: Float
    terms: dict[str, Float]
    valid: Bool
    done: Bool
    episode: dict[str, npt.NDArray[Any]]


class StreamScorer:
    """Feeds steps to a design and keeps each row's returns."""

    def __init__(
        self,
        design: RewardDesign,
        tracker: TransitionTracker,
        context: DesignContext,
        env: Any,
        *,
        learn_every: int,
    ) -> None:
        """Attach the design.

        Args:
            design: What scores.
            tracker: What turns steps into transitions.
            context: What the design learns about the env.
            env: The env inside; its state is saved along if it, or a layer of it, can save it.
            learn_every: Steps T after which a design that learns is given the last T as a rollout;
                0 for never.

        Raises:
            GammaMismatchError: If the design was built for another discount.
            OperantError: If the design's rewards are not known step by step, it lacks features, or
                it is attached to another env.
            ValueError: If ``learn_every`` is negative.
        """
        if learn_every < 0:
            raise ValueError(f"learn_every must be >= 0, got {learn_every}")
        # Return decomposition knows an episode's reward at its end, and estimates it step by step.
        if design.spec.timing != "step" and type(design).step is RewardDesign.step:
            raise OperantError(
                f"design {design.id!r} has timing {design.spec.timing!r} and defines no step(): "
                "its rewards are not known while the env steps, so no wrapper can return them; "
                "train with operant.reward_design.adapters.sb3.DesignCallback instead"
            )
        if design.context is not None:
            raise OperantError(
                f"design {design.id!r} is attached to an env already; it has memory of its own per "
                "env, so build one design for each env (training, evaluation, ...)"
            )
        design.setup(context)
        self._design, self._tracker, self._num = design, tracker, context.num_envs
        self._stateful = next((each for each in layers(env) if hasattr(each, "get_state")), None)
        self._time_limit = next((e for e in layers(env) if isinstance(e, TimeLimit)), None)
        self._true_return = np.zeros(self._num)
        self._designed_return = np.zeros(self._num)
        self._learn_every = learn_every if design.learns else 0
        self._recorder = RolloutRecorder(self._num)
        self.learned: dict[str, float] = {}
        """What the design told when it last learned."""

    def reset(self, obs: Any, infos: Mapping[str, Any], mask: Bool | None = None) -> None:
        """Start episodes; arguments as in :meth:`TransitionTracker.reset`."""
        started = self._tracker.reset(obs, infos, mask)
        self._design.reset(started)  # an episode may have been abandoned half-way
        self._true_return[started] = 0.0
        self._designed_return[started] = 0.0

    def step(
        self,
        action: Any,
        obs: Any,
        reward: npt.ArrayLike,
        terminated: npt.ArrayLike,
        truncated: npt.ArrayLike,
        infos: Mapping[str, Any],
    ) -> ScoredStep:
        """Score one ``env.step``; arguments as in :meth:`TransitionTracker.step`."""
        t = self._tracker.step(action, obs, reward, terminated, truncated, infos)
        true_reward = np.array(reward, np.float64)  # a copy: nothing that a design does changes it
        scored = self._design(t)
        rows = t.env_ids
        valid = self._spread(np.ones(len(t), np.bool_), rows)
        done = self._spread(t.done, rows)
        designed = self._spread(scored.total, rows)
        self._true_return[rows] += true_reward[rows]
        self._designed_return += designed
        episode = {
            "episode_true_return": self._true_return.copy(),
            "episode_designed_return": self._designed_return.copy(),
            "episode_length": self._spread(t.episode_step + 1, rows),
        }
        self._true_return[done] = 0.0
        self._designed_return[done] = 0.0
        if self._learn_every:
            self._recorder.add(t)
            if len(self._recorder) >= self._learn_every:
                self.learned = self._design.update(self._recorder.take())
        return ScoredStep(
            reward=designed,
            true_reward=true_reward,
            terms={name: self._spread(value, rows) for name, value in scored.terms.items()},
            valid=valid,
            done=done,
            episode=episode,
        )

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return the state of design, episodes and (if it can be saved) the env inside.

        Raises:
            OperantError: If a time limit that nobody can save lies between design and env.
        """
        if self._stateful is not None and self._time_limit is not None:
            raise OperantError(
                f"{self._time_limit} counts steps and cannot save them; set the limit in the env "
                "itself (max_steps=... for the gridworlds) instead of max_episode_steps"
            )
        inner = self._stateful.get_state() if self._stateful is not None else {}
        return {
            "true_return": self._true_return.copy(),
            "designed_return": self._designed_return.copy(),
            **{f"tracker/{name}": value for name, value in self._tracker.get_state().items()},
            **{f"design/{name}": value for name, value in self._design.state_dict().items()},
            **{f"rollout/{name}": value for name, value in self._recorder.get_state().items()},
            **{f"env/{name}": value for name, value in inner.items()},
        }

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned."""
        self._true_return = state["true_return"].copy()
        self._designed_return = state["designed_return"].copy()
        self._tracker.set_state(section(state, "tracker"))
        self._design.load_state_dict(section(state, "design"))
        self._recorder.set_state(section(state, "rollout"))
        if self._stateful is not None:
            self._stateful.set_state(section(state, "env"))

    def _spread(self, values: npt.NDArray[Any], rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return (N,) values, 0 in rows without a transition."""
        if len(rows) == self._num:
            return values
        out = np.zeros(self._num, values.dtype)
        out[rows] = values
        return out


def refuse_second_design(env: Any) -> None:
    """Make sure no wrapper of ``env`` carries a design already.

    Raises:
        OperantError: If one does: its reward is not the true reward any more.
    """
    for layer in layers(env):
        design = getattr(layer, "design", None)
        if isinstance(design, RewardDesign):
            raise OperantError(
                f"{env} already carries reward design {design.id!r}; a second one would take its "
                "designed reward for the true one. Shape the plain env with one design."
            )
