from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from operant.errors import UnknownIdError
from operant.finite import random_mdp
from operant.reward_design import list_designs
from operant.reward_design.metrics import list_metrics, registry


@pytest.mark.parametrize("name", list_metrics())
def test_every_metric_gives_a_matrix_of_distances(name: str) -> None:
    rng = np.random.default_rng(0)
    mdp = random_mdp(rng, states=5, actions=2)
    rewards = [mdp.reward, 2 * mdp.reward, -mdp.reward, rng.normal(size=(5, 2))]
    matrix = registry().load(name)(mdp, rewards, gamma=0.9)
    np.testing.assert_allclose(matrix, matrix.T)
    np.testing.assert_allclose(np.diag(matrix), 0.0, atol=1e-12)
    assert matrix[0, 1] < 1e-9
    assert matrix[0, 2] == pytest.approx(2.0 if "starc" in name else 1.0)
    assert 0.05 < matrix[0, 3] < matrix[0, 2]


def test_metrics_are_no_designs() -> None:
    assert set(list_metrics()) >= {"starc", "epic", "dard"}
    assert not set(list_metrics()) & set(list_designs())


def test_an_unknown_metric_suggests_near_names() -> None:
    with pytest.raises(UnknownIdError, match="did you mean starc"):
        registry()["strac"]


def test_listing_loads_nothing_heavy() -> None:
    code = (
        "import sys; from operant.reward_design.metrics import list_metrics; list_metrics();"
        "print({'scipy', 'torch', 'numba'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
