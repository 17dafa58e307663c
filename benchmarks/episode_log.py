"""What evaluations show beside scores: mean terms of the reward, and how episodes ended."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.types import Bool, Float

TAIL = 20
"""Steps of an episode that are kept, the last ones."""
ENDS = ("success", "terminated", "truncated")
"""How an episode can end: with success; without, as the MDP ended; or by the time limit."""


class EpisodeLog:
    """Watches evaluations; of the last one it keeps episodes.

    What it knows is JSON (:meth:`to_json`), and is written to ``episodes.json`` of a run::

        {"step": [0, 512],                          env steps trained before each evaluation
         "terms": [{"env": 0.0, "bonus": 0.01}, ...],  mean per env step, for each evaluation
         "ends": {"success": 0.75, "truncated": 0.25}, shares at the last one; only what happened
         "episodes": [{"length": 40, "success": false, "ended": "truncated",
                       "steps": [{"action": 2, "reward": 0.0, "features": {"has_key": 1.0}}]}]}

    ``episodes`` are the first ones of the last evaluation, failures first, with their last
    :data:`TAIL` steps; ``reward`` is the designed one, ``features`` are those after the step.
    """

    def __init__(self, episodes: int) -> None:
        """Start without any evaluation.

        Args:
            episodes: Number of episodes to keep, >= 1.
        """
        self._keep = episodes
        self._told: dict[str, Any] = {"step": [], "terms": [], "ends": {}, "episodes": []}
        self.begin()

    def begin(self) -> None:
        """Start an evaluation; one that was broken off is forgotten."""
        self._sums: dict[str, float] = {}
        self._steps = self._length = 0
        self._tail: deque[_Seen] = deque(maxlen=TAIL)
        self._ended: dict[int, dict[str, Any]] = {}

    def watch(
        self,
        *,
        running: Bool,
        action: npt.NDArray[Any],
        designed: Float,
        truncated: Bool,
        success: Bool,
        ended: Bool,
        infos: Mapping[str, Any],
    ) -> None:
        """See one step of a batch of B envs in ``SAME_STEP`` mode.

        Args:
            running: (B,), rows in whose first episode it was.
            action: (B, ...) what was done.
            designed: (B,) designed reward.
            truncated: (B,), rows whose episode the time limit cut.
            success: (B,), rows whose episode ended with success.
            ended: (B,), rows whose episode ended in any way.
            infos: Of the step.
        """
        for name, value in infos["reward_terms"].items():
            if not name.startswith("_"):
                self._sums[name] = self._sums.get(name, 0.0) + float(value[running].sum())
        self._steps += int(running.sum())
        self._length += 1  # of every row whose first episode is still under way
        final = infos.get("final_info", {}).get("features", {})
        self._tail.append(_Seen(action, designed, infos.get("features", {}), final, ended))
        for row in np.flatnonzero(running & ended).tolist():
            how = "success" if success[row] else "truncated" if truncated[row] else "terminated"
            self._ended[row] = {
                "length": self._length,
                "success": how == "success",
                "ended": how,
                "steps": [seen.step(row) for seen in self._tail],
            }

    def end(self, step: int) -> None:
        """Count an evaluation whose episodes have all ended.

        Args:
            step: Env steps trained before it.
        """
        episodes = [self._ended[row] for row in sorted(self._ended)]
        ends = [episode["ended"] for episode in episodes]
        episodes.sort(key=lambda episode: episode["success"])  # stable: levels stay in order
        self._told = {
            "step": [*self._told["step"], step],
            "terms": [
                *self._told["terms"],
                {name: total / self._steps for name, total in self._sums.items()},
            ],
            "ends": {how: ends.count(how) / len(ends) for how in ENDS if how in ends},
            "episodes": episodes[: self._keep],
        }

    def to_json(self) -> dict[str, Any]:
        """Return what was seen as JSON values."""
        return self._told

    def load_json(self, told: Mapping[str, Any]) -> None:
        """Go on where :meth:`to_json` was."""
        self._told = dict(told)


@dataclasses.dataclass(frozen=True, slots=True)
class _Seen:
    """One step of all rows; most are never looked at, so nothing is converted before it is."""

    action: npt.NDArray[Any]
    designed: Float
    features: Mapping[str, Any]
    final: Mapping[str, Any]
    """Features of the last states of the episodes that ended; ``features`` has the next ones'."""
    ended: Bool

    def step(self, row: int) -> dict[str, Any]:
        """Return a row as JSON values, with the features that are one number."""
        told = self.final if self.ended[row] and self.final else self.features
        columns = {name: np.asarray(value) for name, value in told.items() if name[:1] != "_"}
        return {
            "action": self.action[row].tolist(),
            "reward": float(self.designed[row]),
            "features": {
                name: float(column[row]) for name, column in columns.items() if column.ndim == 1
            },
        }
