"""Second stage: the program is run on what was collected, and its numbers are looked at."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from operant.reward_design.llm.findings import Finding, Severity, rejects
from operant.reward_design.llm.language.errors import RewardProgramError
from operant.reward_design.llm.language.program import PotentialProgram, RewardProgram
from operant.reward_design.llm.verify import numbers
from operant.reward_design.llm.verify.cost import affordable
from operant.reward_design.llm.verify.outputs import Outputs, Program, batch_of, outputs_of, paid
from operant.reward_design.llm.verify.stages import Case
from operant.reward_design.llm.verify.steps import PlayedEpisode, Steps
from operant.types import Bool, Float

COMPARED = 64
"""Steps on which single calls are compared with the batch."""
SIGMAS = 3.0
"""Standard errors by which a correlation must be negative to be called so."""


class DryRun:
    """Runs the program on every step that was collected; arrays are locked, so none can change."""

    name = "dry run"

    def check(self, case: Case) -> list[Finding]:
        """Return failures, constants, and what is odd about the numbers."""
        program, experience = case.program, case.ground.experience
        if program is None:
            raise ValueError("the dry run needs the stage of the language before it")
        case.episodes = experience.episodes
        if program.mem_size:  # it is asked of every step, not only of distinct ones
            case.episodes = affordable(experience.episodes, case.summary.get("operations", 0))
        case.outputs = outputs_of(program, experience.steps, case.episodes)
        case.summary["transitions"] = len(case.outputs.values)
        findings = [*self._failures(case, case.outputs)]
        if rejects(findings):
            return findings
        findings += self._special(program, experience.special)
        findings += self._repeats(case, program)
        tried = _tried(case.episodes)
        findings += self._variation(case, case.outputs, tried)
        if not rejects(findings):
            findings += self._parts(case, case.outputs, tried)
            findings += self._direction(case, program, case.outputs, tried)
        return findings

    def _failures(self, case: Case, outputs: Outputs) -> Iterator[Finding]:
        failed, of = int(outputs.failed.sum()), len(outputs.failed)
        case.summary["failed"] = failed
        for failure in outputs.failures:
            error, example = failure.error, dict(failure.example)
            read = ", ".join(f"{name} = {value:g}" for name, value in example.items())
            where = f", as where {read}" if read else ""
            found = Finding.of_error(self.name, error, failed=failed, of=of, example=example)
            message = f"{error.message} on {failed} of {of} steps{where}"
            yield dataclasses.replace(found, message=message)

    def _special(self, program: Program, special: Steps) -> Iterator[Finding]:
        """Run it on three steps that nobody took."""
        for n, words in enumerate(("zero", "in the middle", "at random in its range")):
            mem = np.zeros((1, program.mem_size))
            try:
                batch_of(program, special.take(slice(n, n + 1)), mem)
            except RewardProgramError as error:
                message = f"{error.message} where every number is {words}; no step tried was so"
                yield self._finding(
                    "warning", error.code, message, error.hint, line=error.line, column=error.column
                )
                return

    def _repeats(self, case: Case, program: Program) -> Iterator[Finding]:
        """Compare single calls with the batch, twice, and take the time."""
        steps = case.ground.experience.steps.take(slice(COMPARED))
        began = time.perf_counter()
        try:
            batch = np.vstack([_totals(program, steps), _totals(program, steps)])
            began = time.perf_counter()
            single = np.array([_call(program, steps, n) for n in range(len(steps))])
        except RewardProgramError as error:  # its memory is empty, as it need not be at such a step
            message = f"{error.message} at a step before which nothing was remembered"
            hint = "episodes may start anywhere: let the program do without what it remembers"
            yield self._finding(
                "warning", error.code, message, hint, line=error.line, column=error.column
            )
            return
        each = (time.perf_counter() - began) / len(steps)
        case.summary["microseconds"] = round(1e6 * each, 2)  # no finding: those are reproducible
        if not (batch == single).all():
            message = "the same step is worth different amounts when it is asked again"
            yield self._finding("error", "inconsistent", message)

    def _variation(self, case: Case, outputs: Outputs, tried: Bool) -> Iterator[Finding]:
        """Refuse what never varies, and note what of it does not."""
        values = outputs.values[tried]
        if case.form == "signs":
            values = np.sign(values)
        still = [numbers.is_constant(column) for column in values.T]
        total = paid(case.program, outputs) if case.program is not None else None
        whole = all(still) if total is None else numbers.is_constant(total[tried])
        if whole:
            value = float(values[0].sum())
            message = f"the {case.form} is {value:g} on all {len(values)} steps tried"
            hint = "let it depend on what the agent changes, as in a feature minus its prev_ value"
            yield self._finding("error", "constant", message, hint, data={"value": value})
            return
        for name, constant, column in zip(outputs.names, still, values.T, strict=True):
            if constant and len(outputs.names) > 1:
                yield self._still(case, name, float(column[0]), len(values))

    def _still(self, case: Case, name: str, value: float, count: int) -> Finding:
        """Return the finding that one of several outputs never varies."""
        message = f"{name} is {value:g} on all {count} steps tried"
        hint, data = "drop it, or let it depend on something else", {"term": name, "value": value}
        if case.form == "reward" and value != 0.0:
            hint = "it counts steps only, so it asks for short or for long episodes"
            return self._finding("note", "constant term", message, hint, data=data)
        return self._finding("warning", "constant term", message, hint, data=data)

    def _parts(self, case: Case, outputs: Outputs, tried: Bool) -> Iterator[Finding]:
        """Look at each output by itself and beside the others."""
        values = outputs.values[tried]
        case.summary["terms"] = terms = numbers.of_columns(outputs.names, values)
        if isinstance(case.program, RewardProgram):
            yield from self._shares(terms)
        for name, told in terms.items():
            if case.form != "signs" and told["saturated"] > numbers.MOSTLY:
                message = (
                    f"{name} is at an end of its range on {told['saturated']:.0%} of the steps"
                )
                hint = "scale what goes in, so that it tells more of them apart"
                yield self._finding(
                    "warning", "saturated", message, hint, data={"term": name, **told}
                )
        if case.form == "factors":
            for one, other, r in numbers.duplicates(outputs.names, values):
                message = f"{one} and {other} say the same: their correlation is {r:.3f}"
                yield self._finding(
                    "warning",
                    "duplicate",
                    message,
                    "keep one of them",
                    data={"terms": [one, other], "r": r},
                )

    def _shares(self, terms: dict[str, dict[str, float]]) -> Iterator[Finding]:
        name, told = max(terms.items(), key=lambda item: item[1]["share"])
        if len(terms) > 1 and told["share"] > numbers.MOSTLY:
            message = f"{name} makes up {told['share']:.0%} of the reward"
            hint = "scale the terms so that each can be felt"
            yield self._finding("warning", "dominant", message, hint, data={"term": name, **told})

    def _direction(
        self, case: Case, program: Program, outputs: Outputs, tried: Bool
    ) -> Iterator[Finding]:
        """Ask whether it goes with the true reward, or a potential along the solutions."""
        designed = paid(program, outputs)
        total = outputs.before if designed is None else designed
        if not len(total):
            return  # factors are worth nothing by themselves
        case.summary |= numbers.of_one(total[tried])
        one, other, what = _compared(case, total, tried)
        r = numbers.correlation(one, other)
        case.summary["correlation"] = r
        if r is not None and r * np.sqrt(len(one)) < -SIGMAS:
            message = f"it goes against {what}: the correlation over {len(one)} of them is {r:.2f}"
            hint = "look at the signs of its terms"
            data = {"r": r, "count": len(one)}
            yield self._finding("warning", "wrong direction", message, hint, data=data)

    def _finding(
        self,
        severity: Severity,
        code: str,
        message: str,
        hint: str = "",
        line: int = 0,
        column: int = 0,
        data: Mapping[str, Any] | None = None,
    ) -> Finding:
        return Finding(
            stage=self.name,
            severity=severity,
            code=code,
            message=message,
            hint=hint,
            line=line,
            column=column,
            data=data or {},
        )


def _tried(episodes: tuple[PlayedEpisode, ...]) -> Bool:
    """Return which of all steps are honest ones: of random play and of solutions, (P,)."""
    honest = [np.full(len(e.rows), e.policy in ("random", "solution")) for e in episodes]
    return np.concatenate(honest)


def _compared(case: Case, total: Float, tried: Bool) -> tuple[Float, Float, str]:
    """Return what is compared with what, and what the latter is.

    A reward is compared with the true one at each step; where that never varies, its returns are
    with the true returns of episodes of random play; a potential is with how far along a solution
    it is.

    Args:
        case: The candidate.
        total: (P,) its rewards, or its potentials before the steps.
        tried: (P,) which steps are of random play and of solutions.
    """
    episodes = case.episodes
    parts = np.split(total, np.cumsum([len(e.rows) for e in episodes])[:-1])
    if case.form == "potential":
        solved = [n for n, e in enumerate(episodes) if e.policy == "solution"]
        if not solved:
            return total[:0], total[:0], ""
        places = [np.linspace(0.0, 1.0, len(parts[n])) for n in solved]
        one = np.concatenate([parts[n] for n in solved])
        return one, np.concatenate(places), "the way along the solutions, step by step"
    true = np.concatenate([e.true_rewards for e in episodes])[tried]
    if not numbers.is_constant(true):
        return total[tried], true, "the true reward of steps"
    played = [n for n, e in enumerate(episodes) if e.policy == "random"]
    returns = np.array([[parts[n].sum(), episodes[n].true_rewards.sum()] for n in played])
    return returns[:, 0], returns[:, 1], "the true return of episodes"


def _totals(program: Program, steps: Steps) -> Float:
    """Return what a batch says of steps, (1, N) or (1, N, K)."""
    mem = np.zeros((len(steps), program.mem_size))
    if isinstance(program, RewardProgram):
        given = steps.obs, steps.action, steps.next_obs, steps.info, mem
        return program.batch(*given)[None]
    found = batch_of(program, steps, mem)
    return (found[:, 0] if isinstance(program, PotentialProgram) else found)[None]


def _call(program: Program, steps: Steps, n: int) -> Any:
    """Return what a single call says of one step, from fresh memory."""
    info = {name: float(column[n]) for name, column in steps.info.items()}
    if isinstance(program, PotentialProgram):
        return program(steps.next_obs[n], info)
    return program(steps.obs[n], steps.action[n], steps.next_obs[n], info, [0.0] * program.mem_size)
