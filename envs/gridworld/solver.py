"""Exact answers by searching the real dynamics: shortest solutions, explicit MDPs, optimal values.

The search is compiled together with the family's own ``advance``, so it cannot disagree with the
env. A state is all that decides the future: grid, pose, load and the family's memory, but not the
clock. Every state found is one row of a growing batch; a hash table finds rows again.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.buffers import Batch, Buffers
from operant.envs.gridworld.engine import (
    FEATURES,
    batch_unpacker,
    new_batch,
    row_functions,
)
from operant.envs.gridworld.family import Family
from operant.envs.gridworld.features import FeatureColumns, columns
from operant.envs.gridworld.jit import compiled, entry
from operant.envs.gridworld.kernel_cache import keeper
from operant.envs.gridworld.world import STEPS, Size, World, cell_index
from operant.tabular import TabularMDP
from operant.types import Bool, Float, Oracle

if TYPE_CHECKING:
    from operant.envs.gridworld.simulator import Simulator

MAX_BYTES = 1 << 30
"""States of one search may take this much memory; more is refused."""
_FIRST_CAPACITY = 1024
_SLOT_AND_JUDGEMENT = 16 + 27
"""Bytes per state at most in ``Found.slots``, and in what ``advance`` writes."""
_JUDGED = ("reward", "true_reward", "proxy_reward", "terminated", "truncated", "success")
"""The buffers that ``advance`` writes."""


@dataclasses.dataclass
class Graph:
    """The states reachable from a first one, in the order of their distance from it.

    Attributes:
        batch: One row per state, terminal ones included; the rows from ``count`` on are spare.
        found: How they hang together.
        count: Number of states.
        goal: The (state, action index) that first succeeded, if the search was to stop there.
    """

    batch: Batch
    found: Found
    count: int
    goal: tuple[int, int] | None = None


@compiled
def _copy_row(world: World, source: int, target: int) -> None:
    for k in range(world.grid.shape[1]):
        world.grid[target, k] = world.grid[source, k]
    for k in range(STEPS):
        world.agent[target, k] = world.agent[source, k]
    for k in range(world.memory.shape[1]):
        world.memory[target, k] = world.memory[source, k]
    world.agent[target, STEPS] = 0


@compiled
def _same_state(world: World, a: int, b: int, size: Size) -> bool:
    for k in range(STEPS):
        if world.agent[a, k] != world.agent[b, k]:
            return False
    for k in range(world.memory.shape[1]):
        if world.memory[a, k] != world.memory[b, k]:
            return False
    for y in range(size.height):  # the padding is always wall
        row = cell_index(size, 0, y)
        for k in range(row, row + size.width):
            if world.grid[a, k] != world.grid[b, k]:
                return False
    return True


@compiled
def _hash(world: World, n: int, size: Size, ended: bool) -> Any:
    """Return 64 bits that depend on all of a state.

    Source: the FNV-1a hash (Fowler, Noll, Vo, 1991), over words instead of bytes.
    """
    bits = np.uint64(0xCBF29CE484222325) + np.uint64(ended)
    prime = np.uint64(0x100000001B3)
    for k in range(STEPS):
        bits = (bits ^ np.uint64(world.agent[n, k])) * prime
    for k in range(world.memory.shape[1]):
        bits = (bits ^ np.uint64(world.memory[n, k])) * prime
    for y in range(size.height):
        row = cell_index(size, 0, y)
        for k in range(row, row + size.width):
            bits = (bits ^ np.uint64(world.grid[n, k])) * prime
    return bits ^ (bits >> np.uint64(29))


class Found(NamedTuple):
    """What a search knows, as arrays that compiled code fills; C is their capacity in states.

    Attributes:
        slots: Open-addressing hash table of rows, a power of two long, -1 where free.
        ended: (C,) the state is terminal.
        parent: (C,) the state from which it was first reached, -1 for the first.
        action: (C,) index of the action that reached it.
        successor: (C, A) row of the next state.
        reward: (C, A) true reward.
        proxy: (C, A) proxy reward.
        success: (C, A) success flag.
    """

    slots: npt.NDArray[np.int32]
    ended: Bool
    parent: npt.NDArray[np.int32]
    action: npt.NDArray[np.int32]
    successor: npt.NDArray[np.int32]
    reward: Float
    proxy: Float
    success: Bool


@compiled
def _slot(world: World, size: Size, found: Found, row: int, ended: bool) -> Any:
    """Return the slot that holds a row's state, or the free one where it belongs."""
    mask = np.uint64(found.slots.shape[0] - 1)
    slot = _hash(world, row, size, ended) & mask
    while found.slots[slot] >= 0:
        known = found.slots[slot]
        if found.ended[known] == ended and _same_state(world, known, row, size):
            return slot
        slot = (slot + np.uint64(1)) & mask
    return slot


@functools.cache
def _expander(family: Family) -> Callable[..., tuple[int, int, int]]:
    """Compile ``(table, actions, found, state, count, stop) -> (state, count, success)``.

    Expands states from ``state`` on until none is left, the next one might not fit, or (if
    ``stop``) an action succeeds; ``success`` is its index, else -1.
    """
    unpack, advance = batch_unpacker(family), row_functions(family).advance

    @entry
    def expand(
        table: Any, actions: Any, found: Any, state: int, count: int, stop: bool
    ) -> tuple[int, int, int]:
        world, size, out = unpack(table)
        for row in range(count):  # the table of slots is new whenever it has grown
            found.slots[_slot(world, size, found, row, found.ended[row])] = row
        while state < count and count + actions.shape[0] < world.agent.shape[0]:
            for a in range(actions.shape[0]):
                if found.ended[state]:
                    continue
                _copy_row(world, state, count)
                advance(world, count, size, actions[a], 0, out)
                world.agent[count, STEPS] = 0
                found.reward[state, a] = out.true_reward[count]
                found.proxy[state, a] = out.proxy_reward[count]
                ended, success = out.terminated[count], out.success[count]
                slot = _slot(world, size, found, count, ended)
                if found.slots[slot] < 0:
                    found.slots[slot], found.ended[count] = count, ended
                    found.parent[count], found.action[count] = state, a
                    count += 1
                found.successor[state, a] = found.slots[slot]
                found.success[state, a] = success
                if stop and success:
                    return state, count, a
            state += 1
        return state, count, -1

    kernel: Callable[..., tuple[int, int, int]] = keeper(family)(expand)
    return kernel


def search(
    simulator: Simulator, actions: Sequence[int], *, stop: bool, start: World | None = None
) -> Graph:
    """Search breadth-first from one state of the simulator's levels.

    Args:
        simulator: The levels; they are left as they are.
        actions: The actions to try, A of them.
        stop: True to stop at the first success.
        start: Arrays whose first row is where to start; None for the simulator's first row.

    Raises:
        ValueError: If the reachable states do not fit into ``MAX_BYTES``.
    """
    graph = _started(simulator, simulator.world if start is None else start, len(actions))
    expand, tried = _expander(simulator.family), np.asarray(actions, np.int64)
    state, success = 0, -1
    while state < graph.count and success < 0:
        state, graph.count, success = expand(
            graph.batch.table, tried, graph.found, state, graph.count, stop
        )
        if success < 0 and state < graph.count:
            graph = _grown(simulator, graph, len(actions))
    graph.goal = None if success < 0 else (state, success)
    return graph


def _started(simulator: Simulator, start: World, num_actions: int) -> Graph:
    """Return a graph of one state."""
    size = simulator.size._replace(limit=2**30, max_steps=2**30, reward=0)
    least = _with_room(simulator.family, size, start, 1, num_actions, 1)
    least.batch.world.agent[0, STEPS] = 0
    return _grown(simulator, least, num_actions)


def _grown(simulator: Simulator, old: Graph, num_actions: int) -> Graph:
    """Return a graph with more room, all that fits in the end."""
    size, world, count = old.batch.size, old.batch.world, old.count
    state = sum(array[0].nbytes for array in (*world[:-1], *old.found[1:]))
    most = MAX_BYTES // (state + _SLOT_AND_JUDGEMENT)
    capacity = min(max(_FIRST_CAPACITY, 4 * len(world.agent)), most)
    if capacity <= len(world.agent):
        raise ValueError(
            f"more than {count - 1:,} states are reachable in this {size.width}x{size.height} "
            f"level of {simulator.family.name}: too many to search; use a smaller one"
        )
    graph = _with_room(simulator.family, size, world, count, num_actions, capacity)
    pairs: Any = zip(graph.found[1:], old.found[1:], strict=True)
    for new, known in pairs:
        new[:count] = known[:count]
    return graph


def _with_room(
    family: Family, size: Size, source: World, count: int, num_actions: int, capacity: int
) -> Graph:
    """Return a graph whose states are a world's first rows, nothing known of them, and its room."""
    world = World(
        grid=_extended(source.grid, count, capacity),
        agent=_extended(source.agent, count, capacity),
        rng=_extended(source.rng, count, capacity),
        memory=_extended(source.memory, count, capacity),
        scratch=source.scratch[:0],  # which is for drawing levels only
    )
    out = new_batch(family, size, 0).out
    judged = {name: _extended(getattr(out, name), 0, capacity) for name in _JUDGED}
    found = Found(
        slots=np.full(1 << (2 * capacity - 1).bit_length(), -1, np.int32),
        ended=np.zeros(capacity, np.bool_),
        parent=np.full(capacity, -1, np.int32),
        action=np.zeros(capacity, np.int32),
        successor=np.full((capacity, num_actions), -1, np.int32),
        reward=np.zeros((capacity, num_actions)),
        proxy=np.zeros((capacity, num_actions)),
        success=np.zeros((capacity, num_actions), np.bool_),
    )
    return Graph(Batch(size, world, out._replace(**judged)), found, count)


def _extended(array: npt.NDArray[Any], rows: int, capacity: int) -> npt.NDArray[Any]:
    """Return an array of ``capacity`` rows that begins with another one's first rows."""
    longer = np.zeros((capacity, *array.shape[1:]), array.dtype)
    longer[:rows] = array[:rows]
    return longer


def solve(simulator: Simulator) -> Oracle:
    """Return the shortest solution of the first row's level from its current state.

    Only the family's ``useful_actions`` are searched; tests compare with a search over all. A
    family may bring an oracle of its own; a stochastic one without has none.
    """
    family, size = simulator.family, simulator.size
    if family.oracle is not None:
        return family.oracle(simulator)
    if family.stochastic(size):
        return Oracle(
            kind="none", optimal_return=np.nan, solution_length=None, actions=(), method="none"
        )
    graph = search(simulator, family.useful_actions, stop=True)
    method = "breadth-first search over the env's own dynamics"
    if graph.goal is None:
        return Oracle(
            kind="exact", optimal_return=0.0, solution_length=None, actions=(), method=method
        )
    plan, (state, action) = [], graph.goal
    while state >= 0:
        plan.append(family.useful_actions[action])
        state, action = int(graph.found.parent[state]), int(graph.found.action[state])
    steps = int(simulator.world.agent[0, STEPS]) + len(plan)
    late = family.rewards[size.reward] == "minigrid"
    paid = 1.0 - 0.9 * (steps / size.max_steps) if late else 1.0
    return Oracle(
        kind="exact",
        optimal_return=paid if steps <= size.limit else 0.0,
        solution_length=len(plan),
        actions=tuple(reversed(plan)),
        method=method,
    )


def explore(simulator: Simulator) -> TabularMDP:
    """Enumerate every state reachable from the first row's state, with all actions.

    The time limit is left out and success pays 1. State 0 is the current state. Where options make
    the family stochastic, this is the world without chance.

    Raises:
        ValueError: If there are too many.
    """
    family, size = simulator.family, simulator.size
    graph = search(simulator, range(size.num_actions), stop=False)
    shown, alive = _shown(simulator, graph), ~graph.found.ended[: graph.count]
    features = FeatureColumns(columns(family.feature_table(size)), shown.features)
    successor = graph.found.successor[: graph.count][alive]

    def observed(states: npt.NDArray[Any]) -> Any:
        mission = shown.mission[states] if family.mission else None
        return family.view.pack(shown.image[states], shown.direction[states], mission)

    return dataclasses.replace(
        tabulate(family, graph),
        obs=observed(alive),
        last_obs=observed(successor[~alive[successor]]),
        features={name: values[alive] for name, values in features.items()},
        successor_features={name: values[successor] for name, values in features.items()},
    )


def tabulate(family: Family, graph: Graph) -> TabularMDP:
    """Return the states of a graph of all actions as an MDP without features.

    Observations are the states' own numbers.
    """
    found, alive = graph.found, ~graph.found.ended[: graph.count]
    number = np.where(alive, np.cumsum(alive) - 1, -1)
    rows = np.flatnonzero(alive)
    return TabularMDP(
        next_state=number[found.successor[rows]],
        reward=found.reward[rows],
        proxy_reward=found.proxy[rows] if family.has_proxy else None,
        success=found.success[rows],
        obs=number[rows],
        features={},
        successor_features={},
    )


def _shown(simulator: Simulator, graph: Graph) -> Buffers:
    """Return what agents see in the states of a graph, and their features."""
    out = new_batch(simulator.family, simulator.size, graph.count).out
    world = World(**{k: v[: graph.count] for k, v in graph.batch.world._asdict().items()})
    everywhere = np.ones(graph.count, np.bool_)
    table = Batch(graph.batch.size, world, out).table
    simulator.kernels.reset(table, everywhere, FEATURES)
    return out
