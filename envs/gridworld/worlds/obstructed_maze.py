"""ObstructedMaze: locked doors, keys hidden in boxes, balls in the way; take the blue ball."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import (
    DONE,
    DOOR_FLAG,
    FLAGS,
    OPEN,
    TOGGLE,
)
from operant.envs.gridworld.family import Family, Option
from operant.envs.gridworld.features import flag
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.makers import makers
from operant.envs.gridworld.simulator import Simulator
from operant.envs.gridworld.world import (
    Size,
    World,
    column_of,
    front_index,
    position,
    row_of,
)
from operant.envs.gridworld.worlds.errand import (
    DOOR_AT,
    ERRAND,
    OPEN_BOX,
    SPOT,
    TARGET_AT,
    blocked,
    door_state,
    follow,
    key_hidden,
    shares_room,
    taking,
)
from operant.envs.gridworld.worlds.errand_features import (
    ERRAND_FEATURES,
    errand_card,
    errand_features,
    write_errand,
)
from operant.envs.gridworld.worlds.errand_oracle import (
    act_without_closing,
    doing_errands,
    searching_with,
)
from operant.envs.gridworld.worlds.obstructed_layout import (
    BLOCKED,
    BLUE_BALL,
    COLUMNS,
    KEY_IN_BOX,
    KEYS_LAST,
    QUARTERS,
    SCRATCH,
    SIDE_START,
    layout,
)
from operant.envs.gridworld.worlds.rooms import SIDE
from operant.types import Card, Feature, Oracle


@compiled
def has_wall_in(size: Size, door: int, inside: int) -> bool:
    """Tell whether a door is in a wall of the room of an inner cell."""
    step = SIDE - 1
    across = column_of(size, door) - column_of(size, inside) // step * step
    along = row_of(size, door) - row_of(size, inside) // step * step
    return 0 <= across <= step and 0 <= along <= step


def track(world: World, n: int, size: Size, action: int, front: int) -> None:
    """Follow the key and the ball; a door to the ball that was opened is the way from then on."""
    follow(world, n, size, action, front, 0)
    if action != TOGGLE or not FLAGS[front] & DOOR_FLAG:
        return
    at, ball = front_index(world, n, size), world.memory[n, TARGET_AT]
    from_outside = not shares_room(world, n, size, SIDE, ball)
    if from_outside and door_state(world, n, at) == OPEN and has_wall_in(size, at, ball):
        world.memory[n, DOOR_AT], world.memory[n, SPOT] = at, position(world, n, size.stride)


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:
    """Write row n's features, in the order of :func:`feature_table`."""
    write_errand(world, n, size, SIDE, 0, OPEN_BOX, m, out)
    out[m, ERRAND_FEATURES] = blocked(world, n, 0)
    out[m, ERRAND_FEATURES + 1] = key_hidden(world, n, 0)


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges for a level size."""
    return (
        *errand_features(size, OPEN_BOX, "ball", hidden=size.options[QUARTERS] > 0),
        flag("blocked", "something lies in the place from which the door opens"),
        flag("key_hidden", "the key is in a box"),
    )


def dims(options: Mapping[str, int]) -> tuple[int, int]:
    """Return (width, height) of 2x1 or 3x3 rooms."""
    if options["quarters"] == 0:
        return 2 * SIDE - 1, SIDE
    return COLUMNS * (SIDE - 1) + 1, COLUMNS * (SIDE - 1) + 1


def check(size: Size) -> str:
    """Return what is wrong with the options, or ""."""
    small = size.options[QUARTERS] == 0
    if small and (size.options[SIDE_START] or size.options[KEYS_LAST]):
        return "with quarters=0 takes neither side_start nor keys_last: there is only one door"
    return ""


def max_steps(size: Size) -> int:
    """Return MiniGrid's time limit, by the rooms that it expects the agent to visit."""
    quarters, side_start = size.options[QUARTERS], size.options[SIDE_START]
    visited = 25
    if quarters == 0:
        visited = 2
    elif quarters == 1:
        visited = 4 if side_start else 5
    elif quarters == 2 and side_start:
        visited = 11
    return 4 * visited * SIDE**2


def has_few_states(size: Size) -> bool:
    """Tell whether all levels are small enough for a search: each loose thing can be anywhere."""
    quarters, side_start = size.options[QUARTERS], size.options[SIDE_START]
    loose = size.options[KEY_IN_BOX] or size.options[BLOCKED]
    return quarters == 0 or bool(quarters == 1 and side_start and not loose)


shortest = searching_with(act_without_closing)


def oracle(simulator: Simulator) -> Oracle:
    """Return the shortest solution of row 0's level, or else one that is only a solution."""
    if has_few_states(simulator.size):
        return shortest(simulator)
    return doing_errands(simulator, first=0, begin=OPEN_BOX)


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe one variant of the maze."""
    quarters = size.options[QUARTERS]
    doors, where = (
        ("one locked door", "Two rooms")
        if quarters == 0
        else (f"{2 * quarters} locked doors", "Nine rooms")
    )
    key = "hidden in a grey box" if size.options[KEY_IN_BOX] else "lying about"
    ball = ", a green ball in front of each" if size.options[BLOCKED] else ""
    lost = bool(quarters and size.options[BLOCKED] and not size.options[KEYS_LAST])
    return errand_card(
        env_id,
        size,
        table,
        description=(
            f"{where} of 4x4 cells with {doors}{ball}; each key is {key} on the side from which "
            "its door opens. The agent has to pick up the blue ball behind a locked door. Hands "
            "hold one thing at a time."
            + (" As in MiniGrid's v0, a green ball may have replaced a key." if lost else "")
        ),
        wins="the agent picks up the blue ball",
        source="ObstructedMaze",
        oracle="exact" if has_few_states(size) else "upper_bound",
    )


FAMILY = Family(
    name="ObstructedMaze",
    layout=layout,
    track=track,
    outcome=taking(BLUE_BALL, BLUE_BALL),
    features=features,
    feature_table=feature_table,
    options={
        "quarters": Option(4, 0, 4, "side rooms with two locked doors each; 0: only two rooms"),
        "side_start": Option(0, 0, 1, "flag: start in a side room, not in the middle"),
        "key_in_box": Option(1, 0, 1, "flag: keys are hidden in boxes"),
        "blocked": Option(1, 0, 1, "flag: a ball lies in front of each locked door"),
        "keys_last": Option(0, 0, 1, "flag: balls never replace keys (MiniGrid's v1)"),
    },
    dims=dims,
    check=check,
    max_steps=max_steps,
    memory=lambda _: ERRAND,
    scratch=lambda _: SCRATCH,
    mission_text=lambda _: "pick up the blue ball",
    useful_actions=tuple(range(DONE)),
    oracle=oracle,
    card=card,
)
make, make_vector = makers(FAMILY)
