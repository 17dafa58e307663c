"""The env as the judge of an audit, which reasons about a model of it.

The env must pay what the model says, and the episodes of a counterexample must earn in it what is
claimed, with the design attached.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from operant.errors import OperantError
from operant.planning import value_iteration
from operant.reward_design import RewardDesign
from operant.reward_design.adapters.scalar import DesignWrapper
from operant.reward_design.audit import Episode
from operant.seeding import SeedTree
from operant.tabular import TabularMDP
from operant.types import Float, Int

WANDERS = 4
"""Random episodes in which an env must pay what its model says."""
EQUAL = 1e-9
"""Returns that differ by less than this part of what was paid are equal."""


class Judge:
    """Plays episodes on one level of an env."""

    def __init__(
        self, env: gym.Env[Any, Any], design: RewardDesign | str, gamma: float, seed: int
    ) -> None:
        """Choose the level, and what is audited on it.

        Args:
            env: The env; it is reset for each episode.
            design: A design, not attached to an env, or any name for the env's proxy reward.
            gamma: Discount of the agent.
            seed: Seed of the level.
        """
        self._env, self._design, self._gamma, self._seed = env, design, gamma, seed

    def require_true(self, mdp: TabularMDP) -> None:
        """Play episodes, and check that the env pays the true reward that its model tells.

        One does what is truly best, one looks for where a proxy reward differs, others wander.

        Raises:
            OperantError: If it pays something else.
        """
        rng = np.random.default_rng(self._seed)

        def best_for(reward: Float) -> Callable[[int], int]:
            policy = value_iteration(mdp, gamma=0.99, reward=reward).policy
            return lambda state: int(policy[state])

        policies = [best_for(mdp.reward)]
        if mdp.proxy_reward is not None:
            policies.append(best_for(np.abs(mdp.proxy_reward - mdp.reward)))
        policies += [lambda _: int(rng.integers(mdp.num_actions))] * WANDERS
        for choose in policies:
            self._env.reset(seed=self._seed)
            state, over = 0, False
            while not over:
                action = choose(state)
                _, paid, terminated, truncated, _ = self._env.step(action)
                told = float(mdp.reward[state, action])
                if float(paid) != told:
                    raise OperantError(
                        f"{self._env.unwrapped} pays {float(paid):g} where its true reward is "
                        f"{told:g}; the audit is about the true one, so make the env with that "
                        "(without reward= or program=)"
                    )
                state = int(mdp.next_state[state, action])
                over = terminated or truncated or state < 0

    def require_earned(self, episode: Episode) -> None:
        """Play an episode, and compare what it earns with what is claimed.

        Raises:
            OperantError: If that differs.
        """
        played, _ = self._reset()
        rewards: list[tuple[float, float]] = []
        over = False
        for action in episode.actions:
            if over:
                raise OperantError(
                    f"the audit's counterexample takes {len(episode.actions)} steps, but the "
                    f"episode ends after {len(rewards)} in {self._env.unwrapped}"
                )
            _, paid, over, _ = self._step(played, action)
            rewards.append(paid)
        discounts = self._gamma ** np.arange(len(rewards))
        earned, sizes = discounts @ np.array(rewards), discounts @ np.abs(rewards)
        claims = np.array([episode.true_return, episode.designed_return])
        for kind, got, claim, size in zip(("true", "designed"), earned, claims, sizes, strict=True):
            if abs(got - claim) > EQUAL * size:
                raise OperantError(
                    f"the audit's counterexample has {kind} return {claim:.9g}, but playing it in "
                    f"{self._env.unwrapped} earns {got:.9g}: the design or the env's model is not "
                    "what it says"
                )

    def play(self, policy: Int) -> tuple[list[int], Episode]:
        """Play a policy once, in an env whose observations number its states.

        Args:
            policy: (S,) actions.

        Returns:
            The states it acted in, and the episode.
        """
        played, obs = self._reset()
        states: list[int] = []
        rewards, over, success = [], False, False
        while not over:
            states.append(int(obs))
            obs, paid, over, success = self._step(played, int(policy[states[-1]]))
            rewards.append(paid)
        true, designed = self._gamma ** np.arange(len(rewards)) @ np.array(rewards)
        return states, Episode(
            actions=tuple(policy[states].tolist()),
            success=success,
            true_return=float(true),
            designed_return=float(designed),
        )

    def _reset(self) -> tuple[gym.Env[Any, Any], Any]:
        """Return the env with a fresh design attached, and the first observation."""
        played: gym.Env[Any, Any] = self._env
        if not isinstance(self._design, str):
            own = self._design.built_for_gamma
            gamma = self._gamma if own is None else own
            seed = SeedTree(self._seed).seed("design")
            played = DesignWrapper(played, copy.deepcopy(self._design), gamma=gamma, seed=seed)
        return played, played.reset(seed=self._seed)[0]

    def _step(
        self, played: gym.Env[Any, Any], action: int
    ) -> tuple[Any, tuple[float, float], bool, bool]:
        """Return observation, (true, designed) reward, whether it is over, and success."""
        obs, paid, terminated, truncated, info = played.step(action)
        designed = info["proxy_reward"] if isinstance(self._design, str) else float(paid)
        over = bool(terminated or truncated)
        return obs, (info["true_reward"], designed), over, bool(info["success"])
