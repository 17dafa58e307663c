"""Answers for errands with too many states for the generic search.

Either the search leaves out what no shortest solution needs, and stays exact; or one errand is done
after the other, which shows that the level can be won but not how fast.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections import deque
from collections.abc import Callable, Sequence

from operant.envs.gridworld.cells import (
    DONE,
    DOOR_FLAG,
    DROP,
    EMPTY,
    FLAGS,
    FORWARD,
    LEFT,
    LOCKED,
    PICKUP,
    PORTABLE,
    RIGHT,
    TOGGLE,
    WALKABLE,
)
from operant.envs.gridworld.dynamics import act
from operant.envs.gridworld.engine import NO_RESET
from operant.envs.gridworld.family import Family
from operant.envs.gridworld.features import POSE
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.simulator import Simulator
from operant.envs.gridworld.solver import solve
from operant.envs.gridworld.world import (
    CARRY,
    DIRECTION,
    STEPS,
    Size,
    World,
    delta,
    front_index,
    position,
)
from operant.envs.gridworld.worlds.errand import (
    CLEAR,
    DOOR_AT,
    FREE_HANDS,
    HELD,
    KEY_AT,
    OPEN_BOX,
    OPEN_DOOR,
    PUT_DOWN,
    SPOT,
    TAKE_KEY,
    TAKE_TARGET,
    TARGET_AT,
    door_state,
)
from operant.types import Oracle

SUBGOAL, STEPS_TO_TARGET = POSE + 2, POSE + 6
"""Columns of the features."""


@compiled
def act_without_closing(world: World, n: int, size: Size, action: int) -> int:
    """Act, but close no door: an open one is never in the way."""
    front = int(world.grid[n, front_index(world, n, size)])
    closes = action == TOGGLE and FLAGS[front] & DOOR_FLAG and FLAGS[front] & WALKABLE
    return act(world, n, size, DONE if closes else action)


@functools.cache
def _acting(family: Family, other_act: Callable[..., int]) -> Family:
    """Return a family, for the search only, that acts otherwise."""
    kept = {field.name: getattr(family, field.name) for field in dataclasses.fields(family)}
    del kept["module"]
    return Family(**{**kept, "name": f"{family.name}Search", "act": other_act, "oracle": None})


def searching_with(other_act: Callable[..., int]) -> Callable[[Simulator], Oracle]:
    """Return an oracle that is exact if some shortest solution never needs what it refuses.

    Args:
        other_act: In place of the family's own ``act``; does the same or nothing.
    """

    def oracle(simulator: Simulator) -> Oracle:
        searched = copy.copy(simulator)
        searched.family = _acting(simulator.family, other_act)
        return solve(searched)

    return oracle


def doing_errands(simulator: Simulator, *, first: int, begin: int) -> Oracle:
    """Return a plan that does what ``subgoal`` says until the level is won, if that succeeds.

    The bound on the return is that of the straightest way to the target.

    Args:
        simulator: Whose row 0 is to be solved; it is left as it is.
        first: Column at which the errand's memory begins.
        begin: The stage of the errand that ``subgoal`` counts from.
    """
    trial, plan = copy.deepcopy(simulator), []
    size, out = simulator.size, trial.out
    steps = int(simulator.world.agent[0, STEPS] + simulator.out.features[0, STEPS_TO_TARGET]) + 1
    late = simulator.family.rewards[size.reward] == "minigrid"
    bound = 1.0 - 0.9 * (steps / size.max_steps) if late else 1.0
    errand: Sequence[int] = ()
    while not out.pending[0]:
        errand = errand or _next_errand(trial, first, begin)
        if not errand:
            break
        trial.actions[0], errand = errand[0], errand[1:]
        trial.step(NO_RESET)
        plan.append(int(trial.actions[0]))
    return Oracle(
        kind="upper_bound",
        optimal_return=bound,
        solution_length=None,
        actions=tuple(plan) if out.success[0] else (),
        method="the straightest way bounds the return; the actions do one errand after another",
    )


def _next_errand(simulator: Simulator, first: int, begin: int) -> Sequence[int]:
    """Return actions that settle the subgoal of row 0; none if there is no way."""
    world, stride = simulator.world, simulator.size.stride
    needed = int(simulator.out.features[0, SUBGOAL]) + begin
    full, spot = world.agent[0, CARRY] != EMPTY, world.memory[0, first + SPOT]

    def is_free(at: int) -> bool:
        return bool(world.grid[0, at] == EMPTY and at != spot)

    def is_out_of_the_way(at: int) -> bool:
        beside = (world.grid[0, at + delta(wall, stride)] for wall in range(4))
        return is_free(at) and not any(FLAGS[cell] & DOOR_FLAG for cell in beside)

    boxed = needed == OPEN_BOX and world.memory[0, first + KEY_AT] == HELD
    wanted: tuple[Callable[[int], bool], ...] = is_out_of_the_way, is_free
    deed = DROP
    if not (boxed or needed in (PUT_DOWN, FREE_HANDS) or (needed == CLEAR and full)):
        place, deed = {
            OPEN_BOX: (KEY_AT, TOGGLE),
            CLEAR: (SPOT, PICKUP),
            TAKE_KEY: (KEY_AT, PICKUP),
            OPEN_DOOR: (DOOR_AT, TOGGLE),
            TAKE_TARGET: (TARGET_AT, PICKUP),
        }[needed]
        wanted = (int(world.memory[0, first + place]).__eq__,)
    for taking in (False, True):
        for is_wanted in wanted:
            if (walk := _way(simulator, is_wanted, taking)) is not None:
                return (*walk, deed)
    return ()


def _way(
    simulator: Simulator, is_wanted: Callable[[int], bool], taking: bool
) -> tuple[int, ...] | None:
    """Return actions after which row 0's agent faces a wanted cell, through doors if need be.

    If ``taking``, also past loose things, which it takes along: they can lie in a doorway.
    """
    world, stride = simulator.world, simulator.size.stride
    start = int(position(world, 0, stride)), int(world.agent[0, DIRECTION])
    ways: dict[tuple[int, int], tuple[int, ...]] = {start: ()}
    queue = deque(ways)
    while queue:
        at, heading = pose = queue.popleft()
        ahead = at + delta(heading, stride)
        if is_wanted(ahead):
            return ways[pose]
        flags = FLAGS[world.grid[0, ahead]]
        through: tuple[int, ...] = ()
        if flags & WALKABLE:
            through = (FORWARD,)
        elif flags & DOOR_FLAG and door_state(world, 0, ahead) != LOCKED:
            through = (TOGGLE, FORWARD)
        elif flags & PORTABLE and taking:
            through = (PICKUP, FORWARD)
        moves = [((at, (heading + 3) & 3), (LEFT,)), ((at, (heading + 1) & 3), (RIGHT,))]
        for following, actions in [*moves, ((ahead, heading), through)]:
            if actions and following not in ways:
                ways[following] = ways[pose] + actions
                queue.append(following)
    return None
