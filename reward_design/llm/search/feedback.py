"""What a writer is told of the candidates that were tried, in words and rounded numbers.

Numbers have fixed decimals, so that equal searches ask equal questions.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from operant.reward_design.llm.search.results import RunResult
from operant.reward_design.llm.search.trial import Trial

_GOAL = {"success": "success rate", "true_return": "score"}
POINTS = 10
"""Most values of a curve that are shown."""


def reflection(trial: Trial) -> str:
    """Return how training on a candidate went: every curve, its mean and its ends.

    Source: Eureka: Human-Level Reward Design via Coding Large Language Models (Ma et al., 2024),
    reward reflection.
    """
    run = trial.representative
    if run is None:
        return failure(trial)
    curves = {
        f"{_GOAL[run.metric]} (the goal; not part of your program)": getattr(run, run.metric),
        "episode length": run.length,
        **{f"term {name}, mean per step": values for name, values in trial.terms.items()},
    }
    return "\n".join(
        [
            "An agent was trained on the program. Values at even distances over the training, the "
            "first one before it:",
            *_table(curves),
            _REFLECT,
        ]
    )


def traces(trial: Trial) -> str:
    """Return the curves of a candidate's terms, and nothing that tells how well the task is solved.

    Source: ICPL: Few-shot In-context Preference Learning via LLMs (Yu et al., 2024), reward traces.
    """
    told = _table({f"term {name}": values for name, values in trial.terms.items()})
    return "\n".join(told) or "No terms were recorded."


def difference(before: Trial, after: Trial) -> str:
    """Return what changed between two programs, as a unified diff; ``""`` if nothing did.

    Source: ICPL (Yu et al., 2024), reward trace difference.
    """
    lines = difflib.unified_diff(
        before.candidate.source.splitlines(),
        after.candidate.source.splitlines(),
        before.name,
        after.name,
        lineterm="",
        n=1,
    )
    return "\n".join(lines)


def failure(trial: Trial) -> str:
    """Return why a candidate was rejected, or why its runs died."""
    said = [str(finding) for finding in trial.findings if finding.severity == "error"]
    said += [_death(result) for result in trial.results if result.status != "ok"]
    return "\n".join(["The program could not be used:", *(said or ["no reason was recorded"])])


def remarks(trial: Trial) -> str:
    """Return the warnings and notes of a candidate; ``""`` if there are none."""
    return "\n".join(str(finding) for finding in trial.findings if finding.severity != "error")


def _death(result: RunResult) -> str:
    what = {
        "candidate_error": "the program failed during training",
        "trainer_error": "the training itself broke, which need not be the program's fault",
        "timeout": "the training took too long",
    }
    return f"{what.get(result.status, result.status)}: {result.error}"


def _table(curves: dict[str, tuple[float, ...]]) -> list[str]:
    return [f"  {name}: {_curve(values)}" for name, values in curves.items() if values]


def _curve(values: Sequence[float]) -> str:
    stride = max(1, -(-len(values) // POINTS))
    shown = ", ".join(f"{value:.3f}" for value in values[::stride])
    mean = sum(values) / len(values)
    return f"[{shown}] min {min(values):.3f}, mean {mean:.3f}, max {max(values):.3f}"


_REFLECT = """\
Before you write, look at each curve:
- If the goal's curve did not rise, the program does not lead to the goal: write another one.
- A term that hardly changes teaches nothing: change its scale or its shape, or drop it.
- A term that is far larger than the others hides them: scale it down.
- A term that never pays may ask for too much at once: reward a step on the way to it."""
