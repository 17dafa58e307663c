"""Rows of the planners of LSD bandits, which are told the payoffs (``observe="mean"``)."""

from __future__ import annotations

from operant.registry import AgentRow


def _row(agent_id: str, name: str, summary: str) -> AgentRow:
    return AgentRow(
        id=agent_id,
        entry_point=f"operant.agents.bandits.lsd.planner_agents:{name}",
        summary=summary,
        kind="online",
        home="LSDPlanning-K4-v0",
        tags=("bandit", "lsd", "discrete"),
        testing={"horizon": 100},
    )


ROWS = [
    _row("lsd-exact", "LSDExactAgent", "the best schedule of LSD bandits with few arms"),
    _row("lsd-rounded", "LSDRoundedAgent", "LSD bandits by a linear program, rounded"),
    _row("lsd-greedy", "LSDGreedyAgent", "the arm of an LSD bandit that pays most now"),
]
