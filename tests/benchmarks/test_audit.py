"""Audits of envs by their ids, and counterexamples as animations."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from operant import make_design
from operant.benchmarks.audit import PROXY, animate, audit_levels
from operant.errors import OperantError


@pytest.mark.parametrize("env_id", ["Tomato-Toy-v0", "Tomato-Easy-v0", "BoatRace-v0", "KeyLoop-v0"])
def test_proxies_are_hacked(env_id: str) -> None:
    (level,) = audit_levels(env_id, PROXY)
    case = level.found.counterexample
    assert level.found.preserves_optimal_policy is False
    assert case is not None
    assert case.hack.true_return < case.honest.true_return


def test_levels_are_audited_one_by_one() -> None:
    made = audit_levels("SparseKey-6x6-v0", make_design("potential"), seeds=(0, 1, 2))
    assert [level.seed for level in made] == [0, 1, 2]
    assert all(level.found.preserves_optimal_policy for level in made)
    assert len({level.found.states for level in made}) > 1


def test_both_policies_are_drawn_side_by_side() -> None:
    (level,) = audit_levels("SparseKey-5x5-v0", make_design("naive"))
    assert level.found.counterexample is not None
    gif = Image.open(io.BytesIO(animate("SparseKey-5x5-v0", level.found.counterexample, seed=0)))
    assert gif.format == "GIF"
    assert gif.n_frames > len(level.found.counterexample.honest.actions)
    assert gif.width > 2 * 5 * 24


@pytest.mark.parametrize(
    ("env_id", "why"),
    [
        ("CartPole-v1", "cannot enumerate its states"),
        ("RoomNav-v0", "chance plays a part in RoomNav"),
        ("SparseKey-5x5-v0", "has no proxy reward"),
    ],
)
def test_envs_that_cannot_be_audited_say_why(env_id: str, why: str) -> None:
    with pytest.raises(OperantError, match=why):
        audit_levels(env_id, PROXY)
