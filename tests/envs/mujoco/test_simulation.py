"""A simulation of N rows is N times MuJoCo, in any company, and goes on from a saved state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("mujoco")

from operant.envs.mujoco.robots import named
from operant.envs.mujoco.simulation import CONTACT_FORCES, Simulation, mujoco

CASES = [("hopper", 1), ("hopper", 2), ("ant", 1), ("ant", 2)]
"""Robots stepped by MuJoCo's batch and by our loop, with one thread and with two."""
ROWS = 5


def started(name: str, threads: int = 1, num: int = ROWS) -> Simulation:
    """Return simulations at random starts."""
    simulation, every = named(name).simulation(num, threads), np.arange(num)
    simulation.reset(every)
    for row in range(num):
        named(name).start(simulation, row, np.random.default_rng(row))
    simulation.forward(every)
    return simulation


def controls(simulation: Simulation, steps: int) -> Any:
    shape = (steps, simulation.num, simulation.model.nu)
    return np.random.default_rng(9).uniform(-1, 1, shape).astype(np.float32)


def fields_of(simulation: Simulation) -> dict[str, Any]:
    names = ["geom_xpos", "geom_xmat", *([CONTACT_FORCES] if simulation.model.nq > 10 else [])]
    return {name: simulation.field(name) for name in names}


@pytest.mark.parametrize(("name", "threads"), CASES)
def test_rows_are_what_a_loop_over_mujoco_gives(name: str, threads: int) -> None:
    simulation = started(name, threads)
    model, datas = simulation.model, []
    for row in range(ROWS):
        data = mujoco.MjData(model)
        data.qpos[:], data.qvel[:] = simulation.qpos[row], simulation.qvel[row]
        mujoco.mj_forward(model, data)
        datas.append(data)
    for ctrl in controls(simulation, 40):
        simulation.step(np.arange(ROWS), ctrl)
        for row, data in enumerate(datas):
            data.ctrl[:] = ctrl[row]
            mujoco.mj_step(model, data, simulation.frame_skip)
            mujoco.mj_rnePostConstraint(model, data)
            np.testing.assert_array_equal(simulation.qpos[row], data.qpos)
            np.testing.assert_array_equal(simulation.qvel[row], data.qvel)
            for field, value in fields_of(simulation).items():
                np.testing.assert_array_equal(value[row], getattr(data, field))


@pytest.mark.parametrize(("name", "threads"), CASES)
def test_some_rows_move_and_reset_without_the_others(name: str, threads: int) -> None:
    simulation, some, rest = started(name, threads), np.array([1, 3]), np.array([0, 2, 4])
    before = simulation.get_state()
    simulation.step(some, controls(simulation, 1)[0, some])
    after = simulation.get_state()
    for key, value in before.items():
        np.testing.assert_array_equal(after[key][rest], value[rest])
    assert (after["physics"][some] != before["physics"][some]).any(axis=1).all()
    simulation.reset(np.array([3]))
    simulation.forward(np.array([3]))
    np.testing.assert_array_equal(simulation.qpos[3], simulation.model.qpos0)
    assert not simulation.qvel[3].any()
    np.testing.assert_array_equal(
        simulation.qpos[1], after["physics"][1, 1:][: simulation.model.nq]
    )


@pytest.mark.parametrize(("name", "threads"), CASES)
def test_a_saved_state_has_one_future(name: str, threads: int) -> None:
    """The solver's warm start included; a state without it has another future."""
    simulation, every = started(name, threads), np.arange(ROWS)
    past, future = np.split(controls(simulation, 60), 2)
    for ctrl in past:
        simulation.step(every, ctrl)
    saved = simulation.get_state()
    traces = []
    for target in (simulation, started(name), simulation):
        target.set_state(saved)
        np.testing.assert_array_equal(target.field("geom_xpos"), saved["field/geom_xpos"])
        for ctrl in future:
            target.step(every, ctrl)
        traces.append(target.get_state())
    for trace in traces[1:]:
        for key, value in traces[0].items():
            np.testing.assert_array_equal(trace[key], value)


def test_contact_forces_are_zero_after_a_reset() -> None:
    """Whatever another row's were."""
    simulation, every = started("ant"), np.arange(ROWS)
    forces = simulation.field(CONTACT_FORCES)
    for ctrl in controls(simulation, 200):
        simulation.step(every, ctrl)
        if forces[2].any() and forces[3].any():
            break
    simulation.reset(np.array([2]))
    simulation.forward(np.array([2]))
    assert not forces[2].any()
    assert forces[3].any()


def test_data_is_a_copy_of_a_row() -> None:
    simulation = started("hopper")
    data = simulation.data(2)
    np.testing.assert_array_equal(data.qpos, simulation.qpos[2])
    np.testing.assert_allclose(data.geom_xpos, simulation.field("geom_xpos")[2], atol=1e-12)
    data.qpos[:] = 0.0
    assert simulation.qpos[2].any()


def test_a_field_that_was_not_asked_for_is_refused() -> None:
    with pytest.raises(KeyError, match="xquat"):
        started("hopper").field("xquat")


@pytest.mark.parametrize("wrong", ["num", "frame_skip", "threads"])
def test_sizes_below_one_are_refused(wrong: str) -> None:
    sizes = {"num": 1, "frame_skip": 1, "threads": 1} | {wrong: 0}
    with pytest.raises(ValueError, match=f"{wrong} must be >= 1, got 0"):
        Simulation(named("hopper").model, **sizes)
