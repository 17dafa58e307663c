"""One row of a world as a scalar Gymnasium env."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any, cast

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.envs.batched.world import BatchWorld
from operant.types import Card, Oracle

_ROW = np.zeros(1, np.int64)
_ROW.setflags(write=False)


class WorldEnv(gym.Env[Any, Any]):
    """A world of one row.

    Info: ``features`` (name -> value, of the returned state), ``true_reward`` (float), ``success``
    (bool) and the world's extras.
    """

    def __init__(self, world: BatchWorld, *, render_mode: str | None = None) -> None:
        """Take over a world of one row.

        Args:
            world: The world.
            render_mode: One of the world's modes, or None.

        Raises:
            ValueError: If the world has no such mode.
        """
        modes = list(world.RENDER_MODES)
        if render_mode is not None and render_mode not in modes:
            raise ValueError(f"render_mode must be one of {modes} or None, got {render_mode!r}")
        self.metadata = {"render_modes": modes, "render_fps": world.FPS}
        self.world, self.render_mode = world, render_mode
        self.observation_space, self.action_space = world.observation_space, world.action_space
        self._ready = self._running = False
        self._first, self._last = _bounds(world.action_space)
        self._watched = render_mode == "human"

    @property
    def card(self) -> Card:
        """The env's card, with its feature table."""
        return self.world.card(self.spec.id if self.spec else type(self.world).__name__)

    @property
    def max_steps(self) -> int:
        """Time limit in env steps."""
        return self.world.max_steps

    def reset(
        self,
        *,
        seed: int | None = None,
        options: dict[str, Any] | None = None,  # noqa: ARG002 (Gymnasium's signature)
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode: on a fresh stream if ``seed`` is given, else continuing the stream."""
        super().reset(seed=seed)
        if seed is None and not self._ready:
            seed = int(self.np_random.integers(2**31))
        self.world.seed([seed])
        self.world.reset(_ROW)
        self._ready = self._running = True
        if self._watched:
            self.render()
        return self.world.shown(0), {"features": self.world.told(0)}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take one action.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset and after the episode ended.
            ValueError: If the action is not in the action space; nothing has moved then.
        """
        if not self._running:
            raise gym.error.ResetNeeded("call env.reset() before env.step(): no episode is running")
        if type(action) is not int or not self._first <= action <= self._last:
            action = checked_action(self.action_space, action)
        played = self.world.play(action)
        self._running = not (played[2] or played[3])
        if self._watched:
            self.render()
        return played

    def render(self) -> Any:
        """Return a frame: (H, W, 3) uint8 for ``"rgb_array"``, a string for ``"ansi"``.

        In mode ``"human"`` the text is printed instead.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset.
        """
        if self.render_mode is None:
            return None
        if not self._ready:
            raise gym.error.ResetNeeded("call env.reset() before env.render(): nothing to be seen")
        if self.render_mode == "rgb_array":
            return self.world.frame(0)
        if self.render_mode == "ansi":
            return self.world.text(0)
        print(self.world.text(0), flush=True)  # noqa: T201 (this is what "human" asks for)
        return None

    def oracle(self) -> Oracle:
        """Return the optimum of the current level, where it is known."""
        return self.world.oracle(0)

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything that decides the future, the random stream included."""
        return {"running": np.array(self._running), **self.world.get_state()}

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned."""
        self.world.set_state({key: value for key, value in state.items() if key != "running"})
        self._ready, self._running = True, bool(state["running"])

    def close(self) -> None:
        """Give back what the world holds; the env cannot be used after it."""
        self._ready = self._running = False
        self.world.close()

    def __getattr__(self, name: str) -> Any:
        """Return what the world offers beside, such as ``compute_reward`` of goal tasks."""
        if name.startswith("_") or name == "world" or name not in self.world.OFFERS:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.world, name)


def checked_action(space: gym.Space[Any], action: Any) -> npt.NDArray[Any]:
    """Return an action as an array of the space's dtype.

    Finite numbers outside of a Box are let through, as MuJoCo's envs do.

    Raises:
        ValueError: If it has another shape, is not finite, or is no such integer.
    """
    if isinstance(space, gym.spaces.Discrete):
        first, last = _bounds(space)
        try:
            index = operator.index(action)
        except TypeError:
            index = first - 1
        if not first <= index <= last:
            raise ValueError(
                f"unknown action {action!r}; actions are integers in [{first}, {last}]"
            )
        return np.array(index, np.int64)
    box = cast(gym.spaces.Box, space)
    try:
        array = np.asarray(action, box.dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"action {action!r} is no array of numbers: {error}") from None
    if array.shape != box.shape or not np.isfinite(array).all():
        raise ValueError(f"an action must be {box.shape} finite numbers, got {action!r}")
    return array


def _bounds(space: gym.Space[Any]) -> tuple[int, int]:
    """Return the first and the last action of a Discrete space, or an empty range."""
    if isinstance(space, gym.spaces.Discrete):
        return int(space.start), int(space.start + space.n - 1)
    return 0, -1
