"""Memory, LockedRoom, MultiRoom, Playground: layouts, distances and texts."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from scipy import stats

import operant  # noqa: F401 (registers the ids)
from operant.envs.gridworld.cells import (
    COLORS,
    DONE,
    DROP,
    EMPTY,
    FORWARD,
    OBJECTS,
    OPAQUE,
    OPEN,
    PICKUP,
    TOGGLE,
    TRIPLES,
    WALL,
)
from operant.envs.gridworld.dynamics import toggled
from operant.envs.gridworld.world import (
    CARRY,
    DIRECTION,
    X,
    Y,
    cell_index,
)
from operant.envs.gridworld.worlds import locked_room, memory, playground, room_chain

pytestmark = pytest.mark.integration  # each world compiles kernels of its own

UNLIKELY = 0.001  # seeds are fixed: a test passes always or never
AHEAD = ((1, 0), (0, 1), (-1, 0), (0, -1))
DOOR, KEY, BALL, BOX, GOAL = (OBJECTS.index(k) for k in ("door", "key", "ball", "box", "goal"))


def levels(env_id: str, count: int, **options: Any) -> Any:
    """Return a batched env with ``count`` fresh levels of the compiled generator."""
    env = gym.make_vec(env_id, num_envs=count, **options).unwrapped
    env.reset(seed=0)
    return env


def picture(env: Any, n: int) -> np.ndarray:
    """Return the codes of row n as (height, width)."""
    size = env.simulator.size
    spots = [[cell_index(size, x, y) for x in range(size.width)] for y in range(size.height)]
    return env.simulator.world.grid[n][spots]


def look(env: Any) -> dict[str, np.ndarray]:
    """Return the features of states that a test wrote, by an action that does nothing."""
    *_, info = env.step(np.full(env.num_envs, DONE))
    return info["features"]


def uniform(values: np.ndarray, outcomes: int) -> bool:
    """Tell whether integers in [0, outcomes) look uniform."""
    counts = np.bincount(values, minlength=outcomes)
    assert len(counts) == outcomes, counts
    return bool(stats.chisquare(counts).pvalue > UNLIKELY)


class Walk:
    """Fewest actions from a pose to all others, on an open floor: walls stop, doors cost a toggle.

    The judge of the closed-form distances: it knows neither rooms nor formulas.
    """

    def __init__(self, codes: np.ndarray, x: int, y: int, heading: int) -> None:
        self.codes = codes
        self.cost = {(x, y, heading): 0}
        queue = [(0, (x, y, heading))]
        while queue:
            cost, (x, y, heading) = heapq.heappop(queue)
            if cost > self.cost[x, y, heading]:
                continue
            onward = [((x, y, (heading + turn) % 4), 1) for turn in (1, 3)]
            ahead = (x + AHEAD[heading][0], y + AHEAD[heading][1])
            if self._inside(*ahead) and codes[ahead[1], ahead[0]] != WALL:
                shut = codes[ahead[1], ahead[0]] >= OPAQUE
                onward.append(((*ahead, heading), 2 if shut else 1))
            for pose, more in onward:
                if cost + more < self.cost.get(pose, 10**6):
                    self.cost[pose] = cost + more
                    heapq.heappush(queue, (cost + more, pose))

    def _inside(self, x: int, y: int) -> bool:
        return 0 <= x < self.codes.shape[1] and 0 <= y < self.codes.shape[0]

    def to_stand(self, x: int, y: int) -> int:
        return min(self.cost[x, y, heading] for heading in range(4))

    def to_face(self, x: int, y: int) -> int:
        beside = [(x - dx, y - dy, heading) for heading, (dx, dy) in enumerate(AHEAD)]
        return min(self.cost[pose] for pose in beside if pose in self.cost)


def breadth_first(mdp: Any, targets: np.ndarray) -> np.ndarray:
    """Return each state's fewest actions to a state (S,) or transition (S, A) among the targets."""
    reach = np.full(mdp.num_states, 10**6)
    before: list[list[int]] = [[] for _ in range(mdp.num_states)]
    for state, row in enumerate(mdp.next_state):
        for following in row[row >= 0]:
            before[following].append(state)
    first = targets if targets.ndim == 1 else targets.any(axis=1)
    reach[first] = targets.ndim - 1
    queue = deque(np.flatnonzero(first).tolist())
    while queue:
        state = queue.popleft()
        for earlier in before[state]:
            if reach[earlier] == 10**6:
                reach[earlier] = reach[state] + 1
                queue.append(earlier)
    return reach


# ---- Memory --------------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", ["MemoryS7-v0", "MemoryS13Random-v0", "MemoryS17Random-v0"])
def test_memory_draws_are_uniform(env_id: str) -> None:
    env = levels(env_id, 3000)
    world, size = env.simulator.world, env.simulator.size
    first, ends = 4, size.width - 2 if "Random" in env_id else 5
    end = world.memory[:, memory.HALL_END].astype(int)
    if ends > first + 1:
        assert uniform(end - first, ends - first)
    for length in set(end.tolist()):
        assert uniform(world.agent[end == length, X] - 1, length)
    assert uniform(world.memory[:, memory.CUE] * 2 + (world.memory[:, memory.MATCH] > 0), 4)
    assert (world.agent[:, Y] == size.height // 2).all()
    assert (world.agent[:, DIRECTION] == 0).all()


def test_memory_has_the_cue_and_one_of_each_at_the_fork() -> None:
    env = levels("MemoryS13Random-v0", 200)
    world, middle = env.simulator.world, env.simulator.size.height // 2
    for n in range(200):
        codes, fork = picture(env, n), world.memory[n, memory.HALL_END] + 1
        cue, match = codes[middle - 1, 1], world.memory[n, memory.MATCH]
        assert codes[middle + 2 * match, fork] == cue
        assert {codes[middle - 2, fork], codes[middle + 2, fork]} == set(memory.KINDS)
        assert cue == memory.KINDS[world.memory[n, memory.CUE]]


@pytest.mark.parametrize("env_id", ["MemoryS7-v0", "MemoryS13-v0"])
def test_memory_distances_are_exact_in_every_state(env_id: str) -> None:
    env = gym.make(env_id).unwrapped
    for seed in range(3):
        env.reset(seed=seed)
        mdp = env.tabular_mdp()
        to_match = breadth_first(mdp, mdp.success)
        np.testing.assert_array_equal(mdp.features["steps_to_match"], to_match)
        seen = mdp.features["cue_seen"] > 0
        to_see = breadth_first(mdp, seen)
        assert not seen.all()
        np.testing.assert_array_equal(
            mdp.features["steps_to_subgoal"], np.where(seen, to_match, to_see)
        )


def test_memory_knows_when_the_cue_is_in_view() -> None:
    env = gym.make("MemoryS13-v0").unwrapped
    rng, seen = np.random.default_rng(0), {True: 0, False: 0}
    for seed in range(60):
        obs, info = env.reset(seed=seed)
        for _ in range(40):
            told = bool(info["features"]["cue_visible"])
            x, y, heading = (int(v) for v in env.simulator.world.agent[0, :3])
            (ax, ay), (rx, ry) = AHEAD[heading], AHEAD[(heading + 1) % 4]
            dx, dy = 1 - x, env.simulator.size.height // 2 - 1 - y
            column, row = 3 + dx * rx + dy * ry, 6 - dx * ax - dy * ay
            within = 0 <= column < 7 and 0 <= row < 7
            assert told == (within and obs["image"][column, row, 0] in (KEY, BALL)), (x, y, heading)
            seen[told] += 1
            obs, _, terminated, truncated, info = env.step(int(rng.choice([0, 0, 1, 2, 2, 2])))
            if terminated or truncated:
                break
    assert min(seen.values()) > 200


def test_memory_wrong_side_ends_without_reward_and_hands_stay_empty() -> None:
    env = gym.make("MemoryS7-v0").unwrapped
    for seed in range(8):
        env.reset(seed=seed)
        plan = list(env.oracle().actions)
        wrong = [*plan[:-2], 1 - plan[-2], FORWARD]
        for action in (PICKUP, TOGGLE, DROP):
            env.step(action)
            assert env.simulator.world.agent[0, CARRY] == EMPTY
        for action in wrong:
            _, reward, terminated, _, info = env.step(action)
        assert terminated
        assert reward == 0
        assert not info["success"]


def test_memory_refuses_even_sizes() -> None:
    with pytest.raises(ValueError, match=r"odd.*8"):
        gym.make("MemoryS7-v0", size=8)


# ---- LockedRoom ----------------------------------------------------------------------------------


def test_locked_room_draws_are_uniform() -> None:
    env = levels("LockedRoom-v0", 4000)
    world = env.simulator.world
    locked = world.memory[:, locked_room.LOCKED_ROOM].astype(int)
    key_room = world.memory[:, locked_room.KEY_ROOM].astype(int)
    assert not (locked == key_room).any()
    assert uniform(locked * 5 + key_room - (key_room > locked), 30)
    key, room = (world.memory[:, i].astype(int) for i in range(2))
    assert uniform(key * 5 + room - (room > key), 30)
    assert uniform((world.agent[:, X] - 8) * 17 + world.agent[:, Y] - 1, 51)
    assert uniform(world.agent[:, DIRECTION], 4)
    for column in (locked_room.KEY_X, locked_room.GOAL_X):
        x, y = world.memory[:, column].astype(int), world.memory[:, column + 1].astype(int)
        assert uniform(np.where(x > 10, x - 12, x - 1) * 5 + y % 6 - 1, 30)


def test_locked_room_has_six_doors_and_the_mission_names_the_right_ones() -> None:
    env = levels("LockedRoom-v0", 100)
    for n in range(100):
        codes = picture(env, n)
        kinds = TRIPLES[codes]
        doors = kinds[codes >= OPAQUE]
        doors = doors[doors[:, 0] == DOOR]
        assert sorted(doors[:, 1]) == list(range(6))
        (locked,) = doors[doors[:, 2] == 2]
        (key,) = kinds[kinds[..., 0] == KEY]
        ((key_y, key_x),) = np.argwhere(kinds[..., 0] == KEY)
        ((goal_y, goal_x),) = np.argwhere(kinds[..., 0] == GOAL)
        own = kinds[key_y // 6 * 6 + 3, 7 if key_x < 9 else 11]
        assert tuple(kinds[goal_y // 6 * 6 + 3, 7 if goal_x < 9 else 11]) == tuple(locked)
        assert key[1] == locked[1]
        color, room = COLORS[key[1]], COLORS[own[1]]
        assert env.missions[n] == (
            f"get the {color} key from the {room} room, unlock the {color} door and go to the goal"
        )


def scatter_locked_rooms(env: Any, rng: np.random.Generator) -> None:
    """Give every row a random pose, doors open and closed, the key anywhere or in hand."""
    world, size = env.simulator.world, env.simulator.size
    rooms = [(x, y) for x in (*range(1, 7), *range(12, 18)) for y in range(1, 18) if y % 6]
    hall = [(x, y) for x in range(8, 11) for y in range(1, 18)]
    for n in range(env.num_envs):
        locked = int(world.memory[n, locked_room.LOCKED_ROOM])
        unlocked = rng.random() < 0.5
        for room in range(6):
            door = cell_index(size, *locked_room.door_of(room))
            if room != locked or unlocked:
                world.grid[n, door] = locked_room.closed_door(int(TRIPLES[world.grid[n, door], 1]))
                if rng.random() < 0.5:
                    world.grid[n, door] = toggled(world.grid[n, door], EMPTY)
        doorways = [(x, y) for x in (7, 11) for y in (3, 9, 15)]
        spots = rooms + hall * 3 + doorways * 6
        while True:
            x, y = spots[rng.integers(len(spots))]
            open_way = world.grid[n, cell_index(size, x, y)] < OPAQUE
            if open_way and (unlocked or locked_room.room_of(x, y) != locked):
                break
        world.agent[n, :3] = x, y, rng.integers(4)
        old = cell_index(size, *world.memory[n, [locked_room.KEY_X, locked_room.KEY_Y]].tolist())
        key = int(world.grid[n, old])
        world.grid[n, old] = EMPTY
        while True:
            x, y = (rooms + hall)[rng.integers(len(rooms + hall))]
            at = cell_index(size, x, y)
            if world.grid[n, at] == EMPTY and (x, y) != tuple(world.agent[n, :2]):
                break
        held = rng.random() < 0.3
        world.memory[n, [locked_room.KEY_X, locked_room.KEY_Y]] = (-1, -1) if held else (x, y)
        world.agent[n, CARRY] = key if held else EMPTY
        if not held:
            world.grid[n, at] = key


def test_locked_room_distances_equal_a_search_that_knows_no_rooms() -> None:
    env = levels("LockedRoom-v0", 300)
    scatter_locked_rooms(env, np.random.default_rng(0))
    told = look(env)
    world, size = env.simulator.world, env.simulator.size
    cases = set()
    for n in range(env.num_envs):
        walk = Walk(picture(env, n), *world.agent[n, :3].tolist())
        told_cells = world.memory[n, locked_room.KEY_X : locked_room.GOAL_Y + 1].tolist()
        key, goal = told_cells[:2], told_cells[2:]
        to_key = 0 if key[0] < 0 else walk.to_face(*key)
        door = locked_room.door_of(int(world.memory[n, locked_room.LOCKED_ROOM]))
        _, _, lock = TRIPLES[world.grid[n, cell_index(size, *door)]]
        locked = lock == 2
        to_door = walk.to_face(*door) if locked else 0
        to_goal = walk.to_stand(*goal)
        subgoal = (0 if key[0] >= 0 else 1) if locked else 2
        cases.add(subgoal)
        assert told["steps_to_key"][n] == to_key, n
        assert told["steps_to_door"][n] == to_door, n
        assert told["steps_to_goal"][n] == to_goal, n
        assert told["subgoal"][n] == subgoal, n
        assert told["unlocked"][n] == (not locked), n
        assert told["door_open"][n] == (lock == OPEN), n
        assert told["steps_to_subgoal"][n] == (to_key, to_door, to_goal)[subgoal], n
    assert cases == {0, 1, 2}


def test_locked_room_is_solved_by_key_door_goal() -> None:
    env = gym.make("LockedRoom-v0").unwrapped
    for seed in range(3):
        _, info = env.reset(seed=seed)
        features = info["features"]
        oracle = env.oracle()
        stages = []
        for i, action in enumerate(oracle.actions):
            assert features["steps_to_subgoal"] < len(oracle.actions) - i + 1
            stages.append(int(features["subgoal"]))
            _, reward, terminated, _, info = env.step(action)
            features = info["features"]
        assert terminated
        assert reward == 1
        assert [stage for stage, _ in itertools.groupby(stages)] == [0, 1, 2]
        unlocked = stages.index(2)
        assert oracle.solution_length > unlocked + 2


# ---- MultiRoom -----------------------------------------------------------------------------------


def rooms_of(env: Any, n: int) -> np.ndarray:
    """Return row n's rooms as (rooms, columns of a room)."""
    told = env.simulator.world.memory[n]
    rooms = told[room_chain.FIRST :].reshape(-1, room_chain.ROOM)
    assert not rooms[told[room_chain.ROOMS] :].any()
    return rooms[: told[room_chain.ROOMS]]


def test_multi_room_draws_the_number_of_rooms_uniformly() -> None:
    env = levels("MultiRoom-N2-S4-v0", 2000, min_rooms=2, max_rooms=5, room_size=6)
    assert uniform(env.simulator.world.memory[:, room_chain.ROOMS].astype(int) - 2, 4)
    assert env.simulator.size.max_steps == 100


def test_multi_room_is_a_chain_of_rooms_with_doors_of_changing_colours() -> None:
    env = levels("MultiRoom-N6-v0", 200)
    world = env.simulator.world
    for n in range(200):
        codes, rooms = picture(env, n), rooms_of(env, n)
        assert len(rooms) == 6
        outside = np.full(codes.shape, True)
        for left, top, width, height, *_ in rooms:
            assert min(width, height) >= 4
            assert max(width, height) <= 10
            outside[top : top + height, left : left + width] = False
        assert (codes[outside] == EMPTY).all()
        doors = [codes[y, x] for x, y in door_cells(rooms)]
        colors = [int(TRIPLES[door, 1]) for door in doors]
        assert min(doors) >= OPAQUE
        assert all(a != b for a, b in itertools.pairwise(colors))
        assert (TRIPLES[codes][..., 0] == DOOR).sum() == 5
        for (x, y), room in (
            (world.agent[n, :2], rooms[0]),
            (goal_cell(env, n), rooms[-1]),
        ):
            left, top, width, height = room[:4]
            assert left < x < left + width - 1
            assert top < y < top + height - 1


def door_cells(rooms: np.ndarray) -> list[list[int]]:
    """Return the cells of the doors between rooms."""
    return rooms[1:, [room_chain.DOOR_X, room_chain.DOOR_Y]].tolist()


def goal_cell(env: Any, n: int) -> list[int]:
    """Return where row n's goal is."""
    told: list[int] = env.simulator.world.memory[n, [room_chain.GOAL_X, room_chain.GOAL_Y]].tolist()
    return told


def test_multi_room_generators_draw_the_same_distribution() -> None:
    """The compiled stream against NumPy's, which the differential test ties to MiniGrid."""
    options = {"min_rooms": 3, "max_rooms": 3, "room_size": 6}
    samples = []
    for layout, count in (("operant", 3000), ("minigrid", 600)):
        env = levels("MultiRoom-N2-S4-v0", count, layout=layout, **options)
        samples.append(np.array([rooms_of(env, n) for n in range(count)]))
    for column in (room_chain.WIDTH, room_chain.HEIGHT, room_chain.ENTRY):
        for k in range(3):
            a, b = (sample[:, k, column].astype(int) for sample in samples)
            values = sorted(set(a.tolist()) | set(b.tolist()))
            table = [[int((part == v).sum()) for v in values] for part in (a, b)]
            if len(values) > 1:
                assert stats.chi2_contingency(table).pvalue > UNLIKELY, (column, k, table)
    for column in (room_chain.LEFT_WALL, room_chain.TOP_WALL):
        for k in range(3):
            a, b = (sample[:, k, column] for sample in samples)
            assert stats.ks_2samp(a, b).pvalue > UNLIKELY, (column, k)


def scatter_multi_rooms(env: Any, rng: np.random.Generator) -> list[int]:
    """Give every row a random pose and doors open and closed; return the agents' rooms."""
    world, size, chosen = env.simulator.world, env.simulator.size, []
    for n in range(env.num_envs):
        rooms = rooms_of(env, n)
        for x, y in door_cells(rooms):
            door = cell_index(size, x, y)
            if rng.random() < 0.5:
                world.grid[n, door] = toggled(world.grid[n, door], EMPTY)
        k = int(rng.integers(len(rooms)))
        left, top, width, height, door_x, door_y, *_ = rooms[k].tolist()
        x, y = rng.integers(left + 1, left + width - 1), rng.integers(top + 1, top + height - 1)
        open_way = k and world.grid[n, cell_index(size, door_x, door_y)] < OPAQUE
        if open_way and rng.random() < 0.5:
            x, y = door_x, door_y
        world.agent[n, :3] = x, y, rng.integers(4)
        chosen.append(k)
    return chosen


@pytest.mark.parametrize("env_id", ["MultiRoom-N2-S4-v0", "MultiRoom-N4-S5-v1", "MultiRoom-N6-v0"])
def test_multi_room_distances_equal_a_search_that_knows_no_rooms(env_id: str) -> None:
    env = levels(env_id, 150)
    chosen = scatter_multi_rooms(env, np.random.default_rng(0))
    told = look(env)
    world, size = env.simulator.world, env.simulator.size
    for n, k in enumerate(chosen):
        rooms = rooms_of(env, n)
        walk = Walk(picture(env, n), *world.agent[n, :3].tolist())
        to_goal = walk.to_stand(*goal_cell(env, n))
        subgoal, to_next = 2, to_goal
        if k + 1 < len(rooms):
            door = door_cells(rooms)[k]
            subgoal = 0 if world.grid[n, cell_index(size, *door)] >= OPAQUE else 1
            to_next = (walk.to_stand if subgoal else walk.to_face)(*door)
        got = {name: int(told[name][n]) for name in told}
        assert got["room"] == k, n
        assert got["doors_ahead"] == len(rooms) - 1 - k, n
        assert got["subgoal"] == subgoal, n
        assert got["steps_to_goal"] == to_goal, n
        assert got["steps_to_subgoal"] == to_next, n


def test_multi_room_steps_to_goal_is_the_length_of_the_shortest_solution() -> None:
    for env_id, seeds in (("MultiRoom-N2-S4-v0", 5), ("MultiRoom-N6-v0", 3)):
        env = gym.make(env_id).unwrapped
        for seed in range(seeds):
            _, info = env.reset(seed=seed)
            assert env.oracle().solution_length == info["features"]["steps_to_goal"]


def test_multi_room_refuses_an_empty_range_of_rooms() -> None:
    with pytest.raises(ValueError, match="min_rooms=5, max_rooms=4"):
        gym.make("MultiRoom-N4-S5-v1", min_rooms=5)


# ---- Playground ----------------------------------------------------------------------------------


def test_playground_draws_are_uniform() -> None:
    env = levels("Playground-v0", 600)
    world = env.simulator.world
    kinds = np.stack([TRIPLES[picture(env, n)] for n in range(600)])
    doors = kinds[kinds[..., 0] == DOOR]
    things = kinds[np.isin(kinds[..., 0], (KEY, BALL, BOX))]
    assert len(doors) == 12 * 600
    assert (doors[:, 2] == 1).all()
    assert len(things) == 12 * 600
    assert uniform(doors[:, 1], 6)
    assert uniform((things[:, 0].astype(int) - KEY) * 6 + things[:, 1], 18)
    x, y = world.agent[:, X], world.agent[:, Y]
    assert uniform((y // 6 * 5 + y % 6 - 1) * 15 + x // 6 * 5 + x % 6 - 1, 225)
    assert uniform(world.agent[:, DIRECTION], 4)
    upright = np.argwhere(kinds[:, :, 6, 0] == DOOR)[:, 1]  # in the left of the inner walls
    assert uniform(upright // 6 * 4 + upright % 6 - 1, 12)


def test_playground_counts_equal_what_lies_about_and_nothing_pays() -> None:
    env = levels("Playground-v0", 50, max_steps=400)
    rng, least, most = np.random.default_rng(0), 12, 0
    for _ in range(300):
        _, rewards, terminated, _, info = env.step(rng.choice([0, 1, 2, 2, 2, 3, 4, 5, 5], 50))
        assert not rewards.any()
        assert not terminated.any()
        assert not info["success"].any()
    for n in range(50):
        kinds = TRIPLES[picture(env, n)]
        load = int(TRIPLES[env.simulator.world.agent[n, CARRY], 0])
        lying = int(np.isin(kinds[..., 0], (KEY, BALL, BOX)).sum())
        assert info["features"]["things_left"][n] == lying + (load >= KEY)
        ways = (kinds[..., 0] == DOOR) & (kinds[..., 2] == OPEN)
        assert info["features"]["open_doors"][n] == ways.sum()
        assert info["features"]["load"][n] == (load - KEY + 1 if load >= KEY else 0)
        least = min(least, info["features"]["things_left"][n])
        most = max(most, info["features"]["open_doors"][n])
    assert least < 12
    assert most > 2


def test_playground_oracle_promises_nothing() -> None:
    env = gym.make("Playground-v0").unwrapped
    env.reset(seed=0)
    assert env.oracle().optimal_return == 0
    assert env.mission == ""
    assert playground.THINGS == 12
