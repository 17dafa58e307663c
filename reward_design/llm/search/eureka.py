"""Eureka: several programs a round, the best one is improved on by what its training showed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from operant.reward_design.llm.budget import BudgetError
from operant.reward_design.llm.search.feedback import failure, reflection, remarks
from operant.reward_design.llm.search.parts import Prompt
from operant.reward_design.llm.search.prompts import answered, opening
from operant.reward_design.llm.search.search import Search, TrainerError, fittest, require_counts
from operant.reward_design.llm.search.trial import Trial

LOOKS = 4
"""How often per round the two best are trained on more seeds to find the best."""


def eureka(
    search: Search,
    *,
    rounds: int = 5,
    samples: int = 16,
    seeds: Sequence[int] = (0,),
    parent_seeds: Sequence[int] = (0, 1),
    final_seeds: Sequence[int] = (0, 1, 2, 3),
    feedback: Literal["reflection", "fitness", "none"] = "reflection",
) -> None:
    """Search by evolution with reward reflection.

    Args:
        search: The parts.
        rounds: Number of rounds, >= 1.
        samples: Candidates per round, >= 1.
        seeds: Seeds on which each candidate is trained.
        parent_seeds: Seeds on which the best one is trained before others are made from it.
        final_seeds: Seeds on which the best ones are trained before one is chosen in the end.
        feedback: What is told of the best one: how its training went, its fitness alone, or
            nothing, which is independent sampling: the control that evolution has to beat.

    Raises:
        OperantError: If a count is out of range.

    Source: Eureka: Human-Level Reward Design via Coding Large Language Models (Ma et al., 2024),
    algorithm 1. Deviations: fitness is the success at the end of training, not its maximum; the
    best candidate so far is improved, not the best of the round; before a candidate counts as the
    best it is trained on more seeds, so that it is not merely a lucky one.
    """
    require_counts(rounds=rounds, samples=samples, seeds=len(seeds))
    start = opening(search.task, search.view, search.form)
    prompt = Prompt(messages=start)
    for number in range(rounds):
        trials = search.train(search.ask(prompt, n=samples, round=number), seeds=seeds)
        best = _best(search, final_seeds if number + 1 == rounds else parent_seeds)
        search.choose(best, round=number)
        shown = best or next(iter(trials), None)
        if feedback != "none":
            search.tell([search.trials[trial.name] for trial in trials])
        if shown is not None and feedback != "none":
            said = _said(shown, feedback)
            prompt = Prompt(messages=answered(start, shown, said), reports=(shown.report(),))


def _best(search: Search, seeds: Sequence[int]) -> Trial | None:
    """Return the best candidate that stays the best when it is trained on more seeds.

    The runner-up is trained with it, as it may be the next best, and machines have several cores.
    """

    def is_known(trial: Trial) -> bool:
        return {*seeds} <= {result.seed for result in trial.results}

    for _ in range(LOOKS):
        trials = list(search.trials.values())
        best = fittest(trials)
        if best is None or is_known(best):
            return best
        second = fittest([trial for trial in trials if trial.name != best.name])
        try:
            search.train([t for t in (best, second) if t and not is_known(t)], seeds=seeds)
        except (BudgetError, TrainerError):
            return best
    return fittest([t for t in search.trials.values() if is_known(t)]) or best


def _said(trial: Trial, feedback: str) -> str:
    if trial.fitness is None:
        return f"{failure(trial)}\n\nWrite a program without these mistakes."
    if feedback == "fitness":
        return f"Its score was {trial.fitness:.3f}. Write a better program."
    return f"{reflection(trial)}\n{remarks(trial)}\n\nWrite a better program."
