"""Designs of this family can be copied and pickled in the middle of an episode."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from operant.reward_design.shaping.dynamic import DynamicPotentialShaping
from operant.reward_design.shaping.history import GRM, PBIM
from operant.reward_design.shaping.learned import LearnedPotential, ValuePotential
from operant.reward_design.shaping.look_back import LookBackAdvice
from operant.reward_design.shaping.naive import EventBonus
from operant.reward_design.shaping.potential import PotentialShaping

DESIGNS = [
    PotentialShaping(),
    PotentialShaping(potential={"lit": 2.0}),
    PotentialShaping(potential='def potential(obs, info):\n    return info["lit"] / 2\n'),
    DynamicPotentialShaping(fade=50),
    LearnedPotential(features=["subgoal", "lit"], learning_rate=0.5),
    ValuePotential(features=["subgoal"], values={(0,): -1.0}),
    LookBackAdvice(advice={"subgoal": [1.0, -1.0]}),
    PBIM(EventBonus(bonuses={"lit": 1.0}), normalise=True),
    GRM(EventBonus(bonuses={"lit": 1.0}), delay=2),
]


def transitions(transition, *, seed, size=12):
    rng = np.random.default_rng(seed)
    lit = rng.random((size + 1, 4)) < 0.5
    for k in range(size):
        yield transition(
            4,
            reward=rng.normal(size=4),
            action=rng.integers(0, 2, 4),
            prev_features=features(lit[k]),
            features=features(lit[k + 1]),
            episode_step=np.full(4, k),
        )


def features(lit):
    return {"lit": lit, "subgoal": lit.astype(np.int64), "steps_to_subgoal": np.where(lit, 1, 3)}


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: type(design).__name__)
@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda design: pickle.loads(pickle.dumps(design))]
)
def test_a_copy_goes_on_by_itself(attach, transition, design, again):
    original = attach(copy.deepcopy(design))
    steps = list(transitions(transition, seed=0))
    for t in steps[:6]:
        original(t)
    twin = again(original)
    expected = [original(t).total for t in steps[6:]]  # the twin must not learn along
    found = [twin(t).total for t in steps[6:]]
    np.testing.assert_array_equal(found, expected)
    assert np.ptp(np.concatenate(found)) > 0.1
