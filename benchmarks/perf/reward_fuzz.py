"""Fuzzing the closed reward language: random texts, and an independent judge of what comes of them.

Whatever the text, it is refused with a record or it is a program. What is a program must be within
the language by the judge's own reading, reach nothing, give a finite number below the cap or fail
with a record, give what the judge's evaluator gives, and leave everything as it was.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from types import FunctionType
from typing import Any

from operant.benchmarks.perf.attacks.corpus import CORPUS
from operant.benchmarks.perf.attacks.evaluator import Evaluator, Given, TooLong
from operant.benchmarks.perf.attacks.items import HEAD
from operant.benchmarks.perf.attacks.programs import ACTION_SIZE, KEYS, OBS_SIZE, Writer
from operant.benchmarks.perf.attacks.scope import Scope, code_faults
from operant.benchmarks.perf.attacks.texts import arbitrary, garbage, mutated
from operant.benchmarks.perf.reward_attacks import host_state
from operant.reward_design.llm import (
    RewardProgramError,
    UnsafeRewardCodeError,
    compile_factors,
    compile_potential,
    compile_reward,
    compile_signs,
)

TRANSITIONS = 20
SLOWEST = 5.0
"""Seconds that a text may take, all its transitions included."""
_COMPILERS: dict[str, Callable[..., Any]] = {
    "reward": compile_reward,
    "signs": compile_signs,
    "factors": compile_factors,
    "potential": compile_potential,
}
_NUMBERS = (0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0, -3.7, 30.0, 1e3, 1e12, -1e200, 1e308, 5e-324)
_ODD = (math.inf, -math.inf, math.nan)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """A text to try.

    Attributes:
        kind: How it was made.
        source: The text.
        entry: What it is compiled as.
        vector_action: Whether actions are vectors.
    """

    kind: str
    source: str
    entry: str = "reward"
    vector_action: bool = False


@dataclasses.dataclass(kw_only=True, slots=True)
class Tally:
    """What fuzzing found.

    Attributes:
        refused: Kind -> texts that were refused.
        accepted: Kind -> texts that were programs.
        outcomes: Code of the failure, or ``"value"`` -> transitions.
        beyond: Transitions on which the judge lost its patience.
        slowest: Seconds of the slowest text.
        faults: Texts that broke a rule, and which.
    """

    refused: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    accepted: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    outcomes: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    beyond: int = 0
    slowest: float = 0.0
    faults: list[tuple[Text, list[str]]] = dataclasses.field(default_factory=list)


def fuzz(rng: Random, *, texts: int | None = None, seconds: float = math.inf) -> Tally:
    """Try random texts.

    Args:
        rng: Source of chance.
        texts: How many; None for as many as there is time for.
        seconds: How long.
    """
    tally, pool = Tally(), [item.source for item in CORPUS if len(item.source) < 8192]
    end, count = time.monotonic() + seconds, 0
    while count != texts and time.monotonic() < end:
        count += 1
        text = _random_text(rng, pool)
        if faults := _faults(text, rng, tally):
            tally.faults.append((text, faults))
    return tally


def _random_text(rng: Random, pool: list[str]) -> Text:
    kind = rng.choice(("program", "program", "mutant", "mutant", "mutant", "grammar", "bytes"))
    entry = rng.choice((*["reward"] * 5, *_COMPILERS))
    form = {"entry": entry, "vector_action": rng.random() < 0.2}
    writer = Writer(rng, mem=entry != "potential" and rng.random() < 0.3, **form)  # type: ignore[arg-type]
    if kind == "program":
        return Text(kind=kind, source=writer.program(), **form)  # type: ignore[arg-type]
    if kind == "mutant" and rng.random() < 0.7:
        source = mutated(rng, [writer.program()], pool)
        return Text(kind=kind, source=source, **form)  # type: ignore[arg-type]
    if kind == "mutant":
        return Text(kind=kind, source=mutated(rng, pool, pool))
    return Text(kind=kind, source=arbitrary(rng, HEAD) if kind == "grammar" else garbage(rng, HEAD))


def _faults(text: Text, rng: Random, tally: Tally) -> list[str]:
    """Return which rules a text broke."""
    start, before = time.perf_counter(), host_state()
    faults = []
    try:
        program = _compiled(text)
    except UnsafeRewardCodeError as error:
        tally.refused[text.kind] += 1
        if not (error.line >= 1 and error.column >= 1 and error.code and error.message):
            faults.append(f"refused without a place: {error}")
    except Exception as error:
        faults.append(f"compiling ended in {type(error).__name__}: {error}")
    else:
        tally.accepted[text.kind] += 1
        faults = _program_faults(text, program, rng, tally)
    seconds = time.perf_counter() - start
    tally.slowest = max(tally.slowest, seconds)
    if seconds > SLOWEST:
        faults.append(f"took {seconds:.1f} s")
    after = host_state()
    return faults + [f"{key} was changed" for key in before if before[key] != after[key]]


def _compiled(text: Text) -> Any:
    sizes = {"obs_size": OBS_SIZE, "features": (*KEYS, "has_key", "distance")}
    if text.entry != "potential":
        sizes["action_size"] = ACTION_SIZE if text.vector_action else 0
    return _COMPILERS[text.entry](text.source, **sizes)


def _program_faults(text: Text, program: Any, rng: Random, tally: Tally) -> list[str]:
    keys = [*KEYS, "has_key", "distance"]
    if text.entry != "potential":
        keys += [f"prev_{key}" for key in keys]
    scope = Scope(text.entry, keys=keys, vector_action=text.vector_action)
    faults = [f"accepted {fault}" for fault in scope.faults(text.source)]
    function: FunctionType = program._execution.function  # all that is ever run of it
    faults += [f"compiled {fault}" for fault in code_faults(function)]
    judge, memory = Evaluator(text.source), [0.0] * program.mem_size
    for _ in range(TRANSITIONS):
        given = _transition(rng, keys, text, memory)
        faults += _transition_faults(text, program, judge, given, tally)
        if faults:
            break
    return faults


def _transition(rng: Random, keys: Sequence[str], text: Text, memory: list[float]) -> Given:
    def number() -> float:
        chance = rng.random()
        if chance < 0.02:
            return rng.choice(_ODD)
        return rng.choice(_NUMBERS) if chance < 0.4 else rng.gauss(0.0, 2.0)

    several = [number() for _ in range(ACTION_SIZE)]
    return Given(
        obs=[number() for _ in range(OBS_SIZE)],
        action=several if text.vector_action else number(),
        next_obs=[number() for _ in range(OBS_SIZE)],
        info={key: number() for key in keys},
        mem=memory,
    )


def _transition_faults(
    text: Text, program: Any, judge: Evaluator, given: Given, tally: Tally
) -> list[str]:
    """Return what is wrong with what a program makes of a transition."""
    kept, judged = given.copied(), given.copied()
    outcome = _outcome(text, program, given)
    tally.outcomes[outcome if isinstance(outcome, str) else "value"] += 1
    try:
        expected = judge.outcome(judged)
    except TooLong:
        tally.beyond += 1
        return []
    faults = []
    if not _same(outcome, expected):
        faults.append(f"gave {outcome} where the judge has {expected}, for {kept}")
    memory = kept.mem if isinstance(expected, str) else judged.mem
    if not _same(tuple(given.mem), tuple(memory)):
        faults.append(f"remembers {given.mem} where the judge has {memory}, for {kept}")
    given.mem[:] = [value if abs(value) < 1e6 else 0.0 for value in given.mem]
    unchanged = [(each.obs, each.action, each.next_obs, each.info) for each in (given, kept)]
    if repr(unchanged[0]) != repr(unchanged[1]):
        faults.append("an input was changed")
    return faults


def _outcome(text: Text, program: Any, given: Given) -> tuple[float, ...] | str:
    """Return the numbers that a program gives, or the code of its failure."""
    try:
        if text.entry == "potential":
            found = program(given.obs, given.info)
        else:
            found = program(given.obs, given.action, given.next_obs, given.info, given.mem)
    except UnsafeRewardCodeError as error:
        return f"refused when run: {error}"
    except RewardProgramError as error:
        return error.code
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    values = found if isinstance(found, tuple) else (found,)
    return values if all(type(value) is float for value in values) else f"not floats: {values}"


def _same(one: tuple[float, ...] | str, other: tuple[float, ...] | str) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    pairs = zip(one, other, strict=False)
    return len(one) == len(other) and all(
        x == y or x != x != y != y or math.isclose(x, y, rel_tol=1e-12, abs_tol=1e-12)
        for x, y in pairs
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz and print what was found; return 1 if a rule was broken."""
    parser = argparse.ArgumentParser(
        prog="python -m operant.benchmarks.perf.reward_fuzz", description=__doc__
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (10)")
    parser.add_argument("--seed", type=int, default=0, help="of the random texts (0)")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="write texts that broke a rule")
    options = parser.parse_args(arguments)
    tally = fuzz(Random(options.seed), seconds=60.0 * options.minutes)
    tried = tally.refused + tally.accepted
    print(f"{'kind':<12}{'texts':>12}{'accepted':>12}{'share':>10}")
    for kind, count in [*sorted(tried.items()), ("all", tried.total())]:
        accepted = tally.accepted.total() if kind == "all" else tally.accepted[kind]
        print(f"{kind:<12}{count:>12,}{accepted:>12,}{accepted / max(count, 1):>10.1%}")
    print(f"transitions: {dict(tally.outcomes.most_common())}; too long to judge: {tally.beyond}")
    print(f"slowest text: {tally.slowest:.2f} s; broke a rule: {len(tally.faults)}")
    for text, faults in tally.faults[:20]:
        print(f"\n{text.kind} {text.entry} {text.source[:600]!r}\n  {'; '.join(faults)[:800]}")
    if options.keep:
        options.keep.write_text(
            "".join(f"{text}\n  {faults}\n" for text, faults in tally.faults), errors="replace"
        )
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
