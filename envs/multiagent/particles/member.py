"""One agent of a team as a world for one learner: its mates act by a rule that does not learn."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from operant.arrays import section
from operant.envs.batched.world import BatchWorld, Outcome
from operant.envs.multiagent.particles.batch import STEP, TEAM, ParticleBatch
from operant.envs.multiagent.particles.cards import card
from operant.envs.multiagent.particles.picture import drawn
from operant.envs.multiagent.particles.scenarios import Scenario, one_team, with_horizon
from operant.types import Card, Int

RANDOM, STILL = "random", "still"
Mates: TypeAlias = str | Callable[[npt.NDArray[np.float32]], npt.ArrayLike]
"""``"random"``, ``"still"``, or a function of what the mates see, (P - 1, D), to their actions."""


class TeamMember(BatchWorld):
    """The first agent of a team of P; what it sees and is paid is what a row of the team is.

    With a seed s the world is that of ``SharedParticles`` whose first world is seeded s: where the
    mates do the same, so does all else, to the bit.
    """

    REWARDS: ClassVar[tuple[str, ...]] = (TEAM,)

    def __init__(
        self,
        *,
        num: int = 1,
        scenario: str | Scenario = "CN-6",
        reward: str = STEP,
        mates: Mates = RANDOM,
        max_steps: int | None = None,
    ) -> None:
        """Build the world.

        Args:
            num: 1; the batched form, in which all agents are rows, is ``SharedParticles``.
            scenario: A scenario or its name; its agents must be one team.
            reward: ``"step"`` for what the agent itself earns, ``"team"`` for the team's mean.
            mates: How the others act: ``"random"``, ``"still"``, or a function of their
                observations, (P - 1, D), to their actions, such as a trained policy's ``act``.
            max_steps: Time limit in env steps, >= 1; None for the scenario's.

        Raises:
            UnknownIdError: If there is no such scenario.
            ValueError: If an argument is outside its range.
        """
        what = one_team(with_horizon(scenario, max_steps))
        super().__init__(
            num=num, max_steps=what.horizon, scenario=scenario, reward=reward, mates=mates
        )
        if num != 1:
            raise ValueError(f"num must be 1, got {num}: all agents as rows are SharedParticles")
        if isinstance(mates, str) and mates not in (RANDOM, STILL):
            raise ValueError(f"mates must be 'random', 'still' or a function, got {mates!r}")
        self.batch = ParticleBatch(num_envs=1, scenario=what, reward=reward, restart=False)
        self.mates = mates
        self.observation_space = self.batch.observation_space
        self.action_space = self.batch.action_space
        self.table = self.batch.table
        told = {"step_reward": np.zeros(num)}
        self.out = Outcome.zeros(num, self.observation_space, self.table, told)
        self._fresh: list[int | None] = [None]

    def seed(self, seeds: Sequence[int | None]) -> None:
        """Start the chance of the world and of its mates anew; None leaves it alone."""
        super().seed(seeds)
        self._fresh = list(seeds)

    def card(self, env_id: str) -> Card:
        """Describe the world from its first agent's side."""
        return gymnasium_card(self.batch, env_id)

    def frame(self, row: int) -> npt.NDArray[np.uint8]:
        """Return the world from above."""
        return drawn(self.batch.scenario, self.batch.at[row])

    def _reset(self, rows: Int) -> None:  # noqa: ARG002 (there is one)
        self.batch.reset(self._fresh)
        self._fresh = [None]
        self._show(self.batch.obs, self.batch.facts)

    def _step(self, rows: Int, actions: npt.NDArray[Any]) -> None:  # noqa: ARG002
        together = np.concatenate([actions.ravel(), self._others()])
        rewards, _, _ = self.batch.step(together[None])
        out = self.out
        out.reward[0] = rewards[0, 0]
        out.extras["step_reward"][0] = self.batch.earned[0, 0]
        out.success[0] = self.batch.success[0]
        self._show(self.batch.last_obs, self.batch.last_facts)

    def _others(self) -> npt.NDArray[np.int64]:
        """Return what the mates do, (P - 1,)."""
        number = self.batch.players - 1
        if callable(self.mates):
            return np.asarray(self.mates(self.batch.obs[0, 1:].copy()), np.int64)
        if self.mates == STILL:
            return np.zeros(number, np.int64)
        return self.streams[0].integers(0, 5, number)

    def _show(self, obs: npt.NDArray[Any], facts: Mapping[str, npt.NDArray[Any]]) -> None:
        seen: Any = self.out.obs
        seen[0] = obs[0, 0]
        for name, values in facts.items():
            self.out.features[name][0] = values[0, 0]

    def _get_state(self) -> dict[str, npt.NDArray[Any]]:
        return {f"batch/{name}": part for name, part in self.batch.get_state().items()}

    def _set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        self.batch.set_state(section(state, "batch"))


def gymnasium_card(batch: ParticleBatch, env_id: str) -> Card:
    """Describe a team whose agents are rows, or one of whom is alone among mates.

    Args:
        batch: The worlds.
        env_id: Of Gymnasium's registry.
    """
    plain = card(batch)
    story = (
        f"{plain.description} In gym.make_vec every agent is a row, {batch.players} of them to a "
        "world, and all share a policy; in gym.make there is one agent, among mates that act at "
        "random."
    )
    return dataclasses.replace(plain, id=env_id, description=story, extra="")
