"""ICPL: programs are preferred, not scored; a person can do that by looking."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from operant.reward_design.llm.budget import BudgetError
from operant.reward_design.llm.providers.protocol import ProviderError
from operant.reward_design.llm.search.feedback import difference, traces
from operant.reward_design.llm.search.parts import Prompt
from operant.reward_design.llm.search.people import HiddenFitness, PairJudge
from operant.reward_design.llm.search.prompts import extended, opening, shown
from operant.reward_design.llm.search.search import Search, require_counts
from operant.reward_design.llm.search.trial import Trial


def icpl(
    search: Search,
    *,
    rounds: int = 5,
    samples: int = 6,
    resamples: int = 5,
    seeds: Sequence[int] = (0,),
    judge: PairJudge | None = None,
    feedback: bool = True,
) -> None:
    """Search by preferences: no number that tells how well the task is solved is in any prompt.

    With all candidates trained, ``2 (samples - 1) rounds - 1`` comparisons are made: of each round
    ``samples - 1`` for the best and ``samples - 2`` for the worst of the others, and one of the
    best of a later round with the best so far. The judge is asked at most that often: once for
    each pair.

    Args:
        search: The parts.
        rounds: Number of rounds, >= 1.
        samples: Candidates per round, >= 2.
        resamples: How often candidates that cannot be trained on are replaced in a round, >= 0.
        seeds: Seeds on which each candidate is trained.
        judge: Who prefers; None for the hidden fitness.
        feedback: False to ask the first question again in every round, the control.

    Raises:
        OperantError: If a count is out of range.

    Source: ICPL: Few-shot In-context Preference Learning via LLMs (Yu et al., 2024), algorithm 1.
    """
    require_counts(rounds=rounds, samples=samples - 1, seeds=len(seeds))
    judge = HiddenFitness() if judge is None else judge
    start = opening(search.task, search.view, search.form)
    prompt, history = Prompt(messages=start), list[Trial]()
    for number in range(rounds):
        trained = _trained(search, prompt, number, samples, resamples, seeds)
        if not trained:
            continue
        best = _pick(search, judge, trained)
        others = [trial for trial in trained if trial.name != best.name]
        worst = _pick(search, judge, others, worst=True) if others else None
        history.append(best)
        if search.chosen is None or search.prefers_first(judge, best, search.chosen):
            search.choose(best, round=number)
        else:
            search.choose(search.chosen, round=number)
        if feedback and search.chosen is not None:
            prompt = _prompt(start, search.chosen, worst, history)


def _trained(
    search: Search, prompt: Prompt, number: int, samples: int, resamples: int, seeds: Sequence[int]
) -> list[Trial]:
    """Return candidates with a run that ended well; those that have none are asked for again."""
    trained: list[Trial] = []
    for _ in range(resamples + 1):
        missing = samples - len(trained)
        if missing == 0:
            break
        try:
            asked = search.train(search.ask(prompt, n=missing, round=number), seeds=seeds)
        except (BudgetError, ProviderError):
            if not trained:
                raise
            break  # those that there are can still be judged
        trained += [trial for trial in asked if trial.fitness is not None]
    return trained


def _pick(
    search: Search, judge: PairJudge, trials: Sequence[Trial], *, worst: bool = False
) -> Trial:
    """Return the best or the worst of some candidates, one comparison for each but the first."""
    picked = trials[0]
    for trial in trials[1:]:
        if search.prefers_first(judge, trial, picked) != worst:
            picked = trial
    return picked


def _prompt(start: tuple, best: Trial, worst: Trial | None, history: Sequence[Trial]) -> Prompt:  # type: ignore[type-arg]
    """Return the question with the best and the worst program, their traces, and what changed."""
    changes = [difference(old, new) for old, new in itertools.pairwise(history)]
    parts = [shown("The program that was preferred to all others:", best, traces(best))]
    reports = [best.report(hide_fitness=True, preferred="best")]
    if worst is not None:
        parts.append(shown("The program that was liked least:", worst, traces(worst)))
        reports.append(worst.report(hide_fitness=True, preferred="worst"))
    if changes:
        parts.append("How the best program changed from round to round:\n" + "\n".join(changes))
    ask = "Write a program that is better than the preferred one; avoid what the other one does."
    return Prompt(messages=extended(start, *parts, ask), reports=tuple(reports))
