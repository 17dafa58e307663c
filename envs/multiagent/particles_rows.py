"""The particle worlds: one row per id. Strings only; this loads no engine."""

from __future__ import annotations

from typing import Any

from operant.envs.multiagent.games_table import GameRow

_HOME = "operant.envs.multiagent.particles"


def _row(game_id: str, scenario: str, players: int, summary: str, *tags: str) -> GameRow:
    kwargs: dict[str, Any] = {"scenario": scenario}
    return GameRow(
        id=game_id,
        entry_point=f"{_HOME}.parallel:ParticleEnv",
        batch_entry_point=f"{_HOME}.batch:ParticleBatch",
        summary=summary,
        interface="parallel",
        players=players,
        kwargs=kwargs,
        tags=("particles", *tags),
    )


ROWS = [
    *(
        _row(
            f"CooperativeNavigation-n{n}-v0",
            f"CN-{n}",
            n,
            f"{n} agents go to {n} landmarks and keep out of each other's way",
            "cooperation",
        )
        for n in (6, 15, 30)
    ),
    *(
        _row(
            f"PredatorPrey-n{n}-v0",
            f"PP-{n}",
            n,
            f"{n} predators hunt {prey} prey that flee by a script",
            "cooperation",
        )
        for n, prey in ((6, 2), (15, 5), (30, 10))
    ),
    *(
        _row(
            f"ParticleSpread-n{n}-v0",
            f"Spread-{n}",
            n,
            f"MPE's simple_spread: {n} agents cover {n} landmarks together",
            "cooperation",
        )
        for n in (3, 6)
    ),
    _row("ParticleTag-n3-v0", "Tag-3", 4, "MPE's simple_tag: 3 adversaries hunt 1 agent", "mixed"),
    _row("ParticleTag-n6-v0", "Tag-6", 8, "MPE's simple_tag: 6 adversaries hunt 2 agents", "mixed"),
    *(
        GameRow(
            id=f"MPE2-{name}-v0",
            entry_point=f"{_HOME}.mpe2_env:make",
            summary=f"{world} of the package mpe2, with true_reward and success",
            interface="parallel",
            players=players,
            kwargs={"world": world},
            tags=("particles", "mpe2"),
            tier=1,
        )
        for name, world, players in (
            ("Spread", "simple_spread", 3),
            ("Tag", "simple_tag", 4),
        )
    ),
]
