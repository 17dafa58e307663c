"""Bandits with memory whose payoffs are known: what a plan is worth that is not the best one."""

from __future__ import annotations

from operant.benchmarks.specs import AgentEntry, Design, Evaluation, Suite

SUITE = Suite(
    id="lsd-planning",
    title="LSD bandits: exact, rounded and greedy plans",
    env_ids=("LSDPlanning-K4-v0", "LSDPlanning-K8-v0"),
    designs=(Design(id="none"),),
    agents=tuple(AgentEntry(id=name) for name in ("lsd-exact", "lsd-rounded", "lsd-greedy")),
    seeds=tuple(range(10)),
    # Nothing is trained: plans are made when an episode shows the payoffs.
    total_steps=16,
    num_envs=16,
    testing_kwargs={"horizon": 100},
    evaluation=Evaluation(points=1, since=1.0, episodes=16, animated=False),
)
