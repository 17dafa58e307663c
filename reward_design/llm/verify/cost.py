"""What programs may cost, in operations that are counted, not timed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from operant.reward_design.llm.verify.steps import PlayedEpisode

MANY = 5_000
"""Operations in a call, about a quarter of a millisecond in Python, from which on training is
slowed down."""
MOST = 100_000
"""Operations in a call beyond which a program is refused."""
AT_ONCE = 20_000_000
"""Operations that a dry run may take, besides those on honest episodes."""


def affordable(episodes: Sequence[PlayedEpisode], cost: int) -> tuple[PlayedEpisode, ...]:
    """Return all honest episodes, and as many of the cheats, evenly, as may be run.

    Args:
        episodes: All that there are.
        cost: Operations of one call.
    """
    honest = [e for e in episodes if e.policy in ("random", "solution")]
    cheats = [e for e in episodes if e.policy not in ("random", "solution")]
    every = -(-cost * _steps(cheats) // AT_ONCE)
    return (*honest, *cheats[:: max(1, every)])


def _steps(episodes: Iterable[PlayedEpisode]) -> int:
    return sum(len(episode.rows) for episode in episodes)
