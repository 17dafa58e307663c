"""Self-play PPO on games whose perfect play is known: how near it comes, and what RAE is worth.

``python -m operant.benchmarks.studies.selfplay --out FOLDER`` trains five seeds on Kuhn poker and
on tic-tac-toe, judges them exactly, measures the variance of the policy gradient under three
advantages, and writes tables, drawings and the numbers behind them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from operant.agents.games.best_response import exploitability, mixture
from operant.agents.games.gradient_variance import gradient_variances
from operant.agents.games.minimax import Minimax
from operant.agents.games.policies import NetworkSeat, Seat, state_policy, tree_policy
from operant.agents.games.self_play import SelfPlay, SelfPlayConfig
from operant.agents.games.sequence_form import SequenceForm
from operant.benchmarks.files import write_atomic
from operant.benchmarks.studies.selfplay_page import (
    draw_trainings,
    draw_variances,
    training_table,
    variance_table,
)
from operant.benchmarks.studies.selfplay_tasks import (
    KUHN,
    METHODS,
    TASKS,
    TIC_TAC_TOE,
    Training,
)
from operant.envs import multiagent
from operant.types import Float

EVALUATIONS = 40
MEASURED = 3
"""Trainings of each game in which the variance is measured, at most."""


# ---- training -------------------------------------------------------------------------------


def train(game: str, seed: int, share: float = 1.0) -> Training:
    """Train once, and judge now and then.

    Args:
        game: Key of :data:`TASKS`.
        seed: Of the agent.
        share: Of the task's budget, in (0, 1].
    """
    task, start = TASKS[game], time.process_time()
    agent = build(game, seed)
    judge = KuhnJudge() if game == KUHN else BoardJudge()
    total = int(share * task.steps)
    steps: list[int] = []
    scores: dict[str, list[float]] = {}

    def look(_: Any) -> None:
        seat = NetworkSeat(agent.policy, players=2, roles=agent.config.roles)
        judge.see(seat)
        if agent.num_steps >= total * len(steps) / EVALUATIONS:
            steps.append(agent.num_steps)
            for name, value in judge.scores(seat).items():
                scores.setdefault(name, []).append(value)

    agent.learn(total, look)
    seconds = time.process_time() - start
    return Training(game=game, seed=seed, steps=steps, scores=scores, seconds=seconds)


def build(game: str, seed: int, **hyper: Any) -> SelfPlay:
    """Return the learner of a task; ``hyper`` replaces fields of its config."""
    task = TASKS[game]
    config = SelfPlayConfig(**{**task.hyper, **hyper})
    return SelfPlay(multiagent.make_batch(game, task.rows), config=config, seed=seed)


class KuhnJudge:
    """Exact exploitability of the last policy, and of the average of the second half of training.

    The average draws one of the policies after each rollout for a whole game; realisation weights
    make it one policy. It is the half up to now, so early and late numbers mean the same.
    """

    def __init__(self) -> None:
        """Build the tree."""
        self._form = SequenceForm(multiagent.tree(KUHN))
        self._seen: list[Float] = []

    def see(self, seat: Seat) -> None:
        """Remember a policy."""
        self._seen.append(tree_policy(seat, self._form, 2))

    def scores(self, seat: Seat) -> dict[str, float]:  # noqa: ARG002
        """Return the exploitabilities."""
        average = mixture(self._form, self._seen[len(self._seen) // 2 :])
        return {
            "exploitability of the last policy": exploitability(self._form, self._seen[-1]),
            TASKS[KUHN].score: exploitability(self._form, average),
        }


class BoardJudge:
    """Exact results of tic-tac-toe against perfect play, mean over both seats.

    Perfect play draws from all moves that keep the value. The policy plays its most likely move, as
    it does when it is used; ``sampled`` is how it plays while it learns. The gap is what it loses,
    in points, against an opponent who knows it and always finds what beats it.
    """

    def __init__(self) -> None:
        """Solve the game."""
        self._solved = Minimax(multiagent.states(TIC_TAC_TOE))

    def see(self, seat: Seat) -> None:
        """Remember nothing."""

    def scores(self, seat: Seat) -> dict[str, float]:
        """Return shares of games lost, and the gap."""
        sampled = state_policy(seat, self._solved.game)
        greedy = np.eye(sampled.shape[1])[sampled.argmax(1)]
        solved = self._solved
        return {
            TASKS[TIC_TAC_TOE].score: float(np.mean([solved.loss_rate(greedy, p) for p in (0, 1)])),
            "losses, sampled": float(np.mean([solved.loss_rate(sampled, p) for p in (0, 1)])),
            "optimality gap": float(solved.optimality_gap(greedy).mean()),
        }


# ---- variance -------------------------------------------------------------------------------


def variances(game: str, seed: int, share: float = 1.0) -> dict[str, Any]:
    """Return the variance of the policy gradient while RAE trains, under three advantages.

    All three are computed from the same games at the same parameters.

    Args:
        game: Key of :data:`TASKS`.
        seed: Of the agent.
        share: Of a third of the task's budget, in (0, 1].
    """
    agent = build(game, seed, advantage="rae", pool_share=0.0)
    total, points = int(share * TASKS[game].steps / 3), 5
    found: dict[str, Any] = {"game": game, "seed": seed, "steps": [], "roles": []}
    found |= {method: [] for method in METHODS}
    for point in range(points):
        agent.learn(max(1, total * point // (points - 1)))
        told = gradient_variances(agent)
        found["steps"].append(agent.num_steps)
        found["roles"].append(agent.baseline.values.tolist())
        for method in METHODS:
            found[method].append(told[method])
    return found


# ---- study --------------------------------------------------------------------------------


def study(
    seeds: int, share: float, jobs: int, parts: Path
) -> tuple[list[Training], list[dict[str, Any]]]:
    """Train and measure everything that is not there yet.

    Args:
        seeds: Trainings of each game, >= 1.
        share: Of the budget, in (0, 1].
        jobs: Processes.
        parts: Folder in which each result is kept, so that a study that was stopped goes on.
    """
    few = min(seeds, MEASURED)
    work = [("train", game, seed) for game in reversed(TASKS) for seed in range(seeds)]
    work += [("variances", game, seed) for game in reversed(TASKS) for seed in range(few)]
    parts.mkdir(parents=True, exist_ok=True)
    results = []
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for task in [pool.submit(part, *what, share, parts) for what in work]:
            results.append(task.result())
            sys.stderr.write(f"{len(results)} of {len(work)}: {_told(results[-1])}\n")
    count = len(TASKS) * seeds
    return [Training(**result) for result in results[:count]], results[count:]


def part(what: str, game: str, seed: int, share: float, folder: Path) -> dict[str, Any]:
    """Return one result, from its file if it is there.

    Args:
        what: ``"train"`` or ``"variances"``.
        game: Key of :data:`TASKS`.
        seed: Of the agent.
        share: Of the budget, in (0, 1].
        folder: Where results are kept. They do not tell of which code they are: a study of changed
            code needs another folder.
    """
    path = folder / f"{what}-{game}-{seed}-{share:g}.json"
    if not path.exists():
        found = (
            dataclasses.asdict(train(game, seed, share))
            if what == "train"
            else variances(game, seed, share)
        )
        write_atomic(path, json.dumps(found))
    result: dict[str, Any] = json.loads(path.read_text())
    return result


def _told(result: Mapping[str, Any]) -> str:
    where = f"{result['game']}, seed {result['seed']}"
    if "scores" not in result:
        return f"{where}: variance measured"
    score = TASKS[result["game"]].score
    return f"{where}: {score} {result['scores'][score][-1]:.4f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the study and write ``selfplay.json``, ``selfplay.md`` and two drawings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="trainings of each game")
    parser.add_argument("--share", type=float, default=1.0, help="share of the training budget")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--out", type=Path, default=Path("results/selfplay"), help="folder to fill")
    options = parser.parse_args(arguments)
    if options.seeds < 1 or not 0 < options.share <= 1 or options.jobs < 1:
        parser.error("--seeds and --jobs must be >= 1, and --share lie in (0, 1]")
    options.out.mkdir(parents=True, exist_ok=True)  # before the work, not after it
    start = time.perf_counter()
    parts = options.out / "parts"
    trainings, found = study(options.seeds, options.share, options.jobs, parts)
    report = {"trainings": [dataclasses.asdict(run) for run in trainings], "variances": found}
    (options.out / "selfplay.json").write_text(json.dumps(report))
    (options.out / "selfplay_training.png").write_bytes(draw_trainings(trainings))
    (options.out / "selfplay_variance.png").write_bytes(draw_variances(found))
    tables = f"{training_table(trainings)}\n\n{variance_table(found)}\n"
    (options.out / "selfplay.md").write_text(tables)
    wall, used = time.perf_counter() - start, sum(run.seconds for run in trainings)
    sys.stdout.write(f"{tables}\n{wall:.0f} s in all, {used:.0f} s of processor for training\n")


if __name__ == "__main__":
    main()
