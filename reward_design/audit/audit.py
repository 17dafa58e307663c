"""Auditing a design on one level."""

from __future__ import annotations

import copy
import dataclasses

from operant.errors import OperantError
from operant.reward_design.audit.findings import Audit
from operant.reward_design.audit.history import audit_history
from operant.reward_design.audit.markov import compare_rewards
from operant.reward_design.base import DesignContext, RewardDesign
from operant.tabular import TabularMDP, every_transition


def audit(
    mdp: TabularMDP, design: RewardDesign, context: DesignContext, *, max_steps: int
) -> Audit:
    """Tell whether every policy that is best for a design is truly best on a level.

    A design that looks at the transition alone is judged exactly, in all states, by planning
    without a time limit. One with a memory is judged from the level's start, by a certificate or a
    search; see :mod:`operant.reward_design.audit.history`.

    Args:
        mdp: The level, enumerated.
        design: The design, not attached to an env; it is left as it is.
        context: What the env is like, and the *agent's* discount, in [0, 1).
        max_steps: The env's time limit in env steps.

    Raises:
        OperantError: If the design does not score step by step, or changes while it is used.
        ValueError: If the discount is 1.
    """
    if not context.gamma < 1.0:
        raise ValueError(f"gamma must lie in [0, 1) for exact planning, got {context.gamma}")
    if design.spec.timing != "step" or not design.spec.stationary:
        why = (
            f"has timing {design.spec.timing!r}"
            if design.spec.timing != "step"
            else "changes during training"
        )
        raise OperantError(
            f"design {design.id!r} {why}, so there is no one reward to plan for; audit a design "
            "that scores steps and is stationary"
        )
    own, warnings = design.built_for_gamma, []
    if own is not None and own != context.gamma:
        warnings.append(
            f"the design is built for gamma={own}, the agent's is {context.gamma}: training "
            "refuses that"
        )

    def attach(slots: int) -> RewardDesign:
        fresh = copy.deepcopy(design)
        gamma = context.gamma if own is None else own
        fresh.setup(dataclasses.replace(context, num_envs=slots, gamma=gamma))
        return fresh

    if design.spec.markov:
        designed = attach(mdp.next_state.size)(every_transition(mdp)).total
        made = compare_rewards(
            mdp,
            designed.reshape(mdp.reward.shape),
            name=design.id,
            gamma=context.gamma,
            max_steps=max_steps,
        )
    else:
        made = audit_history(mdp, attach, name=design.id, gamma=context.gamma, max_steps=max_steps)
    return dataclasses.replace(made, warnings=(*made.warnings, *warnings))
