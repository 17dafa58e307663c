"""N particle worlds of P agents each, in arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from operant.envs.multiagent.acting import check_joint_actions
from operant.envs.multiagent.particles import kernel
from operant.envs.multiagent.particles.facts import fact_table, facts_of
from operant.envs.multiagent.particles.scenarios import RULES, Scenario, scenario
from operant.types import Bool, Float, Int

STEP, TEAM, DELAYED = "step", "team", "delayed"
"""What agents are paid: what each earned with a step, the mean of all, or that at the end."""
_STATE = ("at", "speed", "caught", "elapsed", "success", "obs", "last_obs")


class ParticleBatch:
    """N worlds of one scenario, an :class:`operant.games.SimultaneousBatch`.

    All agents act at once; every episode lasts ``scenario.horizon`` steps and is followed by the
    next with that very step. Row i of N worlds does what a single world with the same seed does,
    to the bit. Copies and pickles have the same future.

    Attributes:
        scenario: What is played.
        num: N.
        players: P, the agents that act; scripted prey are none.
        observation_space: Box (D,) float32 of one agent; where teams see differently much, those
            who see less have zeros at the end.
        action_space: Discrete(5): nothing, left, right, down, up.
        obs: (N, P, D) float32, what agents see now.
        last_obs: (N, P, D), what they saw after the last step, before new episodes began.
        earned: (N, P) float64, what each earned with the last step, in whatever way it is paid.
        success: (N,) bool of the last step: all landmarks are covered, or all prey were caught
            within this episode.
        elapsed: (N,) steps of the running episodes.
        table: The facts about an agent, as features.
        facts: Feature name -> (N, P), of ``obs``.
        last_facts: The same, of ``last_obs``.
        at: (N, E, 2) float64 places in m: agents, scripted prey, landmarks.
        speed: (N, M, 2) velocities of all but the landmarks, m/s.
    """

    def __init__(
        self,
        *,
        num_envs: int,
        scenario: str | Scenario = "CN-6",
        reward: str = STEP,
        restart: bool = True,
    ) -> None:
        """Build the worlds; call :meth:`reset` before anything else.

        Args:
            num_envs: N >= 1.
            scenario: A scenario or its name.
            reward: ``"step"`` pays agents what each earns, ``"team"`` the mean of it, and
                ``"delayed"`` nothing until the last step of an episode, which pays each its equal
                share of what the team has earned: the sum over agents is the team's return.
            restart: False to leave worlds whose time is up as they are, until :meth:`reset`.

        Raises:
            UnknownIdError: If there is no such scenario.
            ValueError: If an argument is outside its range.
        """
        if num_envs < 1:
            raise ValueError(f"num_envs must be >= 1, got {num_envs}")
        if reward not in (STEP, TEAM, DELAYED):
            raise ValueError(f"reward must be 'step', 'team' or 'delayed', got {reward!r}")
        what = self.scenario = _named(scenario)
        self.num, self.players, self.reward = num_envs, len(what.agents), reward
        width = max(team.sight.size for team in what.learners)
        shape = num_envs, self.players, width
        self.observation_space = spaces.Box(-np.inf, np.inf, (width,), np.float32)
        self.action_space = spaces.Discrete(5)
        self.obs, self.last_obs = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        movers = what.movers
        self.at = np.zeros((num_envs, movers + what.landmarks, 2))
        self.speed = np.zeros((num_envs, movers, 2))
        self.caught = np.zeros((num_envs, movers), np.bool_)
        self.success = np.zeros(num_envs, np.bool_)
        self.elapsed: Int = np.zeros(num_envs, np.int64)
        self.table = fact_table(what)
        self._words = np.zeros(num_envs, np.uint64)
        self._facts = np.zeros((num_envs, movers, kernel.FACTS))
        self._last_facts, self._paid = self._facts.copy(), np.zeros((num_envs, movers))
        self._held = np.zeros(num_envs)
        self._restart, self._ready = restart, False

    @property
    def earned(self) -> Float:
        """What each agent earned with the last step, (N, P)."""
        return self._paid[:, : self.players].copy()

    @property
    def facts(self) -> dict[str, npt.NDArray[Any]]:
        """Feature name -> (N, P), of what is seen now."""
        return facts_of(self._facts[:, : self.players], self.table)

    @property
    def last_facts(self) -> dict[str, npt.NDArray[Any]]:
        """Feature name -> (N, P), of what was seen last."""
        return facts_of(self._last_facts[:, : self.players], self.table)

    def reset(self, seeds: Sequence[int | None]) -> None:
        """Start all worlds anew.

        Args:
            seeds: N seeds >= 0, or None for worlds whose chance goes on.

        Raises:
            ValueError: If there are not N, or a world has no chance yet that could go on.
        """
        if len(seeds) != self.num:
            raise ValueError(f"seeds must have {self.num} entries, got {len(seeds)}")
        if not self._ready and any(seed is None for seed in seeds):
            raise ValueError("seeds must be integers at the first reset, got None")
        for row, seed in enumerate(seeds):
            if seed is not None:
                (self._words[row],) = np.random.SeedSequence(seed).generate_state(1, np.uint64)
        self._ready = True
        self._begin(np.arange(self.num))
        self.success[:] = False
        self.last_obs[:] = self.obs

    def step(self, actions: Int) -> tuple[Float, Bool, Bool]:
        """Let all agents act at once.

        Args:
            actions: (N, P) integers in [0, 4].

        Returns:
            (N, P) rewards; (N,) whether the worlds came to an end of their own, which they never
            do; (N,) whether their time was up.

        Raises:
            RuntimeError: Before the first reset.
            ValueError: If an action is none of these; nothing has moved then.
        """
        if not self._ready:
            raise RuntimeError("call reset() before step(): no episode is running")
        what = self.scenario
        batch = check_joint_actions(actions, self.num, what.agents, int(self.action_space.n))
        kernel.advance(
            batch,
            self.at,
            self.speed,
            self.caught,
            what.radii(),
            what.solids(),
            what.per_mover("push"),
            what.per_mover("top_speed"),
            what.first,
            RULES.index(what.rule),
            what.share,
            what.cover,
            what.reach,
            what.sees(),
            what.ranked,
            self._facts,
            self._paid,
            self.success,
            self.obs,
        )
        self.elapsed += 1
        truncated: Bool = self.elapsed >= what.horizon
        rewards = self._pay(truncated)
        self.last_obs[:], self._last_facts[:] = self.obs, self._facts
        if self._restart and truncated.any():
            self._begin(np.flatnonzero(truncated))
        return rewards, np.zeros(self.num, np.bool_), truncated

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything that decides the future, the random streams included, as arrays."""
        own = {name: getattr(self, name).copy() for name in _STATE}
        hidden = {name: getattr(self, f"_{name}").copy() for name in ("words", "facts", "held")}
        return own | hidden

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned.

        Raises:
            ValueError: If it is of other worlds.
        """
        for name in (*_STATE, "words", "facts", "held"):
            mine = getattr(self, name if name in _STATE else f"_{name}")
            if np.shape(state[name]) != mine.shape:
                raise ValueError(
                    f"the state is of other worlds: its {name} has shape {np.shape(state[name])}, "
                    f"here it is {mine.shape}"
                )
            mine[...] = state[name]
        self._ready = True

    def place(self, row: int, at: Float, speed: Float) -> None:
        """Put the discs of a world somewhere, say to compare with another engine.

        Args:
            row: The world.
            at: (E, 2) places: agents, scripted prey, landmarks.
            speed: (M, 2) velocities.
        """
        self.at[row], self.speed[row] = at, speed
        self._survey(np.array([row]))

    def _begin(self, rows: Int) -> None:
        what = self.scenario
        kernel.start(
            rows,
            self.at,
            self.speed,
            self._words,
            what.movers,
            what.reach,
            what.landmark_reach,
            what.gap,
        )
        self.elapsed[rows], self.caught[rows], self._held[rows] = 0, False, 0.0
        self._survey(rows)

    def _survey(self, rows: Int) -> None:
        what = self.scenario
        kernel.survey(
            rows,
            self.at,
            self.speed,
            what.radii(),
            what.first,
            what.sees(),
            what.ranked,
            self._facts,
            self.obs,
        )

    def _pay(self, ended: Bool) -> Float:
        """Return the rewards of a step, (N, P)."""
        earned = self.earned
        if self.reward == STEP:
            return earned
        mean = np.zeros(self.num)
        for player in range(self.players):  # one after the other: rows must not share arithmetic
            mean += earned[:, player]
        mean /= self.players
        if self.reward == DELAYED:
            self._held += mean
            mean = np.where(ended, self._held, 0.0)
        return np.repeat(mean[:, None], self.players, axis=1)


def _named(what: str | Scenario) -> Scenario:
    return scenario(what)  # the constructor's argument has the function's name
