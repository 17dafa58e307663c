"""A tabular softmax REINFORCE learner on an explicit MDP, compiled, as the thesis trains it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

from operant.finite import FiniteMDP, under
from operant.reward_design.shaping.explors import novelty
from operant.types import Float, Int

BATCH, KEPT = 2, 5
"""Episodes between two updates, and the last episodes that each update learns from."""
_novelty: Any = numba.njit(cache=True)(novelty)


class Episodes(NamedTuple):
    """K episodes of up to H steps.

    Attributes:
        states: (K, H).
        actions: (K, H).
        true: (K, H) true rewards.
        paid: (K, H) rewards that the learner was paid.
        after: (K, H) successors; S where the episode ended by itself.
        lengths: (K,) steps; what lies beyond means nothing.
    """

    states: Int
    actions: Int
    true: Float
    paid: Float
    after: Int
    lengths: Int


class SoftmaxLearner:
    """Learns preferences, (S, A), from the returns-to-go of whole episodes; no baseline.

    Every 2 episodes it takes a step along the policy gradient estimated from the last 5: the mean
    over episodes of the sum over steps of return-to-go times score.

    Attributes:
        preferences: (S, A).
        visits: (S,) how often each state was entered, over all of training.

    Source: Informativeness of Reward Functions in Reinforcement Learning (Devidze, Kamalaruban,
    Singla, 2024), section 5, the learner.
    """

    def __init__(
        self, mdp: FiniteMDP, *, gamma: float, horizon: int, rate: float, seed: int
    ) -> None:
        """Start with the uniform policy.

        Args:
            mdp: The MDP with its true reward.
            gamma: Discount in [0, 1].
            horizon: Time limit, which ends the MDP for the learner, >= 1.
            rate: Step size, > 0.
            seed: Of everything random.
        """
        self.mdp, self._gamma, self._rate = mdp, gamma, rate
        self.preferences = np.zeros(mdp.reward.shape)
        self.visits = np.zeros(mdp.num_states, np.int64)
        self._rng = np.random.default_rng(seed)
        self._model = (np.cumsum(mdp.transition, axis=2), np.cumsum(mdp.start), mdp.reward)
        shape = (KEPT, horizon)
        self._seen = Episodes(
            np.zeros(shape, np.int64),
            np.zeros(shape, np.int64),
            np.zeros(shape),
            np.zeros(shape),
            np.zeros(shape, np.int64),
            np.zeros(KEPT, np.int64),
        )
        self._count = 0

    @property
    def policy(self) -> Float:
        """The probabilities of the actions now, (S, A)."""
        raised = np.exp(self.preferences - self.preferences.max(axis=1, keepdims=True))
        probabilities: Float = raised / raised.sum(axis=1, keepdims=True)
        return probabilities

    def train(
        self, episodes: int, reward: Float, *, max_bonus: float = 0.0, bonus_scale: float = 1.0
    ) -> None:
        """Train on a reward table plus a count bonus for the state entered.

        Args:
            episodes: How many.
            reward: (S, A) what is paid for actions.
            max_bonus: The first visit's bonus, >= 0; 0 for none.
            bonus_scale: See :func:`~operant.reward_design.shaping.explors.novelty`.
        """
        _train(
            (self._count, episodes),
            self._model,
            self.preferences,
            reward,
            self.visits,
            (bonus_scale, max_bonus, self._gamma, self._rate),
            self._seen,
            self._rng,
        )
        self._count += episodes

    def last_episodes(self) -> Episodes:
        """Return the last 5 episodes (fewer at first), in no particular order; not a copy."""
        columns: list[Any] = [column[: self._count] for column in self._seen]
        return Episodes(*columns)


def expected_return(mdp: FiniteMDP, policy: Float, *, gamma: float, horizon: int) -> float:
    """Return the exact expected discounted true return of a policy, (S, A), within a time limit."""
    paid, follow = (policy * mdp.reward).sum(axis=1), gamma * under(mdp, policy)
    values = np.zeros(mdp.num_states)
    for _ in range(horizon):
        values = paid + follow @ values
    return float(mdp.start @ values)


def best_return(mdp: FiniteMDP, *, gamma: float, horizon: int) -> float:
    """Return the largest expected discounted true return of any policy within a time limit."""
    values = np.zeros(mdp.num_states)
    for _ in range(horizon):
        values = (mdp.reward + gamma * mdp.transition @ values).max(axis=1)
    return float(mdp.start @ values)


@numba.njit(cache=True)
def _probabilities(row: Float, out: Float) -> None:
    """Write the softmax of a row of preferences."""
    highest, total = row[0], 0.0
    for action in range(1, row.size):
        highest = max(highest, row[action])
    for action in range(row.size):
        out[action] = np.exp(row[action] - highest)
        total += out[action]
    out /= total


@numba.njit(cache=True)
def _drawn(cumulative: Float, number: float) -> int:
    """Return the index that a uniform number in [0, 1) falls on; the size if beyond all."""
    for index in range(cumulative.size):
        if number < cumulative[index]:
            return index
    return int(cumulative.size)


@numba.njit(cache=True)
def _play(
    model: Any,
    preferences: Float,
    reward: Float,
    visits: Int,
    bonus: tuple[float, float],
    seen: Episodes,
    row: int,
    rng: np.random.Generator,
) -> None:
    """Play an episode and keep it in a row of ``seen``."""
    transition, start, true = model
    states, actions = preferences.shape
    chances = np.empty(actions)
    state, length = _drawn(start, rng.random()), 0
    while length < seen.states.shape[1] and state < states:
        _probabilities(preferences[state], chances)
        number, action = rng.random() - chances[0], 0
        while number >= 0.0 and action < actions - 1:
            action += 1
            number -= chances[action]
        after = _drawn(transition[state, action], rng.random())
        paid = reward[state, action]
        if after < states:
            paid += _novelty(visits[after], bonus[0], bonus[1])
            visits[after] += 1
        seen.states[row, length], seen.actions[row, length] = state, action
        seen.true[row, length], seen.paid[row, length] = true[state, action], paid
        seen.after[row, length] = after
        state = after
        length += 1
    seen.lengths[row] = length


@numba.njit(cache=True)
def _update(preferences: Float, seen: Episodes, count: int, gamma: float, rate: float) -> None:
    """Step along the policy gradient of the first ``count`` episodes of ``seen``."""
    chances, gradient = np.empty(preferences.shape[1]), np.zeros_like(preferences)
    for row in range(count):
        ahead = 0.0
        for t in range(seen.lengths[row] - 1, -1, -1):
            ahead = seen.paid[row, t] + gamma * ahead
            state = seen.states[row, t]
            _probabilities(preferences[state], chances)
            gradient[state] -= ahead * chances
            gradient[state, seen.actions[row, t]] += ahead
    preferences += rate / count * gradient


@numba.njit(cache=True)
def _train(
    span: tuple[int, int],
    model: Any,
    preferences: Float,
    reward: Float,
    visits: Int,
    coefs: tuple[float, float, float, float],
    seen: Episodes,
    rng: np.random.Generator,
) -> None:
    scale, largest, gamma, rate = coefs
    first, episodes = span
    for number in range(first, first + episodes):
        _play(model, preferences, reward, visits, (scale, largest), seen, number % KEPT, rng)
        if (number + 1) % BATCH == 0:
            _update(preferences, seen, min(number + 1, KEPT), gamma, rate)
