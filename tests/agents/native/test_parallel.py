from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch

from operant.agents.native.parallel import Ranks, join, launch
from operant.agents.native.sources import as_vector_env
from operant.errors import MissingExtraError, OperantError


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    import ranks_work

    return ranks_work


@pytest.mark.slow
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


@pytest.mark.parametrize(
    "deduplicate",
    [
        pytest.param(False, marks=pytest.mark.integration),
        pytest.param(True, marks=pytest.mark.slow),
    ],
)
def test_two_halves_of_a_rollout_train_as_the_whole(work, deduplicate: bool) -> None:
    """One minibatch of everything: the same gradient, whoever holds which part of it."""
    hyper = {"deduplicate": deduplicate, "target_kl": 10.0}
    whole = work.learner(32, **hyper)
    rollout = whole.collect()
    names = ("actions", "log_probs", "values", "advantages", "returns")
    copied = {name: getattr(rollout, name).numpy().copy() for name in names}
    copied["obs"] = {key: part.numpy().copy() for key, part in rollout.obs.items()}
    whole.train_on(rollout)
    expected = whole.policy_state()[0]
    both = launch(work.half_of, 2, copied, hyper)
    for name, weights in expected.items():
        assert np.array_equal(both[0]["weights"][name], both[1]["weights"][name]), name
        assert both[0]["weights"][name] == pytest.approx(weights, abs=2e-6), name
    untrained = work.learner(32, **hyper).policy_state()[0]
    assert any(abs(untrained[name] - expected[name]).max() > 1e-4 for name in expected)
    assert [each["steps"] for each in both] == [whole.num_steps] * 2
    for name in ("train/approx_kl", "train/loss"):
        assert both[0]["metrics"][name] == pytest.approx(both[1]["metrics"][name])


@pytest.mark.slow
def test_ranks_stop_an_update_together(work) -> None:
    """The divergence of all counts, so no rank takes a step that another does not."""
    whole = work.learner(32)
    rollout = whole.collect()
    names = ("actions", "log_probs", "values", "advantages", "returns")
    copied = {name: getattr(rollout, name).numpy().copy() for name in names}
    copied["obs"] = {key: part.numpy().copy() for key, part in rollout.obs.items()}
    copied["log_probs"][:, 16:] += 0.5  # far from the old policy in the half of rank 1 only
    both = launch(work.half_of, 2, copied, {"target_kl": 0.01, "deduplicate": False})
    assert [each["updates"] for each in both] == [1, 1]


@pytest.mark.slow
def test_two_ranks_learn_as_well_as_one_with_twice_the_envs(work) -> None:
    one = work.trained(64, 120_000)
    both = launch(work.trained, 2, 32, 120_000)
    assert one["success"] > 0.95
    for rank, found in enumerate(both):
        assert found["steps"] == one["steps"]
        assert found["success"] > 0.95
        assert found["identity"] == rank
    for name, weights in both[0]["weights"].items():
        assert np.array_equal(weights, both[1]["weights"][name]), name
    assert not np.array_equal(both[0]["obs"], both[1]["obs"])  # levels of their own


def test_normalisers_that_are_saved_are_those_that_ranks_share(monkeypatch) -> None:
    """SB3's too, which stands behind a view."""
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    env = as_vector_env(VecNormalize(DummyVecEnv([lambda: gym.make("CartPole-v1")] * 2)))
    ranks, merged = Ranks(), []
    ranks.world = 2
    monkeypatch.setattr(ranks, "merge", lambda moments, known: merged.append(moments))
    ranks.share(env)
    assert len(merged) == 2  # of observations and of returns
    assert sorted(ranks._known) == [("VecNormalize", "obs_rms"), ("VecNormalize", "ret_rms")]


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
