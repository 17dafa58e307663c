"""Pictures by MuJoCo's own renderer, without a display.

OpenGL comes from EGL (a GPU, or Mesa in software), else from OSMesa (software), unless the
environment variable ``MUJOCO_GL`` names one. Nothing is loaded before the first picture.
"""

from __future__ import annotations

import functools
import importlib
import os
import platform
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.mujoco.simulation import mujoco
from operant.errors import OperantError

SIZE = 480
"""Width and height of a picture in pixels."""
ELEVATION, AZIMUTH = -15.0, 90.0
"""Degrees: from slightly above, with +x to the right."""
TORSO = 1
"""The body that the camera follows; 0 is the world."""
BACKENDS = {"Darwin": ("cgl",), "Windows": ("glfw",)}.get(platform.system(), ("egl", "osmesa"))
ANY = ("", "1", "true", "on", "enable", "enabled", "glfw", "glx")
"""Values of ``MUJOCO_GL`` that leave the choice to us; a window's OpenGL is no use without one."""
FONT = mujoco.mjtFontScale.mjFONTSCALE_100


class RenderingUnavailableError(OperantError):
    """No way was found to draw without a display."""


class Camera:
    """Draws one model; what it holds of the graphics library is built with it.

    Attributes:
        backend: Where OpenGL comes from.
    """

    def __init__(
        self,
        model: Any,
        *,
        distance: float,
        body: int | None = TORSO,
        lookat: tuple[float, float, float] = (0.0, 0.0, 0.0),
        elevation: float = ELEVATION,
        azimuth: float = AZIMUTH,
    ) -> None:
        """Set up a camera.

        Args:
            model: The ``MjModel``.
            distance: From what it looks at, in m.
            body: The body that it follows; None for a camera that stands still.
            lookat: The point that it looks at where it does not follow, in m.
            elevation: In degrees; negative looks down.
            azimuth: In degrees; 90 looks along +y.

        Raises:
            RenderingUnavailableError: If there is no OpenGL.
        """
        self.backend, self._context, self._gl = _context(model)
        self._model = model
        self._scene = mujoco.MjvScene(model, 1000)
        self._options = mujoco.MjvOption()
        self._view = mujoco.MjvCamera()
        self._view.distance, self._view.elevation, self._view.azimuth = distance, elevation, azimuth
        self._view.lookat[:] = lookat
        if body is not None:
            self._view.type = mujoco.mjtCamera.mjCAMERA_TRACKING
            self._view.trackbodyid = body
        mujoco.mjr_resizeOffscreen(SIZE, SIZE, self._gl)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._gl)

    def picture(self, data: Any) -> npt.NDArray[np.uint8]:
        """Return a picture of an ``MjData``, (480, 480, 3) uint8."""
        self._context.make_current()  # somebody else may have drawn meanwhile
        kinds = mujoco.mjtCatBit.mjCAT_ALL
        mujoco.mjv_updateScene(
            self._model, data, self._options, None, self._view, kinds, self._scene
        )
        area = mujoco.MjrRect(0, 0, SIZE, SIZE)
        mujoco.mjr_render(area, self._scene, self._gl)
        pixels = np.empty((SIZE, SIZE, 3), np.uint8)
        mujoco.mjr_readPixels(pixels, None, area, self._gl)
        return pixels[::-1].copy()  # OpenGL counts rows from below

    def close(self) -> None:
        """Give back what it holds; it cannot draw any more."""
        if self._context is not None:
            self._context.make_current()
            self._gl.free()
            self._context.free()
            self._context = None


@functools.cache
def can_render() -> bool:
    """Tell whether pictures can be drawn here."""
    try:
        _, context, gl = _context(mujoco.MjModel.from_xml_string("<mujoco/>"))
    except RenderingUnavailableError:
        return False
    gl.free()
    context.free()
    return True


def _context(model: Any) -> tuple[str, Any, Any]:
    """Return the backend's name, an OpenGL context that is current, and what draws the model.

    Raises:
        RenderingUnavailableError: If there is no OpenGL.
    """
    asked = os.environ.get("MUJOCO_GL", "").strip().lower()
    names = tuple(name for name in BACKENDS if name == asked)
    if asked in ANY:
        names = _running() or BACKENDS
    reasons = []
    for name in names:
        os.environ["MUJOCO_GL"] = name  # MuJoCo's library looks here for whose functions to load
        try:
            context = importlib.import_module(f"mujoco.{name}").GLContext(SIZE, SIZE)
            context.make_current()
            return name, context, mujoco.MjrContext(model, FONT)
        except Exception as error:  # each driver and loader fails in its own way
            reasons.append(f"{name}: {error or type(error).__name__}".splitlines()[0])
            _forget(name)
    os.environ["MUJOCO_GL"] = asked
    raise RenderingUnavailableError(
        f"no OpenGL to draw MuJoCo's pictures with ({'; '.join(reasons) or 'ruled out'}); install "
        "it (Debian, Ubuntu: apt-get install libegl1 libgl1-mesa-dri, or libosmesa6), and let the "
        f"environment variable MUJOCO_GL be unset, 'egl' or 'osmesa' (it is {asked!r})"
    )


def _running() -> tuple[str, ...]:
    """Return the backend that this process uses already, if any: PyOpenGL can have one only."""
    return tuple(name for name in BACKENDS if f"mujoco.{name}" in sys.modules)


def _forget(name: str) -> None:
    """Unload a backend that does not work: PyOpenGL would refuse another one."""
    os.environ.pop("PYOPENGL_PLATFORM", None)
    gone = [m for m in sys.modules if m.split(".")[0] == "OpenGL" or m.startswith(f"mujoco.{name}")]
    for module in gone:
        del sys.modules[module]
