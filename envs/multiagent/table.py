"""Gymnasium ids: games of two players against a fixed opponent, and teams that share a policy.

Strings only; this loads no game. The games for several agents are in the ``*_rows`` modules.
"""

from __future__ import annotations

from operant.envs.multiagent.particles_rows import ROWS as PARTICLES
from operant.registry import EnvRow

GAMES = [
    EnvRow(
        id=env_id,
        entry_point=f"operant.envs.multiagent.{module}:make",
        vector_entry_point=f"operant.envs.multiagent.{module}:make_vector",
        summary=summary,
        tags=("game", "sparse"),
        tier=int(module == "solo_negotiation"),  # of 2,002 actions
        checks_itself=True,
    )
    for env_id, module, summary in (
        ("TicTacToe-v0", "solo_tic_tac_toe", "three in a row, against a fixed opponent"),
        ("KuhnPoker-v0", "solo_kuhn_poker", "three cards and one bet, against an equilibrium"),
        ("LeducPoker-v0", "solo_leduc_poker", "six cards and two rounds, against honest bets"),
        ("SimpleNegotiation-v0", "solo_negotiation", "ten turns of offers to a greedy trader"),
    )
]
TEAMS = [
    EnvRow(
        id=row.id,
        entry_point="operant.envs.multiagent.particles.teams:make",
        vector_entry_point="operant.envs.multiagent.particles.teams:make_vector",
        summary=f"{row.summary}; rows are agents",
        kwargs=row.kwargs,
        tags=row.tags,
        checks_itself=True,
        team=row.players,
    )
    for row in PARTICLES
    if "cooperation" in row.tags
]
"""Every particle world of one team: the row of the game is all that a new one needs."""

ROWS = [*GAMES, *TEAMS]
