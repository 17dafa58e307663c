"""LineKey against sparse matrices over all positions, a linear program, and published numbers."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog
from scipy.stats import binomtest, chisquare

import operant  # noqa: F401 (registers the ids)
from operant.envs.gridworld.cells import EMPTY
from operant.envs.gridworld.world import CARRY
from operant.envs.literature import line_key

LEFT, RIGHT, PICK = range(3)
POSITIONS = 10_001
# The optimal values of the abstraction with gamma 0.95 in the published code (a table of 41 states,
# solved by its own value iteration), for cells 0 to 19 without the key.
PUBLISHED = [4.55534, 4.72349, 4.91998, 5.09813, 4.72133, 4.62286, 4.40140, 4.24960, 4.07436]
PUBLISHED += [3.92007, 3.76501, 3.61926, 3.47761, 3.34224, 3.21170, 3.08623, 2.96240, 2.84062]
PUBLISHED += [2.60450, 2.44387]


def matrices():
    """Return per action the (20002, 20002) probabilities, and what actions pay, (3, 20002).

    State: position in ten-thousandths, plus 10001 with the key. Leaving is a row of zeros.
    """
    places = np.arange(POSITIONS)
    steps = np.arange(740, 761)
    sure = {}
    for action, sign in ((LEFT, -1), (RIGHT, 1)):
        to = np.clip(places[:, None] + sign * steps, 0, POSITIONS - 1)
        shape = (POSITIONS, POSITIONS)
        cells = (np.repeat(places, 21), to.ravel())
        one = sparse.coo_array((np.full(to.size, 1 / 21), cells), shape).tocsr()
        sure[action] = sparse.block_diag([one, one]).tocsr()
    near = (places >= 1000) & (places <= 2000)
    picked = np.concatenate([np.where(near, places + POSITIONS, places), places + POSITIONS])
    rows = np.arange(2 * POSITIONS)
    sure[PICK] = sparse.coo_array((np.ones(rows.size), (rows, picked))).tocsr()
    stays = sparse.diags_array((np.tile(places, 2) < 9000).astype(float))
    chances = [
        0.9 * sure[action] + 0.05 * sum(sure[other] for other in sure if other != action)
        for action in range(3)
    ]
    chances[RIGHT] = stays @ chances[RIGHT]
    reward = np.zeros((3, 2 * POSITIONS))
    reward[RIGHT, POSITIONS + 9000 :] = 10
    return chances, reward


@pytest.fixture(scope="module")
def solved():
    """Values and choices by steps left, (31, 20002) each."""
    chances, reward = matrices()
    values, choices = [np.zeros(2 * POSITIONS)], [np.zeros(2 * POSITIONS, int)]
    for _ in range(30):
        worth = np.stack([reward[a] + chances[a] @ values[-1] for a in range(3)])
        values.append(worth.max(axis=0))
        choices.append(worth.argmax(axis=0))
    return np.array(values), np.array(choices)


def test_best_returns_equal_the_sparse_matrices(solved) -> None:
    values, _ = solved
    for horizon in (0, 1, 2, 7, 13, 18, 30):
        found = line_key.best_returns(horizon)
        assert found.shape == (2, POSITIONS)
        assert found.ravel() == pytest.approx(values[horizon], abs=1e-10)
    assert 1 < values[18][5000] < 9  # somewhere the time limit matters


@pytest.mark.integration
def test_oracle_reads_the_state_it_is_asked_in(solved) -> None:
    values, _ = solved
    env = gym.make("LineKey-v0", max_steps=30).unwrapped
    rng = np.random.default_rng(0)
    for seed in range(3):
        obs, _ = env.reset(seed=seed)
        for left in range(30, 5, -1):
            state = round(float(obs[0]) * 10_000) + POSITIONS * int(obs[1])
            assert env.oracle().optimal_return == pytest.approx(values[left][state], abs=1e-10)
            action = (
                LEFT if left > 24 else int(rng.choice([PICK, LEFT, RIGHT], p=[0.5, 0.25, 0.25]))
            )
            obs, _, terminated, _, _ = env.step(action)
            if terminated:
                break


def test_best_policy_earns_what_the_oracle_promises(solved) -> None:
    values, choices = solved
    horizon, episodes = 18, 20_000
    env = gym.make_vec(
        "LineKey-v0", num_envs=episodes, max_steps=horizon, autoreset_mode="Disabled"
    )
    obs, _ = env.reset(seed=11)
    earned, running = np.zeros(episodes), np.ones(episodes, bool)
    for left in range(horizon, 0, -1):
        state = np.rint(obs[:, 0].astype(float) * 10_000).astype(int)
        action = choices[left][state + POSITIONS * obs[:, 1].astype(int)]
        obs, reward, terminated, _, infos = env.step(action)
        earned += reward * running
        assert np.array_equal(infos["success"], reward == 10)
        running &= ~terminated
        if terminated.any() and left > 1:
            env.reset(options={"reset_mask": terminated})
    error = earned.std() / np.sqrt(episodes)
    assert abs(earned.mean() - values[horizon][5000]) < 4 * error


def one_step(position, key, action, rows=20_000):
    """Return what one step does in many rows that stand at a position (in ten-thousandths)."""
    env = gym.make_vec("LineKey-v0", num_envs=rows).unwrapped
    env.reset(seed=5)
    env.simulator.world.memory[:, line_key.AT] = position
    env.simulator.world.agent[:, CARRY] = line_key.KEY if key else EMPTY
    obs, reward, terminated, _, _ = env.step(np.full(rows, action))
    return np.rint(obs[:, 0].astype(float) * 10_000).astype(int), obs[:, 1], reward, terminated


@pytest.mark.parametrize(("action", "other"), [(LEFT, RIGHT), (RIGHT, LEFT)])
def test_steps_and_slips_have_their_probabilities(action, other) -> None:
    after, key, reward, terminated = one_step(5000, False, action)
    sign = 1 if action == RIGHT else -1
    moved = (after - 5000) * sign
    assert set(moved) <= {0, *range(740, 761), *range(-760, -739)}
    for happened, chance in ((moved > 0, 0.9), (moved < 0, 0.05), (moved == 0, 0.05)):
        assert binomtest(int(happened.sum()), len(moved), chance).pvalue > 1e-3
    assert chisquare(np.bincount(moved[moved > 0] - 740, minlength=21)).pvalue > 1e-3
    assert not key.any()
    assert not reward.any()
    assert not terminated.any()


def test_the_key_is_picked_only_where_it_lies() -> None:
    for position, there in ((999, False), (1000, True), (1500, True), (2000, True), (2001, False)):
        after, key, _, _ = one_step(position, False, PICK, rows=2000)
        assert np.array_equal(key == 1, (after == position) & there)


def test_leaving_never_slips_and_pays_only_with_the_key() -> None:
    for key in (False, True):
        _, _, reward, terminated = one_step(9000, key, RIGHT, rows=2000)
        assert terminated.all()
        assert (reward == (10 if key else 0)).all()
    after, _, reward, terminated = one_step(8999, True, RIGHT, rows=2000)
    assert not terminated.any()
    assert not reward.any()
    assert after.max() == 8999 + 760
    after, _, _, terminated = one_step(9900, True, LEFT, rows=2000)  # a slip to the right stays in
    assert after.max() == 10_000
    assert not terminated.any()
    assert one_step(300, False, LEFT, rows=2000)[0].min() == 0


def test_abstraction_has_the_published_values() -> None:
    values = line_key.value_iteration(0.95)
    assert values[:20] == pytest.approx(PUBLISHED, abs=1e-5)
    assert values[38:] == pytest.approx([10, 10])
    assert (values[10] + values[11]) / 2 == pytest.approx(3.69213, abs=5e-6)


def test_abstraction_values_solve_the_linear_program() -> None:
    model = line_key.abstraction()
    rows = [0.9 * model.transition[s, a] - np.eye(40)[s] for s in range(40) for a in range(3)]
    found = linprog(
        np.ones(40), A_ub=np.array(rows), b_ub=-model.reward.ravel(), bounds=(None, None)
    )
    assert line_key.value_iteration(0.9) == pytest.approx(found.x, abs=1e-7)


def test_abstraction_is_a_coarse_view_of_the_line() -> None:
    """From the middle of a cell a sure step of 0.075 ends one or two cells on, half and half."""
    model = line_key.abstraction()
    inside = model.transition.sum(axis=2)
    assert inside.max() <= 1 + 1e-12
    assert inside[[18, 19, 38, 39], RIGHT].max() == 0
    steps = np.random.default_rng(0).uniform(0.074, 0.076, 100_000)
    cells = np.floor((np.random.default_rng(1).uniform(0.4, 0.45, 100_000) + steps) * 20)
    assert np.mean(cells == 9) == pytest.approx(0.5, abs=0.01)
    assert np.mean(cells == 10) == pytest.approx(0.5, abs=0.01)
    assert model.transition[8, RIGHT, [9, 10]] == pytest.approx([0.45, 0.45])


def test_start_spaces_and_features() -> None:
    env = gym.make("LineKey-v0")
    obs, info = env.reset(seed=0)
    assert obs.dtype == np.float32
    assert obs.tolist() == [0.5, 0.0]
    assert env.unwrapped.max_steps == 50
    features = info["features"]
    assert features["distance_to_key"] == pytest.approx(0.3)
    assert features["distance_to_exit"] == pytest.approx(0.4)
    assert features["subgoal"] == 0
    assert features["cell"] == 10
