"""The oracle of worlds whose return counts: backward induction over the env's own dynamics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operant.envs.gridworld.solver import explore
from operant.envs.gridworld.world import STEPS
from operant.planning import best_return
from operant.tabular import TabularMDP
from operant.types import Oracle

if TYPE_CHECKING:
    from operant.envs.gridworld.simulator import Simulator


def exact(simulator: Simulator, slip: float = 0.0) -> Oracle:
    """Return the optimum of row 0's level from its current state within the steps left."""
    mdp = explore(simulator)
    horizon = simulator.size.limit - int(simulator.world.agent[0, STEPS])
    value, plan = best_return(mdp, horizon, slip)
    return Oracle(
        kind="exact",
        optimal_return=value,
        solution_length=len(plan) if _succeeds(mdp, plan) else None,
        actions=plan,
        method=f"backward induction over {mdp.num_states} states and {horizon} steps",
    )


def _succeeds(mdp: TabularMDP, plan: tuple[int, ...]) -> bool:
    """Tell whether a plan from state 0 ends in success."""
    state, success = 0, False
    for action in plan:
        success = bool(mdp.success[state, action])
        state = int(mdp.next_state[state, action])
    return success
