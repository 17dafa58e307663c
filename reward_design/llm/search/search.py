"""What every method of search shares: asking, checking, training, and writing it all down."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from operant.errors import OperantError
from operant.reward_design.llm.budget import BudgetError
from operant.reward_design.llm.findings import Finding, rejects
from operant.reward_design.llm.providers.protocol import (
    Completion,
    ProviderError,
    Request,
    Usage,
)
from operant.reward_design.llm.search import prompts
from operant.reward_design.llm.search.brief import Brief
from operant.reward_design.llm.search.candidate import Candidate, Form, Provenance
from operant.reward_design.llm.search.parts import Parts, Prompt
from operant.reward_design.llm.search.people import Commentator, PairJudge
from operant.reward_design.llm.search.results import Job, RunResult
from operant.reward_design.llm.search.trial import Trial
from operant.reward_design.llm.task.spec import ObsView, TaskSpec
from operant.reward_design.llm.verify.reply import read_reply


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a search ended.

    Attributes:
        chosen: The candidate that it proposes; None if none was any use.
        trials: All candidates, in order.
        reason: ``"finished"``, or what stopped it.
    """

    chosen: Trial | None
    trials: tuple[Trial, ...]
    reason: str


class Search:
    """The steps that methods are made of.

    Attributes:
        parts: What it is put together from.
        trials: Candidate name -> what is known of it, in order.
        chosen: The candidate that the method would propose now.
        cut: Quantities of which the budget allowed less than was wanted.
    """

    def __init__(self, parts: Parts) -> None:
        """Begin; nothing is asked yet."""
        self.parts = parts
        self.trials: dict[str, Trial] = {}
        self.chosen: Trial | None = None
        self.cut: set[str] = set()
        self._asked: Counter[str] = Counter()
        self._preferred: dict[frozenset[str], str] = {}
        self._runs: dict[tuple[str, int], RunResult] = {}

    @property
    def task(self) -> TaskSpec:
        """What is to be achieved."""
        return self.parts.task

    @property
    def view(self) -> ObsView:
        """What programs can read."""
        return self.parts.view

    @property
    def form(self) -> Form:
        """What kind of program is wanted."""
        return self.parts.form

    # ---- asking -----------------------------------------------------------------------------

    def ask(self, prompt: Prompt, *, n: int, round: int) -> list[Trial]:
        """Ask for ``n`` candidates and check each; fewer if the budget allows no more.

        Raises:
            BudgetError: If the budget allows none.
            ProviderError: If the provider gives no answer at all.
        """
        first = sum(trial.candidate.round == round for trial in self.trials.values())
        names = [f"r{round}s{first + k}" for k in range(n)]
        trials = [
            self._trial(name, completion, prompt, round)
            for name, completion in zip(names, self.complete(prompt, names, round), strict=False)
        ]
        self.trials.update((trial.name, trial) for trial in trials)
        accepted = sum(trial.accepted for trial in trials)
        self.parts.told(f"round {round}: {len(trials)} candidates, {accepted} accepted")
        return trials

    def complete(self, prompt: Prompt, names: Sequence[str], round: int) -> list[Completion]:
        """Return one completion for each name; from the lineage where it was said before.

        Raises:
            BudgetError: If the budget allows no call, or the time is over.
            ProviderError: If the provider gives no answer at all.
        """
        self.parts.lineage.write("prompt", prompt.identity, messages=_plain(prompt.messages))
        known = (self._remembered(name, prompt) for name in names)
        done = [said for said in itertools.takewhile(lambda said: said is not None, known) if said]
        for name, completion in zip(names, done, strict=False):
            self._note(name, completion, prompt)
        first, left = self._asked[prompt.identity], names[len(done) :]
        self._asked[prompt.identity] += len(names)
        if left:
            self.parts.budget.require(llm_calls=1)
            wanted = self._affordable("llm_calls", len(left))
            request = Request(
                messages=prompt.messages,
                n=wanted,
                first_sample=self.parts.first_sample + first + len(done),
                temperature=prompt.temperature,
                max_tokens=self.parts.max_tokens,
                purpose=prompt.purpose,
                template=str(prompts.VERSION),
                brief=Brief(
                    task=self.task,
                    view=self.view,
                    form=self.form,
                    round=round,
                    reports=prompt.reports,
                    comment=prompt.comment,
                ),
            )
            said = self.parts.provider.complete(request)
            if not said:
                raise ProviderError(f"{self.parts.provider.name} gave no answer at all; ask again")
            for name, completion in zip(left, said, strict=False):  # the budget may allow fewer
                self._note(name, completion, prompt)
            done += said
        return done

    def _affordable(self, quantity: str, wanted: int, price: float = 1.0) -> int:
        """Return how much of what is wanted the budget allows, and note if it is not all."""
        allowed = min(wanted, self.parts.budget.left(quantity) // price)
        if allowed < wanted:
            self.cut.add(quantity)
            self.parts.told(f"the budget of {quantity} allows {allowed:g} of {wanted}")
        return int(allowed)

    def _remembered(self, name: str, prompt: Prompt) -> Completion | None:
        found = self.parts.lineage.get("reply", name)
        if found is None or found["prompt"] != prompt.identity:
            return None
        said = {**found["completion"], "usage": Usage(**found["completion"]["usage"])}
        return Completion(**said)

    def _note(self, name: str, completion: Completion, prompt: Prompt) -> None:
        usage = completion.usage
        tokens = usage.prompt_tokens + usage.completion_tokens
        price = self.parts.prices.of(usage.prompt_tokens, usage.completion_tokens)
        self.parts.budget.spend(llm_calls=1, tokens=tokens, money=price)
        self.parts.lineage.write(
            "reply", name, prompt=prompt.identity, completion=_plain(completion)
        )

    def _trial(self, name: str, completion: Completion, prompt: Prompt, round: int) -> Trial:
        source, findings = read_reply(completion.text, completion.finish_reason, self.form)
        findings, identity = tuple(findings), ""
        if not rejects(findings):
            verdict = self.parts.verifier.check(source, self.form)
            findings, identity = (*findings, *verdict.findings), verdict.identity
        candidate = Candidate(
            name=name,
            form=self.form,
            source=source,
            reply=completion.text,
            identity=identity,
            round=round,
            sample=int(name.rpartition("s")[2]),
            parents=tuple(report.name for report in prompt.reports),
            provenance=Provenance(
                provider=self.parts.provider.name,
                kind=self.parts.provider.kind,
                model=completion.model,
                prompt=prompt.identity,
                request_id=completion.request_id,
            ),
        )
        trial = Trial(candidate=candidate, findings=findings)
        self._write_candidate(trial)
        return trial

    def _write_candidate(self, trial: Trial) -> None:
        candidate, findings = _plain(trial.candidate), _plain(trial.findings)
        self.parts.lineage.write("candidate", trial.name, candidate=candidate, findings=findings)

    def add(self, trial: Trial, findings: Sequence[Finding]) -> None:
        """Note what else was found of a candidate."""
        if findings:
            trial = dataclasses.replace(trial, findings=(*trial.findings, *findings))
            self.trials[trial.name] = trial
            self._write_candidate(trial)

    # ---- training ---------------------------------------------------------------------------

    def train(self, trials: Sequence[Trial], *, seeds: Sequence[int]) -> list[Trial]:
        """Train on every accepted candidate; equal programs are trained once.

        Returns:
            All of ``trials``, with the runs that there are now.

        Raises:
            BudgetError: If the budget allows no run.
            TrainerError: If all of several runs broke in the training itself.
        """
        jobs = self._jobs(trials, seeds)
        if jobs:
            budget, trainer = self.parts.budget, self.parts.trainer
            budget.require(env_steps=trainer.env_steps)
            names = list(jobs)[: self._affordable("env_steps", len(jobs), trainer.env_steps)]
            self.parts.told(f"training {len(names)} runs of {trainer.env_steps} env steps")
            results = trainer.train([jobs[name] for name in names])
            budget.spend(env_steps=sum(result.env_steps for result in results))
            self._runs.update(zip(names, results, strict=True))
            trained = [self._with_runs(trial, seeds) for trial in trials]
            _require_trainer(results)
            return trained
        return [self._with_runs(trial, seeds) for trial in trials]

    def _jobs(self, trials: Sequence[Trial], seeds: Sequence[int]) -> dict[tuple[str, int], Job]:
        """Return the runs that are still to be made, by program and seed."""
        jobs: dict[tuple[str, int], Job] = {}
        for trial in trials:
            design, kwargs = trial.candidate.design() if trial.accepted else ("", {})
            for seed in seeds if trial.accepted else ():
                key = trial.candidate.identity, seed
                if key not in self._runs:
                    job = Job(name=trial.name, design=design, design_kwargs=kwargs, seed=seed)
                    jobs.setdefault(key, job)
        return jobs

    def _with_runs(self, trial: Trial, seeds: Sequence[int]) -> Trial:
        had = {result.seed for result in trial.results}
        found = [
            dataclasses.replace(self._runs[key], name=trial.name)
            for key in ((trial.candidate.identity, seed) for seed in seeds if seed not in had)
            if key in self._runs
        ]
        trial = dataclasses.replace(trial, results=(*trial.results, *found))
        for result in found:
            self._write_run(result, *trial.candidate.design())
        self.trials[trial.name] = trial
        return trial

    def train_on(
        self, name: str, design: str, kwargs: Mapping[str, Any], *, seeds: Sequence[int]
    ) -> list[RunResult]:
        """Train on any design, to judge what was found; the candidates' results stay as they are.

        Raises:
            BudgetError: If the budget does not allow all the runs.
        """
        jobs = [Job(name=name, design=design, design_kwargs=kwargs, seed=seed) for seed in seeds]
        self.parts.budget.require(env_steps=len(jobs) * self.parts.trainer.env_steps)
        self.parts.told(f"training {len(jobs)} runs with fresh seeds: {name}")
        results = list(self.parts.trainer.train(jobs))
        self.parts.budget.spend(env_steps=sum(result.env_steps for result in results))
        for result in results:
            self._write_run(result, design, kwargs)
        return results

    def _write_run(self, result: RunResult, design: str, kwargs: Mapping[str, Any]) -> None:
        self.parts.lineage.write(
            "run",
            f"{result.name}-seed{result.seed}",
            candidate=result.name,
            design=design,
            design_kwargs=dict(kwargs),
            result={**_plain(result), "episodes": []},  # they lie in the run's folder
        )

    def tell(self, trials: Sequence[Trial]) -> None:
        """Tell a provider that learns how candidates did; others know what prompts show them."""
        learn = getattr(self.parts.provider, "learn", None)
        if learn is not None:
            learn([trial.report() for trial in trials])

    # ---- judging ----------------------------------------------------------------------------

    def prefers_first(self, judge: PairJudge, first: Trial, second: Trial) -> bool:
        """Ask a judge which of two candidates is better: a human query, but once for each pair.

        Raises:
            BudgetError: If the budget allows no query.
        """
        pair = frozenset((first.name, second.name))
        if pair not in self._preferred:
            self.parts.budget.require(human_queries=1)
            name = f"{first.name} {second.name}"
            found = self.parts.lineage.get("preference", name)
            prefers = judge.prefers_first(first, second) if found is None else bool(found["first"])
            self.parts.budget.spend(human_queries=1)
            by = judge.name if found is None else found["judge"]
            self.parts.lineage.write("preference", name, judge=by, first=prefers)
            self._preferred[pair] = first.name if prefers else second.name
        return self._preferred[pair] == first.name

    def comment(self, commentator: Commentator, trial: Trial) -> str | None:
        """Ask for a comment on a candidate; counts as a human query.

        Raises:
            BudgetError: If the budget allows no query.
        """
        self.parts.budget.require(human_queries=1)
        found = self.parts.lineage.get("comment", trial.name)
        said = commentator.comment(trial) if found is None else found["text"]
        self.parts.budget.spend(human_queries=1)
        by = commentator.name if found is None else found["by"]
        self.parts.lineage.write("comment", trial.name, by=by, text=said)
        return said

    # ---- choosing ---------------------------------------------------------------------------

    def choose(self, trial: Trial | None, *, round: int) -> None:
        """Note what the method would propose now."""
        self.chosen = trial
        score = None if trial is None else trial.fitness
        name = None if trial is None else trial.name
        self.parts.lineage.write("round", f"round{round}", chosen=name, fitness=score)
        self.parts.told(f"round {round}: best so far {name or 'none'}" + _scored(score))


class TrainerError(OperantError):
    """Training itself does not work, whatever the candidates are."""


def _require_trainer(results: Sequence[RunResult]) -> None:
    """Check that not all of several runs broke for reasons of the trainer.

    Raises:
        TrainerError: If they did.
    """
    if len(results) > 1 and all(result.status == "trainer_error" for result in results):
        raise TrainerError(
            f"all {len(results)} runs broke in the training, not in the programs; the first said: "
            f"{results[0].error}"
        )


def fittest(trials: Sequence[Trial]) -> Trial | None:
    """Return the candidate with the highest fitness, the first of equals; None if none has one."""
    scored = [trial for trial in trials if trial.fitness is not None]
    return max(scored, key=lambda trial: trial.fitness, default=None)  # type: ignore[arg-type, return-value]


def run_search(method: Callable[..., None], search: Search, **options: Any) -> Outcome:
    """Run a method until it has finished, or the budget or the provider ends it.

    Args:
        method: One of the methods, ``method(search, **options)``.
        search: The parts.
        **options: Of the method.
    """
    reason = "finished"
    try:
        method(search, **options)
    except (BudgetError, ProviderError, TrainerError) as error:
        reason = str(error)
    if search.cut and reason == "finished":
        reason = f"finished with fewer than wanted: the budget of {', '.join(sorted(search.cut))}"
    trials = tuple(search.trials.values())
    chosen = None if search.chosen is None else search.trials[search.chosen.name]
    search.parts.lineage.write(
        "end",
        "end",
        reason=reason,
        chosen=None if chosen is None else chosen.name,
        fitness=None if chosen is None else chosen.fitness,
        budget=search.parts.budget.to_json(),
    )
    return Outcome(chosen=chosen, trials=trials, reason=reason)


def require_counts(**counts: int) -> None:
    """Check options of a method that count something.

    Raises:
        OperantError: If one is below 1.
    """
    for name, count in counts.items():
        if count < 1:
            raise OperantError(f"{name} must be >= 1, got {count}")


def _plain(value: Any) -> Any:
    """Return dataclasses as JSON values."""
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    plain: Mapping[str, Any] = dataclasses.asdict(value)
    return plain


def _scored(score: float | None) -> str:
    return "" if score is None else f" (fitness {score:.3f})"
