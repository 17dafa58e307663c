"""A search from beginning to end: its parts put together, and its result judged on fresh seeds."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym

from operant.benchmarks.reward_search.score import Arms, expert_of
from operant.benchmarks.reward_search.trainer import SuiteTrainer
from operant.reward_design.llm.budget import Budget, BudgetError, Prices
from operant.reward_design.llm.providers.protocol import Provider
from operant.reward_design.llm.providers.scripted import Scripted
from operant.reward_design.llm.search import prompts
from operant.reward_design.llm.search.candidate import Candidate, Form
from operant.reward_design.llm.search.fitness import fitness, score
from operant.reward_design.llm.search.lineage import Lineage
from operant.reward_design.llm.search.methods import MethodRow, method_row, methods
from operant.reward_design.llm.search.parts import Parts
from operant.reward_design.llm.search.results import Job, RunResult
from operant.reward_design.llm.search.search import Outcome, Search, run_search
from operant.reward_design.llm.task.reading import task_of, view_of
from operant.reward_design.llm.verify.verifier import Remembering, Verifier

LINEAGE = "lineage.jsonl"
"""Name of the lineage in the folder of a search."""
CONTROL = "iid"
"""The method that others are compared with; also the name of its folder inside theirs."""
CONTROLLED = "eureka"
"""The method that has a control."""
OTHER_SAMPLES = 1_000_000
"""Index of the first sample of a control whose samples must be other ones."""
_COUNTS = {"rounds", "samples"}
_PEOPLE = {"judge", "commentator"}
FIRST_REPORT_SEED = 1000
"""Seeds from here on are never searched with."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What is to be searched for, and how.

    Attributes:
        env_id: Gymnasium id.
        method: Id of a method.
        form: Form of the programs; ``""`` for the method's own.
        goal: The task in the user's words; ``""`` for the env's.
        env_kwargs: Arguments of the env.
        options: Arguments of the method.
        gamma: Discount.
        seed: Of the provider and the checks.
        report_seeds: Number of fresh seeds on which the result is judged.
    """

    env_id: str
    method: str = "eureka"
    form: str = ""
    goal: str = ""
    env_kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    gamma: float = 0.99
    seed: int = 0
    report_seeds: int = 5

    def __post_init__(self) -> None:
        """Check the form and the number of seeds.

        Raises:
            ValueError: If the method does not know the form, or ``report_seeds`` is negative.
        """
        if self.form and self.form not in self.row.forms:
            raise ValueError(
                f"form must be one of {', '.join(self.row.forms)} for the method {self.method}, "
                f"got {self.form!r}"
            )
        known = {*[*inspect.signature(methods().load(self.method)).parameters][1:]}
        allowed = known - {*self.row.kwargs}  # what makes it this method cannot be changed
        for name, value in self.options.items():
            if name not in allowed:
                raise ValueError(
                    f"the method {self.method} has no option {name!r}; it has "
                    f"{', '.join(sorted(allowed - _PEOPLE))}"
                )
            if name in _COUNTS and value < 1:
                raise ValueError(f"{name} must be >= 1, got {value}")
        if self.report_seeds < 0:
            raise ValueError(f"report_seeds must be >= 0, got {self.report_seeds}")

    @property
    def row(self) -> MethodRow:
        """The method."""
        return method_row(self.method)

    @property
    def wanted(self) -> Form:
        """The form of the programs."""
        return self.form or self.row.form  # type: ignore[return-value]

    @property
    def world(self) -> dict[str, Any]:
        """Arguments of the env, those that the method needs included."""
        return {**dict(self.row.env_kwargs), **self.env_kwargs}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """How the result of a search does on seeds that it was not chosen by.

    Attributes:
        chosen: Fitness by which the program was chosen; None if none was.
        samples: Number of candidates.
        first_best: Fitness of the best candidate of the first round, whose samples are independent.
        first: Number of candidates in the first round.
        arms: Scores at the end of training with fresh seeds: on the chosen program, on the true
            reward alone, and on a person's, at equal frames.
    """

    chosen: float | None
    samples: int
    first_best: float | None
    first: int
    arms: Arms = dataclasses.field(default_factory=Arms)


def open_search(
    plan: Plan,
    *,
    provider: Provider,
    trainer: SuiteTrainer,
    folder: Path,
    budget: Budget | None = None,
    prices: Prices | None = None,
    max_tokens: int | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> Search:
    """Put the parts of a search together; nothing is asked or trained yet.

    Args:
        plan: What is to be searched for.
        provider: Who writes programs.
        trainer: Who trains agents.
        folder: Where the lineage lies; the same arguments continue what was begun there.
        budget: What may be spent; None for no limit.
        prices: What the provider's model costs; None for nothing.
        max_tokens: Longest answer, or None.
        told: Is told what goes on.

    Raises:
        LineageError: If the folder holds another search.
        ValueError: If the env cannot be described.
    """
    env = gym.make(plan.env_id, **plan.world)
    try:
        task, view = task_of(env, goal=plan.goal), view_of(env)
    finally:
        env.close()
    lineage = Lineage(folder / LINEAGE)
    if isinstance(provider, Scripted):
        provider.skip(sum(1 for _ in lineage.all("reply")))
    parts = Parts(
        task=task,
        view=view,
        form=plan.wanted,
        provider=provider,
        verifier=Remembering(
            Verifier(plan.env_id, env_kwargs=plan.world, gamma=plan.gamma, seed=plan.seed)
        ),
        trainer=trainer,
        lineage=lineage,
        budget=budget or Budget(),
        prices=prices or Prices(),
        max_tokens=max_tokens,
        told=told,
    )
    return _claimed(plan, parts, trainer)


def run(plan: Plan, search: Search, **people: Any) -> Outcome:
    """Search.

    Args:
        plan: What is to be searched for.
        search: Its parts.
        **people: Who judges or comments, as the method calls them.
    """
    method = methods().load(plan.method)
    return run_search(method, search, **{**plan.row.kwargs, **plan.options, **people})


def judge(plan: Plan, search: Search, outcome: Outcome) -> Judgement:
    """Train with fresh seeds on what was chosen and on what it is compared with.

    Nothing of that is begun which the budget does not allow.
    """
    seeds = range(FIRST_REPORT_SEED, FIRST_REPORT_SEED + plan.report_seeds)
    first = [trial for trial in outcome.trials if trial.candidate.round == 0]
    scores = [trial.fitness for trial in first if trial.fitness is not None]
    made = Judgement(
        chosen=None if outcome.chosen is None else outcome.chosen.fitness,
        samples=len(outcome.trials),
        first_best=max(scores, default=None),
        first=len(first),
    )
    if outcome.chosen is None or not seeds:
        return made
    candidate = outcome.chosen.candidate
    expert = expert_of(plan.env_id, plan.world, gamma=plan.gamma)
    designs = {"found": (candidate.name, *candidate.design()), "sparse": ("none", "none", {})}
    if expert is not None:
        designs["human"] = ("human", expert, {})
    try:  # all or nothing: a comparison needs all of it
        trainer = search.parts.trainer
        search.parts.budget.require(env_steps=len(designs) * len(seeds) * trainer.env_steps)
    except BudgetError as error:
        search.parts.told(str(error))
        return made
    arms = {arm: search.train_on(*named, seeds=seeds) for arm, named in designs.items()}
    scores_of = {arm: _scores(results) for arm, results in arms.items()}
    return dataclasses.replace(made, arms=Arms(**scores_of))


def control(plan: Plan, search: Search, trainer: SuiteTrainer, folder: Path) -> Judgement:
    """Search by as many independent samples, and judge the result like the other.

    Args:
        plan: The search that is to be compared.
        search: The search.
        trainer: Who trains agents.
        folder: Of that search; the control's lineage lies inside.

    Raises:
        ValueError: If the search has a method without a control.
    """
    if plan.method != CONTROLLED:
        raise ValueError(f"only {CONTROLLED} has a control, got the method {plan.method}")
    kept = {k: v for k, v in plan.options.items() if k not in method_row(CONTROL).kwargs}
    beside = dataclasses.replace(plan, method=CONTROL, form=plan.wanted, options=kept)
    # Whoever answers for nothing may be asked for the same samples again: they are trained once.
    first = 0 if search.parts.provider.kind == "mutation" else OTHER_SAMPLES
    lineage = Lineage(folder / CONTROL / LINEAGE)
    provider = search.parts.provider
    if isinstance(provider, Scripted):
        provider.skip(sum(1 for _ in lineage.all("reply")))
    afresh = getattr(provider, "afresh", None)  # what it learned from the other search must go
    parts = dataclasses.replace(
        search.parts,
        lineage=lineage,
        first_sample=first,
        provider=provider if afresh is None else afresh(),
    )
    again = _claimed(beside, parts, trainer)
    return judge(beside, again, run(beside, again))


def retrain(trainer: SuiteTrainer, candidate: Candidate, seeds: Sequence[int]) -> list[RunResult]:
    """Train on a candidate of a lineage again, without asking anybody."""
    design, kwargs = candidate.design()
    jobs = [
        Job(name=candidate.name, design=design, design_kwargs=kwargs, seed=seed) for seed in seeds
    ]
    return trainer.train(jobs)


def _claimed(plan: Plan, parts: Parts, trainer: SuiteTrainer) -> Search:
    """Begin a search, or continue it if its lineage says that it is the same one."""
    parts.lineage.claim(
        {
            "method": plan.method,
            "options": dict(plan.options),
            "form": plan.wanted,
            "task": dataclasses.asdict(parts.task),
            "provider": {"name": parts.provider.name, "kind": parts.provider.kind},
            "prompts": prompts.VERSION,
            "trainer": trainer.to_json(),
            "seed": plan.seed,
        }
    )
    return Search(parts)


def _scores(results: Sequence[RunResult]) -> tuple[float, ...]:
    return tuple(score(result) for result in results if fitness([result]) is not None)
