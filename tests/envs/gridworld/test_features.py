"""Features against a brute-force reading of the printed level."""

from __future__ import annotations

from collections import Counter

import gymnasium as gym
import numpy as np
import pytest

import operant  # noqa: F401 (registers the ids)
from operant.envs.gridworld.cells import EMPTY, GOAL
from operant.envs.gridworld.engine import FEATURES
from operant.envs.gridworld.world import DIRECTION, PAD, STEPS, X, Y

STEP = ((1, 0), (0, 1), (-1, 0), (0, -1))
HEADINGS = ">v<^"


class Level:
    """What the text rendering shows; the door's place is remembered while the agent hides it."""

    def __init__(self, text: str, door: tuple[int, int] | None = None) -> None:
        lines = [line for line in text.split("\n") if ":" not in line]
        self.rows = [[line[i : i + 2] for i in range(0, len(line), 2)] for line in lines]
        self.door = door or self.find("yL", "yD", "y_")
        self.goal = len(self.rows[0]) - 2, len(self.rows) - 2
        self.key = self.find("yk")
        (x, y), glyph = next(
            ((x, y), g)
            for y, row in enumerate(self.rows)
            for x, g in enumerate(row)
            if g[1] in HEADINGS
        )
        self.pose = x, y, HEADINGS.index(glyph[1])
        self.has_key = "carries: yk" in text
        self.door_open = self.rows[self.door[1]][self.door[0]] == "y_" or (x, y) == self.door

    def find(self, *glyphs: str) -> tuple[int, int] | None:
        for y, row in enumerate(self.rows):
            for x, glyph in enumerate(row):
                if glyph in glyphs:
                    return x, y
        return None

    def fewest(self, arrived, *, at_goal: bool = False) -> int:
        """Search forwards from the agent; doors count as open, loose objects do not block.

        Stepping onto the goal ends the episode, so only a way to the goal leads over it.
        """
        frontier, seen, depth = [self.pose], {self.pose}, 0
        while frontier:
            if any(arrived(*pose) for pose in frontier):
                return depth
            depth, following = depth + 1, []
            for x, y, d in frontier:
                ahead = x + STEP[d][0], y + STEP[d][1], d
                moves = [(x, y, (d + 1) % 4), (x, y, (d - 1) % 4)]
                if self.rows[ahead[1]][ahead[0]] != "##" and (at_goal or ahead[:2] != self.goal):
                    moves.append(ahead)
                following += [pose for pose in dict.fromkeys(moves) if pose not in seen]
                seen.update(moves)
            frontier = following
        raise AssertionError("unreachable")

    def features(self) -> dict[str, float]:
        def facing(cell):
            return self.fewest(lambda x, y, d: (x + STEP[d][0], y + STEP[d][1]) == cell)

        to_key = 0 if self.has_key else facing(self.key)
        to_door = 0 if self.door_open else facing(self.door)
        to_goal = self.fewest(lambda x, y, _: (x, y) == self.goal, at_goal=True)
        unlocked = self.rows[self.door[1]][self.door[0]] != "yL"
        through = self.door_open or self.pose[0] > self.door[0]
        subgoal = 2 if through else int(self.has_key or unlocked)
        return {
            "has_key": self.has_key,
            "door_open": self.door_open,
            "subgoal": subgoal,
            "steps_to_key": to_key,
            "steps_to_door": to_door,
            "steps_to_goal": to_goal,
            "steps_to_subgoal": (to_key, to_door, to_goal)[subgoal],
            "agent_x": self.pose[0],
            "agent_y": self.pose[1],
            "agent_direction": self.pose[2],
        }


def expected(env, door) -> dict[str, float]:
    return Level(env.render(), door).features()


@pytest.mark.integration
@pytest.mark.parametrize(("size", "steps"), [(5, 1500), (6, 1500), (8, 1000), (16, 200)])
def test_features_equal_brute_force_over_eventful_play(size: int, steps: int) -> None:
    env = gym.make(f"SparseKey-{size}x{size}-v0", render_mode="ansi").unwrapped
    rng, seen = np.random.default_rng(size), Counter()
    env.reset(seed=size)
    door = Level(env.render()).door
    before = expected(env, door)
    assert env._features() == before
    for _ in range(steps):
        plan = env.oracle().actions
        action = plan[0] if rng.random() < 0.4 else int(rng.choice([0, 1, 2, 3, 4, 5, 5, 5, 6]))
        if len(plan) < 4 and rng.random() < 0.8:  # linger, so that odd situations come up
            action = int(rng.choice([0, 1, 4, 5]))
        *_, terminated, truncated, info = env.step(action)
        after = expected(env, door)
        assert info["features"] == after, env.render()
        seen["dropped"] += before["has_key"] > after["has_key"]
        seen["closed"] += before["door_open"] > after["door_open"]
        seen["dropped beyond the door"] += (
            before["has_key"] > after["has_key"] and Level(env.render(), door).key[0] > door[0]
        )
        seen["finished"] += terminated
        before = after
        if terminated or truncated:
            env.reset()
            door = Level(env.render()).door
            before = expected(env, door)
    if size < 8:
        assert min(seen[k] for k in ("dropped", "closed", "finished")) > 5, seen
        assert seen["dropped beyond the door"] > 0, seen


def test_a_way_to_the_key_does_not_lead_over_the_goal() -> None:
    """The key lies left of the goal, the agent stands above it: stepping down would be the end."""
    env = gym.make("SparseKey-6x6-v0", render_mode="ansi").unwrapped
    for seed in range(20):
        env.reset(seed=seed)
        door = Level(env.render()).door
        if door == (2, 3):
            break
    # Through the door to (3, 3), drop the key to the south, then on to (4, 3), looking south.
    while Level(env.render(), door).pose[:2] != (3, 3):
        env.step(env.oracle().actions[0])
    while Level(env.render(), door).pose[2] != 1:
        env.step(1)
    for action in (4, 0, 2, 1):
        *_, info = env.step(action)
    level = Level(env.render(), door)
    assert (level.key, level.pose) == ((3, 4), (4, 3, 1))
    # Right, forward, left: three actions. Over the goal it would look like two.
    assert info["features"]["steps_to_key"] == level.features()["steps_to_key"] == 3


@pytest.mark.parametrize("size", [5, 6, 8, 16])
def test_ranges_hold_everywhere_in_many_levels(size: int) -> None:
    """Not only where play happens to lead: every pose the agent could take in every level."""
    env = gym.make_vec(f"SparseKey-{size}x{size}-v0", num_envs=500)
    env.reset(seed=1)
    simulator = env.unwrapped.simulator
    table = simulator.table
    grids = simulator.world.grid[:, :-PAD].reshape(500, size + 2 * PAD, -1)
    inside = grids[:, PAD:-PAD, PAD:]
    lowest, highest = np.full(len(table), np.inf), np.full(len(table), -np.inf)
    for y, x, direction in np.ndindex(size, size, 4):
        free = np.isin(inside[:, y, x], (EMPTY, GOAL))
        simulator.world.agent[:, [X, Y, DIRECTION, STEPS]] = x, y, direction, 0
        simulator.kernels.reset(simulator.batch.table, free, FEATURES)
        if free.any():
            lowest = np.minimum(lowest, simulator.out.features[free].min(axis=0))
            highest = np.maximum(highest, simulator.out.features[free].max(axis=0))
    for k, feature in enumerate(table):
        assert feature.low <= lowest[k] <= highest[k] <= feature.high, feature.name
        if feature.name.startswith("steps"):
            assert lowest[k] == 0
            assert highest[k] >= 2


@pytest.mark.parametrize("size", [5, 6, 8, 16])
def test_ranges_and_dtypes_hold_over_play(size: int) -> None:
    env = gym.make_vec(f"SparseKey-{size}x{size}-v0", num_envs=64, autoreset_mode="SameStep")
    _, infos = env.reset(seed=0)
    table, rng = env.unwrapped.card.features, np.random.default_rng(0)
    kinds = {"bool": np.bool_, "int": np.int64}
    for _ in range(400):
        for feature in table:
            values = infos["features"][feature.name]
            assert values.dtype == kinds[feature.dtype]
            assert values.shape == (64,)
            assert feature.low <= values.min() <= values.max() <= feature.high, feature.name
        infos = env.step(rng.choice([0, 1, 2, 2, 2, 3, 4, 5], 64))[-1]


def test_what_is_not_privileged_is_decided_by_the_observation() -> None:
    """Equal observations, equal values: over a whole state space."""
    env = gym.make("SparseKey-6x6-v0").unwrapped
    env.reset(seed=0)
    mdp = env.tabular_mdp()
    open_words = [feature.name for feature in env.card.features if not feature.privileged]
    assert open_words == ["has_key", "agent_direction"]
    groups: dict[bytes, set[tuple[float, ...]]] = {}
    for state in range(mdp.num_states):
        key = mdp.obs["image"][state].tobytes() + bytes([mdp.obs["direction"][state]])
        groups.setdefault(key, set()).add(tuple(mdp.features[name][state] for name in open_words))
    assert len(groups) < mdp.num_states
    assert all(len(values) == 1 for values in groups.values())
