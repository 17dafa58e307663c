"""The rewards of a design as a table, where there is one: by transition, and machine state.

A reward machine remembers one of finitely many states. In the product of the level and the machine
its reward is one of the transition, so such designs are judged exactly too.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from operant.errors import OperantError
from operant.reward_design.audit.level import Attach, AuditedLevel
from operant.reward_design.audit.plans import best_plan, unit
from operant.reward_design.formalisms.product import product
from operant.reward_design.formalisms.reward_machine import RewardMachineDesign
from operant.tabular import TabularMDP, every_transition
from operant.types import Bool, Float, Int

EPISODES = 8
"""Episodes that are played to see whether a table tells what a design pays."""
DIFFERENT = 1e-9
"""Rewards that differ by more than this part of the largest are not the same."""


@dataclasses.dataclass(frozen=True, slots=True)
class Tabulated:
    """A design's rewards on a level, whose states tell what the design remembers.

    Attributes:
        mdp: The level with its true rewards; a product where the design has a machine.
        reward: (S, A) designed rewards.
        cut: (S, A) designed rewards of steps at which a time limit ends the episode.
    """

    mdp: TabularMDP
    reward: Float
    cut: Float

    @property
    def knows_no_limit(self) -> bool:
        """True if a step at a time limit is paid as every other one."""
        return not differ(self.reward, self.cut, self.reward).any()


def tabulate(mdp: TabularMDP, attach: Attach, *, gamma: float, max_steps: int) -> Tabulated | None:
    """Return a design's rewards as a table, or None if it remembers more than a machine's state.

    Args:
        mdp: The level.
        attach: Returns a fresh design for a number of slots.
        gamma: Discount of the agent, in [0, 1).
        max_steps: Time limit in env steps.

    Raises:
        OperantError: If the design says that it is Markov, and what it pays in an episode shows
            that it is not.
    """
    design, memory = attach(1), None
    reads_only_features = type(design).step is RewardMachineDesign.step
    if isinstance(design, RewardMachineDesign) and reads_only_features:
        mdp, memory = _with_machine(mdp, design)
    elif not design.spec.markov:
        return None
    table = Tabulated(
        mdp,
        _scored(mdp, attach, memory, at_limit=False),
        _scored(mdp, attach, memory, at_limit=True),
    )
    _require_what_is_paid(table, AuditedLevel(mdp, attach, gamma, max_steps))
    return table


def _with_machine(mdp: TabularMDP, design: RewardMachineDesign) -> tuple[TabularMDP, Int]:
    """Return the product with a design's machine, with true rewards, and the machine's states."""
    numbered = dataclasses.replace(mdp, obs=np.arange(mdp.num_states), last_obs=None)
    pairs = product(numbered, design.machine)
    seen = dict(pairs.obs)
    state, memory = seen["observation"], seen["machine"].argmax(axis=1)
    return dataclasses.replace(pairs, reward=mdp.reward[state]), memory


def _scored(mdp: TabularMDP, attach: Attach, memory: Int | None, *, at_limit: bool) -> Float:
    """Return what a design pays for every transition, (S, A)."""
    every = every_transition(mdp)
    design = attach(len(every))
    if memory is not None:
        design.load_state_dict({"state": np.repeat(memory, mdp.num_actions)})
    if at_limit:
        every = dataclasses.replace(every, truncated=~every.terminated)
    paid: Float = design(every).total.reshape(mdp.reward.shape)
    return paid


def _require_what_is_paid(table: Tabulated, world: AuditedLevel) -> None:
    """Play episodes, with one design for all, and compare each payment with the table.

    The first farms what the table pays for, the others wander more and more.

    Raises:
        OperantError: If a payment differs.
    """
    rng, design = np.random.default_rng(0), world.begin().design
    farm = best_plan(table.mdp, unit(table.reward), world.gamma).policy
    for wanders in np.arange(EPISODES) / EPISODES:
        played = world.begin(design)
        while not world.over(played):
            state = played.state
            random = rng.random() < wanders
            action = int(rng.integers(table.mdp.num_actions)) if random else int(farm[state])
            played = world.step(played, action, design)
            cut = played.state >= 0 and world.over(played)
            told = float((table.cut if cut else table.reward)[state, action])
            if differ(np.array(played.paid), np.array(told), table.reward):
                raise OperantError(
                    f"design {design.id!r} says that it looks at the transition alone, but pays "
                    f"{played.paid:.6g} in step {len(played.actions) - 1} of an episode and "
                    f"{told:.6g} for the same transition in the first; give it "
                    "spec = DesignSpec(markov=False, ...)"
                )


def differ(one: Float, other: Float, among: Float) -> Bool:
    """Tell where rewards differ by more than rounding errors of a table."""
    different: Bool = np.abs(one - other) > DIFFERENT * np.abs(among).max(initial=0.0)
    return different
