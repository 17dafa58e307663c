"""The audit of designs that look at one transition, on a level where chance plays a part.

It is exact as on deterministic levels: what the design pays for an action is averaged over where
the action may lead, and the level is solved for that. The level's model tells no features and not
what an episode shows at last, so a design that reads these is refused. True rewards are known by
state and action, so a design may add to them or scale them.
"""

from __future__ import annotations

from collections.abc import Callable

from operant.finite import FiniteMDP
from operant.reward_design.audit.findings import Audit, Episode
from operant.reward_design.audit.level import Attach
from operant.reward_design.audit.plans import Comparison, compare_plans
from operant.reward_design.metrics.designed import designed_reward
from operant.reward_design.metrics.rewards import expected
from operant.types import Float, Int

Play = Callable[[Int], tuple[list[int], Episode]]
"""Plays a policy, (S,), once in the env; returns the states it acted in, and the episode."""


def compare_expected(
    mdp: FiniteMDP, designed: Float, *, name: str, gamma: float, play: Play
) -> Audit:
    """Audit (S, A) expected designed rewards.

    Args:
        mdp: The level.
        designed: Expected designed reward of every action.
        name: What to call it.
        gamma: Discount of the agent, in [0, 1).
        play: Plays a policy once, to show it.
    """
    made = compare_plans(mdp, designed, gamma)
    if not made.bad.any():
        reason = f"in all {mdp.num_states} states what is best for the design is truly best"
        return made.audit(name, f"{reason}, in expectation", None)
    states, hack = play(made.worst.policy)
    _, honest = play(made.best.policy)
    step = next((step for step, state in enumerate(states) if made.wrong[state]), None)
    state = int((made.lost * made.wrong).argmax()) if step is None else states[step]
    found = made.counterexample(
        state,
        hack.actions[:step] if step is not None else (),
        on_the_way=bool(made.bad[mdp.start > 0].any()),
        hack=hack,
        honest=honest,
    )
    return made.audit(name, _reason(made, found.on_the_way, state, found.loss), found)


def _reason(made: Comparison, on_the_way: bool, state: int, loss: float) -> str:
    start = "a policy that is best for the design is not truly best from the start"
    if not on_the_way:
        start = "from the start, what is best for the design is truly best"
    return (
        f"{start}; in {int(made.changed.sum())} of {len(made.lost)} states what is best for it is "
        f"not truly best, in state {state} it loses {loss:.4g} of the true return expected"
    )


def expected_rewards(mdp: FiniteMDP, attach: Attach) -> Float:
    """Return what a design pays for every action, averaged over where it may lead, (S, A).

    Args:
        mdp: The level.
        attach: Returns a fresh design for a number of slots.

    Raises:
        OperantError: If the design reads what the model does not tell, has a memory, or pays
            something else at the time limit.
    """
    return expected(mdp, designed_reward(mdp, attach))
