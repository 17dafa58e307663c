"""Auditing a design on one level."""

from __future__ import annotations

import copy
import dataclasses

from operant.errors import OperantError
from operant.finite import FiniteMDP
from operant.reward_design.audit.chance import Play, compare_expected, expected_rewards
from operant.reward_design.audit.findings import Audit
from operant.reward_design.audit.history import audit_history
from operant.reward_design.audit.level import Attach, AuditedLevel
from operant.reward_design.audit.markov import compare_rewards
from operant.reward_design.audit.tabulate import tabulate
from operant.reward_design.base import DesignContext, RewardDesign
from operant.tabular import TabularMDP


def audit(
    mdp: TabularMDP, design: RewardDesign, context: DesignContext, *, max_steps: int
) -> Audit:
    """Tell whether every policy that is best for a design is truly best on a level.

    A design that looks at the transition alone is judged exactly, in all states, by planning
    without a time limit; so is one that also remembers the state of a reward machine, in all states
    of the product. Any other, and one that pays otherwise at the time limit, is judged from the
    level's start, by a certificate or a search; see :mod:`operant.reward_design.audit.history`.

    Args:
        mdp: The level, enumerated.
        design: The design, not attached to an env; it is left as it is.
        context: What the env is like, and the *agent's* discount, in [0, 1).
        max_steps: The env's time limit in env steps.

    Raises:
        OperantError: If the design does not score step by step, changes while it is used, or is not
            Markov though it says so.
        ValueError: If the discount is 1.
    """
    attach, warnings = _attacher(design, context)
    gamma, own = context.gamma, design.built_for_gamma
    table = tabulate(mdp, attach, gamma=gamma, max_steps=max_steps)
    if table is not None and table.knows_no_limit:
        made = compare_rewards(
            table.mdp, table.reward, name=design.id, gamma=gamma, max_steps=max_steps
        )
    else:
        promised = attach(1).spec.invariance == "optimal" and own in (None, gamma)
        world = AuditedLevel(mdp, attach, gamma, max_steps)
        made = audit_history(world, name=design.id, promised=promised)
    return dataclasses.replace(made, warnings=warnings)


def audit_model(mdp: FiniteMDP, design: RewardDesign, context: DesignContext, play: Play) -> Audit:
    """Tell whether every policy that is best for a design is truly best where there is chance.

    It is judged exactly, in all states, by planning without a time limit.

    Args:
        mdp: The level's model.
        design: The design, not attached to an env; it is left as it is.
        context: What the env is like, and the *agent's* discount, in [0, 1).
        play: Plays a policy once, to show it.

    Raises:
        OperantError: As :func:`audit`, and if the design looks at more than observations and
            actions.
        ValueError: If the discount is 1.
    """
    attach, warnings = _attacher(design, context)
    table = expected_rewards(mdp, attach)
    made = compare_expected(mdp, table, name=design.id, gamma=context.gamma, play=play)
    return dataclasses.replace(made, warnings=warnings)


def _attacher(design: RewardDesign, context: DesignContext) -> tuple[Attach, tuple[str, ...]]:
    """Return what attaches fresh copies of a design, and what should be known.

    Raises:
        OperantError: If there is no one reward to plan for.
        ValueError: If the discount is 1.
    """
    if not context.gamma < 1.0:
        raise ValueError(f"gamma must lie in [0, 1) for exact planning, got {context.gamma}")
    _require_one_reward(design)
    gamma = context.gamma if design.built_for_gamma is None else design.built_for_gamma

    def attach(slots: int) -> RewardDesign:
        fresh = copy.deepcopy(design)
        fresh.setup(dataclasses.replace(context, num_envs=slots, gamma=gamma))
        return fresh

    _require_one_reward(attach(1))  # what it wraps may only tell now
    if gamma == context.gamma:
        return attach, ()
    built = f"the design is built for gamma={gamma}, the agent's is {context.gamma}"
    return attach, (f"{built}: training refuses that",)


def _require_one_reward(design: RewardDesign) -> None:
    """Check that a design scores single steps, always alike.

    Raises:
        OperantError: If it does not.
    """
    if design.spec.timing == "step" and design.spec.stationary:
        return
    why = (
        f"has timing {design.spec.timing!r}"
        if design.spec.timing != "step"
        else "changes during training"
    )
    raise OperantError(
        f"design {design.id!r} {why}, so there is no one reward to plan for; audit a design "
        "that scores steps and is stationary"
    )
