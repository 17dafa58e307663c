"""check_vector_env: is row i of a batched env the scalar env seeded s + i, in every mode?"""

from __future__ import annotations

import copy
import functools
import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import load_env_creator
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.vector.utils import batch_space

from operant.testing._report import error_of, require, run_rules
from operant.testing._rows import (
    Row,
    Shown,
    Turn,
    VectorSubject,
    info_of,
    row_complaint,
    write_script,
)
from operant.testing._teams import rule_teams_end_together
from operant.testing._values import first_difference, scribble, space_complaint

Result = tuple[Any, Any, Any, Any, dict[str, Any]]


def _mode(envs: VectorEnv[Any, Any, Any]) -> AutoresetMode:
    mode = envs.metadata.get("autoreset_mode")
    require(
        isinstance(mode, AutoresetMode),
        f"metadata['autoreset_mode'] is {mode!r}",
        "set it to a gymnasium.vector.AutoresetMode",
    )
    assert isinstance(mode, AutoresetMode)  # for the type checker
    return mode


def rule_modes_as_asked(subject: VectorSubject) -> None:
    """``metadata["autoreset_mode"]`` is an AutoresetMode, the one that was asked for."""
    for asked in subject.modes:
        envs = subject.make(subject.num_envs, asked)
        got = _mode(envs)
        require(asked in (None, got), f"asked for {asked}, got {got}", "pass the mode on")
        envs.close()


def rule_spaces_batched(subject: VectorSubject) -> None:
    """Single spaces and card are the scalar env's; batched spaces are batches of them."""
    envs, env = subject.make(subject.num_envs, None), subject.make_scalar()
    n = subject.num_envs
    expected = (
        ("num_envs", envs.num_envs, n),
        ("single_observation_space", envs.single_observation_space, env.observation_space),
        ("single_action_space", envs.single_action_space, env.action_space),
        ("observation_space", envs.observation_space, batch_space(env.observation_space, n)),
        ("action_space", envs.action_space, batch_space(env.action_space, n)),
    )
    for name, got, wanted in expected:
        require(got == wanted, f"{name} is {got}, expected {wanted}", "take the scalar env's")
    if hasattr(env.unwrapped, "card") and hasattr(envs.unwrapped, "card"):
        same = envs.unwrapped.card.features == env.unwrapped.card.features
        require(same, "the feature table is not the scalar env's", "publish one table in both")
    envs.close()
    env.close()


def rule_dtypes(subject: VectorSubject) -> None:
    """Observations lie in the batched space; rewards are float64, flags bool, all of length N."""
    for mode in subject.modes:
        envs = subject.make(subject.num_envs, mode)
        for at, turn in enumerate(write_script(subject, _mode(envs))[:50]):
            obs, *arrays, _ = turn.apply(envs)
            complaint = space_complaint(envs.observation_space, obs)
            require(not complaint, f"{mode}, call {at}: {complaint}", "match observation_space")
            kinds = zip(
                ("rewards", "terminated", "truncated"),
                arrays,
                (np.float64, bool, bool),
                strict=True,
            )
            for name, array, kind in kinds:
                require(
                    array.shape == (subject.num_envs,) and array.dtype == kind,
                    f"{mode}, call {at}: {name} is {array.dtype} {array.shape}",
                    f"return a {np.dtype(kind)} array of shape ({subject.num_envs},)",
                )
        envs.close()


def _require_rows(script: list[Turn], envs: VectorEnv[Any, Any, Any], fix: str) -> None:
    for at, turn in enumerate(script):
        result = turn.apply(envs)
        for i, shown in enumerate(turn.shown):
            complaint = "" if shown is None else row_complaint(shown, result, i)
            require(not complaint, f"{_mode(envs)}, call {at}, row {i}: {complaint}", fix)


def rule_rows_equal_scalars(subject: VectorSubject) -> None:
    """Row i shows what a scalar env seeded s + i shows, in every mode and for N = 1 too.

    Compared are observations, rewards, flags, infos, and in SAME_STEP mode ``final_obs`` and
    ``final_info``; in DISABLED mode rows are also reset by mask in mid-episode.
    """
    for mode in subject.modes:
        for number in (subject.num_envs, 1):
            envs = subject.make(number, mode)
            _require_rows(
                write_script(subject, _mode(envs), number),
                envs,
                "give each row its own generator, seeded s + i, and its own counters; "
                "let autoreset go on drawing from it",
            )
            envs.close()


def rule_equals_sync_vector_env(subject: VectorSubject) -> None:
    """Gymnasium's SyncVectorEnv over the scalar env shows the same, in every mode.

    An outside judge of the layout of infos. The tested env may report more than it, never less.
    """
    for mode in subject.modes:
        envs = subject.make(subject.num_envs, mode)
        makers = [subject.make_scalar] * subject.num_envs
        judge = SyncVectorEnv(makers, autoreset_mode=_mode(envs))
        for at, turn in enumerate(write_script(subject, _mode(envs))):
            result, expected = turn.apply(envs), turn.apply(judge)
            complaint = _judged(result, expected, subject.num_envs)
            require(not complaint, f"{_mode(envs)}, call {at}: {complaint}", "follow SyncVectorEnv")
        for each in (envs, judge):
            each.close()


def _judged(result: Result, expected: Result, num_envs: int) -> str:
    names = ("obs", "rewards", "terminated", "truncated")
    for name, mine, other in zip(names, result[:4], expected[:4], strict=True):
        if difference := first_difference(other, mine, name):
            return f"{difference} (SyncVectorEnv first)"
    for i in range(num_envs):
        mine, other = info_of(result[4], i), info_of(expected[4], i)
        missing = other.keys() - mine.keys()
        if missing:
            return f"row {i}: infos lack {sorted(missing)}"
        mine = {key: mine[key] for key in other}
        if difference := first_difference(other, mine, f"row {i}: infos"):
            return f"{difference} (SyncVectorEnv first)"
    return ""


def rule_seed_argument(subject: VectorSubject) -> None:
    """A list of seeds seeds rows one by one; None continues a row's stream, and so does no seed."""
    envs = subject.make(subject.num_envs, None)
    mode, n, s = _mode(envs), subject.num_envs, subject.seed
    rows = [Row(subject.make_scalar(), mode, i) for i in range(n)]
    mixed = [None if i % 2 else s + 100 + i for i in range(n)]
    script = []
    none, counted = [None] * n, [s + i for i in range(n)]
    calls: list[tuple[Any, Sequence[int | None]]]
    calls = [(s, counted), (None, none), (mixed, mixed), (None, none), (s, counted)]
    for argument, seeds in calls:
        shown = [row.reset(own) for row, own in zip(rows, seeds, strict=True)]
        script.append(Turn(seed=argument, shown=copy.deepcopy([*shown])))
    _require_rows(script, envs, "seed row i with s + i or with its entry; None must not reseed")
    envs.close()
    for row in rows:
        row.env.close()


def rule_masked_reset_spares_others(subject: VectorSubject) -> None:
    """In DISABLED mode a seeded reset with ``reset_mask`` leaves the other rows' streams alone."""
    if AutoresetMode.DISABLED not in subject.modes or subject.num_envs < 2:
        return
    envs = subject.make(subject.num_envs, AutoresetMode.DISABLED)
    rows = [Row(subject.make_scalar(), AutoresetMode.DISABLED, i) for i in range(subject.num_envs)]
    script = []
    mask = np.arange(subject.num_envs) % 2 == 0
    for seed, chosen in ((1, None), (900, mask), (None, None)):
        shown = [
            row.reset(None if seed is None else seed + i) if chosen is None or chosen[i] else None
            for i, row in enumerate(rows)
        ]
        script.append(Turn(seed=seed, reset_mask=chosen, shown=copy.deepcopy(shown)))
    _require_rows(script, envs, "apply seeds only to the rows of the mask")
    envs.close()
    for row in rows:
        row.env.close()


def rule_no_aliasing(subject: VectorSubject) -> None:
    """Returned arrays belong to the caller: the env neither reads nor changes them again."""
    for mode in subject.modes:
        envs, ruined = (subject.make(subject.num_envs, mode) for _ in range(2))
        kept: list[tuple[Result, Result]] = []
        for at, turn in enumerate(write_script(subject, _mode(envs))[:200]):
            result, other = turn.apply(envs), turn.apply(ruined)
            kept.append((result, copy.deepcopy(result)))
            difference = first_difference(kept[-1][1], other, "result")
            seen = f"{mode}, call {at}: overwriting earlier results changes the env: {difference}"
            require(not difference, seen, "return copies of internal arrays")
            scribble(other[0])
            scribble(other[4])
            for array in other[1:4]:
                array[...] = True
        for at, (result, copied) in enumerate(kept):
            difference = first_difference(copied, result, "result")
            seen = f"{mode}: what call {at} returned was changed by later calls: {difference}"
            require(not difference, seen, "return copies of internal arrays")
        for each in (envs, ruined):
            each.close()


def rule_refusals(subject: VectorSubject) -> None:
    """Steps before the first reset, batches of wrong length and impossible actions raise."""
    envs = subject.make(subject.num_envs, None)
    good = np.array([envs.single_action_space.sample() for _ in range(subject.num_envs)])
    _require_raises(envs, good, "a step before reset()")
    envs.reset(seed=subject.seed)
    _require_raises(envs, good[:-1], "a batch of N - 1 actions")
    space = envs.single_action_space
    if isinstance(space, gym.spaces.Discrete):
        for impossible in (int(space.start) - 1, int(space.start + space.n)):
            bad = good.copy()
            bad[-1] = impossible
            _require_raises(envs, bad, f"action {impossible}")
    envs.close()


def _require_raises(envs: VectorEnv[Any, Any, Any], actions: Any, what: str) -> None:
    error = error_of(functools.partial(envs.step, actions))
    require(error, f"{what} is accepted", "validate the batch and raise ValueError or ResetNeeded")


def rule_disabled_needs_reset(subject: VectorSubject) -> None:
    """In DISABLED mode, stepping a row whose episode ended raises."""
    if AutoresetMode.DISABLED not in subject.modes:
        return
    envs = subject.make(subject.num_envs, AutoresetMode.DISABLED)
    for turn in write_script(subject, AutoresetMode.DISABLED):
        _, _, terminated, truncated, _ = turn.apply(envs)
        if turn.actions is not None and (terminated | truncated).any():
            _require_raises(envs, turn.actions, "a step of a row that has ended")
            break
    envs.close()


def rule_state_round_trip(subject: VectorSubject) -> None:
    """``set_state(get_state())`` brings back the very future, where offered."""
    for mode in subject.modes:
        envs, other = (subject.make(subject.num_envs, mode) for _ in range(2))
        if not (hasattr(envs.unwrapped, "get_state") and hasattr(envs.unwrapped, "set_state")):
            return
        script = write_script(subject, _mode(envs))
        # Right after an episode's end, where NEXT_STEP has a reset pending.
        ends = [at for at, turn in enumerate(script, 1) if any(map(_ended, turn.shown))]
        cut = ends[len(ends) // 2] if ends else len(script) // 2
        for turn in script[:cut]:
            turn.apply(envs)
        state = envs.unwrapped.get_state()
        kept = copy.deepcopy(state)
        other.reset(seed=subject.seed + 1)
        other.unwrapped.set_state(copy.deepcopy(state))
        for turn in script[cut:]:
            difference = first_difference(turn.apply(envs), turn.apply(other), "result")
            require(not difference, f"{mode}: {difference}", "save everything, generators included")
        aliased = first_difference(kept, state, "state")
        require(not aliased, f"{mode}: a saved state changed later: {aliased}", "return copies")
        for each in (envs, other):
            each.close()


def _ended(shown: Shown | None) -> bool:
    return shown is not None and (shown.terminated or shown.truncated)


def rule_close_twice(subject: VectorSubject) -> None:
    """``close()`` may be called again."""
    envs = subject.make(subject.num_envs, None)
    envs.reset(seed=subject.seed)
    envs.close()
    error = error_of(envs.close)
    require(not error, f"the second close() raises {error}", "make close() idempotent")


VECTOR_RULES = (
    rule_modes_as_asked,
    rule_spaces_batched,
    rule_dtypes,
    rule_seed_argument,
    rule_rows_equal_scalars,
    rule_equals_sync_vector_env,
    rule_masked_reset_spares_others,
    rule_no_aliasing,
    rule_refusals,
    rule_disabled_needs_reset,
    rule_state_round_trip,
    rule_teams_end_together,
    rule_close_twice,
)


def check_vector_env(
    env: str | Callable[..., VectorEnv[Any, Any, Any]],
    *,
    scalar: Callable[[], gym.Env[Any, Any]] | None = None,
    num_envs: int = 5,
    steps: int = 600,
    seed: int = 0,
    skip: Mapping[str, str] | None = None,
) -> None:
    """Check a batched env against scalar ones; the rules are ``operant.testing.VECTOR_RULES``.

    Every autoreset mode is checked that the env accepts as keyword ``autoreset_mode``.

    Args:
        env: A Gymnasium id (``module:Id`` imports a module first), or a factory called with
            ``num_envs`` and ``autoreset_mode``.
        scalar: Builds the scalar env that each row must equal; needed with a factory.
        num_envs: Number of rows N >= 1.
        steps: Length of the traces, in vector steps; at least 100.
        seed: Seed s; row i must equal the scalar env seeded s + i.
        skip: Rule name -> reason why that rule does not apply.

    Raises:
        ContractError: Naming the first broken rule, what was seen, and how to fix it.
        ValueError: If an argument is outside its range.

    Example:
        ``check_vector_env("SparseKey-5x5-v0")``.
    """
    if num_envs < 1 or steps < 100:
        raise ValueError(f"num_envs must be >= 1 and steps >= 100, got {num_envs} and {steps}")
    create: Callable[..., VectorEnv[Any, Any, Any]]
    if isinstance(env, str):
        name, create, entry_point = env, functools.partial(gym.make_vec, env), _native(env)
        scalar = scalar or (lambda: gym.make(env, disable_env_checker=True))
    elif scalar is None:
        raise ValueError("scalar must be given with a factory: it builds one scalar env")
    else:
        name, create, entry_point = getattr(env, "__qualname__", repr(env)), env, env

    def make(number: int, mode: AutoresetMode | None) -> VectorEnv[Any, Any, Any]:
        options: dict[str, Any] = {} if mode is None else {"autoreset_mode": mode}
        return create(num_envs=number, **options)

    offered = AutoresetMode if _takes_mode(entry_point) else ()
    subject = VectorSubject(
        name=name,
        make=make,
        make_scalar=scalar,
        modes=tuple(mode for mode in offered if _accepts(make, mode)) or (None,),
        num_envs=num_envs,
        steps=steps,
        seed=seed,
    )
    run_rules(name, subject, VECTOR_RULES, skip)


def _native(env_id: str) -> Callable[..., Any]:
    """Return the creator of an id's own vector env."""
    module, separator, name = env_id.rpartition(":")
    if separator:  # gym.make imports the module; gym.spec does not
        importlib.import_module(module)
    entry_point = gym.spec(name).vector_entry_point
    if entry_point is None:
        raise ValueError(
            f"{env_id!r} has no vector env of its own (make_vec would put scalar ones into "
            "Gymnasium's SyncVectorEnv); register it with a vector_entry_point"
        )
    return entry_point if callable(entry_point) else load_env_creator(entry_point)


def _accepts(make: Callable[..., VectorEnv[Any, Any, Any]], mode: AutoresetMode) -> bool:
    """Tell whether the env can be built in a mode; rule modes_as_asked looks at the result."""
    try:
        make(1, mode).close()
    except (TypeError, ValueError):  # how an env says that it does not offer the mode
        return False
    return True


def _takes_mode(create: Callable[..., Any]) -> bool:
    """Tell whether a creator has a parameter that could be ``autoreset_mode``."""
    parameters = inspect.signature(create).parameters.values()
    return any(p.name == "autoreset_mode" or p.kind is p.VAR_KEYWORD for p in parameters)
