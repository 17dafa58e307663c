"""Bi-level training: the policy follows a learned reward, the reward follows the primary one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import gymnasium as gym

from operant.agents.barfi.config import BARFIConfig
from operant.agents.barfi.learner import Learner
from operant.agents.barfi.policy import SoftmaxPolicy
from operant.agents.barfi.rollout import Batch, BatchCollector
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
from operant.agents.native.policy import computing
from operant.agents.weights import fill_module, finite, module_arrays
from operant.arrays import section
from operant.seeding import SeedTree
from operant.types import Obs


class BARFI(Agent):
    """Learns how much to believe an auxiliary reward.

    The auxiliary reward is whatever a reward design around the env (``operant.shape(env, design)``)
    adds to the env's own, primary reward; without a design it is 0. A rollout is ``inner_rollouts``
    batches on which the policy ascends the learned reward, and a fresh one for the learned reward:
    the policy gradient of the primary return is pulled back through what the inner learner would
    make of other weights.

    Deviations from the paper: one Adam step per batch instead of an inner optimum; a critic as
    baseline, which bootstraps where a time limit or the end of the batch cuts; Jacobians of the
    last inner batch instead of a replay of old ones. With the baseline, the field's derivative for
    fixed data is, where the field vanishes, in expectation that for data of the changed policy.

    Source: Behavior Alignment via Reward Function Optimization (Gupta, Chandak, Jordan, Thomas,
    Castro da Silva, 2023).

    Attributes:
        learner: Policy, critic and learned reward.
    """

    id = "barfi"
    config: BARFIConfig
    config_class = BARFIConfig

    def __init__(
        self, env: AnyVectorEnv, *, config: BARFIConfig | None = None, seed: int = 0
    ) -> None:
        """Start with a uniform policy; the env is reset at the first :meth:`learn`.

        Args:
            env: Vector env in ``SAME_STEP`` autoreset mode with Discrete actions.
            config: Hyper-parameters; None for the defaults.
            seed: Root of everything random in the agent, including the env's first reset.

        Raises:
            ValueError: If the env is unsuitable.
            GammaMismatchError: If the env carries a reward design with another discount.
        """
        config = BARFIConfig() if config is None else config
        super().__init__(env, config=config, seed=seed)
        spaces = env.single_observation_space, env.single_action_space
        tree = SeedTree(seed)
        learner = tree.child(self.id).seed("learner")
        self._policy = SoftmaxPolicy(*spaces, config.net_arch, seed=learner)
        self.learner = Learner(self._policy, config)
        self._collector = BatchCollector(env, self._policy, seed=tree.seed("env"))
        self._num_steps = 0
        self._metrics: dict[str, float] = {}

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
            with computing(1):
                self._train()

    def _train(self) -> None:
        """Take the inner steps; the outer one comes while the last batch is still on-policy."""
        learns_reward = self.config.outer_learning_rate > 0
        for remaining in reversed(range(self.config.inner_rollouts)):
            batch = self._collect()
            field = self.learner.field(batch)
            if learns_reward and remaining == 0:
                self.learner.improve_reward(field, self._collect())
            self.learner.fit_critic(batch)
            self.learner.improve_policy(field)
        self._metrics = self.learner.metrics(batch)

    def _collect(self) -> Batch:
        batch = self._collector.collect(self.config.n_steps)
        self._num_steps += batch.primary.numel()
        return batch

    def metrics(self) -> dict[str, float]:
        """Return the last training scalars under SB3's names, e.g. ``"rollout/ep_rew_mean"``."""
        return {**self._collector.episodes.metrics(), **self._metrics}

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
        running, exact = self._collector.state()
        arrays = {f"learner/{name}": value for name, value in self.learner.state().items()}
        arrays |= {f"episodes/{name}": value for name, value in running.items()}
        return arrays, {
            **self.identity(),
            "exact_resume": exact,
            "num_steps": self._num_steps,
            "episodes": self._collector.episodes.state(),
            "metrics": finite(self._metrics),
        }

    def load_training_state(self, arrays: Mapping[str, Array], meta: Json) -> None:
        """Continue from a training state; see :meth:`Agent.load_training_state`."""
        check_identity(meta, self.identity())
        self.learner.load_state(section(arrays, "learner"))
        self._num_steps, self._metrics = meta["num_steps"], dict(meta["metrics"])
        self._collector.episodes.load_state(meta["episodes"])
        tree = SeedTree(self.seed)
        seed = tree.seed("env")
        if not meta["exact_resume"]:  # new episodes, not the first ones of the run again
            seed = tree.child("env").seed(f"resumed at {self.num_steps}")
        self._collector.load_state(section(arrays, "episodes"), seed=seed)

    def policy_state(self) -> tuple[Arrays, Json]:
        """Return the policy alone, for :func:`operant.agents.load_policy`."""
        arrays = module_arrays(self._policy.network)
        return arrays, {"agent": self.id, "config": self.config.to_json()}

    @classmethod
    def load_policy(
        cls,
        arrays: Mapping[str, Array],
        config: AgentConfig,
        observation_space: gym.Space[Any],
        action_space: gym.Space[Any],
    ) -> SoftmaxPolicy:
        """Rebuild a policy; see :func:`operant.agents.load_policy`."""
        if not isinstance(config, BARFIConfig):
            raise TypeError(f"config must be a BARFIConfig, got {type(config).__name__}")
        policy = SoftmaxPolicy(observation_space, action_space, config.net_arch, seed=0)
        fill_module(policy.network, arrays)
        return policy
