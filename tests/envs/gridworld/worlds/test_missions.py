"""The worlds with a mission (and RedBlueDoors): its words, their levels, when episodes end."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import gymnasium as gym
import minigrid  # noqa: F401 (registers MiniGrid's ids)
import numpy as np
import pytest
from minigrid.core.grid import Grid
from minigrid.core.world_object import Ball, Box, Door, Key
from scipy import stats

import operant  # noqa: F401 (registers our ids)
from operant.agents.tabular.value_iteration import shortest_solution
from operant.envs.gridworld import cells
from operant.envs.gridworld.cells import (
    COLORS,
    DONE,
    DROP,
    EMPTY,
    FORWARD,
    LEFT,
    PICKUP,
    RIGHT,
    TOGGLE,
    TRIPLES,
    WALL,
)
from operant.envs.gridworld.world import (
    CARRY,
    DIRECTION,
    X,
    Y,
    cell_index,
    column_of,
    position,
    row_of,
)
from operant.envs.gridworld.worlds import fetch, go_to_door, go_to_object, put_near
from operant.envs.gridworld.worlds.objects import KINDS

pytestmark = pytest.mark.integration  # each world compiles kernels of its own

FETCH, DOOR, OBJECT = "Fetch-8x8-N3-v0", "GoToDoor-8x8-v0", "GoToObject-8x8-N2-v0"
PUT, RED_BLUE = "PutNear-8x8-N3-v0", "RedBlueDoors-8x8-v0"
LARGEST = (FETCH, DOOR, OBJECT, PUT, RED_BLUE)
OTHERS = (
    "Fetch-5x5-N2-v0",
    "Fetch-6x6-N2-v0",
    "GoToDoor-5x5-v0",
    "GoToDoor-6x6-v0",
    "GoToObject-6x6-N2-v0",
    "PutNear-6x6-N2-v0",
    "RedBlueDoors-6x6-v0",
)
FAMILIES = {
    FETCH: fetch.FAMILY,
    DOOR: go_to_door.FAMILY,
    OBJECT: go_to_object.FAMILY,
    PUT: put_near.FAMILY,
}


def both(env_id: str) -> tuple[Any, Any]:
    """Return our env on MiniGrid's layouts and rewards, and MiniGrid's."""
    ours = gym.make(env_id, layout="minigrid", reward="minigrid").unwrapped
    return ours, gym.make(f"MiniGrid-{env_id}").unwrapped


def levels(env_id: str, count: int, seed: int = 0, **options: int) -> Any:
    """Return a simulator with so many levels drawn by the compiled generator."""
    env: Any = gym.make_vec(env_id, num_envs=count, **options).unwrapped
    env.reset(seed=seed)
    return env.simulator


# Missions.


@pytest.mark.parametrize("env_id", [*LARGEST, *OTHERS])
def test_mission_reads_as_minigrids(env_id: str) -> None:
    ours, theirs = both(env_id)
    for seed in range(40):
        obs, _ = ours.reset(seed=seed)
        assert ours.mission == theirs.reset(seed=seed)[0]["mission"]
        assert ours.observation_space.contains(obs)


@pytest.mark.parametrize("env_id", FAMILIES)
def test_missions_are_exactly_those_of_minigrids_space(env_id: str) -> None:
    family = FAMILIES[env_id]
    space = gym.make(f"MiniGrid-{env_id}").unwrapped.observation_space["mission"]
    expected = {
        space.mission_func(*words) for words in itertools.product(*space.ordered_placeholders)
    }
    words = itertools.product(*(range(count) for count in family.mission.values()))
    assert Counter(map(family.mission_text, words)) == Counter(expected)


@pytest.mark.parametrize("env_id", FAMILIES)
def test_mission_reaches_every_observation(env_id: str) -> None:
    env: Any = gym.make_vec(env_id, num_envs=64)
    space = env.single_observation_space["mission"]
    assert space.nvec.tolist() == list(FAMILIES[env_id].mission.values())
    first = env.reset(seed=0)[0]["mission"]
    assert all(space.contains(row) for row in first)
    assert len(set(map(tuple, first.tolist()))) > 5
    rng = np.random.default_rng(0)
    for _ in range(30):  # shorter than any time limit; turning and walking end no episode
        obs, *_ = env.step(rng.integers(0, 3, 64))
        np.testing.assert_array_equal(obs["mission"], first)


def test_red_blue_doors_has_no_words() -> None:
    env = gym.make(RED_BLUE).unwrapped
    obs, _ = env.reset(seed=0)
    assert sorted(obs) == ["direction", "image"]
    assert env.mission == "open the red door then the blue door"


# Levels of the compiled generator: each has MiniGrid's probability.


def assert_drawn_from(drawn: Iterable[Any], chances: Mapping[Any, float]) -> None:
    counts = Counter(drawn)
    assert sum(chances.values()) == pytest.approx(1.0)
    assert counts.keys() <= chances.keys()
    observed = [counts[key] for key in chances]
    expected = np.array(list(chances.values())) * sum(observed)
    assert expected.min() > 5
    assert stats.chisquare(observed, expected).pvalue > 0.001


def uniform(keys: Iterable[Any]) -> dict[Any, float]:
    keys = list(keys)
    return dict.fromkeys(keys, 1 / len(keys))


def agents(simulator: Any) -> list[tuple[int, int, int]]:
    return list(map(tuple, simulator.world.agent[:, [X, Y, DIRECTION]].tolist()))


def places(simulator: Any, column: int) -> list[tuple[int, int]]:
    size = simulator.size
    return [
        (column_of(size, at), row_of(size, at)) for at in simulator.world.memory[:, column].tolist()
    ]


def words(simulator: Any, count: int) -> list[tuple[int, ...]]:
    return list(map(tuple, simulator.world.memory[:, :count].tolist()))


def room(side: int) -> list[tuple[int, int]]:
    return list(itertools.product(range(1, side - 1), repeat=2))


def test_fetch_levels_are_uniform() -> None:
    simulator = levels("Fetch-5x5-N2-v0", 20_000)
    first, second = fetch.FIRST_OBJECT, fetch.FIRST_OBJECT + 1
    poses = [pose[:2] for pose in agents(simulator)]
    drawn = zip(poses, places(simulator, first), places(simulator, second), strict=True)
    assert_drawn_from(drawn, uniform(itertools.permutations(room(5), 3)))
    assert_drawn_from(words(simulator, 3), uniform(itertools.product(range(5), range(6), range(2))))
    kinds = Counter(int(n) for n in (TRIPLES[simulator.world.grid, 0] == 5).sum(axis=1))
    assert_drawn_from(kinds.elements(), {0: 0.25, 1: 0.5, 2: 0.25})  # keys, the other is a ball


def test_go_to_object_levels_are_uniform() -> None:
    simulator = levels("GoToObject-6x6-N2-v0", 20_000)
    poses = [pose[:2] for pose in agents(simulator)]
    drawn = zip(poses, places(simulator, go_to_object.TARGET_AT), strict=True)
    assert_drawn_from(drawn, uniform(itertools.permutations(room(6), 2)))
    assert_drawn_from(words(simulator, 2), uniform(itertools.product(range(6), range(3))))
    grid = simulator.world.grid
    pairs = grid[np.isin(TRIPLES[grid, 0], (5, 6, 7))].reshape(-1, 2)  # key, ball, box
    assert (pairs[:, 0] != pairs[:, 1]).all()


def test_put_near_levels_follow_the_order_of_placing() -> None:
    """The first object lies anywhere, the second anywhere but on the 3x3 cells around it."""
    simulator = levels("PutNear-6x6-N2-v0", 20_000)
    far = {a: [b for b in room(6) if max(abs(a[0] - b[0]), abs(a[1] - b[1])) > 1] for a in room(6)}
    chances = {
        (a, b): (1 / len(far[a]) + 1 / len(far[b])) / 2 / 16 for a in room(6) for b in far[a]
    }
    drawn = zip(
        places(simulator, put_near.OBJECT_AT), places(simulator, put_near.TARGET_AT), strict=True
    )
    assert_drawn_from(drawn, chances)
    pairs = itertools.permutations(itertools.product(range(6), range(3)), 2)
    assert_drawn_from(words(simulator, 4), uniform((*a, *b) for a, b in pairs))


def test_go_to_door_rooms_doors_and_colours() -> None:
    simulator = levels("GoToDoor-6x6-v0", 20_000)
    world, size = simulator.world, simulator.size
    chances: Counter[Any] = Counter()
    for width, height in itertools.product((5, 6), repeat=2):
        sides = {
            **{(x, y): width - 4 for x in range(2, width - 2) for y in (0, height - 1)},
            **{(x, y): height - 4 for y in range(2, height - 2) for x in (0, width - 1)},
        }
        for door, equal in sides.items():
            for color in range(6):
                chances[width, height, door, color] += 1 / (4 * 4 * equal * 6)
    drawn = []
    for n, door in enumerate(places(simulator, go_to_door.TARGET_AT)):
        width = 6 if world.grid[n, cell_index(size, 5, 0)] == WALL else 5
        height = 6 if world.grid[n, cell_index(size, 0, 5)] == WALL else 5
        drawn.append((width, height, door, int(world.memory[n, go_to_door.COLOR])))
        assert world.agent[n, X] < width - 1
        assert world.agent[n, Y] < height - 1
    assert_drawn_from(drawn, chances)
    doors = TRIPLES[world.grid]
    colors = doors[..., 1][doors[..., 0] == 4].reshape(-1, 4)
    assert (np.diff(np.sort(colors, axis=1), axis=1) > 0).all()  # four doors of distinct colours


def test_red_blue_door_levels_are_uniform() -> None:
    simulator = levels("RedBlueDoors-6x6-v0", 20_000)
    middle = itertools.product(range(4, 8), range(1, 5), range(4))
    rows = words(simulator, 2)
    drawn = [(*agent, *pair) for agent, pair in zip(agents(simulator), rows, strict=True)]
    chances = uniform(
        (*agent, *pair) for agent in middle for pair in itertools.product(range(1, 5), repeat=2)
    )
    assert_drawn_from(drawn, chances)


# Exact answers.


@pytest.mark.parametrize("env_id", [*LARGEST, *OTHERS])
def test_every_level_is_solved_by_the_oracle(env_id: str) -> None:
    env: Any = gym.make(env_id).unwrapped
    for seed in range(15):
        env.reset(seed=seed)
        oracle = env.oracle()
        assert (oracle.kind, oracle.optimal_return) == ("exact", 1.0)
        results = [env.step(action)[1:3] for action in oracle.actions]
        assert results == [(0.0, False)] * (oracle.solution_length - 1) + [(1.0, True)]


@pytest.mark.parametrize(
    ("env_id", "options"),
    [
        (FETCH, {"size": 6}),
        (DOOR, {}),
        (OBJECT, {"size": 5, "objects": 3}),
        (PUT, {"size": 6, "objects": 2}),
        (RED_BLUE, {"size": 6}),
    ],
)
def test_no_other_action_shortens_a_solution(env_id: str, options: dict[str, int]) -> None:
    env: Any = gym.make(env_id, **options).unwrapped
    rng = np.random.default_rng(0)
    for seed in range(8):
        env.reset(seed=seed)
        for _ in range(2 * seed):
            if any(env.step(int(rng.integers(6)))[2:4]):
                env.reset(seed=seed)
        plan = shortest_solution(env.tabular_mdp())  # of all seven actions
        assert env.oracle().solution_length == (None if plan is None else len(plan))


@pytest.mark.parametrize(
    ("env_id", "options", "steps"),
    [
        (FETCH, {"objects": 1}, "steps_to_target"),
        (DOOR, {}, "steps_to_target"),
        (OBJECT, {"objects": 1}, "steps_to_target"),
        (RED_BLUE, {}, "steps_to_subgoal"),
        (PUT, {}, "steps_to_subgoal"),
    ],
)
def test_steps_are_a_bound_and_exact_where_nothing_is_in_the_way(
    env_id: str, options: dict[str, int], steps: str
) -> None:
    """To the last subgoal they leave out just the one action that ends the episode."""
    env: Any = gym.make(env_id, **options).unwrapped
    exact = 0
    for seed in range(15):
        _, info = env.reset(seed=seed)
        for action in env.oracle().actions:
            seen, length = info["features"], env.oracle().solution_length
            assert length > seen[steps]
            if seen.get("subgoal", 1) == 1:
                # PutNear's own target and third object can be in the way.
                assert env_id == PUT or length == seen[steps] + 1
                exact += length == seen[steps] + 1
            info = env.step(action)[4]
        assert info["features"][steps] == 0
        assert info["features"].get("subgoal", 1) == 1
    assert exact > 30


# When episodes end: situations on small maps, judged by hand and by MiniGrid.

LOOSE = {"k": ("key", "red"), "K": ("key", "blue"), "b": ("ball", "red"), "B": ("ball", "blue")}
LOOSE |= {"x": ("box", "red"), "X": ("box", "blue")}
MINIGRIDS = {"key": Key, "ball": Ball, "box": Box, "door": Door}
GOES_ON, FAILS, SUCCEEDS = (False, False), (True, False), (True, True)


def stage(env_id: str, lines: str) -> tuple[Any, Any, dict[str, tuple[int, int]]]:
    """Set both envs to a map; return them and where each letter is."""
    ours, theirs = both(env_id)
    ours.reset(seed=0)
    theirs.reset(seed=0)
    world, size = ours.simulator.world, ours.simulator.size
    theirs.grid = Grid(size.width, size.height)
    theirs.grid.wall_rect(0, 0, size.width, size.height)
    rows = lines.split("/")
    where = {}
    for x, y in itertools.product(range(1, size.width - 1), range(1, size.height - 1)):
        letter = rows[y - 1][x - 1] if y <= len(rows) and x <= len(rows[y - 1]) else "."
        where[letter] = (x, y)
        world.grid[0, cell_index(size, x, y)] = EMPTY
        if letter in LOOSE:
            kind, color = LOOSE[letter]
            world.grid[0, cell_index(size, x, y)] = cells.code(kind, color)
            theirs.grid.set(x, y, MINIGRIDS[kind](color))
        elif letter in ">v<^":
            world.agent[0, [X, Y, DIRECTION]] = x, y, ">v<^".index(letter)
            theirs.agent_pos, theirs.agent_dir = (x, y), ">v<^".index(letter)
    return ours, theirs, where


def play(ours: Any, theirs: Any, actions: tuple[int, ...]) -> tuple[bool, bool]:
    """Return (terminated, success) after the last action; all before it go on."""
    for t, action in enumerate(actions):
        _, reward, terminated, truncated, info = ours.step(action)
        assert (reward, terminated, truncated) == theirs.step(action)[1:4]
        assert not terminated or t == len(actions) - 1
        assert info["success"] == (reward > 0)
    return terminated, info["success"]


def set_task(env: Any, **values: int) -> None:
    """Write words or places into the memory, by the name of their column in the module."""
    module = {"Fetch": fetch, "GoToDoor": go_to_door, "GoToObject": go_to_object}.get(
        env.simulator.family.name, put_near
    )
    for name, value in values.items():
        env.simulator.world.memory[0, getattr(module, name)] = value


@pytest.mark.parametrize(
    ("lines", "actions", "expected"),
    [
        (">k", (PICKUP,), SUCCEEDS),
        (">.k.k", (FORWARD, PICKUP), SUCCEEDS),
        (">K", (PICKUP,), FAILS),
        (">b", (PICKUP,), FAILS),
        (">k", (DROP, TOGGLE, DONE, FORWARD, LEFT, PICKUP), GOES_ON),
    ],
)
def test_fetch_ends_when_something_is_picked_up(
    lines: str, actions: tuple[int, ...], expected: tuple[bool, bool]
) -> None:
    ours, theirs, _ = stage(FETCH, lines)
    set_task(ours, COLOR=COLORS.index("red"), KIND=KINDS.index("key"))
    theirs.targetColor, theirs.targetType = "red", "key"
    assert play(ours, theirs, actions) == expected


def test_a_target_behind_wrong_objects_cannot_be_fetched() -> None:
    ours, _, _ = stage(FETCH, ">K/B.k")
    set_task(ours, COLOR=COLORS.index("red"), KIND=KINDS.index("key"))
    oracle = ours.oracle()
    assert (oracle.kind, oracle.optimal_return, oracle.solution_length) == ("exact", 0.0, None)


@pytest.mark.parametrize(
    ("lines", "actions", "expected"),
    [
        (">x", (DONE,), SUCCEEDS),
        ("<x", (DONE,), SUCCEEDS),  # facing it is not asked for
        (".v/.x", (DONE,), SUCCEEDS),
        (">./.x", (DONE,), FAILS),  # diagonal
        (">.x", (DONE,), FAILS),
        (">b/.../..x", (DONE,), FAILS),
        (">x", (TOGGLE,), FAILS),
        ("<.x", (TOGGLE,), FAILS),
        (">.x", (FORWARD, LEFT, RIGHT, DROP, PICKUP), GOES_ON),
        (">x", (PICKUP, DONE), SUCCEEDS),  # what counts is where it was
        (">x", (PICKUP, FORWARD, DONE), FAILS),
        (">x", (PICKUP, FORWARD, FORWARD, FORWARD, DROP, DONE), FAILS),
    ],
)
def test_go_to_object_ends_on_done_and_on_toggle(
    lines: str, actions: tuple[int, ...], expected: tuple[bool, bool]
) -> None:
    ours, theirs, where = stage(OBJECT, lines)
    set_task(ours, TARGET_AT=cell_index(ours.simulator.size, *where["x"]))
    theirs.target_pos = where["x"]
    assert play(ours, theirs, actions) == expected


@pytest.mark.parametrize(
    ("side", "along", "turned", "actions", "expected"),
    [
        (0, 0, 0, (DONE,), SUCCEEDS),
        (0, 0, 2, (DONE,), SUCCEEDS),
        (0, 0, 0, (FORWARD, PICKUP, DROP), GOES_ON),  # a closed door
        (0, 0, 0, (TOGGLE,), FAILS),
        (0, 0, 2, (TOGGLE,), FAILS),
        (0, 1, 0, (DONE,), FAILS),
        (1, 0, 0, (DONE,), FAILS),  # before another door
    ],
)
@pytest.mark.parametrize("target", range(4))
def test_go_to_door_ends_on_done_and_on_toggle(
    target: int,
    side: int,
    along: int,
    turned: int,
    actions: tuple[int, ...],
    expected: tuple[bool, bool],
) -> None:
    """The agent stands before (or ``along`` beside) door number target + side of the room."""
    ours, theirs = both(DOOR)
    ours.reset(seed=3)
    theirs.reset(seed=3)
    world, size = ours.simulator.world, ours.simulator.size
    doors = [
        (i % 8, i // 8) for i, cell in enumerate(theirs.grid.grid) if cell and cell.type == "door"
    ]
    top, left, right, bottom = doors
    clockwise = [top, right, bottom, left]
    inward = [(0, 1), (-1, 0), (0, -1), (1, 0)]
    sideways = [(1, 0), (0, 1), (1, 0), (0, 1)]
    theirs.target_pos = clockwise[target]
    set_task(ours, TARGET_AT=cell_index(size, *clockwise[target]))
    k = (target + side) % 4
    x, y = (clockwise[k][i] + inward[k][i] + along * sideways[k][i] for i in (0, 1))
    heading = (3, 0, 1, 2)[k] + turned
    world.agent[0, [X, Y, DIRECTION]] = x, y, heading % 4
    theirs.agent_pos, theirs.agent_dir = (x, y), heading % 4
    assert play(ours, theirs, actions) == expected


@pytest.mark.parametrize(
    ("lines", "actions", "expected"),
    [
        (">k.B", (PICKUP, FORWARD, DROP), SUCCEEDS),
        (">k./...B", (PICKUP, FORWARD, DROP), SUCCEEDS),  # diagonal
        (">k..B", (PICKUP, FORWARD, DROP), FAILS),  # two cells off, and no second try
        (">k..B", (PICKUP, LEFT, DROP), FAILS),  # into the wall
        (">kB", (PICKUP, FORWARD, DROP), FAILS),  # onto the target
        (">k..B", (PICKUP, PICKUP, TOGGLE, DONE, LEFT), GOES_ON),
        (">.k.B", (DROP, PICKUP, DONE), GOES_ON),  # empty-handed
        (">K.B.k", (PICKUP,), FAILS),
        ("v..k/B", (PICKUP,), FAILS),  # the target itself
    ],
)
def test_put_near_ends_on_drops_and_wrong_pickups(
    lines: str, actions: tuple[int, ...], expected: tuple[bool, bool]
) -> None:
    ours, theirs, where = stage(PUT, lines)
    put_key_near(ours, theirs, where["k"], where["B"])
    assert play(ours, theirs, actions) == expected


def put_key_near(ours: Any, theirs: Any, at: tuple[int, int], there: tuple[int, int]) -> None:
    size = ours.simulator.size
    set_task(
        ours,
        MOVE_COLOR=COLORS.index("red"),
        MOVE_KIND=KINDS.index("key"),
        OBJECT_AT=cell_index(size, *at),
        TARGET_AT=cell_index(size, *there),
    )
    theirs.moveColor, theirs.move_type, theirs.target_pos = "red", "key", there


def test_put_near_on_the_place_of_an_opened_target_box() -> None:
    ours, theirs, where = stage(PUT, "k/v/X")
    put_key_near(ours, theirs, where["k"], where["X"])
    # Without the box its own place is as good as those around it.
    actions = (TOGGLE, LEFT, LEFT, PICKUP, LEFT, LEFT, DROP)
    assert play(ours, theirs, actions) == SUCCEEDS


def test_opening_the_box_to_move_loses_it() -> None:
    ours, theirs, where = stage(PUT, ">x..B")
    put_key_near(ours, theirs, where["x"], where["B"])
    set_task(ours, MOVE_KIND=KINDS.index("box"))
    theirs.move_type = "box"
    assert ours.oracle().actions == (PICKUP, FORWARD, FORWARD, DROP)
    assert play(ours, theirs, (TOGGLE,)) == GOES_ON
    *_, info = ours.step(LEFT)
    assert info["features"]["object_lost"] == 1
    assert ours.oracle().solution_length is None


@pytest.mark.parametrize(
    ("doors", "expected"),
    [
        ("b", FAILS),
        ("rb", SUCCEEDS),
        ("rrb", FAILS),  # closed again
        ("rrrb", SUCCEEDS),
        ("rr", GOES_ON),
    ],
)
def test_red_blue_doors_ends_when_the_blue_door_opens(
    doors: str, expected: tuple[bool, bool]
) -> None:
    ours, theirs = both(RED_BLUE)
    ours.reset(seed=0)
    theirs.reset(seed=0)
    world = ours.simulator.world
    red_y, blue_y = world.memory[0, :2].tolist()
    results = []
    for door in doors:
        pose = (5, red_y, 2) if door == "r" else (10, blue_y, 0)
        world.agent[0, [X, Y, DIRECTION]] = pose
        theirs.agent_pos, theirs.agent_dir = pose[:2], pose[2]
        results.append(play(ours, theirs, (TOGGLE,)))
    assert results == [GOES_ON] * (len(doors) - 1) + [expected]


# Edges.


def test_agents_never_leave_the_go_to_door_room() -> None:
    env: Any = gym.make_vec(DOOR, num_envs=256, autoreset_mode="SameStep")
    env.reset(seed=0)
    world, size = env.unwrapped.simulator.world, env.unwrapped.simulator.size
    rng = np.random.default_rng(0)
    for _ in range(300):
        env.step(rng.choice([LEFT, RIGHT, FORWARD, FORWARD, TOGGLE], 256))
        here = [position(world, n, size.stride) for n in range(256)]
        assert (world.grid[np.arange(256), here] == EMPTY).all()
        assert (world.agent[:, [X, Y]] >= 1).all()
        assert (world.agent[:, [X, Y]] <= size.width - 2).all()


@pytest.mark.parametrize(
    ("env_id", "options", "complaint"),
    [
        (FETCH, {"size": 5, "objects": 9}, "objects must be at most 8, got 9"),
        (OBJECT, {"size": 5, "objects": 9}, "objects must be at most 8, got 9"),
        (PUT, {"size": 5, "objects": 2}, "objects must be at most 1, got 2"),  # MiniGrid hangs
        (PUT, {"size": 8, "objects": 5}, "objects must be at most 4, got 5"),
        (PUT, {"objects": 1}, r"must be an integer in \[2, 18\], got 1"),
        (RED_BLUE, {"size": 4}, r"must be an integer in \[5, 128\], got 4"),
    ],
)
def test_what_does_not_fit_is_refused(env_id: str, options: dict[str, int], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        gym.make(env_id, **options)


@pytest.mark.parametrize("env_id", [FETCH, OBJECT])
def test_as_many_objects_as_fit(env_id: str) -> None:
    simulator = levels(env_id, 16, size=5, objects=8)
    assert ((simulator.world.grid == EMPTY).sum(axis=1) == 1).all()


@pytest.mark.parametrize("env_id", LARGEST)
def test_the_largest_levels_keep_their_places(env_id: str) -> None:
    """Padded indices fit into the memory at any size, and features keep their ranges."""
    simulator = levels(env_id, 8, size=128)
    table = simulator.table
    low, high = ([getattr(f, side) for f in table] for side in ("low", "high"))
    rng = np.random.default_rng(0)
    for _ in range(50):
        simulator.actions[...] = rng.integers(0, 3, 8)
        simulator.step(0)
        assert (simulator.out.features >= low).all()
        assert (simulator.out.features <= high).all()
    assert (simulator.world.memory >= 0).all()
    assert (simulator.world.agent[:, CARRY] == EMPTY).all()
