"""How candidates are trained unless told otherwise: small runs, as a search makes a hundred."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from operant.benchmarks.specs import Evaluation


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """One way to train on a candidate.

    Attributes:
        agent: Agent id.
        agent_config: Fields of its config that differ from its defaults.
        total_steps: Env steps of a run.
        num_envs: Rows of the training env.
        gamma: Discount of agent and design, in [0, 1].
        evaluation: How a run is scored.
        timeout_s: Wall seconds after which a run is given up.
    """

    agent: str
    agent_config: Mapping[str, Any]
    total_steps: int
    num_envs: int
    gamma: float
    evaluation: Evaluation
    timeout_s: float


DEFAULT = Training(
    agent="ppo",
    agent_config=MappingProxyType(
        {
            "encoder": "onehot",
            "n_steps": 32,
            "batch_size": 2048,
            "n_epochs": 4,
            "learning_rate": 2e-3,
            "ent_coef": 0.02,
        }
    ),
    total_steps=24 * 32 * 128,  # whole rollouts
    num_envs=128,
    gamma=0.99,
    evaluation=Evaluation(
        points=10, since=0.8, episodes=32, recorded=12, animated=False, references=False
    ),
    timeout_s=300.0,
)
"""Chosen on SparseKey-8x8-v0: about 2 CPU-seconds of training; with a good dense reward at least
95 % of the levels are solved in the end, with the true reward alone at most 5 %."""
