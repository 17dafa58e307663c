"""Exact answers by searching the real dynamics: shortest solutions and explicit MDPs.

The search steps whole frontiers through the compiled kernel, so it cannot disagree with the env.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.engine import ACTION_COUNT, NO_RESET, Buffers, new_buffers
from operant.envs.gridworld.world import STEPS, World
from operant.tabular import TabularMDP
from operant.types import Oracle, take_rows

if TYPE_CHECKING:
    from operant.envs.gridworld.simulator import Simulator

MAX_STATES = 200_000


@dataclasses.dataclass
class _Graph:
    """What a search found; lists grow by one entry per state or per expanded layer."""

    worlds: list[World]
    shown: list[Buffers]
    successors: list[npt.NDArray[np.int64]]
    results: list[Buffers]
    parents: list[tuple[int, int]]
    goal: tuple[int, int] | None = None


def _rows(batch: Any, rows: npt.NDArray[Any]) -> Any:
    """Select rows of every array of a World or Buffers."""
    return type(batch)(*(array[rows] for array in batch))


def _keys(world: World) -> list[bytes]:
    """Return what identifies each row's state: grid, pose and load, but not the clock."""
    pose = np.ascontiguousarray(world.agent[:, :STEPS])
    packed = np.concatenate([world.grid, pose.view(np.uint8).reshape(len(pose), -1)], axis=1)
    return [row.tobytes() for row in packed]


def _search(simulator: Simulator, actions: Sequence[int], *, stop_at_success: bool) -> _Graph:
    """Breadth-first search from the simulator's first row.

    Raises:
        ValueError: If more than ``MAX_STATES`` states are reachable.
    """
    size = simulator.size._replace(limit=2**30, minigrid_reward=0)
    layer = _rows(simulator.world, np.zeros(1, np.int64))
    layer.agent[:, STEPS] = 0
    graph = _Graph([layer], [_rows(simulator.out, np.zeros(1, np.int64))], [], [], [(-1, -1)])
    index = {key: i for i, key in enumerate(_keys(layer))}
    first = 0
    while len(layer.agent):
        parents = np.repeat(np.arange(len(layer.agent)), len(actions))
        world = _rows(layer, parents)
        out = new_buffers(len(parents), len(simulator.table))
        tiled = np.tile(np.asarray(actions, np.int64), len(layer.agent))
        simulator.kernels.step(world, size, tiled, NO_RESET, False, out)
        targets, fresh = np.full(len(parents), -1, np.int64), []
        for i, key in enumerate(_keys(world)):
            if out.terminated[i]:
                continue
            if key not in index:
                index[key] = len(index)
                fresh.append(i)
                graph.parents.append((first + int(parents[i]), int(tiled[i])))
            targets[i] = index[key]
        if len(index) > MAX_STATES:
            raise ValueError(
                f"more than {MAX_STATES} states are reachable in this "
                f"{size.width}x{size.height} level; use a smaller size"
            )
        graph.successors.append(targets.reshape(-1, len(actions)))
        graph.results.append(out)
        if stop_at_success and out.success.any():
            hit = int(np.flatnonzero(out.success)[0])
            graph.goal = (first + int(parents[hit]), int(tiled[hit]))
            return graph
        chosen = np.asarray(fresh, np.int64)
        first += len(layer.agent)
        layer = _rows(world, chosen)
        graph.worlds.append(layer)
        graph.shown.append(_rows(out, chosen))
    return graph


def solve(simulator: Simulator) -> Oracle:
    """Return the shortest solution of the first row's level from its current state.

    Only the family's ``useful_actions`` are searched; tests compare with a search over all.
    """
    size, taken = simulator.size, int(simulator.world.agent[0, STEPS])
    graph = _search(simulator, simulator.family.useful_actions, stop_at_success=True)
    method = "breadth-first search over the env's own dynamics"
    if graph.goal is None:
        return Oracle(
            kind="exact", optimal_return=0.0, solution_length=None, actions=(), method=method
        )
    plan, (state, action) = [], graph.goal
    while state >= 0:
        plan.append(action)
        state, action = graph.parents[state]
    steps = taken + len(plan)
    paid = 1.0 - 0.9 * (steps / size.max_steps) if size.minigrid_reward else 1.0
    return Oracle(
        kind="exact",
        optimal_return=paid if steps <= size.limit else 0.0,
        solution_length=len(plan),
        actions=tuple(reversed(plan)),
        method=method,
    )


def explore(simulator: Simulator) -> TabularMDP:
    """Enumerate every state reachable from the first row's state, with all actions.

    The time limit is left out and success pays 1. State 0 is the current state.

    Raises:
        ValueError: If more than ``MAX_STATES`` states are reachable.
    """
    graph = _search(simulator, range(ACTION_COUNT), stop_at_success=False)
    shown = Buffers(*(np.concatenate(arrays) for arrays in zip(*graph.shown, strict=True)))
    after = Buffers(*(np.concatenate(arrays) for arrays in zip(*graph.results, strict=True)))
    shape = (-1, ACTION_COUNT)
    successor_features = simulator.features(after.features)
    return TabularMDP(
        next_state=np.concatenate(graph.successors),
        reward=after.reward.reshape(shape),
        success=after.success.reshape(shape),
        obs=take_rows(
            {"image": shown.image, "direction": shown.direction}, np.arange(len(shown.image))
        ),
        features=simulator.features(shown.features),
        successor_features={key: value.reshape(shape) for key, value in successor_features.items()},
    )
