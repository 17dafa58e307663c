"""The pure parts of the skills' predicates, on numbers whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from operant.envs.mujoco.skills.predicates import (
    TURN,
    speed,
    streak,
    swings,
    up_z,
    whole_turns,
    wrapped,
)


def test_a_streak_counts_steps_in_a_row_and_starts_anew():
    steps, seen = np.zeros(2, np.int64), []
    for holds in ([True, True], [True, False], [False, True], [True, True]):
        steps = streak(steps, np.array(holds))
        seen.append(steps.tolist())
    assert seen == [[1, 1], [2, 0], [0, 1], [1, 2]]


def test_wrapped_angles_are_equal_up_to_whole_turns_and_within_half_a_turn():
    angles = np.concatenate(
        [np.linspace(-20, 20, 4001), np.arange(-9, 10) * np.pi, np.nextafter(np.pi, [0, 9])]
    )
    inside = wrapped(angles)
    assert (np.abs(inside) <= np.pi).all()
    np.testing.assert_allclose(np.exp(1j * inside), np.exp(1j * angles), atol=1e-12)
    assert wrapped(np.array([0.3, -0.3])).tolist() == [0.3, -0.3]


def test_whole_turns_need_all_of_a_turn_and_are_kept():
    turned = np.array([TURN - 1e-9, TURN, 2 * TURN + 1, -3 * TURN, 0.0])
    before = np.array([0, 0, 1, 0, 3])
    assert whole_turns(turned, before).tolist() == [0, 1, 2, 0, 3]


def count_swings(velocities, waving=None, least=1.0):
    count, side = np.zeros(1, np.int64), np.zeros(1, np.int64)
    for at, velocity in enumerate(velocities):
        good = np.array([waving is None or bool(waving[at])])
        count, side = swings(count, side, np.array([float(velocity)]), good, least)
    return int(count[0])


@pytest.mark.parametrize(
    ("velocities", "waving", "expected"),
    [
        ([2, -2, 2, -2], None, 3),
        ([2, 2, -2, -2, -2, 2], None, 2),
        ([2, 0, -2], None, 1),  # over a standstill
        ([2, 0.9, -0.9, 0.9, -0.9], None, 0),  # trembling
        ([2, -0.9, 2, -0.9, 2], None, 0),
        ([0, -2], None, 0),  # the first swing reverses nothing
        ([2, -2, 2, -2, 2], [1, 1, 0, 1, 1], 1),  # a break starts anew
        ([2, -2, 2, -2], [1, 1, 1, 0], 0),
        ([2, -2], [0, 1], 0),
    ],
)
def test_swings_are_reversals_without_a_break(velocities, waving, expected):
    assert count_swings(velocities, waving) == expected


def test_up_z_is_the_entry_of_the_rotation_matrix():
    half = np.linspace(0, np.pi, 9)
    for axis in ([1, 0, 0], [0, 1, 0], [0.6, 0.8, 0]):
        turned = np.column_stack([np.cos(half), *(np.sin(half) * part for part in axis)])
        np.testing.assert_allclose(up_z(turned), np.cos(2 * half), atol=1e-12)
    about_z = np.column_stack([np.cos(half), 0 * half, 0 * half, np.sin(half)])
    assert (up_z(about_z) == 1.0).all()


def test_speed_is_a_length():
    velocity = np.random.default_rng(0).normal(size=(7, 3))
    np.testing.assert_allclose(speed(velocity), np.linalg.norm(velocity, axis=1), rtol=1e-12)


def test_rows_do_not_influence_each_other():
    rng = np.random.default_rng(1)
    angle, velocity, unit = rng.normal(size=33) * 9, rng.normal(size=(33, 3)), rng.normal(size=33)
    quaternions = np.column_stack([unit, velocity])
    for row in range(33):
        one = slice(row, row + 1)
        assert wrapped(angle[one]) == wrapped(angle)[row]
        assert speed(velocity[one]) == speed(velocity)[row]
        assert up_z(quaternions[one]) == up_z(quaternions)[row]
