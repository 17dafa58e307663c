from __future__ import annotations

import numpy as np
import pytest

from operant.errors import NonFiniteRewardError, OperantError
from operant.reward_design import RewardDesign, shape
from operant.reward_design.base import DesignSpec
from operant.types import RewardTerms, Rollout, Transition


class Memory(RewardDesign):
    """Pays the number of transitions its slot has seen in the episode, this one included."""

    def _setup(self, context):
        self.seen = np.zeros(context.num_envs)

    def step(self, t):
        self.seen[t.env_ids] += 1
        return RewardTerms.sum_of(env=t.reward, seen=self.seen[t.env_ids])

    def reset(self, mask):
        self.seen[mask] = 0


class Late(RewardDesign):
    spec = DesignSpec(timing="rollout")

    def __init__(self, value=1.0, shape=(3, 2)):
        super().__init__()
        self.value, self.shape = value, shape

    def redistribute(self, r):
        late = np.zeros(self.shape)
        late[1, 1] = self.value
        return RewardTerms.sum_of(env=r.reward[: self.shape[0]], late=late)


def rollout(steps=3, envs=2):
    size = (steps, envs)
    zeros = np.zeros(size)
    return Rollout(
        obs=zeros[..., None],
        action=zeros,
        next_obs=zeros[..., None],
        reward=zeros,
        terminated=zeros.astype(bool),
        truncated=zeros.astype(bool),
        features={},
        prev_features={},
        episode_step=np.tile(np.arange(7, 7 + steps)[:, None], (1, envs)),
        valid=np.ones(size, bool),
    )


def test_memory_is_cleared_after_the_last_transition_was_scored(attach, transition):
    design = attach(Memory())
    done = np.array([False, True, False, False])
    assert design(transition(4)).total.tolist() == [1, 1, 1, 1]
    assert design(transition(4, terminated=done)).total.tolist() == [2, 2, 2, 2]
    assert design(transition(4, truncated=done)).total.tolist() == [3, 1, 3, 3]
    assert design(transition(4)).total.tolist() == [4, 1, 4, 4]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_rewards_name_design_term_row_and_step(attach, transition, value):
    class Broken(RewardDesign):
        def step(self, t):
            return RewardTerms.sum_of(env=t.reward, oops=np.where(t.env_ids == 3, value, 0.0))

    t = transition(2, env_ids=np.array([1, 3]), episode_step=np.array([5, 8]))
    with pytest.raises(NonFiniteRewardError, match=r"'Broken' .* 'oops' .* row 3 .* step 8"):
        attach(Broken())(t)


def test_a_term_of_the_wrong_shape_is_refused(attach, transition):
    class Scalar(RewardDesign):
        def step(self, t):
            return RewardTerms(t.reward, {"env": t.reward, "sum": t.reward.sum()})

    with pytest.raises(ValueError, match=r"'sum' has shape \(\), expected \(2,\)"):
        attach(Scalar())(transition(2))


def test_a_rollout_is_checked_like_a_step(attach):
    assert attach(Late(), num_envs=2).score_rollout(rollout()).total[1, 1] == 1.0
    with pytest.raises(NonFiniteRewardError, match=r"'late' .* row 1 .* step 8"):
        attach(Late(np.nan), num_envs=2).score_rollout(rollout())
    with pytest.raises(ValueError, match=r"shape \(2, 2\), expected \(3, 2\)"):
        attach(Late(shape=(2, 2)), num_envs=2).score_rollout(rollout())


def test_a_design_that_is_not_attached_says_what_to_do(fixed, transition):
    with pytest.raises(OperantError, match=r"operant\.shape"):
        fixed()(transition())


def test_missing_features_are_named_with_the_published_ones(corridor):
    from operant.reward_design.shaping.naive import EventBonus

    with pytest.raises(OperantError, match=r"\['has_key'\] .*published: .*'lit'"):
        shape(corridor(), EventBonus(bonuses={"has_key": 1.0, "lit": 1.0}), gamma=0.9)


@pytest.mark.parametrize("gamma", [-0.1, 1.1, float("nan")])
def test_discounts_outside_the_unit_interval_are_refused(corridor, fixed, gamma):
    with pytest.raises(ValueError, match="gamma must lie in"):
        fixed(gamma=gamma)
    with pytest.raises(ValueError, match="gamma must lie in"):
        shape(corridor(), "none", gamma=gamma)


def test_a_design_without_state_refuses_state(attach, fixed):
    design = attach(fixed())
    design.load_state_dict(design.state_dict())
    with pytest.raises(ValueError, match=r"has no state, got \['w'\]"):
        design.load_state_dict({"w": np.zeros(1)})


def test_a_class_without_step_or_constructor_is_told_or_works(attach, transition) -> None:
    class Empty(RewardDesign):
        pass

    class Bare(RewardDesign):
        def __init__(self) -> None:
            """Does not call the base class's."""

        def step(self, t: Transition) -> RewardTerms:
            return RewardTerms.sum_of(env=t.reward)

    with pytest.raises(OperantError, match=r"'Empty' has timing 'step', but .* no step\(self, t\)"):
        attach(Empty())
    assert attach(Bare())(transition(2)).total.shape == (2,)


def test_terms_of_different_shapes_are_named() -> None:
    with pytest.raises(ValueError, match=r"'bonus' must have shape \(3,\) .*, got \(1,\)"):
        RewardTerms.sum_of(env=np.zeros(3), bonus=np.zeros(1))
