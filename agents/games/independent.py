"""PPO for games in which all act at once: a learner per player, or one for all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BrokenBarrierError
from typing import Any, ClassVar, Self

import numpy as np

from operant.agents.base import Array, Arrays, Json
from operant.agents.games.simultaneous import PlayerRows, Rendezvous, SharedRows
from operant.agents.native.config import PPOConfig
from operant.agents.native.policy import computing
from operant.agents.native.ppo import PPOAgent
from operant.arrays import joined, section
from operant.games import GameForms, SimultaneousBatch
from operant.seeding import SeedTree
from operant.types import Int


def shared_ppo(
    batch: SimultaneousBatch,
    *,
    config: PPOConfig | None = None,
    seed: int = 0,
    roles: bool = True,
) -> PPOAgent:
    """Return a PPO agent whose one policy plays all players.

    Args:
        batch: N games.
        config: Hyper-parameters; a rollout has ``n_steps * N * P`` transitions.
        seed: Root of everything random.
        roles: True to tell the policy which player it is; needed where players that see the same
            should do different things.
    """
    return PPOAgent(SharedRows(batch, roles=roles), config=config, seed=seed)


class IndependentPPO:
    """A PPO agent per player: each sees the others as part of the world.

    Attributes:
        id: Registry id.
        agents: The learners, by player.

    Source: Multi-Agent Reinforcement Learning: Independent vs. Cooperative Agents (Tan, 1993); Is
    Independent Learning All You Need in the StarCraft Multi-Agent Challenge? (de Witt et al.,
    2020).
    """

    id: ClassVar[str] = "independent-ppo"
    config_class: ClassVar[type[PPOConfig]] = PPOConfig

    def __init__(
        self, batch: SimultaneousBatch, *, config: PPOConfig | None = None, seed: int = 0
    ) -> None:
        """Build a learner per player; the games start at the first :meth:`learn`.

        Args:
            batch: N games.
            config: Hyper-parameters of each learner; a rollout has ``n_steps * N`` transitions.
            seed: Root of everything random; the learners' own seeds are drawn from it.

        Raises:
            ValueError: If the networks would have a memory.
        """
        require_no_memory(config)
        tree = SeedTree(seed).child("independent")
        self._meeting = Rendezvous(batch)
        self.agents = [
            PPOAgent(PlayerRows(self._meeting, p), config=config, seed=tree.seed(f"player {p}"))
            for p in range(batch.players)
        ]

    @classmethod
    def for_game(cls, game: GameForms, *, num_envs: int, config: Any, seed: int) -> Self:
        """Build it for a game; see :func:`operant.agents.make_game_agent`."""
        return cls(game.batch(num_envs), config=config, seed=seed)

    @property
    def config(self) -> PPOConfig:
        """Hyper-parameters of each learner."""
        return self.agents[0].config

    @property
    def num_steps(self) -> int:
        """Steps of the games trained on so far, summed over games, not over players."""
        return self.agents[0].num_steps

    def learn(
        self, total_steps: int, on_rollout: Callable[[IndependentPPO], bool | None] | None = None
    ) -> None:
        """Train until ``num_steps >= total_steps``; see :meth:`operant.agents.base.Agent.learn`.

        Raises:
            Exception: What a learner or the games raise; the games start anew afterwards.
        """
        with (
            computing(self.agents[0].config.threads),
            ThreadPoolExecutor(len(self.agents)) as threads,
        ):
            while on_rollout is None or on_rollout(self) is not False:
                if self.num_steps >= total_steps:
                    return
                tasks = [threads.submit(self._one, agent, total_steps) for agent in self.agents]
                self._settle(tasks)

    def _one(self, agent: PPOAgent, total_steps: int) -> None:
        """Collect and train on one rollout of a player's."""
        more = iter((True, False))
        try:
            agent.learn(total_steps, lambda _: next(more))
        except BaseException:
            self._meeting.leave()
            raise

    def _settle(self, tasks: list[Future[None]]) -> None:
        """Wait for all, and raise what went wrong, not what that broke for the others."""
        errors = [error for task in tasks if (error := task.exception()) is not None]
        if not errors:
            return
        self._meeting.renew()
        together = min(agent.num_steps for agent in self.agents)
        for agent in self.agents:  # they may have stopped at different steps
            agent.restart(together)
        raise min(errors, key=lambda error: isinstance(error, BrokenBarrierError))

    def act(self, obs: Array, *, deterministic: bool) -> Int:
        """Choose an action for all players, (B, P).

        Args:
            obs: (B, P, ...) what they see.
            deterministic: True for the mode of the policies, False to sample from them.
        """
        columns = [
            agent.act(obs[:, player], deterministic=deterministic)
            for player, agent in enumerate(self.agents)
        ]
        return np.stack(columns, 1).astype(np.int64)

    @contextlib.contextmanager
    def sampling(self, seed: int) -> Iterator[None]:
        """Draw from streams of this seed; see :meth:`operant.agents.base.Agent.sampling`."""
        tree = SeedTree(seed)
        with contextlib.ExitStack() as stack:
            for player, agent in enumerate(self.agents):
                stack.enter_context(agent.sampling(tree.seed(f"player {player}")))
            yield

    def training_state(self) -> tuple[Arrays, Json]:
        """Return everything needed to continue bit for bit; see :class:`Agent`."""
        states = [agent.training_state() for agent in self.agents]
        arrays = joined([part for part, _ in states])
        exact = all(meta["exact_resume"] for _, meta in states)
        return arrays, {"players": [meta for _, meta in states], "exact_resume": exact}

    def policy_state(self) -> tuple[Arrays, Json]:
        """Return the policies alone: those of native PPOs, ``players`` in all."""
        states = [agent.policy_state() for agent in self.agents]
        return joined([arrays for arrays, _ in states]), {
            **states[0][1],
            "players": len(states),
        }

    def metrics(self) -> dict[str, float]:
        """Return the last training scalars, the mean over the learners."""
        told = [agent.metrics() for agent in self.agents]
        return {name: float(np.mean([one[name] for one in told])) for name in told[0]}

    def load_training_state(self, arrays: Mapping[str, Array], meta: Json) -> None:
        """Continue from what :meth:`training_state` returned.

        Raises:
            ValueError: If it is of other learners.
        """
        players = meta.get("players", ())
        if len(players) != len(self.agents):
            raise ValueError(
                f"the training state has {len(players)} learners, these are {len(self.agents)}"
            )
        for player, agent in enumerate(self.agents):
            agent.load_training_state(section(arrays, str(player)), players[player])


def require_no_memory(config: PPOConfig | None) -> None:
    """Make sure that networks have no memory: players are asked for actions, and keep none.

    Raises:
        ValueError: If they have one.
    """
    if config is not None and config.recurrent is not None:
        raise ValueError(
            f"recurrent must be None for teams, whose players keep no memory, got "
            f"{config.recurrent!r}"
        )
