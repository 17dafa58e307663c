"""Online learners of LSD bandits: they know how arms move, and learn what arms pay.

A learner plays one bandit for one episode, which may be long. Counters follow from its own actions,
so it needs rewards only; :func:`play_learners` runs one learner per row of a vector env.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv

from operant.lsd import LSDRules
from operant.types import Float, Int


class LSDLearner(abc.ABC):
    """Chooses arms of one bandit, and is told what they paid.

    Attributes:
        rules: How the arms move.
        horizon: Rounds that it expects to play.
        levels: (K,) levels of the arms now.
        now: Rounds played.
        counts: (K, n) plays of each arm at each level.
        sums: (K, n) rewards that these paid.
    """

    def __init__(self, rules: LSDRules, *, horizon: int, seed: int = 0) -> None:
        """Start with rested arms.

        Args:
            rules: How the arms move.
            horizon: Rounds to be played, >= 1.
            seed: Of the learner's own chance, >= 0.

        Raises:
            ValueError: If a number is out of range.
        """
        if horizon < 1 or seed < 0:
            raise ValueError(f"horizon must be >= 1 and seed >= 0, got {horizon} and {seed}")
        self.rules, self.horizon = rules, horizon
        self.rng = np.random.default_rng(seed)
        self.levels: Int = rules.start()[0]
        self.now = 0
        self.counts: Float = np.zeros((rules.K, rules.size))
        self.sums: Float = np.zeros((rules.K, rules.size))

    def begin(self, levels: Int) -> None:
        """Take note that an episode begins at levels (K,); what was learned stays."""
        self.levels = np.asarray(levels, np.int64).copy()

    @abc.abstractmethod
    def act(self) -> int:
        """Choose an arm, or K for none."""

    def observe(self, action: int, reward: float) -> None:
        """Learn from a round.

        Args:
            action: What was played.
            reward: What it paid.
        """
        if action < self.rules.K:
            level = self.levels[action]
            self.counts[action, level] += 1
            self.sums[action, level] += reward
        self.levels = self.rules.advance(self.levels[None], np.array([action]))[0]
        self.now += 1

    def means(self, unknown: float = 0.0) -> Float:
        """Return the mean reward of each arm at each level, (K, n).

        Args:
            unknown: Stands for what was never tried.
        """
        means: Float = np.where(self.counts > 0, self.sums / np.maximum(self.counts, 1.0), unknown)
        return means


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LearnerPlay:
    """T rounds of N learners.

    Attributes:
        actions: (T, N) what they chose.
        means: (T, N) mean payoffs of it, which they never see.
    """

    actions: Int
    means: Float

    def regret(self, gain: float) -> Float:
        """Return the regret after each round, (T, N), beside earning ``gain`` per round.

        >>> play = LearnerPlay(actions=np.zeros((2, 1), int), means=np.array([[0.5], [1.0]]))
        >>> play.regret(1.0).ravel().tolist()
        [0.5, 0.5]
        """
        lost: Float = np.cumsum(gain - self.means, axis=0)
        return lost


def play_learners(
    env: VectorEnv[Any, Any, Any], learners: Sequence[LSDLearner], *, rounds: int, seed: int = 0
) -> LearnerPlay:
    """Let one learner per row play one episode, or its first rounds.

    Args:
        env: A vector env of LSD bandits, which tells ``mean`` in its infos and ``tau`` in its
            features; its horizon must be ``rounds`` at least.
        learners: N of them, one per row.
        rounds: T >= 1.
        seed: Of the env's reset.

    Raises:
        ValueError: If there is not one learner per row, or an episode ends before its rounds.
    """
    if len(learners) != env.num_envs:
        raise ValueError(f"learners must be one per row: {env.num_envs}, got {len(learners)}")
    _, infos = env.reset(seed=seed)
    for learner, taus in zip(learners, infos["features"]["tau"], strict=True):
        learner.begin(learner.rules.levels(taus))
    actions = np.zeros((rounds, env.num_envs), np.int64)
    means = np.zeros((rounds, env.num_envs))
    for now in range(rounds):
        actions[now] = [learner.act() for learner in learners]
        _, rewards, terminated, truncated, infos = env.step(actions[now])
        means[now] = infos["mean"]
        for learner, action, reward in zip(learners, actions[now], rewards, strict=True):
            learner.observe(int(action), float(reward))
        if now + 1 < rounds and (terminated | truncated).any():
            raise ValueError(
                f"an episode ended after {now + 1} of {rounds} rounds; make the env with "
                f"horizon={rounds}"
            )
    return LearnerPlay(actions=actions, means=means)
