"""Rows of games: what the registry of multi-agent worlds knows of each without importing it."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from typing import Literal

from operant.registry import Row


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class GameRow(Row):
    """A game or another world of several agents.

    Attributes:
        interface: What ``entry_point`` builds: ``"aec"`` is a PettingZoo ``AECEnv``, ``"parallel"``
            a ``ParallelEnv``.
        players: Number of agents; 0 if an argument decides it.
        batch_entry_point: ``"module:attribute"`` of what builds N of them, called with
            ``num_envs``; ``""`` where there is none. For turn-based games an
            :class:`operant.games.TurnBatch`.
        rules_entry_point: ``"module:attribute"`` of the game's
            :class:`operant.envs.multiagent.rules.GameRules`; ``""`` where there are none.
        tier: Cost tier for CI, 0 (fast) to 2 (slow).
        extra: Extra that PettingZoo comes with; the batched form does without.
    """

    interface: Literal["aec", "parallel"]
    players: int = 2
    batch_entry_point: str = ""
    rules_entry_point: str = ""
    tier: int = 0
    extra: str = "multiagent"

    @property
    def metric(self) -> str:
        """By what the benchmarks score who plays it: ``"exploitability"`` or ``"welfare"``."""
        return "exploitability" if "zero-sum" in self.tags else "welfare"


def collected(package: str) -> list[Row]:
    """Gather ``ROWS`` of every module of a package whose name ends in ``_rows``.

    A game is added by adding such a module, or a row in one; no central list grows with it.

    Args:
        package: Import name of the package, which must not import anything heavy.
    """
    root = importlib.import_module(package)
    rows: list[Row] = []
    for info in sorted(pkgutil.iter_modules(root.__path__), key=lambda item: item.name):
        if info.name.endswith("_rows"):
            rows += importlib.import_module(f"{package}.{info.name}").ROWS
    return rows
