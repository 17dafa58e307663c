from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from operant.agents.native.parallel import Ranks, join, launch
from operant.errors import MissingExtraError, OperantError


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    import ranks_work

    return ranks_work


def test_two_ranks_compute_as_one_would(work) -> None:
    both = launch(work.arithmetic, 2)
    everything = torch.tensor([0.0, 1.0, 2.0, 10.0])
    expected = (everything - everything.mean()) / (everything.std() + 1e-8)
    for rank, found in enumerate(both):
        assert (found["rank"], found["world"]) == (rank, 2)
        assert found["total"] == 13.0
        assert found["largest"] == 6
        # The mean over four transitions, not the mean of two means; no gradient counts as 0.
        assert found["gradient"] == pytest.approx([13 / 4, 13 / 4, 0.0])
        mean, variance, count = found["moments"]
        assert count == len(work.ROWS)
        assert mean == pytest.approx(work.ROWS.mean(0), rel=1e-12)
        assert variance == pytest.approx(work.ROWS.var(0), rel=1e-9)
    assert both[0]["untouched"] == [0.0, 1.0, 2.0]
    together = [*both[0]["normalized"], *both[1]["normalized"]]
    assert together == pytest.approx(expected.tolist(), abs=1e-6)


def test_a_single_process_is_a_world_of_one() -> None:
    ranks, column = Ranks(), torch.tensor([1.0, 2.0, 4.0])
    assert (ranks.rank, ranks.world) == (0, 1)
    assert ranks.total(column) is column
    assert ranks.largest(3) == 3
    normalized = ranks.normalized(column)
    assert normalized.mean().item() == pytest.approx(0.0, abs=1e-6)
    assert normalized.std().item() == pytest.approx(1.0, abs=1e-6)
    assert ranks.normalized(column[:1]).tolist() == [1.0]
    parameter = torch.nn.Parameter(torch.ones(2))
    (3 * parameter).sum().backward()
    ranks.average_gradients([parameter], 5)
    assert np.array_equal(parameter.grad, [3.0, 3.0])


@pytest.mark.slow
def test_what_a_rank_raises_reaches_the_caller(work) -> None:
    with pytest.raises((ZeroDivisionError, RuntimeError)):
        launch(work.fails_in_one, 2)


@pytest.mark.slow
def test_ray_launches_the_same(work, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    try:
        assert launch(work.arithmetic, 2, launcher="ray") == launch(work.arithmetic, 2)
    finally:
        ray.shutdown()


def test_bad_launches_are_refused(work, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="world must be >= 1, got 0"):
        launch(work.arithmetic, 0)
    with pytest.raises(ValueError, match="launcher must be 'processes' or 'ray', got 'slurm'"):
        launch(work.arithmetic, 1, launcher="slurm")
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"operant\[ray\]"):
        launch(work.arithmetic, 1, launcher="ray")
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(OperantError, match="torchrun"):
        join()
