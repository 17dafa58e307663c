"""The particle engine: N worlds of discs, stepped one after the other in compiled code.

Worlds never share arithmetic, so row i of N equals a world of its own to the bit. The order of all
sums is that of MPE, which makes the two comparable to the last digits. All compiled functions are
in this one file: numba's cache notices changes of a function's own file only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

from operant.types import Bool, Float, Int

F = TypeVar("F", bound=Callable[..., Any])
Words = npt.NDArray[np.uint64]

TIME_STEP, DAMPING = 0.1, 0.25
"""Seconds per env step, and the share of its speed that a disc loses in one."""
CONTACT_FORCE, CONTACT_MARGIN = 100.0, 0.001
"""N per metre of overlap, and how soft a contact begins, m."""
NAVIGATION, SPREAD, PURSUIT, TAG = range(4)
"""Codes of the reward rules."""
SPEED, LANDMARK, MATE, TOUCHED, RIVAL, CONTACTS = range(6)
"""Columns of the facts about an agent."""
FACTS = 6
_FAR = 40.0
"""In margins: beyond this gap a contact force is below 1e-18 N."""
_DIRECTIONS = np.array([[0.0, 0.0], [-1.0, 0.0], [1.0, 0.0], [0.0, -1.0], [0.0, 1.0]])
"""Of the actions nothing, left, right, down, up."""
_njit: Any = numba.njit


def _compiled(function: F) -> F:
    """Compile a function and keep the machine code on disk, where there is a place for it."""
    try:
        return cast(F, _njit(error_model="numpy", nogil=True, cache=True)(function))
    except RuntimeError:  # no folder can be written to
        return cast(F, _njit(error_model="numpy", nogil=True)(function))


@_compiled
def _uniform(words: Words, n: int) -> float:
    """Return the next number in [0, 1) of a row's stream (SplitMix64: a counter, well mixed)."""
    words[n] += np.uint64(0x9E3779B97F4A7C15)
    z = words[n]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return float(z >> np.uint64(11)) / 9007199254740992.0


@_compiled
def _distance(at: Float, n: int, a: int, b: int) -> float:
    """Return the distance of two discs of a world; views of rows would cost more than the sum."""
    x, y = at[n, a, 0] - at[n, b, 0], at[n, a, 1] - at[n, b, 1]
    return math.sqrt(x * x + y * y)


@_compiled
def start(
    rows: Int,
    at: Float,
    speed: Float,
    words: Words,
    movers: int,
    reach: float,
    landmark_reach: float,
    gap: float,
) -> None:
    """Draw where discs begin: uniformly in a square, landmarks at least ``gap`` apart.

    Args:
        rows: Worlds to start.
        at: (N, E, 2) positions, movers first, written.
        speed: (N, M, 2) velocities, set to 0.
        words: (N,) states of the random streams.
        movers: M.
        reach: Half the side of the square of movers, m.
        landmark_reach: The same of landmarks.
        gap: Smallest distance of two landmarks, m; 0 for any.
    """
    for n in rows:
        for e in range(movers):
            for k in range(2):
                at[n, e, k] = (2.0 * _uniform(words, n) - 1.0) * reach
                speed[n, e, k] = 0.0
        e, tries = movers, 0
        while e < at.shape[1]:
            for k in range(2):
                at[n, e, k] = (2.0 * _uniform(words, n) - 1.0) * landmark_reach
            fits = True
            for other in range(movers, e):
                if _distance(at, n, e, other) < gap:
                    fits = False
            tries += 1
            if fits:
                e += 1
            elif tries > 1000:  # stuck: those that lie leave no room
                e, tries = movers, 0


@_compiled
def flee(n: int, prey: int, at: Float, hunters: int, solid: Float, reach: float) -> int:
    """Return what a scripted prey does: a step down the potential of hunters, walls, obstacles.

    Args:
        n: World.
        prey: The disc.
        at: (N, E, 2) positions.
        hunters: Discs 0 .. hunters - 1 are fled from.
        solid: (E,) radii of what is pushed away from when near, 0 for others.
        reach: Half the side of the square that it stays in, m.
    """
    here = at[n, prey]
    x, y = 0.0, 0.0
    for e in range(at.shape[1]):
        dx, dy = here[0] - at[n, e, 0], here[1] - at[n, e, 1]
        d2 = dx * dx + dy * dy + 1e-6
        if e < hunters:
            x += dx / (d2 * math.sqrt(d2))
            y += dy / (d2 * math.sqrt(d2))
        elif e != prey and solid[e] > 0.0:
            gap = max(math.sqrt(d2) - solid[e], 0.02)
            if gap < 0.3:
                x += 0.1 * dx / (gap * gap)
                y += 0.1 * dy / (gap * gap)
    for k in range(2):  # walls push from a third of the way in, and ever harder
        room = max(reach - abs(here[k]), 0.02)
        if room < reach / 3.0:
            push = -math.copysign(0.5 / (room * room), here[k])
            if k == 0:
                x += push
            else:
                y += push
    if abs(x) >= abs(y):
        return 2 if x > 0.0 else 1
    return 4 if y > 0.0 else 3


@_compiled
def move(
    n: int, at: Float, speed: Float, force: Float, size: Float, solid: Bool, top: Float
) -> None:
    """Advance one world by a time step.

    Args:
        n: World.
        at: (N, E, 2) positions, m.
        speed: (N, M, 2) velocities, m/s.
        force: (M, 2) own forces, N; contact forces are added.
        size: (E,) radii, m.
        solid: (E,) whether a disc pushes and is pushed.
        top: (M,) largest speeds, m/s, inf for any.
    """
    movers, discs = speed.shape[1], at.shape[1]
    for a in range(movers):  # landmarks, which come last, never move
        if not solid[a]:
            continue
        for b in range(a + 1, discs):
            if not solid[b]:
                continue
            x, y = at[n, a, 0] - at[n, b, 0], at[n, a, 1] - at[n, b, 1]
            far = math.sqrt(x * x + y * y)
            gap = (far - (size[a] + size[b])) / CONTACT_MARGIN
            if gap > _FAR or far == 0.0:
                continue
            if gap > 0.0:
                depth = math.log1p(math.exp(-gap)) * CONTACT_MARGIN
            else:
                depth = (-gap + math.log1p(math.exp(gap))) * CONTACT_MARGIN
            fx, fy = CONTACT_FORCE * x / far * depth, CONTACT_FORCE * y / far * depth
            force[a, 0] += fx
            force[a, 1] += fy
            if b < movers:
                force[b, 0] -= fx
                force[b, 1] -= fy
    for a in range(movers):
        for k in range(2):
            at[n, a, k] += speed[n, a, k] * TIME_STEP
            speed[n, a, k] = speed[n, a, k] * (1.0 - DAMPING) + force[a, k] * TIME_STEP
        fast = math.sqrt(speed[n, a, 0] * speed[n, a, 0] + speed[n, a, 1] * speed[n, a, 1])
        if fast > top[a]:
            for k in range(2):
                speed[n, a, k] = speed[n, a, k] / fast * top[a]


@_compiled
def _measure(n: int, at: Float, far: Float) -> None:
    """Write the distances of all movers of a world to all discs, (M, E)."""
    movers, discs = far.shape
    for i in range(movers):
        far[i, i] = 0.0
        for e in range(i + 1, discs):
            far[i, e] = _distance(at, n, i, e)
            if e < movers:
                far[e, i] = far[i, e]


@_compiled
def _look(n: int, speed: Float, size: Float, first: int, far: Float, facts: Float) -> None:
    """Write the facts about all movers of a world; ``first`` begins the second team."""
    movers, discs = far.shape
    for i in range(movers):
        facts[i, SPEED] = math.sqrt(speed[n, i, 0] ** 2 + speed[n, i, 1] ** 2)
        facts[i, LANDMARK] = facts[i, MATE] = facts[i, RIVAL] = np.inf
        facts[i, TOUCHED] = facts[i, CONTACTS] = 0.0
        for e in range(discs):
            if e == i:
                continue
            if e >= movers:
                facts[i, LANDMARK] = min(facts[i, LANDMARK], far[i, e])
            else:
                ours = (e < first) == (i < first)
                column, count = (MATE, TOUCHED) if ours else (RIVAL, CONTACTS)
                facts[i, column] = min(facts[i, column], far[i, e])
                facts[i, count] += far[i, e] < size[i] + size[e]


@_compiled
def _outside(x: float) -> float:
    """Return MPE's penalty for leaving the screen in one coordinate."""
    x = abs(x)
    if x < 0.9:
        return 0.0
    if x < 1.0:
        return (x - 0.9) * 10.0
    return min(math.exp(2.0 * x - 2.0), 10.0)


@_compiled
def _uncovered(far: Float, cover: float) -> tuple[float, int]:
    """Return minus the sum of the landmarks' ways to the nearest mover, and how many have none."""
    total, lacking = 0.0, 0
    movers, discs = far.shape
    for e in range(movers, discs):
        nearest = np.inf
        for i in range(movers):
            nearest = min(nearest, far[i, e])
        total -= nearest
        lacking += nearest >= cover
    return total, lacking


@_compiled
def judge(
    n: int,
    at: Float,
    first: int,
    rule: int,
    share: float,
    cover: float,
    far: Float,
    facts: Float,
    caught: Bool,
    reward: Float,
) -> bool:
    """Write what all movers of a world are paid for a step; return whether they have succeeded.

    Args:
        n: World.
        at: (N, E, 2) positions.
        first: The second team begins here; M where there is one team.
        rule: ``NAVIGATION``, ``SPREAD``, ``PURSUIT`` or ``TAG``.
        share: Of an agent's own part in ``SPREAD``.
        cover: How near to a landmark counts as on it, m.
        far: (M, E) distances after the step.
        facts: (M, 6) of the state after the step.
        caught: (N, M) who was touched by a rival in this episode, updated.
        reward: (M,) written.
    """
    movers = len(facts)
    if rule in (NAVIGATION, SPREAD):
        total, lacking = _uncovered(far, cover)
        for i in range(movers):
            if rule == NAVIGATION:
                reward[i] = -facts[i, LANDMARK] - facts[i, TOUCHED]
            else:
                reward[i] = total * (1.0 - share) - facts[i, TOUCHED] * share
        return lacking == 0
    hits = 0.0
    for i in range(first):
        hits += facts[i, CONTACTS]
    free = 0
    for i in range(movers):
        if i < first:
            near = 10.0 * facts[i, CONTACTS] - 0.1 * facts[i, RIVAL]
            reward[i] = near if rule == PURSUIT else 10.0 * hits
        else:
            reward[i] = -10.0 * facts[i, CONTACTS] - _outside(at[n, i, 0]) - _outside(at[n, i, 1])
            caught[n, i] |= facts[i, CONTACTS] > 0.0
            free += not caught[n, i]
    return free == 0


@_compiled
def _nearest(
    i: int, far: Float, low: int, high: int, chosen: Int, distances: Float, ranked: bool
) -> int:
    """Write the discs low .. high - 1 but i into ``chosen``, nearest first; return how many."""
    count, room = 0, len(chosen)
    for e in range(low, high):
        if e == i or room == 0:
            continue
        away = far[i, e]
        slot = count
        if ranked:
            if count == room:
                if not away < distances[count - 1]:
                    continue
                slot = count - 1
            while slot > 0 and away < distances[slot - 1]:
                chosen[slot], distances[slot] = chosen[slot - 1], distances[slot - 1]
                slot -= 1
        elif count == room:
            break
        chosen[slot], distances[slot] = e, away
        count = min(count + 1, room)
    return count


@_compiled
def show(
    n: int,
    at: Float,
    speed: Float,
    first: int,
    sees: Int,
    ranked: bool,
    far: Float,
    chosen: Int,
    distances: Float,
    obs: npt.NDArray[np.float32],
) -> None:
    """Write what agents see: own velocity and place, then where others are, relative to it.

    Args:
        n: World.
        at: (N, E, 2) positions.
        speed: (N, M, 2) velocities.
        first: The second team begins here.
        sees: (2, 4) per team of the observer: how many landmarks, discs of the first and of the
            second team, and of the latter's velocities.
        ranked: True for the nearest first, False for the order of their numbers.
        far: (M, E) distances.
        chosen: (E,) scratch.
        distances: (E,) scratch.
        obs: (N, P, D) written; what a team has no use for is 0.
    """
    movers, discs = speed.shape[1], at.shape[1]
    for i in range(obs.shape[1]):
        row, seen = obs[n, i], sees[0 if i < first else 1]
        row[:] = 0.0
        for k in range(2):
            row[k], row[2 + k] = speed[n, i, k], at[n, i, k]
        d = 4
        for part in range(3):
            low = movers if part == 0 else (0 if part == 1 else first)
            high = discs if part == 0 else (first if part == 1 else movers)
            count = _nearest(i, far, low, high, chosen[: seen[part]], distances, ranked)
            for slot in range(count):
                for k in range(2):
                    row[d + 2 * slot + k] = at[n, chosen[slot], k] - at[n, i, k]
            d += 2 * seen[part]
            if part == 2:
                for slot in range(min(count, seen[3])):
                    for k in range(2):
                        row[d + 2 * slot + k] = speed[n, chosen[slot], k]


@_compiled
def advance(
    actions: Int,
    at: Float,
    speed: Float,
    caught: Bool,
    size: Float,
    solid: Bool,
    push: Float,
    top: Float,
    first: int,
    rule: int,
    share: float,
    cover: float,
    reach: float,
    sees: Int,
    ranked: bool,
    facts: Float,
    reward: Float,
    success: Bool,
    obs: npt.NDArray[np.float32],
) -> None:
    """Step all worlds: (N, P) actions, the movers after the first P being scripted prey.

    Args:
        actions: 0 nothing, 1 left, 2 right, 3 down, 4 up.
        at: (N, E, 2) positions, updated.
        speed: (N, M, 2) velocities, updated.
        caught: (N, M), updated.
        size: (E,) radii.
        solid: (E,) who pushes and is pushed.
        push: (M,) force of a mover, N.
        top: (M,) largest speed.
        first: The second team begins here.
        rule: Reward rule.
        share: Of an agent's own part in ``SPREAD``.
        cover: How near to a landmark counts as on it, m.
        reach: Half the side of the square that scripted prey stay in.
        sees: See :func:`show`.
        ranked: See :func:`show`.
        facts: (N, M, 6) written.
        reward: (N, M) written.
        success: (N,) written.
        obs: (N, P, D) written.
    """
    movers, controlled = speed.shape[1], actions.shape[1]
    force = np.zeros((movers, 2))
    chosen, distances = np.zeros(at.shape[1], np.int64), np.zeros(at.shape[1])
    far = np.zeros((speed.shape[1], at.shape[1]))
    walls = np.where(solid, size, 0.0)
    for n in range(len(at)):
        for i in range(movers):
            act = actions[n, i] if i < controlled else flee(n, i, at, first, walls, reach)
            for k in range(2):
                force[i, k] = push[i] * _DIRECTIONS[act, k]
        move(n, at, speed, force, size, solid, top)
        _measure(n, at, far)
        _look(n, speed, size, first, far, facts[n])
        success[n] = judge(n, at, first, rule, share, cover, far, facts[n], caught, reward[n])
        show(n, at, speed, first, sees, ranked, far, chosen, distances, obs)


@_compiled
def survey(
    rows: Int,
    at: Float,
    speed: Float,
    size: Float,
    first: int,
    sees: Int,
    ranked: bool,
    facts: Float,
    obs: npt.NDArray[np.float32],
) -> None:
    """Write facts and observations of some worlds."""
    chosen, distances = np.zeros(at.shape[1], np.int64), np.zeros(at.shape[1])
    far = np.zeros((speed.shape[1], at.shape[1]))
    for n in rows:
        _measure(n, at, far)
        _look(n, speed, size, first, far, facts[n])
        show(n, at, speed, first, sees, ranked, far, chosen, distances, obs)
