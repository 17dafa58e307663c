"""Zero-sum games: what a perfect opponent takes from what learned by playing itself.

Scores are exact. Steps are moves learned from, or nodes of the tree visited by an exact method, so
that with equal budgets all have seen equally much of a game.
"""

from __future__ import annotations

from typing import Any

from operant.benchmarks.specs import AgentEntry, Design, Evaluation, Suite


def _falling(start: float, end: float) -> dict[str, Any]:
    return {"kind": "linear", "from": start, "to": end}


SECRETS: dict[str, Any] = {
    "advantage": "gae",
    "n_steps": 20,
    "batch_size": 1 << 16,  # all of a rollout: equilibria are mixed, and noise is not
    "n_epochs": 10,
    "learning_rate": _falling(3e-3, 3e-4),
    "temperature": _falling(0.5, 0.05),
    "net_arch": [64],
    "pool_share": 0.0,
    "pool_keep": "latest",
    "pool_size": 64,
    "snapshot_every": 2,
    "plays": "average",
}
"""Self-play where something is hidden: entropy that falls, and the average of late policies."""
BOARD: dict[str, Any] = {
    "advantage": "gae",
    "n_steps": 32,
    "batch_size": 2048,
    "n_epochs": 4,
    "learning_rate": _falling(1e-3, 1e-4),
    "temperature": _falling(0.2, 0.02),
    "net_arch": [128, 128],
    "plays": "mode",
}
"""Self-play where nothing is hidden."""
EXACT = (AgentEntry(id="cfr"), AgentEntry(id="cfr-plus"), AgentEntry(id="uniform"))

SUITE = Suite(
    id="games-zero-sum",
    title="Zero-sum games: what a perfect opponent takes",
    env_ids=("KuhnPoker-v0", "LeducPoker-v0", "RockPaperScissorsTurns-v0", "TicTacToe-v0"),
    designs=(Design(id="none"),),
    agents=(AgentEntry(id="self-play", config=SECRETS), *EXACT),
    agents_of={
        "LeducPoker-v0": (
            AgentEntry(id="self-play", config={**SECRETS, "net_arch": [128, 128]}),
            *EXACT,
        ),
        "TicTacToe-v0": (
            AgentEntry(id="self-play", config=BOARD),
            AgentEntry(id="minimax"),
            AgentEntry(id="uniform"),
        ),
    },
    seeds=tuple(range(10)),
    total_steps=1_000_000,
    num_envs=256,
    gamma=1.0,
    evaluation=Evaluation(points=10, episodes=2, animated=False),
)
