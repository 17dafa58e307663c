"""What a design pays where chance plays a part, against loops over all that can happen."""

from __future__ import annotations

import copy
import dataclasses
import itertools

import gymnasium as gym
import numpy as np
import pytest

from operant.errors import OperantError
from operant.finite import FiniteMDP, random_mdp
from operant.reward_design import make_design
from operant.reward_design.base import DesignContext, RewardDesign
from operant.reward_design.metrics.designed import designed_reward
from operant.reward_design.metrics.starc import starc_distance
from operant.types import Feature, RewardTerms, Transition

STATES, ACTIONS, GAMMA = 5, 3, 0.9


class Paying(RewardDesign):
    """Pays by a function of all that a transition tells."""

    id = "paying"

    def __init__(self, pay) -> None:
        super().__init__()
        self.pay = pay

    def step(self, t: Transition) -> RewardTerms:
        return RewardTerms.sum_of(paid=self.pay(t))


def world(ends: float = 0.0) -> FiniteMDP:
    mdp = random_mdp(np.random.default_rng(0), states=STATES, actions=ACTIONS, ends=ends)
    mdp.transition[1, 0] = np.eye(STATES)[3] * (1 - ends)  # not all can happen
    return mdp


def context(features: tuple[Feature, ...] = ()) -> DesignContext:
    return DesignContext(
        observation_space=gym.spaces.Discrete(STATES),
        action_space=gym.spaces.Discrete(ACTIONS),
        features=features,
        num_envs=1,
        gamma=GAMMA,
    )


def attacher(design: RewardDesign, features: tuple[Feature, ...] = ()):
    def attach(slots: int) -> RewardDesign:
        fresh = copy.deepcopy(design)
        fresh.setup(dataclasses.replace(context(features), num_envs=slots))
        return fresh

    return attach


@pytest.mark.parametrize("ends", [0.0, 0.2])
@pytest.mark.parametrize("observed", [None, np.array([3, 0, 4, 1, 2])])
def test_every_outcome_is_paid_as_the_design_says(ends: float, observed) -> None:
    mdp = dataclasses.replace(world(ends), obs=observed)

    def pay(t: Transition) -> np.ndarray:
        ahead = np.where(t.terminated, 700, 100 * t.next_obs)
        return t.obs + 10.0 * t.action + ahead - t.reward

    found = designed_reward(mdp, attacher(Paying(pay)))
    seen = np.arange(STATES) if observed is None else observed
    assert found.shape == (STATES, ACTIONS, STATES + (ends > 0))
    for s, a in itertools.product(range(STATES), range(ACTIONS)):
        own = seen[s] + 10 * a - mdp.reward[s, a]
        for after in range(STATES):
            if mdp.transition[s, a, after] > 0:
                assert found[s, a, after] == pytest.approx(own + 100 * seen[after])
        if ends:
            assert found[s, a, STATES] == pytest.approx(own + 700)


def test_shaping_lies_at_zero_and_what_depends_on_chance_is_averaged() -> None:
    mdp, phi = world(0.1), np.random.default_rng(1).normal(size=STATES + 1)

    def shaped(t: Transition) -> np.ndarray:
        return 2 * t.reward + GAMMA * phi[t.next_obs] * ~t.terminated - phi[t.obs]

    reward = designed_reward(mdp, attacher(Paying(shaped)))
    assert starc_distance(mdp, mdp.reward, reward, gamma=GAMMA) < 1e-12
    negated = designed_reward(mdp, attacher(Paying(lambda t: -t.reward)))
    assert starc_distance(mdp, mdp.reward, negated, gamma=GAMMA) == pytest.approx(2.0)


@pytest.mark.parametrize(
    "pay",
    [
        lambda t: np.clip(t.reward, -1, 1),
        lambda t: 1.0 * (t.reward > 0),
        lambda t: t.reward * t.action,
        lambda t: np.log1p(np.abs(t.reward)),
    ],
)
def test_a_mean_will_not_do_for_designs_that_bend_the_true_reward(pay) -> None:
    with pytest.raises(OperantError, match=r"'paying' does more with the true reward.*samples"):
        designed_reward(world(), attacher(Paying(pay)))


def test_what_is_seen_at_the_end_is_not_made_up() -> None:
    looks = Paying(lambda t: 1.0 * t.next_obs)
    assert designed_reward(world(), attacher(looks)).max() == STATES - 1  # nothing ends
    with pytest.raises(OperantError, match=r"'paying' looks at the last observation.*samples"):
        designed_reward(world(0.1), attacher(looks))


def test_designs_that_read_features_are_refused_with_the_way_out() -> None:
    table = (
        Feature(name="has_key", description="", low=0, high=1, dtype="bool"),
        Feature(name="door_open", description="", low=0, high=1, dtype="bool"),
    )
    with pytest.raises(OperantError, match=r"'naive' reads features \['has_key', 'door_open'\]"):
        designed_reward(world(), attacher(make_design("naive"), table))


@pytest.mark.parametrize(
    ("pay", "why"),
    [
        (lambda t: 1.0 * (t.episode_step > 0), "in the second step"),
        (lambda t: 1.0 * t.truncated, "at the time limit"),
    ],
)
def test_what_a_model_does_not_tell_must_not_be_read(pay, why: str) -> None:
    with pytest.raises(OperantError, match=why):
        designed_reward(world(), attacher(Paying(pay)))


def test_units_do_not_matter() -> None:
    """A clipped reward is refused however small it is."""
    tiny = dataclasses.replace(world(), reward=world().reward * 1e-9)
    found = designed_reward(tiny, attacher(Paying(lambda t: 3 * t.reward)))
    assert starc_distance(tiny, tiny.reward, found, gamma=GAMMA) < 1e-9
    with pytest.raises(OperantError, match="does more with the true reward"):
        designed_reward(tiny, attacher(Paying(lambda t: np.clip(t.reward, -1e-9, 1e-9))))
