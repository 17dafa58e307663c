"""Reward programs in the kernel, judged by the same formula applied to the infos."""

from __future__ import annotations

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import operant  # noqa: F401 (registers the ids)
from operant.envs.gridworld import simulator

GAMMA = 0.97


def potential(now, prev, action, reward, terminated):
    """Potential-based shaping with the terminal potential held at 0, and a price on turning."""
    after = 0.0 if terminated else (now.subgoal + 1 - now.steps_to_subgoal / 15) / 3
    before = (prev.subgoal + 1 - prev.steps_to_subgoal / 15) / 3
    turning = 0.01 if action < 2 else 0.0
    return 2.0 * reward + GAMMA * after - before - turning


def five(now, prev, action, reward, terminated):
    return 5.0


def unknown_word(now, prev, action, reward, terminated):
    return now.has_crown


def too_few_arguments(now):
    return now.has_key


def expected(prev, now, actions, true, terminated):
    def phi(features):
        return (features["subgoal"] + 1 - features["steps_to_subgoal"] / 15) / 3

    after = np.where(terminated, 0.0, phi(now))
    return 2.0 * true + GAMMA * after - phi(prev) - np.where(actions < 2, 0.01, 0.0)


def make(mode: str, **kwargs):
    env = gym.make_vec(
        "SparseKey-5x5-v0", num_envs=16, autoreset_mode=mode, max_steps=100, **kwargs
    )
    return env, env.reset(seed=3)[1]


@pytest.mark.integration
@pytest.mark.parametrize("swappable", [False, True])
@pytest.mark.parametrize("layout", ["operant", "minigrid"])
@pytest.mark.parametrize("mode", [m.value for m in AutoresetMode])
def test_program_is_paid_for_the_true_transition(mode: str, layout: str, swappable: bool) -> None:
    env, infos = make(mode, layout=layout, program=potential, swappable=swappable)
    rng, prev, ends, wins = np.random.default_rng(0), infos["features"], 0, 0
    ended = np.zeros(16, bool)
    for _ in range(600):
        actions = rng.choice([0, 1, 2, 2, 3, 5], 16)
        _, reward, terminated, truncated, infos = env.step(actions)
        done = terminated | truncated
        now = {name: infos["features"][name].copy() for name in infos["features"]}
        if "final_info" in infos:
            for name, values in now.items():
                values[done] = infos["final_info"]["features"][name][done]
        paid = expected(prev, now, actions, infos["true_reward"], terminated)
        if mode == "NextStep":
            paid[ended] = 0.0
        np.testing.assert_allclose(reward, paid, rtol=1e-12, atol=1e-12)
        ends, wins, ended = ends + done.sum(), wins + terminated.sum(), done
        prev = infos["features"]
        if mode == "Disabled" and done.any():
            prev = env.reset(options={"reset_mask": done})[1]["features"]
    assert ends > 50
    assert wins > 0


def test_env_is_otherwise_the_same() -> None:
    plain, _ = make("SameStep")
    paid, _ = make("SameStep", program=five)
    rng = np.random.default_rng(1)
    for actions in rng.integers(0, 7, (200, 16)):
        a, b = plain.step(actions), paid.step(actions)
        assert (b[1] == 5.0).all()
        np.testing.assert_array_equal(a[1], b[4]["true_reward"])
        np.testing.assert_array_equal(a[0]["image"], b[0]["image"])
        for k in (2, 3):
            np.testing.assert_array_equal(a[k], b[k])
        for name in a[4]["features"]:
            np.testing.assert_array_equal(a[4]["features"][name], b[4]["features"][name])


def test_swapping_changes_the_steps_to_come() -> None:
    env, _ = make("SameStep", program=potential, swappable=True)
    env.step(np.zeros(16, int))
    env.unwrapped.swap_program(five)
    assert (env.step(np.zeros(16, int))[1] == 5.0).all()
    env.unwrapped.swap_program(potential)
    assert (env.step(np.zeros(16, int))[1] != 5.0).all()


@pytest.mark.integration
@pytest.mark.parametrize("swappable", [False, True])
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
def test_copies_keep_their_program(duplicate, swappable: bool) -> None:
    env = make("SameStep", program=five, swappable=swappable)[0].unwrapped
    env.step(np.zeros(16, int))
    twin = duplicate(env)
    assert (twin.step(np.zeros(16, int))[1] == 5.0).all()
    assert (env.step(np.zeros(16, int))[1] == 5.0).all()


@pytest.mark.integration
def test_threads_do_not_change_what_a_program_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulator, "ROWS_PER_THREAD", 64)
    envs = [
        gym.make_vec("SparseKey-5x5-v0", num_envs=130, program=potential, threads=threads)
        for threads in (1, 2)
    ]
    for env in envs:
        env.reset(seed=0)
    for actions in np.random.default_rng(0).integers(0, 7, (60, 130)):
        one, two = (env.step(actions) for env in envs)
        np.testing.assert_array_equal(one[1], two[1])
        np.testing.assert_array_equal(one[0]["image"], two[0]["image"])
    assert [env.unwrapped.simulator._pool is None for env in envs] == [True, False]


@pytest.mark.parametrize("swappable", [False, True])
@pytest.mark.parametrize("program", [unknown_word, too_few_arguments])
def test_what_does_not_compile_is_refused_with_the_vocabulary(program, swappable: bool) -> None:
    env, _ = make("SameStep", program=program, swappable=swappable)
    with pytest.raises(ValueError, match=r"reward program .*(?s:.*)steps_to_subgoal"):
        env.step(np.zeros(16, int))


def moved(now, prev, action, reward, terminated):
    return 5.0 + now.agent_x - prev.agent_x


@pytest.mark.parametrize("features", [True, False])
def test_a_first_program_may_come_late(features: bool) -> None:
    """The kernel without a program is given up, and the features before the step are known."""
    env = gym.make_vec("SparseKey-5x5-v0", num_envs=16, swappable=True, features=features)
    env.reset(seed=3)
    turn = np.zeros(16, int)
    assert (env.step(turn)[1] == 0.0).all()
    env.unwrapped.swap_program(moved)
    twin = copy.deepcopy(env)
    assert (env.step(turn)[1] == 5.0).all()
    assert (twin.step(turn)[1] == 5.0).all()


def raising(now, prev, action, reward, terminated):
    if reward > 2:
        raise RuntimeError
    return reward


def asserting(now, prev, action, reward, terminated):
    assert reward < 2
    return reward


def nothing(now, prev, action, reward, terminated):
    return None


def text(now, prev, action, reward, terminated):
    return "1"


@pytest.mark.parametrize("swappable", [False, True])
@pytest.mark.parametrize(
    ("program", "reason"),
    [
        (unknown_word, "Unknown attribute 'has_crown'"),
        (raising, "it raises or asserts"),
        (asserting, "it raises or asserts"),
        (nothing, "must return a number, and returns: none"),
        (text, "must return a number, and returns: unicode"),
    ],
)
def test_the_refusal_says_why(program, reason: str, swappable: bool) -> None:
    env, _ = make("SameStep", program=program, swappable=swappable)
    with pytest.raises(ValueError, match=reason):
        env.step(np.zeros(16, int))


def test_swapping_needs_an_env_made_for_it() -> None:
    env, _ = make("SameStep", program=five)
    with pytest.raises(ValueError, match="swappable=True"):
        env.unwrapped.swap_program(five)
