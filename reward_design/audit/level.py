"""A level as a design meets it: episodes played step by step, within a time limit."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from functools import cached_property

import numpy as np

from operant.reward_design.audit.plans import SLACK
from operant.reward_design.base import RewardDesign
from operant.tabular import TabularMDP, every_transition
from operant.types import Float, Transition, take_rows

Attach = Callable[[int], RewardDesign]
"""Returns a fresh design, set up for a number of slots."""


@dataclasses.dataclass(frozen=True, slots=True)
class Play:
    """An episode so far.

    Attributes:
        state: Where it is, -1 at the end.
        actions: What was done.
        true: Discounted true return.
        designed: Discounted designed return.
        size: Discounted sum of the absolute designed rewards, which rounding errors go by.
        paid: The last designed reward.
        success: True if the last step succeeded.
        design: The design, which remembers the episode.
    """

    state: int
    actions: tuple[int, ...]
    true: float
    designed: float
    size: float
    paid: float
    success: bool
    design: RewardDesign


class AuditedLevel:
    """A level whose every transition can be shown to a design.

    Attributes:
        mdp: The level.
        gamma: Discount of the agent, in [0, 1).
        max_steps: Time limit in env steps; it ends an episode for good.
    """

    def __init__(self, mdp: TabularMDP, attach: Attach, gamma: float, max_steps: int) -> None:
        """Lay the level's transitions out."""
        self.mdp, self.gamma, self.max_steps = mdp, gamma, max_steps
        self._attach, self._every = attach, every_transition(mdp)
        self._slack = SLACK * float(np.abs(mdp.reward).max(initial=0.0)) / (1.0 - gamma)

    @property
    def rounding(self) -> float:
        """How much true return episodes of equally good actions may differ by."""
        return self._slack / (1.0 - self.gamma)

    # ---- what the design pays ---------------------------------------------------------------

    def begin(self, design: RewardDesign | None = None) -> Play:
        """Return an episode of no steps; a fresh design sees it unless one is given."""
        design = self._attach(1) if design is None else design
        return Play(0, (), 0.0, 0.0, 0.0, 0.0, False, design)

    def after(self, played: Play, action: int) -> Play:
        """Return the episode with one more step; the one before can be continued otherwise."""
        return self.step(played, action, _copy(played.design))

    def play(self, played: Play, choose: Callable[[Play], int]) -> Play:
        """Play an episode to its end; the one before can be continued otherwise."""
        design = _copy(played.design)
        while not self.over(played):
            played = self.step(played, choose(played), design)
        return played

    def over(self, played: Play) -> bool:
        """Tell whether an episode has ended."""
        return played.state < 0 or len(played.actions) >= self.max_steps

    def step(self, played: Play, action: int, design: RewardDesign) -> Play:
        """Return the episode with one more step, which a design sees and remembers."""
        step = len(played.actions)
        t = self._transition(played.state * self.mdp.num_actions + action, step)
        true, paid = float(t.reward[0]), float(design(t).total[0])
        discount = self.gamma**step
        return Play(
            int(self.mdp.next_state[played.state, action]),
            (*played.actions, action),
            played.true + discount * true,
            played.designed + discount * paid,
            played.size + discount * abs(paid),
            paid,
            bool(self.mdp.success[played.state, action]),
            design,
        )

    def first_rewards(self) -> Float:
        """Return what the design pays for each transition as the first of an episode, (S, A)."""
        design = self._attach(self.mdp.next_state.size)
        first: Float = design(self._every).total.reshape(self.mdp.reward.shape)
        return first

    def _transition(self, pair: int, step: int) -> Transition:
        """Return one transition as the ``step``-th of an episode, in slot 0."""
        rows, every = np.array([pair]), self._every
        late = step + 1 >= self.max_steps
        return Transition(
            obs=take_rows(every.obs, rows),
            action=every.action[rows],
            next_obs=take_rows(every.next_obs, rows),
            reward=every.reward[rows],
            terminated=every.terminated[rows],
            truncated=~every.terminated[rows] & late,
            features={name: value[rows] for name, value in every.features.items()},
            prev_features={name: value[rows] for name, value in every.prev_features.items()},
            env_ids=np.zeros(1, np.int64),
            episode_step=np.array([step]),
        )

    # ---- what is truly best -----------------------------------------------------------------

    @cached_property
    def _values(self) -> list[Float]:
        """The best true values with 0, 1, 2, ... steps left, (S + 1,) each; that of the end is 0.

        There are fewer than ``max_steps + 1`` where more steps change nothing.
        """
        values = [np.zeros(self.mdp.num_states + 1)]
        for _ in range(self.max_steps):
            q = self.mdp.reward + self.gamma * values[-1][self.mdp.next_state]
            best = np.append(q.max(axis=1), 0.0)
            if np.array_equal(best, values[-1]):
                break
            values.append(best)
        return values

    def best_value(self, played: Play) -> float:
        """Return the best true return of the steps that are left, discounted from now on."""
        left = self.max_steps - len(played.actions)
        return float(self._values[min(left, len(self._values) - 1)][played.state])

    def best_actions(self, played: Play) -> list[int]:
        """Return the actions that can still lead to :meth:`best_value`, in ascending order."""
        left = self.max_steps - len(played.actions) - 1
        ahead = self._values[min(left, len(self._values) - 1)]
        q = self.mdp.reward[played.state] + self.gamma * ahead[self.mdp.next_state[played.state]]
        actions: list[int] = np.flatnonzero(q >= q.max() - self._slack).tolist()
        return actions


def _copy(design: RewardDesign) -> RewardDesign:
    """Copy a design with its memory; what it knows of the env is shared."""
    return copy.deepcopy(design, {id(design.context): design.context})
