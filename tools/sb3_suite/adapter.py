"""Our PPO as SB3's tests call it."""

from __future__ import annotations

from typing import Any

import torch

from operant.agents.ppo import PPO as OperantPPO


class PPO(OperantPPO):
    """Takes the one policy class of SB3's tests: a constant in the place of the values.

    ``test_gae.CustomPolicy`` replaces what the value network says by ``policy.constant_value``. Our
    PPO takes no policy classes, so the same is done to its network.
    """

    def __init__(self, policy: Any, env: Any, *args: Any, **kwargs: Any) -> None:
        """Build the model."""
        custom = isinstance(policy, type)
        super().__init__("MlpPolicy" if custom else policy, env, *args, **kwargs)
        if not custom:
            return
        view, network = self.policy, self.agent.policy.model
        forward = network.forward
        view.constant_value = 0.0

        def constant(*inputs: Any) -> Any:
            params, values = forward(*inputs)
            return params, torch.full_like(values, view.constant_value)

        network.forward = constant
