"""Pictures are drawn without a display, or one instruction is given."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

pytest.importorskip("mujoco")

from operant.envs.mujoco import render
from operant.envs.mujoco.render import RenderingUnavailableError, can_render
from operant.envs.mujoco.sparse import SparseWorld

needs_opengl = pytest.mark.skipif(
    not can_render(), reason="no OpenGL: apt-get install libegl1 libgl1-mesa-dri, or libosmesa6"
)


@needs_opengl
@pytest.mark.parametrize("robot", ["walker2d", "ant"])
def test_the_robot_is_in_the_middle_wherever_it_is(robot: str) -> None:
    """The camera follows it; its moving shows on the floor alone."""
    world, row = SparseWorld(num=1, robot=robot), np.zeros(1, np.int64)
    world.seed([0])
    world.reset(row)
    near = world.frame(0)
    assert near.shape == (480, 480, 3)
    assert near.dtype == np.uint8
    world.simulation.qpos[0, 0] += 7.3
    far = world.frame(0)
    brown = [np.argwhere(f[..., 0] > f[..., 2] + 40.0).mean(axis=0) for f in (near, far)]
    np.testing.assert_allclose(brown[0], brown[1], atol=25)
    assert 150 < brown[0][1] < 330
    assert (near != far).any()
    world.close()
    world.close()


@needs_opengl
def test_rows_have_pictures_of_their_own() -> None:
    envs = gym.make_vec("SparseHopper-v0", num_envs=2, render_mode="rgb_array")
    envs.reset(seed=[0, 0])
    same = envs.render()
    assert same is not None
    np.testing.assert_array_equal(same[0], same[1])
    envs.step(np.array([[1, 1, 1], [-1, -1, -1]], np.float32))
    other: Any = envs.render()
    assert (other[0] != other[1]).any()
    envs.close()


@pytest.mark.integration
def test_nothing_is_loaded_before_the_first_picture() -> None:
    code = (
        "import sys, gymnasium, operant\n"
        "env = gymnasium.make('SparseHopper-v0', render_mode='rgb_array')\n"
        "env.reset(seed=0)\n"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'OpenGL', 'glfw'}))\n"
        "print([m for m in ('mujoco.egl', 'mujoco.osmesa') if m in sys.modules])\n"
    )
    quiet = {key: value for key, value in os.environ.items() if key != "MUJOCO_GL"}
    quiet["MUJOCO_GL"] = "disable"  # else MuJoCo itself loads glfw where that is installed
    told = subprocess.run(
        [sys.executable, "-c", code], env=quiet, capture_output=True, text=True, check=True
    )
    assert told.stdout.split("\n")[:2] == ["[]", "[]"]


def broken(name: str) -> Any:
    raise ImportError(f"lib{name}.so.1 is missing")


@pytest.mark.parametrize(
    ("asked", "tried"),
    [("", ["mujoco.egl", "mujoco.osmesa"]), ("osmesa", ["mujoco.osmesa"]), ("disable", [])],
)
def test_without_opengl_one_instruction_is_given(
    asked: str, tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable and the packages are named, and MUJOCO_GL is left as it was."""
    names: list[str] = []
    monkeypatch.setenv("MUJOCO_GL", asked)
    monkeypatch.setattr(render, "BACKENDS", ("egl", "osmesa"))
    monkeypatch.setattr(render, "_running", lambda: ())
    monkeypatch.setattr(render, "_forget", lambda _: None)

    def fail(name: str) -> Any:
        names.append(name)
        return broken(name)

    monkeypatch.setattr(render.importlib, "import_module", fail)
    with pytest.raises(RenderingUnavailableError, match=r"MUJOCO_GL.*") as caught:
        render.Camera(None, distance=1.0)
    assert names == tried
    assert "apt-get install libegl1" in str(caught.value)
    assert "libosmesa6" in str(caught.value)
    assert all(f"lib{name}.so.1 is missing" in str(caught.value) for name in tried)
    assert os.environ["MUJOCO_GL"] == asked


@pytest.mark.integration
def test_an_impossible_mujoco_gl_is_named() -> None:
    told = subprocess.run(
        [sys.executable, "-c", "import operant.envs.mujoco.simulation"],
        env={**os.environ, "MUJOCO_GL": "vulkan"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stderr.strip().splitlines()[-1].startswith("operant.errors.OperantError")
    assert "unset it, or let it be 'egl' or 'osmesa'" in told.stderr
