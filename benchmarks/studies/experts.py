"""Can the rewards that a person wrote be learned, and do they serve the true objective?

``python -m operant.benchmarks.studies.experts`` trains the same agent on the true reward alone
(``none``) and on the reward of the env's card (``expert``), and writes ``experts.md`` with a table
and a picture per env. Runs that are done are kept in a results folder, so an interrupted study goes
on; the page is about all runs in that folder.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import gymnasium as gym
import numpy as np

from operant import benchmarks
from operant.benchmarks.bench import run_suite
from operant.benchmarks.executors import Executor, ProcessExecutor, Result
from operant.benchmarks.files import canonical_json
from operant.benchmarks.records import RunRecord
from operant.benchmarks.specs import AgentEntry, Design, Evaluation, Suite
from operant.benchmarks.store import scan
from operant.benchmarks.studies.experts_page import draw, page
from operant.benchmarks.suites.settings import CONTROL, CONTROL_ROWS
from operant.errors import OperantError
from operant.reward_design.adapters.transitions import card_of
from operant.reward_design.llm.designs.expert import fingerprint
from operant.types import Card, Float

TRUE, EXPERT = "none", "expert"
"""The arms: ids of designs."""
SUITES = ("mujoco-sparse", "locomotion-skills")
"""Whose envs are studied by default."""
EVALUATION = Evaluation(points=10, episodes=12, animated=False)
LAST = 3
"""Evaluations that a final score is the mean of."""
ERRORS = 3.0
"""Standard errors by which a score must have risen for a seed to have learned."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """How one env is learned.

    Attributes:
        steps: Env steps of a run.
        cpu_s: Expected CPU time of a run in seconds, evaluations included.
        agent: The agent, the same for both arms.
        num_envs: Rows of its training env.
    """

    steps: int
    cpu_s: float
    agent: AgentEntry = CONTROL
    num_envs: int = CONTROL_ROWS


BUDGETS: Mapping[str, Budget] = MappingProxyType(
    {
        "SparseWalker2d-v0": Budget(steps=1_000_000, cpu_s=500),
        "SparseAnt-v0": Budget(steps=1_000_000, cpu_s=800),
        "SparseHumanoid-v0": Budget(steps=1_000_000, cpu_s=850),
        "AntForward-v0": Budget(steps=1_000_000, cpu_s=800),
        "AntWaveLeg-v0": Budget(steps=1_000_000, cpu_s=800),
        "AntLieDown-v0": Budget(steps=1_000_000, cpu_s=800),
    }
)
"""Env id -> its budget; another number of steps is another run, which starts afresh."""
DEFAULT = Budget(steps=1_000_000, cpu_s=450)


def card(env_id: str) -> Card:
    """Return the card of an env.

    Raises:
        OperantError: If no person wrote a reward for it.
    """
    env = gym.make(env_id, disable_env_checker=True)
    try:
        found = card_of(env)
    finally:
        env.close()
    if found is None or not found.expert:
        raise OperantError(f"{env_id} cannot be studied: its card has no reward by an expert")
    return found


def suite_of(env_id: str, *, seeds: Sequence[int], steps: int | None = None) -> Suite:
    """Return the runs of one env: both arms with every seed.

    Args:
        env_id: Gymnasium id.
        seeds: Seeds; a seed has the same levels and initial weights in both arms.
        steps: Env steps of a run; None for those of :data:`BUDGETS`.

    Raises:
        OperantError: If no person wrote a reward for the env.
    """
    budget = BUDGETS.get(env_id, DEFAULT)
    text = fingerprint(card(env_id).expert)[:12]  # a new text is a new run
    return Suite(
        id="experts",
        title=env_id,
        env_ids=(env_id,),
        designs=(Design(id=TRUE), Design(id=EXPERT, kwargs={"sha256": text})),
        agents=(budget.agent,),
        seeds=tuple(seeds),
        total_steps=budget.steps if steps is None else steps,
        num_envs=budget.num_envs,
        evaluation=EVALUATION,
    )


def cpu_seconds(suites: Iterable[Suite]) -> float:
    """Return the expected CPU time of suites in seconds."""
    return sum(
        len(suite.runs()) * suite.total_steps * budget.cpu_s / budget.steps
        for suite in suites
        for budget in (BUDGETS.get(suite.title, DEFAULT),)
    )


def train(suites: Sequence[Suite], root: Path, executor: Executor) -> list[Result]:
    """Execute what is not finished, env by env; a request to stop ends it.

    Returns:
        How the runs ended that did not end well.
    """
    bad: list[Result] = []
    for suite in suites:
        ended = run_suite(suite, root, executor=executor)
        bad += [result for result in ended if result.outcome != "done"]
        if any(result.outcome == "interrupted" for result in ended):
            break
    return bad


# ---- judgement ------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, kw_only=True)
class Curve:
    """One run.

    Attributes:
        arm: Id of its design.
        seed: Seed.
        steps: (K,) env steps before each evaluation.
        success: (K,) success rate, in [0, 1].
        true_return: (K,) mean true return.
        final: Success rate and true return over the last evaluations.
        random: The same of a random policy.
        learned: By name of score (``success``, ``true_return``, ``designed_return``), whether it
            rose from the untrained policy by more than chance explains.
        cpu_s: CPU time of the run.
    """

    arm: str
    seed: int
    steps: Float
    success: Float
    true_return: Float
    final: Mapping[str, float]
    random: Mapping[str, float]
    learned: Mapping[str, bool]
    cpu_s: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study:
    """What came of one env.

    Attributes:
        env_id: Gymnasium id.
        score: What its card says it is scored by: ``"success"`` or ``"true_return"``.
        steps: Env steps of a run.
        agent: Id and settings of the agent, as JSON values.
        program: Text of the expert's reward.
        curves: The runs of both arms.
    """

    env_id: str
    score: str
    steps: int
    agent: str
    program: str
    curves: tuple[Curve, ...]

    def of(self, arm: str) -> list[Curve]:
        """Return the runs of an arm by seed."""
        return sorted((c for c in self.curves if c.arm == arm), key=lambda curve: curve.seed)


def curve_of(record: RunRecord) -> Curve:
    """Return a run as the page shows it."""
    evals = record.evals
    points = evals.steps()
    first, last = evals.step == points[0], np.isin(evals.step, points[-LAST:])
    names = ("success", "true_return", "designed_return")
    columns = {name: np.asarray(getattr(evals, name), np.float64) for name in names}
    return Curve(
        arm=record.design,
        seed=record.seed,
        steps=points.astype(np.float64),
        success=evals.means("success"),
        true_return=evals.means("true_return"),
        final={name: float(column[last].mean()) for name, column in columns.items()},
        random={name: (record.references.random or {}).get(name, 0.0) for name in names},
        learned={name: rose(column[first], column[last]) for name, column in columns.items()},
        cpu_s=float(record.manifest.get("cpu_s", 0.0)),
    )


def rose(before: Float, after: Float) -> bool:
    """Return whether the mean of some episodes lies above that of others by more than chance.

    Args:
        before: (E,) scores of the untrained policy.
        after: (F,) scores at the end.

    >>> rose(np.array([0.0, 0.0, 1.0, 0.0]), np.array([0.0, 1.0, 0.0, 0.0]))
    False
    >>> rose(np.zeros(4), np.ones(4))
    True
    """
    error = np.sqrt(before.var() / len(before) + after.var() / len(after))
    return bool(after.mean() - before.mean() > ERRORS * error)


def studies_of(root: Path) -> list[Study]:
    """Return what a results folder holds: per env the runs of both arms with the same settings.

    Where there are several such groups it is the one with the longest runs, the newest of these.
    Envs of which an arm is missing are left out, and so are runs on what a card said before.
    """
    found: dict[str, dict[str, list[RunRecord]]] = {}
    for record in scan(root, move=False).records:
        if record.design == TRUE or (record.design == EXPERT and _is_present(record)):
            config = record.manifest["config"]
            told = {key: config[key] for key in config if not key.startswith(("design", "seed"))}
            groups = found.setdefault(record.env_id, {})
            groups.setdefault(canonical_json(told), []).append(record)
    made = []
    for env_id, groups in sorted(found.items()):
        whole = [g for g in groups.values() if {r.design for r in g} == {TRUE, EXPERT}]
        if whole:
            made.append(_study(env_id, max(whole, key=_rank)))
    return made


def _is_present(record: RunRecord) -> bool:
    meant = record.manifest["config"]["design_kwargs"].get("sha256", "")
    return fingerprint(card(record.env_id).expert).startswith(meant)


def _rank(records: Sequence[RunRecord]) -> tuple[int, str]:
    newest = max(str(record.manifest["finished"]) for record in records)
    return records[0].manifest["config"]["total_steps"], newest


def _study(env_id: str, records: Sequence[RunRecord]) -> Study:
    config = records[0].manifest["config"]
    described = card(env_id)
    settings = {**config["agent_config"], "gamma": config["gamma"], "rows": config["num_envs"]}
    return Study(
        env_id=env_id,
        score="success" if described.metric == "success" else "true_return",
        steps=config["total_steps"],
        agent=f"`{config['agent']}` with " + ", ".join(f"`{k}={v}`" for k, v in settings.items()),
        program=described.expert,
        curves=tuple(map(curve_of, records)),
    )


def write(root: Path, folder: Path) -> Path | None:
    """Write the page and its pictures about a results folder; None if it holds nothing to show."""
    studies = studies_of(root)
    if not studies:
        return None
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    for study in studies:
        (images / f"experts_{study.env_id}.png").write_bytes(draw(study))
    (folder / "experts.md").write_text(page(studies))
    return folder / "experts.md"


def chosen_envs(suite: str | None, env_ids: Sequence[str] | None) -> list[str]:
    """Return the envs that the command line asks for.

    Raises:
        UnknownIdError: If there is no such suite; names the nearest ids.
    """
    if env_ids:
        return list(env_ids)
    return [e for name in ((suite,) if suite else SUITES) for e in benchmarks.suite(name).env_ids]


def main(arguments: Sequence[str] | None = None, *, executor: Executor | None = None) -> int:
    """Run the command line; 1 if a run did not end well."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[1])
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--suite", help=f"its envs; by default {' and '.join(SUITES)}")
    what.add_argument("--envs", nargs="+", metavar="ID", help="these envs")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="seeds of each arm")
    parser.add_argument("--steps", type=int, help="env steps of a run, instead of the env's budget")
    parser.add_argument("--workers", type=int, help="processes; by default one per core")
    parser.add_argument("--results", type=Path, default=Path("results/experts"), help="runs")
    parser.add_argument("--write", type=Path, default=Path("docs"), help="folder of the page")
    options = parser.parse_args(arguments)
    try:
        wanted = chosen_envs(options.suite, options.envs)
        suites = [suite_of(each, seeds=options.seeds, steps=options.steps) for each in wanted]
        for suite in suites:
            suite.runs()  # finds out about numbers that are out of range
    except (OperantError, gym.error.Error, ValueError) as error:
        parser.error(str(error))
    hours = cpu_seconds(suites) / 3600
    sys.stderr.write(f"{len(suites)} envs, about {hours:.1f} CPU hours if nothing is done yet\n")
    bad = train(suites, options.results, executor or ProcessExecutor(options.workers))
    written = write(options.results, options.write)
    for result in bad:
        sys.stderr.write(f"{result.folder}: {result.outcome} {result.error}\n")
    sys.stdout.write(f"{written or 'no page: no env has runs of both arms yet'}\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
