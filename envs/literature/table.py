"""The registered worlds of the literature: one row per id. Strings only; this loads no engine."""

from __future__ import annotations

from typing import Any

from operant.registry import EnvRow


def _row(
    env_id: str, module: str, summary: str, tags: tuple[str, ...] = (), **options: Any
) -> EnvRow:
    return EnvRow(
        id=env_id,
        entry_point=f"operant.envs.literature.{module}:make",
        vector_entry_point=f"operant.envs.literature.{module}:make_vector",
        kwargs=options,
        summary=summary,
        tags=("gridworld", "literature", *tags),
        tier=0,
        checks_itself=True,
    )


ROWS = [
    _row(
        "RoomNav-v0", "room_nav", "four rooms with slippery moves; 10 for leaving by the far corner"
    ),
    _row(
        "LineKey-v0",
        "line_key",
        "a line: fetch the key at one end, leave at the other",
        ("sparse",),
    ),
    _row(
        "Chain-n40-v0",
        "chain",
        "a chain with a small reward at the left end and a large one at the right",
        ("sparse", "deterministic"),
        length=40,
    ),
    _row(
        "MetaNav-5x5-v0",
        "meta_nav",
        "trials of four rounds with the same hidden goal: find it once, then go straight to it",
        ("meta",),
        size=5,
    ),
    *(
        _row(
            f"Tomato-{name}-v0",
            "tomato",
            "keep the tomatoes watered; to the proxy all looks watered through a bucket",
            ("proxy", "deterministic"),
            level=level,
        )
        for level, name in enumerate(("Toy", "Easy", "Medium", "Hard"))
    ),
    *(
        _row(
            f"Coverage-{side}x{side}-v0",
            "coverage",
            "cover as much area as possible: a submodular return",
            ("deterministic",),
            size=side,
            start=start,
        )
        for side, start in ((10, 0), (30, 34))
    ),
    _row(
        "OffSwitchGrid-v0",
        "off_switch",
        "reach the goal, leave the human's off switch alone; the proxy forgets the latter",
        ("proxy",),
    ),
    _row(
        "BoatRace-v0",
        "boat_race",
        "race clockwise; the proxy pays at checkpoints, for going back and forth too",
        ("proxy", "deterministic"),
    ),
    _row(
        "SideEffectBox-v0",
        "side_effect_box",
        "reach the goal without leaving the box stuck; the proxy forgets the box",
        ("proxy", "deterministic"),
    ),
]
