"""A speed is paid for while it is kept, and only then."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("mujoco")

import operant
from operant.envs.mujoco.velocity import KEEP, WINDOW, VelocityWorld
from operant.reward_design.llm import compile_reward

ROW = np.zeros(1, np.int64)
DT = 0.05


def drive(speeds: list[float], **options: float) -> tuple[VelocityWorld, list[float]]:
    """Carry a half cheetah along at given speeds (m/s, one per step); return what was paid."""
    world = VelocityWorld(num=1, **options)
    world.seed([0])
    world.reset(ROW)
    x, paid = float(world.simulation.qpos[0, 0]), []
    for speed in speeds:
        x += speed * DT
        # One substep may move it on by its own speed: judge the position that is carried.
        world.elapsed += 1
        world.simulation.qpos[0, 0] = x
        world._judge(ROW, np.zeros((1, 6)), world.robot.rest(world.simulation, ROW))
        paid.append(float(world.out.reward[0]))
    return world, paid


def test_the_band_pays_and_its_outside_does_not() -> None:
    assert drive([2.15] * 12, target=2.0)[1] == [1.0] * 12
    assert drive([1.85] * 12, target=2.0)[1] == [1.0] * 12
    assert drive([2.25] * 12, target=2.0)[1] == [0.0] * 12
    assert drive([2.25] * 12, target=2.0, band=0.3)[1] == [1.0] * 12


def test_the_speed_is_a_mean_over_the_window() -> None:
    """A swing within it that cancels out is no fault; before it is full, it is all there is."""
    world, paid = drive([1.0] * WINDOW + [3.0, -1.0], target=1.0)
    assert paid[: WINDOW + 2] == [1.0] * WINDOW + [1.0, 1.0]
    assert world.out.features["speed"][0] == pytest.approx(1.0)
    assert drive([1.0] * WINDOW + [4.0], target=1.0)[1][-1] == 0.0
    assert drive([0.0, 2.0], target=1.0)[1] == [0.0, 1.0]


def test_success_is_a_streak_without_a_gap() -> None:
    world, _ = drive([1.0] * KEEP)
    assert world.out.success[0]
    world, _ = drive([1.0] * (KEEP - 1))
    assert not world.out.success[0]
    world, _ = drive([1.0] * (KEEP - 50) + [9.0] + [1.0] * (KEEP - 20))
    assert not world.out.success[0]


@pytest.mark.parametrize("target", [1, 2, 3])
def test_the_expert_pays_most_at_the_target(target: int) -> None:
    card = operant.card(f"VelHalfCheetah-{target}-v0")
    assert f"{target} +- 0.2 m/s" in card.reward
    program = compile_reward(card.expert, obs_size=0, features=card.features)
    paid = {
        speed: program(None, None, None, {"forward_velocity": speed, "control_cost": 0.0})
        for speed in (target - 0.5, float(target), target + 0.5)
    }
    assert max(paid, key=lambda speed: paid[speed]) == target


@pytest.mark.parametrize("wrong", [{"band": 0.0}, {"target": float("nan")}])
def test_a_band_must_be_one(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="target must be a speed and band a speed > 0"):
        VelocityWorld(num=1, **wrong)
