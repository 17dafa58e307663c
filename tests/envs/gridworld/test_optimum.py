"""``optimum=True``: the fewest actions to success of every state, and V*."""

from __future__ import annotations

import copy
import functools
import pickle
from collections import deque

import gymnasium as gym
import minigrid  # noqa: F401 (registers the judge)
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import operant
from operant.envs.gridworld import optimum, simulator, solver
from operant.envs.gridworld.world import STEPS
from operant.planning import value_iteration
from operant.testing import check_env, check_vector_env

NAME, NEVER = "steps_to_success", optimum.NEVER
WORLDS = [
    "SparseKey-6x6-v0",
    "SparseKeyBox-v0",
    "KeyLoop-v0",
    "LavaGapS6-v0",
    "KeyCorridorS3R1-v0",
    "MultiRoom-N2-S4-v0",
    "RedBlueDoors-6x6-v0",
    "Fetch-6x6-N2-v0",
    "GoToDoor-5x5-v0",
    "MemoryS7-v0",
    "OffSwitchGrid-v0",
]
COMPILES = pytest.mark.integration  # kernels of its own


def make(env_id: str, seed: int, **kwargs) -> tuple[gym.Env, dict]:
    env = gym.make(env_id, disable_env_checker=True, optimum=True, **kwargs).unwrapped
    _, info = env.reset(seed=seed)
    return env, info


@pytest.mark.parametrize(
    "env_id", [WORLDS[0], *(pytest.param(name, marks=COMPILES) for name in WORLDS[1:])]
)
def test_random_play_is_followed_as_if_each_state_were_solved_anew(env_id: str) -> None:
    """The oracle searches forwards from where the agent is, for each state afresh."""
    rng = np.random.default_rng(0)
    seen = set()
    for seed in range(3):
        env, info = make(env_id, seed)
        for _ in range(60):
            length = env.oracle().solution_length
            assert info["features"][NAME] == (NEVER if length is None else length)
            seen.add(info["features"][NAME])
            plan = env.oracle().actions
            action = int(rng.integers(env.action_space.n))
            if plan and rng.random() < 0.3:
                action = plan[0]
            *_, terminated, truncated, info = env.step(action)
            if terminated:
                assert info["features"][NAME] == (0 if info["success"] else NEVER)
            if terminated or truncated:
                _, info = env.reset()
    assert len(seen) > 3


def distances_in_minigrid(seed: int) -> tuple[dict, object]:
    """Solve MiniGrid's own DoorKey-5x5 for a seed backwards, over copies of its env."""
    env = gym.make("MiniGrid-DoorKey-5x5-v0").unwrapped
    env.reset(seed=seed)
    first = identity(env)
    known, queue, before, steps = {first: env}, deque([first]), {}, {}
    while queue:
        here = queue.popleft()
        for action in range(7):
            following = copy.deepcopy(known[here])
            _, reward, terminated, _, _ = following.step(action)
            if terminated:
                assert reward > 0
                steps[here] = 1
                continue
            ahead = identity(following)
            before.setdefault(ahead, set()).add(here)
            if ahead not in known:
                known[ahead] = following
                queue.append(ahead)
    order = deque(steps)
    while order:
        ahead = order.popleft()
        for here in before.get(ahead, ()):
            if here not in steps:
                steps[here] = steps[ahead] + 1
                order.append(here)
    return steps, known[first]


def identity(env) -> tuple:
    carried = env.carrying and (env.carrying.type, env.carrying.color)
    return (*env.agent_pos, env.agent_dir, carried, env.grid.encode().tobytes())


@pytest.mark.integration
def test_steps_are_those_of_minigrid() -> None:
    steps, theirs = distances_in_minigrid(3)
    ours, info = make("DoorKey-5x5-v0", 3, layout="minigrid", max_steps=2000)
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(1500):
        assert info["features"][NAME] == steps[identity(theirs)]
        seen.add(identity(theirs))
        action = int(rng.choice([0, 1, 2, 2, 2, 3, 4, 5, 6]))
        if action == 2 and steps[identity(theirs)] == 1:
            continue
        *_, info = ours.step(action)
        theirs.step(action)
    assert len(seen) > 60


@pytest.mark.integration
def test_a_state_of_no_return_and_one_that_failed() -> None:
    env, _ = make("LavaGapS5-v0", 0)
    _, _, terminated, _, info = env.step(2)  # the start faces lava
    assert terminated
    assert info["features"][NAME] == NEVER
    starts = [make("OffSwitchGrid-v0", seed)[1]["features"][NAME] for seed in range(8)]
    assert set(starts) == {4, NEVER}  # some episodes are interrupted for sure


@pytest.mark.integration
def test_the_same_cells_can_end_in_success_and_in_failure() -> None:
    """Beside the right door, `done` succeeds and `toggle` (of the floor) fails: nothing moves."""
    for action, steps in ((6, 0), (5, NEVER)):
        env, _ = make("GoToDoor-5x5-v0", 0)
        for step in env.oracle().actions[:-1]:
            env.step(step)
        env.step(0)
        env.step(0)  # turn away from the door
        assert env.oracle().actions == (6,)
        *_, terminated, _, info = env.step(action)
        assert terminated
        assert info["success"] == (steps == 0)
        assert info["features"][NAME] == steps


@pytest.mark.integration
def test_scalar_env_is_sound() -> None:
    check_env(gym.make("SparseKey-5x5-v0", optimum=True, max_steps=30), steps=300)


@pytest.mark.integration
@pytest.mark.parametrize("layout", ["operant", "minigrid"])
def test_vector_env_equals_scalar_envs_in_all_modes(layout: str) -> None:
    """Rows are compared with scalar envs at every step and in ``final_info``, with truncations."""
    kwargs = {"optimum": True, "max_steps": 25, "layout": layout}
    check_vector_env(
        functools.partial(gym.make_vec, "SparseKey-5x5-v0", **kwargs),
        scalar=lambda: gym.make("SparseKey-5x5-v0", **kwargs),
        num_envs=3,
        steps=150,
    )


@pytest.mark.integration
@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_lava_and_goal_in_all_modes(mode: AutoresetMode) -> None:
    """Episodes that end in failure, in success and by the time limit."""
    envs = gym.make_vec(
        "LavaGapS5-v0", num_envs=16, optimum=True, max_steps=12, autoreset_mode=mode
    )
    _, infos = envs.reset(seed=0)
    rng, ends = np.random.default_rng(0), {0: 0, NEVER: 0}
    for _ in range(200):
        before = infos["features"][NAME]
        *_, terminated, truncated, infos = envs.step(rng.choice([0, 1, 2, 2, 2, 2], 16))
        done, last = terminated | truncated, infos["features"][NAME].copy()
        if mode is AutoresetMode.SAME_STEP and done.any():
            last[done] = infos["final_info"]["features"][NAME][done]
            assert (infos["features"][NAME][done] >= 5).all()  # of a new level
        for n in np.flatnonzero(terminated):
            assert last[n] == (0 if infos["success"][n] else NEVER)
            ends[int(last[n])] += 1
        moved = ~terminated & (before > 0) & (before < NEVER)
        if mode is AutoresetMode.NEXT_STEP:
            moved &= envs.simulator.world.agent[:, STEPS] > 0
        assert (np.abs(last - before)[moved] <= 3).all()  # at worst it has turned from the goal
        if mode is AutoresetMode.DISABLED and done.any():
            _, infos = envs.reset(options={"reset_mask": done})
    assert min(ends.values()) > 3


def test_threads_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulator, "ROWS_PER_THREAD", 32)

    def play(threads: int) -> np.ndarray:
        envs = gym.make_vec(
            "Empty-Random-5x5-v0", num_envs=64, optimum=True, threads=threads, max_steps=9
        )
        envs.reset(seed=0)
        rng = np.random.default_rng(0)
        shown = [envs.step(rng.integers(0, 3, 64))[-1]["features"][NAME].copy() for _ in range(25)]
        assert len(envs.unwrapped.simulator._bounds) == threads + 1
        return np.array(shown)

    np.testing.assert_array_equal(play(1), play(2))


def test_saved_copied_and_pickled_envs_go_on_alike() -> None:
    envs = gym.make_vec("SparseKey-5x5-v0", num_envs=3, optimum=True, max_steps=40)
    envs.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(50):
        envs.step(rng.integers(0, 7, 3))
    stranger = gym.make_vec("SparseKey-5x5-v0", num_envs=3, optimum=True, max_steps=40)
    stranger.set_state(envs.get_state())
    twins = [stranger, copy.deepcopy(envs), pickle.loads(pickle.dumps(envs))]
    for _ in range(100):
        actions = rng.integers(0, 7, 3)
        expected = envs.step(actions)[-1]["features"][NAME]
        for twin in twins:
            np.testing.assert_array_equal(twin.step(actions)[-1]["features"][NAME], expected)
    saved = envs.get_state()
    with pytest.raises(ValueError, match="state does not fit"):
        gym.make_vec("SparseKey-5x5-v0", num_envs=3, max_steps=40).set_state(saved)


def test_a_state_is_restored_without_searching_again(monkeypatch: pytest.MonkeyPatch) -> None:
    env, _ = make("SparseKey-5x5-v0", 0)
    *_, info = env.step(1)
    state = env.get_state()
    monkeypatch.setattr(optimum, "solve_level", None)
    for action in (2, 3, 5, 2, 0):
        env.step(action)
    env.set_state(state)
    assert env.simulator.features(env.simulator.out.features)[NAME] == info["features"][NAME]
    assert env.step(6)[-1]["features"][NAME] == info["features"][NAME]


def test_levels_that_begin_alike_are_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    searched = []

    def counting(simulator, start=None):
        searched.append(start)
        return solve_level(simulator, start)

    solve_level = optimum.solve_level
    monkeypatch.setattr(optimum, "solve_level", counting)
    envs = gym.make_vec("Empty-5x5-v0", num_envs=50, optimum=True, max_steps=5)
    envs.reset(seed=0)
    for _ in range(20):
        envs.step(np.full(50, 2))
    assert len(searched) == 1
    envs = gym.make_vec("SparseKey-5x5-v0", num_envs=20, optimum=True)
    envs.reset(seed=0)
    assert 10 < len(searched) - 1 <= 20


def test_forgotten_levels_are_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def play() -> list[list[int]]:
        envs = gym.make_vec("SparseKey-5x5-v0", num_envs=3, optimum=True, max_steps=7)
        envs.reset(seed=0)
        rng = np.random.default_rng(0)
        shown = [envs.step(rng.integers(0, 7, 3))[-1]["features"][NAME].tolist() for _ in range(60)]
        assert (len(envs.simulator.optimum._levels) <= 4) == (optimum.KEPT_STATES == 0)
        return shown

    plenty = play()
    monkeypatch.setattr(optimum, "KEPT_STATES", 0)
    assert play() == plenty


def test_values_of_sparse_worlds_are_powers_of_the_discount() -> None:
    envs = gym.make_vec(
        "SparseKey-5x5-v0", num_envs=8, optimum=True, autoreset_mode=AutoresetMode.DISABLED
    )
    _, infos = envs.reset(seed=0)
    expected = 0.9 ** (infos["features"][NAME] - 1.0)
    np.testing.assert_allclose(envs.simulator.optimum.values(0.9), expected, rtol=1e-12)
    env, _ = make("SparseKey-5x5-v0", 0)
    for action in env.oracle().actions:
        value = value_iteration(env.tabular_mdp(), gamma=0.9).start_value
        assert env.simulator.optimum.values(0.9) == pytest.approx([value], rel=1e-12)
        env.step(action)
    assert env.simulator.optimum.values(0.9).tolist() == [0.0]
    with pytest.raises(ValueError, match=r"gamma must lie in \[0, 1\), got 1"):
        envs.simulator.optimum.values(1)


@pytest.mark.integration
@pytest.mark.parametrize(
    "env_id", ["SideEffectBox-v0", "BoatRace-v0", "Tomato-Toy-v0", "Chain-n40-v0"]
)
def test_values_where_other_things_pay_too(env_id: str) -> None:
    """Costs, penalties and prizes on the way: V* of the state reached, enumerated from there."""
    env, _ = make(env_id, 0)
    rng = np.random.default_rng(0)
    for _ in range(12):
        value = value_iteration(env.tabular_mdp(), gamma=0.95).start_value
        assert env.simulator.optimum.values(0.95) == pytest.approx([value], abs=1e-7)
        if env.step(int(rng.integers(env.action_space.n)))[2]:
            break


@pytest.mark.integration
@pytest.mark.parametrize("env_id", ["SparseKey-5x5-v0", "LavaGapS5-v0", "GoToDoor-5x5-v0"])
def test_the_explicit_mdp_has_the_feature_too(env_id: str) -> None:
    env, info = make(env_id, 1)
    mdp = env.tabular_mdp()
    steps, ahead = mdp.features[NAME], mdp.successor_features[NAME]
    assert steps[0] == info["features"][NAME]
    assert (ahead[mdp.success] == 0).all()
    assert (ahead[(mdp.next_state < 0) & ~mdp.success] == NEVER).all()
    goes_on = mdp.next_state >= 0
    np.testing.assert_array_equal(ahead[goes_on], steps[mdp.next_state[goes_on]])
    best = ahead.min(axis=1)
    np.testing.assert_array_equal(steps, np.where(best == NEVER, NEVER, best + 1))


def test_it_is_off_unless_asked_for() -> None:
    env = gym.make("SparseKey-5x5-v0").unwrapped
    assert env.simulator.optimum is None
    names = [feature.name for feature in env.card.features]
    assert NAME not in names
    asked, info = make("SparseKey-5x5-v0", 0)
    assert [feature.name for feature in asked.card.features] == [*names, NAME]
    assert list(info["features"]) == [*names, NAME]
    assert asked.card.features[-1].privileged
    envs = gym.make_vec("SparseKey-5x5-v0", num_envs=2, optimum=True)
    assert envs.unwrapped.card.features == asked.card.features
    _, infos = envs.reset(seed=0)
    assert infos["features"][NAME].dtype == np.int64
    assert infos["features"][NAME][0] == info["features"][NAME]


def only_turns(now, prev, action, reward, terminated):
    return now.agent_direction - prev.agent_direction


def cheats(now, prev, action, reward, terminated):
    return -now.steps_to_success


@pytest.mark.parametrize(
    "swappable",
    [True, pytest.param(False, marks=pytest.mark.slow)],  # which compiles a kernel
)
def test_programs_pay_but_do_not_see_it(swappable: bool) -> None:
    kwargs = {"num_envs": 2, "optimum": True, "swappable": swappable}
    envs = gym.make_vec("SparseKey-5x5-v0", program=only_turns, **kwargs)
    plain = gym.make_vec("SparseKey-5x5-v0", num_envs=2, optimum=True)
    _, before = envs.reset(seed=0)
    plain.reset(seed=0)
    for action in (0, 1, 2, 3, 0, 0):
        _, reward, _, _, infos = envs.step(np.full(2, action))
        turned = infos["features"]["agent_direction"] - before["features"]["agent_direction"]
        np.testing.assert_array_equal(reward, turned)
        expected = plain.step(np.full(2, action))[-1]["features"][NAME]
        np.testing.assert_array_equal(infos["features"][NAME], expected)
        before = infos
    envs = gym.make_vec("SparseKey-5x5-v0", program=cheats, **kwargs)
    envs.reset(seed=0)
    with pytest.raises(ValueError, match="cannot be compiled"):
        envs.step(np.zeros(2, int))


def test_it_is_refused_where_there_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"optimum must be False in DynamicObstacles .*chance"):
        gym.make("Dynamic-Obstacles-5x5-v0", optimum=True)
    with pytest.raises(ValueError, match="optimum must be False where features are left out"):
        gym.make_vec("SparseKey-5x5-v0", num_envs=2, optimum=True, features=False)
    monkeypatch.setattr(solver, "MAX_BYTES", 500_000)
    env = gym.make("SparseKey-6x6-v0", optimum=True)
    with pytest.raises(ValueError, match="states are reachable in this 6x6 level of DoorKey: too"):
        env.reset(seed=0)


def test_lengths_beyond_the_range_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimum, "NEVER", 5)
    with pytest.raises(ValueError, match="a level takes 12 actions"):
        make("Empty-8x8-v0", 0)


def test_two_and_three_dimensions_of_options_reach_it() -> None:
    """A size that is not registered, seen by the oracle from the same state."""
    env, info = make("DoorKey-8x8-v0", 5, size=7)
    assert info["features"][NAME] == env.oracle().solution_length
    assert operant.card("DoorKey-8x8-v0").features[-1].name != NAME
