"""Does the native PPO learn as well per env step as SB3's? Equal hyper-parameters, several seeds.

Run ``make parity``, which installs what the tasks need and writes the page of the documentation.
Runs that are done are kept in a folder, so an interrupted comparison goes on.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import functools
import json
import multiprocessing
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from operant.benchmarks.first_episodes import first_episodes

AGENTS = ("sb3-ppo", "ppo")


@dataclasses.dataclass(frozen=True, slots=True)
class Task:
    """A world and the hyper-parameters that both agents learn it with.

    Attributes:
        env: Gymnasium id.
        num_envs: Rows N.
        steps: Env transitions of a run.
        hyper: Of the agents; the others keep their defaults, which are the same for both.
        episodes: Episodes of the evaluation.
    """

    env: str
    num_envs: int
    steps: int
    hyper: Mapping[str, Any]
    episodes: int = 64


TASKS = [
    Task(
        "CartPole-v1",
        8,
        100_000,
        {
            "n_steps": 32,
            "batch_size": 256,
            "n_epochs": 20,
            "gamma": 0.98,
            "gae_lambda": 0.8,
            "learning_rate": 1e-3,
        },
    ),
    Task(
        "LunarLander-v3",
        16,
        500_000,
        {
            "n_steps": 256,
            "batch_size": 256,
            "n_epochs": 4,
            "gamma": 0.999,
            "gae_lambda": 0.98,
            "ent_coef": 0.01,
        },
    ),
    Task("HalfCheetah-v5", 8, 300_000, {"n_steps": 256, "batch_size": 256, "n_epochs": 10}, 16),
    Task(
        "DoorKey-8x8-v0",
        256,
        2_000_000,
        {"n_steps": 128, "batch_size": 2048, "n_epochs": 4, "ent_coef": 0.01},
        256,
    ),
]
"""Hyper-parameters are near those of RL Zoo; a new task is a row here."""


PAGE = """# PPO beside Stable-Baselines3

Does Operant's own PPO learn as much from a number of env steps as SB3's? Both get the same batched
env, the same hyper-parameters and {seeds} seeds. A seed's score is the mean return of its sampled
policy over fresh episodes after training; shown are the mean over seeds, its 95 % interval
(Student's t) and the p-value of a permutation test of equal means. This page is written by
`make parity`.

"""


def run(task: Task, agent: str, seed: int) -> dict[str, Any]:
    """Train one agent, and play its sampled policy on fresh episodes.

    Returns:
        ``returns``: (episodes,) of the evaluation; ``cpu_s`` of the training.
    """
    import torch

    from operant.agents import make_agent
    from operant.benchmarks.evaluate import make_batch

    torch.set_num_threads(1)
    learner = make_agent(agent, make_batch(task.env, task.num_envs), seed=seed, **task.hyper)
    start = time.process_time()
    learner.learn(task.steps)
    spent = time.process_time() - start
    env = make_batch(task.env, task.episodes)
    returns = np.zeros(task.episodes)
    act = functools.partial(learner.act, deterministic=False)
    with learner.sampling(seed):
        for running, reward, _ in first_episodes(env, act, seed=1_000_000 + seed):
            returns += np.where(running, reward, 0.0)
    return {"returns": returns.tolist(), "cpu_s": spent, "steps": learner.num_steps}


def compare(task: Task, results: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Hold the two agents' mean returns, one per seed, against each other.

    Args:
        task: What was learned.
        results: Agent -> mean return of each seed, >= 2.

    Returns:
        Agent -> mean, 95 % interval of the mean (Student's t over seeds) and scores; ``within``:
        whether the native mean lies in SB3's interval or above it; and ``p``, of an exact
        permutation test of equal means.
    """
    summary: dict[str, Any] = {"env": task.env, "steps": task.steps}
    for agent in AGENTS:
        values = np.array(results[agent])
        half = _t(len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
        summary[agent] = {
            "mean": float(values.mean()),
            "half": float(half),
            "scores": values.tolist(),
        }
    theirs, mine = summary[AGENTS[0]], summary[AGENTS[1]]
    summary["within"] = bool(mine["mean"] >= theirs["mean"] - theirs["half"])
    summary["p"] = permutation_p(results[AGENTS[0]], results[AGENTS[1]])
    return summary


def permutation_p(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the two-sided p-value of equal means over all ways to split the pooled values."""
    from scipy import stats

    found = stats.permutation_test(
        (np.asarray(one), np.asarray(other)),
        lambda a, b, axis: a.mean(axis) - b.mean(axis),
        vectorized=True,
        n_resamples=10_000,
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)


def page(summaries: Sequence[Mapping[str, Any]], seeds: int) -> str:
    """Return the comparison as a Markdown page."""
    lines = [
        *PAGE.format(seeds=seeds).splitlines(),
        "| env | env steps | SB3 PPO | Operant PPO | p | native mean in SB3's interval or above |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in summaries:
        theirs, mine = (f"{row[agent]['mean']:.4g} ± {row[agent]['half']:.2g}" for agent in AGENTS)
        verdict = "yes" if row["within"] else "no"
        lines.append(
            f"| {row['env']} | {row['steps']:,} | {theirs} | {mine} | {row['p']:.2f} | {verdict} |"
        )
    lines += [
        "",
        "## Hyper-parameters",
        "",
        "| env | N | hyper-parameters |",
        "| --- | --- | --- |",
    ]
    shown = {task.env: task for task in TASKS}
    for row in summaries:
        task = shown[row["env"]]
        hyper = ", ".join(f"`{name}={value}`" for name, value in task.hyper.items())
        lines.append(f"| {task.env} | {task.num_envs} | {hyper} |")
    lines += [
        "",
        "All others are the defaults, which are the same for both agents.",
        "",
        "## Scores of the seeds, from 0 on",
        "",
        "| env | agent | mean returns |",
        "| --- | --- | --- |",
    ]
    for row in summaries:
        for agent in AGENTS:
            scores = ", ".join(f"{score:.3g}" for score in row[agent]["scores"])
            lines.append(f"| {row['env']} | `{agent}` | {scores} |")
    lines.append("")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Train what is missing, compare, and print or write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m operant.benchmarks.perf.parity", description=__doc__
    )
    parser.add_argument("--seeds", type=int, default=20, help="seeds per agent and task (20)")
    parser.add_argument("--workers", type=int, default=1, help="processes (1)")
    parser.add_argument("--results", type=Path, default=Path("results/parity"), metavar="DIR")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page there")
    parser.add_argument("--env", action="append", choices=[task.env for task in TASKS])
    arguments = parser.parse_args(argv)
    if arguments.seeds < 2:
        parser.error(f"--seeds must be >= 2, got {arguments.seeds}")
    tasks = [task for task in TASKS if arguments.env is None or task.env in arguments.env]
    arguments.results.mkdir(parents=True, exist_ok=True)
    _train(tasks, range(arguments.seeds), arguments.results, arguments.workers)
    summaries = [
        compare(
            task,
            {
                agent: [
                    float(np.mean(_kept(arguments.results, task, agent, seed)["returns"]))
                    for seed in range(arguments.seeds)
                ]
                for agent in AGENTS
            },
        )
        for task in tasks
    ]
    text = page(summaries, arguments.seeds)
    if arguments.write:
        arguments.write.write_text(text)
    print(text)
    return 0


def _train(tasks: Sequence[Task], seeds: range, folder: Path, workers: int) -> None:
    jobs = [
        (task, agent, seed)
        for seed in seeds
        for task in tasks
        for agent in AGENTS
        if not _file(folder, task, agent, seed).exists()
    ]
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(workers, context) as pool:
        running = {pool.submit(run, *job): job for job in jobs}
        for done in concurrent.futures.as_completed(running):
            task, agent, seed = running[done]
            result = {**done.result(), "task": _identity(task)}
            place = _file(folder, task, agent, seed)
            place.with_suffix(".part").write_text(json.dumps(result))
            place.with_suffix(".part").replace(place)
            print(
                f"{task.env} {agent} seed {seed}: mean return {np.mean(result['returns']):.4g}, "
                f"{result['cpu_s']:.0f} s CPU",
                file=sys.stderr,
                flush=True,
            )


def _file(folder: Path, task: Task, agent: str, seed: int) -> Path:
    return folder / f"{task.env}-{agent}-s{seed}.json"


def _kept(folder: Path, task: Task, agent: str, seed: int) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(_file(folder, task, agent, seed).read_text())
    if result["task"] != _identity(task):
        raise SystemExit(
            f"{_file(folder, task, agent, seed)} was made with other settings; delete {folder}"
        )
    return result


def _identity(task: Task) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(task)))
    return values


def _t(freedom: int) -> float:
    from scipy import stats

    return float(stats.t.ppf(0.975, freedom))


if __name__ == "__main__":
    sys.exit(main())
