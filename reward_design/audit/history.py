"""The audit of designs with a memory: a certificate, or a search for what refutes them.

What such a design pays depends on all of the episode, so its best policy cannot be planned for on
the states of the env. Two things can still be said on a deterministic level with a time limit:

* If all episodes are given the same extra, the design orders them as the truth does. That is a
  theorem about designs that promise it (``spec.invariance``); the audit checks its premise on
  episodes of many kinds (wandering, solving, farming what the design pays for).
* If an episode that is not truly best earns at least as much of the designed reward as *every*
  truly best one, then something that is best for the design is not truly best. The truly best
  episodes are enumerated, others are looked for by a beam search.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from operant.reward_design.audit.findings import Audit, Counterexample, Episode
from operant.reward_design.audit.level import AuditedLevel, Play
from operant.reward_design.audit.plans import FLAGGED, best_plan, unit

SAMPLES = 64
"""Episodes that wander before they solve the level."""
BEAM = 32
"""Episodes that a search keeps at each step."""
LONGEST = 60
"""Steps of a search; the most promising episode of each is finished by what is truly best."""
MOST_BEST = 4_000
"""More partial episodes than this, all truly best, are not enumerated."""
ROUNDING = 1e-11
"""Returns that differ by less than this part of what was paid are equal."""

Choose = Callable[[Play], int]


def audit_history(world: AuditedLevel, *, name: str, promised: bool, seed: int = 0) -> Audit:
    """Audit a design whose rewards depend on the episode so far.

    Args:
        world: The level and the design.
        name: What to call the design.
        promised: True if the design promises to keep the optimal policies.
        seed: Seed of the episodes that are tried.
    """
    solve = _solve(world)
    tried = list(_episodes(world, solve, seed))
    extra = tried[0].designed - tried[0].true
    same = all(
        abs(played.designed - played.true - extra) <= _rounding(played, tried[0])
        for played in tried
    )
    made = Audit(
        design=name,
        preserves_optimal_policy=True,
        method="certificate",
        reason=f"all {len(tried)} episodes get the same extra, {extra:.4g} discounted, "
        "as the design promises, so their order is the true one",
        gamma=world.gamma,
        states=world.mdp.num_states,
        episodes=len(tried),
    )
    if same and promised:
        return made
    best = _truly_best(world)
    found = _refuting(tried, best, world.rounding)
    if found is None and best:
        tried += _search(world, solve)
        found = _refuting(tried, best, world.rounding)
    made = dataclasses.replace(
        made, preserves_optimal_policy=None, method="search", episodes=len(tried)
    )
    if found is not None:
        return _refuted(made, world, found, max(best, key=lambda played: played.designed))
    extras = [played.designed - played.true for played in tried]
    spread = "the same" if same else f"between {min(extras):.4g} and {max(extras):.4g}"
    why = (
        f"no counterexample was found among {len(tried)}"
        if best
        else "the truly best ones are too many to compare with"
    )
    return dataclasses.replace(
        made, reason=f"episodes get {spread} extra, and nothing is guaranteed; but {why}"
    )


# ---- episodes -------------------------------------------------------------------------------


def _solve(world: AuditedLevel) -> Choose:
    """Return a truly best policy."""
    return lambda played: world.best_actions(played)[0]


def _farm(world: AuditedLevel) -> Choose:
    """Return the policy that would be best if the design paid as in an episode's first step."""
    plan = best_plan(world.mdp, unit(world.first_rewards()), world.gamma)
    return lambda played: int(plan.policy[played.state])


def _episodes(world: AuditedLevel, solve: Choose, seed: int) -> Iterator[Play]:
    """Play episodes of many kinds to their ends."""
    rng, actions = np.random.default_rng(seed), world.mdp.num_actions

    def wander_for(steps: int) -> Choose:
        def choose(played: Play) -> int:
            wanders = len(played.actions) < steps
            return int(rng.integers(actions)) if wanders else solve(played)

        return choose

    yield world.play(world.begin(), solve)
    for number in range(SAMPLES):
        yield world.play(world.begin(), wander_for(int(rng.integers(1, 40))))
        if number % 8 == 0:
            yield world.play(world.begin(), wander_for(world.max_steps))
    yield world.play(world.begin(), _farm(world))


def _search(world: AuditedLevel, solve: Choose) -> list[Play]:
    """Return the finished episodes of a beam search for designed return.

    A partial episode is worth what it was paid, plus the true value of where it stands.
    """

    def hope(played: Play) -> float:
        return played.designed + world.gamma ** len(played.actions) * world.best_value(played)

    ended, beam = [], [world.begin()]
    for _ in range(min(world.max_steps, LONGEST)):
        children = [
            world.after(played, action)
            for played in beam
            for action in range(world.mdp.num_actions)
        ]
        ended += [child for child in children if world.over(child)]
        going = [child for child in children if not world.over(child)]
        if not going:
            break
        beam = sorted(going, key=hope, reverse=True)[:BEAM]
        ended.append(world.play(beam[0], solve))
    return ended


def _truly_best(world: AuditedLevel) -> list[Play]:
    """Return all truly best episodes; none if they are too many."""
    going, ended = [world.begin()], []
    while going:
        ahead = [
            world.after(played, action) for played in going for action in world.best_actions(played)
        ]
        ended += [played for played in ahead if world.over(played)]
        going = [played for played in ahead if not world.over(played)]
        if len(going) + len(ended) > MOST_BEST:
            return []
    return ended


# ---- verdicts -------------------------------------------------------------------------------


def _refuting(tried: Sequence[Play], best: Sequence[Play], rounding: float) -> Play | None:
    """Return the truly worse episode that the design likes most, if as much as the best ones.

    Where there are no best ones to compare with, nothing is refuted.
    """
    if not best:
        return None
    limit = max(best, key=lambda played: played.designed)
    value = max(played.true for played in best)
    worse = [
        played
        for played in tried
        if value - played.true > max(FLAGGED * max(abs(value), abs(played.true)), rounding)
    ]
    liked = [
        played for played in worse if played.designed >= limit.designed - _rounding(limit, played)
    ]
    return max(liked, key=lambda played: played.designed, default=None)


def _rounding(one: Play, other: Play) -> float:
    """Return how much the designed returns of two episodes may differ and be equal."""
    return ROUNDING * max(one.size, other.size)


def _refuted(made: Audit, world: AuditedLevel, found: Play, honest: Play) -> Audit:
    """Return the verdict that an episode refutes the design."""
    return dataclasses.replace(
        made,
        preserves_optimal_policy=False,
        reason=f"an episode earns {found.designed:.4g} of the designed return, every truly best "
        f"one {honest.designed:.4g} at most; and {honest.true - found.true:.4g} less of the true "
        "return",
        counterexample=_counterexample(world, found, honest),
    )


def _counterexample(world: AuditedLevel, found: Play, honest: Play) -> Counterexample:
    """Describe where an episode leaves what is truly best."""
    played = world.begin()
    while found.actions[len(played.actions)] in world.best_actions(played):
        action = found.actions[len(played.actions)]
        played = world.step(played, action, played.design)
    step = len(played.actions)
    rewards, state = [], played.state
    for action in found.actions[step:]:
        rewards.append(float(world.mdp.reward[state, action]))
        state = int(world.mdp.next_state[state, action])
    return Counterexample(
        path=found.actions[:step],
        on_the_way=True,
        design_action=found.actions[step],
        true_actions=tuple(world.best_actions(played)),
        true_value=world.best_value(played),
        reached_value=float(world.gamma ** np.arange(len(rewards)) @ np.array(rewards)),
        hack=_shown(found),
        honest=_shown(honest),
    )


def _shown(played: Play) -> Episode:
    return Episode(
        actions=played.actions,
        success=played.success,
        true_return=played.true,
        designed_return=played.designed,
    )
