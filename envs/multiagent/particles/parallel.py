"""A particle world as a PettingZoo env in which all agents act at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.envs.multiagent.acting import check_actions
from operant.envs.multiagent.particles.batch import STEP, ParticleBatch
from operant.envs.multiagent.particles.picture import drawn
from operant.envs.multiagent.particles.scenarios import Scenario
from operant.envs.multiagent.zoo import ParallelEnv

MODES = ("rgb_array",)


class ParticleEnv(ParallelEnv[str, npt.NDArray[np.float32], int]):  # type: ignore[misc]
    """One particle world.

    Infos: ``features`` (name -> value, of the state that is seen), ``true_reward`` (what is paid,
    the whole team's share included) and ``success``.

    Attributes:
        scenario: What is played.
        batch: The engine, with one row.
    """

    metadata: dict[str, Any]

    def __init__(
        self,
        *,
        scenario: str | Scenario = "CN-6",
        reward: str = STEP,
        render_mode: str | None = None,
    ) -> None:
        """Build the world.

        Args:
            scenario: A scenario or its name.
            reward: ``"step"``, ``"team"`` or ``"delayed"``; see
                :class:`operant.envs.multiagent.particles.batch.ParticleBatch`.
            render_mode: ``"rgb_array"`` or None.

        Raises:
            UnknownIdError: If there is no such scenario.
            ValueError: If an argument is outside its range.
        """
        if render_mode is not None and render_mode not in MODES:
            raise ValueError(f"render_mode must be one of {MODES} or None, got {render_mode!r}")
        self.batch = ParticleBatch(num_envs=1, scenario=scenario, reward=reward, restart=False)
        self.scenario, self.render_mode = self.batch.scenario, render_mode
        self.metadata = {
            "name": self.scenario.name,
            "render_modes": list(MODES),
            "render_fps": 10,
            "is_parallelizable": True,
        }
        self.possible_agents = list(self.scenario.agents)
        self.agents: list[str] = []
        teams = [team for team in self.scenario.learners for _ in range(team.count)]
        self._sizes = [team.sight.size for team in teams]
        self.observation_spaces: dict[str, Any] = {
            agent: gym.spaces.Box(-np.inf, np.inf, (size,), np.float32)
            for agent, size in zip(self.possible_agents, self._sizes, strict=True)
        }
        self.action_spaces: dict[str, Any] = {
            agent: gym.spaces.Discrete(5) for agent in self.possible_agents
        }
        discs = self.batch.at.size + self.batch.speed.size
        self.state_space = gym.spaces.Box(-np.inf, np.inf, (discs,), np.float32)
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
    ) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, dict[str, Any]]]:
        """Start an episode.

        Args:
            seed: Starts the chance of the world anew; None goes on with it (at first: anyhow).
            options: Ignored.
        """
        if seed is None and not self._seeded:
            seed = int(np.random.SeedSequence().generate_state(1)[0])
        self.batch.reset([seed])
        self._seeded = True
        self.agents = list(self.possible_agents)
        told = self._told(self.batch.facts)
        return self._seen(self.batch.obs), {agent: {"features": told[agent]} for agent in told}

    def step(
        self, actions: dict[str, int]
    ) -> tuple[
        dict[str, npt.NDArray[np.float32]],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """Let all agents act at once.

        Args:
            actions: Agent -> action, for every agent.

        Raises:
            gymnasium.error.ResetNeeded: If no episode is running.
            ValueError: If an agent lacks an action, is unknown, or its action is none.
        """
        agents = self.agents
        check_actions(agents, self.action_space, actions)
        batch = np.array([[int(actions[agent]) for agent in agents]])
        rewards, terminated, truncated = self.batch.step(batch)
        over = bool(truncated[0])
        paid = dict(zip(agents, rewards[0].tolist(), strict=True))
        told, success = self._told(self.batch.last_facts), bool(self.batch.success[0])
        infos = {
            agent: {"features": told[agent], "true_reward": paid[agent], "success": success}
            for agent in agents
        }
        self.agents = [] if over else agents
        seen = self._seen(self.batch.last_obs)
        ended = dict.fromkeys(agents, bool(terminated[0]))
        return seen, paid, ended, dict.fromkeys(agents, over), infos

    def state(self) -> npt.NDArray[np.float32]:
        """Return the places of all discs (m) and the velocities of all that move (m/s), flat."""
        parts = [self.batch.at.ravel(), self.batch.speed.ravel()]
        return np.concatenate(parts).astype(np.float32)

    def render(self) -> npt.NDArray[np.uint8] | None:
        """Return the world from above, (H, W, 3) uint8, or None without a render mode.

        Raises:
            gymnasium.error.ResetNeeded: Before the first reset.
        """
        if self.render_mode is None:
            return None
        if not self._seeded:
            raise gym.error.ResetNeeded("call reset() before render(): there is nothing to be seen")
        return drawn(self.scenario, self.batch.at[0])

    def close(self) -> None:
        """Give nothing back: there is nothing held."""

    def _seen(self, obs: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
        sized = zip(self.possible_agents, self._sizes, strict=True)
        return {agent: obs[0, i, :size].copy() for i, (agent, size) in enumerate(sized)}

    def _told(self, facts: Mapping[str, npt.NDArray[Any]]) -> dict[str, dict[str, Any]]:
        return {
            agent: {name: values.item(0, i) for name, values in facts.items()}
            for i, agent in enumerate(self.possible_agents)
        }
