"""A gridworld as a scalar Gymnasium env."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.engine import NO_RESET, Family
from operant.envs.gridworld.render import render_ansi, render_rgb
from operant.envs.gridworld.simulator import Simulator
from operant.envs.gridworld.solver import explore, solve
from operant.envs.gridworld.spaces import action_space, observation_space
from operant.tabular import TabularMDP
from operant.types import Card, Oracle


class GridEnv(gym.Env[dict[str, Any], int]):
    """One level of a family; a batch of one over the same kernels as the vector env.

    Observation: Dict(image (7, 7, 3) uint8, direction int in [0, 3]).
    Action: int in [0, 6].
    Info: ``features`` (name -> float, of the returned state), ``true_reward`` (float) and
    ``success`` (bool).
    """

    metadata = {"render_modes": ["rgb_array", "ansi"], "render_fps": 8}  # noqa: RUF012 (Gymnasium's contract)

    def __init__(
        self,
        *,
        family: Family,
        size: int,
        height: int | None = None,
        max_steps: int | None = None,
        layout: str = "operant",
        reward: str = "sparse",
        render_mode: str | None = None,
    ) -> None:
        """Create the env.

        Args:
            family: Kind of level.
            size: Cells in x, outer walls included.
            height: Cells in y; None for a square.
            max_steps: Time limit in env steps, or None for the family's.
            layout: ``"operant"`` or ``"minigrid"``.
            reward: ``"sparse"`` or ``"minigrid"``.
            render_mode: ``"rgb_array"``, ``"ansi"`` or None.

        Raises:
            ValueError: If an argument is outside its range.
        """
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(
                f"render_mode must be one of {self.metadata['render_modes']} or None, "
                f"got {render_mode!r}"
            )
        self.render_mode = render_mode
        self.observation_space: gym.Space[dict[str, Any]] = observation_space()
        self.action_space: gym.Space[Any] = action_space()
        self.simulator = Simulator(
            family,
            num=1,
            width=size,
            height=size if height is None else height,
            max_steps=max_steps,
            layout=layout,
            reward=reward,
        )
        self._names = [feature.name for feature in self.simulator.table]
        self._ready = False

    @property
    def max_steps(self) -> int:
        """Time limit in env steps."""
        return self.simulator.size.max_steps

    @property
    def card(self) -> Card:
        """The env's card, with its feature table."""
        family, size = self.simulator.family, self.simulator.size
        return family.card(self.spec.id if self.spec else family.name, size, self.simulator.table)

    def reset(
        self,
        *,
        seed: int | None = None,
        options: dict[str, Any] | None = None,  # noqa: ARG002 (Gymnasium's signature)
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode: on a fresh stream if ``seed`` is given, else continuing the stream."""
        super().reset(seed=seed)
        if seed is None and not self._ready:
            seed = int(self.np_random.integers(2**31))
        self.simulator.seed([seed])
        self.simulator.reset(np.ones(1, np.bool_))
        self._ready = True
        return self._obs(), {"features": self._features()}

    def step(self, action: int) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Take one action.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset and after the episode ended.
            ValueError: If the action is not an integer in [0, 6].
        """
        self._require_running("step")
        out = self.simulator.out
        if not self.action_space.contains(action):
            raise ValueError(f"unknown action {action!r}; actions are integers in [0, 6]")
        self.simulator.step(np.array([action], np.int64), NO_RESET)
        reward = float(out.reward[0])
        terminated, truncated = bool(out.terminated[0]), bool(out.truncated[0])
        info = {
            "features": self._features(),
            "true_reward": reward,
            "success": bool(out.success[0]),  # at every step: a TimeLimit may make any the last
        }
        return self._obs(), reward, terminated, truncated, info

    def render(self) -> Any:
        """Return a frame: (H, W, 3) uint8 for ``"rgb_array"``, a string for ``"ansi"``.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset.
        """
        if not self._ready:
            raise gym.error.ResetNeeded("call env.reset() before env.render(): there is no level")
        if self.render_mode == "ansi":
            return render_ansi(self.simulator.world, 0, self.simulator.size)
        if self.render_mode == "rgb_array":
            return render_rgb(self.simulator.world, 0, self.simulator.size)
        return None

    def oracle(self) -> Oracle:
        """Return the exact optimum of the current level from its current state.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset and after the episode ended.
        """
        self._require_running("oracle")
        return solve(self.simulator)

    def tabular_mdp(self) -> TabularMDP:
        """Enumerate the current level's reachable states (no time limit) as an explicit MDP.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset and after the episode ended.
        """
        self._require_running("tabular_mdp")
        return explore(self.simulator)

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything that decides the future, the random stream included."""
        return self.simulator.get_state()

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned."""
        self.simulator.set_state(state)
        self._ready = True

    def _require_running(self, call: str) -> None:
        if not self._ready or self.simulator.out.pending[0]:
            raise gym.error.ResetNeeded(
                f"call env.reset() before env.{call}(): no episode is running"
            )

    def _obs(self) -> dict[str, Any]:
        out = self.simulator.out
        return {"image": out.image[0].copy(), "direction": np.int64(out.direction[0])}

    def _features(self) -> dict[str, float]:
        return dict(zip(self._names, self.simulator.out.features[0].tolist(), strict=True))
