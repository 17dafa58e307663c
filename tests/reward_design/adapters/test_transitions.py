from __future__ import annotations

import copy
import functools

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

from operant.errors import OperantError
from operant.reward_design.adapters.transitions import (
    TransitionTracker,
    card_of,
    required_mode,
)

MODES = list(AutoresetMode)


def vectorised(corridor, mode, num=3, **kwargs):
    make = functools.partial(corridor, **kwargs)
    return SyncVectorEnv([make] * num, autoreset_mode=mode)


def tracker_of(env, **kwargs):
    return TransitionTracker(
        observation_space=env.single_observation_space,
        num_envs=env.num_envs,
        autoreset_mode=required_mode(env),
        **kwargs,
    )


def play(env, tracker, steps, seed=0):
    """Walk right, and yield the transitions; in DISABLED mode reset what ended."""
    obs, infos = env.reset(seed=seed)
    tracker.reset(obs, infos)
    for _ in range(steps):
        obs, reward, terminated, truncated, infos = env.step(np.ones(env.num_envs, np.int64))
        yield tracker.step(
            np.ones(env.num_envs, np.int64), obs, reward, terminated, truncated, infos
        )
        done = terminated | truncated
        if env.autoreset_mode is AutoresetMode.DISABLED and done.any():
            obs, infos = env.reset(options={"reset_mask": done})
            tracker.reset(obs, infos, done)


def trace(transitions, num=3):
    """Per slot, what happened: a list of plain tuples."""
    rows = [[] for _ in range(num)]
    for t in transitions:
        for i, slot in enumerate(t.env_ids):
            cells = [obs["cell"] if isinstance(obs, dict) else obs for obs in (t.obs, t.next_obs)]
            rows[slot].append(
                (
                    cells[0][i].tolist(),
                    cells[1][i].tolist(),
                    float(t.reward[i]),
                    bool(t.terminated[i]),
                    bool(t.truncated[i]),
                    float(t.prev_features["position"][i]),
                    float(t.features["position"][i]),
                    int(t.episode_step[i]),
                )
            )
    return rows


def scalar_trace(env, steps, seed):
    rows = []
    obs, info = env.reset(seed=seed)
    age = 0
    for _ in range(steps):
        after, reward, terminated, truncated, new = env.step(1)
        cells = [o["cell"] if isinstance(o, dict) else o for o in (obs, after)]
        positions = info["features"]["position"], new["features"]["position"]
        rows.append(
            (cells[0].tolist(), cells[1].tolist(), reward, terminated, truncated, *positions, age)
        )
        obs, info, age = after, new, age + 1
        if terminated or truncated:
            obs, info = env.reset()
            age = 0
    return rows


@pytest.mark.parametrize("as_dict", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_every_mode_gives_the_transitions_of_scalar_envs(corridor, mode, as_dict):
    settings = {"limit": 4, "as_dict": as_dict}  # short: terminations and truncations mix
    env = vectorised(corridor, mode, **settings)
    rows = trace(play(env, tracker_of(env), 60))
    for slot in range(3):
        expected = scalar_trace(corridor(**settings), 60, seed=slot)
        assert len(rows[slot]) >= 45
        assert rows[slot] == expected[: len(rows[slot])]
        assert {row[3:5] for row in rows[slot]} >= {(True, False), (False, True)}


def test_worker_processes_work_alike(corridor):
    make = functools.partial(corridor, limit=4)
    env = AsyncVectorEnv([make] * 2, autoreset_mode=AutoresetMode.SAME_STEP)
    try:
        assert card_of(env).features[0].name == "position"
        rows = trace(play(env, tracker_of(env), 20), num=2)
    finally:
        env.close()
    assert rows[1] == scalar_trace(corridor(limit=4), 20, seed=1)


def test_no_copy_is_made_where_no_episode_ends(corridor):
    env = vectorised(corridor, AutoresetMode.SAME_STEP, limit=100)
    tracker = tracker_of(env)
    first, infos = env.reset(seed=0)
    tracker.reset(first, infos)
    action = np.zeros(3, np.int64)  # all start right of the middle
    obs, *rest, infos = env.step(action)
    t = tracker.step(action, obs, *rest, infos)
    assert not t.done.any()
    assert np.shares_memory(t.obs, first)
    assert np.shares_memory(t.next_obs, obs)


def test_envs_that_reuse_their_arrays_are_copied(corridor):
    make = functools.partial(corridor, limit=4)
    env = SyncVectorEnv([make] * 3, copy=False, autoreset_mode=AutoresetMode.NEXT_STEP)
    reference = vectorised(corridor, AutoresetMode.NEXT_STEP, limit=4)
    # list() keeps transitions until the env has moved on; scoring them at once would hide reuse.
    held = [copy.deepcopy(t.obs) for t in play(env, tracker_of(env, copy=True), 20)]
    expected = [t.obs for t in play(reference, tracker_of(reference), 20)]
    for a, b in zip(held, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("mode", MODES)
def test_a_saved_tracker_goes_on_exactly(corridor, mode):
    env = vectorised(corridor, mode, limit=4, as_dict=True)
    tracker = tracker_of(env)
    other = tracker_of(env)
    obs, infos = env.reset(seed=0)
    tracker.reset(obs, infos)
    for _ in range(20):
        other.set_state(copy.deepcopy(tracker.get_state()))
        step = env.step(np.ones(3, np.int64))
        pair = [each.step(np.ones(3, np.int64), *step) for each in (tracker, other)]
        assert trace(pair[:1]) == trace(pair[1:])
        done = step[2] | step[3]
        if mode is AutoresetMode.DISABLED and done.any():
            obs, infos = env.reset(options={"reset_mask": done})
            tracker.reset(obs, infos, done)


def test_a_whole_reset_abandons_pseudo_steps(corridor):
    env = vectorised(corridor, AutoresetMode.NEXT_STEP, limit=1)  # each step ends an episode
    tracker = tracker_of(env)
    assert all(len(t) == 3 for t in play(env, tracker, 1))
    assert all(len(t) == 3 for t in play(env, tracker, 1))


def test_going_on_after_the_end_is_refused_in_disabled_mode(corridor):
    env = vectorised(corridor, AutoresetMode.DISABLED, limit=1)
    tracker = tracker_of(env)
    step = None
    obs, infos = env.reset(seed=0)
    tracker.reset(obs, infos)
    step = env.step(np.ones(3, np.int64))
    tracker.step(np.ones(3, np.int64), *step)
    with pytest.raises(gym.error.ResetNeeded, match=r"rows \[0, 1, 2\] have ended"):
        tracker.step(np.ones(3, np.int64), *step)


def test_stepping_before_reset_is_refused(corridor):
    env = vectorised(corridor, AutoresetMode.SAME_STEP)
    with pytest.raises(gym.error.ResetNeeded, match=r"call env\.reset"):
        tracker_of(env).step(0, None, 0, False, False, {})
    with pytest.raises(gym.error.ResetNeeded, match="before saving"):
        tracker_of(env).get_state()


def test_an_env_must_say_how_it_resets(corridor):
    env = gym.make_vec("CartPole-v1", num_envs=2, vectorization_mode="vector_entry_point")
    assert required_mode(env) is AutoresetMode.NEXT_STEP
    env.unwrapped.metadata = {}
    with pytest.raises(OperantError, match=r"metadata\['autoreset_mode'\]"):
        required_mode(env)


def test_the_mode_of_an_env_survives_a_later_env_of_the_same_class():
    envs = [
        SyncVectorEnv([lambda: gym.make("CartPole-v1")] * 2, autoreset_mode=mode) for mode in MODES
    ]
    assert [required_mode(env) for env in envs] == MODES


def test_lost_final_observations_are_an_error(corridor):
    env = vectorised(corridor, AutoresetMode.SAME_STEP, limit=1)
    tracker = tracker_of(env)
    obs, infos = env.reset(seed=0)
    tracker.reset(obs, infos)
    *step, infos = env.step(np.ones(3, np.int64))
    without = {key: value for key, value in infos.items() if "final_obs" not in key}
    with pytest.raises(OperantError, match="without infos\\['final_obs'\\]"):
        tracker.step(np.ones(3, np.int64), *step, without)
    without = {key: value for key, value in infos.items() if "final_info" not in key}
    with pytest.raises(OperantError, match="same ones at reset, at each step and in final_info"):
        tracker.step(np.ones(3, np.int64), *step, without)


def test_features_of_some_rows_only_are_an_error(corridor):
    env = vectorised(corridor, AutoresetMode.SAME_STEP)
    obs, infos = env.reset(seed=0)
    infos["features"]["_lit"] = np.array([True, False, True])
    with pytest.raises(OperantError, match="'lit' for some rows only"):
        tracker_of(env).reset(obs, infos)


def test_observations_without_array_form_are_refused():
    space = gym.spaces.Dict({"mission": gym.spaces.Text(8), "x": gym.spaces.Box(0, 1)})
    with pytest.raises(TypeError, match=r"'mission' has space Text.*FilterObservation"):
        TransitionTracker(
            observation_space=space, num_envs=1, autoreset_mode=AutoresetMode.NEXT_STEP
        )


@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: gym.wrappers.TimeLimit(e, 5)])
def test_feature_tables_are_found_through_wrappers(corridor, wrap):
    names = ["position", "lit", "subgoal", "steps_to_subgoal"]
    assert [f.name for f in card_of(wrap(corridor())).features] == names
    vector = SyncVectorEnv([lambda: wrap(corridor())] * 2)
    assert [f.name for f in card_of(vector).features] == names
    stacked = gym.wrappers.vector.RecordEpisodeStatistics(vector)
    assert [f.name for f in card_of(stacked).features] == names


def test_an_env_without_card_has_no_features():
    assert card_of(gym.make("CartPole-v1")) is None
    assert card_of(gym.make_vec("CartPole-v1", num_envs=2)) is None
