"""LaRe's program: proposals for the factors of a return, merged into one, checked, then trained."""

from __future__ import annotations

from collections.abc import Sequence

from operant.reward_design.llm.budget import BudgetError
from operant.reward_design.llm.providers.protocol import ProviderError
from operant.reward_design.llm.search.parts import Prompt
from operant.reward_design.llm.search.prompts import extended, opening, union
from operant.reward_design.llm.search.search import Search, fittest, require_counts
from operant.reward_design.llm.search.text2reward import written
from operant.reward_design.llm.task.rendering import index_list

MERGE_TEMPERATURE = 0.3
"""Of the question that merges proposals."""


def lare(
    search: Search, *, samples: int = 5, repairs: int = 5, seeds: Sequence[int] = (0,)
) -> None:
    """Find the factors on which the return of an episode depends; a decoder learns to weigh them.

    Args:
        search: The parts; ``form`` must be ``"factors"``.
        samples: Proposals that are merged, >= 1; 1 for no merging.
        repairs: How often a program that is refused is asked for again, >= 0.
        seeds: Seeds on which the program is trained.

    Raises:
        OperantError: If a count is out of range.

    Source: Latent Reward: LLM-Empowered Credit Assignment in Episodic Reinforcement Learning (Qu et
    al., 2025), section 4.2: environment prompting, self-prompting and pre-verification.
    """
    require_counts(samples=samples, seeds=len(seeds))
    start = extended(
        opening(search.task, search.view, search.form),
        f"The same as a list:\n{index_list(search.view)}",
    )
    proposals = search.ask(Prompt(messages=start), n=samples, round=0)
    usable = [trial for trial in proposals if trial.accepted]
    merge = Prompt(messages=start)
    if len(usable) > 1:
        merge = Prompt(
            messages=union(search.task, search.view, search.form, usable),
            reports=tuple(trial.report() for trial in usable),
            temperature=MERGE_TEMPERATURE,
            purpose="merge",
        )
    merged = usable[0] if usable else None
    if len(usable) != 1:
        try:
            union_of = written(search, merge, round=1, repairs=repairs)
        except (BudgetError, ProviderError):
            if merged is None:
                raise
        else:  # a proposal that works is better than a union that does not
            merged = union_of if union_of.accepted or merged is None else merged
    if merged is not None and merged.accepted:
        search.train([merged], seeds=seeds)
    search.choose(fittest(list(search.trials.values())), round=1)
