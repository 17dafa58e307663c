"""The last whole episodes that came by, put together from rollouts that cut them anywhere."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from operant.types import Float, Int, Rollout

Rows = npt.NDArray[np.float32]
UNSEEN = -1
"""Length of a running episode whose beginning was not seen."""


class PaidEpisode(NamedTuple):
    """A whole episode: what was seen at each of its T steps, (T, size), and what all of it paid.

    The T steps of a team's episode are those of all its members, one member after the other.
    """

    inputs: Rows
    paid: float


class EpisodeBank:
    """Collects whole episodes of N envs; the oldest are forgotten.

    An episode whose first step was not seen, or which was abandoned, is left out. Episodes that end
    together are ordered by what is in them, so that the slot of an env makes no difference. Slots
    of a team, which begin and end together, share one episode: it paid what they were paid in sum.
    """

    def __init__(
        self, *, num_envs: int, size: int, capacity: int, groups: Sequence[int] = ()
    ) -> None:
        """Start with nothing.

        Args:
            num_envs: N >= 1.
            size: Numbers that are kept of each step.
            capacity: Whole episodes to remember, >= 1.
            groups: (N,) the team of each slot; empty where every slot is on its own.
        """
        self._size = size
        self._whole: deque[PaidEpisode] = deque(maxlen=capacity)
        self._running: list[list[Rows]] = [[] for _ in range(num_envs)]
        self._lengths = np.full(num_envs, UNSEEN, np.int64)
        self._paid = np.zeros(num_envs)
        self._groups = list(groups) or list(range(num_envs))
        self._members = Counter(self._groups)

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

        Raises:
            ValueError: If some members of a team end an episode without the others.
        """
        ended: dict[tuple[int, int], list[PaidEpisode]] = {}
        for row in range(r.reward.shape[1]):
            steps = np.flatnonzero(r.valid[:, row])
            done = (r.terminated | r.truncated)[steps, row]
            starts = (r.episode_step[steps, row] == 0) | np.r_[False, done[:-1]]
            for part in np.split(steps, np.flatnonzero(starts)):
                episode = self._take(row, part, inputs, r) if len(part) else None
                if episode is not None:
                    ended.setdefault((int(part[-1]), self._groups[row]), []).append(episode)
        at_times = [(at, self._together(group, parts)) for (at, group), parts in ended.items()]
        whole = [episode for _, episode in sorted(at_times, key=_order)]
        self._whole.extend(whole)
        return whole

    def _take(
        self, row: int, steps: npt.NDArray[np.intp], inputs: Rows, r: Rollout
    ) -> PaidEpisode | None:
        """Take in steps of one slot's episode; return it if they complete it."""
        first, last = int(r.episode_step[steps[0], row]), int(steps[-1])
        if first == 0:
            self._running[row], self._lengths[row], self._paid[row] = [], 0, 0.0
        elif first != self._lengths[row]:
            self._running[row], self._lengths[row] = [], UNSEEN
            return None
        self._running[row].append(inputs[steps, row])
        self._lengths[row] += len(steps)
        for reward in r.reward[steps, row].tolist():  # one by one, wherever rollouts are cut
            self._paid[row] += reward
        if not (r.terminated[last, row] or r.truncated[last, row]):
            return None
        episode = PaidEpisode(np.concatenate(self._running[row]), float(self._paid[row]))
        self._running[row], self._lengths[row] = [], UNSEEN
        return episode

    def _together(self, group: int, shares: list[PaidEpisode]) -> PaidEpisode:
        """Return the members' shares of a team's episode as that episode."""
        if len(shares) < self._members[group]:
            raise ValueError(
                f"slots of group {group} must begin and end their episodes together, but "
                f"{len(shares)} of {self._members[group]} ended one alone"
            )
        if len(shares) == 1:
            return shares[0]
        shares = sorted(shares, key=_content)  # which slot is whose makes no difference
        inputs = np.concatenate([share.inputs for share in shares])
        return PaidEpisode(inputs, math.fsum(share.paid for share in shares))

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


def _order(ended: tuple[int, PaidEpisode]) -> tuple[int, tuple[int, float, bytes]]:
    return ended[0], _content(ended[1])


def _content(episode: PaidEpisode) -> tuple[int, float, bytes]:
    return len(episode.inputs), episode.paid, episode.inputs.tobytes()


def _joined(parts: list[Rows], size: int) -> Rows:
    return np.concatenate([np.zeros((0, size), np.float32), *parts])


def _parted(inputs: Rows, lengths: Int) -> list[Rows]:
    if not len(lengths):
        return []
    return [part.copy() for part in np.split(inputs, np.cumsum(lengths)[:-1])]
