"""Gymnasium's batched infos as the list of dicts that SB3's callbacks read, built when read."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np

from operant.agents.base import Arrays
from operant.agents.native.watcher import Step
from operant.agents.sb3.vec_env import row_info

_LAST = ("final_obs", "final_info")


class LazyInfos(Sequence[dict[str, Any]]):
    """One dict per row, made at its first reading, and the same one from then on.

    Where an episode ended it holds ``terminal_observation``, ``TimeLimit.truncated``, ``episode``
    (``r``: return, ``l``: env steps, ``t``: seconds of training) and, where the env knows,
    ``is_success``.
    """

    def __init__(self, step: Step, ended: Arrays, start: float) -> None:
        """Remember where to read.

        Args:
            step: What the env reported.
            ended: Returns ``rew``, lengths ``len`` and ``success`` of the ended episodes.
            start: When the training began, as :func:`time.time` tells it.
        """
        self._step, self._ended, self._start = step, ended, start
        self._rows: dict[int, dict[str, Any]] = {}

    def __len__(self) -> int:
        """Return N."""
        return len(self._step.terminated)

    @overload
    def __getitem__(self, row: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, row: slice) -> list[dict[str, Any]]: ...

    def __getitem__(self, row: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        """Return the info of a row, or a list of those of several."""
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        if not -len(self) <= row < len(self):
            raise IndexError(f"row must lie in [{-len(self)}, {len(self)}), got {row}")
        row = int(row) % len(self)
        if row not in self._rows:
            self._rows[row] = self._built(row)
        return self._rows[row]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Iterate over the rows."""
        return (self[row] for row in range(len(self)))

    def _built(self, row: int) -> dict[str, Any]:
        infos, done = self._step.infos, self._step.done
        info = row_info({k: v for k, v in infos.items() if k.removeprefix("_") not in _LAST}, row)
        if not done[row]:
            return info
        info |= row_info(infos.get("final_info", {}), row)
        place = int(np.count_nonzero(done[:row]))  # among the ended ones
        if "final_obs" in infos:
            info["terminal_observation"] = infos["final_obs"][row]
        else:
            obs = self._step.obs
            info["terminal_observation"] = (
                {key: part[row] for key, part in obs.items()}
                if isinstance(obs, Mapping)
                else obs[row]
            )
        info["TimeLimit.truncated"] = bool(
            self._step.truncated[row] and not self._step.terminated[row]
        )
        info["episode"] = {
            "r": float(self._ended["rew"][place]),
            "l": int(self._ended["len"][place]),
            "t": round(time.time() - self._start, 6),
        }
        if "success" in self._ended:
            info["is_success"] = bool(self._ended["success"][place])
        return info
