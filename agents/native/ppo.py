"""Proximal policy optimisation on a batch of envs."""

from __future__ import annotations

import time
import warnings
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
from operant.agents.native.config import REWARD, PPOConfig, scheduled
from operant.agents.native.deduplication import Deduplication, obstacle
from operant.agents.native.device_collector import make_collector
from operant.agents.native.encoder import Encoder, Tensors
from operant.agents.native.evaluation import Dense, Distinct, count_distinct
from operant.agents.native.heads import make_head
from operant.agents.native.hooks import Hooks
from operant.agents.native.log import Clock, TrainingLog
from operant.agents.native.parallel import Ranks
from operant.agents.native.policy import NativePolicy, computing
from operant.agents.native.recurrent import Recurrent
from operant.agents.native.rollout import RolloutBuffer
from operant.agents.native.state import load_training_state, training_state
from operant.agents.native.update import STATISTICS, Loss
from operant.agents.native.watcher import RolloutStopped, Watcher
from operant.agents.weights import fill_module, module_arrays
from operant.seeding import SeedTree
from operant.types import Obs

KL_SLACK = 1.5
"""The update stops where the divergence passes this multiple of ``target_kl`` (SB3's)."""


class PPOAgent(Agent):
    """Operant's PPO; see :class:`operant.agents.native.config.PPOConfig`.

    Runs on any Gymnasium vector env in any autoreset mode. Actions that ``infos["action_mask"]``
    forbids, (N, P) with True where allowed, are never taken.

    Attributes:
        hooks: What takes part in training; see :class:`operant.agents.native.hooks.Hooks`.
        policy: The network, and what actions are drawn from.
        ranks: The processes that train this agent together; steps are counted over all of them.
        optimizer: Adam over the network.
        deduplication: Whether the network sees each different observation once.
        collector: Steps the env.
        rollout: The last rollout.
        num_updates: Epochs trained so far.
        progress: Share of the budget that was trained on when the last update began, in [0, 1].
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
        self.ranks = Ranks()
        encoder = Encoder(
            env.single_observation_space, encoder=config.encoder, normalize=config.normalize_obs
        )
        head = make_head(env.single_action_space)
        learner = SeedTree(seed).child(self.id).seed("learner")
        self.policy = NativePolicy(encoder, head, config, seed=learner, bias=self._bias)
        self.optimizer = torch.optim.Adam(
            self.policy.model.parameters(), lr=1.0, eps=1e-5, fused=True
        )
        self.collector = make_collector(env, encoder, head, device=config.device)
        self.collector.restart(self._tree.seed("env"))
        if self.ranks.rank > 0:  # the same weights, but other levels and other actions
            self.policy.generator.manual_seed(self._tree.seed("actions"))
        self.ranks.share(env)
        self.rollout = RolloutBuffer(
            encoder,
            head,
            steps=config.n_steps,
            num_envs=env.num_envs,
            streams=tuple(self._streams),
            device=config.device,
            storage=config.storage_device,
        )
        streams = list(self._streams.values())
        self._dense = (
            Dense(self.policy, config, streams, self.ranks, self.hooks)
            if config.recurrent is None
            else Recurrent(self.policy, config, streams, self.ranks, self.hooks, self.collector)
        )
        self._distinct = Distinct(self.policy, config, streams, self.ranks)
        self.deduplication = Deduplication(
            config.deduplicate,
            self.policy.model,
            obstacle=obstacle(head, config, self.hooks),
        )
        self._num_steps = self.num_updates = 0
        self.progress = 0.0
        self.log = TrainingLog()

    # ---- training ---------------------------------------------------------------------------

    @property
    def num_steps(self) -> int:
        """Env transitions trained on so far, summed over all rows and :meth:`learn` calls."""
        return self._num_steps

    def learn(
        self,
        total_steps: int,
        on_rollout: OnRollout | None = None,
        watcher: Watcher | None = None,
    ) -> None:
        """Train until ``num_steps >= total_steps``, or a watcher stops it; see :class:`Agent`."""
        start, before = time.perf_counter(), self._num_steps
        while self.ranks.agree(on_rollout is None or on_rollout(self) is not False):
            if self._num_steps >= total_steps:
                return
            with computing(self.config.threads):
                clock = Clock(self.collector)
                try:
                    self.collect(watcher)
                except RolloutStopped as stop:
                    self._num_steps += stop.steps
                    return
                clock.collected()
                self.progress = min(1.0, self._num_steps / total_steps)
                self.train_on(self.rollout)
            self.log.times(clock, self._num_steps - before, time.perf_counter() - start)

    @property
    def _tree(self) -> SeedTree:
        """Seeds of what differs between ranks."""
        tree = SeedTree(self.seed)
        return tree if self.ranks.rank == 0 else tree.child(f"rank {self.ranks.rank}")

    def restart(self, num_steps: int = 0) -> None:
        """Count transitions from there again, and start new episodes."""
        self._num_steps = num_steps
        self.collector.renew()
        self.collector.episodes.forget()

    def collect(self, watcher: Watcher | None = None) -> RolloutBuffer:
        """Fill :attr:`rollout` with the current policy, and compute its advantages."""
        with torch.no_grad():
            self._evaluation.begin(self.rollout)
            self.collector.collect(self.rollout, self._decide, watcher)
            self._evaluation.end(self.rollout)
            self._credit(self.rollout)
        self._num_steps += int(self.ranks.total(self.rollout.near(self.rollout.valid.sum())))
        self.ranks.share(self.env)
        for hook in self.hooks:
            hook.on_rollout_end(self)
        if watcher is not None:
            watcher.collected()
        return self.rollout

    @property
    def memory(self) -> Recurrent | None:
        """What is remembered of the running episodes, with ``config.recurrent``."""
        return self._dense if isinstance(self._dense, Recurrent) else None

    @property
    def _evaluation(self) -> Dense | Distinct:
        """How the network is evaluated; the same from a rollout's start to its last update."""
        return self._distinct if self.deduplication.on else self._dense

    def train_on(self, rollout: RolloutBuffer) -> None:
        """Update the networks on a rollout whose advantages are known."""
        rate = scheduled(self.config.learning_rate, self.progress)
        clip_range = scheduled(self.config.clip_range, self.progress)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        statistics = torch.stack(self._descend(rollout, clip_range)).mean(0)
        self._observe(rollout)
        self._watch(rollout)
        self.log.update(rollout, self.ranks.mean(statistics, 1), self.collector.episodes)
        self.log.add("design", self.collector.design_metrics)
        now = {"learning_rate": rate, "clip_range": clip_range, "n_updates": self.num_updates}
        self.log.add("train", {**now, **self._std()})
        self.log.add("time", {"total_timesteps": self._num_steps})

    def _descend(self, rollout: RolloutBuffer, clip_range: float) -> list[Tensor]:
        """Take the gradient steps, and return the statistics of each minibatch."""
        config, evaluation = self.config, self._evaluation
        parameters = list(self.policy.model.parameters())
        statistics: list[Tensor] = []
        for _ in range(config.n_epochs):
            self.num_updates += 1
            minibatches = evaluation.minibatches(rollout, self.policy.generator)
            for rows in self.ranks.even(minibatches):
                loss = evaluation.loss(rollout, rows, clip_range)
                statistics.append(loss.statistics)
                if self._too_far(loss):
                    return statistics
                self.optimizer.zero_grad()
                loss.total.backward()  # type: ignore[no-untyped-call]
                self.ranks.average_gradients(parameters, loss.size)
                torch.nn.utils.clip_grad_norm_(parameters, config.max_grad_norm)
                self.optimizer.step()
        return statistics

    def _observe(self, rollout: RolloutBuffer) -> None:
        """Let the network know what observations are like: now, as no rollout is in use."""
        encoder = self.policy.model.encoder
        if encoder.moments is not None:
            rows = encoder.raw(rollout.all_obs())[rollout.near(rollout.positions())]
            encoder.moments.observe(rows, self.ranks.total)

    def _watch(self, rollout: RolloutBuffer) -> None:
        """Let the share of distinct observations decide about the next rollout."""
        seen, self._distinct.seen = self._distinct.seen, [0, 0]
        if self.deduplication.watches:
            if not self.deduplication.on:
                rows = rollout.positions()[: self.config.batch_size]
                seen = [count_distinct(rollout, rows), len(rows)]
            self.log.add("train", {"distinct_share": seen[0] / seen[1]})
            self.deduplication.observe(*seen)

    def _decide(self, step: int) -> Array:
        """Choose the actions of a step; they and what the update needs go into the rollout."""
        self._evaluation.decide(self.rollout, step, self._bias(self.rollout.obs_at(step)))
        actions: Array = self.collector.to_env(self.rollout.actions_at(step))
        return actions

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
        evaluation = self._evaluation
        rollout.finish(
            evaluation.last_values(rollout),
            evaluation.final_values(rollout) if rollout.finals else None,
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

    def _too_far(self, loss: Loss) -> bool:
        limit = self.config.target_kl
        if limit is None:
            return False
        kl = loss.statistics[STATISTICS.index("approx_kl")]
        return float(self.ranks.mean(kl, loss.size)) > KL_SLACK * limit

    def metrics(self) -> dict[str, float]:
        """Return the last training scalars under SB3's names, e.g. ``"train/value_loss"``."""
        return dict(self.log.scalars)

    # ---- acting -----------------------------------------------------------------------------

    def act(self, obs: Obs, *, deterministic: bool, action_mask: Array | None = None) -> Array:
        """Choose one action per row; see :meth:`NativePolicy.act`."""
        return self.policy.act(obs, deterministic=deterministic, action_mask=action_mask)

    def act_from(
        self,
        obs: Obs,
        memory: Array,
        *,
        deterministic: bool,
        action_mask: Array | None = None,
    ) -> tuple[Array, Array]:
        """Choose one action per row from a memory; see :meth:`NativePolicy.act_from`."""
        return self.policy.act_from(
            obs, memory, deterministic=deterministic, action_mask=action_mask
        )

    @property
    def memory_shape(self) -> tuple[int, int] | None:
        """Shape of what is remembered of one row; see :attr:`NativePolicy.memory_shape`."""
        return self.policy.memory_shape

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
        self.progress = float(meta.get("progress", 0.0))  # older states lack it
        if not meta["exact_resume"]:  # new episodes, not the first ones of the run again
            seed = self._tree.child("env").seed(f"resumed at {self.num_steps}")
            self.collector.restart(seed)
        elif not self.collector.stands:  # it was saved before the first episode
            self.collector.restart(self._tree.seed("env"))

    def policy_state(self) -> tuple[Arrays, Json]:
        """Return the policy alone, for :func:`operant.agents.load_policy`.

        Warns:
            UserWarning: If a hook biases the agent's actions, which the policy alone does not know.
        """
        biased = [hook for hook in self.hooks if type(hook).action_bias is not Hooks.action_bias]
        if biased:
            names = ", ".join(type(hook).__name__ for hook in biased)
            warnings.warn(
                f"the saved policy acts without the bias of {names}: it is not the policy that was "
                "trained; act with the agent itself, or train on until the bias has worn off",
                stacklevel=2,
            )
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
        encoder = Encoder(observation_space, encoder=config.encoder, normalize=config.normalize_obs)
        policy = NativePolicy(encoder, make_head(action_space), config, seed=0)
        fill_module(policy.model, arrays)
        return policy
