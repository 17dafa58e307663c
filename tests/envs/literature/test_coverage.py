"""Coverage: returns are F of the visited cells by set union, and the oracle's bounds hold."""

from __future__ import annotations

import itertools
import math

import gymnasium as gym
import numpy as np
import pytest

import operant  # noqa: F401 (registers the ids)
from operant.envs.literature.coverage_bounds import Field, greedy_walk, upper_bound
from operant.planning import best_return

pytestmark = pytest.mark.integration  # a world of its own, whose kernels are compiled

MOVES = ((0, 0), (1, 0), (0, 1), (-1, 0), (0, -1))
CROSS = MOVES
BLOCK = ((0, 0), (1, 0), (0, 1), (1, 1))


class Ground:
    """The rules once more, over sets."""

    def __init__(self, side, *, bimodal=False, block=False) -> None:
        self.side, self.disc = side, BLOCK if block else CROSS
        at = np.linspace(-1, 1, side)
        self.weight = {
            (x, y): 1 / (1 + math.exp(-at[x] * at[y])) if bimodal else 1.0
            for x in range(side)
            for y in range(side)
        }

    def move(self, cell, action):
        to = (cell[0] + MOVES[action][0], cell[1] + MOVES[action][1])
        return to if to in self.weight else cell

    def seen(self, cell):
        cells = {(cell[0] + dx, cell[1] + dy) for dx, dy in self.disc}
        return frozenset(cells & self.weight.keys())

    def value(self, cells):
        return sum(self.weight[c] for c in frozenset().union(*map(self.seen, cells)))

    def best(self, start, steps):
        """Return the best gain over the start by trying every walk (equal futures once)."""
        frontier = {(start, self.seen(start))}
        for _ in range(steps):
            frontier = {
                (to, covered | self.seen(to))
                for cell, covered in frontier
                for to in (self.move(cell, action) for action in range(5))
            }
        return max(sum(self.weight[c] for c in covered) for _, covered in frontier) - sum(
            self.weight[c] for c in self.seen(start)
        )


def make(size, **kwargs):
    env = gym.make("Coverage-10x10-v0", size=size, **kwargs).unwrapped
    return env, env.reset(seed=0)[0]


def as_xy(number, side):
    return number % side, number // side


OPTIONS = [{}, {"bimodal": True}, {"block": True}, {"bimodal": True, "block": True}]


@pytest.mark.parametrize("options", OPTIONS)
def test_the_return_is_the_covered_weight(options) -> None:
    ground, rng = Ground(7, **options), np.random.default_rng(1)
    env, _ = make(7, start=16, **options)
    for _ in range(10):
        env.reset()
        cells, earned = [as_xy(16, 7)], 0.0
        for step in range(1, env.max_steps + 1):
            action = int(rng.integers(5))
            cells.append(ground.move(cells[-1], action))
            obs, reward, terminated, truncated, info = env.step(action)
            earned += reward
            assert earned == pytest.approx(ground.value(cells) - ground.value(cells[:1]))
            covered = frozenset().union(*map(ground.seen, cells))
            assert {(x, y) for y, x in np.argwhere(obs[..., 1])} == covered
            assert np.argwhere(obs[..., 0]).tolist() == [[cells[-1][1], cells[-1][0]]]
            features = info["features"]
            assert features["covered"] == len(covered)
            for action, name in enumerate(("right", "down", "left", "up"), start=1):
                to = ground.move(cells[-1], action)
                assert features[f"new_{name}"] == len(ground.seen(to) - covered)
            assert not terminated
            assert truncated == (step == env.max_steps)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(("side", "start", "steps"), [(3, 4, 6), (4, 0, 8), (4, 5, 8), (4, 2, 5)])
def test_bounds_enclose_the_brute_force_optimum(side, start, steps, options) -> None:
    ground = Ground(side, **options)
    env, _ = make(side, start=start, max_steps=steps, **options)
    best = ground.best(as_xy(start, side), steps)
    oracle = env.oracle()
    earned = sum(env.step(action)[1] for action in oracle.actions)
    assert oracle.kind == "upper_bound"
    assert 0 < earned <= best + 1e-12
    assert best <= oracle.optimal_return + 1e-12


def test_search_over_the_env_finds_the_brute_force_optimum() -> None:
    env, _ = make(3, bimodal=True)
    value, plan = best_return(env.tabular_mdp(), 4)
    assert value == pytest.approx(Ground(3, bimodal=True).best((0, 0), 4))
    assert sum(env.step(action)[1] for action in plan) == pytest.approx(value)


def test_the_oracle_goes_by_what_is_left() -> None:
    env, _ = make(4, max_steps=3)
    env.step(1)
    ground = Ground(4)
    both = ground.seen((0, 0)) | ground.seen((1, 0))
    best = max(
        len(both | ground.seen(a) | ground.seen(b)) - len(both)
        for a, b in itertools.product(ground.weight, repeat=2)
        if abs(a[0] - 1) + abs(a[1]) <= 1 and abs(a[0] - b[0]) + abs(a[1] - b[1]) <= 1
    )
    assert sum(env.step(action)[1] for action in env.oracle().actions) <= best
    env.reset()
    env.step(1)
    assert best <= env.oracle().optimal_return <= 2 * 3


def test_greedy_walk_leaves_the_field_alone_and_stops_when_all_is_seen() -> None:
    field = Field(np.ones((2, 2)), np.array(CROSS))
    assert greedy_walk(field, 0, 0, 9) == (4.0, (0, 2))  # sees all but the corner, then that
    assert (field.worth == 1).all()
    assert upper_bound(field, 9) == 4.0


@pytest.mark.parametrize(
    ("env_id", "start", "steps", "bound", "walk"),
    [
        ("Coverage-10x10-v0", (0, 0), 30, 90.0, 76.0),
        ("Coverage-30x30-v0", (4, 1), 80, 240.0, 196.0),
    ],
)
def test_registered_fields(env_id, start, steps, bound, walk) -> None:
    env = gym.make(env_id).unwrapped
    obs, _ = env.reset(seed=0)
    assert np.argwhere(obs[..., 0]).tolist() == [[start[1], start[0]]]
    assert env.max_steps == steps
    oracle = env.oracle()
    assert oracle.optimal_return == bound
    assert sum(env.step(action)[1] for action in oracle.actions) == walk


def test_the_mask_can_be_hidden() -> None:
    env, obs = make(5, markov=False)
    assert obs.shape == (5, 5, 1)
    assert obs.sum() == 1
    assert env.step(1)[0].sum() == 1
    privileged = {feature.name: feature.privileged for feature in env.card.features}
    assert privileged["covered"]
    assert not privileged["agent_x"]


def test_slips_come_at_their_rate() -> None:
    envs = gym.make_vec("Coverage-10x10-v0", num_envs=4000, start=55, randomness=50)
    envs.reset(seed=1)
    *_, infos = envs.step(np.full(4000, 1))
    moved = np.stack([infos["features"]["agent_x"] - 5, infos["features"]["agent_y"] - 5], axis=1)
    for (dx, dy), share in zip(MOVES, (0.1, 0.6, 0.1, 0.1, 0.1), strict=True):
        assert np.mean((moved == (dx, dy)).all(axis=1)) == pytest.approx(share, abs=0.03)


def test_a_start_outside_the_field_is_refused() -> None:
    with pytest.raises(ValueError, match="start must be less than 25"):
        gym.make("Coverage-10x10-v0", size=5, start=25)
