"""The audit where chance plays a part, against trying every policy by linear solves."""

from __future__ import annotations

import dataclasses
import itertools

import gymnasium as gym
import numpy as np
import pytest

from operant import finite
from operant.finite import FiniteMDP
from operant.reward_design import DesignContext, RewardDesign
from operant.reward_design.audit import Episode, audit_model
from operant.reward_design.audit.chance import compare_expected, expected_rewards
from operant.types import RewardTerms

GAMMA = 0.9
NOTHING = Episode(actions=(0,), success=False, true_return=0.0, designed_return=0.0)


class ByPlace(RewardDesign):
    """Pays by state, action and (but for the end) where it leads."""

    def __init__(self, pay) -> None:
        super().__init__()
        self.pay = pay

    def step(self, t):
        after = np.where(t.terminated, 0, t.next_obs)
        paid = np.where(t.terminated, 0.5, self.pay[t.obs, t.action, after])
        return RewardTerms.sum_of(env=2 * t.reward, place=paid)


def lattice(rng: np.random.Generator, *, ends: float) -> FiniteMDP:
    """Draw an MDP of three states whose rewards often tie."""
    mdp = finite.random_mdp(rng, states=3, actions=2, ends=ends)
    moves = np.round(4 * mdp.transition) / 4
    rows = moves.sum(axis=2, keepdims=True)
    moves = np.where(rows > 1, moves / np.maximum(rows, 1), moves)
    reward = rng.choice([-1.0, 0.0, 0.5, 1.0], (3, 2))
    return FiniteMDP(transition=moves, reward=reward, start=np.array([1.0, 0.0, 0.0]))


def play(policy):
    return [0], NOTHING


@pytest.mark.parametrize("seed", range(60))
def test_the_verdict_is_that_of_trying_every_policy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mdp = lattice(rng, ends=float(rng.choice([0.0, 0.3])))
    designed = rng.choice([-1.0, 0.0, 0.5, 1.0], (3, 2))
    if seed % 3 == 0:  # a scaled copy of a shaped reward, for verdicts of the other kind
        phi = rng.normal(size=3)
        designed = 3 * finite.action_values(mdp, phi, gamma=GAMMA) - 3 * phi[:, None]
    policies = [np.eye(2)[list(actions)] for actions in itertools.product((0, 1), repeat=3)]

    def values(reward):
        tried = [finite.policy_evaluation(mdp, p, gamma=GAMMA, reward=reward) for p in policies]
        return np.array(tried)

    true, paid = values(mdp.reward), values(designed)
    liked = (paid >= paid.max(axis=0) - 1e-9).all(axis=1)
    worst = true[liked].min(axis=0)
    found = compare_expected(mdp, designed, name="x", gamma=GAMMA, play=play)
    assert found.preserves_optimal_policy == bool((worst >= true.max(axis=0) - 1e-9).all())
    assert found.preserves_optimal_policy or seed % 3
    case = found.counterexample
    if case is not None:
        assert case.design_action not in case.true_actions
        assert case.on_the_way == bool(worst[0] < true.max(axis=0)[0] - 1e-9)
        lost = true.max(axis=0) - worst
        assert np.abs(lost - case.loss).min() < 1e-9  # that of some state


def test_rewards_are_averaged_over_where_an_action_leads() -> None:
    mdp = lattice(np.random.default_rng(0), ends=0.3)
    assert mdp.transition.sum(axis=2).min() < 1
    pay = np.random.default_rng(1).normal(size=(3, 2, 3))
    context = DesignContext(
        observation_space=gym.spaces.Discrete(3),
        action_space=gym.spaces.Discrete(2),
        features=(),
        num_envs=1,
        gamma=GAMMA,
    )

    def attach(slots: int) -> RewardDesign:
        design = ByPlace(pay)
        design.setup(dataclasses.replace(context, num_envs=slots))
        return design

    ends = 1 - mdp.transition.sum(axis=2)
    expected = 2 * mdp.reward + (mdp.transition * pay).sum(axis=2) + 0.5 * ends
    np.testing.assert_allclose(expected_rewards(mdp, attach), expected, atol=1e-12)
    found = audit_model(mdp, ByPlace(pay), context, play)
    assert (found.method, found.states) == ("exact", 3)
