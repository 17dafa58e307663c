"""The registered NetHack worlds: one row per id. Strings only; this loads no engine."""

from __future__ import annotations

from operant.registry import EnvRow


def _row(env_id: str, module: str, summary: str, *tags: str) -> EnvRow:
    return EnvRow(
        id=env_id,
        entry_point=f"operant.envs.nethack.tasks.{module}:make",
        vector_entry_point=f"operant.envs.nethack.tasks.{module}:make_vector",
        summary=summary,
        tags=("nethack", *tags),
        extra="nethack",
        tier=1,
        checks_itself=True,
    )


ROWS = [
    _row("NLEScore-v0", "score", "NetHack's own points"),
    _row("NLEGold-v0", "gold", "NetHack: collect gold"),
    _row("NLEEat-v0", "eat", "NetHack: eat nutritious things"),
    _row("NLEScout-v0", "scout", "NetHack: see as much of the dungeon as possible"),
    _row("NLEDescend-v0", "descend", "NetHack: reach new depths"),
    _row("NLEStaircase-v0", "staircase", "NetHack: step onto stairs that lead down", "sparse"),
    _row("NLEStaircaseLvl3-v0", "staircase_lvl3", "NetHack: come down to level 3", "sparse"),
    _row("NLEStaircaseLvl4-v0", "staircase_lvl4", "NetHack: come down to level 4", "sparse"),
    _row(
        "NLEOracle-v0",
        "oracle",
        "NetHack: stand next to what looks like the Oracle; hallucinating is a hack",
        "sparse",
        "hackable",
    ),
    _row(
        "NLEOracleSober-v0",
        "oracle_sober",
        "NetHack: stand next to the Oracle; the proxy is fooled by hallucinations",
        "sparse",
        "hackable",
    ),
]
