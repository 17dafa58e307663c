"""The last whole episodes that came by, put together from rollouts that cut them anywhere."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from operant.types import Float, Int, Rollout

Rows = npt.NDArray[np.float32]
UNSEEN = -1
"""Length of a running episode whose beginning was not seen."""


class PaidEpisode(NamedTuple):
    """A whole episode: what was seen at each of its T steps, (T, size), and what all of it paid."""

    inputs: Rows
    paid: float


class EpisodeBank:
    """Collects whole episodes of N envs; the oldest are forgotten.

    An episode whose first step was not seen, or which was abandoned, is left out. Episodes that end
    together are ordered by what is in them, so that the slot of an env makes no difference.
    """

    def __init__(self, *, num_envs: int, size: int, capacity: int) -> None:
        """Start with nothing.

        Args:
            num_envs: N >= 1.
            size: Numbers that are kept of each step.
            capacity: Whole episodes to remember, >= 1.
        """
        self._size = size
        self._whole: deque[PaidEpisode] = deque(maxlen=capacity)
        self._running: list[list[Rows]] = [[] for _ in range(num_envs)]
        self._lengths = np.full(num_envs, UNSEEN, np.int64)
        self._paid = np.zeros(num_envs)

    def __len__(self) -> int:
        """Return the number of whole episodes."""
        return len(self._whole)

    def __iter__(self) -> Iterator[PaidEpisode]:
        """Iterate over the whole episodes, the oldest first."""
        return iter(self._whole)

    @property
    def lengths(self) -> Int:
        """(E,) steps of the whole episodes."""
        return np.array([len(episode.inputs) for episode in self._whole], np.int64)

    @property
    def paid(self) -> Float:
        """(E,) returns of the whole episodes."""
        return np.array([episode.paid for episode in self._whole], np.float64)

    def add(self, inputs: Rows, r: Rollout) -> list[PaidEpisode]:
        """Take in a rollout, (T, N) steps; return the episodes that it completed.

        Args:
            inputs: (T, N, size) what is kept; anything in pseudo-steps.
            r: The rollout.
        """
        ended: list[tuple[int, PaidEpisode]] = []
        for row in range(r.reward.shape[1]):
            steps = np.flatnonzero(r.valid[:, row])
            done = (r.terminated | r.truncated)[steps, row]
            starts = (r.episode_step[steps, row] == 0) | np.r_[False, done[:-1]]
            for part in np.split(steps, np.flatnonzero(starts)):
                if len(part):
                    ended += self._take(row, part, inputs, r)
        ended.sort(key=_order)
        whole = [episode for _, episode in ended]
        self._whole.extend(whole)
        return whole

    def _take(
        self, row: int, steps: npt.NDArray[np.intp], inputs: Rows, r: Rollout
    ) -> list[tuple[int, PaidEpisode]]:
        """Take in steps of one episode; return it and the time of its end if they complete it."""
        first, last = int(r.episode_step[steps[0], row]), int(steps[-1])
        if first == 0:
            self._running[row], self._lengths[row], self._paid[row] = [], 0, 0.0
        elif first != self._lengths[row]:
            self._running[row], self._lengths[row] = [], UNSEEN
            return []
        self._running[row].append(inputs[steps, row])
        self._lengths[row] += len(steps)
        for reward in r.reward[steps, row].tolist():  # one by one, wherever rollouts are cut
            self._paid[row] += reward
        if not (r.terminated[last, row] or r.truncated[last, row]):
            return []
        episode = PaidEpisode(np.concatenate(self._running[row]), float(self._paid[row]))
        self._running[row], self._lengths[row] = [], UNSEEN
        return [(last, episode)]

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return the episodes, whole and running, one after the other."""
        parts = [part for row in self._running for part in row]
        return {
            "whole/inputs": _joined([each.inputs for each in self._whole], self._size),
            "whole/lengths": self.lengths,
            "whole/paid": self.paid,
            "running/inputs": _joined(parts, self._size),
            "running/lengths": self._lengths.copy(),
            "running/paid": self._paid.copy(),
        }

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned."""
        whole = _parted(state["whole/inputs"], state["whole/lengths"])
        paid = state["whole/paid"].tolist()
        self._whole.clear()
        self._whole.extend(PaidEpisode(*each) for each in zip(whole, paid, strict=True))
        self._lengths, self._paid = state["running/lengths"].copy(), state["running/paid"].copy()
        running = _parted(state["running/inputs"], np.maximum(self._lengths, 0))
        self._running = [[part] if len(part) else [] for part in running]


def _order(ended: tuple[int, PaidEpisode]) -> tuple[int, int, float, bytes]:
    at, episode = ended
    return at, len(episode.inputs), episode.paid, episode.inputs.tobytes()


def _joined(parts: list[Rows], size: int) -> Rows:
    return np.concatenate([np.zeros((0, size), np.float32), *parts])


def _parted(inputs: Rows, lengths: Int) -> list[Rows]:
    if not len(lengths):
        return []
    return [part.copy() for part in np.split(inputs, np.cumsum(lengths)[:-1])]
