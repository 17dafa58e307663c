"""The registered bandits: one row per id. Strings only; this loads no engine."""

from __future__ import annotations

from typing import Any

from operant.envs.bandits.lsd_rows import ROWS as LSD_ROWS
from operant.registry import EnvRow


def _row(
    env_id: str, module: str, summary: str, tags: tuple[str, ...] = (), **options: Any
) -> EnvRow:
    return EnvRow(
        id=env_id,
        entry_point=f"operant.envs.bandits.{module}:make",
        vector_entry_point=f"operant.envs.bandits.{module}:make_vector",
        kwargs=options,
        summary=summary,
        tags=("bandit", *tags),
        tier=0,
        checks_itself=True,
    )


ROWS = [
    _row("BanditBernoulli-K10-v0", "bernoulli", "10 arms that pay 1 or 0", arms=10),
    _row("BanditGaussian-K10-v0", "gaussian", "10 arms with normally distributed pay", arms=10),
    _row(
        "BanditProxy-K10-v0",
        "proxy",
        "10 items: satisfaction is the objective, clicks are the proxy",
        ("proxy",),
        arms=10,
    ),
    _row("BanditAdversarial-v0", "adversarial", "10 arms whose pay an adversary fixed beforehand"),
    _row(
        "BanditExperts-K10-v0",
        "adversarial",
        "an adversary's 10 arms, where every round tells what all would have paid",
        arms=10,
        observe="full",
    ),
    _row(
        "BanditLipschitz-v0",
        "lipschitz",
        "points of [0, 1], of which near ones pay alike",
        ("continuous",),
    ),
    _row(
        "BanditLinear-d5K20-v0",
        "linear",
        "20 arms with 5 known features each and linear means",
        arms=20,
        dim=5,
    ),
    _row(
        "BanditContextual-d5K10-v0",
        "contextual",
        "10 arms whose 5 features are new in every round",
        ("contextual",),
        arms=10,
        dim=5,
    ),
    _row("BanditKnapsack-v0", "knapsack", "5 arms that use up a budget", ("knapsack",)),
    _row(
        "BanditDynPricing-v0",
        "dyn_pricing",
        "sell a stock at prices whose demand is hidden",
        ("knapsack",),
    ),
    *LSD_ROWS,
]
