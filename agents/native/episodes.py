"""Returns, lengths and successes of the last episodes."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from operant.agents.base import Array, Arrays, Json
from operant.types import Bool, Float
from operant.wrapping import final_success, true_rewards

WINDOW = 100
"""Episodes over which the statistics are means (SB3's default)."""


class Episodes:
    """Sums up the running episodes of N rows, and remembers the last ended ones.

    Attributes:
        returns: (N,) sums of what the agent was trained on.
        true_returns: (N,) the same over ``infos["true_reward"]``, where the env publishes it.
        lengths: (N,) env steps.
        ended: The episodes that the last step ended: ``rew``, ``len``, ``true_rew`` and, where it
            is known, ``success``, each (K,) in the order of the rows.
    """

    def __init__(self, num_envs: int, window: int = WINDOW) -> None:
        """Start with no episode ended.

        Args:
            num_envs: Rows N.
            window: Episodes over which the statistics are means, >= 1.
        """
        self.returns, self.true_returns = np.zeros(num_envs), np.zeros(num_envs)
        self.lengths = np.zeros(num_envs, np.int64)
        self.ended: Arrays = {}
        self._last: dict[str, deque[float]] = {}
        self._window = window

    def set_window(self, window: int) -> None:
        """Average over so many of the last episodes, >= 1, from now on."""
        self._window = window
        self._last = {name: deque(values, window) for name, values in self._last.items()}

    def last(self, name: str) -> list[float]:
        """Return what was remembered of the last episodes under a name of :attr:`ended`."""
        return list(self._last.get(name, ()))

    def forget(self) -> None:
        """Forget the episodes that have ended."""
        self._last = {}

    def restart(self) -> None:
        """Forget the running episodes."""
        self.returns[:] = self.true_returns[:] = self.lengths[:] = 0

    def step(self, reward: Float, done: Bool, infos: Mapping[str, Any], real: Bool | None) -> None:
        """Add a step of all rows; ``real`` is False in pseudo-steps, None if there are none.

        Where a monitor inside the env publishes ``infos["episode"]`` (``r`` and ``l``), its word
        counts: it sees the rewards before a wrapper around it normalises them.
        """
        self.returns += reward
        self.true_returns += true_rewards(reward, done, infos)
        self.lengths += 1 if real is None else real
        self.ended = {}
        if not done.any():
            return
        self.ended = ended = {
            "rew": self.returns[done],
            "len": self.lengths[done],
            "true_rew": self.true_returns[done],
        }
        final = infos.get("final_info", infos)
        monitored = final.get("episode")
        if monitored is not None:
            ended["rew"], ended["len"] = monitored["r"][done], monitored["l"][done]
        success = final.get("is_success") if "success" not in final else final_success(infos)
        if success is not None:
            ended["success"] = np.asarray(success, np.float64)[done]
        for name, values in ended.items():
            self._last.setdefault(name, deque(maxlen=self._window)).extend(map(float, values))
        self.returns[done] = self.true_returns[done] = self.lengths[done] = 0

    def metrics(self) -> dict[str, float]:
        """Return the means under SB3's names; nothing before the first episode ended."""
        names = {"rew": "ep_rew_mean", "len": "ep_len_mean", "true_rew": "ep_true_rew_mean"}
        return {
            f"rollout/{names.get(name, 'success_rate')}": float(np.mean(values))
            for name, values in self._last.items()
        }

    def state(self) -> Json:
        """Return the last episodes."""
        return {"last": {name: list(values) for name, values in self._last.items()}}

    def load_state(self, meta: Json) -> None:
        """Restore what :meth:`state` returned."""
        self._last = {name: deque(values, self._window) for name, values in meta["last"].items()}
        self.restart()

    def arrays(self) -> Arrays:
        """Return the running episodes."""
        return {
            "returns": self.returns.copy(),
            "true_returns": self.true_returns.copy(),
            "lengths": self.lengths.copy(),
        }

    def load_arrays(self, arrays: Mapping[str, Array]) -> None:
        """Restore what :meth:`arrays` returned."""
        self.returns[:], self.true_returns[:] = arrays["returns"], arrays["true_returns"]
        self.lengths[:] = arrays["lengths"]
