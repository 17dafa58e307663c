"""The compiled level generator draws MiniGrid's distribution of levels."""

from __future__ import annotations

import itertools
from collections import Counter

import gymnasium as gym
import numpy as np
import pytest
from minigrid.core.world_object import Door, Key
from minigrid.envs.doorkey import DoorKeyEnv
from scipy import stats

import operant  # noqa: F401 (registers the ids)
from operant.envs.gridworld.world import DIRECTION, X, Y
from operant.envs.gridworld.worlds.door_key import DOOR_X, KEY_X

Level = tuple[tuple[int, int], tuple[int, int], int, tuple[int, int]]
"""Door, agent, direction, key."""


def our_levels(size: int, count: int) -> list[Level]:
    env = gym.make_vec(f"SparseKey-{size}x{size}-v0", num_envs=count)
    env.reset(seed=0)
    return read(env, size)


def read(env, size: int) -> list[Level]:
    world = env.unwrapped.simulator.world
    door, key = (list(map(tuple, world.memory[:, k : k + 2].tolist())) for k in (DOOR_X, KEY_X))
    agent = list(zip(world.agent[:, X].tolist(), world.agent[:, Y].tolist(), strict=True))
    return list(zip(door, agent, world.agent[:, DIRECTION].tolist(), key, strict=True))


def minigrid_levels(size: int, count: int) -> list[Level]:
    env = DoorKeyEnv(size=size)
    env.reset(seed=0)
    levels = []
    for _ in range(count):
        env.agent_pos, env.agent_dir = (-1, -1), -1
        env._gen_grid(size, size)
        where = {type(o): (i % size, i // size) for i, o in enumerate(env.grid.grid) if o}
        agent = tuple(int(v) for v in env.agent_pos)
        levels.append((where[Door], agent, int(env.agent_dir), where[Key]))
    return levels


def exact(size: int) -> dict[Level, float]:
    """Probability of each level: every draw is uniform over what is still free."""
    table = {}
    for split in range(2, size - 2):
        room = [(x, y) for x in range(1, split) for y in range(1, size - 1)]
        for door_row in range(1, size - 2):
            for agent in room:
                for key in room:
                    if key != agent:
                        chance = 1 / ((size - 4) * (size - 3) * len(room) * (len(room) - 1) * 4)
                        for direction in range(4):
                            table[(split, door_row), agent, direction, key] = chance
    return table


@pytest.mark.integration
def test_levels_of_6x6_follow_minigrids_joint_distribution() -> None:
    count, table = 20_000, exact(6)
    assert sum(table.values()) == pytest.approx(1.0)
    drawn = {"ours": our_levels(6, count), "MiniGrid's": minigrid_levels(6, count)}
    counts = {name: Counter(levels) for name, levels in drawn.items()}
    for name, counter in counts.items():
        assert counter.keys() == table.keys(), f"support of {name} levels"
        observed = [counter[level] for level in table]
        test = stats.chisquare(observed, np.array(list(table.values())) * count)
        assert test.pvalue > 0.001, name
    both = np.array([[counter[level] for level in table] for counter in counts.values()])
    assert stats.chi2_contingency(both).pvalue > 0.001


@pytest.mark.parametrize("size", [5, 8, 16])
def test_parts_of_other_sizes_are_uniform(size: int) -> None:
    levels = our_levels(size, 20_000)
    columns = Counter(door[0] for door, *_ in levels)
    rows = Counter(door[1] for door, *_ in levels)
    directions = Counter(direction for *_, direction, _ in levels)
    assert set(columns) == set(range(2, size - 2))
    assert set(rows) == set(range(1, size - 2))
    assert set(directions) == set(range(4))
    for counter in (columns, rows, directions):
        assert len(counter) == 1 or stats.chisquare(list(counter.values())).pvalue > 0.001
    widest = [level for level in levels if level[0][0] == size - 3]
    for cells in (Counter(agent for _, agent, *_ in widest), Counter(key for *_, key in widest)):
        assert len(cells) == (size - 4) * (size - 2)
        assert stats.chisquare(list(cells.values())).pvalue > 0.001
    assert all(agent != key for _, agent, _, key in levels)


def test_neighbouring_rows_and_successive_levels_are_independent() -> None:
    env = gym.make_vec("SparseKey-8x8-v0", num_envs=4000)
    env.reset(seed=0)
    first = read(env, 8)
    env.reset()
    second = read(env, 8)
    pairs = {
        "rows": itertools.pairwise(first),
        "levels": zip(first, second, strict=True),
    }
    for name, levels in pairs.items():
        table = np.zeros((20, 20))
        for one, other in levels:
            (i, j), (k, m) = one[0], other[0]
            table[(i - 2) * 5 + j - 1, (k - 2) * 5 + m - 1] += 1
        assert stats.chi2_contingency(table).pvalue > 0.001, name


def test_every_level_can_be_solved() -> None:
    for size in (5, 6, 8):
        env = gym.make(f"SparseKey-{size}x{size}-v0").unwrapped
        for seed in range(100):
            env.reset(seed=seed)
            assert env.oracle().solution_length is not None
