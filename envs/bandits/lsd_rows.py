"""The registered LSD bandits: one row per id. Strings only; this loads no engine."""

from __future__ import annotations

from typing import Any

from operant.registry import EnvRow


def _row(env_id: str, summary: str, *tags: str, **options: Any) -> EnvRow:
    return EnvRow(
        id=env_id,
        entry_point="operant.envs.bandits.lsd:make",
        vector_entry_point="operant.envs.bandits.lsd:make_vector",
        kwargs=options,
        summary=summary,
        tags=("bandit", "lsd", *tags),
        tier=0,
        checks_itself=True,
    )


_TRICK = {"positive_only": True, "init": "one"}
ROWS = [
    *(
        _row(
            f"LSDBandit-K{arms}-v0",
            f"{arms} arms that pay more the longer they rest, less the longer they run",
            K=arms,
        )
        for arms in (2, 4, 8)
    ),
    *(
        _row(
            f"LSDPlanning-K{arms}-v0",
            f"the same {arms} arms, with the table of their mean payoffs in view: only plan",
            "planning",
            K=arms,
            observe="mean",
        )
        for arms in (4, 8)
    ),
    *(
        _row(
            f"LSDRecharge-K{arms}-v0",
            f"{arms} arms that are empty after a play and recharge at speeds of their own",
            K=arms,
            payoff="recharging",
        )
        for arms in (4, 8)
    ),
    _row(
        "LSDSatiation-K4-v0",
        "4 arms that please less with every repetition, and anew after a break",
        K=4,
        payoff="satiation",
    ),
    _row(
        "LSDSeasonal-K4-v0",
        "4 arms that are better and worse in turns, each with a season of its own",
        K=4,
        D=6,
        payoff="seasonal",
    ),
    _row(
        "LSDTrickCSBOG-v0",
        "5 arms made to trap planners that look one block ahead",
        "trap",
        K=5,
        D=10,
        payoff="trick_csbog",
        pos=3,
        **_TRICK,
    ),
    _row(
        "LSDTrickOG-v0",
        "4 arms made to trap whoever takes what pays most now",
        "trap",
        K=4,
        D=6,
        payoff="trick_og",
        pos=4,
        **_TRICK,
    ),
]
