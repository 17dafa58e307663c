"""Rules of check_env about reproducibility: same seed, same future, whatever happens around it."""

from __future__ import annotations

import copy
import itertools
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import gymnasium as gym

from operant.testing._play import Moment, Subject, advance, play, running_digests
from operant.testing._report import Broken, require
from operant.testing._values import first_difference, scribble, watched_globals

USE_OWN_RNG = "draw everything from self.np_random, seeded by super().reset(seed=seed)"


def _require_same(a: Iterable[Moment], b: Iterable[Moment], seen: str, fix: str) -> None:
    """Compare two traces in lockstep."""
    for one, other in itertools.zip_longest(a, b):
        difference = "one trace is longer"
        if one is not None and other is not None:
            difference = first_difference(one.content, other.content, "(obs, reward, ...)")
        require(not difference, f"{seen}: at call {getattr(one, 'at', '?')}, {difference}", fix)


def rule_same_seed_same_trace(subject: Subject) -> None:
    """Two fresh envs with one seed agree at every step of several episodes."""
    _require_same(
        subject.play(), subject.play(), "two fresh envs with one seed differ", USE_OWN_RNG
    )


def rule_other_process_same_trace(subject: Subject) -> None:
    """A fresh interpreter with another hash seed and time zone sees the same trace."""
    if subject.recipe is None:
        return
    env = subject.make()
    here = running_digests(env, steps=subject.steps, seed=subject.seed)
    env.close()
    there = _digests_elsewhere(subject)
    pairs = enumerate(zip(here, there, strict=False))
    first = next((i for i, (a, b) in pairs if a != b), len(here))
    require(
        here == there,
        f"the trace in another process differs from call {first} on",
        "remove what depends on the process: hash order, clock, time zone, files, object ids",
    )


def _digests_elsewhere(subject: Subject) -> list[str]:
    surroundings = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONHASHSEED": "20011",
        "TZ": "Pacific/Chatham",
    }
    order = {**(subject.recipe or {}), "steps": subject.steps, "seed": subject.seed}
    child = subprocess.run(
        [sys.executable, "-m", "operant.testing._twin"],
        input=json.dumps(order),
        env=surroundings,
        capture_output=True,
        text=True,
        check=False,
    )
    if child.returncode:
        raise Broken(
            f"another process cannot build or run the env: {child.stderr.strip()[-800:]}",
            "make it importable there, e.g. by an id of the form 'module:Id-v0', "
            "or pass subprocess=False",
        )
    return child.stdout.split()


def rule_seed_matters(subject: Subject) -> None:
    """Seeds change the trace, unless the env is declared deterministic; then they must not."""
    env = subject.make()
    length = min(subject.steps, 200)
    traces = [
        [copy.deepcopy(m.content) for m in play(env, steps=length, seed=subject.seed + i)]
        for i in range(5)
    ]
    env.close()
    differ = any(first_difference(traces[0], other) for other in traces[1:])
    if subject.deterministic:
        require(not differ, "declared deterministic, but seeds change the trace", "drop the claim")
    else:
        require(
            differ,
            "5 seeds give one and the same trace",
            f"{USE_OWN_RNG}; or declare the env deterministic",
        )


def rule_reseed_equals_fresh(subject: Subject) -> None:
    """``reset(seed=s)`` in the middle of a life equals ``reset(seed=s)`` of a fresh env."""
    used = subject.make()
    advance(used, steps=37, seed=subject.seed + 1)
    _require_same(
        subject.play(),
        play(used, steps=subject.steps, seed=subject.seed),
        "a used env that is reseeded differs from a fresh one",
        "let reset() clear all state of earlier episodes",
    )
    used.close()


def rule_reset_continues_stream(subject: Subject) -> None:
    """``reset()`` without a seed goes on drawing; it does not replay the seed of before."""
    if subject.deterministic:
        return
    env = subject.make()
    env.reset(seed=subject.seed)
    episodes = []
    for _ in range(8):
        obs, info = env.reset()
        opening = [copy.deepcopy((obs, info))]
        trace = play(env, steps=40, seed=None, midway=True)
        running = itertools.takewhile(lambda m: not m.last, trace)
        opening += [copy.deepcopy(m.content) for m in running]
        episodes.append(opening)
    env.close()
    require(
        any(first_difference(episodes[0], other) for other in episodes[1:]),
        "8 unseeded resets give one and the same episode",
        "seed the generator only if seed is not None",
    )


def rule_no_global_randomness(subject: Subject) -> None:
    """Neither ``random`` nor ``np.random`` is drawn from or reseeded."""
    with watched_globals() as moved:
        for moment in subject.play():
            seen = f"a global generator was used at call {moment.at}"
            require(not moved(), seen, USE_OWN_RNG)


def rule_no_aliasing(subject: Subject) -> None:
    """Returned values belong to the caller: the env neither reads them again nor changes them."""
    kept: list[tuple[Moment, Any]] = []

    def keep(trace: Iterator[Moment]) -> Iterator[Moment]:
        for moment in trace:
            kept.append((moment, copy.deepcopy(moment.content)))
            yield moment
            if len(kept) > 50:
                _require_unchanged(*kept.pop(0))

    def ruin(trace: Iterator[Moment]) -> Iterator[Moment]:
        for moment in trace:
            yield moment
            scribble(moment.obs)
            scribble(moment.info)

    _require_same(
        keep(subject.play()),
        ruin(subject.play()),
        "overwriting what step() returned changes the env",
        "return copies of internal arrays and dicts",
    )
    for moment, copied in kept:
        _require_unchanged(moment, copied)


def _require_unchanged(moment: Moment, copied: Any) -> None:
    difference = first_difference(copied, moment.content, "(obs, reward, ...)")
    require(
        not difference,
        f"what call {moment.at} returned was changed by later calls: {difference}",
        "return copies of internal arrays and dicts",
    )


def _require_same_future(
    subject: Subject, clone: Callable[[gym.Env[Any, Any]], gym.Env[Any, Any]], how: str
) -> None:
    """Clone an env in the middle of an episode and compare the futures, from several points."""
    env, length = subject.make(), min(subject.steps, 200)
    for i in range(4):
        advance(env, steps=8 * (i + 1), seed=subject.seed + i)
        try:
            twin = clone(env)
        except Exception as error:
            fix = "hold no lambdas, local classes, locks, files or sockets"
            raise Broken(f"a {how} cannot be made: {error}", fix) from error
        _require_same(
            play(env, steps=length, seed=None, action_seed=i, midway=True),
            play(twin, steps=length, seed=None, action_seed=i, midway=True),
            f"a {how} of a running env has another future",
            "keep all state, the generator included, in attributes that are copied",
        )
        twin.close()
    env.close()


def rule_deepcopy_same_future(subject: Subject) -> None:
    """``copy.deepcopy`` in the middle of an episode gives an env with the same future."""
    _require_same_future(subject, copy.deepcopy, "deep copy")


def rule_pickle_same_future(subject: Subject) -> None:
    """A pickle round trip (how envs reach worker processes) gives an env with the same future."""
    _require_same_future(subject, lambda env: pickle.loads(pickle.dumps(env)), "pickled copy")


def rule_state_round_trip(subject: Subject) -> None:
    """``set_state(get_state())`` brings back the very future, in this env and in another one."""
    env, other = subject.make().unwrapped, subject.make().unwrapped
    if not (hasattr(env, "get_state") and hasattr(env, "set_state")):
        return
    advance(env, steps=15, seed=subject.seed)
    other.reset(seed=subject.seed + 1)
    length = min(subject.steps, 500)
    state = env.get_state()
    kept = copy.deepcopy(state)
    future = [copy.deepcopy(m) for m in play(env, steps=length, seed=None, midway=True)]
    aliased = first_difference(kept, state, "state")
    require(not aliased, f"a saved state changed later: {aliased}", "let get_state() return copies")
    for who, target in (("the same env", env), ("another env", other)):
        target.set_state(copy.deepcopy(kept))
        _require_same(
            future,
            play(target, steps=length, seed=None, midway=True),
            f"set_state() in {who} does not bring back the future",
            "save and restore everything that decides the future, the generator included",
        )


SEEDING_RULES = (
    rule_no_global_randomness,  # first: it names the cause, the others the effects
    rule_same_seed_same_trace,
    rule_other_process_same_trace,
    rule_seed_matters,
    rule_reseed_equals_fresh,
    rule_reset_continues_stream,
    rule_no_aliasing,
    rule_deepcopy_same_future,
    rule_pickle_same_future,
    rule_state_round_trip,
)
