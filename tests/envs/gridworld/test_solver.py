"""The oracle and the explicit MDP, judged by searches that share no code with them."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import operant  # noqa: F401 (registers the ids)
from operant.planning import shortest_solution, value_iteration
from operant.tabular import every_transition

USEFUL = (0, 1, 2, 3, 5)


def make(size: int, seed: int, **kwargs):
    env = gym.make(f"SparseKey-{size}x{size}-v0", **kwargs).unwrapped
    env.reset(seed=seed)
    return env


def fewest_steps_over_all_actions(env) -> int:
    """Breadth-first search over saved states, with all seven actions and the public API only."""
    start = env.get_state()
    frontier, seen, depth = [start], {identity(start)}, 0
    while frontier:
        depth, following = depth + 1, []
        for state in frontier:
            for action in range(7):
                env.set_state(state)
                terminated = env.step(action)[2]
                if terminated:
                    env.set_state(start)
                    return depth
                after = env.get_state()
                if identity(after) not in seen:
                    seen.add(identity(after))
                    following.append(after)
        frontier = following
    raise AssertionError("no solution")


def identity(state) -> bytes:
    return state["world.grid"].tobytes() + state["world.agent"][:, :4].tobytes()


def wander(env, actions: int, seed: int) -> None:
    """Play random actions, which now and then follow the oracle; stop short of the goal."""
    rng = np.random.default_rng(seed)
    for _ in range(actions):
        plan = env.oracle().actions
        action = plan[0] if rng.random() < 0.5 else int(rng.integers(7))
        if len(plan) == 1 and action == plan[0]:
            return
        env.step(action)


@pytest.mark.parametrize(("size", "seed"), [(5, 0), (5, 1), (5, 2), (5, 3), (6, 0), (6, 1)])
def test_solution_is_as_short_as_with_all_actions(size: int, seed: int) -> None:
    env = make(size, seed)
    assert env.oracle().solution_length == fewest_steps_over_all_actions(env)


@pytest.mark.parametrize("seed", range(6))
def test_solution_is_as_short_as_with_all_actions_from_mid_episode(seed: int) -> None:
    env = make(5, seed)
    wander(env, 12 + 3 * seed, seed)
    assert env.oracle().solution_length == fewest_steps_over_all_actions(env)


@pytest.mark.parametrize("size", [5, 6, 8, 16])
def test_replaying_the_solution_succeeds_exactly_at_its_length(size: int) -> None:
    for seed in range(10):
        env = make(size, seed)
        wander(env, 5 * seed, seed)
        oracle = env.oracle()
        assert oracle.kind == "exact"
        assert oracle.optimal_return == 1.0
        assert oracle.solution_length == len(oracle.actions)
        assert set(oracle.actions) <= set(USEFUL)
        results = [env.step(action) for action in oracle.actions]
        assert [r[1] for r in results] == [0.0] * (len(results) - 1) + [1.0]
        assert [r[2] for r in results] == [False] * (len(results) - 1) + [True]
        assert results[-1][4]["success"] is True


def test_asking_the_oracle_changes_nothing() -> None:
    env, twin = make(8, 4), make(8, 4)
    env.step(2)
    twin.step(2)
    env.oracle()
    env.tabular_mdp()
    for key, value in env.get_state().items():
        np.testing.assert_array_equal(value, twin.get_state()[key], err_msg=key)


@pytest.mark.parametrize(("size", "seed"), [(5, 0), (5, 5), (6, 0), (6, 3), (8, 1)])
def test_planners_agree_with_the_oracle(size: int, seed: int) -> None:
    env = make(size, seed)
    if seed == 5:
        wander(env, 6, seed)
    mdp, length = env.tabular_mdp(), env.oracle().solution_length
    plan = shortest_solution(mdp)
    assert plan is not None
    assert len(plan) == length
    start_value = value_iteration(mdp, gamma=0.97).start_value
    assert start_value == pytest.approx(0.97 ** (length - 1), rel=1e-9)
    assert env.step(plan[0])[1:3] == (0.0, False)
    *_, last = [env.step(action) for action in plan[1:]]
    assert last[1:3] == (1.0, True)


def test_a_level_that_cannot_be_solved_in_time_is_worth_nothing() -> None:
    length = make(6, 2).oracle().solution_length
    for limit, worth in ((length, 1.0), (length - 1, 0.0)):
        env = make(6, 2, max_steps=limit)
        assert env.oracle().optimal_return == worth
        assert env.oracle().solution_length == length
        assert sum(env.step(action)[1] for action in env.oracle().actions[:limit]) == worth


def test_time_already_spent_counts_against_the_limit() -> None:
    length = make(6, 2).oracle().solution_length
    env = make(6, 2, max_steps=length)
    env.step(6)
    assert env.oracle().optimal_return == 0.0
    assert env.oracle().solution_length == length


def test_optimal_return_in_minigrids_reward_mode() -> None:
    env = make(6, 1, reward="minigrid", max_steps=50)
    for _ in range(3):
        env.step(6)
    oracle = env.oracle()
    expected = 1.0 - 0.9 * (3 + oracle.solution_length) / 50
    assert oracle.optimal_return == pytest.approx(expected, rel=1e-15)
    *_, last = [env.step(action) for action in oracle.actions]
    assert last[1] == oracle.optimal_return


def paths_from_start(next_state: np.ndarray) -> list[tuple[int, ...]]:
    """Return one action sequence from state 0 to each state of an MDP."""
    paths: dict[int, tuple[int, ...]] = {0: ()}
    queue = [0]
    for state in queue:
        for action, target in enumerate(next_state[state]):
            if target >= 0 and target not in paths:
                paths[int(target)] = (*paths[state], action)
                queue.append(int(target))
    return [paths[state] for state in range(len(next_state))]


@pytest.mark.parametrize(("size", "seed", "warm_up"), [(5, 0, 0), (5, 1, 15), (6, 2, 0)])
def test_tabular_mdp_agrees_with_the_env(size: int, seed: int, warm_up: int) -> None:
    env = make(size, seed)
    wander(env, warm_up, seed)
    mdp, start = env.tabular_mdp(), env.get_state()
    paths = paths_from_start(mdp.next_state)
    rng = np.random.default_rng(seed)
    solved = mdp.success.any(axis=1).nonzero()[0]
    for state in [0, *rng.integers(mdp.num_states, size=60), *solved[:5]]:
        env.set_state(start)
        for action in paths[state]:
            obs, *_, info = env.step(action)
        if paths[state]:
            np.testing.assert_array_equal(mdp.obs["image"][state], obs["image"])
            assert mdp.obs["direction"][state] == obs["direction"]
            assert {k: v[state] for k, v in mdp.features.items()} == info["features"]
        here = env.get_state()
        for action in range(7):
            env.set_state(here)
            obs, reward, terminated, _, info = env.step(action)
            after = {k: v[state, action] for k, v in mdp.successor_features.items()}
            assert after == info["features"], (state, action)
            assert mdp.reward[state, action] == reward
            assert mdp.success[state, action] == terminated
            target = mdp.next_state[state, action]
            assert (target == -1) == terminated
            if not terminated:
                np.testing.assert_array_equal(mdp.obs["image"][target], obs["image"])


@pytest.mark.parametrize(
    ("env_id", "least"), [("Empty-5x5-v0", 20), ("LavaGapS5-v0", 50), ("Chain-n40-v0", 1)]
)
def test_every_transition_shows_what_the_env_shows(env_id: str, least: int) -> None:
    """The last observations of episodes included."""
    env = gym.make(env_id)
    env.reset(seed=0)
    mdp = env.unwrapped.tabular_mdp()
    every, rng, ends = every_transition(mdp), np.random.default_rng(0), 0
    for _ in range(100):
        _, (state, over) = env.reset(seed=0), (0, False)
        while not over:
            action = int(rng.integers(mdp.num_actions))
            row = state * mdp.num_actions + action
            obs, reward, terminated, truncated, info = env.step(action)
            shown, next_obs = (x if isinstance(x, dict) else {"": x} for x in (obs, every.next_obs))
            assert all(np.array_equal(shown[key], next_obs[key][row]) for key in shown)
            assert all(info["features"][key] == every.features[key][row] for key in every.features)
            assert (reward, terminated) == (every.reward[row], every.terminated[row])
            ends, over = ends + terminated, terminated or truncated
            state = mdp.next_state[state, action]
    assert ends >= least


def test_tabular_states_are_distinct_and_complete() -> None:
    """Each state occurs once: what identifies a state is searched as often as the MDP is large."""
    env = make(5, 0)
    mdp = env.tabular_mdp()
    assert mdp.num_actions == 7
    seen, frontier = {identity(env.get_state())}, [env.get_state()]
    for state in frontier:
        for action in range(7):
            env.set_state(state)
            if not env.step(action)[2] and identity(env.get_state()) not in seen:
                seen.add(identity(env.get_state()))
                frontier.append(env.get_state())
    assert mdp.num_states == len(seen)


def test_too_many_states_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operant.envs.gridworld.solver.MAX_BYTES", 500_000)
    with pytest.raises(
        ValueError, match=r"more than [\d,]+ states are reachable in this 6x6 level"
    ):
        make(6, 0).tabular_mdp()


def test_all_of_the_memory_that_is_allowed_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit into a graph four times as large may still fit."""
    states = make(6, 0).tabular_mdp().num_states
    assert 1024 < states < 1400
    monkeypatch.setattr("operant.envs.gridworld.solver.MAX_BYTES", 1_000_000)
    assert make(6, 0).tabular_mdp().num_states == states


@pytest.mark.parametrize("question", ["oracle", "tabular_mdp"])
def test_there_is_no_answer_before_the_first_reset(question: str) -> None:
    env = gym.make("SparseKey-5x5-v0").unwrapped
    with pytest.raises(gym.error.ResetNeeded, match=r"reset\(\)"):
        getattr(env, question)()
