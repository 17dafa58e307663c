"""What candidates are tried on: random play, the oracle's solutions, and attempts at cheating.

It is collected once per env. Cheats are probed where they could pay: at the start of a level and at
places along its solution, above all where a flag is about to change.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from operant.errors import OperantError
from operant.reward_design.llm.task.reading import max_steps
from operant.reward_design.llm.task.spec import ObsView
from operant.reward_design.llm.verify.steps import PlayedEpisode, Policy, StepRecorder, Steps, Take
from operant.seeding import SeedTree
from operant.types import Float

RANDOM_STEPS = 1000
"""Steps of random play, at least."""
LONGEST = 128
"""Steps of an episode of random play, at most, so that there are several levels."""
SOLUTIONS = 5
"""Levels whose solution is played."""
PROBED = 2
"""Levels in which cheats are probed."""
PLACES = 8
"""Places along a solution from which they are."""
REPEATED = 72
"""Steps for which a cheat is repeated."""
CYCLE = 24
"""Steps after which a repeated cheat that leads anywhere is where it was: a multiple of the usual
periods, 2, 3, 4, 6 and 8."""
WORDS = 36
"""Cheats in all, at most."""
_HOLD = 1 / 6
"""Probability with which a sticky random policy draws anew: it gets farther than one that
dithers."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Experience:
    """What candidates are tried on.

    Attributes:
        steps: All distinct steps.
        episodes: What they were parts of.
        special: Three steps that nobody took: features and observations at zero, in the middle and
            at random within their ranges.
        missing: Why no solution is among them, or ``""``.
    """

    steps: Steps
    episodes: tuple[PlayedEpisode, ...]
    special: Steps
    missing: str = ""

    def of(self, *policies: Policy) -> list[PlayedEpisode]:
        """Return the episodes of some policies."""
        return [episode for episode in self.episodes if episode.policy in policies]


def collect(env: gym.Env[Any, Any], view: ObsView, *, seed: int) -> Experience:
    """Play an env; see the constants of this module for how much.

    Args:
        env: The env; its own reward is the true one.
        view: What programs can read of it.
        seed: Of levels and random actions.
    """
    tree, recorder = SeedTree(seed), StepRecorder(env, view)
    levels = [tree.seed(f"level{k}") for k in range(SOLUTIONS)]
    solved = {level: actions for level in levels if (actions := _solution(env, level))}
    played = [*_random_play(env, recorder, tree)]
    for level, actions in solved.items():
        played.append(
            (_Plan("solution", "the solution", level), recorder.play(actions, level=level))
        )
    cheats = _cheats(env.action_space, view, tree.generator("cheats"))
    bools = [f.name for f in view.features if f.dtype == "bool"]
    for level in levels[:PROBED]:
        solution = solved.get(level, ())
        for after in _places(recorder, solution, level, bools):
            for policy, words, cycle in cheats:
                repeated = itertools.islice(itertools.cycle(cycle), REPEATED)
                plan = _Plan(policy, words, level, after)
                take = recorder.play([*solution[:after], *repeated], level=level)
                played.append((plan, take))
    limit = max_steps(env) or 0
    rows = np.concatenate([take.steps for _, take in played])
    distinct, which = np.unique(rows, axis=0, return_inverse=True)
    ends = np.cumsum([len(take.steps) for _, take in played])[:-1]
    episodes = [
        _episode(plan, take, part, limit)
        for (plan, take), part in zip(played, np.split(which.ravel(), ends), strict=True)
    ]
    return Experience(
        steps=recorder.steps(distinct),
        episodes=tuple(episodes),
        special=recorder.steps(_special(view, distinct, tree.generator("special"))),
        missing="" if solved else _WITHOUT,
    )


_WITHOUT = "the env has no oracle that knows a solution, so no successful episode was played"


@dataclasses.dataclass(frozen=True, slots=True)
class _Plan:
    """What an episode is to be: see :class:`PlayedEpisode`."""

    policy: Policy
    words: str
    level: int
    after: int = 0


def _episode(plan: _Plan, take: Take, rows: Any, limit: int) -> PlayedEpisode:
    ended = take.terminated or take.truncated
    return PlayedEpisode(
        policy=plan.policy,
        words=plan.words,
        level=plan.level,
        after=plan.after,
        rows=rows,
        true_rewards=take.rewards,
        terminated=take.terminated,
        success=take.success,
        left=0 if ended else max(0, limit - len(rows)),
    )


def _solution(env: gym.Env[Any, Any], level: int) -> tuple[int, ...]:
    """Return actions that solve a level for sure, or ()."""
    oracle = getattr(env.unwrapped, "oracle", None)
    if oracle is None:
        return ()
    env.reset(seed=level)
    try:
        found = oracle()
    except (OperantError, ValueError):  # too large a level, or one with chance
        return ()
    return tuple(found.actions)


def _random_play(
    env: gym.Env[Any, Any], recorder: StepRecorder, tree: SeedTree
) -> Iterator[tuple[_Plan, Take]]:
    """Play every other episode with actions that are held for a while."""
    rng, space = tree.generator("actions"), env.action_space
    space.seed(tree.seed("space"))
    steps = 0
    for number in itertools.count():
        actions = [space.sample()]
        for _ in range(LONGEST - 1):
            held = number % 2 and rng.random() > _HOLD
            actions.append(actions[-1] if held else space.sample())
        level = tree.seed(f"random{number}")
        take = recorder.play(actions, level=level)
        yield _Plan("random", "random actions", level), take
        steps += len(take.steps)
        if steps >= RANDOM_STEPS:
            return


def _cheats(
    space: gym.Space[Any], view: ObsView, rng: np.random.Generator
) -> list[tuple[Policy, str, tuple[Any, ...]]]:
    """Return what may be repeated: one action, or two and three that may undo each other."""
    if not isinstance(space, spaces.Discrete):
        low, high = _extremes(space)
        still = np.clip(np.zeros_like(low), low, high)
        return [
            ("standing still", "the action nearest to zero", (still,)),
            ("oscillating", "the smallest and the largest action", (low, high)),
        ]
    names = view.actions or tuple(f"action {k}" for k in range(int(space.n)))
    several: list[tuple[int, ...]] = list(itertools.combinations(range(len(names)), 2))
    if {"left", "right", "forward"} <= set(names):  # there and back for who must turn round
        several.append(tuple(map(names.index, ("forward", "left", "left"))))
    if len(several) > (most := max(0, WORDS - len(names))):
        kept = rng.choice(len(several), most, replace=False)
        several = [several[k] for k in sorted(kept)]
    first = int(space.start)
    alone: list[tuple[Policy, tuple[int, ...]]] = [
        ("standing still", (k,)) for k in range(len(names))
    ]
    both = alone[:WORDS] + [("oscillating", cycle) for cycle in several]
    return [
        (policy, ", ".join(names[k] for k in cycle), tuple(first + k for k in cycle))
        for policy, cycle in both
    ]


def _extremes(space: gym.Space[Any]) -> tuple[Any, Any]:
    """Return the smallest and the largest action of a space of vectors, finite ones."""
    if isinstance(space, spaces.Box):
        bounds = np.clip([space.low, space.high], -1e3, 1e3).astype(space.dtype)
        return bounds[0], bounds[1]
    if isinstance(space, spaces.MultiDiscrete):
        return space.start, space.start + space.nvec - 1
    return np.zeros(space.shape, space.dtype), np.ones(space.shape, space.dtype)


def _places(
    recorder: StepRecorder, solution: Sequence[int], level: int, bools: Sequence[str]
) -> list[int]:
    """Return after how many steps of a solution cheats are probed."""
    if not solution:
        return [0]
    info = recorder.steps(recorder.play(solution, level=level).steps).info
    changes = [np.flatnonzero(info[name] != info[f"prev_{name}"]) for name in bools]
    flags = [int(at) + late for each in changes for at in each for late in (0, 1)]
    even = np.linspace(0, len(solution) - 1, 4).astype(int).tolist()
    places = dict.fromkeys(at for at in [0, *flags, *even] if at < len(solution))
    return sorted([*places][:PLACES])


def _special(view: ObsView, rows: Float, rng: np.random.Generator) -> Float:
    """Return three rows like those seen: all zeros, in the middle, at random; in their ranges."""
    names = view.features
    width = max(view.action_size, 1)
    low, high = rows.min(axis=0), rows.max(axis=0)
    if view.elements:
        for start in (0, view.obs_size + width):
            part = slice(start, start + view.obs_size)
            bounds = np.array([[e.low, e.high] for e in view.elements]).T
            low[part] = np.where(np.isfinite(bounds[0]), bounds[0], low[part])
            high[part] = np.where(np.isfinite(bounds[1]), bounds[1], high[part])
    if names:
        tail = slice(len(low) - 2 * len(names), None)
        bounds = np.array([[f.low, f.high] for f in names] * 2).T
        low[tail] = np.where(np.isfinite(bounds[0]), bounds[0], low[tail])
        high[tail] = np.where(np.isfinite(bounds[1]), bounds[1], high[tail])
    drawn = rng.uniform(low, high)
    made = np.array([np.clip(0.0, low, high), (low + high) / 2, drawn])
    whole = [f.dtype != "float" for f in names] * 2
    if names:
        made[:, tail] = np.where(whole, np.floor(made[:, tail]), made[:, tail])
    action = slice(view.obs_size, view.obs_size + width)
    made[:, action] = rows[rng.integers(len(rows), size=3), action]
    return made
