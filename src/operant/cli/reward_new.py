"""``operant reward new``: search for a reward, with or without a language model."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import OmitArgPrefixes

if TYPE_CHECKING:
    from operant.benchmarks.reward_search.session import Judgement, Plan
    from operant.benchmarks.reward_search.trainer import SuiteTrainer
    from operant.reward_design.llm.budget import Budget
    from operant.reward_design.llm.search.search import Outcome, Search


@dataclasses.dataclass(frozen=True, kw_only=True)
class NewOptions:
    """What to search for, how, and what may be spent.

    Attributes:
        env: Gymnasium id.
        method: ``eureka``, ``text2reward``, ``mc-reward``, ``icpl``, ``lare``, or ``iid``, which
            samples without feedback.
        provider: Who writes programs: ``mutate`` or ``tree`` (no language model), ``openai:MODEL``,
            ``replay:PATH``, ``scripted:FOLDER``, ``module:function``.
        form: Form of the programs, ``reward``, ``potential`` (cannot change the optimal policy),
            ``signs`` or ``factors``; by default the method's own.
        goal: The task in your words; by default the env's.
        rounds: Rounds of the search; by default the method's.
        samples: Candidates per round; by default the method's.
        seeds: Seeds on which each candidate is trained, below 1000.
        report_seeds: Number of fresh seeds on which the result is judged, with the true reward
            alone beside it; 0 for none.
        ask: Who judges (icpl) or comments (text2reward): ``nobody`` (hidden success, statistics),
            ``terminal``, or ``page``, which shows GIFs side by side in a browser.
        agent: Agent, see ``operant agents``.
        agent_args: Fields of the agent's config as a JSON object, beside those of the defaults.
        steps: Env steps of a run; the default suits SparseKey-8x8-v0.
        num_envs: Rows of the training env.
        control: Search by ``iid`` as well, with as many candidates, and show it beside ``eureka``;
            by default where answers cost nothing.
        gamma: Discount.
        env_args: Arguments of the env as a JSON object.
        seed: Of the provider and the checks.
        base_url: Server of ``openai:``, such as http://127.0.0.1:8000/v1; by default OpenAI's.
        record: File to which every answer is recorded, for ``replay:PATH``.
        max_tokens: Longest answer.
        prices: Price per million tokens read and written, for the ledger.
        max_calls: Most answers.
        max_tokens_total: Most tokens.
        max_money: Most money, in the currency of the prices.
        max_env_steps: Most env steps of training.
        max_minutes: Most minutes; nothing new is begun after them.
        run_minutes: Most minutes of one run.
        workers: Number of processes; by default one per core.
        out: Folder of the search; the same command continues what was begun there.
    """

    env: str
    method: str = "eureka"
    provider: str = "mutate"
    form: Literal["", "reward", "potential", "signs", "factors"] = ""
    goal: str = ""
    rounds: int | None = None
    samples: int | None = None
    seeds: tuple[int, ...] = (0,)
    report_seeds: int = 5
    ask: Literal["nobody", "terminal", "page"] = "nobody"
    agent: str = "ppo"
    agent_args: str = "{}"
    steps: int | None = None
    num_envs: int | None = None
    control: bool | None = None
    gamma: float = 0.99
    env_args: str = "{}"
    seed: int = 0
    base_url: str | None = None
    record: Path | None = None
    max_tokens: int | None = None
    prices: tuple[float, float] = (0.0, 0.0)
    max_calls: int | None = None
    max_tokens_total: int | None = None
    max_money: float | None = None
    max_env_steps: int | None = None
    max_minutes: float | None = None
    run_minutes: float = 10.0
    workers: int | None = None
    out: Path | None = None


def new(options: Annotated[NewOptions, OmitArgPrefixes]) -> int:
    """Search for a reward: programs are written, checked, trained on, compared and improved."""
    from operant.benchmarks.reward_search.report import write_search_report
    from operant.benchmarks.reward_search.session import judge, open_search, run
    from operant.benchmarks.reward_search.story import draw_all
    from operant.cli import INTERRUPTED, NOTHING_FOUND, OK
    from operant.cli.named import make_env
    from operant.cli.output import console, printable, program, shown
    from operant.errors import InterruptedRunError
    from operant.reward_design.llm.budget import Prices
    from operant.reward_design.llm.providers.named import make_provider

    plan = _plan(options)
    make_env(plan.env_id, plan.world).close()  # tells what is wrong with it, near ids included
    folder = options.out or Path("results/rewards") / f"{options.env}-{options.method}"
    provider = make_provider(
        options.provider, base_url=options.base_url, record=options.record, seed=options.seed
    )
    trainer = _trainer(options, plan, folder)
    search = open_search(
        plan,
        provider=provider,
        trainer=trainer,
        folder=folder,
        budget=_budget(options),
        prices=Prices(prompt=options.prices[0], completion=options.prices[1]),
        max_tokens=options.max_tokens,
        told=lambda line: console.print(printable(line), soft_wrap=True, markup=False),
    )
    console.print(f"provider: {provider.name} ({_KINDS[provider.kind]})", markup=False)
    for finding in getattr(provider, "findings", ()):  # of a recording that is damaged a little
        console.print(printable(str(finding)), soft_wrap=True, markup=False)
    try:
        trainer.prepare()
        outcome = run(plan, search, **_people(options, search, folder))
        found = judge(plan, search, outcome)
        beside = _control(options, plan, search, trainer, folder)
    except (KeyboardInterrupt, InterruptedRunError):
        console.print("Stopped; all that was done is kept, and the same command continues it.")
        return INTERRUPTED
    finally:
        trainer.close()
    best = folder / "best.py"
    if outcome.chosen is not None:
        best.write_text(outcome.chosen.candidate.source.rstrip() + "\n")
    _tell(outcome, found, beside)
    draw_all(search.parts.lineage, folder / "runs")
    page = write_search_report(search.parts.lineage.path)
    console.print(
        f"page:    {shown(page)}\nlineage: {shown(search.parts.lineage.path)}", markup=False
    )
    if outcome.chosen is None:
        return NOTHING_FOUND
    console.print(f"program: {shown(best)}", markup=False)
    console.print(
        f"All of it: {program()} reward show {shown(folder)}", soft_wrap=True, markup=False
    )
    return OK


_KINDS = {
    "live": "a language model",
    "replay": "recorded answers of a language model",
    "scripted": "programs written by hand",
    "mutation": "search without a language model",
}


def _plan(options: NewOptions) -> Plan:
    from operant.benchmarks.reward_search.session import FIRST_REPORT_SEED, Plan
    from operant.cli.output import json_object

    if options.ask != "nobody" and options.method not in ("icpl", "text2reward"):
        raise ValueError(f"--ask: nobody is asked anything by the method {options.method}")
    if options.control and options.method != "eureka":
        raise ValueError(f"--control is of eureka alone, got the method {options.method}")
    if not options.seeds or not all(0 <= seed < FIRST_REPORT_SEED for seed in options.seeds):
        raise ValueError(
            f"--seeds must be numbers from 0 to {FIRST_REPORT_SEED - 1}, got {options.seeds}; "
            "those above are kept for judging the result"
        )
    counts = {"rounds": options.rounds, "samples": options.samples}
    told = {name: count for name, count in counts.items() if count is not None}
    return Plan(
        env_id=options.env,
        method=options.method,
        form=options.form,
        goal=options.goal,
        env_kwargs=json_object("--env-args", options.env_args),
        options={**told, "seeds": list(options.seeds)},
        gamma=options.gamma,
        seed=options.seed,
        report_seeds=options.report_seeds,
    )


def _trainer(options: NewOptions, plan: Plan, folder: Path) -> SuiteTrainer:
    from operant import agents
    from operant.benchmarks.reward_search.defaults import DEFAULT as usual
    from operant.benchmarks.reward_search.trainer import SuiteTrainer
    from operant.cli.output import json_object

    config = {
        **(usual.agent_config if options.agent == usual.agent else {}),
        **json_object("--agent-args", options.agent_args),
    }
    agents.make_config(options.agent, **config)  # tells what is wrong with it
    return SuiteTrainer(
        plan.env_id,
        agent=options.agent,
        agent_config=config,
        total_steps=usual.total_steps if options.steps is None else options.steps,
        num_envs=usual.num_envs if options.num_envs is None else options.num_envs,
        gamma=options.gamma,
        env_kwargs=plan.world,
        results=folder / "runs",
        workers=options.workers,
        timeout_s=60.0 * options.run_minutes,
    )


def _budget(options: NewOptions) -> Budget:
    from operant.reward_design.llm.budget import Budget

    limits = {
        "llm_calls": options.max_calls,
        "tokens": options.max_tokens_total,
        "money": options.max_money,
        "env_steps": options.max_env_steps,
        "wall_s": None if options.max_minutes is None else 60.0 * options.max_minutes,
    }
    return Budget(**{name: limit for name, limit in limits.items() if limit is not None})


def _people(options: NewOptions, search: Search, folder: Path) -> dict[str, Any]:
    """Return who judges or comments, by the name that the method gives it."""
    if options.ask == "nobody":
        return {}
    if options.method == "icpl":
        from operant.cli.reward_people import judge_of

        return {"judge": judge_of(options.ask, folder / "runs")}
    if options.method == "text2reward":
        from operant.cli.reward_people import commentator_of

        return {"commentator": commentator_of(options.ask, folder / "runs", search.view)}
    return {}


def _control(
    options: NewOptions, plan: Plan, search: Search, trainer: SuiteTrainer, folder: Path
) -> Judgement | None:
    """Search by independent samples, where that is wanted."""
    from operant.benchmarks.reward_search.session import control

    free = search.parts.provider.kind == "mutation"
    wanted = free if options.control is None else options.control
    if not wanted or options.method != "eureka":
        return None
    return control(plan, search, trainer, folder)


def _tell(outcome: Outcome, found: Judgement, beside: Judgement | None) -> None:
    """Print how the search ended, beside its controls."""
    from operant.cli.output import console, printable, table

    rejected: dict[str, int] = {}
    for trial in outcome.trials:
        for finding in trial.findings:
            if finding.severity == "error":
                key = f"{finding.stage}: {finding.code}"
                rejected[key] = rejected.get(key, 0) + 1
        for result in trial.results:
            if result.status != "ok":
                rejected[result.status] = rejected.get(result.status, 0) + 1
    scored = [trial for trial in outcome.trials if trial.fitness is not None]
    counts = f"{len(outcome.trials)} candidates, {len(scored)} trained to the end"
    console.print(printable(f"\n{counts}; {outcome.reason}"), soft_wrap=True, markup=False)
    if rejected:
        said = ", ".join(f"{count} x {what}" for what, count in sorted(rejected.items()))
        console.print(f"no use: {said}", soft_wrap=True, markup=False)
    if outcome.chosen is None:
        console.print("No candidate was any use. The page says for each why it failed.")
        return
    name = outcome.chosen.name
    rows = [
        (f"{name}, as it was chosen", _share(found.chosen), "searched with"),
        (f"the best of the first {found.first} samples", _share(found.first_best), "searched with"),
        (f"{name}, trained again", *_fresh(found.arms.found)),
        ("the true reward alone", *_fresh(found.arms.sparse)),
    ]
    if beside is not None:
        rows += [
            (
                f"the best of {beside.samples} independent ones",
                _share(beside.chosen),
                "searched with",
            ),
            ("the same, trained again", *_fresh(beside.arms.found)),
        ]
    table("score at the end of training", ("reward", "score", "seeds"), rows)
    if found.arms.normalised is not None:
        console.print(f"human-normalised score: {found.arms.normalised:.2f}")


def _fresh(values: tuple[float, ...]) -> tuple[str, str]:
    mean = sum(values) / len(values) if values else None
    return _share(mean), f"{len(values)} fresh ones"


def _share(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3f}"
