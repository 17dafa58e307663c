"""The demo: four reward designs meet one sparse-reward world."""

from __future__ import annotations

from operant.benchmarks.specs import AgentEntry, Design, Evaluation, Suite

SUITE = Suite(
    id="demo",
    title="Four reward designs on SparseKey",
    env_ids=("SparseKey-8x8-v0",),
    designs=(
        Design(id="none"),
        Design(id="potential"),
        Design(id="count"),
        Design(id="naive"),
    ),
    agents=(
        AgentEntry(
            id="sb3-ppo",
            config={
                "n_steps": 64,
                "batch_size": 2048,
                "n_epochs": 4,
                "learning_rate": 1e-3,
                "ent_coef": 0.01,
            },
        ),
    ),
    seeds=(0, 1, 2, 3, 4),
    total_steps=360_000,
    num_envs=128,
    evaluation=Evaluation(points=10, episodes=64),
)
