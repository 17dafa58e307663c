"""The optimum of the states of a running batch: fewest actions to success, and V*.

Every level is searched once, from its first state, with all actions. From then on a row is followed
along the transitions that the search has found, so a step of N rows is N look-ups in compiled code,
exact whatever the agent does (drops, closed doors, dead ends). Levels that begin alike are one.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from numba import types as numba_types
from numba.extending import intrinsic as numba_intrinsic

from operant.envs.gridworld.engine import SAME_STEP
from operant.envs.gridworld.family import Family
from operant.envs.gridworld.features import count
from operant.envs.gridworld.jit import entry
from operant.envs.gridworld.kernel_cache import keeper
from operant.envs.gridworld.solver import search, tabulate
from operant.envs.gridworld.world import STEPS, World
from operant.planning import steps_to_success, value_iteration
from operant.tabular import TabularMDP
from operant.types import Bool, Float, Int

if TYPE_CHECKING:
    from operant.envs.gridworld.simulator import Simulator

# numba's own code is untyped.
types: Any = numba_types
intrinsic: Any = numba_intrinsic

NEVER = 65_535
"""In place of a number of actions: success is impossible."""
FEATURE = count(
    "steps_to_success",
    f"fewest actions to success, 0 once it is reached, {NEVER} where it is impossible; exact for "
    "any state, the time limit left out",
    NEVER,
    unit="actions",
)
KEPT_STATES = 4_000_000
"""Levels that no row plays are forgotten when all levels together have more states than this."""


@dataclasses.dataclass(frozen=True, eq=False)
class Level:
    """All S states that can be reached from a level's first one, which is state 0.

    Attributes:
        table: (S, A + 1) int32: where each action leads (-1: the episode ends), then the fewest
            actions to success, in [1, ``NEVER``].
        mdp: The MDP without observations and features, or None where all it pays is 1 for a
            success that ends it.
    """

    table: npt.NDArray[np.int32]
    mdp: TabularMDP | None

    def values(self, gamma: float) -> Float:
        """Return the best discounted return from each state without a time limit, (S,): V*.

        Raises:
            ValueError: If ``gamma`` is not in [0, 1).
        """
        if not 0 <= gamma < 1:
            raise ValueError(f"gamma must lie in [0, 1), got {gamma}")
        if self.mdp is not None:
            return value_iteration(self.mdp, gamma=gamma).values
        steps = self.table[:, -1]
        return np.where(steps < NEVER, gamma ** (steps - 1.0), 0.0)

    def __deepcopy__(self, memo: dict[int, Any]) -> Level:
        """Return the level itself: nobody changes it."""
        return self


def solve_level(simulator: Simulator, start: World | None = None) -> Level:
    """Search a level.

    Args:
        simulator: The levels; they are left as they are.
        start: Arrays whose first row is where to start; None for the simulator's first row.

    Raises:
        ValueError: If it is too large.
    """
    family = simulator.family
    graph = search(simulator, range(family.num_actions), stop=False, start=start)
    mdp = tabulate(family, graph)
    steps = _as_feature(steps_to_success(mdp))
    is_sparse = (mdp.reward == mdp.success).all() and not mdp.success[mdp.next_state >= 0].any()
    table = np.column_stack((mdp.next_state, steps)).astype(np.int32)
    return Level(table, None if is_sparse else mdp)


def with_optimum(mdp: TabularMDP) -> TabularMDP:
    """Return an MDP with ``FEATURE`` among the features of states and successors."""
    steps = _as_feature(steps_to_success(mdp))
    ended = np.where(mdp.success, 0, NEVER)
    ahead = np.where(mdp.next_state >= 0, steps[mdp.next_state], ended)
    return dataclasses.replace(
        mdp,
        features={**mdp.features, FEATURE.name: steps},
        successor_features={**mdp.successor_features, FEATURE.name: ahead},
    )


def _as_feature(steps: Int) -> Int:
    if steps.max(initial=0) >= NEVER:
        raise ValueError(f"a level takes {steps.max():,} actions, more than can be published")
    return np.where(steps < 0, NEVER, steps)


@intrinsic  # type: ignore[untyped-decorator]
def _entry_at(typing_context: Any, address: Any, index: Any) -> Any:  # noqa: ARG001 (numba's)
    """Return entry ``index`` of the int32 array at an address."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:  # noqa: ARG001
        pointer = builder.inttoptr(args[0], context.get_value_type(types.int32).as_pointer())
        return builder.load(builder.gep(pointer, [args[1]]))

    return types.int32(types.int64, types.int64), generate


@functools.cache
def _walker(family: Family) -> Callable[..., None]:
    """Compile ``(tables, state, actions, success, features)``: move all rows one step on.

    ``tables`` are the addresses of their levels' tables; the last feature is written.
    """
    num_actions = family.num_actions

    @entry
    def walk(tables: Any, state: Any, actions: Any, success: Any, features: Any) -> None:
        for n in range(state.shape[0]):
            ahead, steps = -1, 0 if success[n] else NEVER
            if state[n] >= 0:
                ahead = _entry_at(tables[n], state[n] * (num_actions + 1) + actions[n])
            if ahead >= 0:
                steps = _entry_at(tables[n], ahead * (num_actions + 1) + num_actions)
            state[n] = ahead
            features[n, features.shape[1] - 1] = steps

    walked: Callable[..., None] = keeper(family)(walk)
    return walked


class Optimum:
    """Where each of N rows stands in its level.

    Attributes:
        first: (N, B) uint8, the first state of each row's level as bytes.
        state: (N,) int64, number of the row's state in its level; -1 where the episode ended.
    """

    def __init__(self, simulator: Simulator) -> None:
        """Prepare for levels to come.

        Raises:
            ValueError: If chance plays a part in them.
        """
        family, size, world = simulator.family, simulator.size, simulator.world
        if family.stochastic(size):
            raise ValueError(
                f"optimum must be False in {family.name} with these options, got True: chance "
                "plays a part there, so no number of steps is certain"
            )
        self.first = np.zeros((simulator.num, _as_bytes(world, np.array([0])).shape[1]), np.uint8)
        self.state = np.zeros(simulator.num, np.int64)
        self._tables = np.zeros(simulator.num, np.int64)
        self._levels: dict[bytes, Level] = {}

    def level(self, row: int) -> Level:
        """Return the level of a row."""
        return self._levels[self.first[row].tobytes()]

    def values(self, gamma: float) -> Float:
        """Return V* of the rows' states, (N,); 0 where the episode ended.

        Raises:
            ValueError: If ``gamma`` is not in [0, 1).
        """
        known = {key: level.values(gamma) for key, level in self._played().items()}
        found = [known[row.tobytes()][at] for row, at in zip(self.first, self.state, strict=True)]
        return np.where(self.state >= 0, found, 0.0)

    def begin(self, simulator: Simulator, mask: Bool) -> None:
        """Note the new levels of the masked rows, and publish their first states.

        Raises:
            ValueError: If one is too large to be searched.
        """
        rows = np.flatnonzero(mask)
        self.first[rows] = _as_bytes(simulator.world, rows)
        self.state[rows] = 0
        self._look_up(simulator, rows)
        simulator.out.features[rows, -1] = [self.level(n).table[0, -1] for n in rows.tolist()]

    def follow(self, simulator: Simulator, mode: int) -> None:
        """Move on by the step that the rows have just made, and publish where they stand."""
        out, world = simulator.out, simulator.world
        walk = _walker(simulator.family)
        walk(self._tables, self.state, out.actions, out.success, out.features)
        if mode == SAME_STEP:
            ended = out.terminated | out.truncated
            out.final_features[ended, -1] = out.features[ended, -1]
        new = world.agent[:, STEPS] == 0
        if new.any():
            self.begin(simulator, new)

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return what :meth:`set_state` needs, as arrays."""
        return {"optimum.first": self.first.copy(), "optimum.state": self.state.copy()}

    def set_state(self, simulator: Simulator, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned; levels that are not known are searched."""
        self.first[...], self.state[...] = state["optimum.first"], state["optimum.state"]
        self._look_up(simulator, np.arange(simulator.num))

    def _look_up(self, simulator: Simulator, rows: Int) -> None:
        """Find the rows' levels, or search them."""
        for n in rows.tolist():
            key = self.first[n].tobytes()
            if key not in self._levels:
                if sum(len(level.table) for level in self._levels.values()) > KEPT_STATES:
                    self._levels = self._played()
                self._levels[key] = solve_level(simulator, _as_world(self.first[n], simulator))
            self._tables[n] = self._levels[key].table.ctypes.data

    def _played(self) -> dict[bytes, Level]:
        """Return the levels that a row plays."""
        keys = {row.tobytes() for row in self.first}
        return {key: self._levels[key] for key in keys if key in self._levels}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the tables' new addresses."""
        self.__dict__ |= state
        tables = {key: level.table.ctypes.data for key, level in self._levels.items()}
        self._tables = np.array([tables.get(row.tobytes(), 0) for row in self.first], np.int64)


def _as_bytes(world: World, rows: Int) -> npt.NDArray[np.uint8]:
    """Return all that decides the future of some rows, their clocks left out, as (len, B)."""
    agent = np.ascontiguousarray(world.agent[rows, :STEPS])
    parts = (world.grid[rows], agent.view(np.uint8), world.memory[rows].view(np.uint8))
    return np.concatenate(parts, axis=1)


def _as_world(state: npt.NDArray[np.uint8], simulator: Simulator) -> World:
    """Return arrays of one row, the opposite of :func:`_as_bytes`."""
    world = simulator.world
    cells, pose = world.grid.shape[1], world.agent.itemsize * STEPS
    agent = np.append(state[cells : cells + pose].view(np.int32), np.int32(0))
    memory = state[cells + pose :].view(np.int16)
    return World(state[None, :cells], agent[None], world.rng[:1], memory[None], world.scratch[:1])
