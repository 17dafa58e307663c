"""Rows of what sits on all seats of a game; tags say of which games."""

from __future__ import annotations

from typing import Any

from operant.registry import AgentRow


def _row(agent_id: str, entry_point: str, summary: str, *tags: str, **testing: Any) -> AgentRow:
    return AgentRow(
        id=agent_id,
        entry_point=f"operant.agents.games.{entry_point}",
        summary=summary,
        kind="game",
        tags=tags,
        testing=testing,
    )


ROWS = [
    _row("cfr", "cfr_agents:CFRAgent", "average policy of counterfactual regrets", "tree"),
    _row("cfr-plus", "cfr_agents:CFRPlusAgent", "the same without negative regrets", "tree"),
    _row("minimax", "fixed_agents:MinimaxAgent", "perfect play, where nothing is hidden", "states"),
    _row("uniform", "fixed_agents:UniformAgent", "any legal action", "tree", "states"),
    _row(
        "self-play",
        "self_play:SelfPlay",
        "PPO in all roles against itself and its past",
        "tree",
        "states",
        n_steps=24,
        batch_size=64,
        snapshot_every=1,
    ),
    _row(
        "shared-ppo",
        "shared:SharedPPO",
        "one PPO for all players, who act at once",
        "team",
        n_steps=16,
        batch_size=64,
    ),
    _row(
        "independent-ppo",
        "independent:IndependentPPO",
        "a PPO per player; all act at once",
        "team",
        n_steps=16,
        batch_size=64,
    ),
]
