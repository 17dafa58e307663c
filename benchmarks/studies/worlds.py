"""The worlds of the thesis "Reward Design for RL Agents" as explicit MDPs, with its constants."""

from __future__ import annotations

import dataclasses

import numpy as np

from operant.envs.literature import chain, line_key, room_nav
from operant.finite import FiniteMDP
from operant.types import Int


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class StudyWorld:
    """An MDP and how a learner is trained in it.

    Attributes:
        name: Title.
        mdp: The MDP with its true reward.
        gamma: Discount.
        horizon: Time limit in steps.
        rate: Step size of the learner.
        episodes: Length of training.
        leaves: (S,) numbers of the groups of states that a structured reward tells apart.
        epsilon: How often the teacher of ExpAdaRD acts at random.
        reward_rate: Step size of ExploRS's learned reward.
    """

    name: str
    mdp: FiniteMDP
    gamma: float
    horizon: int
    rate: float
    episodes: int
    leaves: Int
    epsilon: float = 0.0
    reward_rate: float = 0.0

    @property
    def groups(self) -> Int:
        """(S, A): the groups of states and actions that a structured reward tells apart."""
        actions = self.mdp.num_actions
        groups: Int = self.leaves[:, None] * actions + np.arange(actions)
        return groups


def room_nav_world() -> StudyWorld:
    """Return RoomNav; rewards are told apart by nine blocks of up to 3x3 cells.

    The last block is the goal cell alone.
    """
    cell = np.arange(room_nav.CELLS)
    leaves = cell // room_nav.SIDE // 3 * 3 + cell % room_nav.SIDE // 3
    return StudyWorld(
        name="RoomNav",
        mdp=room_nav.model(),
        gamma=0.95,
        horizon=30,
        rate=0.01,
        episodes=30_000,
        leaves=leaves,
        epsilon=0.4,
    )


def line_key_world() -> StudyWorld:
    """Return LineKey's abstraction; rewards are told apart by has key, at the key, at the goal."""
    key, cell = np.divmod(np.arange(2 * line_key.WIDE), line_key.WIDE)
    at_key, at_goal = np.isin(cell, line_key.KEY_CELLS), np.isin(cell, line_key.GOAL_CELLS)
    without = np.select([at_key, at_goal], [0, 1], 2)
    return StudyWorld(
        name="LineKey",
        mdp=line_key.abstraction(),
        gamma=0.95,
        horizon=30,
        rate=0.01,
        episodes=50_000,
        leaves=np.where(key == 0, without, np.where(at_goal, 3, 4)),
        epsilon=0.3,
    )


def long_line_key_world() -> StudyWorld:
    """Return LineKey as a learner without a teacher is trained in it: for longer episodes."""
    return dataclasses.replace(
        line_key_world(), gamma=0.99, horizon=60, episodes=20_000, reward_rate=0.001
    )


def chain_world() -> StudyWorld:
    """Return the published chain of 61 cells."""
    mdp = chain.published()
    return StudyWorld(
        name="Chain",
        mdp=mdp,
        gamma=0.99,
        horizon=40,
        rate=0.1,
        episodes=20_000,
        leaves=np.arange(mdp.num_states),
        reward_rate=0.01,
    )
