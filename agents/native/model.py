"""What can be read of a model, under SB3's names."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium as gym
import torch

from operant.agents.native.arguments import FIELDS
from operant.agents.native.policy_view import PolicyView
from operant.agents.native.ppo import PPOAgent as Agent
from operant.agents.native.rollout_view import RolloutView
from operant.agents.sb3.schedules import to_function


class Model:
    """An agent and its policy; hyper-parameters can be read as attributes, and are fixed.

    Attributes:
        agent: What is trained.
        policy: The policy, with the methods of SB3's.
        action_noise: None: PPO explores by sampling.
    """

    agent: Agent
    policy: PolicyView
    action_noise: ClassVar[None] = None

    def __getattr__(self, name: str) -> Any:
        """Return a hyper-parameter."""
        if name in FIELDS and "agent" in vars(self):
            return getattr(self.agent.config, name)
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute that is no hyper-parameter."""
        if name in FIELDS:
            raise AttributeError(
                f"{name} is fixed once the model is built: pass it to PPO(...), or to "
                f"PPO.load(path, {name}=...)"
            )
        super().__setattr__(name, value)

    @property
    def observation_space(self) -> gym.Space[Any]:
        """Space of one observation."""
        return self.agent.env.single_observation_space

    @property
    def action_space(self) -> gym.Space[Any]:
        """Space of one action."""
        return self.agent.env.single_action_space

    @property
    def n_envs(self) -> int:
        """Rows of the env."""
        return self.agent.env.num_envs

    @property
    def seed(self) -> int:
        """Root of everything random."""
        return self.agent.seed

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return torch.device(self.agent.config.device)

    @property
    def num_timesteps(self) -> int:
        """Env transitions so far, summed over all rows."""
        return self.agent.num_steps + self.agent.collector.running

    @property
    def clip_range(self) -> Any:
        """The clip range as a function of the share of training that remains."""
        return to_function(self.agent.config.clip_range)

    @property
    def lr_schedule(self) -> Any:
        """The learning rate as a function of the share of training that remains."""
        return to_function(self.agent.config.learning_rate)

    @property
    def ep_info_buffer(self) -> deque[dict[str, float]]:
        """Returns ``r`` and lengths ``l`` of the last episodes; a copy."""
        episodes = self.agent.collector.episodes
        pairs = zip(episodes.last("rew"), episodes.last("len"), strict=True)
        return deque({"r": r, "l": length} for r, length in pairs)

    @property
    def ep_success_buffer(self) -> deque[float]:
        """Successes of the last episodes; a copy."""
        return deque(self.agent.collector.episodes.last("success"))

    @property
    def rollout_buffer(self) -> RolloutView:
        """The last rollout."""
        return RolloutView(self.agent.rollout)

    @property
    def _last_obs(self) -> Any:
        """What the next action answers, or None if the env is reset first."""
        if not self.agent.collector.stands:
            return None
        parts = {key: part[-1].cpu().numpy() for key, part in self.agent.rollout.obs.items()}
        return parts[""] if set(parts) == {""} else parts

    # ---- parameters -------------------------------------------------------------------------

    def get_parameters(self) -> dict[str, dict[str, Any]]:
        """Return the states of ``policy`` and ``policy.optimizer``, which share its memory."""
        return {
            "policy": self._network.state_dict(),
            "policy.optimizer": self.agent.optimizer.state_dict(),
        }

    def set_parameters(
        self, parameters: Mapping[str, Mapping[str, Any]], exact_match: bool = True
    ) -> None:
        """Replace the states of the policy and of its optimizer.

        Args:
            parameters: As :meth:`get_parameters` returns them.
            exact_match: False to keep what is not given.

        Raises:
            ValueError: If there is no such part, or one is missing in an exact match.
            RuntimeError: If names or shapes within a part differ.
        """
        known = set(self.get_parameters())
        if not set(parameters) <= known:
            raise ValueError(f"parameters must be of {sorted(known)}, got {sorted(parameters)}")
        if exact_match and set(parameters) != known:
            missing = sorted(known - set(parameters))
            raise ValueError(f"parameters lack {missing}; pass exact_match=False to keep them")
        if "policy" in parameters:
            self._network.load_state_dict(dict(parameters["policy"]), strict=exact_match)
        if "policy.optimizer" in parameters:
            self.agent.optimizer.load_state_dict(dict(parameters["policy.optimizer"]))

    @property
    def _network(self) -> torch.nn.Module:
        return self.agent.policy.model
