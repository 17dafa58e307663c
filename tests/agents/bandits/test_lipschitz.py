"""A continuum of arms: the rate of a uniform grid and of zooming."""

from __future__ import annotations

import math

import numpy as np
import pytest

from operant.agents.bandits.base import Payout, play
from operant.agents.bandits.lipschitz import LipschitzConfig, UniformGrid
from operant.agents.bandits.zooming import Zooming


def regret(lab, make, slope: float, rounds: int) -> float:
    """Return the mean regret on mu(x) = max(0, 0.9 - slope |x - c|) with c drawn per run."""
    algorithm = make(horizon=rounds, slope=slope)
    rng = np.random.default_rng(0)
    tops, lost = rng.random(lab.runs), []

    def pull(t, choices):
        del t
        points = algorithm.points[choices]
        mean = np.maximum(0, 0.9 - slope * np.abs(points - tops))
        lost.append((0.9 - mean).mean())
        return Payout(reward=(rng.random(lab.runs) < mean) * 1.0)

    play(algorithm, pull, runs=lab.runs, rounds=rounds, rng=np.random.default_rng(1))
    return float(np.sum(lost))


class RandomPoints(UniformGrid):
    def act(self, known, context, rng):
        del context
        return rng.integers(self.arms, size=len(known["pulls"]))


def rate(slope: float, rounds: int) -> float:
    return rounds ** (2 / 3) * (slope * math.log(rounds)) ** (1 / 3)


@pytest.mark.parametrize("make", [UniformGrid, Zooming])
def test_regret_has_the_rate_of_the_theory(lab, make) -> None:
    few, many = (regret(lab, make, 1.0, rounds) for rounds in (150, 1200))
    assert few < rate(1.0, 150)
    assert many < rate(1.0, 1200)
    assert many / few < 6  # 8 times the rounds: 8^(2/3) and a logarithm, not 8
    assert regret(lab, RandomPoints, 1.0, 1200) > rate(1.0, 1200)


def test_grid_is_as_fine_as_the_horizon_allows() -> None:
    # (ln 1000 / 1000)^(1/3) = 0.190: 6 points; with L = 8 it is (ln 1000 / 64000)^(1/3) = 0.0476
    assert len(UniformGrid(horizon=1000).points) == 6
    assert len(UniformGrid(horizon=1000, slope=8.0).points) == 22


def test_zooming_covers_all_points_and_is_dense_at_the_top(lab) -> None:
    algorithm, rng = Zooming(horizon=4000), np.random.default_rng(0)
    known = algorithm.start(2)
    for _ in range(2000):
        choices = algorithm.act(known, None, None)
        mean = np.maximum(0, 0.9 - np.abs(algorithm.points[choices] - 0.2))
        algorithm.update(known, choices, Payout(reward=(rng.random(2) < mean) * 1.0))
    points = algorithm.points
    for row in range(2):
        pulls = known["pulls"][row]
        reach = np.sqrt(2 * math.log(4000) / (pulls + 1))
        near = np.abs(points[:, None] - points) <= reach + 1e-12
        bare = ~(near & (pulls > 0)).any(1)
        assert bare.sum() <= 128  # the last pull may have bared some, which come next
        active = points[pulls > 0]
        assert (np.abs(active - 0.2) < 0.3).sum() > (np.abs(active - 0.8) < 0.2).sum()


def test_actions_are_points_between_minus_one_and_one() -> None:
    for algorithm in (UniformGrid(horizon=1000), Zooming(horizon=1000)):
        last = len(algorithm.points) - 1
        actions = algorithm.actions(np.array([0, last]))
        assert actions[:, 0] == pytest.approx(2 * algorithm.points[[0, last]] - 1)
        assert actions.shape == (2, 1)


def test_bad_slope() -> None:
    with pytest.raises(ValueError, match="slope must lie"):
        LipschitzConfig(slope=0.0)
