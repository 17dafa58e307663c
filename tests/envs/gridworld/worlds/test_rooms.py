"""The worlds made of rooms: their levels, what is needed next in them, when they are won."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Any

import gymnasium as gym
import minigrid  # noqa: F401 (registers MiniGrid's ids)
import numpy as np
import pytest
from minigrid.envs import KeyCorridorEnv, ObstructedMaze_Full, ObstructedMaze_Full_V1
from scipy import stats

import operant  # noqa: F401 (registers our ids)
from operant.envs.gridworld import cells
from operant.envs.gridworld.cells import (
    DOOR_FLAG,
    EMPTY,
    FLAGS,
    INSIDE,
    LOCKED,
    PICKUP,
    TOGGLE,
    TRIPLES,
)
from operant.envs.gridworld.distances import steps_to_face
from operant.envs.gridworld.solver import search
from operant.envs.gridworld.table import ROWS
from operant.envs.gridworld.world import (
    CARRY,
    DIRECTION,
    X,
    Y,
    cell_index,
    column_of,
    row_of,
)
from operant.envs.gridworld.worlds.errand import (
    CLEAR,
    DOOR_AT,
    FREE_HANDS,
    GONE,
    OPEN_BOX,
    OPEN_DOOR,
    TAKE_KEY,
    TAKE_TARGET,
    TARGET_AT,
)
from operant.envs.gridworld.worlds.errand_oracle import doing_errands

FIRST_STAGE = {
    "unlock_pickup": TAKE_KEY,
    "blocked_unlock_pickup": CLEAR,
    "key_corridor": TAKE_KEY,
    "obstructed_maze": OPEN_BOX,
}
MODULE_OF = {row.id: row.entry_point.partition(":")[0].rpartition(".")[2] for row in ROWS}
IDS = [env_id for env_id, module in MODULE_OF.items() if module in ("unlock", *FIRST_STAGE)]
KEY_CAN_BE_LOST = [f"ObstructedMaze-{name}-v0" for name in ("2Dlhb", "1Q", "2Q")]
# Gymnasium warns about every v0 that has a v1.
pytestmark = [
    pytest.mark.integration,  # each world compiles kernels of its own
    pytest.mark.filterwarnings("ignore:.*is out of date.*:DeprecationWarning"),
]
KIND = {name: number for number, name in enumerate(cells.OBJECTS)}

Pose = tuple[int, int]


def levels(env_id: str, count: int, seed: int = 0, **options: int) -> Any:
    """Return a simulator with so many levels drawn by the compiled generator."""
    env: Any = gym.make_vec(env_id, num_envs=count, **options).unwrapped
    env.reset(seed=seed)
    return env.simulator


def codes_of(simulator: Any) -> np.ndarray:
    """Return all cells as codes, (N, width, height)."""
    size = simulator.size
    spots = [[cell_index(size, x, y) for y in range(size.height)] for x in range(size.width)]
    return simulator.world.grid[:, spots]


# Levels.


@pytest.mark.parametrize(
    ("env_id", "options", "theirs"),
    [
        ("KeyCorridorS3R1-v0", {"room_size": 7, "rows": 5}, KeyCorridorEnv(5, room_size=7)),
        (
            "ObstructedMaze-Full-v0",
            {"quarters": 3, "key_in_box": False},
            ObstructedMaze_Full(key_in_box=False, num_quarters=3),
        ),
        (
            "ObstructedMaze-Full-v1",
            {"quarters": 2, "blocked": False},
            ObstructedMaze_Full_V1(blocked=False, num_quarters=2),
        ),
    ],
)
def test_sizes_that_have_no_id_equal_minigrids_too(
    env_id: str, options: dict[str, int], theirs: Any
) -> None:
    ours: Any = gym.make(env_id, layout="minigrid", **options).unwrapped
    assert ours.max_steps == theirs.max_steps
    for seed in range(20):
        ours.reset(seed=seed)
        theirs.reset(seed=seed)
        np.testing.assert_array_equal(TRIPLES[codes_of(ours.simulator)[0]], theirs.grid.encode())
        agent = ours.simulator.world.agent[0]
        assert (agent[X], agent[Y], agent[DIRECTION]) == (*theirs.agent_pos, theirs.agent_dir)


def facts(triples: np.ndarray, pose: tuple[int, int, int]) -> dict[str, Hashable]:
    """Return what is random about a level, as single values."""
    kinds, found = triples[:, :, 0], {}
    for kind in ("key", "ball", "box"):
        places = np.argwhere(kinds == KIND[kind]).tolist()
        found |= {f"{kind}s": len(places), f"first {kind}": tuple(places[0]) if places else None}
    doors = np.argwhere(kinds == KIND["door"]).tolist()
    locked = [tuple(door) for door in doors if triples[tuple(door)][2] == LOCKED]
    colors = [int(triples[x, y, 1]) for x, y in doors]
    return found | {
        "doors": len(doors),
        "first door": tuple(doors[0]),
        "last door": tuple(doors[-1]),
        "lock": locked[0],
        "color of lock": int(triples[locked[0]][1]),
        "distinct colors": len(set(colors)),
        "cell of agent": pose[:2],
        "direction": pose[2],
    }


def drawn_by_minigrid(env_id: str, count: int) -> Iterator[dict[str, Hashable]]:
    """Draw levels one after the other, without the cost of observing them."""
    env: Any = gym.make(f"MiniGrid-{env_id}").unwrapped
    env.reset(seed=1)
    for _ in range(count):
        env.agent_pos, env.agent_dir = (-1, -1), -1
        env._gen_grid(env.width, env.height)
        x, y = env.agent_pos
        yield facts(env.grid.encode(), (int(x), int(y), int(env.agent_dir)))


def drawn_by_us(env_id: str, count: int) -> Iterator[dict[str, Hashable]]:
    simulator = levels(env_id, count)
    poses = simulator.world.agent[:, [X, Y, DIRECTION]].tolist()
    for codes, pose in zip(codes_of(simulator), poses, strict=True):
        yield facts(TRIPLES[codes], tuple(pose))


def same_distribution(one: Counter, other: Counter) -> float:
    """Return the p-value of a chi-square test; values too rare for it are counted as one."""
    total = sum(one.values()) + sum(other.values())
    least = 6 * total / min(sum(one.values()), sum(other.values()))
    both = one + other
    common = [value for value in both if both[value] >= least]
    table = np.array([[counter[value] for value in common] for counter in (one, other)])
    rest = [[sum(counter.values())] for counter in (one, other)] - table.sum(axis=1, keepdims=True)
    if rest.sum() >= least:
        table = np.hstack([table, rest])
    return 1.0 if table.shape[1] < 2 else float(stats.chi2_contingency(table).pvalue)


@pytest.mark.parametrize(
    "env_id",
    [
        "BlockedUnlockPickup-v0",
        "KeyCorridorS3R3-v0",
        "KeyCorridorS6R3-v0",
        "ObstructedMaze-1Dlh-v0",
        "ObstructedMaze-2Q-v1",
    ],
)
def test_compiled_levels_are_distributed_as_minigrids(env_id: str) -> None:
    ours = list(drawn_by_us(env_id, 1500))
    theirs = list(drawn_by_minigrid(env_id, 400))
    for name in theirs[0]:
        values = [Counter(level[name] for level in drawn) for drawn in (ours, theirs)]
        # Nothing can be but what MiniGrid draws as well, given enough draws.
        assert values[1].keys() <= values[0].keys(), name
        assert same_distribution(*values) > 1e-4, (name, values)


@pytest.mark.parametrize("env_id", ["ObstructedMaze-2Dlhb-v0", "ObstructedMaze-1Q-v0"])
def test_a_ball_replaces_the_needed_key_in_one_of_15_levels_of_v0(env_id: str) -> None:
    # 15 cells are free for the key of the ball's door; one of them gets the other door's ball.
    simulator = levels(env_id, 4096)
    lost = int((simulator.world.memory[:, 0] == GONE).sum())
    assert stats.binomtest(lost, 4096, 1 / 15).pvalue > 1e-3
    winnable = [is_winnable(codes, pose) for codes, pose in some_levels(simulator, 300)]
    assert winnable == [key != GONE for key in simulator.world.memory[:300, 0]]


def test_no_key_is_lost_in_v1() -> None:
    for env_id in KEY_CAN_BE_LOST:
        newer = env_id.replace("v0", "v1")
        grid = codes_of(levels(newer, 500))
        holders = np.isin(grid, [cells.box("grey", color) for color in cells.COLORS])
        balls = grid == cells.ball("green")
        locked = (TRIPLES[grid][..., 0] == KIND["door"]) & (TRIPLES[grid][..., 2] == LOCKED)
        for things in (holders, balls):
            np.testing.assert_array_equal(things.sum(axis=(1, 2)), locked.sum(axis=(1, 2)))


# Levels can be won.


def some_levels(simulator: Any, count: int) -> Iterator[tuple[np.ndarray, tuple[int, int]]]:
    poses = simulator.world.agent[:count, [X, Y]].tolist()
    for codes, pose in zip(codes_of(simulator), poses, strict=False):
        yield codes, tuple(pose)


def is_winnable(codes: np.ndarray, start: tuple[int, int]) -> bool:
    """Tell whether what can be reached with all keys that can be reached includes the target.

    Loose things do not stop anybody: they can be carried away. The target is what the mission
    asks for, a box without a key or else a ball that is not green.
    """
    keys: set[int] = set()
    while True:
        reached, stack, found = {start}, [start], set()
        while stack:
            x, y = stack.pop()
            for at in ((x + 1, y), (x, y + 1), (x - 1, y), (x, y - 1)):
                code = int(codes[at])
                kind, color, state = TRIPLES[code].tolist()
                is_shut = kind == KIND["door"] and state == LOCKED and color not in keys
                if at in reached or kind == KIND["wall"] or is_shut:
                    continue
                hidden = TRIPLES[INSIDE[code]].tolist()
                for thing in ((kind, color), (hidden[0], hidden[1])):
                    if thing[0] == KIND["key"]:
                        found.add(thing[1])
                is_empty_box = kind == KIND["box"] and hidden[0] == KIND["empty"]
                if is_empty_box or (kind == KIND["ball"] and code in TARGETS):
                    return True
                reached.add(at)
                stack.append(at)
        if found <= keys:
            return False
        keys |= found


TARGETS = {cells.ball(color) for color in cells.COLORS if color != "green"}


@pytest.mark.parametrize(
    "env_id", [name for name in IDS if name not in (*KEY_CAN_BE_LOST, "Unlock-v0")]
)
def test_every_compiled_level_can_be_won(env_id: str) -> None:
    colored = MODULE_OF[env_id] in ("key_corridor", "blocked_unlock_pickup")
    for codes, start in some_levels(levels(env_id, 100), 100):
        if colored:  # the target may be a green ball, and a ball in the way of any colour
            balls = TRIPLES[codes][..., 0] == KIND["ball"]
            target = cells.ball("red") if MODULE_OF[env_id] == "key_corridor" else EMPTY
            codes = np.where(balls, np.uint8(target), codes)
        assert is_winnable(codes, start)


@pytest.mark.parametrize(
    "env_id",
    [
        "Unlock-v0",
        "UnlockPickup-v0",
        "KeyCorridorS3R1-v0",
        "KeyCorridorS3R2-v0",
        "KeyCorridorS3R3-v0",
        "ObstructedMaze-1Dl-v0",
    ],
)
def test_oracle_wins_every_compiled_level(env_id: str) -> None:
    env: Any = gym.make(env_id).unwrapped
    for seed in range(30):
        env.reset(seed=seed)
        plan = env.oracle().actions
        assert plan
        *_, last = (env.step(action) for action in plan)
        assert last[1:3] == (1.0, True)
        assert last[4]["success"]


# Missions.


@pytest.mark.parametrize("env_id", IDS)
def test_mission_reads_as_minigrids(env_id: str) -> None:
    ours: Any = gym.make(env_id, layout="minigrid").unwrapped
    theirs = gym.make(f"MiniGrid-{env_id}")
    words = ours.simulator.family.mission
    assert ("mission" in ours.reset(seed=0)[0]) == bool(words)
    for seed in range(10 if words else 1):
        obs, _ = ours.reset(seed=seed)
        assert ours.mission == theirs.reset(seed=seed)[0]["mission"]
        assert ours.observation_space.contains(obs)


def test_missions_name_every_color() -> None:
    for env_id in ("UnlockPickup-v0", "BlockedUnlockPickup-v0", "KeyCorridorS3R3-v0"):
        simulator = levels(env_id, 200)
        colors = simulator.out.mission[:, 0]
        assert set(colors.tolist()) == set(range(6))
        target = simulator.world.memory[:, 1 + 3]
        shown = TRIPLES[simulator.world.grid[np.arange(200), target]]
        np.testing.assert_array_equal(shown[:, 1], colors)


# What is needed next.


def errands(simulator: Any, env_id: str) -> tuple[int, ...]:
    """Return actions that do what ``subgoal`` says, whatever the family's own oracle does."""
    first, begin = len(simulator.family.mission), FIRST_STAGE[MODULE_OF[env_id]]
    return doing_errands(simulator, first=first, begin=begin).actions


@pytest.mark.parametrize("env_id", [env_id for env_id in IDS if env_id != "Unlock-v0"])
def test_doing_what_subgoal_says_wins(env_id: str) -> None:
    env: Any = gym.make(env_id).unwrapped
    lost = 0
    for seed in range(25):
        _, info = env.reset(seed=seed)
        plan = errands(env.simulator, env_id)
        if not plan:
            lost += 1
            assert info["features"]["steps_to_key"] == sum(env.simulator.size[:2])
            continue
        subgoals = []
        for action in plan:
            subgoals.append(info["features"]["subgoal"] + FIRST_STAGE[MODULE_OF[env_id]])
            _, reward, terminated, _, info = env.step(action)
        assert (reward, terminated, info["success"]) == (1.0, True, True)
        assert {TAKE_KEY, OPEN_DOOR, FREE_HANDS} <= set(subgoals)
        assert subgoals[-1] == TAKE_TARGET
    assert lost == 0 or env_id in KEY_CAN_BE_LOST


@pytest.mark.parametrize("env_id", ["KeyCorridorS3R2-v0", "KeyCorridorS4R3-v0"])
def test_leaving_out_useless_actions_costs_no_step(env_id: str) -> None:
    env: Any = gym.make(env_id).unwrapped
    rng = np.random.default_rng(0)
    for seed in range(15):
        env.reset(seed=seed)
        # Somewhere on the way, after some detours of any kind.
        plan = env.oracle().actions
        for action in [*plan[: seed * len(plan) // 15], *rng.integers(0, 6, 10)]:
            if env.step(action)[2]:
                env.reset()
        graph = search(env.simulator, range(7), stop=True)
        length, state = 1, graph.goal[0]
        while (state := graph.found.parent[state]) >= 0:
            length += 1
        assert env.oracle().solution_length == length


def test_bound_and_plan_of_large_mazes() -> None:
    small: Any = gym.make("ObstructedMaze-2Dl-v0", reward="minigrid").unwrapped
    for seed in range(10):
        small.reset(seed=seed)
        exact = small.oracle()
        other = doing_errands(small.simulator, first=0, begin=OPEN_BOX)
        assert (exact.kind, other.kind) == ("exact", "upper_bound")
        assert other.optimal_return >= exact.optimal_return
        assert len(other.actions) >= len(exact.actions)
    large: Any = gym.make("ObstructedMaze-Full-v1").unwrapped
    large.reset(seed=0)
    assert large.oracle().kind == large.card.oracle == "upper_bound"
    assert small.card.oracle == "exact"


@pytest.mark.parametrize(
    "env_id",
    ["Unlock-v0", "UnlockPickup-v0", "KeyCorridorS3R3-v0", "ObstructedMaze-1Dlh-v0"],
)
def test_steps_to_subgoal_is_a_lower_bound(env_id: str) -> None:
    env: Any = gym.make(env_id).unwrapped
    tight = 0
    for seed in range(25):
        shown = [env.reset(seed=seed)[1]["features"]]
        plan = env.oracle().actions
        shown += [env.step(action)[4]["features"] for action in plan]
        subgoals = [features["subgoal"] for features in shown[:-1]]
        for t, subgoal in enumerate(subgoals):
            later = [k for k in range(t, len(plan)) if subgoals[k] != subgoal]
            taken = (later[0] if later else len(plan)) - t
            # One more, to do what the walk is for.
            assert shown[t]["steps_to_subgoal"] + 1 <= taken, (seed, t)
            tight += shown[t]["steps_to_subgoal"] + 1 == taken
    assert tight > 25


def test_steps_to_door_is_exact_once_the_key_is_held() -> None:
    env: Any = gym.make("Unlock-v0").unwrapped
    for seed in range(20):
        env.reset(seed=seed)
        plan = list(env.oracle().actions)
        while plan:
            features = env.step(plan.pop(0))[4]["features"]
            if features["has_key"] and plan:
                assert features["steps_to_door"] + 1 == len(plan)


KEYS = [cells.key(color) for color in cells.COLORS]
FULL_BOXES = [cells.box("grey", color) for color in cells.COLORS]
BOXES = [cells.box(color) for color in cells.COLORS]
BALLS = [cells.ball(color) for color in cells.COLORS]


def steps_by_scanning(simulator: Any, n: int, sought: list[int]) -> int:
    """Return the fewest actions to face the only thing with one of some codes in row n's level."""
    x, y, heading, load = simulator.world.agent[n, :4].tolist()
    if load in sought:
        return 0
    places = np.argwhere(np.isin(codes_of(simulator)[n], sought)).tolist()
    if not places:
        return simulator.size.width + simulator.size.height
    return steps_to_face(places[0][0] - x, places[0][1] - y, heading)


@pytest.mark.parametrize(
    ("env_id", "name", "target"),
    [
        ("UnlockPickup-v0", "steps_to_box", BOXES),
        ("BlockedUnlockPickup-v0", "steps_to_box", BOXES),
        ("KeyCorridorS4R3-v0", "steps_to_ball", BALLS),
        ("ObstructedMaze-1Dlhb-v0", "steps_to_ball", [cells.ball("blue")]),
    ],
)
def test_features_are_what_one_finds_by_looking(env_id: str, name: str, target: list[int]) -> None:
    env: Any = gym.make(env_id).unwrapped
    simulator, rng, seen = env.simulator, np.random.default_rng(0), Counter()
    for seed in range(20):
        env.reset(seed=seed)
        for t in range(60):
            # Half of the time with a purpose, or else nothing much would happen.
            plan = errands(simulator, env_id)[:2] if t % 3 == 0 else rng.integers(0, 6, 3)
            for action in plan:
                _, _, terminated, truncated, info = env.step(action)
                if terminated or truncated:
                    break
            features, load = info["features"], int(simulator.world.agent[0, CARRY])
            grid = codes_of(simulator)[0]
            kinds, states = TRIPLES[grid][..., 0], TRIPLES[grid][..., 2]
            is_locked = ((kinds == KIND["door"]) & (states == LOCKED)).any()
            expected = {
                "carrying": load != EMPTY,
                "has_key": load in KEYS,
                "steps_to_key": steps_by_scanning(simulator, 0, KEYS + FULL_BOXES),
                name: steps_by_scanning(simulator, 0, target),
            }
            if load in FULL_BOXES:
                expected["steps_to_key"] = 0
            if "key_hidden" in features:
                expected["key_hidden"] = np.isin([*grid.ravel(), load], FULL_BOXES).any()
            for key, value in expected.items():
                assert features[key] == value, (seed, t, key)
                seen[key, bool(value)] += 1
            assert not (features["door_open"] and is_locked)
            if terminated or truncated or features[name] == sum(simulator.size[:2]):
                break
    assert min(seen.values()) > 4, seen


def stand_before(simulator: Any, at: int) -> None:
    """Put the agent beside a cell on a free one, facing it."""
    world, size = simulator.world, simulator.size
    for heading, step in enumerate((1, size.stride, -1, -size.stride)):
        if world.grid[0, at - step] == EMPTY:
            world.agent[0, X], world.agent[0, Y] = (
                column_of(size, at - step),
                row_of(size, at - step),
            )
            world.agent[0, DIRECTION] = heading
            return
    raise AssertionError("no free cell beside it")


@pytest.mark.parametrize("env_id", ["UnlockPickup-v0", "BlockedUnlockPickup-v0"])
def test_a_broken_box_loses_the_level_quietly(env_id: str) -> None:
    env: Any = gym.make(env_id).unwrapped
    env.reset(seed=0)
    simulator = env.simulator
    box = int(np.flatnonzero(np.isin(simulator.world.grid[0], BOXES))[0])
    stand_before(simulator, box)
    _, reward, terminated, _, info = env.step(TOGGLE)
    assert (reward, terminated, info["success"]) == (0.0, False, False)
    assert simulator.world.grid[0, box] == EMPTY
    assert info["features"]["steps_to_box"] == sum(simulator.size[:2])
    if env_id == "UnlockPickup-v0":
        assert env.oracle().solution_length is None


def test_only_the_target_ends_the_episode() -> None:
    env: Any = gym.make("ObstructedMaze-1Dlhb-v0").unwrapped
    for seed in range(5):
        env.reset(seed=seed)
        for code, wins in ((cells.ball("green"), False), (cells.ball("blue"), True)):
            world = env.simulator.world
            stand_before(env.simulator, int(np.flatnonzero(world.grid[0] == code)[0]))
            _, reward, terminated, _, info = env.step(PICKUP)
            assert world.agent[0, CARRY] == code
            assert (reward, terminated, info["success"]) == (float(wins), wins, wins)
            world.agent[0, CARRY] = EMPTY


def test_any_door_to_the_ball_will_do() -> None:
    env: Any = gym.make("ObstructedMaze-Full-v1").unwrapped
    for seed in range(10):
        env.reset(seed=seed)
        size, world = env.simulator.size, env.simulator.world
        known, ball = int(world.memory[0, DOOR_AT]), int(world.memory[0, TARGET_AT])
        left, top = column_of(size, ball) // 5 * 5, row_of(size, ball) // 5 * 5
        walls = [cell_index(size, left + x, top + y) for x in range(6) for y in range(6)]
        doors = {at for at in walls if FLAGS[world.grid[0, at]] & DOOR_FLAG}
        (other,) = doors - {known}
        for step in (1, -1, size.stride, -size.stride):  # only on the far side there is a ball
            if world.grid[0, other + step] == cells.ball("green"):
                world.grid[0, other + step], world.grid[0, other - step] = EMPTY, cells.WALL
        stand_before(env.simulator, other)
        world.agent[0, CARRY] = cells.key(cells.COLORS[TRIPLES[world.grid[0, other], 1]])
        features = env.step(TOGGLE)[4]["features"]
        assert features["door_open"]
        assert features["subgoal"] == FREE_HANDS
        assert world.memory[0, DOOR_AT] == other


# Bad input.


@pytest.mark.parametrize(
    ("env_id", "options", "complaint"),
    [
        ("ObstructedMaze-1Dl-v0", {"side_start": True}, "side_start"),
        ("ObstructedMaze-1Dl-v0", {"keys_last": True}, "keys_last"),
        ("ObstructedMaze-Full-v1", {"quarters": 5}, "quarters"),
        ("KeyCorridorS3R1-v0", {"room_size": 2}, "room_size"),
        ("KeyCorridorS3R1-v0", {"rows": 0}, "rows"),
    ],
)
def test_impossible_sizes_are_refused(env_id: str, options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        gym.make(env_id, **options)
