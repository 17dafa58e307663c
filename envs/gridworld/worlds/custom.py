"""Worlds of your own, from a map given as text: reach a goal.

All maps share one family, and so its compiled kernels: the map lies in the family's memory, from
which the layout copies it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import (
    DONE,
    EMPTY,
    FLAGS,
    GOAL,
    OBJECTS,
    PORTABLE,
    TRIPLES,
    WALKABLE,
)
from operant.envs.gridworld.draws import Draws
from operant.envs.gridworld.family import Family, Option
from operant.envs.gridworld.features import pose_features, write_pose
from operant.envs.gridworld.makers import makers
from operant.envs.gridworld.maps import Scene, describe, read_map
from operant.envs.gridworld.outcomes import reach_goal
from operant.envs.gridworld.world import (
    CARRY,
    DIRECTION,
    STEPS,
    Size,
    World,
    X,
    Y,
    cell_index,
)
from operant.types import Card, Feature

if TYPE_CHECKING:
    from gymnasium.vector import VectorEnv

MAX_SIDE = 64
"""Longest side of a map in cells."""

FIRST = 4
"""Memory: columns 0 .. 3 are the start's x, y, direction and load; then the cells, row by row."""


def layout(draws: Draws) -> Callable[..., None]:  # noqa: ARG001 (nothing is random)
    """Return the level generator, which copies the map."""

    def generate(world: World, n: int, size: Size, rng: Any) -> None:  # noqa: ARG001
        for y in range(size.height):
            for x in range(size.width):
                cell = world.memory[n, FIRST + y * size.width + x]
                world.grid[n, cell_index(size, x, y)] = cell
        world.agent[n, X], world.agent[n, Y] = world.memory[n, 0], world.memory[n, 1]
        world.agent[n, DIRECTION] = world.memory[n, 2]
        world.agent[n, CARRY] = world.memory[n, 3]
        world.agent[n, STEPS] = 0

    return generate


def features(world: World, n: int, size: Size, m: int, out: npt.NDArray[np.float32]) -> None:  # noqa: ARG001
    """Write row n's features, in the order of :func:`feature_table`."""
    write_pose(world, n, m, out)


def feature_table(size: Size) -> tuple[Feature, ...]:
    """Return the features with their ranges for a map size."""
    return pose_features(size)


def card(env_id: str, size: Size, table: tuple[Feature, ...]) -> Card:
    """Describe maps of one size."""
    paid = f"1 - 0.9 t / {size.max_steps}" if size.reward else "exactly 1"
    return Card(
        id=env_id,
        description=(
            f"A map of {size.width}x{size.height} cells that was given as text; the same level in "
            "every episode. What stands in the way to the goal is up to the map."
        ),
        observation=FAMILY.view.words,
        action="Discrete(7): left, right, forward, pickup, drop, toggle, done.",
        reward=f"{paid} on stepping onto a goal, 0 before",
        termination="the agent steps onto a goal or into lava",
        truncation=f"after {size.limit} steps",
        success="the agent stands on a goal",
        metric="success",
        oracle="exact",
        features=table,
        tier=0,
        source="Dynamics: MiniGrid (Chevalier-Boisvert et al., 2023); the map is the user's.",
    )


FAMILY = Family(
    name="Custom",
    layout=layout,
    outcome=reach_goal,
    features=features,
    feature_table=feature_table,
    memory=lambda size: FIRST + size.width * size.height,
    max_steps=lambda size: 10 * size.width * size.height,
    options={
        "width": Option(8, 3, MAX_SIDE, "cells along x, outer walls included"),
        "height": Option(8, 3, MAX_SIDE, "cells along y, outer walls included"),
    },
    dims=lambda options: (options["width"], options["height"]),
    mission_text=lambda _: "reach the goal",
    useful_actions=tuple(range(DONE)),  # to have a hand for a second key, drop the first
    card=card,
    minigrid=False,
)
_make, _make_vector = makers(FAMILY)


@dataclasses.dataclass(frozen=True)
class GridMap:
    """A map, and the factories of its envs; made by :func:`from_ascii`.

    ``gym.register(id, grid_map.make, vector_entry_point=grid_map.make_vector)`` gives it an id.

    Attributes:
        text: The map as it was given.
    """

    text: str

    def make(self, **kwargs: Any) -> gym.Env[Any, Any]:
        """Build a scalar env; keyword arguments as for ``GridEnv``, without options."""
        scene = read_map(self.text)
        height, width = scene.cells.shape
        env: Any = _make(width=width, height=height, **kwargs)
        _install(scene, env.simulator.world.memory)
        return env  # type: ignore[no-any-return]

    def make_vector(self, **kwargs: Any) -> VectorEnv[Any, Any, Any]:
        """Build a batched env; keyword arguments as for ``GridVectorEnv``, without options."""
        scene = read_map(self.text)
        height, width = scene.cells.shape
        env: Any = _make_vector(width=width, height=height, **kwargs)
        batch = env.simulator.batch if hasattr(env, "simulator") else env.batch
        _install(scene, batch.world.memory)
        return env  # type: ignore[no-any-return]


def _install(scene: Scene, memory: Any) -> None:
    """Write a map into the memory of all rows, an array or a tensor on a GPU."""
    start = [scene.x, scene.y, scene.direction, scene.carried]
    for column, value in enumerate([*start, *scene.cells.ravel().tolist()]):
        memory[:, column] = value


def from_ascii(text: str, *, check: bool = True) -> GridMap:
    """Return a world whose level is a map given as text.

    >>> corridor = from_ascii('''
    ...     ##########
    ...     ## > . G##
    ...     ##########
    ... ''', check=False)
    >>> corridor.make().simulator.size.width
    5

    Args:
        text: Two characters per cell; see :mod:`operant.envs.gridworld.maps`. The ``ansi`` render
            mode writes the same format.
        check: True to search for a solution, which takes time and memory in large maps with
            several things to carry.

    Raises:
        ValueError: If the text is no map, a side has too many cells, a cell of the border is no
            wall, the agent stands on or carries what one cannot, there is no goal, or (with
            ``check``) no solution.
    """
    scene = read_map(text)
    height, width = scene.cells.shape
    if max(height, width) > MAX_SIDE:
        raise ValueError(f"a map may have {MAX_SIDE} cells along a side, got {width} x {height}")
    _require_border(scene)
    _require_start(scene)
    if GOAL not in scene.cells:
        raise ValueError("the map needs a goal (' G'), found none")
    made = GridMap(text)
    if check:
        _require_solution(made)
    return made


def _require_border(scene: Scene) -> None:
    """Refuse a map that the agent could leave."""
    border = np.ones(scene.cells.shape, np.bool_)
    border[1:-1, 1:-1] = False
    wall = TRIPLES[scene.cells, 0] == OBJECTS.index("wall")
    for y, x in np.argwhere(border & ~wall).tolist():
        raise ValueError(
            f"line {y + 1} column {2 * x + 1} of the map: the border must be wall ('##') all around"
        )


def _require_start(scene: Scene) -> None:
    """Refuse an agent that no sequence of actions could bring into its place."""
    below = int(scene.cells[scene.y, scene.x])
    if not FLAGS[below] & WALKABLE:
        raise ValueError(f"the map's agent cannot stand on: {describe(below)}")
    if scene.carried != EMPTY and not FLAGS[scene.carried] & PORTABLE:
        raise ValueError(f"the map's agent cannot carry: {describe(scene.carried)}")


def _require_solution(made: GridMap) -> None:
    """Refuse a map without a solution."""
    env: Any = made.make()
    env.reset(seed=0)
    try:
        oracle = env.oracle()
    except ValueError as error:
        raise ValueError(f"the map was not checked: {error}, or pass check=False") from None
    if oracle.solution_length is None:
        raise ValueError(
            "the map has no solution: no sequence of actions leads to a goal; pass check=False to "
            "use it all the same"
        )
