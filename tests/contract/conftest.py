"""Which ids are tested by default: worlds share all their code between sizes."""

from __future__ import annotations

import pytest

import operant


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give ``tiered_id`` every env id: the first of each kind, and the others in the slow run."""
    if "tiered_id" in metafunc.fixturenames:
        first = operant.envs.one_per_kind()
        ids = [
            env_id if env_id in first else pytest.param(env_id, marks=pytest.mark.slow)
            for env_id in operant.list_envs()
        ]
        metafunc.parametrize("tiered_id", ids)
