"""ExploRS: a learner's own reward, made of novelty and of what its returns have taught it."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from operant.reward_design.base import DesignContext, DesignSpec, RewardDesign
from operant.reward_design.intrinsic.visits import key_features
from operant.reward_design.shaping.state_table import StateTable
from operant.types import (
    Bool,
    Features,
    Float,
    Int,
    Obs,
    RewardTerms,
    Rollout,
    Transition,
    take_rows,
)

PolicyOf = Callable[[Obs], Float]
"""(B, ...) observations -> (B, A) probabilities of the learner's actions now."""


def novelty(counts: Any, scale: float, largest: float) -> Any:
    """Return ``scale / sqrt((scale / largest)^2 + counts)``: ``largest`` where nothing was counted.

    Plain arithmetic, so that it can be compiled too.

    Args:
        counts: Visits, >= 0: a number or an array.
        scale: What the bonus tends to times the root of the visits, > 0.
        largest: The bonus of the first visit, >= 0; 0 for no bonus at all.

    >>> novelty(np.array([0, 3]), 1.0, 1.0)
    array([1. , 0.5])
    """
    return scale * largest / np.sqrt(scale**2 + largest**2 * counts)


def centred_ascent(actions: Int, policy: Float, advantages: Float) -> Float:
    """Return the direction in which a reward for B (state, action) pairs should change, (B, A).

    It is the gradient of the sum of ``pi(a|s) * advantage * [R(s, a) - sum_b pi(b|s) R(s, b)]``
    with respect to the rewards of the row's state; each row sums to 0.

    Args:
        actions: (B,) actions taken.
        policy: (B, A) probabilities.
        advantages: (B,) by how much the true return was better than expected.
    """
    rows = np.arange(len(actions))
    weight = policy[rows, actions] * advantages
    direction: Float = -weight[:, None] * policy
    direction[rows, actions] += weight
    return direction


class Batch(NamedTuple):
    """The M valid steps of a rollout.

    Attributes:
        states: (M,) numbers of the states before the actions.
        actions: (M,) indices of the actions.
        returns: (M,) discounted true returns from there on.
        policy: (M, A) probabilities; (M, 0) if nobody told them.
        last: (M,) bool, the last steps of an episode or of what the rollout holds of it.
    """

    states: Int
    actions: Int
    returns: Float
    policy: Float
    last: Bool


class ExploRS(RewardDesign):
    """Adds a learned reward and a count bonus. Terms: ``env``, ``learned``, ``novelty``.

    The learned reward R_phi(s, a) rises where the *true* return turned out better than a critic of
    the true return expects, and so tells a sparse reward early; it is learned without
    differentiating through the learner. The bonus of the successor state falls with the root of
    its visits. Both are tables over the observations met so far, kept for all of training. Each
    call of :meth:`update` learns from the last rollouts; a rollout of 5 episodes and a memory of 2
    are the published schedule.

    Deviations: what a rollout or a time limit cuts off an episode is filled in by the critic; the
    policy of a stored step is that of the update that stored it; without a ``policy``, the
    frequencies of the stored actions stand in for it.

    Source: Exploration-Guided Reward Shaping for Reinforcement Learning under Sparse Rewards
    (Devidze, Kamalaruban, Singla, 2022), algorithm 1.
    """

    spec = DesignSpec(
        invariance="none", stationary=False, markov=False, gamma_bound=True, needs=("policy",)
    )

    def __init__(
        self,
        *,
        policy: PolicyOf | None = None,
        bonus_scale: float = 1.0,
        max_bonus: float = 1.0,
        reward_rate: float = 0.01,
        critic_rate: float = 0.01,
        memory: int = 2,
        key: str | Sequence[str] = "obs",
        gamma: float | None = None,
    ) -> None:
        """Choose sizes and speeds.

        Args:
            policy: The learner's probabilities (Python only: it cannot be rebuilt from JSON), or
                None to estimate them.
            bonus_scale: See :func:`novelty`, finite and > 0.
            max_bonus: See :func:`novelty`, finite and >= 0; 0 leaves the learned reward alone
                (SelfRS).
            reward_rate: Step size of the learned reward, >= 0; 0 leaves the bonus alone (ExploB).
            critic_rate: How far the critic moves towards the mean return seen, in [0, 1].
            memory: Rollouts to learn from, >= 1.
            key: What tells states apart: ``"obs"``, or names of features; then the design is
                privileged if one of them is.
            gamma: Discount in [0, 1], or None to follow the agent.

        Raises:
            ValueError: If an argument is outside its range.
        """
        super().__init__(gamma=gamma)
        for name, value, low, high in (
            ("bonus_scale", bonus_scale, np.nextafter(0, 1), np.finfo(float).max),
            ("max_bonus", max_bonus, 0, np.finfo(float).max),
            ("reward_rate", reward_rate, 0, np.finfo(float).max),
            ("critic_rate", critic_rate, 0, 1),
        ):
            if not (low <= value <= high):
                raise ValueError(f"{name} must lie in [{low:g}, {high:g}], got {value}")
        if memory < 1:
            raise ValueError(f"memory must be >= 1, got {memory}")
        self._key_features = key_features(key)
        self._policy = policy
        self._scale, self._largest = bonus_scale, max_bonus
        self._reward_rate, self._critic_rate, self._memory = reward_rate, critic_rate, memory

    def required_features(self) -> tuple[str, ...]:
        """Return the features of the key."""
        return self._key_features

    def _setup(self, context: DesignContext) -> None:
        space = context.action_space
        if not isinstance(space, spaces.Discrete):
            raise ValueError(f"the action space must be Discrete, got {space}")
        table = {feature.name: feature for feature in context.features}
        self.spec = dataclasses.replace(
            type(self).spec,
            needs=("policy", "features") if self._key_features else ("policy",),
            privileged=any(table[name].privileged for name in self._key_features),
        )
        self._first_action = int(space.start)
        columns = {
            "counts": np.zeros(0, np.int64),
            "critic": np.zeros(0),
            "learned": np.zeros((0, int(space.n))),
        }
        self._table = StateTable(columns, key=self._key_features)
        self._batches: deque[Batch] = deque(maxlen=self._memory)

    # ---- paying -----------------------------------------------------------------------------

    def step(self, t: Transition) -> RewardTerms:
        """Return the true reward plus the learned one plus the bonus; then count the visits."""
        before = self._table.numbers(t.obs, t.prev_features)
        after = self._table.numbers(t.next_obs, t.features)
        bonus = novelty(self._table["counts"][after], self._scale, self._largest)
        np.add.at(self._table["counts"], after[~t.terminated], 1)
        return RewardTerms.sum_of(
            env=t.reward,
            learned=self._table["learned"][before, t.action - self._first_action],
            novelty=np.where(t.terminated, 0.0, bonus),
        )

    def learned(self, obs: Obs, features: Features) -> Float:
        """Return R_phi for all actions in B states, (B, A); 0 where it has learned nothing.

        Args:
            obs: Observations.
            features: Their features; may be empty if the key is ``"obs"``.
        """
        states = self._table.numbers(obs, features)  # first: it may make the table grow
        rewards: Float = self._table["learned"][states]
        return rewards

    # ---- learning ---------------------------------------------------------------------------

    def update(self, r: Rollout) -> dict[str, float]:
        """Learn from the last rollouts, this one included; returns scalars to log.

        Returns:
            ``"surprise"``: mean absolute difference of true returns and critic.
        """
        if not r.valid.any():
            return {}
        self._batches.append(self._batch(r))
        states, actions, returns, policy, last = self._remembered()
        learned, critic = self._table["learned"], self._table["critic"]
        if not policy.shape[1]:
            taken = np.zeros_like(learned)
            np.add.at(taken, (states, actions), 1.0)
            policy = (taken[states].T / taken[states].sum(axis=1)).T
        surprise = returns - critic[states]
        step = self._reward_rate / last.sum() * centred_ascent(actions, policy, surprise)
        np.add.at(learned, states, step)
        total, visits = np.zeros_like(critic), np.zeros_like(critic)
        np.add.at(total, states, surprise)
        np.add.at(visits, states, 1.0)
        critic += self._critic_rate * total / np.maximum(visits, 1.0)
        return {"surprise": float(np.abs(surprise).mean())}

    def _batch(self, r: Rollout) -> Batch:
        """Compute the returns of a rollout and keep what learning needs."""
        done, (steps, rows) = r.terminated | r.truncated, r.reward.shape
        after = self._table.numbers(_flat(r.next_obs), _flat_features(r.features))
        expected = self._table["critic"][after].reshape(steps, rows)
        beyond = np.where(r.terminated, 0.0, expected)
        returns, ahead = np.zeros((steps, rows)), beyond[-1]
        for t in range(steps - 1, -1, -1):
            ahead = r.reward[t] + self.gamma * np.where(done[t], beyond[t], ahead)
            returns[t] = ahead
        last = done.copy()
        last[-1] = True
        valid = r.valid.ravel()
        obs = take_rows(_flat(r.obs), valid)
        features = {name: value[valid] for name, value in _flat_features(r.prev_features).items()}
        policy = np.zeros((int(valid.sum()), 0)) if self._policy is None else self._policy(obs)
        return Batch(
            states=self._table.numbers(obs, features),
            actions=r.action.ravel()[valid].astype(np.int64) - self._first_action,
            returns=returns.ravel()[valid],
            policy=np.array(policy, np.float64),
            last=last.ravel()[valid],
        )

    def _remembered(self) -> Batch:
        return Batch(*(np.concatenate(column) for column in zip(*self._batches, strict=True)))

    # ---- state ------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return the tables, (S, ...), and the remembered batches, one after the other."""
        sizes = np.array([len(batch.states) for batch in self._batches], np.int64)
        state = {**self._table.state_dict(), "sizes": sizes}
        if self._batches:
            for name, values in self._remembered()._asdict().items():
                state[f"memory/{name}"] = values
        return state

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned; call after :meth:`setup`."""
        self._table.load_state_dict(state)
        self._batches.clear()
        if len(state["sizes"]):
            starts = np.cumsum(state["sizes"])[:-1]
            columns = [np.split(state[f"memory/{name}"], starts) for name in Batch._fields]
            self._batches.extend(Batch(*parts) for parts in zip(*columns, strict=True))


def _flat(obs: Obs) -> Obs:
    """Return (T, N, ...) observations as (T * N, ...)."""
    if isinstance(obs, dict):
        return {name: value.reshape(-1, *value.shape[2:]) for name, value in obs.items()}
    return obs.reshape(-1, *obs.shape[2:])


def _flat_features(features: Features) -> Features:
    return {name: value.reshape(-1, *value.shape[2:]) for name, value in features.items()}
