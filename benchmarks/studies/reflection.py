"""Does it help a search to read how its candidates did? Searches with, without, and by chance.

``python -m operant.benchmarks.studies.reflection`` searches for rewards in small worlds with a key
and a door. All arms train 16 rewards, 4 in each of 4 rounds: ``reflect`` breeds the best so far by
rules that read its reflection, ``blind`` breeds it by random edits, ``independent`` never breeds.
The reward with the best score is trained again with fresh seeds, and that is what is compared.

Source: Eureka: Human-Level Reward Design via Coding Large Language Models (Ma et al., 2024), the
ablation of reward reflection. No language model takes part here.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from operant.benchmarks.statistics import bootstrap_interval, mean
from operant.benchmarks.studies.key_door import (
    ACTIONS,
    FEATURES,
    Curves,
    KeyDoor,
    draw_level,
    q_learning,
)
from operant.reward_design.llm.language.program import compile_reward
from operant.reward_design.llm.providers.mutate.provider import Mutation
from operant.reward_design.llm.providers.protocol import Message, Request
from operant.reward_design.llm.search.brief import Brief, CandidateReport
from operant.reward_design.llm.task.spec import ObsView, TaskSpec
from operant.types import Float

ROUNDS, SAMPLES = 4, 4
"""Rounds of a search, and candidates of a round."""
LAST = 3
"""Evaluations at the end of a run whose mean success is its score."""
FRESH = 8
"""Fresh seeds that judge the reward that a search found."""
TASK = TaskSpec(
    env_id="KeyDoor",
    goal="Reach the goal.",
    success="the agent stands on the goal",
    max_steps=60,
)
VIEW = ObsView(
    env_id="KeyDoor",
    observation="number of the state",
    obs_size=0,
    action="a move",
    action_size=0,
    actions=ACTIONS,
    features=FEATURES,
)
ARMS = {
    "reflect": {"reflect": True},
    "blind": {"reflect": False},
    "independent": {"reflect": False, "immigrants": 1.0},
}
"""Arm -> arguments of its provider."""


def tabulated(level: KeyDoor, source: str) -> dict[str, Float]:
    """Return what each term of a reward pays in every state for every action, (S, 4) each."""
    program = compile_reward(source, obs_size=0, features=FEATURES)
    before = {f"prev_{name}": values for name, values in level.before_features.items()}
    action = np.tile(np.arange(4.0), len(level.after))
    terms = program.batch_terms(None, action, None, {**level.features, **before})
    return {name: paid.reshape(level.after.shape) for name, paid in terms.items()}


def try_reward(level: KeyDoor, source: str, seed: int, name: str = "") -> CandidateReport:
    """Train on a reward, and report on it.

    Args:
        level: Where.
        source: The reward.
        seed: Of the run.
        name: Of the candidate.
    """
    tables = tabulated(level, source)
    curves = q_learning(level, np.stack([*tables.values()]), seed)
    terms = zip(tables, curves.terms.T, strict=True)
    return CandidateReport(
        name=name,
        source=source,
        fitness=_score(curves),
        success=curves.success,
        terms={term: tuple(values.tolist()) for term, values in terms},
    )


def _score(curves: Curves) -> float:
    return float(np.mean(curves.success[-LAST:]))


def search(provider: Mutation, level: KeyDoor, seed: int) -> CandidateReport:
    """Return the candidate with the best score of a search."""
    tried: list[CandidateReport] = []
    for number in range(ROUNDS):
        best = sorted(tried, key=_fitness, reverse=True)[:1]
        brief = Brief(task=TASK, view=VIEW, form="reward", round=number, reports=tuple(best))
        said = Message(role="user", content=f"level {seed}, round {number}")
        request = Request(messages=(said,), n=SAMPLES, seed=seed, brief=brief)
        for k, completion in enumerate(provider.complete(request)):
            source = completion.text.split("```python\n")[1].split("```")[0]
            tried.append(try_reward(level, source, seed, f"r{number}s{k}"))
    return max(tried, key=_fitness)


def _fitness(report: CandidateReport) -> float:
    return report.fitness or 0.0


def judge(level: KeyDoor, source: str, seed: int) -> float:
    """Return the mean score of a reward over fresh seeds."""
    tables = np.stack([*tabulated(level, source).values()])
    seeds = range(1000 + seed * FRESH, 1000 + (seed + 1) * FRESH)
    return float(np.mean([_score(q_learning(level, tables, fresh)) for fresh in seeds]))


def study(searches: int, *, first: int = 0) -> dict[str, list[float]]:
    """Return arm -> the score of each of its searches.

    Args:
        searches: Per arm; one with the same number has the same level in all arms.
        first: Number of the first one.
    """
    scores: dict[str, list[float]] = {arm: [] for arm in ARMS}
    for seed in range(first, first + searches):
        level = draw_level(np.random.default_rng([7, seed]))
        for arm, arguments in ARMS.items():
            found = search(Mutation(seed=0, **arguments), level, seed)  # type: ignore[arg-type]
            scores[arm].append(judge(level, found.source, seed))
    return scores


def rows(scores: dict[str, list[float]]) -> list[tuple[str, str, str]]:
    """Return a row per arm and per difference: name, mean, 95 % bootstrap interval."""
    compared = {arm: np.array(values) for arm, values in scores.items()}
    compared["reflect - blind"] = compared["reflect"] - compared["blind"]
    compared["reflect - independent"] = compared["reflect"] - compared["independent"]
    compared["blind - independent"] = compared["blind"] - compared["independent"]
    found = []
    for name, values in compared.items():
        interval = bootstrap_interval(values[:, None], mean, rng=np.random.default_rng(0))
        shown = f"[{interval.low:.3f}, {interval.high:.3f}]"
        found.append((name, f"{interval.value:.3f}", shown))
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Run the study and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--searches", type=int, default=170, help="searches per arm")
    parser.add_argument("--first", type=int, default=0, help="number of the first search")
    parser.add_argument("--write", type=Path, help="file for the scores, JSON")
    arguments = parser.parse_args(argv)
    if arguments.searches < 2 or arguments.first < 0:
        parser.error("--searches must be >= 2 and --first >= 0")
    began = time.perf_counter()
    scores = study(arguments.searches, first=arguments.first)
    console, table = Console(), Table("arm", "mean success", "95 % interval")
    for row in rows(scores):
        table.add_row(*row)
    console.print(table)
    console.print(f"{arguments.searches} searches per arm, {time.perf_counter() - began:.0f} s")
    if arguments.write is not None:
        arguments.write.write_text(json.dumps(scores, indent=1) + "\n")


if __name__ == "__main__":
    main()
