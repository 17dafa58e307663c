"""check_design: does a reward design keep the promises that adapters and agents rely on?"""

from __future__ import annotations

import copy
import dataclasses
import importlib
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.finite import ModelOf
from operant.testing._invariance import INVARIANCE_RULES
from operant.testing._report import error_of, require, run_rules
from operant.testing._tape import (
    CHUNK,
    Context,
    Design,
    DesignSubject,
    as_rollout,
    frozen,
    in_slots,
    record,
    score,
    take,
)
from operant.testing._values import first_difference, watched_globals
from operant.types import Card, Float, RewardTerms, Rollout, Transition

RELATIVE, ABSOLUTE = 1e-5, 1e-7
"""Tolerance where one computation is done in two batch shapes; networks round differently there."""


def _require_close(a: Mapping[str, Float], b: Mapping[str, Float], what: str, fix: str) -> None:
    require(a.keys() == b.keys(), f"{what}: terms {sorted(a)} became {sorted(b)}", fix)
    for name in a:
        apart = ~np.isclose(a[name], b[name], rtol=RELATIVE, atol=ABSOLUTE)
        if apart.any():
            step, row = np.argwhere(apart)[0]
            seen = f"step {step}, row {row}: {a[name][step, row]} became {b[name][step, row]}"
            require(False, f"{what}: term {name!r} changes at {seen}", fix)


def _columns(scores: Mapping[str, Float], columns: npt.NDArray[Any]) -> dict[str, Float]:
    return {name: value[:, columns] for name, value in scores.items()}


def rule_spec_is_valid(subject: DesignSubject) -> None:
    """The spec's fields have allowed values."""
    spec = subject.make().spec
    allowed = (
        ("timing", spec.timing in ("step", "rollout", "episode")),
        ("invariance", spec.invariance in ("optimal", "asymptotic", "none")),
        ("needs", isinstance(spec.needs, tuple) and all(isinstance(n, str) for n in spec.needs)),
        *((flag, type(getattr(spec, flag)) is bool) for flag in ("stationary", "privileged")),
        ("gamma_bound", type(spec.gamma_bound) is bool),
        ("markov", type(spec.markov) is bool),
    )
    for name, good in allowed:
        require(
            good, f"spec.{name} is {getattr(spec, name)!r}", "see DesignSpec for what is allowed"
        )


def rule_finite_float64(subject: DesignSubject) -> None:
    """Total and terms are finite float64 arrays, one entry per transition."""
    design = subject.attach()
    scored: list[tuple[Transition | Rollout, RewardTerms]]
    if subject.per_step():
        scored = [(t, design(t)) for t in subject.tape]
    else:
        rollout = as_rollout(subject.tape[:CHUNK])
        scored = [(rollout, design.redistribute(rollout))]
    for at, (item, terms) in enumerate(scored):
        for name, value in {**terms.terms, "total": terms.total}.items():
            kind = getattr(value, "dtype", type(value).__name__)
            require(
                kind == np.float64 and np.shape(value) == item.reward.shape,
                f"at step {at}, term {name!r} is {kind} of shape {np.shape(value)}",
                f"return float64 of shape {item.reward.shape}",
            )
            require(
                np.isfinite(value).all(), f"at step {at}, term {name!r} is not finite", "bound it"
            )


def rule_terms_sum_to_total(subject: DesignSubject) -> None:
    """The total is the sum of its terms, so that plots of the terms explain it."""
    scores = score(subject.attach(), subject.tape)
    total = scores.pop("total")
    parts = sum(scores.values(), start=np.zeros_like(total))
    _require_close(
        {"total": parts},
        {"total": total},
        "the terms do not add up",
        "use RewardTerms.sum_of, or skip this rule with the reason why terms are not additive",
    )


def rule_inputs_unchanged(subject: DesignSubject) -> None:
    """Transitions are only read; they are handed in read-only here."""
    tape = [frozen(t) for t in subject.tape]
    error = error_of(lambda: score(subject.attach(), tape))  # other errors are for other rules
    require("read-only" not in error, f"an input is written to ({error})", "copy it first")
    for at, (before, after) in enumerate(zip(subject.tape, tape, strict=True)):
        difference = first_difference(dataclasses.asdict(before), dataclasses.asdict(after), "t")
        require(not difference, f"an input is changed at step {at}: {difference}", "copy it first")


def rule_deterministic(subject: DesignSubject) -> None:
    """Equal seeds give equal rewards, and no global generator is touched."""
    with watched_globals() as moved:
        one, other = (score(subject.attach(), subject.tape) for _ in range(2))
        used_globals = moved()
    fix = "draw from one generator made of context.seed in setup()"
    difference = first_difference(one, other, "rewards")
    require(not difference, f"two equal designs disagree: {difference}", fix)
    require(not used_globals, "a global generator was used", fix)


def rule_markov_as_declared(subject: DesignSubject) -> None:
    """A design that declares itself Markov pays the same whatever came before a transition."""
    if not (subject.per_step() and subject.make().spec.markov and subject.make().spec.stationary):
        return
    forwards = score(subject.attach(), subject.tape, learn=False)
    backwards = score(subject.attach(), subject.tape[::-1], learn=False)
    _require_close(
        forwards,
        {name: value[::-1] for name, value in backwards.items()},
        "the reward depends on what came before",
        "declare DesignSpec(markov=False), or use the transition alone",
    )


def rule_setup_starts_afresh(subject: DesignSubject) -> None:
    """Calling ``setup`` again forgets everything learned and remembered."""
    used = subject.attach()
    score(used, subject.tape)
    used.setup(subject.context)
    difference = first_difference(
        score(subject.attach(), subject.tape), score(used, subject.tape), "rewards"
    )
    require(not difference, f"setup() again keeps old state: {difference}", "allocate in setup()")


def rule_state_round_trip(subject: DesignSubject) -> None:
    """A saved and loaded design goes on exactly as the original, from the middle of episodes."""
    half = len(subject.tape) // 2 // CHUNK * CHUNK
    first, second = subject.tape[:half], subject.tape[half:]
    design = subject.attach()
    score(design, first)
    state = design.state_dict()
    for name, value in state.items():
        require(
            isinstance(value, np.ndarray) and value.dtype.kind in "biuf",
            f"state {name!r} is a {type(value).__name__}",
            "save plain numeric or boolean NumPy arrays",
        )
    kept = copy.deepcopy(state)
    expected = score(design, second)
    aliased = first_difference(kept, state, "state")
    require(not aliased, f"a saved state changed later: {aliased}", "copy in state_dict()")
    used = subject.attach()
    score(used, second)
    for who, other in (("a fresh design", subject.attach()), ("a used design", used)):
        other.load_state_dict(copy.deepcopy(kept))
        difference = first_difference(expected, score(other, second), "rewards")
        fix = "save and restore everything mutable: memory, statistics, weights, generators"
        require(not difference, f"state loaded into {who} goes on differently: {difference}", fix)


def rule_slots_are_alike(subject: DesignSubject) -> None:
    """Which slot an env has, and where it stands in the batch, makes no difference."""
    order = np.random.default_rng(0).permutation(subject.context.num_envs)
    plain = score(subject.attach(), subject.tape)
    moved = [in_slots(take(t, order), np.arange(len(order))) for t in subject.tape]
    fix = "index memory by env_ids and draw nothing per row"
    _require_close(
        _columns(plain, order),
        score(subject.attach(), moved),
        "envs that change slots get other rewards",
        fix,
    )
    if subject.per_step():
        shuffled = [take(t, order) for t in subject.tape]
        _require_close(
            _columns(plain, order),
            score(subject.attach(), shuffled),
            "rows in another order get other rewards",
            fix,
        )


def rule_resets_stay_in_their_slot(subject: DesignSubject) -> None:
    """Clearing one env's episodic memory leaves the rewards of the others alone."""
    if not subject.per_step():
        return
    mask = np.arange(subject.context.num_envs) == 0
    design = subject.attach()
    disturbed = []
    for t in subject.tape:
        design.reset(mask.copy())
        disturbed.append(score(design, [t], learn=False))
    after = {name: np.vstack([part[name] for part in disturbed]) for name in disturbed[0]}
    others = np.flatnonzero(~mask)
    _require_close(
        _columns(score(subject.attach(), subject.tape, learn=False), others),
        _columns(after, others),
        "resetting slot 0 changes other slots",
        "clear only the slots of the mask",
    )


def rule_batches_may_be_split(subject: DesignSubject) -> None:
    """Adapters leave rows out: any part of a batch is a batch, even none of it.

    Stationary designs pay the same for a row alone.
    """
    if not subject.per_step():
        return
    design = subject.attach()
    score(design, [take(subject.tape[0], np.array([], np.int64))], learn=False)
    singles = [take(t, np.array([i])) for t in subject.tape for i in range(len(t))]
    scores = score(design, singles, learn=False)
    together = score(subject.attach(), subject.tape, learn=False)
    if not design.spec.stationary:
        return
    _require_close(
        together,
        {name: value.reshape(len(subject.tape), -1) for name, value in scores.items()},
        "rows scored one by one get other rewards",
        "index memory by env_ids, never by position or batch size",
    )


def rule_one_env_alone(subject: DesignSubject) -> None:
    """A stationary design pays an env alone (``num_envs=1``) what it pays it among others."""
    if not (subject.per_step() and subject.make().spec.stationary):
        return
    together = score(subject.attach(), subject.tape)
    for i in range(subject.context.num_envs):
        alone = [in_slots(take(t, np.array([i])), np.zeros(1)) for t in subject.tape]
        _require_close(
            _columns(together, np.array([i])),
            score(subject.attach(1), alone),
            f"env {i} alone gets other rewards",
            "share nothing between envs, or declare spec.stationary=False",
        )


def rule_memory_ends_with_episode(subject: DesignSubject) -> None:
    """A stationary design pays the same episode the same, however often it is played."""
    if not (subject.per_step() and subject.make().spec.stationary):
        return
    rows = [take(t, np.array([0])) for t in subject.tape]
    ends = [at for at, t in enumerate(rows) if t.done[0]]
    design = subject.attach(1)
    start = 0
    for end in ends:
        episode = [in_slots(t, np.zeros(1)) for t in rows[start : end + 1]]
        start = end + 1
        _require_close(
            score(design, episode, learn=False),
            score(design, episode, learn=False),
            "the same episode played again gets other rewards",
            "clear episodic memory in reset(mask), or declare spec.stationary=False",
        )


DESIGN_RULES = (
    rule_spec_is_valid,
    rule_inputs_unchanged,  # early: the other rules share one recording
    rule_finite_float64,
    rule_terms_sum_to_total,
    rule_deterministic,
    rule_markov_as_declared,
    rule_setup_starts_afresh,
    rule_state_round_trip,
    rule_slots_are_alike,
    rule_resets_stay_in_their_slot,
    rule_batches_may_be_split,
    rule_one_env_alone,
    rule_memory_ends_with_episode,
    *INVARIANCE_RULES,
)


def check_design(
    design: str | Design | Callable[[], Design],
    env_id: str = "SparseKey-5x5-v0",
    *,
    num_envs: int = 7,
    steps: int = 400,
    gamma: float = 0.99,
    seed: int = 0,
    skip: Mapping[str, str] | None = None,
) -> None:
    """Check a reward design on recorded experience; the rules are ``operant.testing.DESIGN_RULES``.

    Args:
        design: Registry id, a design (copied before ``setup``), or a factory such as the class.
        env_id: Env of the experience; it must publish the features the design reads.
        num_envs: Number of envs side by side, N >= 2.
        steps: Length of the recording, in steps; at least 200.
        gamma: The agent's discount, in [0, 1].
        seed: Seed of experience and design.
        skip: Rule name -> reason why that rule does not apply.

    Raises:
        ContractError: Naming the first broken rule, what was seen, and how to fix it.
        UnknownIdError: If the id is unknown.
        ValueError: If an argument is outside its range.

    Example:
        ``check_design("potential")``, or ``check_design(MyDesign, "MyEnv-v0")``.
    """
    if num_envs < 2 or steps < 200:
        raise ValueError(f"num_envs must be >= 2 and steps >= 200, got {num_envs} and {steps}")
    name, make = _describe(design)
    make()  # an unknown id is the caller's mistake, not a broken rule

    def make_env() -> gym.Env[Any, Any]:
        return gym.make(env_id, disable_env_checker=True)

    env = make_env()
    card = getattr(env.unwrapped, "card", None)
    context = Context(
        observation_space=env.observation_space,
        action_space=env.action_space,
        features=card.features if isinstance(card, Card) else (),
        num_envs=num_envs,
        gamma=gamma,
        seed=seed,
        model=ModelOf(env.spec),
        expert=card.expert if isinstance(card, Card) else "",
    )
    env.close()
    tape = record(make_env, num_envs=num_envs, steps=steps, seed=seed)
    subject = DesignSubject(name=name, make=make, make_env=make_env, context=context, tape=tape)
    run_rules(f"design {name!r} on {env_id}", subject, DESIGN_RULES, skip)


def _describe(design: str | Design | Callable[[], Design]) -> tuple[str, Callable[[], Design]]:
    """Return a name and a maker of fresh designs."""
    if isinstance(design, str):
        # By name: the checkers lie below the designs, and only the facade knows them.
        facade: Any = importlib.import_module("operant")
        return design, lambda: facade.make_design(design)
    if isinstance(design, type) or not hasattr(design, "setup"):
        factory: Any = design
        return getattr(factory, "__name__", repr(factory)), factory
    instance: Any = design
    return type(design).__name__, lambda: copy.deepcopy(instance)
