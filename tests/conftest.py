"""Settings of every test process."""

from __future__ import annotations

import dataclasses
import functools
import os
from typing import Any

import hypothesis

# Before anything imports NumPy, torch or numba: these read their thread count once, at import.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import gymnasium as gym  # noqa: E402
import pytest  # noqa: E402

# The same examples in every run, and no failure because a busy machine was slow.
hypothesis.settings.register_profile("operant", derandomize=True, deadline=None)
hypothesis.settings.load_profile("operant")

# ---- two workers ----------------------------------------------------------------------------


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """Give each worker a run of files of its own, and who is done early takes from the others.

    Side by side in one file, as by default, both would compile that world's kernels at once: what
    one worker has compiled the other finds on disk, but only if it comes later.
    """
    if config.getvalue("dist") != "load":  # somebody asked for another way
        return None
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)


# ---- a world with an expert: the gridworlds of the library have none ------------------------

EXPERT = """\
def reward(obs, action, next_obs, info):
    progress = 0.5 * (info["subgoal"] - info["prev_subgoal"])
    if progress == 0.0:
        progress = 0.05 * (info["prev_steps_to_subgoal"] - info["steps_to_subgoal"])
    return progress - 0.001
"""


@functools.cache  # its code is compiled once per family
def _family() -> Any:
    from operant.envs.gridworld.worlds.door_key import FAMILY

    def card(*told: Any) -> Any:
        return dataclasses.replace(FAMILY.card(*told), expert=EXPERT)

    return dataclasses.replace(FAMILY, card=card)


def _with_expert(number: int) -> Any:
    """Return a factory of SparseKey-5x5 whose card has a reward; 0 for scalar, 1 for batched."""

    def make(**kwargs: Any) -> Any:
        from operant.envs.gridworld.makers import makers

        return makers(_family())[number](size=5, **kwargs)

    return make


gym.register("ExpertKey-v0", entry_point=_with_expert(0), vector_entry_point=_with_expert(1))
