"""SparseKeyBox: SparseKey with the key hidden in a box, which has to be opened first."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld import cells
from operant.envs.gridworld.draws import Draws
from operant.envs.gridworld.engine import level_size
from operant.envs.gridworld.family import Family
from operant.envs.gridworld.features import count, flag
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.makers import makers
from operant.envs.gridworld.outcomes import reach_goal
from operant.envs.gridworld.world import CARRY, Size, World, cell_index
from operant.envs.gridworld.worlds import door_key
from operant.envs.gridworld.worlds.door_key import KEY, KEY_X, KEY_Y
from operant.types import Card, Feature

BOX = cells.box("purple", "yellow")
"""Code of the box with the key inside; it looks like any purple box."""

_NAMES = [f.name for f in door_key.feature_table(level_size(door_key.FAMILY, {"size": 8}))]
SUBGOAL, STEPS_TO_KEY, STEPS_TO_SUBGOAL = (
    _NAMES.index(name) for name in ("subgoal", "steps_to_key", "steps_to_subgoal")
)
OWN = len(_NAMES)
"""First of the columns that DoorKey's features do not fill."""

_track_key, _key_features = compiled(door_key.track), compiled(door_key.features)


@compiled
def _key_index(world: World, n: int, size: Size) -> int:
    """Return the padded index of the key's cell, which must not be carried."""
    return cell_index(size, world.memory[n, KEY_X], world.memory[n, KEY_Y])


def layout(draws: Draws) -> Callable[..., None]:
    """Return the level generator: DoorKey's, with a box where the key would be."""
    generate_door_key = draws.inline(door_key.layout(draws))

    def generate(world: World, n: int, size: Size, rng: Any) -> None:
        generate_door_key(world, n, size, rng)
        world.grid[n, _key_index(world, n, size)] = BOX

    return generate


def track(world: World, n: int, size: Size, action: int, front: int) -> None:
    """Follow the key, boxed or not: gone while carried, then where it was dropped."""
    if world.agent[n, CARRY] == BOX:
        world.memory[n, KEY_X], world.memory[n, KEY_Y] = -1, -1
    else:
        _track_key(world, n, size, action, front)


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:
    """Write row n's features, in the order of :func:`feature_table`."""
    _key_features(world, n, size, m, out)
    carried, boxed = world.agent[n, CARRY], False
    if carried == BOX:  # to DoorKey's features the key is neither held nor anywhere
        boxed = True
        out[m, STEPS_TO_KEY], out[m, STEPS_TO_SUBGOAL] = 0, 0
    elif carried != KEY:
        boxed = world.grid[n, _key_index(world, n, size)] == BOX
    # Without the key no door was ever opened, so a closed box always comes first.
    out[m, SUBGOAL] = 0 if boxed else out[m, SUBGOAL] + 1
    out[m, OWN] = not boxed
    out[m, OWN + 1] = carried == BOX


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges for a level size."""
    table = {feature.name: feature for feature in door_key.feature_table(size)}
    to_key = table["steps_to_key"]
    table["subgoal"] = count(
        "subgoal", "what is needed next: 0 an open box, 1 the key, 2 an open door, 3 the goal", 3
    )
    table["steps_to_key"] = dataclasses.replace(
        to_key, description=to_key.description.replace("the key", "the key or the box it is in")
    )
    return (
        *table.values(),
        flag("box_open", "the box was opened: the key is out"),
        flag("carrying_box", "the agent carries the box", privileged=False),
    )


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe one size of the world."""
    plain = door_key.card(env_id, size, table)
    return dataclasses.replace(
        plain,
        description=(
            f"{plain.description} The key is in a purple box: toggling the box leaves the key in "
            "its place. The box can also be carried elsewhere."
        ),
        source=(
            "MiniGrid DoorKey (Chevalier-Boisvert et al., 2023); the box and the 0/1 reward are "
            "ours."
        ),
    )


FAMILY = Family(
    name="SparseKeyBox",
    layout=layout,
    track=track,
    outcome=reach_goal,
    features=features,
    feature_table=feature_table,
    memory=lambda _: door_key.MEMORY,
    max_steps=door_key.FAMILY.max_steps,
    useful_actions=tuple(range(cells.DONE)),  # who has taken the box must drop it to open it
    card=card,
)
make, make_vector = makers(FAMILY)
