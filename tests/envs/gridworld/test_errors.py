"""What is refused, and in which words."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import operant  # noqa: F401 (registers the ids)

ENV_ID = "SparseKey-5x5-v0"

WRONG_ARGUMENTS = [
    ({"size": 4}, r"size .*integer in \[5, 128\], got 4"),
    ({"size": 5.5}, "size .*integer.* 5.5"),
    ({"size": "8"}, "size .*integer.* '8'"),
    ({"size": 0}, "size .* 0"),
    ({"size": 200}, r"size .*integer in \[5, 128\], got 200"),
    ({"layout": "maze"}, "layout .*'operant', 'minigrid'.* 'maze'"),
    ({"reward": "dense"}, "reward .*'sparse', 'minigrid'.* 'dense'"),
    ({"max_steps": 0}, "max_steps .*\\[1, 2147483647\\].* 0"),
    ({"max_steps": -3}, "max_steps .*\\[1, 2147483647\\].* -3"),
    ({"max_steps": 2.5}, "max_steps .*integer.* 2.5"),
    ({"render_mode": "window"}, "render_mode .*'rgb_array'.* 'window'"),
]


@pytest.mark.parametrize(("kwargs", "message"), WRONG_ARGUMENTS)
def test_constructors_refuse(kwargs: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gym.make(ENV_ID, **kwargs)
    with pytest.raises(ValueError, match=message):
        gym.make_vec(ENV_ID, num_envs=2, **kwargs)


def test_constructors_refuse_options_that_the_family_lacks() -> None:
    with pytest.raises(TypeError, match="no option 'height'; it has size"):
        gym.make(ENV_ID, height=7)
    with pytest.raises(TypeError, match="no option 'height'; it has size"):
        gym.make_vec(ENV_ID, num_envs=2, height=7)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"num_envs": 0}, "num_envs .*\\[1, 2147483647\\].* 0"),
        ({"num_envs": -1}, "num_envs .*\\[1, 2147483647\\].* -1"),
        ({"num_envs": True}, "num_envs must be an integer, got True"),
        ({"num_envs": 2, "max_steps": 2**70}, r"max_steps .*\[1, 2147483647\]"),
        ({"num_envs": 2, "threads": 0}, "threads .*\\[1, 2147483647\\].* 0"),
        ({"num_envs": 2, "max_episode_steps": 0}, "max_.*steps .*\\[1, 2147483647\\].* 0"),
        (
            {"num_envs": 2, "autoreset_mode": "sometimes"},
            "'sometimes' is not a valid AutoresetMode",
        ),
        ({"num_envs": 2, "render_mode": "ansi"}, "render_mode .*'rgb_array'.* 'ansi'"),
    ],
)
def test_vector_constructor_refuses(kwargs: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gym.make_vec(ENV_ID, **kwargs)


@pytest.mark.parametrize("action", [7, -1, 1.0, "forward", None, np.array([1]), np.float64(2)])
def test_scalar_step_refuses_what_is_no_action(action) -> None:
    env = gym.make(ENV_ID).unwrapped
    env.reset(seed=0)
    before = env.get_state()
    with pytest.raises(ValueError, match=r"action .*\[0, 6\]"):
        env.step(action)
    for key, value in env.get_state().items():
        np.testing.assert_array_equal(value, before[key], err_msg=key)


@pytest.mark.parametrize("action", [2, np.int64(2), np.uint8(2), np.array(2)])
def test_scalar_step_takes_any_kind_of_integer(action) -> None:
    env = gym.make(ENV_ID).unwrapped
    env.reset(seed=0)
    env.step(action)


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (np.array([0, 7, 0]), r"action 7 in row 1.* \[0, 6\]"),
        (np.array([0, 0, -1]), r"action -1 in row 2.* \[0, 6\]"),
        (np.array([0, 0]), r"3 integers, .* shape \(2,\)"),
        (np.zeros((3, 1), int), r"3 integers, .* shape \(3, 1\)"),
        (np.zeros(0, int), r"3 integers, .* shape \(0,\)"),
        (np.array(1), "3 integers"),
        (np.array([0.0, 1.0, 2.0]), "integers"),
        (np.array(["left"] * 3), "integers"),
        ([[1], [2, 3], 4], "3 integers"),
        (np.array([0, 2**64 - 1, 0], np.uint64), r"action \d+ in row 1"),
    ],
)
def test_vector_step_refuses_what_are_no_actions(actions: np.ndarray, message: str) -> None:
    env = gym.make_vec(ENV_ID, num_envs=3)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        env.step(actions)


def test_step_and_render_need_a_reset() -> None:
    env = gym.make(ENV_ID, render_mode="ansi").unwrapped
    for call in (lambda: env.step(0), env.render):
        with pytest.raises(gym.error.ResetNeeded, match=r"reset\(\)"):
            call()
    batch = gym.make_vec(ENV_ID, num_envs=2)
    with pytest.raises(gym.error.ResetNeeded, match=r"reset\(\)"):
        batch.step(np.zeros(2, int))


def test_step_after_the_end_needs_a_reset() -> None:
    env = gym.make(ENV_ID, max_steps=1).unwrapped
    env.reset(seed=0)
    assert env.step(0)[3]
    with pytest.raises(gym.error.ResetNeeded):
        env.step(0)
    env.reset()
    env.step(0)


def test_step_after_the_end_needs_a_reset_of_the_ended_rows_in_disabled_mode() -> None:
    env = gym.make_vec(ENV_ID, num_envs=2, autoreset_mode="Disabled", max_steps=2)
    env.reset(seed=0)
    env.step(np.zeros(2, int))
    env.reset(options={"reset_mask": np.array([True, False])})
    truncated = env.step(np.zeros(2, int))[3]
    assert truncated.tolist() == [False, True]
    with pytest.raises(gym.error.ResetNeeded, match="reset_mask"):
        env.step(np.zeros(2, int))
    env.reset(options={"reset_mask": truncated})
    env.step(np.zeros(2, int))


@pytest.mark.parametrize("seed", [[1, 2], [1, 2, 3, 4], []])
def test_seed_lists_must_fit(seed: list[int]) -> None:
    env = gym.make_vec(ENV_ID, num_envs=3)
    with pytest.raises(ValueError, match=f"seed .* 3 .* {len(seed)}"):
        env.reset(seed=seed)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seeds_out_of_range(seed: int) -> None:
    env = gym.make_vec(ENV_ID, num_envs=1)
    with pytest.raises(ValueError, match=f"seed .*{seed}"):
        env.reset(seed=seed)
    with pytest.raises(ValueError, match=f"seed .*{seed}"):
        env.reset(seed=[seed])


@pytest.mark.parametrize("mask", [np.ones(2, bool), np.ones((3, 1), bool), True])
def test_reset_mask_must_fit(mask) -> None:
    env = gym.make_vec(ENV_ID, num_envs=3)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"reset_mask .*\(3,\)"):
        env.reset(options={"reset_mask": mask})


@pytest.mark.parametrize("seed", [1.5, "abc", [1.5, 2.5], [True, False]])
def test_seeds_are_integers(seed) -> None:
    with pytest.raises(ValueError, match="seed must be an integer"):
        gym.make_vec(ENV_ID, num_envs=2).reset(seed=seed)


def test_reset_options_are_known() -> None:
    env = gym.make_vec(ENV_ID, num_envs=2)
    with pytest.raises(ValueError, match=r"only reset option is 'reset_mask', got \['mask'\]"):
        env.reset(seed=0, options={"mask": np.ones(2, bool)})


def test_an_argument_of_batches_is_named_as_such() -> None:
    with pytest.raises(TypeError, match=r"no option 'program'.* gym\.make_vec"):
        gym.make(ENV_ID, program=max)
