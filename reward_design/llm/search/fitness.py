"""One number for a candidate, fixed before any candidate is seen."""

from __future__ import annotations

from collections.abc import Sequence

from operant.reward_design.llm.search.results import RunResult

LAST = 3
"""Evaluations whose mean is the score of a run: the last ones, never the best ones."""


def fitness(results: Sequence[RunResult]) -> float | None:
    """Return the mean score of some runs: success in [0, 1], or the true return.

    It is measured on fresh envs without the design. A maximum over training or over seeds would
    reward luck. None without a whole run, or if the program failed in any; runs that died of
    something else say nothing of the candidate.

    Source: Eureka: Human-Level Reward Design via Coding Large Language Models (Ma et al., 2024).
    Deviation: there it is the maximum over the training of one seed.
    """
    if any(result.status == "candidate_error" for result in results):
        return None
    scores = [score(result) for result in results if result.status == "ok"]
    return sum(scores) / len(scores) if scores else None


def score(result: RunResult) -> float:
    """Return the mean of the last evaluations of a run that ended well, not of the best ones."""
    curve: tuple[float, ...] = getattr(result, result.metric)
    trained = [value for step, value in zip(result.steps, curve, strict=True) if step > 0]
    last = trained[-LAST:] or curve
    return sum(last) / len(last)
