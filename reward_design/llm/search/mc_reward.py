"""Auto MC-Reward: a designer, a critic before the training and an analyst of failures after it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from operant.reward_design.llm.budget import BudgetError
from operant.reward_design.llm.findings import Finding
from operant.reward_design.llm.providers.protocol import ProviderError
from operant.reward_design.llm.search.analysis import analyse
from operant.reward_design.llm.search.feedback import failure
from operant.reward_design.llm.search.parts import Prompt
from operant.reward_design.llm.search.prompts import answered, criticism, opening
from operant.reward_design.llm.search.search import Search, fittest, require_counts
from operant.reward_design.llm.search.trial import Trial


def mc_reward(
    search: Search, *, rounds: int = 3, reviews: int = 3, seeds: Sequence[int] = (0,)
) -> None:
    """Search by designing, criticising, training and analysing failures.

    With ``form="signs"`` the program decides signs alone, and the reward of a step is one of nine
    values: ``sgn(sparse) + 0.1 sgn(dense)``.

    Args:
        search: The parts.
        rounds: Programs that are trained on, >= 1.
        reviews: How often the critic may send a program back, >= 0.
        seeds: Seeds on which each program is trained.

    Raises:
        OperantError: If a count is out of range.

    Source: Auto MC-Reward: Automated Dense Reward Design with Large Language Models for Minecraft
    (Li et al., 2024), figure 2. Deviations: the analysis of failed episodes is computed, not asked
    of a model; the checks that can be computed come before the critic.
    """
    require_counts(rounds=rounds, seeds=len(seeds))
    start = opening(search.task, search.view, search.form)
    prompt = Prompt(messages=start)
    for number in range(rounds):
        trial = _reviewed(search, prompt, round=number, reviews=reviews)
        if trial.accepted:
            (trial,) = search.train([trial], seeds=seeds)
        search.choose(fittest(list(search.trials.values())), round=number)
        said = failure(trial)
        if trial.fitness is not None:
            said = analyse(trial.results, search.view).text(search.view)
        prompt = Prompt(
            messages=answered(start, trial, f"{said}\n\nWrite a program that prevents this."),
            reports=(trial.report(),),
            comment=said,
        )


def _reviewed(search: Search, prompt: Prompt, *, round: int, reviews: int) -> Trial:
    """Return a program that checks and critic accept, or the last one there was time for."""
    (trial,) = search.ask(prompt, n=1, round=round)
    usable = trial
    for _ in range(reviews):
        try:
            objections = () if not trial.accepted else criticise(search, trial, round=round)
            if trial.accepted and not objections:
                break
            said = "\n".join(map(str, objections)) or failure(trial)
            again = Prompt(
                messages=answered(prompt.messages[:2], trial, f"{said}\n\nWrite it again."),
                reports=(search.trials[trial.name].report(), *prompt.reports),
                comment=prompt.comment,
            )
            (trial,) = search.ask(again, n=1, round=round)
        except (BudgetError, ProviderError):
            if not usable.accepted:
                raise
            break  # a program that nobody could review is better than none
        usable = trial if trial.accepted else usable
    return search.trials[(trial if trial.accepted else usable).name]


def criticise(search: Search, trial: Trial, *, round: int) -> tuple[Finding, ...]:
    """Ask the critic for mistakes of a program, and note what it says.

    Returns:
        One warning per mistake; none if it accepts, or gives no verdict, which is noted.
    """
    prompt = Prompt(
        messages=criticism(search.task, search.view, search.form, trial),
        reports=(trial.report(),),
        temperature=0.0,
        purpose="criticise",
    )
    (completion,) = search.complete(prompt, [f"{trial.name}-review"], round)
    lines = [_MARKS.sub("", line) for line in completion.text.splitlines()]
    said = [line.partition(":")[2].strip(" *") for line in lines if line.startswith("ERROR")]
    found = tuple(
        Finding(stage="critic", severity="warning", code="objection", message=message)
        for message in said
        if message
    )
    if not found and not any(line.startswith("ACCEPT") for line in lines):
        message = "the critic gave no verdict"
        note = Finding(stage="critic", severity="note", code="no verdict", message=message)
        search.add(trial, (note,))
    else:
        search.add(trial, found)
    return found


_MARKS = re.compile(r"^[\s*#>\-\d.)]*")
"""What models put before a line, as in a list or in bold."""
