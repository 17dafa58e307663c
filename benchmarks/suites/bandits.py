"""Classic bandits: what an algorithm's regret is where rewards are drawn, and where they turn."""

from __future__ import annotations

from operant.benchmarks.specs import AgentEntry, Design, Evaluation, Suite

HORIZON = 1000
"""Rounds of an episode."""
ALGORITHMS = (
    "ucb1",
    "successive-elimination",
    "thompson-beta",
    "eps-greedy",
    "explore-first",
    "exp3",
)

SUITE = Suite(
    id="bandits",
    title="Bandits: the price of not knowing the best arm",
    env_ids=("BanditBernoulli-K10-v0", "BanditAdversarial-v0"),
    designs=(Design(id="none"),),
    agents=tuple(AgentEntry(id=name, config={"horizon": HORIZON}) for name in ALGORITHMS),
    seeds=tuple(range(10)),
    # Nothing is trained: an algorithm learns within an episode, and a budget of one step is enough.
    total_steps=16,
    num_envs=16,
    testing_kwargs={"max_steps": 100},
    evaluation=Evaluation(points=1, since=1.0, episodes=64, animated=False),
)
