"""What the tabular learners share: stepping the env, exact resume, export."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, ClassVar, NamedTuple

import gymnasium as gym
import numpy as np

from operant.agents.base import (
    Agent,
    AgentConfig,
    AnyVectorEnv,
    Array,
    Arrays,
    Json,
    OnRollout,
    check_identity,
)
from operant.agents.native.episodes import Episodes
from operant.agents.tabular.config import TabularConfig
from operant.agents.tabular.policy import Probabilities, Table, TabularPolicy, discrete, draw
from operant.agents.tabular.states import Ids, States
from operant.arrays import section
from operant.seeding import SeedTree
from operant.types import Bool, Float, Obs, stack_rows
from operant.wrapping import has_state


class Moves(NamedTuple):
    """One step of N rows.

    Attributes:
        states: (N,) before.
        actions: (N,) taken.
        rewards: (N,) earned.
        after: (N,) true successors, also where an episode ended.
        terminated: (N,) nothing can be earned after it.
        truncated: (N,) a time limit ended the episode.
    """

    states: Ids
    actions: Ids
    rewards: Float
    after: Ids
    terminated: Bool
    truncated: Bool


class TabularAgent(Agent):
    """Learns a table of a row per state and a column per action, from N rows at once.

    Attributes:
        states: The states met so far.
        table: What is learned.
    """

    config: TabularConfig
    config_class: ClassVar[type[TabularConfig]]

    def __init__(
        self, env: AnyVectorEnv, *, config: TabularConfig | None = None, seed: int = 0
    ) -> None:
        """Start with an empty table; the env is reset at the first :meth:`learn`.

        Args:
            env: Vector env in ``SAME_STEP`` autoreset mode with Discrete actions.
            config: Hyper-parameters; None for the defaults.
            seed: Root of everything random in the agent, including the env's first reset.

        Raises:
            ValueError: If the env is unsuitable.
            GammaMismatchError: If the env carries a reward design with another discount.
        """
        config = self.config_class() if config is None else config
        super().__init__(env, config=config, seed=seed)
        space = discrete(env.single_action_space)
        self.states = States(env.single_observation_space)
        self.table = self.empty_table(config, int(space.n))
        self._rng = SeedTree(seed).child(self.id).generator("actions")
        self._policy = TabularPolicy(self.states, self.table, self.acting(config), space, self._rng)
        self._episodes = Episodes(env.num_envs)
        self._env_seed: int | None = SeedTree(seed).seed("env")
        self._at: Ids | None = None
        self._num_steps = 0
        self._progress = 0.0

    # ---- what a learner says ----------------------------------------------------------------

    @classmethod
    def empty_table(cls, config: Any, actions: int) -> Table:  # noqa: ARG003
        """Return the table at the start."""
        return Table(actions)

    @classmethod
    @abc.abstractmethod
    def acting(cls, config: Any) -> Probabilities:
        """Return the policy of :meth:`act`, which is also the exported one."""

    @abc.abstractmethod
    def exploring(self, rows: Float) -> Float:
        """Return the policy of training now, (B, A), at (B, A) rows of the table."""

    @abc.abstractmethod
    def update(self, step: Moves) -> None:
        """Learn from a step."""

    # ---- training ---------------------------------------------------------------------------

    @property
    def num_steps(self) -> int:
        """Env transitions trained on so far, summed over all rows and :meth:`learn` calls."""
        return self._num_steps

    def learn(self, total_steps: int, on_rollout: OnRollout | None = None) -> None:
        """Train until ``num_steps >= total_steps``; see :meth:`Agent.learn`."""
        while on_rollout is None or on_rollout(self) is not False:
            if self._num_steps >= total_steps:
                return
            for _ in range(self.config.n_steps):
                self._progress = min(1.0, self._num_steps / total_steps)
                self._step()

    def _step(self) -> None:
        if self._at is None:
            obs, _ = self.env.reset(seed=self._env_seed)
            self._env_seed = None
            self._episodes.restart()
            self._at = self.states.ids(obs)
            self.begin(np.ones(self.env.num_envs, np.bool_), self._at)
        before = self._at
        actions = self.choose(before)
        self._at = None  # whatever interrupts the step, it cannot be continued
        obs, rewards, terminated, truncated, infos = self.env.step(self._policy.to_env(actions))
        done = terminated | truncated
        self._episodes.step(rewards, done, infos, None)
        after = self._successors(obs, done, infos)
        self.update(Moves(before, actions, rewards, after, terminated, truncated))
        self._at = self.states.ids(obs)
        self.begin(done, self._at)
        self._num_steps += self.env.num_envs

    def choose(self, states: Ids) -> Ids:
        """Return the actions to take, (N,)."""
        return draw(self.exploring(self.table.at(states)), self._rng)

    def begin(self, rows: Bool, states: Ids) -> None:
        """Take note that episodes begin in some rows, (N,) bool, from the states of (N,)."""

    def _successors(self, obs: Obs, done: Bool, infos: Mapping[str, Any]) -> Ids:
        """Return the states that the step led to, (N,): the last ones where episodes ended."""
        after = self.states.ids(obs)
        rows = np.flatnonzero(done)
        if len(rows):
            finals = [infos["final_obs"][row] for row in rows.tolist()]
            after[rows] = self.states.ids(stack_rows(finals))
        return after

    def metrics(self) -> dict[str, float]:
        """Return the last training scalars under SB3's names, e.g. ``"rollout/ep_rew_mean"``."""
        if self._num_steps == 0:
            return {}
        return {**self._episodes.metrics(), "train/states": float(len(self.states))}

    # ---- acting -----------------------------------------------------------------------------

    def act(self, obs: Obs, *, deterministic: bool) -> Array:
        """Choose one action per row; see :meth:`Agent.act`."""
        return self._policy.act(obs, deterministic=deterministic)

    def sampling(self, seed: int) -> AbstractContextManager[None]:
        """Draw from a stream of this seed; see :meth:`Agent.sampling`."""
        return self._policy.sampling(seed)

    # ---- state ------------------------------------------------------------------------------

    def training_state(self) -> tuple[Arrays, Json]:
        """Return everything needed to continue bit for bit; see :meth:`Agent.training_state`."""
        arrays, exact = self._env_state()
        arrays |= {f"learned/{name}": value for name, value in self.learned().items()}
        return arrays, {
            **self.identity(),
            "exact_resume": exact,
            "num_steps": self._num_steps,
            "progress": self._progress,
            "episodes": self._episodes.state(),
            "rng": self._rng.bit_generator.state,
        }

    def load_training_state(self, arrays: Mapping[str, Array], meta: Json) -> None:
        """Continue from a training state; see :meth:`Agent.load_training_state`."""
        check_identity(meta, self.identity())
        self.load_learned(section(arrays, "learned"))
        self._num_steps, self._progress = meta["num_steps"], meta["progress"]
        self._episodes.load_state(meta["episodes"])
        self._rng.bit_generator.state = meta["rng"]
        self._at = None
        if "at" in arrays:
            self.env.set_state(section(arrays, "env"))  # type: ignore[attr-defined]
            self._episodes.load_arrays(section(arrays, "running"))
            self._at = arrays["at"].copy()
        if not meta["exact_resume"]:  # new episodes, not the first ones of the run again
            tree = SeedTree(self.seed).child("env")
            self._env_seed = tree.seed(f"resumed at {self.num_steps}")

    def learned(self) -> Arrays:
        """Return what a subclass must keep beside the env's state."""
        return {"states": self.states.array(), "table": self.table.rows(len(self.states)).copy()}

    def load_learned(self, arrays: Mapping[str, Array]) -> None:
        """Restore what :meth:`learned` returned."""
        self.states.load(arrays["states"])
        self.table.load(arrays["table"])

    def _env_state(self) -> tuple[Arrays, bool]:
        """Return where the episodes stand, and whether that is exact."""
        if self._at is None:
            return {}, self._num_steps == 0
        if not has_state(self.env):
            return {}, False
        state: Arrays = self.env.get_state()  # type: ignore[attr-defined]
        arrays: Arrays = {f"env/{name}": np.array(value) for name, value in state.items()}
        arrays |= {f"running/{name}": value for name, value in self._episodes.arrays().items()}
        return {**arrays, "at": self._at.copy()}, True

    def policy_state(self) -> tuple[Arrays, Json]:
        """Return the policy alone, for :func:`operant.agents.load_policy`."""
        rows = self.table.rows(len(self.states)).copy()
        arrays: Arrays = {"states": self.states.array(), "table": rows}
        return arrays, {"agent": self.id, "config": self.config.to_json()}

    @classmethod
    def load_policy(
        cls,
        arrays: Mapping[str, Array],
        config: AgentConfig,
        observation_space: gym.Space[Any],
        action_space: gym.Space[Any],
    ) -> TabularPolicy:
        """Rebuild a policy; see :func:`operant.agents.load_policy`."""
        space = discrete(action_space)
        states = States(observation_space)
        states.load(arrays["states"])
        table = cls.empty_table(config, int(space.n))
        table.load(arrays["table"])
        rng = np.random.default_rng(0)
        return TabularPolicy(states, table, cls.acting(config), space, rng)
