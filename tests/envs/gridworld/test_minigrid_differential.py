"""MiniGrid itself judges the engine: same seed, same actions, no difference.

The default run plays few seeds of every id. The full claim, 200 seeds x 500 actions per family:

    pytest tests/envs/gridworld/test_minigrid_differential.py -m slow --timeout 3600
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, deque

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from minigrid.core.constants import COLOR_NAMES, DIR_TO_VEC
from minigrid.core.grid import Grid
from minigrid.core.world_object import Ball, Box, Door, Floor, Goal, Key, Lava, Wall, WorldObj
from minigrid.minigrid_env import MiniGridEnv, MissionSpace

import operant
from operant.envs.gridworld import cells
from operant.envs.gridworld.cells import (
    DONE,
    DROP,
    FORWARD,
    INSIDE,
    LEFT,
    PICKUP,
    RIGHT,
    TOGGLE,
    TRIPLES,
)
from operant.envs.gridworld.dynamics import act
from operant.envs.gridworld.scalar import GridEnv
from operant.envs.gridworld.vision import ROWS, observe, observe_through_walls, spread
from operant.envs.gridworld.words import WORDS
from operant.envs.gridworld.world import (
    CARRY,
    DIRECTION,
    VIEW,
    Size,
    X,
    Y,
    cell_index,
    new_world,
)

EMPTY_TRIPLE = (1, 0, 0)
DIR_TO_XY = [(int(x), int(y)) for x, y in DIR_TO_VEC]
TWINS = [row for row in operant.envs.registry() if "minigrid" in row.tags]
FAMILIES = {
    family: {row.id: f"MiniGrid-{row.id}" for row in rows}
    for family, rows in itertools.groupby(
        sorted(TWINS, key=lambda row: row.entry_point),
        key=lambda row: row.entry_point.partition(":")[0].rpartition(".")[2],
    )
}
FAMILIES["door_key"] |= {
    f"SparseKey-{side}-v0": f"MiniGrid-DoorKey-{side}-v0" for side in ("5x5", "6x6", "8x8", "16x16")
}
IMPOSSIBLE = {
    "memory": {"pickup"},  # the action is remapped to toggle
    "dynamic_obstacles": {"pickup"},  # there is no such action
    "playground": {"success"},  # there is no task
}
"""Family -> what its levels seem to offer, but cannot happen."""
BY_DEFAULT = {"door_key"}
"""Families judged in the default run."""
SOLUTIONS = 3
"""How many plans per seed are exact solutions; searching for one can take longer than a seed."""

OLD_VERSION = pytest.mark.filterwarnings("ignore:.*is out of date.*:DeprecationWarning")


def test_every_minigrid_id_has_a_twin() -> None:
    registered = {name for name in gym.registry if name.startswith("MiniGrid-")}
    assert len(registered) > 70
    assert {name for name in registered if "WFC" not in name} == {
        f"MiniGrid-{row.id}" for row in TWINS
    }


def triple(thing: WorldObj | None) -> tuple[int, int, int]:
    return EMPTY_TRIPLE if thing is None else thing.encode()


def inside(thing: WorldObj | None) -> tuple[int, int, int]:
    return EMPTY_TRIPLE if thing is None else triple(thing.contains)


def assert_same_level(ours: GridEnv, theirs: MiniGridEnv, where: object) -> None:
    """Compare all that there is, seen or not: the cells and what is in them, agent, load."""
    world, size = ours.simulator.world, ours.simulator.size
    assert (size.width, size.height) == (theirs.width, theirs.height), where
    spots = [cell_index(size, x, y) for y in range(size.height) for x in range(size.width)]
    codes = world.grid[0, spots]
    things = theirs.grid.grid
    for name, got, expected in (
        ("cell", TRIPLES[codes], [triple(thing) for thing in things]),
        ("contents", TRIPLES[INSIDE[codes]], [inside(thing) for thing in things]),
    ):
        different = np.flatnonzero((got != np.array(expected)).any(axis=1))
        cells_xy = [divmod(int(i), size.width)[::-1] for i in different]
        assert not cells_xy, (where, name, cells_xy, got[different], np.array(expected)[different])
    load = int(world.agent[0, CARRY])
    assert tuple(TRIPLES[load]) == triple(theirs.carrying), (where, "load")
    assert tuple(TRIPLES[INSIDE[load]]) == inside(theirs.carrying), (where, "contents of load")


def assert_same_view(
    ours: GridEnv, theirs: MiniGridEnv, mine: dict, other: dict, at: object
) -> None:
    """Compare two observations, and where the agents stand."""
    same = mine["image"].tobytes() == other["image"].tobytes()  # np.testing costs more than a step
    assert same, (at, "image", mine["image"], other["image"])
    assert mine["direction"] == other["direction"], (at, "direction")
    x, y = theirs.agent_pos
    agent = ours.simulator.world.agent
    assert (agent[0, X], agent[0, Y]) == (x, y), (at, "position", agent[0], (x, y))


def assert_same_start(ours: GridEnv, theirs: MiniGridEnv, seed: int | None, at: object) -> None:
    """Reset both and compare the new levels, their missions and time limits."""
    mine, other = ours.reset(seed=seed)[0], theirs.reset(seed=seed)[0]
    assert mine["image"].dtype == other["image"].dtype == np.uint8
    assert mine["image"].shape == other["image"].shape
    assert_same_level(ours, theirs, at)
    assert_same_view(ours, theirs, mine, other, at)
    assert ours.max_steps == theirs.max_steps, at
    assert ours.mission == theirs.mission == other["mission"], at
    words = tuple(int(word) for word in mine.get("mission", ()))
    assert ours.simulator.family.mission_text(words) == theirs.mission, (at, words)


def weight(thing: WorldObj | None, load: WorldObj | None) -> float:
    """Return how likely an errand leads to a cell."""
    if thing is None:
        return 0.0 if load is None else 0.05
    if isinstance(thing, Door) and thing.is_locked and isinstance(load, Key):
        return 8.0 if thing.color == load.color else 0.1
    return {"wall": 0.0, "lava": 0.1, "door": 1.0}.get(thing.type, 2.0)


def deed(thing: WorldObj | None, rng: np.random.Generator) -> int:
    """Return something to do to a cell that the agent faces."""
    if thing is None:
        return DROP
    if thing.type in ("goal", "lava", "floor"):
        return FORWARD
    usual = TOGGLE if thing.type == "door" else PICKUP
    return int(rng.choice([usual, usual, usual, TOGGLE, DONE]))


def errand(env: MiniGridEnv, rng: np.random.Generator) -> list[int]:
    """Return the actions of a walk to a random thing within reach, with a deed at its end.

    It reads MiniGrid's state only, so that a wrong state of ours does not steer the test.
    """
    load, start = env.carrying, tuple(int(v) for v in env.agent_pos)
    came: dict[tuple[int, int], tuple[tuple[int, int], int]] = {start: (start, 0)}
    queue, targets = deque([start]), []
    while queue:
        here = queue.popleft()
        for heading, (dx, dy) in enumerate(DIR_TO_XY):
            there = (here[0] + dx, here[1] + dy)
            if there in came or not (0 <= there[0] < env.width and 0 <= there[1] < env.height):
                continue
            came[there] = (here, heading)
            thing = env.grid.get(*there)
            targets.append((there, weight(thing, load)))
            locked = isinstance(thing, Door) and thing.is_locked
            if thing is None or (thing.type in ("door", "floor") and not locked):
                queue.append(there)
    total = sum(w for _, w in targets)
    if not total:
        return []
    there = targets[rng.choice(len(targets), p=[w / total for _, w in targets])][0]
    way = [(there, came[there][1])]
    while came[there][0] != start:
        there = came[there][0]
        way.append((there, came[there][1]))
    actions, facing = [], env.agent_dir
    for i, (there, heading) in enumerate(reversed(way)):
        turn = (heading - facing) % 4
        actions += [LEFT] if turn == 3 else [RIGHT] * turn
        thing, facing = env.grid.get(*there), heading
        if i == len(way) - 1:
            actions.append(deed(thing, rng))
        else:
            shut = isinstance(thing, Door) and not thing.is_open
            actions += [TOGGLE, FORWARD] if shut else [FORWARD]
    return [min(action, int(env.action_space.n) - 1) for action in actions]


def events(
    env: MiniGridEnv, front: WorldObj | None, was_open: bool, load: WorldObj | None, reward: float
) -> list[str]:
    """Return what MiniGrid's last step brought about; all but ``env`` are from before it."""
    picked = load is None and env.carrying is not None
    opened = isinstance(front, Door) and front.is_open and not was_open
    broken = isinstance(front, Box) and front is not env.carrying and _gone(env, front)
    told = {
        "pickup": picked,
        "drop": load is not None and env.carrying is None,
        "held": load is not None,
        "open": opened,
        "unbox": broken,
        "success": reward > 0,
    }
    return [name for name, happened in told.items() if happened]


def _gone(env: MiniGridEnv, thing: WorldObj) -> bool:
    return not any(other is thing for other in env.grid.grid)


def offered(env: MiniGridEnv) -> set[str]:
    """Return the events that a level seems to make possible."""
    kinds = {thing.type for thing in env.grid.grid if thing is not None}
    return {"success"} | {
        event
        for event, needed in (
            ("pickup", {"key", "ball", "box"}),
            ("open", {"door"}),
            ("unbox", {"box"}),
        )
        if kinds & needed
    }


def compare(env_id: str, judge_id: str, seeds: range, actions: int) -> Counter[str]:
    """Play both side by side, half at random, half on errands and solutions; count events."""
    ours = gym.make(env_id, layout="minigrid", reward="minigrid").unwrapped
    theirs = gym.make(judge_id, disable_env_checker=True).unwrapped
    seen: Counter[str] = Counter()
    for seed in seeds:
        rng = np.random.default_rng(seed)
        assert_same_start(ours, theirs, seed, (env_id, seed, "reset"))
        seen.update(f"offered {event}" for event in offered(theirs))
        plan: list[int] = []
        guided = solutions = 0
        for t in range(actions):
            at = (env_id, seed, t)
            if not plan and 2 * guided <= t:
                assert_same_level(ours, theirs, at)
                if ours.card.oracle == "exact" and solutions < SOLUTIONS and rng.random() < 0.5:
                    plan, solutions = list(ours.oracle().actions), solutions + 1
                plan = (plan or errand(theirs, rng))[::-1]
            guided += bool(plan)
            action = plan.pop() if plan else int(rng.integers(theirs.action_space.n))
            load, front = theirs.carrying, theirs.grid.get(*theirs.front_pos)
            was_open = isinstance(front, Door) and front.is_open
            obs, reward, terminated, truncated, info = ours.step(action)
            other, expected, *ends, _ = theirs.step(action)
            assert_same_view(ours, theirs, obs, other, (*at, action))
            assert type(reward) is float
            assert np.float64(reward) == np.float64(expected), (at, "reward", reward, expected)
            assert [terminated, truncated] == ends, (at, "ends", terminated, truncated, ends)
            assert info["success"] == (expected > 0), (at, "success")
            seen.update(events(theirs, front, was_open, load, expected))
            if terminated or truncated:
                assert_same_level(ours, theirs, at)
                assert_same_start(ours, theirs, None, (*at, "next episode"))
                plan = []
    return seen


def judge(family: str, seeds: int) -> None:
    """Compare all ids of a family, and make sure that whatever can happen did."""
    seen: Counter[str] = Counter()
    for env_id, judge_id in FAMILIES[family].items():
        seen += compare(env_id, judge_id, range(seeds), actions=500)
    wanted = {name.removeprefix("offered ") for name in seen if name.startswith("offered ")}
    wanted |= {"drop"} if seen["held"] else set()
    missing = {event for event in wanted - IMPOSSIBLE.get(family, set()) if not seen[event]}
    assert not missing, (family, seen)


@OLD_VERSION
@pytest.mark.parametrize(  # each compiles kernels of its own
    "family",
    [
        pytest.param(name, marks=[] if name in BY_DEFAULT else pytest.mark.integration)
        for name in FAMILIES
    ],
)
def test_family_equals_minigrid(family: str) -> None:
    judge(family, seeds=max(1, 4 // len(FAMILIES[family])))


@OLD_VERSION
@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_200_seeds_of_500_actions_equal_minigrid(family: str) -> None:
    judge(family, seeds=math.ceil(200 / len(FAMILIES[family])))


def test_time_limit_and_goal_on_the_last_step() -> None:
    ours = gym.make("SparseKey-5x5-v0", layout="minigrid", reward="minigrid", max_steps=40)
    theirs = gym.make("MiniGrid-DoorKey-5x5-v0", max_steps=40)
    for seed in range(10):
        ours.reset(seed=seed)
        theirs.reset(seed=seed)
        plan = ours.unwrapped.oracle().actions
        padded = [6] * (40 - len(plan)) + list(plan)
        for action in padded:
            got, expected = ours.step(action), theirs.step(action)
            assert got[1:4] == expected[1:4]
        assert got[2]
        assert got[3]
        assert got[1] == pytest.approx(0.1)


def two_sweeps(seen: int, transparent: int) -> tuple[int, int]:
    """One row of visibility as MiniGrid sweeps it: rightwards, then leftwards, in place."""
    mask = [bool(seen >> i & 1) for i in range(VIEW)]
    below = [False] * VIEW
    for order, side in ((range(VIEW - 1), 1), (range(VIEW - 1, 0, -1), -1)):
        for i in order:
            if mask[i] and transparent >> i & 1:
                mask[i + side] = below[i + side] = below[i] = True
    return (sum(bit << i for i, bit in enumerate(row)) for row in (mask, below))


def test_row_table_equals_two_sweeps_exhaustively() -> None:
    for seen in range(128):
        for transparent in range(128):
            visible, following = two_sweeps(seen, transparent)
            assert spread(seen, transparent) == (visible, following)
            assert ROWS[seen, transparent] == visible | following << 7


class Arena(MiniGridEnv):
    """A MiniGrid env whose grid the test fills."""

    def __init__(self, side: int, see_through_walls: bool) -> None:
        space = MissionSpace(mission_func=lambda: "")
        super().__init__(
            mission_space=space,
            grid_size=side,
            max_steps=10_000,
            see_through_walls=see_through_walls,
        )
        self.mission = ""

    def _gen_grid(self, width: int, height: int) -> None:
        self.grid = Grid(width, height)
        self.grid.wall_rect(0, 0, width, height)
        self.agent_pos, self.agent_dir = (1, 1), 0


PLAIN = {"wall": Wall, "goal": Goal, "lava": Lava}
COLORED = {"key": Key, "ball": Ball, "floor": Floor, "box": Box}
DOORS = ("door-open", "door-closed", "door-locked")
LOADS = ("key", "ball", "box", "box+key")


def build(kind: str, color: str, second: str) -> WorldObj | None:
    """Return MiniGrid's object of a kind; a key inside a box has the second colour."""
    if kind in DOORS:
        return Door(color, is_open=kind == "door-open", is_locked=kind == "door-locked")
    if kind == "box+key":
        return Box(color, contains=Key(second))
    if kind in COLORED:
        return COLORED[kind](color)
    return PLAIN[kind]() if kind in PLAIN else None


def pack(thing: WorldObj | None) -> int:
    """Return our code of MiniGrid's object."""
    if thing is None:
        return cells.EMPTY
    if isinstance(thing, Box):
        return cells.box(thing.color, thing.contains.color if thing.contains else None)
    return cells.code(thing.type, thing.color, thing.encode()[2])


@pytest.mark.integration
@settings(max_examples=80)
@given(data=st.data())
def test_random_grids_random_loads_all_actions(data: st.DataObject) -> None:
    side = data.draw(st.integers(4, 9))
    size = Size(side, side, side + 12, 10_000, 10_000, 7, 0, (0,) * 6)
    through = data.draw(st.booleans())
    theirs = Arena(side, through)
    theirs.reset()
    world = new_world(1, size, 1)
    colors = st.sampled_from(COLOR_NAMES)
    kinds = st.sampled_from(("empty",) * 10 + (*PLAIN, *COLORED, *LOADS) * 2 + DOORS)
    for y, x in itertools.product(range(1, side - 1), repeat=2):
        kind = data.draw(kinds) if (x, y) != (1, 1) else "empty"
        theirs.grid.set(x, y, build(kind, data.draw(colors), data.draw(colors)))
        world.grid[0, cell_index(size, x, y)] = pack(theirs.grid.get(x, y))
    load = data.draw(st.sampled_from(("none", *LOADS)))
    theirs.carrying = build(load, data.draw(colors), data.draw(colors))
    theirs.agent_dir = data.draw(st.integers(0, 3))
    world.agent[0] = 1, 1, theirs.agent_dir, pack(theirs.carrying), 0
    image = np.zeros((1, VIEW, VIEW, 3), np.uint8)
    for action in data.draw(st.lists(st.integers(0, 6), min_size=20, max_size=60)):
        obs, *_ = theirs.step(action)
        act(world, 0, size, action)
        if through:
            observe_through_walls(world, 0, size.stride, image, WORDS, TRIPLES)
        else:
            observe(world, 0, size.stride, image, ROWS, WORDS, TRIPLES)
        np.testing.assert_array_equal(image[0], obs["image"])
        assert world.agent[0, DIRECTION] == obs["direction"]
        assert (world.agent[0, X], world.agent[0, Y]) == tuple(int(v) for v in theirs.agent_pos)
        assert world.agent[0, CARRY] == pack(theirs.carrying)
    for y, x in itertools.product(range(side), repeat=2):
        assert world.grid[0, cell_index(size, x, y)] == pack(theirs.grid.get(x, y))


@pytest.mark.integration
def test_python_reference_equals_compiled_functions() -> None:
    """The readable functions, run uncompiled, do what the compiled ones do."""
    env = gym.make("SparseKey-6x6-v0")
    env.reset(seed=0)
    simulator = env.unwrapped.simulator
    size, world = simulator.size, simulator.world
    twin = type(world)(*(array.copy() for array in world))
    views = np.zeros((2, VIEW, VIEW, 3), np.uint8)
    for action in np.random.default_rng(0).integers(0, 7, 200):
        assert act(world, 0, size, int(action)) == act.py_func(twin, 0, size, int(action))
        observe(world, 0, size.stride, views[:1], ROWS, WORDS, TRIPLES)
        observe.py_func(twin, 0, size.stride, views[1:], ROWS, WORDS, TRIPLES)
        np.testing.assert_array_equal(views[0], views[1])
        np.testing.assert_array_equal(world.agent, twin.agent)
        np.testing.assert_array_equal(world.grid, twin.grid)
