"""Empty, FourRooms, LavaGap, Crossing, DistShift and DynamicObstacles, beyond the shared checks.

MiniGrid and exact distributions judge the levels; a search of the pose graph judges the features.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Hashable, Iterable

import gymnasium as gym
import minigrid  # noqa: F401 (registers its ids)
import numpy as np
import pytest
from minigrid.core.world_object import Ball, Lava, Wall
from minigrid.envs import CrossingEnv, DynamicObstaclesEnv, EmptyEnv, FourRoomsEnv, LavaGapEnv
from minigrid.minigrid_env import MiniGridEnv
from scipy import stats

import operant  # noqa: F401 (registers the ids)
from operant.envs.gridworld.cells import EMPTY, FLAGS, GOAL, LAVA, TRIPLES, WALKABLE
from operant.envs.gridworld.engine import FEATURES
from operant.envs.gridworld.table import ROWS
from operant.envs.gridworld.world import DIRECTION, PAD, X, Y
from operant.envs.gridworld.worlds import crossing, dynamic_obstacles, four_rooms, lava_gap

pytestmark = pytest.mark.integration  # each world compiles kernels of its own

LEFT, RIGHT, FORWARD, DONE = 0, 1, 2, 6
STEP = ((1, 0), (0, 1), (-1, 0), (0, -1))
MODULES = ("empty", "four_rooms", "lava_gap", "crossing", "dist_shift", "dynamic_obstacles")
IDS = [row.id for row in ROWS if row.entry_point.split(":")[0].rsplit(".", 1)[1] in MODULES]
BALLS = [name for name in IDS if name.startswith("Dynamic")]
STILL = [name for name in IDS if name not in BALLS]
SIGNIFICANT = 1e-3

Cell = tuple[int, int]
Pose = tuple[int, int, int]


# ---- levels -------------------------------------------------------------------------------------


def levels(env_id: str, count: int, seed: int = 0, **options: int):
    """Return the simulator of a batch of freshly drawn levels."""
    env = gym.make_vec(env_id, num_envs=count, **options)
    env.reset(seed=seed)
    return env.unwrapped.simulator


def cells_of(simulator) -> np.ndarray:
    """Return the codes inside the padding, (N, height, width)."""
    size, grid = simulator.size, simulator.world.grid
    inside = grid[:, : size.stride * (size.height + 2 * PAD)].reshape(len(grid), -1, size.stride)
    return inside[:, PAD:-PAD, PAD : PAD + size.width]


def spots(simulator, column: int) -> list[Cell]:
    """Return the (x, y) that every row keeps from a column of its memory on."""
    return [tuple(cell) for cell in simulator.world.memory[:, column : column + 2].tolist()]


def poses(simulator) -> list[Pose]:
    return [tuple(row) for row in simulator.world.agent[:, [X, Y, DIRECTION]].tolist()]


def redrawn(env: MiniGridEnv, count: int) -> Iterable[MiniGridEnv]:
    """Draw MiniGrid's levels one after the other, without the cost of its observations."""
    env.reset(seed=0)
    for _ in range(count):
        env.agent_pos, env.agent_dir = (-1, -1), -1
        env._gen_grid(env.width, env.height)
        yield env


def assert_follows(drawn: Iterable[Hashable], expected: dict[Hashable, float], who: str) -> None:
    """Test exact support (of the likely) and frequencies against a distribution."""
    counter = Counter(drawn)
    total = sum(counter.values())
    assert math.isclose(sum(expected.values()), 1.0)
    assert counter.keys() <= expected.keys(), who
    missing = expected.keys() - counter.keys()
    assert all(expected[level] * total < 15 for level in missing), who
    observed, chances = zip(*((counter[k], p * total) for k, p in expected.items()), strict=True)
    assert stats.chisquare(observed, chances).pvalue > SIGNIFICANT, who


def uniform(outcomes: Iterable[Hashable]) -> dict[Hashable, float]:
    listed = list(outcomes)
    return {outcome: 1 / len(listed) for outcome in listed}


def test_random_starts_are_uniform() -> None:
    cells = [c for c in itertools.product(range(1, 5), repeat=2) if c != (4, 4)]
    expected = uniform((*cell, heading) for cell in cells for heading in range(4))
    assert_follows(poses(levels("Empty-Random-6x6-v0", 6000)), expected, "ours")
    theirs = redrawn(EmptyEnv(size=6, agent_start_pos=None), 3000)
    drawn = ((int(e.agent_pos[0]), int(e.agent_pos[1]), int(e.agent_dir)) for e in theirs)
    assert_follows(drawn, expected, "MiniGrid's")


@pytest.mark.parametrize("size", [5, 6, 7])
def test_lava_gaps_are_uniform(size: int) -> None:
    expected = uniform(itertools.product(range(2, size - 2), range(1, size - 1)))
    simulator = levels(f"LavaGapS{size}-v0", 4000)
    gaps = spots(simulator, lava_gap.GAP_X)
    assert_follows(gaps, expected, "ours")
    theirs = redrawn(LavaGapEnv(size=size), 1500)
    assert_follows((tuple(map(int, e.gap_pos)) for e in theirs), expected, "MiniGrid's")
    for (x, y), level in zip(gaps[:200], cells_of(simulator), strict=False):
        lava = {(int(i), int(j)) for j, i in np.argwhere(level == LAVA)}
        assert lava == {(x, j) for j in range(1, size - 1) if j != y}


def test_four_rooms_have_uniform_gaps_starts_and_goals() -> None:
    simulator = levels("FourRooms-v0", 20_000)
    gaps = [spots(simulator, four_rooms.GAPS + 2 * k) for k in range(4)]
    ends = range(1, 9), range(10, 18)
    places = (
        [(9, y) for y in ends[0]],
        [(x, 9) for x in ends[1]],
        [(9, y) for y in ends[1]],
        [(x, 9) for x in ends[0]],
    )
    for one, other in itertools.combinations(range(4), 2):
        pairs = zip(gaps[one], gaps[other], strict=True)
        assert_follows(pairs, uniform(itertools.product(places[one], places[other])), "ours")
    # Every free cell, gaps included, is as likely; seen from the gaps, that is one number.
    goals = spots(simulator, four_rooms.GOAL_X)
    starts = [pose[:2] for pose in poses(simulator)]
    rooms = set(itertools.product([*ends[0], *ends[1]], repeat=2))
    for name, drawn in (("goal", goals), ("start", starts)):
        inside = [cell for cell in drawn if cell in rooms]
        assert_follows(inside, uniform(rooms), name)
        gap = 20_000 - len(inside)
        assert stats.binomtest(gap, 20_000, 4 / 260).pvalue > SIGNIFICANT, name
    assert_follows((pose[2] for pose in poses(simulator)), uniform(range(4)), "heading")
    assert not any(goal == start for goal, start in zip(goals, starts, strict=True))
    theirs = [
        {(k % 19, k // 19) for k, o in enumerate(env.grid.grid) if isinstance(o, Wall)}
        for env in redrawn(FourRoomsEnv(), 400)
    ]
    for line in places:
        drawn = (cell for walls in theirs for cell in line if cell not in walls)
        assert_follows(drawn, uniform(line), "MiniGrid's")


def crossing_levels(side: int, number: int) -> dict[Hashable, float]:
    """Enumerate MiniGrid's crossings: obstacle cells of a level -> its probability."""
    beds = [(axis, line) for axis in "vh" for line in range(2, side - 2, 2)]
    subsets = list(itertools.combinations(beds, number))
    inner, table = range(1, side - 1), Counter()
    for rivers in subsets:
        lines = {axis: [line for a, line in rivers if a == axis] for axis in "vh"}
        flooded = {(x, y) for x in lines["v"] for y in inner}
        flooded |= {(x, y) for y in lines["h"] for x in inner}
        bounds = {axis: [0, *sorted(found), side - 1] for axis, found in lines.items()}
        orders = set(itertools.permutations("v" * len(lines["v"]) + "h" * len(lines["h"])))
        for order in orders:
            at, choices = {"v": 0, "h": 0}, []
            for axis in order:
                bank, other = bounds[axis][at[axis] + 1], "h" if axis == "v" else "v"
                low, high = bounds[other][at[other] : at[other] + 2]
                free = range(low + 1, high)
                choices.append([(bank, k) if axis == "v" else (k, bank) for k in free])
                at[axis] += 1
            combined = math.prod(map(len, choices))
            for openings in itertools.product(*choices):
                chance = 1 / (len(subsets) * len(orders) * combined)
                table[frozenset(flooded - set(openings))] += chance
    return dict(table)


@pytest.mark.parametrize(
    ("side", "number", "count"), [(9, 1, 8000), (7, 2, 20_000), (7, 3, 20_000)]
)
@pytest.mark.parametrize("lava", [True, False])
def test_crossings_follow_minigrids_distribution(
    side: int, number: int, count: int, lava: bool
) -> None:
    expected = crossing_levels(side, number)
    simulator = levels("LavaCrossingS9N1-v0", count, size=side, crossings=number, lava=lava)
    inner = cells_of(simulator)[:, 1:-1, 1:-1]
    obstacles = (inner != EMPTY) & (inner != GOAL)
    assert (TRIPLES[inner[obstacles], 0] == (9 if lava else 2)).all()
    drawn = (frozenset((int(x) + 1, int(y) + 1) for y, x in np.argwhere(o)) for o in obstacles)
    assert_follows(drawn, expected, "ours")


@pytest.mark.parametrize(("side", "number"), [(9, 1), (7, 2)])
def test_minigrids_crossings_follow_the_enumeration_too(side: int, number: int) -> None:
    """What the test above compares with is MiniGrid's."""

    def obstacles(env: MiniGridEnv) -> Hashable:
        cells = enumerate(env.grid.grid)
        return frozenset((k % side, k // side) for k, o in cells if isinstance(o, Lava))

    theirs = redrawn(CrossingEnv(size=side, num_crossings=number), 3000)
    assert_follows(map(obstacles, theirs), crossing_levels(side, number), "MiniGrid's")


def test_many_crossings_mix_axes_and_orders_as_minigrid() -> None:
    """S11N5 has too many levels to list; its axes are hypergeometric, its orders uniform."""
    simulator = levels("LavaCrossingS11N5-v0", 20_000)
    onward = simulator.world.memory[:, crossing.ONWARD :: crossing.FIELDS]
    orders = [tuple(row) for row in onward.tolist()]
    ways = math.comb(8, 5)
    expected = {}
    for order in itertools.product((0, 1), repeat=5):
        down = sum(order)
        if 1 <= down <= 4:
            share = math.comb(4, down) * math.comb(4, 5 - down) / ways
            expected[order] = share / math.comb(5, down)
    assert_follows(orders, expected, "ours")


def test_balls_start_uniformly() -> None:
    simulator = levels("Dynamic-Obstacles-Random-5x5-v0", 20_000)
    balls = [spots(simulator, dynamic_obstacles.BALLS + 2 * k) for k in range(2)]
    cells = [c for c in itertools.product(range(1, 4), repeat=2) if c != (3, 3)]
    expected = uniform(
        ((*start, heading), *pair)
        for start, *pair in itertools.permutations(cells, 3)
        for heading in range(4)
    )
    assert_follows(zip(poses(simulator), *balls, strict=True), expected, "ours")
    fixed = levels("Dynamic-Obstacles-5x5-v0", 2000)
    assert set(poses(fixed)) == {(1, 1, 0)}


def all_balls(simulator) -> list[tuple[Cell, ...]]:
    columns = range(dynamic_obstacles.BALLS, simulator.world.memory.shape[1], 2)
    return list(zip(*(spots(simulator, column) for column in columns), strict=True))


def test_compiled_balls_move_as_the_rules_say() -> None:
    """Each ball in turn takes any free cell among its neighbours with equal chance, or rests."""
    env = gym.make_vec("Dynamic-Obstacles-5x5-v0", num_envs=4000, obstacles=3, random_start=True)
    env.reset(seed=0)
    simulator = env.unwrapped.simulator
    ranks: dict[int, list[int]] = {k: [] for k in range(9)}
    rng = np.random.default_rng(0)
    for _ in range(5):
        old = all_balls(simulator)
        agents = [pose[:2] for pose in poses(simulator)]
        env.step(rng.integers(0, 2, 4000))  # turning ends no episode
        new = all_balls(simulator)
        for before, after, agent in zip(old, new, agents, strict=True):
            taken = {*before, agent, (3, 3)}
            for ball, landed in zip(before, after, strict=True):
                near = itertools.product(*((c - 1, c, c + 1) for c in ball))
                free = [c for c in near if c not in taken and {0, 4}.isdisjoint(c)]
                ranks[len(free)].append(free.index(landed) if free else int(landed != ball))
                taken = taken - {ball} | {landed}
    assert ranks[0]
    assert not any(ranks[0]), "a ball without a free neighbour rests"
    for number in range(2, 5):
        assert_follows(ranks[number], uniform(range(number)), f"{number} free cells")


@pytest.mark.parametrize("env_id", STILL)
def test_every_level_can_be_solved_in_time(env_id: str) -> None:
    env = gym.make(env_id).unwrapped
    for seed in range(15):
        _, info = env.reset(seed=seed)
        oracle = env.oracle()
        assert oracle.solution_length == info["features"]["steps_to_goal"]
        assert oracle.solution_length <= env.max_steps
        assert oracle.optimal_return == 1.0
        assert set(oracle.actions) <= {LEFT, RIGHT, FORWARD}


def test_no_oracle_claims_to_foresee_the_balls() -> None:
    env = gym.make(BALLS[0]).unwrapped
    env.reset(seed=0)
    assert env.oracle().kind == env.card.oracle == "none"


# ---- features -----------------------------------------------------------------------------------


def everywhere(env_id: str, seed: int, **options: int):
    """Return (simulator whose rows are one level's poses, their features, grid [y, x])."""
    single = levels(env_id, 1, seed, **options)
    grid = cells_of(single)[0]
    standing = [(int(x), int(y)) for y, x in np.argwhere(FLAGS[grid] & WALKABLE > 0)]
    table = [(*cell, heading) for cell in standing for heading in range(4)]
    simulator = levels(env_id, len(table), **options)
    simulator.world.grid[...] = single.world.grid
    simulator.world.memory[...] = single.world.memory
    simulator.world.agent[:, [X, Y, DIRECTION]] = table
    mask = np.ones(len(table), np.bool_)
    simulator.kernels.reset(simulator.batch.table, mask, FEATURES)
    shown = dict(simulator.features(simulator.out.features))
    return table, shown, grid, simulator


def distances(grid: np.ndarray, targets: set[Pose]) -> dict[Pose, int]:
    """Search backwards from poses; the goal ends every walk, and lava is no floor."""
    seen, frontier, depth = dict.fromkeys(targets, 0), list(targets), 0
    while frontier:
        depth, following = depth + 1, []
        for x, y, d in frontier:
            sources = [(x - STEP[d][0], y - STEP[d][1], d)]
            sources += [(x, y, (d + 1) % 4), (x, y, (d - 1) % 4)]
            for pose in sources:
                cell = grid[pose[1], pose[0]]
                if cell == EMPTY and pose not in seen:
                    seen[pose] = depth
                    following.append(pose)
        frontier = following
    return seen


def around(cell: Cell) -> set[Pose]:
    return {(*cell, heading) for heading in range(4)}


def goal_of(grid: np.ndarray) -> Cell:
    ((y, x),) = np.argwhere(grid == GOAL)
    return int(x), int(y)


ONE_GOAL = [
    *((name, 0, {}) for name in ("Empty-5x5-v0", "Empty-8x8-v0")),
    *((f"LavaGapS{size}-v0", seed, {}) for size in (5, 7) for seed in range(8)),
    *((f"LavaCrossingS9N{n}-v0", seed, {}) for n in (1, 2, 3) for seed in range(8)),
    *(("SimpleCrossingS11N5-v0", seed, {}) for seed in range(8)),
    *(("DistShift1-v0", 0, {"strip_row": row}) for row in (2, 3, 4, 5)),
    *(("FourRooms-v0", seed, {}) for seed in range(12)),
]


@pytest.mark.parametrize(
    "case", range(len(ONE_GOAL)), ids=lambda k: "-".join(map(str, ONE_GOAL[k]))
)
def test_steps_to_goal_are_exact_at_every_pose(case: int) -> None:
    env_id, seed, options = ONE_GOAL[case]
    table, shown, grid, simulator = everywhere(env_id, seed, **options)
    goal = goal_of(grid)
    fewest = distances(grid, around(goal))
    far = next(f.high for f in simulator.table if f.name == "steps_to_goal")
    for row, pose in enumerate(table):
        in_lava = grid[pose[1], pose[0]] == LAVA
        if in_lava or pose in fewest:  # rivers leave some cells without a way
            assert shown["steps_to_goal"][row] == (far if in_lava else fewest[pose]), pose
        assert (shown["goal_dx"][row], shown["goal_dy"][row]) == (
            goal[0] - pose[0],
            goal[1] - pose[1],
        )
        ahead = grid[pose[1] + STEP[pose[2]][1], pose[0] + STEP[pose[2]][0]]
        if "lava_ahead" in shown:
            assert shown["lava_ahead"][row] == (ahead == LAVA)
    for feature in simulator.table:
        values = shown[feature.name]
        assert feature.low <= values.min() <= values.max() <= feature.high, feature.name


@pytest.mark.parametrize(
    "env_id", ["LavaGapS7-v0", "LavaCrossingS9N3-v0", "SimpleCrossingS11N5-v0"]
)
def test_subgoals_are_the_openings_in_order(env_id: str) -> None:
    """Beyond the k-th opening k of them are behind; the next one is as far as a search says."""
    for seed in range(5):
        table, shown, grid, simulator = everywhere(env_id, seed)
        openings, onward = [spots(simulator, 0)[0]], [0]
        if simulator.family is not lava_gap.FAMILY:
            table_of = simulator.world.memory[0].reshape(-1, crossing.FIELDS)
            openings = table_of[:, [crossing.GAP_X, crossing.GAP_Y]].tolist()
            onward = table_of[:, crossing.ONWARD].tolist()
        beyond = [
            (x + STEP[d][0], y + STEP[d][1]) for (x, y), d in zip(openings, onward, strict=True)
        ]
        targets = [*beyond, goal_of(grid)]
        fewest = [distances(grid, around(target)) for target in targets]
        # A room is what can be reached without passing an opening.
        shut = grid.copy()
        for x, y in openings:
            shut[y, x] = LAVA
        rooms = [distances(shut, around(cell)) for cell in [(1, 1), *beyond]]
        seen = set()
        for row, pose in enumerate(table):
            for k, room in enumerate(rooms):
                if pose in room and grid[pose[1], pose[0]] == EMPTY:
                    assert shown["subgoal"][row] == k
                    assert shown["steps_to_subgoal"][row] == fewest[k][pose]
                    seen.add(k)
        assert seen >= set(range(len(openings)))


def test_four_rooms_subgoal_is_a_step_on_a_shortest_way() -> None:
    for seed in range(4):
        table, shown, grid, simulator = everywhere("FourRooms-v0", seed)
        goal = goal_of(grid)
        to_goal = distances(grid, around(goal))
        gaps = [spots(simulator, four_rooms.GAPS + 2 * k)[0] for k in range(4)]
        sides = [
            (x + STEP[d][0], y + STEP[d][1], d)
            for gap, (x, y) in enumerate(gaps)
            for d in (gap, (gap + 2) % 4)
        ]
        fewest = {pose: distances(grid, {pose}) for pose in sides}
        for row, pose in enumerate(table):
            near, total = shown["steps_to_subgoal"][row], shown["steps_to_goal"][row]
            if shown["subgoal"][row]:
                assert near == total
            else:
                passed = [s for s in sides if fewest[s].get(pose) == near]
                assert any(near + to_goal[s] == total for s in passed if s in to_goal)
        inside = [k for k, (x, y, _) in enumerate(table) if 9 not in (x, y)]
        if 9 not in goal:
            together = [
                all((a > 9) == (b > 9) for a, b in zip(table[k], goal, strict=False))
                for k in inside
            ]
            np.testing.assert_array_equal(shown["subgoal"][inside], together)


@pytest.mark.parametrize("env_id", ["LavaGapS5-v0", "LavaCrossingS9N2-v0", *BALLS])
def test_features_over_play_match_what_is_seen(env_id: str) -> None:
    """What lies ahead is in the view; the balls' features follow from the grid."""
    env = gym.make_vec(env_id, num_envs=32, autoreset_mode="SameStep")
    obs, infos = env.reset(seed=3)
    simulator, rng = env.unwrapped.simulator, np.random.default_rng(0)
    for _ in range(150):
        shown, ahead = infos["features"], obs["image"][:, 3, 5, 0]
        if env_id in BALLS:
            np.testing.assert_array_equal(shown["blocked_ahead"], np.isin(ahead, (2, 6)))
            for row in range(0, 32, 8):
                at = np.argwhere(cells_of(simulator)[row] == dynamic_obstacles.BALL)
                apart = abs(at[:, ::-1] - simulator.world.agent[row, [X, Y]]).max(axis=1)
                assert len(apart) == simulator.size.options[dynamic_obstacles.OBSTACLES]
                assert shown["nearest_ball"][row] == apart.min()
                assert shown["balls_near"][row] == (apart <= 2).sum()
        else:
            np.testing.assert_array_equal(shown["lava_ahead"], ahead == 9)
        for feature in simulator.table:
            values = shown[feature.name]
            assert feature.low <= values.min() <= values.max() <= feature.high, feature.name
        obs, *_, infos = env.step(rng.choice([LEFT, RIGHT, FORWARD, FORWARD], 32))


# ---- MiniGrid, step by step ---------------------------------------------------------------------


def both(env_id: str, theirs: MiniGridEnv | None = None, **options: int):
    ours = gym.make(env_id, layout="minigrid", reward="minigrid", **options)
    return ours, theirs or gym.make(f"MiniGrid-{env_id}", **options)


def step_both(ours, theirs, action: int, where: object) -> tuple[float, bool, bool]:
    got, expected = ours.step(action), theirs.step(action)
    assert got[0]["image"].tobytes() == expected[0]["image"].tobytes(), where
    assert got[0]["direction"] == expected[0]["direction"], where
    assert tuple(got[1:4]) == tuple(expected[1:4]), where
    return got[1:4]


def reset_both(ours, theirs, seed: int | None, where: object) -> None:
    got, expected = ours.reset(seed=seed)[0], theirs.reset(seed=seed)[0]
    assert got["image"].tobytes() == expected["image"].tobytes(), where
    assert ours.unwrapped.mission == expected["mission"]


def play_among_balls(ours, theirs, seeds: Iterable[int], steps: int) -> Counter[str]:
    """Play carefully enough to live long, carelessly enough for every kind of accident."""
    seen: Counter[str] = Counter()
    simulator = ours.unwrapped.simulator
    for seed in seeds:
        rng = np.random.default_rng(seed)
        reset_both(ours, theirs, seed, seed)
        for t in range(steps):
            inner = theirs.unwrapped
            ahead = inner.grid.get(*inner.front_pos)
            blocked = ahead is not None and ahead.type != "goal"
            action = int(rng.choice([LEFT, RIGHT, FORWARD, FORWARD]))
            if blocked and rng.random() < 0.7:
                action = int(rng.integers(0, 2))
            start = tuple(map(int, inner.agent_pos))
            places = [tuple(map(int, ball.cur_pos)) for ball in inner.obstacles]
            reward, terminated, truncated = step_both(ours, theirs, action, (seed, t))
            balls = tuple(tuple(map(int, ball.cur_pos)) for ball in inner.obstacles)
            assert all_balls(simulator) == [balls], (seed, t)
            moved = tuple(map(int, inner.agent_pos)) != start
            seen["resting ball"] += any(a == b for a, b in zip(places, balls, strict=True))
            seen["follows a ball"] += any(
                b in places[:k] + places[k + 1 :] for k, b in enumerate(balls)
            )
            if action == FORWARD:
                seen["into a wall"] += blocked and not isinstance(ahead, Ball)
                seen["into a ball"] += isinstance(ahead, Ball) and not moved
                seen["after a ball"] += isinstance(ahead, Ball) and moved
                seen["ball in the way"] += not blocked and not moved and not terminated
                assert (reward == -1.0) == blocked
            seen["goal"] += reward > 0
            seen["truncated"] += truncated
            if terminated or truncated:
                reset_both(ours, theirs, None, (seed, t))
    return seen


def test_balls_equal_minigrids_over_many_steps() -> None:
    seen: Counter[str] = Counter()
    for env_id in BALLS:
        seen += play_among_balls(*both(env_id), range(4), 200)
    happened = ("follows a ball", "into a wall", "into a ball", "after a ball", "ball in the way")
    assert min(seen[event] for event in (*happened, "goal")) > 5, seen


def test_boxed_in_balls_give_up_after_as_many_draws_as_minigrids() -> None:
    crowd = DynamicObstaclesEnv(size=5, n_obstacles=3)
    seen = play_among_balls(*both("Dynamic-Obstacles-5x5-v0", crowd, obstacles=3), range(5), 200)
    assert seen["resting ball"] > 5, seen


@pytest.mark.slow
@pytest.mark.parametrize("env_id", BALLS)
def test_balls_equal_minigrids_over_200_seeds(env_id: str) -> None:
    seen = play_among_balls(*both(env_id), range(200), 500)
    assert seen["into a wall"] > 50, seen


@pytest.mark.parametrize("env_id", IDS)
def test_missions_and_time_limits_equal_minigrids(env_id: str) -> None:
    ours, theirs = both(env_id)
    reset_both(ours, theirs, 0, env_id)
    assert ours.unwrapped.max_steps == theirs.unwrapped.max_steps


@pytest.mark.parametrize("env_id", [name for name in STILL if re.search("N1|5x5|S5", name)])
def test_truncation_may_coincide_with_success(env_id: str) -> None:
    ours, theirs = both(env_id, max_steps=25)
    for seed in range(3):
        reset_both(ours, theirs, seed, env_id)
        solution = list(ours.unwrapped.oracle().actions)
        for t, action in enumerate([DONE] * (25 - len(solution)) + solution):
            result = step_both(ours, theirs, action, (env_id, seed, t))
        assert result == (pytest.approx(0.1), True, True)
        reset_both(ours, theirs, None, env_id)
        for t in range(25):
            result = step_both(ours, theirs, DONE, (env_id, seed, t))
        assert result == (0.0, False, True)


@pytest.mark.parametrize("env_id", BALLS)
def test_truncation_may_coincide_with_a_collision(env_id: str) -> None:
    ours, theirs = both(env_id, max_steps=7)
    for seed in range(5):
        reset_both(ours, theirs, seed, env_id)
        for t, action in enumerate((LEFT, LEFT, LEFT, LEFT, LEFT, LEFT, FORWARD)):
            result = step_both(ours, theirs, action, (env_id, seed, t))
        if "Random" not in env_id:  # it looks at the wall behind it
            assert result == (-1.0, True, True)


def test_lava_kills_even_on_the_last_step() -> None:
    env_id = "LavaGapS5-v0"
    for seed in range(10):
        ours, theirs = both(env_id, max_steps=4)
        reset_both(ours, theirs, seed, seed)
        for t, action in enumerate((DONE, DONE, DONE, FORWARD)):
            result = step_both(ours, theirs, action, (seed, t))
        gap = spots(ours.unwrapped.simulator, lava_gap.GAP_X)
        assert result == (0.0, gap != [(2, 1)], True)
        assert ours.unwrapped.simulator.world.agent[0, X] == 2  # it does step into the lava


# ---- bad options --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env_id", "options", "message"),
    [
        ("LavaCrossingS9N1-v0", {"size": 8}, "size must be odd.* got 8"),
        ("LavaCrossingS9N1-v0", {"crossings": 7}, r"crossings must be in \[1, 6\] .* got 7"),
        ("LavaCrossingS9N1-v0", {"lava": 2}, r"lava .* must be an integer in \[0, 1\], got 2"),
        ("SimpleCrossingS9N1-v0", {"lava": "no"}, "lava .* got 'no'"),
        ("Dynamic-Obstacles-5x5-v0", {"obstacles": 4}, r"obstacles must be in \[1, 3\] .* got 4"),
        ("DistShift1-v0", {"strip_row": 6}, r"strip_row .* must be an integer in \[2, 5\], got 6"),
        ("LavaGapS5-v0", {"size": 4}, r"size .* must be an integer in \[5, 128\], got 4"),
    ],
)
def test_impossible_levels_are_refused(
    env_id: str, options: dict[str, object], message: str
) -> None:
    for make in (gym.make, lambda name, **kwargs: gym.make_vec(name, num_envs=2, **kwargs)):
        with pytest.raises(ValueError, match=message):
            make(env_id, **options)
