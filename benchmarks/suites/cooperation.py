"""Cooperation: what players earn together, and when a machine leaves a decision to a human."""

from __future__ import annotations

from typing import Any

from operant.benchmarks.specs import AgentEntry, Design, Evaluation, Suite

TEAM: dict[str, Any] = {
    "n_steps": 50,  # two episodes
    "batch_size": 2048,
    "n_epochs": 4,
    "learning_rate": {"kind": "linear", "from": 1e-3, "to": 1e-4},
    "ent_coef": 0.01,
    "net_arch": [64, 64],
    "normalize_obs": True,
}
"""Particle teams: the same network for one policy of all players and for one per player."""
LONE: dict[str, Any] = {
    "n_steps": 16,
    "batch_size": 512,
    "n_epochs": 4,
    "learning_rate": {"kind": "linear", "from": 3e-3, "to": 1e-4},
}
"""The off-switch game has one learner, whose human follows a script."""
NOISY = {"beta": 0.5}
"""A human who errs: a robot that is sure enough should not ask."""

HIRING: dict[str, Any] = {**LONE, "n_steps": 20}  # two episodes of ten rounds
"""A principal that learns which mechanism to offer; experts answer as is best for them, or err."""
OFF_SWITCH = ("OffSwitch-v0", "OffSwitchSignals-v0")

SUITE = Suite(
    id="cooperation",
    title="Cooperation: teams of particles, hiring, and the off switch",
    env_ids=("CooperativeNavigation-n6-v0", "PredatorPrey-n6-v0", "HiringAgents-v0", *OFF_SWITCH),
    designs=(Design(id="none"),),
    agents=(
        AgentEntry(id="shared-ppo", config=TEAM),
        AgentEntry(id="independent-ppo", config=TEAM),
    ),
    kwargs_of={**dict.fromkeys(OFF_SWITCH, NOISY), "HiringAgents-v0": {"experts": "epsilon"}},
    agents_of={
        **dict.fromkeys(OFF_SWITCH, (AgentEntry(id="ppo", config=LONE),)),
        "HiringAgents-v0": (AgentEntry(id="shared-ppo", config=HIRING),),
    },
    seeds=tuple(range(10)),
    total_steps=400_000,
    num_envs=64,
    gamma=0.99,
    evaluation=Evaluation(points=10, episodes=64, animated=False),
)
