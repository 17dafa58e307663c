"""Saving, restoring and copying envs in the middle of an episode."""

from __future__ import annotations

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest

import operant  # noqa: F401 (registers the ids)

LAYOUTS = ["operant", "minigrid"]


def trace(env, actions) -> list[tuple]:
    """Return all that a scalar env shows, over several episodes."""
    record = []
    for action in actions:
        obs, *rest = env.step(action)
        record.append((obs["image"].tobytes(), int(obs["direction"]), *rest))
        if rest[1] or rest[2]:
            obs, info = env.reset()
            record.append((obs["image"].tobytes(), int(obs["direction"]), info))
    return record


def batch_trace(env, actions) -> list[bytes]:
    record = []
    for row in actions:
        obs, reward, terminated, truncated, infos = env.step(row)
        arrays = [obs["image"], obs["direction"], reward, terminated, truncated]
        arrays += [infos["true_reward"], infos["success"], *infos["features"].values()]
        record += [array.tobytes() for array in arrays]
    return record


def played(layout: str):
    env = gym.make("SparseKey-5x5-v0", layout=layout, max_steps=30).unwrapped
    env.reset(seed=11)
    for action in env.oracle().actions[:5]:
        env.step(action)
    return env


ACTIONS = np.random.default_rng(3).integers(0, 7, 150).tolist()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_scalar_state_round_trip(layout: str) -> None:
    env = played(layout)
    state = env.get_state()
    future = trace(env, ACTIONS)
    assert len(future) > 152  # it went through several levels
    env.set_state(state)
    assert trace(env, ACTIONS) == future
    fresh = gym.make("SparseKey-5x5-v0", layout=layout, max_steps=30).unwrapped
    fresh.set_state(state)
    assert trace(fresh, ACTIONS) == future


def test_half_used_words_of_numpys_generator_are_saved() -> None:
    """It draws small integers from halves of 64-bit words; the other half is part of the state."""
    env, fresh = (gym.make("SparseKey-16x16-v0", layout="minigrid").unwrapped for _ in range(2))
    env.reset(seed=0)
    halves = set()
    for _ in range(6):
        halves.add(env.simulator.numpy_streams[0].bit_generator.state["has_uint32"])
        fresh.set_state(env.get_state())
        env.reset()
        fresh.reset()
        for key, value in env.get_state().items():
            np.testing.assert_array_equal(value, fresh.get_state()[key], err_msg=key)
    assert halves == {0, 1}


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_vector_state_round_trip(layout: str, mode: str) -> None:
    kwargs = {"layout": layout, "max_steps": 15, "autoreset_mode": mode}
    env, fresh = (gym.make_vec("SparseKey-5x5-v0", num_envs=3, **kwargs) for _ in range(2))
    env.reset(seed=1)
    actions = np.random.default_rng(0).integers(0, 7, (60, 3))
    batch_trace(env, actions[:15])  # the time limit: with NEXT_STEP all rows are pending now
    state = env.unwrapped.get_state()
    future = batch_trace(env, actions[15:])
    fresh.unwrapped.set_state(state)
    assert batch_trace(fresh, actions[15:]) == future


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("clone", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_copies_live_on_their_own(layout: str, clone) -> None:
    env = played(layout)
    twin = clone(env)
    future = trace(env, ACTIONS)  # the original moves on first: nothing may be shared
    assert trace(twin, ACTIONS) == future
    batch = gym.make_vec("SparseKey-5x5-v0", num_envs=3, layout=layout, max_steps=15)
    batch.reset(seed=1)
    actions = np.random.default_rng(0).integers(0, 7, (60, 3))
    batch_trace(batch, actions[:7])
    other = clone(batch)
    assert batch_trace(other, actions[7:]) == batch_trace(batch, actions[7:])


def test_an_ended_episode_stays_ended() -> None:
    env = gym.make("SparseKey-5x5-v0", max_steps=1).unwrapped
    env.reset(seed=0)
    env.step(0)
    other = gym.make("SparseKey-5x5-v0", max_steps=1).unwrapped
    other.set_state(env.get_state())
    with pytest.raises(gym.error.ResetNeeded):
        other.step(0)


def test_a_saved_state_is_a_copy() -> None:
    env = played("operant")
    state = env.get_state()
    kept = copy.deepcopy(state)
    trace(env, ACTIONS)
    env.set_state(state)
    trace(env, ACTIONS)
    for key, value in kept.items():
        np.testing.assert_array_equal(state[key], value, err_msg=key)


def test_a_state_of_other_levels_is_refused() -> None:
    env = played("operant")
    state = env.get_state()
    others = [
        gym.make("SparseKey-6x6-v0").unwrapped.get_state(),
        gym.make_vec("SparseKey-5x5-v0", num_envs=2).unwrapped.get_state(),
        gym.make("SparseKey-5x5-v0", layout="minigrid").unwrapped.get_state(),
        {},
        {**state, "world.agent": state["world.agent"][:, :4]},
        {**state, "world.extra": np.zeros(1)},
        {key: value for key, value in state.items() if key != "world.rng"},
    ]
    for other in others:
        with pytest.raises(ValueError, match="state does not fit"):
            env.set_state(other)
    for key, value in env.get_state().items():  # nothing was taken over
        np.testing.assert_array_equal(value, state[key], err_msg=key)


@pytest.mark.parametrize(
    ("column", "value"),
    [(0, 10**6), (1, -1), (2, 4), (3, 256)],
    ids=["x", "y", "direction", "load"],
)
def test_an_agent_outside_its_grid_is_refused(column: int, value: int) -> None:
    env = gym.make_vec("SparseKey-5x5-v0", num_envs=3).unwrapped
    env.reset(seed=0)
    state = env.get_state()
    state["world.agent"][1, column] = value
    with pytest.raises(ValueError, match=f"agent of row 1 has .* {value}"):
        env.set_state(state)
    state = env.get_state()
    state["world.agent"] = state["world.agent"] + 0.5
    with pytest.raises(ValueError, match="state does not fit"):
        env.set_state(state)


def test_rows_that_wait_for_a_reset_stay_in_their_mode() -> None:
    envs = [
        gym.make_vec("SparseKey-5x5-v0", num_envs=2, max_steps=1, autoreset_mode=mode).unwrapped
        for mode in ("NextStep", "SameStep")
    ]
    for env in envs:
        env.reset(seed=0)
        env.step(np.zeros(2, int))
    with pytest.raises(ValueError, match="wait for the next step"):
        envs[1].set_state(envs[0].get_state())
    envs[0].set_state(envs[1].get_state())


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_masks_that_infos_share_stay_protected(duplicate) -> None:
    env = gym.make_vec("SparseKey-5x5-v0", num_envs=2)
    env.reset(seed=0)
    infos = duplicate(env.unwrapped).step(np.zeros(2, int))[-1]
    with pytest.raises(ValueError, match="read-only"):
        infos["_success"][:] = False
