"""A 9x9 world with a key and a door as tables, and tabular Q-learning on them, compiled."""

from __future__ import annotations

import dataclasses
from typing import Any

import numba
import numpy as np

from operant.types import Bool, Feature, Features, Float, Int

SIDE, WALL = 9, 4
"""Cells along each side, and the column of the wall that splits them."""
CELLS = SIDE * SIDE
ACTIONS = ("left", "right", "up", "down")
STEPS, LIMIT = 6_000, 60
"""Env steps of a run, and the time limit of an episode."""
RATE, GAMMA, EPSILON = 0.5, 0.97, 0.2
"""Step size, discount, and how often the learner acts at random."""
EVALUATIONS = 10
"""Evaluations of a run after the one before it."""

FEATURES = (
    Feature(name="has_key", description="the agent has the key", low=0, high=1, dtype="bool"),
    Feature(name="door_open", description="the door is open", low=0, high=1, dtype="bool"),
    Feature(
        name="steps_to_key",
        description="fewest moves to the key, 0 once taken, without the door",
        low=0,
        high=16,
        dtype="int",
    ),
    Feature(
        name="steps_to_door", description="fewest moves to the door", low=0, high=16, dtype="int"
    ),
    Feature(
        name="steps_to_goal", description="fewest moves to the goal", low=0, high=16, dtype="int"
    ),
    Feature(name="agent_x", description="column of the agent", low=0, high=8, dtype="int"),
    Feature(name="agent_y", description="row of the agent", low=0, high=8, dtype="int"),
)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class KeyDoor:
    """A level as tables of S states and 4 actions; success pays 1 and ends the episode.

    A state is ``cell + CELLS * stage``, where stage 0 is without the key, 1 with it, 2 with the
    door open.

    Attributes:
        after: (S, 4) the successor.
        success: (S, 4) the goal is reached.
        starts: States in which episodes begin.
        before_features: Features of the states, (S * 4,) each.
        features: Those of the successors, (S * 4,) each.
    """

    after: Int
    success: Bool
    starts: Int
    before_features: Features
    features: Features


def draw_level(rng: np.random.Generator) -> KeyDoor:
    """Draw a level: key and start in the left part, the goal in the right one."""
    key = _cell(rng.integers(WALL), rng.integers(SIDE))
    door = _cell(WALL, rng.integers(SIDE))
    goal = _cell(rng.integers(WALL + 2, SIDE), rng.integers(SIDE))
    states = np.arange(3 * CELLS)
    stage, cell = np.divmod(states, CELLS)
    x, y = cell % SIDE, cell // SIDE
    moves = np.array([(-1, 0), (1, 0), (0, -1), (0, 1)])
    to_x = np.clip(x[:, None] + moves[:, 0], 0, SIDE - 1)
    to_y = np.clip(y[:, None] + moves[:, 1], 0, SIDE - 1)
    to = _cell(to_x, to_y)
    closed = (to_x == WALL) & ((to != door) | (stage[:, None] == 0))
    to = np.where(closed, cell[:, None], to)
    to_stage = np.where((stage[:, None] == 0) & (to == key), 1, stage[:, None])
    to_stage = np.where((to_stage == 1) & (to == door), 2, to_stage)
    after = to + CELLS * to_stage
    of_states = _features(states, key, door, goal)
    return KeyDoor(
        after=after,
        success=(to == goal) & (cell != goal)[:, None],
        starts=np.flatnonzero((x < WALL) & (cell != key) & (stage == 0)),
        before_features={name: np.repeat(values, 4) for name, values in of_states.items()},
        features={name: values[after.ravel()] for name, values in of_states.items()},
    )


def _cell(x: Any, y: Any) -> Any:
    return y * SIDE + x


def _features(states: Int, key: int, door: int, goal: int) -> Features:
    stage, cell = np.divmod(states, CELLS)

    def steps_to(place: int) -> Float:
        steps = abs(cell % SIDE - place % SIDE) + abs(cell // SIDE - place // SIDE)
        return steps.astype(np.float64)

    return {
        "has_key": (stage >= 1).astype(np.float64),
        "door_open": (stage == 2).astype(np.float64),
        "steps_to_key": np.where(stage == 0, steps_to(key), 0.0),
        "steps_to_door": np.where(stage < 2, steps_to(door), 0.0),
        "steps_to_goal": steps_to(goal),
        "agent_x": (cell % SIDE).astype(np.float64),
        "agent_y": (cell // SIDE).astype(np.float64),
    }


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Curves:
    """What a run showed, at the beginning and after each tenth of it.

    Attributes:
        success: Share of the starts from which the policy reaches the goal.
        terms: (evaluations, terms) mean pay per step since the last evaluation.
    """

    success: tuple[float, ...]
    terms: Float


def q_learning(level: KeyDoor, terms: Float, seed: int) -> Curves:
    """Train on a reward table.

    Args:
        level: Where.
        terms: (K, S, 4) what each term of the reward pays for an action.
        seed: Of everything random.
    """
    rng = np.random.default_rng(seed)
    values = np.zeros(level.after.shape)
    model = (level.after, level.success, level.starts)
    success = [_success(model, values, rng)]
    paid = []
    for _ in range(EVALUATIONS):
        visits = np.zeros(level.after.shape)
        _learn(model, values, terms.sum(axis=0), visits, rng)
        success.append(_success(model, values, rng))
        paid.append((terms * visits).sum(axis=(1, 2)) / visits.sum())
    return Curves(success=tuple(success), terms=np.array(paid))


@numba.njit(cache=True)
def _greedy(row: Float, rng: np.random.Generator) -> int:
    """Return the best action; equally good ones are equally likely."""
    best, count = 0, 0
    for action in range(row.size):
        if count and row[action] < row[best]:
            continue
        if not count or row[action] > row[best]:
            best, count = action, 1
            continue
        count += 1
        if rng.random() * count < 1.0:
            best = action
    return best


@numba.njit(cache=True)
def _learn(model: Any, values: Float, reward: Float, visits: Float, rng: Any) -> None:
    after, success, starts = model
    state, age = starts[rng.integers(0, starts.size)], 0
    for _ in range(STEPS // EVALUATIONS):
        action = _greedy(values[state], rng)
        if rng.random() < EPSILON:
            action = rng.integers(0, 4)
        then, ends = after[state, action], success[state, action]
        ahead = 0.0 if ends else GAMMA * values[then].max()
        values[state, action] += RATE * (reward[state, action] + ahead - values[state, action])
        visits[state, action] += 1
        state, age = then, age + 1
        if ends or age == LIMIT:
            state, age = starts[rng.integers(0, starts.size)], 0


@numba.njit(cache=True)
def _success(model: Any, values: Float, rng: Any) -> float:
    after, success, starts = model
    reached = 0
    for start in starts:
        state = start
        for _ in range(LIMIT):
            action = _greedy(values[state], rng)
            if success[state, action]:
                reached += 1
                break
            state = after[state, action]
    share: float = reached / starts.size
    return share
