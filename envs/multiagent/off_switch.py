"""The off-switch game for a robot and a human, as a PettingZoo env in which they take turns."""

from __future__ import annotations

import operator
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.envs.multiagent.zoo import AECEnv
from operant.envs.off_switch.deference import LOOK, WAIT
from operant.envs.off_switch.world import TAILS, OffSwitch
from operant.types import Int

ROBOT, HUMAN = "robot_0", "human_0"
HUMANS = ("rational", "noisy", "learned")
PRESS, ALLOW = 0, 1
"""What the human may do when the robot waits."""
_ROW: Int = np.zeros(1, np.int64)


class OffSwitchGame(AECEnv[str, npt.NDArray[np.float32], int]):  # type: ignore[misc]
    """A robot acts, switches itself off, waits for the human, or looks once more.

    Robot and human are paid the same: U where the act is carried out, else 0, minus the cost of
    looks. Only the human knows U, and it is asked only if the robot waits. With a rational or a
    noisy human the robot is the only agent; a learned human is one too.

    Observation, Box (6,) float32: mean and standard deviation of the robot's belief, looks left,
    1 if the robot waits, 1 for the human, and U (for the human; else 0). Actions: of the robot
    act, switch off, wait and (with signals) look; of the human press the switch (0) or allow (1).

    Infos: ``role`` (0 the robot, 1 the human), ``true_reward``, and after a decision ``success``
    and those of :class:`operant.envs.off_switch.world.OffSwitch`.

    Attributes:
        world: The engine, with one row.
    """

    metadata: dict[str, Any]

    def __init__(
        self,
        *,
        human: str = "learned",
        beta: float = 0.5,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        """Set up the game.

        Args:
            human: ``"rational"``, ``"noisy"`` (with ``beta``), or ``"learned"``, an agent.
            beta: How noisy a noisy human is, in units of utility, > 0.
            render_mode: ``"ansi"`` or None.
            **options: ``signals``, ``mean``, ``spread``, ``sigma``, ``noise`` and ``cost`` of
                :class:`operant.envs.off_switch.world.OffSwitch`.

        Raises:
            ValueError: If an argument is outside its range.
        """
        if human not in HUMANS:
            raise ValueError(f"human must be one of {HUMANS}, got {human!r}")
        if human == "noisy" and not beta > 0.0:
            raise ValueError(f"beta must be > 0 for a noisy human, got {beta}")
        if render_mode not in (None, "ansi"):
            raise ValueError(f"render_mode must be 'ansi' or None, got {render_mode!r}")
        if {"num", "reward", "max_steps"} & set(options):
            raise ValueError("num, reward and max_steps are not options of this game")
        self.world = OffSwitch(num=1, beta=beta if human == "noisy" else 0.0, **options)
        self.human, self.render_mode = human, render_mode
        self.metadata = {
            "name": "OffSwitchGame",
            "render_modes": ["ansi"],
            "render_fps": 1,
            "is_parallelizable": False,
        }
        self.possible_agents = [ROBOT, HUMAN] if human == "learned" else [ROBOT]
        self.agents: list[str] = []
        self.observation_spaces: dict[str, Any] = {
            agent: self._space() for agent in self.possible_agents
        }
        robot = gym.spaces.Discrete(4 if self.world.signals else 3)
        self.action_spaces: dict[str, Any] = {ROBOT: robot, HUMAN: gym.spaces.Discrete(2)}
        self._seeded = False

    def observation_space(self, agent: str) -> Any:
        """Return the space of an agent's observations."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        """Return the space of an agent's actions."""
        return self.action_spaces[agent]

    def reset(
        self,
        seed: int | None = None,
        options: dict[str, Any] | None = None,  # noqa: ARG002 (PettingZoo's signature)
    ) -> None:
        """Start an episode.

        Args:
            seed: Starts the chance of the game anew; None goes on with it (at first: anyhow).
            options: Ignored.
        """
        if seed is None and not self._seeded:
            seed = int(np.random.SeedSequence().generate_state(1)[0])
        self.world.seed([seed])
        self.world.reset(_ROW)
        self._seeded, self._waits = True, False
        self.agents = list(self.possible_agents)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self._tell(0.0, {})
        self._skip_agent_selection: str | None = None
        self.agent_selection = ROBOT

    def observe(self, agent: str) -> npt.NDArray[np.float32]:
        """Return what an agent sees now."""
        self._require_game()
        obs: Any = self.world.out.obs
        looks = obs[0, 3] if self.world.signals else 0.0
        human = agent == HUMAN
        utility = self.world.utility(0) if human else 0.0
        seen = [obs[0, 0], obs[0, 1], looks, float(self._waits), float(human), utility]
        return np.array(seen, np.float32)

    def step(self, action: int | None) -> None:
        """Let the agent to move, ``agent_selection``, do something.

        Args:
            action: The action; None for an agent whose game is over.

        Raises:
            gymnasium.error.ResetNeeded: If no game is running.
            ValueError: If the action is not in the action space; nothing has happened then.
        """
        self._require_game()
        if not self.agents:
            raise gym.error.ResetNeeded("the game is over for everybody; call reset()")
        mover = self.agent_selection
        if self.terminations[mover] or self.truncations[mover]:
            if action is not None:
                raise ValueError(f"the game is over: {mover!r} can do nothing but None")
            self._was_dead_step(None)
            return
        choice = self._checked(mover, action)
        self._cumulative_rewards[mover] = 0.0
        if mover == ROBOT and choice == WAIT and self.human == "learned":
            self._waits, self.agent_selection = True, HUMAN
            self._tell(0.0, {})
            return
        if mover == HUMAN:
            self.world.decide(0, allow=choice == ALLOW)
            choice = WAIT
        self.world.step(_ROW, np.array([choice]))
        self._conclude(looked=choice == LOOK)

    def render(self) -> Any:
        """Return the game in words, or None without a render mode.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset.
        """
        if self.render_mode is None:
            return None
        self._require_game()
        return self.world.text(0)

    def close(self) -> None:
        """Give nothing back: there is nothing held."""

    def _conclude(self, *, looked: bool) -> None:
        """Pay everybody for what has just been done, and end the game unless the robot looked."""
        out = self.world.out
        told: dict[str, Any] = {name: value.item(0) for name, value in out.extras.items()}
        told |= {"success": out.success.item(0)}
        if looked:
            del told["utility"]  # it would give the answer away
        self._tell(out.true_reward.item(0), told)
        self.terminations = dict.fromkeys(self.agents, out.terminated.item(0))
        self.truncations = dict.fromkeys(self.agents, out.truncated.item(0))
        self.agent_selection = ROBOT

    def _tell(self, paid: float, told: dict[str, Any]) -> None:
        self.rewards = dict.fromkeys(self.agents, paid)
        self.infos: dict[str, dict[str, Any]] = {
            agent: {"role": role, "true_reward": paid, **told}
            for role, agent in enumerate(self.agents)
        }
        self._accumulate_rewards()

    def _space(self) -> gym.spaces.Box:
        box: Any = self.world.observation_space
        most = np.abs(np.r_[box.low[0], box.high[0]]).max() + TAILS * self.world.sigma
        looks = max(self.world.signals, 1)
        return gym.spaces.Box(
            np.array([box.low[0], 0, 0, 0, 0, -most], np.float32),
            np.array([box.high[0], box.high[1], looks, 1, 1, most], np.float32),
        )

    def _require_game(self) -> None:
        if not self._seeded:
            raise gym.error.ResetNeeded("call reset() first: no game is running")

    def _checked(self, agent: str, action: Any) -> int:
        try:
            index = operator.index(action)
        except TypeError:
            index = -1
        count = int(self.action_spaces[agent].n)
        if not 0 <= index < count:
            raise ValueError(
                f"unknown action {action!r} of {agent!r}; actions are integers in [0, {count - 1}]"
            )
        return index
