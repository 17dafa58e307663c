"""What a native agent logs, under SB3's names."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from torch import Tensor

from operant.agents.native.collector import Collector
from operant.agents.native.episodes import Episodes
from operant.agents.native.rollout import RolloutBuffer
from operant.agents.native.update import STATISTICS


class Clock:
    """Where the time of one iteration goes: env, reward design, inference, learning."""

    def __init__(self, collector: Collector) -> None:
        """Start."""
        self._collector = collector
        self._env_before, self._design_before = collector.env_seconds, collector.design_seconds
        self._start = self._middle = time.perf_counter()

    def collected(self) -> None:
        """Note that the rollout is complete, and learning begins."""
        self._middle = time.perf_counter()

    def shares(self) -> dict[str, float]:
        """Return the shares of the time until now, which sum to 1."""
        end, env = time.perf_counter(), self._collector.env_seconds - self._env_before
        design = self._collector.design_seconds - self._design_before
        whole = end - self._start
        return {
            "env_share": (env - design) / whole,
            "design_share": design / whole,
            "infer_share": (self._middle - self._start - env) / whole,
            "learn_share": (end - self._middle) / whole,
        }


class TrainingLog:
    """The last scalars.

    Attributes:
        scalars: Name -> value.
        iterations: Rollouts trained on so far.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.scalars: dict[str, float] = {}
        self.iterations = 0

    def add(self, group: str, values: Mapping[str, float]) -> None:
        """Note scalars of one group, ``"train"`` say."""
        self.scalars |= {f"{group}/{name}": float(value) for name, value in values.items()}

    def update(self, rollout: RolloutBuffer, statistics: Tensor, episodes: Episodes) -> None:
        """Note what one update did: the means, (6,), over its minibatches.

        Raises:
            FloatingPointError: If the loss is NaN or infinite.
        """
        self.iterations += 1
        means = statistics.tolist()
        if not all(map(math.isfinite, means)):
            raise FloatingPointError(
                f"training diverged: the means of {STATISTICS} are {means}; lower learning_rate, "
                "or check the scale of observations and rewards"
            )
        self.add("train", dict(zip(STATISTICS, means, strict=True)))
        self.add("train", rollout.explained_variance())
        if len(rollout.streams) > 1:
            means = rollout.rewards[rollout.valid].mean(0).tolist()
            self.add("rollout/reward_mean", dict(zip(rollout.streams, means, strict=True)))
        self.scalars |= episodes.metrics()
        self.add("time", {"iterations": self.iterations})

    def times(self, clock: Clock, transitions: int, seconds: float) -> None:
        """Note where the time of the last iteration went, and how fast all of them were."""
        self.add("time", {"fps": transitions / seconds, "time_elapsed": seconds, **clock.shares()})
