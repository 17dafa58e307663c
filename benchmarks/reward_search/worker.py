"""What a worker process does: one run, whatever happens to it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from operant import reward_design
from operant.benchmarks.run import Progress, Run
from operant.benchmarks.specs import RunSpec
from operant.benchmarks.store import RunDirectory
from operant.errors import NonFiniteRewardError, OperantError, UnknownIdError
from operant.reward_design.llm.language.errors import RewardProgramError
from operant.reward_design.llm.search.results import Status


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How the work on a run ended.

    Attributes:
        status: ``"ok"`` if its folder holds the results.
        error: What went wrong, or ``""``.
        env_steps: Env steps that are known to have been trained, if it went wrong.
    """

    status: Status
    error: str = ""
    env_steps: int = 0


def execute(
    root: Path, spec: RunSpec, stop: Callable[[], bool], tell: Callable[[int], None]
) -> Ending:
    """Execute a run in a worker; tells env steps, and never raises.

    Args:
        root: Folder of the runs.
        spec: The run.
        stop: Whether to stop.
        tell: Is told how many env steps were trained.
    """

    def report(progress: Progress) -> None:
        tell(progress.step)

    try:
        _require_design(spec)
        outcome = Run(RunDirectory(root, spec), should_stop=stop, report=report).execute()
    except (RewardProgramError, NonFiniteRewardError) as error:
        return Ending(status="candidate_error", error=f"{type(error).__name__}: {error}")
    except Exception as error:  # one run's failure must not take the others down
        return Ending(status="trainer_error", error=f"{type(error).__name__}: {error}")
    if outcome == "done":
        return Ending(status="ok")
    why = {"busy": "another process works on it", "interrupted": "it was stopped and saved"}
    return Ending(status="trainer_error", error=f"{why[outcome]}; run again")


def _require_design(spec: RunSpec) -> None:
    """Make sure that the design can be built from the candidate's text.

    Raises:
        RewardProgramError: If not, whatever the reason.
        UnknownIdError: If there is no such design, which is not the candidate's fault.
    """
    try:
        reward_design.make_design(spec.design, **spec.design_kwargs)
    except (RewardProgramError, UnknownIdError):
        raise
    except (OperantError, TypeError, ValueError) as error:
        raise RewardProgramError("design", str(error)) from error
