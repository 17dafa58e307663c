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
            "learning_rate": {"kind": "linear", "from": 3e-3, "to": 0.0},
            "ent_coef": 0.02,
        }
    ),
    total_steps=16 * 32 * 128,  # whole rollouts
    num_envs=128,
    gamma=0.99,
    evaluation=Evaluation(
        points=1, since=1.0, episodes=64, recorded=12, animated=False, references=False
    ),
    timeout_s=300.0,
)
"""Chosen on SparseKey-8x8-v0: some 3 CPU-seconds a run; with a good dense reward at least 90 % of
the levels are solved in the end, with the true reward alone at most 5 %. What a run is scored by is
its end, on many episodes; the rate falls to 0, so that the end is no accident."""
