"""Last-switch-dependent (LSD) bandits: what they are, and exact answers about them.

An arm's mean payoff depends on how long it has rested, or for how many rounds in a row it has been
played. Worlds and solvers both build on this package, which needs NumPy only.
"""

from operant.lsd.product import (
    MAX_STATES,
    ProductGraph,
    TooManyStatesError,
    best_total,
    product_graph,
    reachable_graph,
)
from operant.lsd.relaxation import relaxed_total
from operant.lsd.rules import RECOVERIES, LSDInstance, LSDRules, Recovery

__all__ = [
    "MAX_STATES",
    "RECOVERIES",
    "LSDInstance",
    "LSDRules",
    "ProductGraph",
    "Recovery",
    "TooManyStatesError",
    "best_total",
    "product_graph",
    "reachable_graph",
    "relaxed_total",
]
