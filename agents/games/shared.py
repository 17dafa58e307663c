"""One PPO that plays all players of a game in which all act at once, as what runs train."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Self

import numpy as np

from operant.agents.base import Array, Arrays, Json
from operant.agents.games.independent import require_no_memory, shared_ppo
from operant.agents.games.policies import with_roles
from operant.agents.native.config import PPOConfig
from operant.games import GameForms, SimultaneousBatch
from operant.types import Int


class SharedPPO:
    """Parameter sharing: a policy that is told which player it is, and learns from all of them.

    Attributes:
        id: Registry id.
        agent: The learner, whose rows are all players of all games.
        players: P.

    Source: Cooperative Multi-agent Control Using Deep Reinforcement Learning (Gupta, Egorov &
    Kochenderfer, 2017), section 4.
    """

    id: ClassVar[str] = "shared-ppo"
    config_class: ClassVar[type[PPOConfig]] = PPOConfig

    def __init__(
        self, batch: SimultaneousBatch, *, config: PPOConfig | None = None, seed: int = 0
    ) -> None:
        """Build the learner; the games start at the first :meth:`learn`.

        Args:
            batch: N games.
            config: Hyper-parameters; a rollout has ``n_steps * N * P`` transitions.
            seed: Root of everything random.

        Raises:
            ValueError: If the network would have a memory.
        """
        require_no_memory(config)
        self.agent, self.players = shared_ppo(batch, config=config, seed=seed), batch.players

    @classmethod
    def for_game(cls, game: GameForms, *, num_envs: int, config: Any, seed: int) -> Self:
        """Build it for a game; see :func:`operant.agents.make_game_agent`."""
        return cls(game.batch(num_envs), config=config, seed=seed)

    @property
    def config(self) -> PPOConfig:
        """Hyper-parameters."""
        return self.agent.config

    @property
    def num_steps(self) -> int:
        """Steps of the games trained on so far, summed over games, not over players."""
        return self.agent.num_steps // self.players

    def learn(
        self, total_steps: int, on_rollout: Callable[[Self], bool | None] | None = None
    ) -> None:
        """Train until ``num_steps >= total_steps``; see :meth:`operant.agents.base.Agent.learn`."""
        told = None if on_rollout is None else lambda _: on_rollout(self)
        self.agent.learn(total_steps * self.players, told)

    def act(self, obs: Array, *, deterministic: bool) -> Int:
        """Choose an action for all players, (B, P); see :meth:`TeamPlayer.act`."""
        rows = obs.shape[0] * self.players
        role = np.tile(np.arange(self.players), obs.shape[0])
        seen = with_roles(obs.reshape(rows, *obs.shape[2:]), role, self.players)
        chosen = self.agent.act(seen, deterministic=deterministic)
        return np.asarray(chosen, np.int64).reshape(-1, self.players)

    def sampling(self, seed: int) -> AbstractContextManager[None]:
        """Draw from a stream of this seed; see :meth:`operant.agents.base.Agent.sampling`."""
        return self.agent.sampling(seed)

    def training_state(self) -> tuple[Arrays, Json]:
        """Return everything needed to continue bit for bit; see :class:`Agent`."""
        return self.agent.training_state()

    def load_training_state(self, arrays: Mapping[str, Array], meta: Json) -> None:
        """Continue from what :meth:`training_state` returned.

        Raises:
            ValueError: If it is of another learner.
        """
        self.agent.load_training_state(arrays, meta)

    def policy_state(self) -> tuple[Arrays, Json]:
        """Return the policy alone, that of a native PPO."""
        return self.agent.policy_state()

    def metrics(self) -> dict[str, float]:
        """Return the last training scalars."""
        return self.agent.metrics()
