"""What rewards may speak of in particle worlds: the facts about one agent, as features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.multiagent.particles import kernel
from operant.envs.multiagent.particles.scenarios import Scenario
from operant.types import Feature, Float

_COLUMNS = {
    "speed": kernel.SPEED,
    "nearest_landmark": kernel.LANDMARK,
    "nearest_mate": kernel.MATE,
    "touched_mates": kernel.TOUCHED,
    "nearest_rival": kernel.RIVAL,
    "touched_rivals": kernel.CONTACTS,
}
_COUNTS = {"touched_mates", "touched_rivals"}
_FASTEST = 20.0
"""m/s; contacts of many at once are not faster than that."""


def fact_table(scenario: Scenario) -> tuple[Feature, ...]:
    """Return the features of one agent.

    Distances end at what is reached by going straight away from the others for an episode; what is
    farther is told as that.
    """
    free = max(
        min(team.top_speed, team.push * kernel.TIME_STEP / kernel.DAMPING)
        for team in scenario.teams
    )
    far = 2 * math.sqrt(2) * (scenario.reach + scenario.horizon * kernel.TIME_STEP * free)
    stones = "obstacle" if scenario.solid else "landmark"
    most = max(scenario.movers - 1, 1)
    table = [
        Feature(
            name="speed", description="how fast the agent is", low=0, high=_FASTEST, unit="m/s"
        ),
        Feature(
            name="nearest_landmark",
            description=f"distance to the middle of the nearest {stones}",
            low=0,
            high=far,
            unit="m",
        ),
        Feature(
            name="nearest_mate",
            description="distance to the middle of the nearest agent of the own team",
            low=0,
            high=far,
            unit="m",
        ),
        Feature(
            name="touched_mates",
            description="agents of the own team that it overlaps with",
            low=0,
            high=most,
            unit="agents",
            dtype="int",
        ),
    ]
    if len(scenario.teams) > 1:
        table += [
            Feature(
                name="nearest_rival",
                description="distance to the middle of the nearest one of the other team",
                low=0,
                high=far,
                unit="m",
            ),
            Feature(
                name="touched_rivals",
                description="those of the other team that it overlaps with",
                low=0,
                high=most,
                unit="agents",
                dtype="int",
            ),
        ]
    return tuple(table)


def facts_of(columns: Float, table: Sequence[Feature]) -> dict[str, npt.NDArray[Any]]:
    """Return the engine's columns, (..., 6), as features: name -> (...), copies."""
    told: dict[str, npt.NDArray[Any]] = {}
    for feature in table:
        values = np.minimum(columns[..., _COLUMNS[feature.name]], feature.high)
        told[feature.name] = values.astype(np.int64) if feature.name in _COUNTS else values
    return told
