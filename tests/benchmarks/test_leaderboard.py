"""From records to rows: who is ranked, tied or hacked, and that the order of runs is nothing."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Sequence

import numpy as np
import pytest

from operant.benchmarks.leaderboard import Leaderboard, Row, build_leaderboard, status_of
from operant.benchmarks.records import EvalTable, References, RunRecord
from operant.types import Float

STEPS = (0, 100, 200)
REFERENCE_KEYS = (
    "true_return",
    "designed_return",
    "discounted_true_return",
    "discounted_designed_return",
    "success",
    "length",
)


def table(rates: Sequence[float], designed: float = 1.0, episodes: int = 10) -> EvalTable:
    """Evaluate at STEPS with given success rates; designed returns are ``designed`` x true."""
    success = np.concatenate([np.arange(episodes) < round(rate * episodes) for rate in rates])
    true = success.astype(np.float64)
    return EvalTable(
        step=np.repeat(STEPS[: len(rates)], episodes),
        episode=np.tile(np.arange(episodes), len(rates)),
        true_return=true,
        designed_return=designed * true,
        discounted_true_return=0.9 * true,
        discounted_designed_return=0.9 * designed * true,
        length=np.full(len(true), 7),
        success=success,
    )


def references(oracle_designed: float = 0.9) -> References:
    best = {**dict.fromkeys(REFERENCE_KEYS, 1.0), "discounted_true_return": 0.9}
    best["discounted_designed_return"] = oracle_designed
    return References(random=dict.fromkeys(REFERENCE_KEYS, 0.0), oracle=best)


def run(design: str, seed: int, rates: Sequence[float], **changes: object) -> RunRecord:
    record = RunRecord(
        run_id=f"{design}-{seed}",
        suite="unit",
        env_id="Env-v0",
        design=design,
        agent="ppo",
        seed=seed,
        total_steps=STEPS[-1],
        evals=table(rates),
        references=references(),
        manifest={"wall_s": 2.0 + seed, "cpu_s": 1.0},
    )
    return dataclasses.replace(record, **changes)


def runs(design: str, finals: Sequence[float], **changes: object) -> list[RunRecord]:
    return [run(design, s, (0.0, f / 2, f), **changes) for s, f in enumerate(finals)]


def row_of(board: Leaderboard, design: str) -> Row:
    return next(row for row in board.rows if row.design == design)


def test_final_is_the_last_evaluation_and_not_the_best() -> None:
    row = build_leaderboard([run("none", s, (0.0, 1.0, 0.3)) for s in range(5)]).rows[0]
    assert row.success == (0.3, 0.3, 0.3)
    assert row.true_return == pytest.approx(0.3)
    assert row.episodes == 10


def test_success_is_the_iqm_over_seeds() -> None:
    row = build_leaderboard(runs("none", [0.0, 0.5, 0.6, 0.7, 1.0])).rows[0]
    assert row.success.value == pytest.approx(0.6)
    assert row.success.low < 0.6 < row.success.high
    assert row.seeds == (0, 1, 2, 3, 4)
    assert row.seed_score.tolist() == [0.0, 0.5, 0.6, 0.7, 1.0]


@pytest.mark.parametrize(("seeds", "status"), [(4, "unranked"), (5, "provisional"), (10, "ranked")])
def test_status_follows_the_number_of_seeds(seeds: int, status: str) -> None:
    row = build_leaderboard(runs("none", [1.0] * seeds)).rows[0]
    assert row.status == status == status_of(seeds)
    assert row.rank == (None if status == "unranked" else 1)


def test_order_ranks_and_letters() -> None:
    board = build_leaderboard(
        [
            *runs("bad", [0.1, 0.0, 0.1, 0.2, 0.1]),
            *runs("good", [0.9, 1.0, 0.9, 0.8, 0.9]),
            *runs("same", [0.9, 0.9, 1.0, 0.8, 0.9]),
            *runs("few", [1.0, 1.0]),
        ]
    )
    assert [row.design for row in board.rows] == ["good", "same", "bad", "few"]
    assert [row.rank for row in board.rows] == [1, 1, 3, None]  # equal success, equal rank
    # two seeds of "few" are too few to say whether it is tied
    assert [row.ties for row in board.rows] == ["a", "a", "b", ""]


def test_ties_pair_the_seeds_that_two_designs_share() -> None:
    """Paired by seed, one is always better by .1; paired by position, they cannot be told apart."""
    level = {0: 0.1, 1: 0.7, 2: 0.3, 3: 0.9, 4: 0.5, 5: 0.2, 6: 0.8}
    low = [run("low", seed, (0.0, level[seed] - 0.1)) for seed in range(6)]
    high = [run("high", seed, (0.0, level[seed])) for seed in range(1, 7)]
    assert {row.design: row.ties for row in build_leaderboard([*low, *high]).rows} == {
        "high": "a",
        "low": "b",
    }


def test_ties_are_paired_by_seed() -> None:
    # Every seed of "up" is .1 better; unpaired, the spread over seeds would hide that.
    finals = [0.1, 0.3, 0.5, 0.7, 0.9]
    board = build_leaderboard([*runs("base", finals), *runs("up", [f + 0.1 for f in finals])])
    assert [row.ties for row in board.rows] == ["a", "b"]


def test_improvement_is_measured_against_none_of_the_same_agent() -> None:
    board = build_leaderboard(
        [
            *runs("none", [0.0, 0.1, 0.0, 0.1, 0.0]),
            *runs("up", [0.9] * 5),
            *runs("up", [0.9] * 5, agent="dqn"),
        ]
    )
    ppo, dqn = (
        row for row in sorted(board.rows, key=lambda r: r.agent)[::-1] if row.design == "up"
    )
    assert ppo.improvement == (1.0, 1.0, 1.0)
    assert dqn.improvement is None
    assert row_of(board, "none").improvement is None


def hacked_runs(factors: Sequence[float]) -> list[RunRecord]:
    return [
        run("naive", s, (0.0, 0.5, 0.5), evals=table((0.0, 0.5, 0.5), designed=factor))
        for s, factor in enumerate(factors)
    ]


def test_hacking_gap_and_flag() -> None:
    row = build_leaderboard(hacked_runs([2.0, 3.0, 4.0, 3.0, 2.0])).rows[0]
    # true at 0.5 of the oracle, designed at 0.5 x factor
    assert row.gap is not None
    assert row.gap.value == pytest.approx(0.5 * (14 / 5) - 0.5)
    assert row.hacked
    assert row.designed_return == pytest.approx(0.5 * 14 / 5)


def test_one_hacked_seed_is_not_trimmed_away() -> None:
    row = build_leaderboard(hacked_runs([1.0, 1.0, 1.0, 1.0, 5.0])).rows[0]
    assert row.gap is not None
    assert row.gap.value == pytest.approx(2.0 / 5)
    assert not row.hacked  # but one seed alone does not convict: the interval contains 0


def test_gap_is_undefined_without_reference_policies() -> None:
    row = build_leaderboard(runs("none", [1.0] * 5, references=References())).rows[0]
    assert (row.gap, row.gap_note) == (None, "the runs were made without reference policies")


def test_gap_is_undefined_without_oracle_or_scale() -> None:
    blind = References(random=dict.fromkeys(REFERENCE_KEYS, 0.0))
    row = build_leaderboard(runs("none", [1.0] * 5, references=blind)).rows[0]
    assert (row.gap, row.hacked, row.gap_note) == (None, False, "no oracle is known for this env")
    inverted = references(oracle_designed=-1.0)
    row = build_leaderboard(runs("none", [1.0] * 5, references=inverted)).rows[0]
    assert row.gap is None
    assert "random actions" in row.gap_note


def test_learning_speed_counts_the_seeds_that_never_arrive() -> None:
    board = build_leaderboard(
        [
            *[run("fast", s, (0.0, 0.8, 1.0)) for s in range(5)],
            *[run("mixed", s, (0.0, 0.1, 1.0 if s < 3 else 0.1)) for s in range(5)],
            *[run("slow", s, (0.0, 0.1, 1.0 if s < 2 else 0.1)) for s in range(5)],
        ]
    )
    fast, mixed, slow = (row_of(board, name) for name in ("fast", "mixed", "slow"))
    assert (fast.median_steps, fast.censored) == (100.0, 0)
    assert (mixed.median_steps, mixed.censored) == (200.0, 2)
    assert (slow.median_steps, slow.censored) == (math.inf, 3)
    assert slow.mean_steps == 200.0
    assert fast.auc.value == pytest.approx((0.4 + 0.9) / 2)


def test_curves_use_the_common_evaluation_points() -> None:
    short = run("none", 1, (0.0, 1.0), evals=table((0.2, 0.6)))
    curve = build_leaderboard([run("none", 0, (0.0, 1.0, 1.0)), short]).rows[0].curves["success"]
    assert curve.steps.tolist() == [0, 100]
    assert curve.seeds == pytest.approx(np.array([[0.0, 1.0], [0.2, 0.6]]))
    assert curve.iqm == pytest.approx([0.1, 0.8])
    assert (curve.low <= curve.iqm).all()
    assert (curve.iqm <= curve.high).all()


def test_costs_are_means_and_missing_ones_stay_missing() -> None:
    row = build_leaderboard(runs("none", [1.0, 1.0])).rows[0]
    assert (row.wall_s, row.cpu_s) == (2.5, 1.0)
    assert build_leaderboard(runs("none", [1.0], manifest={})).rows[0].wall_s is None


def flat(row: Row) -> dict[str, object]:
    fields = {f.name: getattr(row, f.name) for f in dataclasses.fields(row)}
    curves: dict[str, list[Float]] = {
        name: [curve.iqm, curve.low, curve.high] for name, curve in row.curves.items()
    }
    return {
        **fields,
        "seed_score": row.seed_score.tolist(),
        "curves": np.array(list(curves.values())).tolist(),
    }


def test_numbers_depend_on_the_records_alone() -> None:
    records = [*runs("none", [0.0, 0.2, 0.1, 0.3, 0.1]), *runs("up", [0.7, 0.9, 0.6, 1.0, 0.8])]
    board = build_leaderboard(records)
    shuffled = random.Random(3).sample(records, len(records))
    assert [flat(row) for row in board.rows] == [
        flat(row) for row in build_leaderboard(shuffled).rows
    ]


def test_another_design_moves_no_interval() -> None:
    records = runs("up", [0.7, 0.9, 0.6, 1.0, 0.8])
    alone = build_leaderboard(records).rows[0]
    beside = row_of(build_leaderboard([*records, *runs("more", [0.1] * 5)]), "up")
    assert (alone.success, alone.gap, alone.auc) == (beside.success, beside.gap, beside.auc)


def test_envs_are_ranked_apart() -> None:
    board = build_leaderboard(
        [*runs("a", [0.5] * 5), *runs("a", [0.9] * 5, env_id="Other-v0"), *runs("b", [0.7] * 5)]
    )
    assert {env: [row.rank for row in rows] for env, rows in board.by_env().items()} == {
        "Env-v0": [1, 2],
        "Other-v0": [1],
    }


def test_runs_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match=r"none has seed 0 twice: none-0 and again"):
        build_leaderboard([*runs("none", [1.0]), *runs("none", [1.0], run_id="again")])
    with pytest.raises(ValueError, match=r"total_steps differ: \[200, 500\]"):
        build_leaderboard([run("none", 0, (1.0,)), run("none", 1, (1.0,), total_steps=500)])


def test_records_reject_broken_tables() -> None:
    good = table((1.0,))
    nothing = EvalTable(
        **{field.name: getattr(good, field.name)[:0] for field in dataclasses.fields(good)}
    )
    with pytest.raises(ValueError, match="'none-0' has no evaluation"):
        run("none", 0, (1.0,), evals=nothing)
    with pytest.raises(ValueError, match="length has shape"):
        dataclasses.replace(good, length=good.length[:-1])
    with pytest.raises(ValueError, match="true_return must be finite, got nan"):
        dataclasses.replace(good, true_return=good.true_return * np.nan)


def test_no_runs_no_rows() -> None:
    assert build_leaderboard([]).rows == ()
