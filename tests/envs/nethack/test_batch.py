"""One set of arguments serves a single env and batches of every size, as suites need it."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

pytest.importorskip("nle")

import operant
from operant.envs.batched.processes import ProcessWorld
from operant.testing._values import first_difference

SETTINGS: dict[str, Any] = {"workers": 2, "timeout_s": 60.0, "max_steps": 30}


@pytest.mark.integration
def test_a_single_env_needs_no_workers() -> None:
    assert "NLEScore-v0" in operant.list_envs()
    with_, without = gym.make("NLEScore-v0", **SETTINGS), gym.make("NLEScore-v0", max_steps=30)
    assert not isinstance(with_.unwrapped.world, ProcessWorld)  # type: ignore[attr-defined]
    assert not first_difference(with_.reset(seed=1), without.reset(seed=1))
    with_.close()
    without.close()


@pytest.mark.integration
@pytest.mark.parametrize(("rows", "workers"), [(1, 1), (3, 2)])
def test_a_batch_has_at_most_so_many_workers(rows: int, workers: int) -> None:
    envs: Any = gym.make_vec("NLEScore-v0", num_envs=rows, **SETTINGS)
    envs.reset(seed=4)
    assert len(envs.unwrapped.world.pids) == workers
    obs = envs.step(np.full(rows, 3))[0]
    alone = gym.make("NLEScore-v0", **SETTINGS)
    alone.reset(seed=4)
    assert not first_difference({k: v[0] for k, v in obs.items()}, alone.step(3)[0])
    envs.close()
    alone.close()


@pytest.mark.integration
@pytest.mark.parametrize("workers", [0, "2"])
def test_numbers_of_workers_that_make_no_sense_are_named(workers: Any) -> None:
    with pytest.raises(ValueError, match="workers must"):
        gym.make_vec("NLEScore-v0", num_envs=2, workers=workers)
