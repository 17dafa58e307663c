"""Gridworlds with MiniGrid's dynamics: one compiled engine, one file per world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from operant.envs.gridworld.worlds.custom import from_ascii

__all__ = ["from_ascii"]


def __getattr__(name: str) -> Any:
    """Import the engine when it is used: listing the worlds needs none."""
    if name == "from_ascii":
        from operant.envs.gridworld.worlds.custom import from_ascii

        return from_ascii
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
