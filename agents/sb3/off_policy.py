"""What the Stable-Baselines3 agents that learn from a replay buffer share."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from gymnasium import spaces
from stable_baselines3 import HerReplayBuffer
from stable_baselines3.common.type_aliases import RolloutReturn

from operant.agents.base import Array, Arrays, Json, check_range
from operant.agents.sb3 import state
from operant.agents.sb3.agent import Boundary, SB3Agent
from operant.agents.sb3.config import SB3Config, check_choice
from operant.agents.sb3.vec_env import SB3VecEnv
from operant.arrays import section

GOAL_KEYS = ("achieved_goal", "desired_goal", "observation")
"""Parts of the observation that hindsight needs."""
HINDSIGHT = {"n_sampled_goal": 4, "goal_selection_strategy": "future"}
"""Fields of ``her`` and their defaults."""
STRATEGIES = ("future", "final", "episode")


@dataclasses.dataclass(frozen=True, kw_only=True)
class OffPolicyConfig(SB3Config):
    """Common hyper-parameters. A rollout is ``train_freq`` times the number of envs transitions.

    Attributes:
        batch_size: Transitions per gradient step, >= 2.
        buffer_size: Transitions kept for replay, >= 1. SB3's default is 1e6; each costs two
            observations of memory, and all are part of the training state.
        learning_starts: Env transitions of uniform random actions before the first update, >= 0.
        train_freq: Env steps per row between updates, >= 1.
        gradient_steps: Gradient steps per update, >= 1, or -1 for one per collected transition.
            SB3's 1 is meant for one env: with N rows it is one per N ``train_freq`` transitions.
        tau: Share copied to the target networks at a time, in (0, 1]; 1 copies all.
        her: Hindsight for goal envs, or None: ``n_sampled_goal`` relabelled transitions (>= 1) per
            real one, with goals that were achieved later in the episode, at its end, or any time
            in it (``goal_selection_strategy`` ``"future"``, ``"final"`` or ``"episode"``); ``{}``
            takes the defaults, 4 and ``"future"``. Learning waits until an episode has ended.

    Source: for ``her``, Hindsight Experience Replay (Andrychowicz et al., 2017), sec. 3.
    """

    batch_size: int = 256
    buffer_size: int = 100_000
    learning_starts: int = 100
    train_freq: int = 1
    gradient_steps: int = 1
    tau: float = 0.005
    her: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a value is out of range.
        """
        super().__post_init__()
        check_range("batch_size", self.batch_size, 2)
        for name in ("buffer_size", "train_freq"):
            check_range(name, getattr(self, name), 1)
        check_range("learning_starts", self.learning_starts, 0)
        if self.gradient_steps != -1:
            check_range("gradient_steps (other than -1)", self.gradient_steps, 1)
        check_range("tau", self.tau, 1e-9, 1.0)
        if self.her is not None:
            _check_hindsight(self.her)


class StoppableOffPolicy:
    """Mixed into an SB3 algorithm: it asks before each rollout whether to go on."""

    boundary: Boundary
    replay_buffer: Any

    def collect_rollouts(self, *args: Any, **kwargs: Any) -> RolloutReturn:
        """Collect a rollout unless told to stop."""
        if not self.boundary():
            return RolloutReturn(0, 0, continue_training=False)
        rollout: RolloutReturn = super().collect_rollouts(*args, **kwargs)  # type: ignore[misc]
        return rollout

    def train(self, *args: Any, **kwargs: Any) -> None:
        """Take the gradient steps, once there is something to learn from."""
        buffer = self.replay_buffer
        if not isinstance(buffer, HerReplayBuffer) or (buffer.ep_length > 0).any():
            super().train(*args, **kwargs)  # type: ignore[misc]


class OffPolicyAgent(SB3Agent):
    """An agent whose replay buffer is part of the training state."""

    config: OffPolicyConfig

    def _arguments(self) -> dict[str, Any]:
        arguments = super()._arguments()
        her = arguments.pop("her")
        if her is not None:
            check_goal_env(self.venv)
            arguments |= {
                "replay_buffer_class": HerReplayBuffer,
                "replay_buffer_kwargs": {**HINDSIGHT, **her},
            }
        return arguments

    def training_state(self) -> tuple[Arrays, Json]:
        """Return everything needed to continue bit for bit, the replay buffer included."""
        arrays, meta = super().training_state()
        replay, meta["replay"] = state.replay_state(self.model.replay_buffer)
        return arrays | state.prefixed("replay", replay), meta

    def load_training_state(self, arrays: Mapping[str, Array], meta: Json) -> None:
        """Continue from a training state; see :meth:`Agent.load_training_state`."""
        super().load_training_state(arrays, meta)
        buffer = self.model.replay_buffer
        state.load_replay_state(buffer, section(arrays, "replay"), meta["replay"])
        if isinstance(buffer, HerReplayBuffer) and not meta["exact_resume"]:
            buffer._current_ep_start[:] = buffer.pos  # the interrupted episodes have no end


def check_goal_env(venv: SB3VecEnv) -> None:
    """Check that an env has goals that can be replaced in hindsight.

    Raises:
        ValueError: If its observations are no goal observations, or it cannot compute rewards.
    """
    space = venv.observation_space
    found = sorted(space.spaces) if isinstance(space, spaces.Dict) else str(space)
    if found != list(GOAL_KEYS):
        raise ValueError(
            f"her needs an observation space of type Dict with the keys {list(GOAL_KEYS)}, "
            f"got {found}"
        )
    if not venv.has_attr("compute_reward"):
        raise ValueError(
            "her needs an env with compute_reward(achieved_goal, desired_goal, infos), which "
            "takes goals as (B, ...) and returns (B,) rewards"
        )


def _check_hindsight(her: Mapping[str, Any]) -> None:
    for name in her:
        if name not in HINDSIGHT:
            raise ValueError(f"her must have fields of {[*HINDSIGHT]}, got {name!r}")
    full = {**HINDSIGHT, **her}
    check_range("her['n_sampled_goal']", full["n_sampled_goal"], 1)
    check_choice("her['goal_selection_strategy']", full["goal_selection_strategy"], STRATEGIES)
