"""Text2Reward: one program at a time, improved by what a person says of the agent."""

from __future__ import annotations

from collections.abc import Sequence

from operant.reward_design.llm.search.feedback import failure
from operant.reward_design.llm.search.parts import Prompt
from operant.reward_design.llm.search.people import Commentator, Statistics
from operant.reward_design.llm.search.prompts import extended, opening, shown
from operant.reward_design.llm.search.search import Search, fittest, require_counts
from operant.reward_design.llm.search.trial import Trial
from operant.reward_design.llm.task.rendering import class_skeleton


def text2reward(
    search: Search,
    *,
    rounds: int = 3,
    repairs: int = 4,
    seeds: Sequence[int] = (0,),
    commentator: Commentator | None = None,
    examples: Sequence[tuple[str, str]] = (),
) -> None:
    """Search by comments on what trained agents do.

    Args:
        search: The parts.
        rounds: Most programs that are trained on, >= 1; 1 is the zero-shot form.
        repairs: How often a program that is refused is asked for again, >= 0.
        seeds: Seeds on which each program is trained.
        commentator: Who comments; None for an analysis of failed episodes.
        examples: Tasks with programs that solve them, shown as examples.

    Raises:
        OperantError: If a count is out of range.

    Source: Text2Reward: Reward Shaping with Language Models for Reinforcement Learning (Xie et al.,
    2024), zero-shot, few-shot and interactive form. Deviations: the typed abstraction of the env is
    the feature table itself, so no text is replaced in a program; programs are checked before they
    are trained on.
    """
    require_counts(rounds=rounds, seeds=len(seeds))
    commentator = Statistics(search.view) if commentator is None else commentator
    start = extended(
        opening(search.task, search.view, search.form),
        f"The same as a class, with types and units:\n{class_skeleton(search.view)}",
        *(f"An example. The task: {task}\n{program}" for task, program in examples),
    )
    history: list[tuple[Trial, str]] = []
    for number in range(rounds):
        trial = written(search, _prompt(start, history), round=number, repairs=repairs)
        if trial.accepted:
            (trial,) = search.train([trial], seeds=seeds)
        search.choose(fittest(list(search.trials.values())), round=number)
        if number + 1 == rounds:
            return
        well = trial.fitness is not None
        said = search.comment(commentator, trial) if well else failure(trial)
        if said is None:
            return
        history.append((trial, said))


def written(search: Search, prompt: Prompt, *, round: int, repairs: int) -> Trial:
    """Ask for one program, and again with the reasons while it is refused."""
    (trial,) = search.ask(prompt, n=1, round=round)
    for _ in range(repairs):
        if trial.accepted:
            break
        again = Prompt(
            messages=extended(
                prompt.messages,
                shown("Your last program:", trial, failure(trial)),
                "Write it again without these mistakes.",
            ),
            reports=(trial.report(), *prompt.reports),
            comment=prompt.comment,
        )
        (trial,) = search.ask(again, n=1, round=round)
    return trial


def _prompt(start: tuple, history: Sequence[tuple[Trial, str]]) -> Prompt:  # type: ignore[type-arg]
    """Return the opening with all that was tried and said; the latest is the one to improve."""
    if not history:
        return Prompt(messages=start)
    tried = [
        shown(f"Program {k}:", trial, f"What happened and what to change:\n{said}")
        for k, (trial, said) in enumerate(history, 1)
    ]
    ask = "Say which steps are missing or wrong, and write a better program."
    return Prompt(
        messages=extended(start, *tried, ask),
        reports=tuple(trial.report() for trial, _ in reversed(history)),
        comment=history[-1][1],
    )
