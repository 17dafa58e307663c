"""Feature tables and columns, and the features that every MiniGrid-like world publishes.

A family's ``features`` function calls :func:`write_pose` first and goes on at column
``len(pose_features(size))``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from operant.envs.gridworld.cells import EMPTY, TRIPLES
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.world import CARRY, DIRECTION, Size, World, X, Y
from operant.types import Feature

POSE = 4
"""Number of columns that :func:`write_pose` writes."""


def flag(name: str, description: str, *, privileged: bool = True) -> Feature:
    """Return a feature that is 0 or 1."""
    return Feature(
        name=name, description=description, low=0, high=1, dtype="bool", privileged=privileged
    )


def count(
    name: str,
    description: str,
    high: int,
    *,
    low: int = 0,
    unit: str = "",
    privileged: bool = True,
) -> Feature:
    """Return an integer feature in [low, high]."""
    return Feature(
        name=name,
        description=description,
        low=low,
        high=high,
        unit=unit,
        dtype="int",
        privileged=privileged,
    )


def pose_features(size: Size) -> tuple[Feature, ...]:
    """Return the table of what :func:`write_pose` writes."""
    return (
        count("agent_x", "column of the agent", size.width - 1, unit="cells"),
        count("agent_y", "row of the agent", size.height - 1, unit="cells"),
        count("agent_direction", "0 right, 1 down, 2 left, 3 up", 3, privileged=False),
        flag("carrying", "the agent carries something", privileged=False),
    )


@compiled
def write_pose(world: World, n: int, m: int, out: npt.NDArray[np.float32]) -> None:
    """Write agent_x, agent_y, agent_direction and carrying into ``out[m, :POSE]``."""
    out[m, 0] = world.agent[n, X]
    out[m, 1] = world.agent[n, Y]
    out[m, 2] = world.agent[n, DIRECTION]
    out[m, 3] = world.agent[n, CARRY] != EMPTY


@compiled
def carries(world: World, n: int, kind: int) -> bool:
    """Tell whether row n's agent carries an object of a type (index into ``cells.OBJECTS``)."""
    return bool(TRIPLES[world.agent[n, CARRY], 0] == kind)


Columns: TypeAlias = Mapping[str, tuple[int, type[np.generic]]]
"""Name of a feature -> its column in a feature matrix, and its own dtype."""
_KINDS: dict[str, type[np.generic]] = {"bool": np.bool_, "int": np.int64, "float": np.float64}


def columns(table: Sequence[Feature]) -> Columns:
    """Return where the features of a table stand in a matrix."""
    return {f.name: (column, _KINDS[f.dtype]) for column, f in enumerate(table)}


class FeatureColumns(Mapping[str, npt.NDArray[Any]]):
    """An (N, F) feature matrix as a mapping, whose columns are converted when they are read."""

    def __init__(self, columns: Columns, values: npt.NDArray[np.float32]) -> None:
        """Wrap a matrix, which must not change any more.

        Args:
            columns: Of F features.
            values: (N, F) float32.
        """
        self._columns, self._values = columns, values

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """Return a feature of all rows, (N,) of the feature's own dtype."""
        column, kind = self._columns[name]
        found: npt.NDArray[Any] = self._values[:, column].astype(kind)
        return found

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._columns)

    def __len__(self) -> int:
        """Return F."""
        return len(self._columns)

    def __repr__(self) -> str:
        """Show it as the dict it stands for."""
        return repr(dict(self))
