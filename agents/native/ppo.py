"""Proximal policy optimisation on a batch of envs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import gymnasium as gym
import torch
from torch import Tensor

from operant.agents.base import (
    Agent,
    AgentConfig,
    AnyVectorEnv,
    Array,
    Arrays,
    Json,
    OnRollout,
    check_gamma,
)
from operant.agents.native.collector import Collector
from operant.agents.native.config import REWARD, PPOConfig, scheduled
from operant.agents.native.deduplication import Deduplication
from operant.agents.native.encoder import Encoder, Tensors
from operant.agents.native.evaluation import Dense, Distinct, count_distinct
from operant.agents.native.heads import Head, make_head
from operant.agents.native.hooks import Hooks
from operant.agents.native.log import Clock, TrainingLog
from operant.agents.native.policy import NativePolicy, computing
from operant.agents.native.rollout import RolloutBuffer
from operant.agents.native.state import load_training_state, training_state
from operant.agents.native.update import STATISTICS
from operant.agents.weights import fill_module, module_arrays
from operant.seeding import SeedTree
from operant.types import Obs

KL_SLACK = 1.5
"""The update stops where the divergence passes this multiple of ``target_kl`` (SB3's)."""


class PPO(Agent):
    """Operant's PPO; see :class:`operant.agents.native.config.PPOConfig`.

    Runs on any Gymnasium vector env in any autoreset mode. Actions that ``infos["action_mask"]``
    forbids, (N, P) with True where allowed, are never taken.

    Attributes:
        hooks: What takes part in training; see :class:`operant.agents.native.hooks.Hooks`.
        policy: The network, and what actions are drawn from.
        optimizer: Adam over the network.
        deduplication: Whether the network sees each different observation once.
        collector: Steps the env.
        rollout: The last rollout.
        num_updates: Epochs trained so far.
        log: The last scalars.
    """

    id = "ppo"
    config: PPOConfig
    config_class = PPOConfig

    def __init__(
        self,
        env: AnyVectorEnv,
        *,
        config: PPOConfig | None = None,
        seed: int = 0,
        hooks: Sequence[Hooks] = (),
    ) -> None:
        """Build the networks; the env is reset at the first :meth:`learn`.

        Args:
            env: Vector env in any autoreset mode.
            config: Hyper-parameters; None for the defaults.
            seed: Root of everything random in the agent, including the env's first reset.
            hooks: What takes part in training.

        Raises:
            ValueError: If the spaces, the autoreset mode or the seed are unsuitable.
            GammaMismatchError: If the env carries a reward design with another discount.
        """
        config = PPOConfig() if config is None else config
        self._streams = config.streams()
        check_gamma(env, config.gamma)
        if REWARD in self._streams:
            check_gamma(env, self._streams[REWARD].gamma)
        # Not Agent.__init__, which asks for SAME_STEP: this agent knows the other modes.
        self.env, self.config, self.seed, self.hooks = env, config, seed, list(hooks)
        encoder = Encoder(env.single_observation_space, encoder=config.encoder)
        head = make_head(env.single_action_space)
        learner = SeedTree(seed).child(self.id).seed("learner")
        self.policy = NativePolicy(encoder, head, config, seed=learner, bias=self._bias)
        self.optimizer = torch.optim.Adam(
            self.policy.model.parameters(), lr=1.0, eps=1e-5, fused=True
        )
        self.collector = Collector(env, encoder, head)
        self.collector.restart(SeedTree(seed).seed("env"))
        self.rollout = RolloutBuffer(
            encoder,
            head,
            steps=config.n_steps,
            num_envs=env.num_envs,
            streams=tuple(self._streams),
            device=config.device,
        )
        streams = list(self._streams.values())
        self._dense = Dense(self.policy, config, streams, self.hooks)
        self._distinct = Distinct(self.policy, config, streams)
        obstacle = "hooks take part in training" if self.hooks else ""
        self.deduplication = Deduplication(
            config.deduplicate,
            self.policy.model,
            obstacle=obstacle or _no_deduplication(head, config),
        )
        self._num_steps = self.num_updates = 0
        self._progress = 0.0
        self.log = TrainingLog()

    # ---- training ---------------------------------------------------------------------------

    @property
    def num_steps(self) -> int:
        """Env transitions trained on so far, summed over all rows and :meth:`learn` calls."""
        return self._num_steps

    def learn(self, total_steps: int, on_rollout: OnRollout | None = None) -> None:
        """Train until ``num_steps >= total_steps``; see :meth:`Agent.learn`."""
        start, before = time.perf_counter(), self._num_steps
        while on_rollout is None or on_rollout(self) is not False:
            if self._num_steps >= total_steps:
                return
            with computing(self.config.threads):
                clock = Clock(self.collector)
                self.collect()
                clock.collected()
                self._progress = min(1.0, self._num_steps / total_steps)
                self.train_on(self.rollout)
            self.log.times(clock, self._num_steps - before, time.perf_counter() - start)

    def collect(self) -> RolloutBuffer:
        """Fill :attr:`rollout` with the current policy, and compute its advantages."""
        with torch.no_grad():
            self._distinct.begin(self.rollout)
            self.collector.collect(self.rollout, self._decide)
            self._credit(self.rollout)
        self._num_steps += int(self.rollout.valid.sum())
        for hook in self.hooks:
            hook.on_rollout_end(self)
        return self.rollout

    @property
    def _evaluation(self) -> Dense | Distinct:
        """How the network is evaluated; the same from a rollout's start to its last update."""
        distinct = self.deduplication.on and self.rollout.masks is None
        return self._distinct if distinct else self._dense

    def train_on(self, rollout: RolloutBuffer) -> None:
        """Update the networks on a rollout whose advantages are known."""
        rate = scheduled(self.config.learning_rate, self._progress)
        clip_range = scheduled(self.config.clip_range, self._progress)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        statistics = self._descend(rollout, clip_range)
        self._watch(rollout)
        self.log.update(rollout, statistics, self.collector.episodes)
        now = {"learning_rate": rate, "clip_range": clip_range, "n_updates": self.num_updates}
        self.log.add("train", {**now, **self._std()})
        self.log.add("time", {"total_timesteps": self._num_steps})

    def _descend(self, rollout: RolloutBuffer, clip_range: float) -> list[Tensor]:
        """Take the gradient steps, and return the statistics of each minibatch."""
        config, model, evaluation = self.config, self.policy.model, self._evaluation
        positions = rollout.positions()
        statistics: list[Tensor] = []
        for _ in range(config.n_epochs):
            self.num_updates += 1
            order = torch.randperm(
                len(positions), generator=self.policy.generator, device=positions.device
            )
            for rows in torch.split(positions[order], config.batch_size):
                # In their order: the loss does not mind, and memory is read forwards.
                loss = evaluation.loss(rollout, rows.sort().values, clip_range)
                statistics.append(loss.statistics)
                if self._too_far(loss.statistics):
                    return statistics
                self.optimizer.zero_grad()
                loss.total.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
                self.optimizer.step()
        return statistics

    def _watch(self, rollout: RolloutBuffer) -> None:
        """Let the share of distinct observations decide about the next rollout."""
        seen, self._distinct.seen = self._distinct.seen, [0, 0]
        if self.deduplication.watches and rollout.masks is None:
            if not self.deduplication.on:
                rows = rollout.positions()[: self.config.batch_size]
                seen = [count_distinct(rollout, rows), len(rows)]
            self.log.add("train", {"distinct_share": seen[0] / seen[1]})
            self.deduplication.observe(*seen)

    def _decide(self, step: int) -> Array:
        """Choose the actions of a step; they and what the update needs go into the rollout."""
        self._evaluation.decide(self.rollout, step, self._bias(self.rollout.obs_at(step)))
        return self.policy.head.to_env(self.rollout.actions[step])

    def _bias(self, obs: Tensors) -> Tensor | None:
        biases = [bias for hook in self.hooks if (bias := hook.action_bias(obs)) is not None]
        for bias in biases:
            self.policy.head.check_bias(bias)
        return sum(biases[1:], biases[0]) if biases else None

    def _credit(self, rollout: RolloutBuffer) -> None:
        """Let hooks settle the rewards, then compute advantages."""
        for hook in self.hooks:
            hook.process_rollout(rollout)
        for hook in self.hooks:
            for name, rewards in hook.reward_streams(rollout).items():
                rollout.set_stream(name, rewards)
        rollout.check_rewards()
        rollout.finish(
            self._evaluation.values,
            pseudo_steps=self.collector.pseudo_steps,
            streams=list(self._streams.values()),
            gae_lambda=self.config.gae_lambda,
        )
        for hook in self.hooks:
            params = hook.reference_policy(rollout.all_obs())
            if params is not None:
                rollout.add_reference(hook.reference_coef, params)

    def _std(self) -> dict[str, float]:
        log_std = self.policy.model.log_std
        return {} if log_std is None else {"std": float(log_std.detach().exp().mean())}

    def _too_far(self, statistics: Tensor) -> bool:
        limit = self.config.target_kl
        return (
            limit is not None
            and float(statistics[STATISTICS.index("approx_kl")]) > KL_SLACK * limit
        )

    def metrics(self) -> dict[str, float]:
        """Return the last training scalars under SB3's names, e.g. ``"train/value_loss"``."""
        return dict(self.log.scalars)

    # ---- acting -----------------------------------------------------------------------------

    def act(self, obs: Obs, *, deterministic: bool, action_mask: Array | None = None) -> Array:
        """Choose one action per row; see :meth:`NativePolicy.act`."""
        return self.policy.act(obs, deterministic=deterministic, action_mask=action_mask)

    def sampling(self, seed: int) -> AbstractContextManager[None]:
        """Draw from a stream of this seed; see :meth:`Agent.sampling`."""
        return self.policy.sampling(seed)

    # ---- state ------------------------------------------------------------------------------

    def training_state(self) -> tuple[Arrays, Json]:
        """Return everything needed to continue bit for bit; see :meth:`Agent.training_state`."""
        return training_state(self)

    def load_training_state(self, arrays: Mapping[str, Array], meta: Json) -> None:
        """Continue from a training state; see :meth:`Agent.load_training_state`."""
        load_training_state(self, arrays, meta)
        self._num_steps = meta["counters"]["num_steps"]
        if not meta["exact_resume"]:  # new episodes, not the first ones of the run again
            seed = SeedTree(self.seed).child("env").seed(f"resumed at {self.num_steps}")
            self.collector.restart(seed)

    def policy_state(self) -> tuple[Arrays, Json]:
        """Return the policy alone, for :func:`operant.agents.load_policy`."""
        return module_arrays(self.policy.model), {"agent": self.id, "config": self.config.to_json()}

    @classmethod
    def load_policy(
        cls,
        arrays: Mapping[str, Array],
        config: AgentConfig,
        observation_space: gym.Space[Any],
        action_space: gym.Space[Any],
    ) -> NativePolicy:
        """Rebuild a policy; see :func:`operant.agents.load_policy`."""
        if not isinstance(config, PPOConfig):
            raise TypeError(f"config must be a PPOConfig, got {type(config).__name__}")
        encoder = Encoder(observation_space, encoder=config.encoder)
        policy = NativePolicy(encoder, make_head(action_space), config, seed=0)
        fill_module(policy.model, arrays)
        return policy


def _no_deduplication(head: Head, config: PPOConfig) -> str:
    """Say why observations cannot be deduplicated, or return ""."""
    if head.gaussian:
        return "the actions are not categorical"
    return "" if config.device == "cpu" else "it is done on the CPU only"
