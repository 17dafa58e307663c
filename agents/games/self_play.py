"""PPO that plays all roles of a game against itself and its past."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Self, TypeGuard

import numpy as np
import torch

from operant.agents.base import AnyVectorEnv, Array, Arrays, Json, check_range
from operant.agents.games.best_response import mixture
from operant.agents.games.credit import Moves, RoleBaseline, role_returns, turn_advantages
from operant.agents.games.opponents import OpponentPool
from operant.agents.games.players import mode
from operant.agents.games.policies import NetworkSeat, state_policy, tree_policy
from operant.agents.games.sequence_form import SequenceForm
from operant.agents.games.turn_env import TurnEnv
from operant.agents.native.config import SCHEDULES, PPOConfig, Schedule, scheduled
from operant.agents.native.hooks import Hooks
from operant.agents.native.ppo import PPOAgent
from operant.agents.native.rollout import RolloutBuffer
from operant.agents.weights import module_arrays
from operant.arrays import section
from operant.games import GameForms, StateGame, TurnBatch
from operant.seeding import SeedTree
from operant.types import Float

ADVANTAGES = ("gae", "rae", "global")
KEEPS = ("spread", "latest")
PLAYS = ("policy", "mode", "average")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SelfPlayConfig(PPOConfig):
    """Hyper-parameters of self-play, beside those of PPO; some of those have other defaults.

    Attributes:
        advantage: What a move is credited with. ``"rae"``: the outcome less the running mean of the
            role (role-conditioned advantage); ``"global"``: less one mean over all roles;
            ``"gae"``: the critic's estimate, each player looking at its own moves.
        baseline_decay: Weight of the old mean when a rollout updates it, in [0, 1).
        temperature: Weight of the entropy that is part of the advantage, >= 0: a move of chance
            p is credited with ``-temperature * log(p)`` more. Its expectation is the gradient of
            PPO's entropy bonus, but it may be a schedule. Self-play in games with secrets needs it:
            without, policies chase each other in circles.
        roles: True to tell the network the role, one-hot behind the observation.
        pool_size: Snapshots kept to play against, >= 0.
        pool_share: Of the games, how many are against a snapshot instead of itself, in [0, 1].
        pool_keep: ``"spread"`` keeps a uniform sample of all snapshots, ``"latest"`` the last ones.
        snapshot_every: Rollouts between snapshots, >= 1.
        plays: What of it plays when it is judged: the ``"policy"`` as it is, its ``"mode"`` (the
            most likely action, enough where there are no secrets), or the ``"average"``: one of the
            pool's snapshots, drawn anew for every game. With secrets policies circle around the
            equilibrium that their average approaches.
    """

    gamma: float = 1.0
    normalize_advantage: bool = False
    advantage: Literal["gae", "rae", "global"] = "rae"
    baseline_decay: float = 0.95
    temperature: Schedule = 0.0
    roles: bool = True
    pool_size: int = 16
    pool_share: float = 0.25
    pool_keep: Literal["spread", "latest"] = "spread"
    snapshot_every: int = 10
    plays: Literal["policy", "mode", "average"] = "policy"

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range, or the network has a memory or several rewards.
        """
        super().__post_init__()
        choices = {"advantage": ADVANTAGES, "pool_keep": KEEPS, "plays": PLAYS}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {allowed}, got {getattr(self, name)!r}")
        check_range("pool_share", self.pool_share, 0.0, 1.0)
        if not (_number(self.baseline_decay) and 0 <= self.baseline_decay < 1):
            raise ValueError(f"baseline_decay must lie in [0, 1), got {self.baseline_decay!r}")
        for name, low in (("pool_size", 0), ("snapshot_every", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < low:
                raise ValueError(f"{name} must be an integer >= {low}, got {value!r}")
        if self.plays == "average" and not self.pool_size:
            raise ValueError("pool_size must be >= 1 for plays='average', which is of the pool")
        check_temperature(self.temperature)
        if not isinstance(self.roles, bool):
            raise ValueError(f"roles must be True or False, got {self.roles!r}")
        if self.recurrent is not None:
            raise ValueError(
                "recurrent must be None in self-play: the players of a row would share one memory, "
                "and with it their secrets"
            )
        if self.reward_streams:
            raise ValueError("reward_streams must be empty in self-play: there is the game's alone")

    def network(self) -> PPOConfig:
        """Return the part that PPO knows."""
        fields = [field.name for field in dataclasses.fields(PPOConfig)]
        return PPOConfig(**{name: getattr(self, name) for name in fields})


class SelfPlay(PPOAgent):
    """PPO on turn-based games of several players, with one network for all roles.

    In most games it has all seats, and learns from all moves; in the others it has one seat against
    a snapshot of itself. Steps count moves that were learned from.

    Attributes:
        pool: The snapshots.
        baseline: The running means of outcomes.
    """

    id = "self-play"
    config: SelfPlayConfig
    config_class = SelfPlayConfig

    def __init__(
        self,
        batch: TurnBatch,
        *,
        config: SelfPlayConfig | None = None,
        seed: int = 0,
        hooks: Sequence[Hooks] = (),
    ) -> None:
        """Build the networks; the games start at the first :meth:`learn`.

        Args:
            batch: N games.
            config: Hyper-parameters; None for the defaults.
            seed: Root of everything random.
            hooks: What else takes part in training, after rewards were credited.

        Raises:
            ValueError: If spaces or seed are unsuitable.
        """
        config = SelfPlayConfig() if config is None else config
        self._players = batch.players
        self.pool = OpponentPool(size=config.pool_size, keep=config.pool_keep, make=self._snapshot)
        games = TurnEnv(batch, roles=config.roles, share=config.pool_share, pool=self.pool)
        self._credit_hook = TurnCredit(
            games,
            config,
            rng_seed=SeedTree(seed).child(self.id).seed("pool"),
            progress=lambda: self.progress,
        )
        self.baseline = self._credit_hook.baseline
        every = [self._credit_hook, *hooks]
        super().__init__(games, config=config, seed=seed, hooks=every)

    @property
    def moves(self) -> Moves:
        """What was played in the last rollout.

        Raises:
            ValueError: If there was none.
        """
        moves = self._credit_hook.moves
        if moves is None:
            raise ValueError("no rollout has been collected yet")
        return moves

    def seat(self) -> NetworkSeat:
        """Return the policy as it is now, as a player; later training does not change it."""
        return self._snapshot(module_arrays(self.policy.model))

    @classmethod
    def for_game(cls, game: GameForms, *, num_envs: int, config: Any, seed: int) -> Self:
        """Build it for a game; see :func:`operant.agents.make_game_agent`."""
        return cls(game.batch(num_envs), config=config, seed=seed)

    def table(self, game: SequenceForm | StateGame) -> Float:
        """Return what ``config.plays`` says; see :meth:`TablePlayer.table`.

        Raises:
            ValueError: If it is the average, and the game is given as states: how likely a snapshot
                plays on then depends on how a state was come to.
        """
        plays = self.config.plays
        if plays == "average":
            if not isinstance(game, SequenceForm):
                raise ValueError("plays='average' needs a game with a tree; use 'mode'")
            if len(self.pool):
                return mixture(game, [self._table(seat, game) for seat in self.pool.seats])
        table = self._table(self.seat(), game)
        return mode(table) if plays == "mode" else table

    def _table(self, seat: NetworkSeat, game: SequenceForm | StateGame) -> Float:
        if isinstance(game, StateGame):
            return state_policy(seat, game)
        space: Any = self.env.single_action_space
        return tree_policy(seat, game, int(space.n))

    def policy_state(self) -> tuple[Arrays, Json]:
        """Return the policy alone: that of a native PPO, for :func:`operant.agents.load_policy`."""
        arrays, _ = super().policy_state()
        return arrays, {"agent": PPOAgent.id, "config": self.config.network().to_json()}

    def _snapshot(self, arrays: Mapping[str, Array]) -> NetworkSeat:
        env: AnyVectorEnv = self.env
        policy = PPOAgent.load_policy(
            arrays, self.config.network(), env.single_observation_space, env.single_action_space
        )
        return NetworkSeat(policy, players=self._players, roles=self.config.roles)


class TurnCredit(Hooks):
    """Credits moves to whoever made them, and takes snapshots.

    Attributes:
        baseline: The running means of outcomes; with ``"gae"`` they are only told.
        moves: What was played in the last rollout, or None before the first.
        longest: Moves of the longest game so far.
        rollouts: Rollouts so far.
    """

    def __init__(
        self, env: TurnEnv, config: SelfPlayConfig, *, rng_seed: int, progress: Callable[[], float]
    ) -> None:
        """Bind what does not change."""
        self._env, self._config = env, config
        self.baseline = RoleBaseline(
            env.batch.players, decay=config.baseline_decay, shared=config.advantage == "global"
        )
        self._rng = np.random.default_rng(rng_seed)
        self._progress = progress
        self.moves: Moves | None = None
        self.longest = self.rollouts = 0

    def process_rollout(self, rollout: RolloutBuffer) -> None:
        """Leave out the moves of snapshots, and those whose outcome is not known.

        Raises:
            ValueError: If no game fits into the rollout.
        """
        moves = self.moves = self._env.take()
        self.longest = max([self.longest, *moves.lengths().tolist()])
        kept = moves.settled(self.longest) & moves.learner
        if not kept.any():
            raise ValueError(
                f"n_steps must be so large that games end within a rollout, got {rollout.steps}; "
                f"the longest game so far had {self.longest} moves"
            )
        rollout.valid.copy_(torch.from_numpy(kept))

    def on_rollout_end(self, agent: PPOAgent) -> None:
        """Set the advantages; then let baseline and pool know the rollout."""
        rollout, moves, config = agent.rollout, self.moves, self._config
        assert moves is not None  # process_rollout came first
        values = rollout.values[..., 0].cpu().double().numpy()
        if config.advantage == "gae":
            advantages = turn_advantages(
                moves, values, gamma=config.gamma, gae_lambda=config.gae_lambda
            )
            returns = advantages + values
        else:
            advantages = self.baseline.advantages(moves)
            returns = advantages + self.baseline.values[moves.role]
        advantages = advantages + self._surprise(rollout)
        for target, source in ((rollout.advantages, advantages), (rollout.returns, returns)):
            known = torch.from_numpy(source).nan_to_num(0.0)
            target[..., 0] = torch.where(rollout.valid, known.to(target), 0.0)
        self.baseline.update(*role_returns(moves))
        self._remember(agent)

    def _surprise(self, rollout: RolloutBuffer) -> Float:
        """Return the entropy's part of the advantages, (T, N), with mean 0 over what is kept."""
        temperature = scheduled(self._config.temperature, self._progress())
        if temperature == 0:
            return np.zeros(rollout.valid.shape)
        bits = -rollout.log_probs.cpu().double().numpy()
        surprise: Float = temperature * (bits - bits[rollout.valid.cpu().numpy()].mean())
        return surprise

    def _remember(self, agent: PPOAgent) -> None:
        self.rollouts += 1
        pool = self._env.pool
        if pool is not None and pool.size and self.rollouts % self._config.snapshot_every == 0:
            pool.add(module_arrays(agent.policy.model), self._rng)
        told = {f"baseline/{role}": float(b) for role, b in enumerate(self.baseline.values)}
        agent.log.add("self_play", {**told, "pool": float(0 if pool is None else len(pool))})

    def state(self) -> tuple[Arrays, Json]:
        """Return baseline, pool and counters; see :class:`Hooks`."""
        arrays: Arrays = {"baseline": self.baseline.values.copy()}
        meta: dict[str, Any] = {"longest": self.longest, "rollouts": self.rollouts}
        meta["rng"] = self._rng.bit_generator.state
        if self._env.pool is not None:
            kept, meta["pool"] = self._env.pool.state()
            arrays |= {f"pool/{name}": array for name, array in kept.items()}
        return arrays, meta

    def load_state(self, arrays: Mapping[str, Array], meta: Json) -> None:
        """Restore what :meth:`state` returned."""
        self.baseline.values[:] = arrays["baseline"]
        self.longest, self.rollouts = int(meta["longest"]), int(meta["rollouts"])
        self._rng.bit_generator.state = meta["rng"]
        if self._env.pool is not None:
            self._env.pool.load_state(section(arrays, "pool"), meta["pool"])


def check_temperature(value: Schedule) -> None:
    """Check a temperature or its schedule.

    Raises:
        ValueError: If it is neither a number >= 0 nor a schedule between two.
    """
    ends = [value]
    if isinstance(value, Mapping):
        if set(value) != {"kind", "from", "to"} or value["kind"] not in SCHEDULES:
            raise ValueError(
                "temperature must be a number or {'kind': 'linear' or 'cosine', 'from': ..., "
                f"'to': ...}}, got {value!r}"
            )
        ends = [value["from"], value["to"]]
    for end in ends:
        if not (_number(end) and 0 <= end < np.inf):
            raise ValueError(f"temperature must be >= 0 and finite, got {value!r}")


def _number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
