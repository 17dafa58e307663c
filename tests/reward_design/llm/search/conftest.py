"""A search whose parts are fakes: a scripted writer, and a trainer that knows every fitness."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from operant.reward_design.llm.budget import Budget
from operant.reward_design.llm.findings import Finding
from operant.reward_design.llm.language.errors import RewardProgramError
from operant.reward_design.llm.language.program import compile_potential, compile_reward
from operant.reward_design.llm.providers.protocol import Completion, ProviderError, Request, Usage
from operant.reward_design.llm.search.candidate import Form
from operant.reward_design.llm.search.lineage import Lineage
from operant.reward_design.llm.search.parts import Parts
from operant.reward_design.llm.search.results import Episode, EpisodeStep, Job, RunResult
from operant.reward_design.llm.search.search import Search
from operant.reward_design.llm.task.spec import ObsView, TaskSpec
from operant.reward_design.llm.verify.verifier import Verdict
from operant.types import Feature

FEATURES = (
    Feature(name="distance", description="steps to the goal", low=0, high=10, dtype="int"),
    Feature(
        name="lava_ahead", description="the cell in front is lava", low=0, high=1, dtype="bool"
    ),
    Feature(name="has_key", description="the agent carries the key", low=0, high=1, dtype="bool"),
)


class Writer:
    """Gives out texts in order, and remembers what it was asked."""

    kind = "scripted"
    name = "writer"

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = list(texts)
        self.requests: list[Request] = []

    def complete(self, request: Request) -> list[Completion]:
        self.requests.append(request)
        if not self.texts:
            raise ProviderError("the writer has no more texts")
        given, self.texts = self.texts[: request.n], self.texts[request.n :]
        return [Completion(text=text, usage=Usage(completion_tokens=7)) for text in given]


class Compiler:
    """A verifier that only compiles."""

    def check(self, source: str, form: Form) -> Verdict:
        compiled = compile_potential if form == "potential" else compile_reward
        if form in ("signs", "factors"):
            return Verdict(findings=(), identity=hashlib.sha256(source.encode()).hexdigest())
        try:
            program = compiled(source, obs_size=0, features=FEATURES)
        except RewardProgramError as error:
            return Verdict(findings=(Finding.of_error("language", error),))
        return Verdict(findings=(), identity=program.identity)


class Oracle:
    """A trainer: ``fitness(source, seed)`` is the success, or a status if it is text."""

    env_steps = 1000

    def __init__(self, fitness: Callable[[str, int], float | str]) -> None:
        self._fitness = fitness
        self.jobs: list[Job] = []

    def train(self, jobs: Sequence[Job]) -> list[RunResult]:
        self.jobs += jobs
        return [self._run(job) for job in jobs]

    def _run(self, job: Job) -> RunResult:
        source = job.design_kwargs.get("source") or job.design_kwargs.get("potential") or ""
        found = self._fitness(source, job.seed)
        if isinstance(found, str):
            return RunResult(name=job.name, seed=job.seed, status=found, error="it broke")  # type: ignore[arg-type]
        steps = (
            EpisodeStep(action="left", reward=0.0, features={"lava_ahead": 1.0, "has_key": 0.0}),
            EpisodeStep(
                action="forward", reward=-1.0, features={"lava_ahead": 0.0, "has_key": 0.0}
            ),
        )
        return RunResult(
            name=job.name,
            seed=job.seed,
            status="ok",
            steps=(0, 500, 1000),
            success=(0.0, found, found),
            length=(9.0, 8.0, 7.0),
            terms={"closer": (0.0, 0.25, 0.5)},
            ends={"success": found, "terminated": 1 - found},
            episodes=(Episode(steps=steps, length=12, success=False, ended="terminated"),),
            env_steps=self.env_steps,
        )


def program(weight: float) -> str:
    return (
        "def reward(obs, action, next_obs, info):\n"
        f'    closer = {weight} * (info["prev_distance"] - info["distance"])\n'
        "    return closer\n"
    )


@pytest.fixture
def written() -> Callable[[float], str]:
    """Text of a program with some weight."""
    return program


@pytest.fixture
def fenced() -> Callable[[float], str]:
    """Reply with a program of some weight."""
    return lambda weight: f"It goes closer.\n```python\n{program(weight)}```\n"


@pytest.fixture
def make_search(tmp_path: Path) -> Callable[..., Any]:
    """Builds a search with its writer and trainer."""

    def make(
        texts: Sequence[str],
        fitness: Callable[[str, int], float | str],
        *,
        form: Form = "reward",
        folder: str = "search",
        **limits: float,
    ) -> tuple[Search, Writer, Oracle]:
        writer, oracle = Writer(texts), Oracle(fitness)
        parts = Parts(
            task=TaskSpec(env_id="World-v0", goal="Reach the goal.", success="at the goal"),
            view=ObsView(
                env_id="World-v0",
                observation="a picture",
                obs_size=0,
                action="0 left, 1 forward",
                action_size=0,
                actions=("left", "forward"),
                features=FEATURES,
            ),
            form=form,
            provider=writer,
            verifier=Compiler(),
            trainer=oracle,
            lineage=Lineage(tmp_path / folder / "lineage.jsonl"),
            budget=Budget(**limits),
        )
        return Search(parts), writer, oracle

    return make
