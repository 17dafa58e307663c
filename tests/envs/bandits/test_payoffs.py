"""Every family of payoffs is what its definition says."""

from __future__ import annotations

import numpy as np
import pytest

from operant.envs.bandits.payoffs import FAMILIES, draw_payoffs
from operant.lsd import LSDInstance, LSDRules

RULES = LSDRules(K=4, D=5, S=3)
TAUS = RULES.taus


def drawn(family: str, seed: int = 0) -> np.ndarray:
    return draw_payoffs(family, RULES, seed=seed, pos=1)


@pytest.mark.parametrize("family", FAMILIES)
def test_means_lie_in_the_unit_interval_and_follow_the_seed(family: str) -> None:
    for seed in range(20):
        paid = drawn(family, seed)
        assert paid.shape == (4, 8)
        assert paid.min() >= 0
        assert paid.max() <= 1
        np.testing.assert_array_equal(paid, drawn(family, seed))
    fixed = family.startswith("trick")
    assert (drawn(family, 0) == drawn(family, 1)).all() == fixed


@pytest.mark.parametrize("family", ["monotone", "satiation", "recharging", "blocking"])
def test_these_families_are_monotone(family: str) -> None:
    for seed in range(20):
        assert LSDInstance(rules=RULES, payoffs=drawn(family, seed)).monotone


def test_the_spec_draws_the_monotone_ones() -> None:
    rng = np.random.default_rng(7)
    for row in drawn("monotone", 7):
        np.testing.assert_array_equal(row, np.sort(rng.random(8)))


def test_satiation_falls_by_the_same_factor_with_every_repetition() -> None:
    paid = drawn("satiation")
    np.testing.assert_allclose(paid[:, TAUS >= -1], np.repeat(paid[:, -1:], 6, axis=1))
    factors = paid[:, 2] / paid[:, 3], paid[:, 1] / paid[:, 2], paid[:, 0] / paid[:, 1]
    np.testing.assert_array_equal(factors[0], 1.0)  # -1 is the first repetition's counter
    np.testing.assert_allclose(factors[1], factors[2])
    assert (factors[1] < 1).all()


def test_recharging_starts_at_nothing_and_saturates() -> None:
    paid = drawn("recharging")
    assert (paid[:, TAUS <= 1] == 0).all()
    rises = np.diff(paid[:, TAUS >= 1], axis=1)
    assert (rises > 0).all()
    np.testing.assert_allclose(
        rises[:, 1:] / rises[:, :-1], (rises[:, 1:] / rises[:, :-1])[:, :1] * np.ones(3)
    )


def test_blocking_is_a_step() -> None:
    delays = set()
    for seed in range(30):
        for row in drawn("blocking", seed):
            assert len(np.unique(row)) == 2
            assert (row[TAUS < 0] == 0).all()
            delays.add(int(TAUS[(row > 0).argmax()]))
    assert delays == {1, 2, 3, 4, 5}


def test_seasons_repeat_and_are_not_monotone() -> None:
    rules = LSDRules(K=50, D=30, S=3)
    paid = draw_payoffs("seasonal", rules, seed=0)
    for row in paid[:, rules.S :]:
        periods = [p for p in range(2, 16) if np.allclose(row[p:], row[:-p])]
        peak = (row.max() > 0.19) or not periods
        assert peak
    assert any(
        np.allclose(row[2:], row[:-2]) or np.allclose(row[7:], row[:-7]) for row in paid[:, 3:]
    )
    assert not LSDInstance(rules=rules, payoffs=paid).monotone


def test_the_tricks_are_those_of_the_source() -> None:
    rules = LSDRules(K=5, D=10, S=0)
    paid = draw_payoffs("trick_csbog", rules, seed=0, pos=3)
    np.testing.assert_array_equal(paid[[0, 3, 4]], 0.15)
    assert paid[1].tolist() == [0, 0, 0.95, 0, 0, 0, 0, 0, 0, 0]
    assert paid[2].tolist() == [0.14] * 5 + [0.16] + [0.14] * 2 + [0.96] * 2
    paid = draw_payoffs("trick_og", LSDRules(K=3, D=5, S=0), seed=0, pos=4)
    assert paid.tolist() == [[0.05] * 5, [0.06, 0, 0, 0.95, 0.95], [0] * 5]


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"payoff must be one of monotone, .*, got 'flat'"):
        draw_payoffs("flat", RULES, seed=0)
    with pytest.raises(ValueError, match="instance_seed must be >= 0 and pos >= 1, got -1 and 3"):
        draw_payoffs("monotone", RULES, seed=-1)
    with pytest.raises(ValueError, match=r"K >= 3 and D >= 3 \* pos = 9, got K = 4 and D = 5"):
        draw_payoffs("trick_csbog", RULES, seed=0)
    with pytest.raises(ValueError, match="K >= 2 and D >= pos = 3"):
        draw_payoffs("trick_og", LSDRules(K=1, D=5, S=0), seed=0)
