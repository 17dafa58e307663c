"""A gridworld as a scalar Gymnasium env."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from operant.envs.gridworld.engine import NO_RESET
from operant.envs.gridworld.family import Family
from operant.envs.gridworld.optimum import with_optimum
from operant.envs.gridworld.render import FPS, frame, render_ansi, show
from operant.envs.gridworld.simulator import Simulator
from operant.envs.gridworld.solver import explore, solve
from operant.finite import FiniteMDP, with_probabilities
from operant.tabular import TabularMDP
from operant.types import Card, Oracle


class GridEnv(gym.Env[Any, int]):
    """One level of a family; a batch of one over the same kernels as the vector env.

    Observation: the family's view; Dict(image (7, 7, 3) uint8, direction int in [0, 3]) and, where
    the task varies, mission (K,) int64, for MiniGrid's worlds.
    Action: int in [0, A).
    Info: ``features`` (name -> float, of the returned state), ``true_reward`` (float), ``success``
    (bool) and, in families with a proxy, ``proxy_reward`` (float).
    """

    metadata = {"render_modes": ["rgb_array", "ansi", "human"], "render_fps": FPS}  # noqa: RUF012 (Gymnasium's contract)

    def __init__(
        self,
        *,
        family: Family,
        max_steps: int | None = None,
        layout: str = "operant",
        reward: str | None = None,
        render_mode: str | None = None,
        optimum: bool = False,
        **options: int,
    ) -> None:
        """Create the env.

        Args:
            family: Kind of level.
            max_steps: Time limit in env steps, or None for the family's.
            layout: ``"operant"`` or, for MiniGrid's worlds, ``"minigrid"``.
            reward: One of the family's ``rewards``; None for the first, the true one.
            render_mode: ``"rgb_array"``, ``"ansi"``, ``"human"`` (coloured text on standard
                output at every reset and step) or None.
            optimum: True to publish the feature ``steps_to_success``, exact for every state. Each
                new level is then searched, which takes from milliseconds to seconds.
            **options: The family's own options, such as ``size``.

        Raises:
            TypeError: If the family has no such option.
            ValueError: If an argument is outside its range, or ``optimum`` is asked for where
                chance plays a part.
        """
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(
                f"render_mode must be one of {self.metadata['render_modes']} or None, "
                f"got {render_mode!r}"
            )
        self.render_mode, self._watched = render_mode, render_mode == "human"
        self.simulator = Simulator(
            family,
            num=1,
            options=options,
            max_steps=max_steps,
            layout=layout,
            reward=reward,
            optimum=optimum,
        )
        self.observation_space = family.view.space(self.simulator.size, family.mission)
        self.action_space: gym.Space[Any] = spaces.Discrete(family.num_actions)
        self._ready = self._running = False
        self._bind()

    def _bind(self) -> None:
        """Look up once what every step reads; at this rate each look-up would count."""
        simulator, out = self.simulator, self.simulator.out
        mission = out.mission[0] if simulator.family.mission else None
        self._shown = out.image[0], out.direction, mission, out.features[0]
        self._judged = out.reward, out.terminated, out.truncated, out.success
        self._played = simulator.actions, simulator.bound(NO_RESET)
        self._pack, self._has_proxy = simulator.family.view.pack, simulator.family.has_proxy
        self._names = [feature.name for feature in simulator.table]

    @property
    def max_steps(self) -> int:
        """Time limit in env steps."""
        return self.simulator.size.max_steps

    @property
    def card(self) -> Card:
        """The env's card, with its feature table."""
        family, size = self.simulator.family, self.simulator.size
        return family.card(self.spec.id if self.spec else family.name, size, self.simulator.table)

    @property
    def mission(self) -> str:
        """The task of the current level as a sentence, MiniGrid's where it is its world."""
        words = tuple(self.simulator.out.mission[0].tolist())
        return self.simulator.family.mission_text(words)

    def reset(
        self,
        *,
        seed: int | None = None,
        options: dict[str, Any] | None = None,  # noqa: ARG002 (Gymnasium's signature)
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode: on a fresh stream if ``seed`` is given, else continuing the stream.

        Raises:
            ValueError: If the env was made with ``optimum`` and the level is too large for it.
        """
        super().reset(seed=seed)
        if seed is None and not self._ready:
            seed = int(self.np_random.integers(2**31))
        self.simulator.seed([seed])
        self.simulator.reset(np.ones(1, np.bool_))
        self._ready = self._running = True
        if self._watched:
            self.render()
        return self._obs(), {"features": self._features()}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take one action.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset and after the episode ended.
            ValueError: If the action is not an integer in [0, A).
        """
        actions, kernel = self._played
        if not self._running:
            self._require_running("step")
        try:
            actions[0] = operator.index(action)
        except (TypeError, OverflowError):
            raise ValueError(
                f"unknown action {action!r}; actions are integers in "
                f"[0, {self.simulator.size.num_actions - 1}]"
            ) from None
        if kernel is None or kernel() >= 0:
            self.simulator.step(NO_RESET)
            self._played = actions, self.simulator.bound(NO_RESET)
        if self._watched:
            self.render()
        reward, terminated, truncated, success = self._judged
        image, direction, mission, features = self._shown
        paid: float = reward.item()
        ended, cut = terminated.item(), truncated.item()
        self._running = not (ended or cut)
        info: dict[str, Any] = {
            "features": dict(zip(self._names, features.tolist())),  # noqa: B905 (strict costs 5 %)
            "true_reward": paid,
            "success": success.item(),  # at every step: a TimeLimit may make any the last
        }
        if self._has_proxy:
            info["true_reward"] = self.simulator.out.true_reward.item()
            info["proxy_reward"] = self.simulator.out.proxy_reward.item()
        seen = self._pack(image.copy(), direction[0], None if mission is None else mission.copy())
        return seen, paid, ended, cut, info

    def render(self) -> Any:
        """Return a frame: (H, W, 3) uint8 for ``"rgb_array"``, a string for ``"ansi"``.

        In mode ``"human"`` it is printed instead.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset.
        """
        if not self._ready:
            raise gym.error.ResetNeeded("call env.reset() before env.render(): there is no level")
        if self.render_mode == "ansi":
            return render_ansi(self.simulator, 0)
        if self.render_mode == "rgb_array":
            return frame(self.simulator, 0)
        if self.render_mode == "human":
            show(self.simulator)
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
            ValueError: If chance plays a part, or too many states are reachable.
        """
        self._require_running("tabular_mdp")
        if self.simulator.family.stochastic(self.simulator.size):
            raise ValueError(f"{self.simulator.family.name} is stochastic: it is no TabularMDP")
        mdp = explore(self.simulator)
        return mdp if self.simulator.optimum is None else with_optimum(mdp)

    def finite_mdp(self) -> FiniteMDP:
        """Return the current level as an MDP with probabilities, from its current state on.

        States are those of :meth:`tabular_mdp`, in its order; in families with chance they are
        what the observation numbers. There is no time limit.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset and after the episode ended.
            ValueError: If chance plays a part and the family has no exact model, or too many states
                are reachable.
        """
        self._require_running("finite_mdp")
        family = self.simulator.family
        if family.model is not None:
            return family.model(self.simulator)
        return with_probabilities(self.tabular_mdp())

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything that decides the future, the random stream included."""
        return self.simulator.get_state()

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned."""
        self.simulator.set_state(state)
        self._ready, self._running = True, not self.simulator.out.pending.item()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Find the copy's own arrays."""
        self.__dict__ |= state
        self._bind()

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is looked up again."""
        return {
            key: value
            for key, value in self.__dict__.items()
            if key not in ("_shown", "_judged", "_played", "_pack", "_names")
        }

    def _require_running(self, call: str) -> None:
        if not self._running:
            raise gym.error.ResetNeeded(
                f"call env.reset() before env.{call}(): no episode is running"
            )

    def _obs(self) -> Any:
        image, direction, mission, _ = self._shown
        return self._pack(image.copy(), direction[0], None if mission is None else mission.copy())

    def _features(self) -> dict[str, float]:
        return dict(zip(self._names, self._shown[3].tolist()))  # noqa: B905 (strict costs 5 %)
