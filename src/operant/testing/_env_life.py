"""Rules of check_env about the life of an env: actions, ends, rendering, closing."""

from __future__ import annotations

import copy
import functools
import itertools
from typing import Any

import gymnasium as gym
import numpy as np

from operant.testing._play import Moment, Subject, play
from operant.testing._report import error_of, require
from operant.testing._values import first_difference

MANY_STEPS = 20_000
"""Longest time limit, in env steps, that is played out."""


def rule_step_before_reset(subject: Subject) -> None:
    """``step()`` before the first ``reset()`` raises."""
    env = subject.make()
    error = error_of(lambda: env.step(env.action_space.sample()))
    require(error, "step() before reset() is accepted", "raise gymnasium.error.ResetNeeded")
    env.close()


def rule_step_after_end(subject: Subject) -> None:
    """``step()`` after an episode's end raises, for envs with a card.

    An end that only Gymnasium's TimeLimit wrapper knows about is exempt: the env cannot see it.
    """
    if subject.card() is None:
        return
    env = subject.make()
    outside_limit = _has_time_limit(env)
    for moment in play(env, steps=subject.steps, seed=subject.seed):
        if moment.last and not (outside_limit and not moment.terminated):
            error = error_of(lambda: env.step(env.action_space.sample()))
            require(
                error,
                f"step() after the episode ended at call {moment.at} is accepted",
                "raise gymnasium.error.ResetNeeded until reset() is called",
            )
    env.close()


def _has_time_limit(env: gym.Env[Any, Any]) -> bool:
    while isinstance(env, gym.Wrapper):
        if isinstance(env, gym.wrappers.TimeLimit):
            return True
        env = env.env
    return False


def rule_action_edges(subject: Subject) -> None:
    """Extreme actions are accepted; impossible ones raise a telling error and change nothing."""
    inside, outside = _edges(subject)
    for action in inside:
        env = subject.make()
        env.reset(seed=subject.seed)
        error = error_of(functools.partial(env.step, action))
        require(not error, f"action {action!r} is refused: {error}", "accept the whole space")
        env.close()
    for action in outside:
        _require_refused(subject, action)


def _edges(subject: Subject) -> tuple[list[Any], list[Any]]:
    env = subject.make()
    space = env.action_space
    env.close()
    if isinstance(space, gym.spaces.Discrete):
        first, end = int(space.start), int(space.start + space.n)
        return [first, np.int64(end - 1)], [first - 1, np.int64(end)]
    if isinstance(space, gym.spaces.MultiDiscrete):
        last = (space.start + space.nvec - 1).astype(space.dtype)
        return [space.start.astype(space.dtype), last], [last + 1, space.start - 1]
    if isinstance(space, gym.spaces.Box) and space.is_bounded():
        wrong_shape = np.zeros((*space.shape, 2), space.dtype)
        return [space.low.copy(), space.high.copy()], [wrong_shape]
    return [], []


def _require_refused(subject: Subject, action: Any) -> None:
    env, untouched = subject.make(), subject.make()
    for each in (env, untouched):
        each.reset(seed=subject.seed)
    error = error_of(lambda: env.step(action))
    require(error, f"action {action!r} outside {env.action_space} is accepted", "raise ValueError")
    telling = "action" in error.lower() or str(action) in error
    require(telling, f"action {action!r} gives {error!r}", "name the action and the allowed range")
    after, plain = (
        [copy.deepcopy(m.content) for m in play(each, steps=20, seed=None, midway=True)]
        for each in (env, untouched)
    )
    difference = first_difference(plain, after, "future")
    require(not difference, f"refused {action!r} left a trace: {difference}", "check it first")
    for each in (env, untouched):
        each.close()


def rule_time_limit_truncates(subject: Subject) -> None:
    """At the time limit ``truncated`` is True, and ``terminated`` is not unless the MDP ended."""
    env = subject.make()
    limit = env.spec.max_episode_steps if env.spec else None
    limit = limit or getattr(env.unwrapped, "max_steps", None)
    if limit is None or limit > MANY_STEPS:
        return
    for moment, length in (_end_of(env, action, limit, subject.seed) for action in _idle(env)):
        require(
            length < limit or moment.last,
            f"an episode goes on after its limit of {limit} steps",
            "truncate at the limit",
        )
        require(
            length < limit or (moment.truncated and not moment.terminated),
            f"an idle episode of {limit} steps, the limit, ends with "
            f"terminated={moment.terminated}, truncated={moment.truncated}",
            "set truncated at the time limit, and terminated only where the MDP itself ends",
        )
    env.close()


def _idle(env: gym.Env[Any, Any]) -> list[Any]:
    """Return constant actions: an agent that repeats one mostly gets nowhere."""
    space = env.action_space
    if isinstance(space, gym.spaces.Discrete):
        return list(range(int(space.start), int(space.start + space.n)))[:8]
    if isinstance(space, gym.spaces.Box):
        return [np.clip(np.zeros(space.shape), space.low, space.high).astype(space.dtype)]
    return []


def _end_of(env: gym.Env[Any, Any], action: Any, limit: int, seed: int) -> tuple[Moment, int]:
    env.reset(seed=seed)
    for length in itertools.count(1):
        obs, reward, terminated, truncated, info = env.step(action)
        moment = Moment(
            at=length,
            first=False,
            obs=obs,
            reward=reward,
            terminated=terminated,
            truncated=truncated,
            info=info,
        )
        if moment.last or length >= limit:
            return moment, length
    raise AssertionError("unreachable")


def rule_oracle_holds(subject: Subject) -> None:
    """The env's oracle keeps its word: its actions are played, and nobody does better.

    Asking it changes nothing. Applies to envs with ``unwrapped.oracle()``.
    """
    env = subject.make()
    solve = getattr(env.unwrapped, "oracle", None)
    if solve is None:
        return
    for i in range(5):
        env.reset(seed=subject.seed + i)
        oracle = solve()
        rewards: list[float] = []
        done, success = False, False
        for action in oracle.actions:
            _, reward, terminated, truncated, info = env.step(action)
            rewards.append(float(reward))
            done, success = terminated or truncated, bool(info.get("success"))
        if oracle.kind == "exact" and oracle.solution_length is not None:
            require(
                done and success and len(rewards) == oracle.solution_length,
                f"seed {subject.seed + i}: the oracle's {len(rewards)} actions end with "
                f"done={done}, success={success}; it promised {oracle.solution_length} to success",
                "correct the oracle or the dynamics",
            )
            require(
                abs(sum(rewards) - oracle.optimal_return) < 1e-9,
                f"seed {subject.seed + i}: the oracle's actions earn {sum(rewards)}, "
                f"it promised {oracle.optimal_return}",
                "correct the oracle or the reward",
            )
    env.close()


def rule_render(subject: Subject) -> None:
    """Every headless render mode shows something, and looking does not change the world."""
    env = subject.make()
    modes = env.metadata.get("render_modes") or []
    env.close()
    for mode in set(modes) & {"rgb_array", "ansi"}:
        shown, plain = subject.make(render_mode=mode), subject.make()
        seen = play(shown, steps=10, seed=subject.seed)
        unseen = play(plain, steps=10, seed=subject.seed)
        for moment, other in zip(seen, unseen, strict=True):
            frame: Any = shown.render()
            _require_picture(mode, frame)
            difference = first_difference(moment.content, other.content)
            require(not difference, f"render() changes the env: {difference}", "make it read-only")
        shown.close()
        plain.close()


def _require_picture(mode: str, frame: Any) -> None:
    if mode == "ansi":
        good = isinstance(frame, str) and frame.strip()
        require(good, f"ansi rendering is {frame!r}", "return a non-empty string")
        return
    shape, dtype = np.shape(frame), getattr(frame, "dtype", None)
    require(
        dtype == np.uint8 and len(shape) == 3 and shape[2] == 3,
        f"rgb_array rendering has dtype {dtype} and shape {shape}",
        "return a uint8 array of shape (height, width, 3)",
    )
    require(np.ptp(frame) > 0, "rgb_array rendering is one flat colour", "draw the state")


def rule_close_twice(subject: Subject) -> None:
    """``close()`` may be called again."""
    env = subject.make()
    env.reset(seed=subject.seed)
    env.close()
    error = error_of(env.close)
    require(not error, f"the second close() raises {error}", "make close() idempotent")


LIFE_RULES = (
    rule_step_before_reset,
    rule_step_after_end,
    rule_action_edges,
    rule_time_limit_truncates,
    rule_oracle_holds,
    rule_render,
    rule_close_twice,
)
