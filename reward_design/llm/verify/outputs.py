"""What a program says of every step of some episodes, and where it fails."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from operant.reward_design.llm.language.errors import RewardProgramError
from operant.reward_design.llm.language.program import (
    FactorProgram,
    PotentialProgram,
    RewardProgram,
    SignProgram,
    compile_factors,
    compile_potential,
    compile_reward,
    compile_signs,
)
from operant.reward_design.llm.search.candidate import Form
from operant.reward_design.llm.task.spec import ObsView
from operant.reward_design.llm.verify.steps import PlayedEpisode, Steps
from operant.types import Bool, Float

Program = RewardProgram | SignProgram | FactorProgram | PotentialProgram
"""A program of any form."""
DENSE = 0.1
"""What a dense sign is worth beside a sparse one."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """A step on which a program fails.

    Attributes:
        error: What went wrong.
        example: What the program reads there, by name.
    """

    error: RewardProgramError
    example: Mapping[str, float]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Outputs:
    """What a program says of P steps, one after the other.

    Attributes:
        names: Its K outputs: terms of a reward, ``sparse`` and ``dense``, ``factor0`` .., or
            ``potential``.
        values: (P, K); NaN where it fails. Of a potential, after the step.
        before: (P,) the potential before the step; empty for other forms.
        failures: The first failure of each kind and place.
        failed: (P,) where it fails.
    """

    names: tuple[str, ...]
    values: Float
    before: Float
    failures: tuple[Failure, ...]
    failed: Bool


def compile_form(source: str, form: Form, view: ObsView) -> Program:
    """Compile a program of some form for a world.

    Raises:
        UnsafeRewardCodeError: If the source is not a program of the language.
    """
    if form == "potential":
        return compile_potential(source, obs_size=view.obs_size, features=view.features)
    made: Mapping[str, Callable[..., Program]] = {
        "reward": compile_reward,
        "signs": compile_signs,
        "factors": compile_factors,
    }
    return made[form](
        source, obs_size=view.obs_size, features=view.features, action_size=view.action_size
    )


def outputs_of(program: Program, steps: Steps, episodes: Sequence[PlayedEpisode]) -> Outputs:
    """Evaluate a program on the steps of episodes; each distinct step once if it has no memory.

    A program with memory is evaluated up to its first failure; what it was not asked counts as
    failed too.
    """
    names = names_of(program)
    if not isinstance(program, PotentialProgram) and program.mem_size:
        return _remembering(program, names, steps, episodes)
    values, failures, failed = _each(program, steps)
    before: Float = np.empty(0)
    if isinstance(program, PotentialProgram):
        earlier = dataclasses.replace(steps, next_obs=steps.obs, info=steps.before())
        befores, more, failed_before = _each(program, earlier)
        failures, failed, before = [*failures, *more], failed | failed_before, befores[:, 0]
    rows = np.concatenate([episode.rows for episode in episodes])
    return Outputs(
        names=names,
        values=values[rows],
        before=before[rows] if len(before) else before,
        failures=_distinct(failures),
        failed=failed[rows],
    )


def names_of(program: Program) -> tuple[str, ...]:
    """Return the names of a program's outputs."""
    if isinstance(program, RewardProgram):
        return program.terms
    if isinstance(program, SignProgram):
        return ("sparse", "dense")
    if isinstance(program, FactorProgram):
        return tuple(f"factor{k}" for k in range(program.size))
    return ("potential",)


def paid(program: Program, outputs: Outputs) -> Float | None:
    """Return the reward of each step, (P,); None for forms that are no reward by themselves."""
    if isinstance(program, RewardProgram):
        total: Float = outputs.values.sum(axis=1)
        return total
    if isinstance(program, SignProgram):
        signs = np.sign(outputs.values)
        return np.asarray(signs[:, 0] + DENSE * signs[:, 1], np.float64)
    return None


def batch_of(program: Program, steps: Steps, mem: Float | None = None) -> Float:
    """Return a program's outputs for steps, (N, K).

    Raises:
        RewardProgramError: If it fails in a row.
    """
    if isinstance(program, PotentialProgram):
        info = {name: column for name, column in steps.info.items() if name[:5] != "prev_"}
        obs = steps.next_obs if steps.next_obs.size or not info else None
        return program.batch(obs if obs is not None else steps.action, info)[:, None]
    given = steps.obs, steps.action, steps.next_obs, steps.info, mem
    if isinstance(program, RewardProgram):
        terms = program.batch_terms(*given)
        return np.stack([terms[name] for name in program.terms], axis=1)
    return program.batch(*given)


def _each(program: Program, steps: Steps) -> tuple[Float, list[Failure], Bool]:
    """Return outputs, failures and where they are; rows one by one only if one of them fails."""
    failed = np.zeros(len(steps), np.bool_)
    try:
        return batch_of(program, steps), [], failed
    except RewardProgramError:
        pass
    values = np.full((len(steps), len(names_of(program))), np.nan)
    failures = []
    for n in range(len(steps)):
        try:
            values[n] = batch_of(program, steps.take(slice(n, n + 1)))[0]
        except RewardProgramError as error:
            failures.append(Failure(error=error, example=_read(program, steps, n)))
            failed[n] = True
    return values, failures, failed


def _remembering(
    program: RewardProgram | SignProgram | FactorProgram,
    names: tuple[str, ...],
    steps: Steps,
    episodes: Sequence[PlayedEpisode],
) -> Outputs:
    """Evaluate a program with memory: the same step of all episodes at once."""
    lengths = np.array([len(episode.rows) for episode in episodes])
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    values = np.full((int(lengths.sum()), len(names)), np.nan)
    mem = np.zeros((len(episodes), program.mem_size))
    failures: list[Failure] = []
    for t in range(int(lengths.max())):
        running = np.flatnonzero(lengths > t)
        rows = np.array([episodes[k].rows[t] for k in running.tolist()])
        kept = mem[running]
        try:
            values[starts[running] + t] = batch_of(program, steps.take(rows), kept)
        except RewardProgramError as error:
            example = _read(program, steps, int(rows[error.row or 0]))
            failures.append(Failure(error=error, example=example))
            break
        mem[running] = kept
    return Outputs(
        names=names,
        values=values,
        before=np.empty(0),
        failures=tuple(failures),
        failed=np.isnan(values[:, 0]),
    )


def _distinct(failures: Sequence[Failure]) -> tuple[Failure, ...]:
    """Return the first failure of each code and line."""
    first: dict[tuple[str, int], Failure] = {}
    for failure in failures:
        first.setdefault((failure.error.code, failure.error.line), failure)
    return tuple(first.values())


def _read(program: Program, steps: Steps, row: int) -> dict[str, float]:
    """Return what a program reads of a step, by name; observations are too long to be shown."""
    names = [key for name in program.reads for key in (name, f"prev_{name}")]
    if isinstance(program, PotentialProgram):
        names = [*program.reads]
    shown = {key: float(steps.info[key][row]) for key in names}
    if steps.action.ndim == 1 and not isinstance(program, PotentialProgram):
        shown["action"] = float(steps.action[row])
    return shown
