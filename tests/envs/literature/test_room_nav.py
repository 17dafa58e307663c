"""RoomNav against matrices written down from the paper's description, and its published values."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.stats import chi2

import operant  # noqa: F401 (registers the ids)
from operant.envs.gridworld.world import X, Y
from operant.envs.literature import room_nav

UP, LEFT, DOWN, RIGHT = range(4)
MOVES = {UP: (0, 1), LEFT: (-1, 0), DOWN: (0, -1), RIGHT: (1, 0)}
# Pairs of neighbours that a wall separates: rows 2 | 3 and columns 2 | 3, but for the four gates.
WALLS = {frozenset({(x, 2), (x, 3)}) for x in (0, 2, 3, 4, 6)}
WALLS |= {frozenset({(2, y), (3, y)}) for y in (0, 2, 3, 4, 6)}
OUTSIDE = 49


def matrices(legacy):
    """Return (4, 49, 50) probabilities (49 is outside) and (4, 49) rewards."""
    transition, reward = np.zeros((4, 49, 50)), np.zeros((4, 49))
    for x, y in np.ndindex(7, 7):
        leads = {}
        for action, (dx, dy) in MOVES.items():
            to = (x + dx, y + dy)
            if min(to) >= 0 and max(to) < 7 and frozenset({(x, y), to}) not in WALLS:
                leads[action] = to[1] * 7 + to[0]
        if (x, y) == (6, 6):
            leads |= {UP: OUTSIDE, RIGHT: OUTSIDE} | ({DOWN: 42} if legacy else {})
        if (x, y) == (0, 0) and legacy:
            leads |= {LEFT: OUTSIDE, DOWN: OUTSIDE}
        for action in MOVES:
            state = y * 7 + x
            wanted = leads.get(action, state)
            others = set(leads.values()) - {wanted}
            transition[action, state, wanted] += 0.9
            transition[action, state, list(others)] += 0.1 / len(others)
    reward[RIGHT, 48] = 10
    return transition, reward


def linear_program(transition, reward, gamma):
    """Return the optimal values as the smallest ones that no action improves."""
    rows = [gamma * transition[a, s, :49] - np.eye(49)[s] for a in range(4) for s in range(49)]
    found = linprog(
        np.ones(49), A_ub=np.array(rows), b_ub=-reward.ravel(), bounds=(None, None), method="highs"
    )
    assert found.success
    return found.x


def backward(transition, reward, horizon):
    """Return values and choices, (horizon + 1, 49) each, indexed by steps left."""
    values, choices = np.zeros((horizon + 1, 49)), np.zeros((horizon + 1, 49), int)
    for left in range(1, horizon + 1):
        worth = reward + transition[:, :, :49] @ values[left - 1]
        values[left], choices[left] = worth.max(axis=0), worth.argmax(axis=0)
    return values, choices


def test_values_of_the_published_code_are_reproduced() -> None:
    values = room_nav.value_iteration(0.95, legacy_corner=True)
    assert values[8] == pytest.approx(5.90216, abs=5e-6)
    assert values[48] == pytest.approx(10.8012, abs=5e-5)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.95])
def test_values_solve_the_linear_program(legacy, gamma) -> None:
    expected = linear_program(*matrices(legacy), gamma)
    assert room_nav.value_iteration(gamma, legacy) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("legacy", [False, True])
def test_oracle_equals_backward_induction(legacy) -> None:
    values, _ = backward(*matrices(legacy), 50)
    env = gym.make("RoomNav-v0", legacy_corner=legacy).unwrapped
    assert env.max_steps == 50
    env.reset(seed=3)
    rng = np.random.default_rng(0)
    state = 8
    for left in range(50, 30, -1):
        assert env.oracle().optimal_return == pytest.approx(values[left, state], abs=1e-9)
        state, _, terminated, _, _ = env.step(int(rng.integers(4)))
        assert not terminated


@pytest.mark.parametrize("legacy", [False, True])
def test_every_move_has_the_probabilities_of_the_matrices(legacy) -> None:
    each = 250
    state, action = (
        part.ravel() for part in np.meshgrid(np.arange(49), np.arange(4), indexing="ij")
    )
    state, action = np.repeat(state, each), np.repeat(action, each)
    env = gym.make_vec("RoomNav-v0", num_envs=len(state), legacy_corner=legacy).unwrapped
    env.reset(seed=7)
    env.simulator.world.agent[:, X] = 2 * (state % 7) + 1
    env.simulator.world.agent[:, Y] = 13 - 2 * (state // 7)
    after, reward, terminated, truncated, infos = env.step(action)
    after = np.where(terminated, OUTSIDE, after)
    transition, pay = matrices(legacy)
    seen = np.zeros_like(transition)
    np.add.at(seen, (action, state, after), 1)
    assert not seen[transition == 0].any()
    possible = transition > 0
    expected = each * transition[possible]
    statistic = ((seen[possible] - expected) ** 2 / expected).sum()
    assert chi2.sf(statistic, possible.sum() - 4 * 49) > 1e-3
    assert np.array_equal(reward, pay[action, state])
    assert not truncated.any()
    left_well = terminated & (state == 48) & (action == RIGHT)
    assert np.array_equal(infos["success"], left_well)
    assert left_well.any()


def test_best_policy_earns_what_the_oracle_promises() -> None:
    transition, reward = matrices(False)
    horizon, episodes = 12, 20_000
    values, choices = backward(transition, reward, horizon)
    env = gym.make_vec(
        "RoomNav-v0", num_envs=episodes, max_steps=horizon, autoreset_mode="Disabled"
    )
    state, _ = env.reset(seed=1)
    earned, running = np.zeros(episodes), np.ones(episodes, bool)
    for left in range(horizon, 0, -1):
        state, paid, terminated, truncated, _ = env.step(choices[left, state])
        earned += paid * running
        assert (truncated == (left == 1))[running].all()
        if (terminated & running).any() and left > 1:
            env.reset(options={"reset_mask": terminated})
        running &= ~terminated
    assert 1 < values[horizon, 8] < 9  # the limit is tight, so that the value is no triviality
    error = earned.std() / np.sqrt(episodes)
    assert abs(earned.mean() - values[horizon, 8]) < 4 * error


def test_start_and_features() -> None:
    env = gym.make("RoomNav-v0", render_mode="ansi")
    state, info = env.reset(seed=0)
    assert env.observation_space == gym.spaces.Discrete(49)
    assert env.action_space == gym.spaces.Discrete(4)
    assert state == 8
    assert info["features"] == {"agent_x": 1, "agent_y": 1, "room": 0, "steps_to_goal": 10}
    picture = env.render().splitlines()
    gates = [i for i in range(1, 14) if picture[8][2 * i : 2 * i + 2] != "##"]
    assert gates == [3, 11]
    assert [i for i in range(1, 14) if picture[i][12:14] != "##"] == [3, 11]


def test_steps_to_goal_are_a_breadth_first_search() -> None:
    transition, _ = matrices(False)
    links = (transition[:, :, :49] >= 0.9).any(axis=0)
    distance, reached = np.full(49, -1), np.zeros(49, bool)
    reached[48] = True
    for step in range(49):
        distance[reached & (distance < 0)] = step
        reached |= (links & reached).any(axis=1)
    assert np.array_equal(room_nav.DISTANCES, distance)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="legacy_corner"):
        gym.make("RoomNav-v0", legacy_corner=2)
    with pytest.raises(ValueError, match="minigrid"):
        gym.make("RoomNav-v0", reward="minigrid")
    for gamma in (1.0, -0.1):
        with pytest.raises(ValueError, match="gamma"):
            room_nav.value_iteration(gamma)
