"""Particle worlds from above."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from operant.envs.multiagent.particles.scenarios import Scenario
from operant.types import Float

SIDE = 320
"""Pixels."""
TEAMS, LANDMARK, STONE = ((60, 60, 200), (40, 160, 60)), (90, 90, 90), (150, 150, 150)
_HUNTERS = (200, 60, 60)


def drawn(scenario: Scenario, at: Float) -> npt.NDArray[np.uint8]:
    """Return a world as a picture, y upwards; who is outside of it is not seen.

    Args:
        scenario: The world.
        at: (E, 2) places, m.
    """
    half = 1.25 * scenario.reach
    ticks = (np.arange(SIDE) + 0.5) / SIDE * 2 * half - half
    x, y = ticks[None, :], -ticks[:, None]
    image = np.full((SIDE, SIDE, 3), 255, np.uint8)
    hunted = len(scenario.teams) > 1
    pixel = 2 * half / SIDE
    for disc in reversed(range(len(at))):  # agents lie on top
        if disc >= scenario.movers:
            color = STONE if scenario.solid else LANDMARK
        elif disc < scenario.first:
            color = _HUNTERS if hunted else TEAMS[0]
        else:
            color = TEAMS[1]
        radius = max(scenario.radii()[disc], 1.5 * pixel)
        image[(x - at[disc, 0]) ** 2 + (y - at[disc, 1]) ** 2 <= radius**2] = color
    return image
