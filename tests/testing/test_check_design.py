"""Each rule of check_design catches the fault it is meant for."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest

import operant
from operant.errors import ContractError
from operant.reward_design.base import DesignContext, DesignSpec, RewardDesign
from operant.testing import DESIGN_RULES, check_design
from operant.testing._tape import Context, as_rollout, join, record, take
from operant.types import RewardTerms


class Novelty(RewardDesign):
    """A correct design with episodic memory: 0.1 / visits of the column in this episode."""

    spec = DesignSpec(needs=("features",), markov=False)

    def _setup(self, context):
        self.visits = np.zeros((context.num_envs, 16))
        self.rng = np.random.default_rng(context.seed)

    def step(self, t):
        column = t.features["agent_x"]
        self.visits[t.env_ids, column] += 1
        return RewardTerms.sum_of(env=t.reward, novelty=self.bonus(t, column))

    def bonus(self, t, column):
        return 0.1 / self.visits[t.env_ids, column]

    def reset(self, mask):
        self.visits[mask] = 0

    def state_dict(self):
        return {"visits": self.visits.copy()}

    def load_state_dict(self, state):
        self.visits[...] = state["visits"]


class HasUnknownTiming(Novelty):
    spec = DesignSpec(timing="sometimes")


class HasListOfNeeds(Novelty):
    spec = DesignSpec(needs=["features"])


class WritesIntoReward(Novelty):
    def step(self, t):
        t.reward[t.terminated] = 1.0
        return super().step(t)


class WritesIntoUnfrozenFeatures(Novelty):
    def step(self, t):
        t.features["agent_x"].setflags(write=True)
        t.features["agent_x"][:] = 1
        return super().step(t)


class PaysNan(Novelty):
    def bonus(self, t, column):
        with np.errstate(divide="ignore", invalid="ignore"):
            return (column - column) / np.where(t.episode_step == 3, 0.0, 1.0)


class PaysFloat32(Novelty):
    def step(self, t):
        terms = super().step(t)
        return RewardTerms(terms.total.astype(np.float32), terms.terms)


class HidesTerm(Novelty):
    def step(self, t):
        terms = super().step(t)
        return RewardTerms(terms.total, {"env": t.reward})


class DrawsFromEntropy(Novelty):
    def bonus(self, t, column):
        return np.random.default_rng().random(len(t))


class DrawsGlobally(Novelty):
    def bonus(self, t, column):
        np.random.random()  # noqa: NPY002
        return super().bonus(t, column)


class RemembersInSecret(Novelty):
    spec = DesignSpec(needs=("features",))


class RemembersAcrossSetup(Novelty):
    total = 0

    def bonus(self, t, column):
        self.total += int(t.done.sum())
        return np.full(len(t), 0.1 / (1 + self.total))


class SavesHalfItsState(Novelty):
    def _setup(self, context):
        super()._setup(context)
        self.steps = 0

    def bonus(self, t, column):
        self.steps += 1
        return super().bonus(t, column) / self.steps


class SavesViews(Novelty):
    def state_dict(self):
        return {"visits": self.visits}


class SavesLists(Novelty):
    def state_dict(self):
        return {"visits": self.visits.tolist()}


class AddsOnLoad(Novelty):
    def load_state_dict(self, state):
        self.visits += state["visits"]


class FavoursSlots(Novelty):
    def bonus(self, t, column):
        return 0.1 * t.env_ids


class FavoursFirstRow(Novelty):
    def bonus(self, t, column):
        return 0.1 * (np.arange(len(t)) == 0)


class DrawsPerRow(Novelty):
    def bonus(self, t, column):
        return self.rng.random(len(t))


class ResetsEverybody(Novelty):
    def reset(self, mask):
        self.visits[:] = 0


class ComparesWithBatch(Novelty):
    def bonus(self, t, column):
        return (column - column.mean()) if len(t) else np.zeros(0)


class NeedsARow(Novelty):
    def bonus(self, t, column):
        return np.full(len(t), float(t.env_ids.max() >= 0))


class SharesAmongEnvs(Novelty):
    def bonus(self, t, column):
        return super().bonus(t, column) / self.context.num_envs


class NeverForgets(Novelty):
    def reset(self, mask):
        pass


class PaysForKeyAsIfOptimal(RewardDesign):
    spec = DesignSpec(invariance="optimal")

    def step(self, t):
        took = t.features["has_key"] & ~t.prev_features["has_key"]
        return RewardTerms.sum_of(env=t.reward, key=0.1 * took)


class KeepsPotentialAtTheEnd(RewardDesign):
    spec = DesignSpec(invariance="optimal", gamma_bound=True)

    def step(self, t):
        before, after = (-0.1 * f["steps_to_goal"] for f in (t.prev_features, t.features))
        return RewardTerms.sum_of(env=t.reward, shaping=self.gamma * after - before)


class ForgetsGamma(RewardDesign):
    spec = DesignSpec(invariance="optimal")

    def step(self, t):
        before, after = (-0.1 * f["steps_to_goal"] for f in (t.prev_features, t.features))
        return RewardTerms.sum_of(env=t.reward, shaping=np.where(t.terminated, 0, after) - before)


class PaysForIdlingBehindTheDoor(RewardDesign):
    """So rare under random play that no recorded episode shows it; only planning finds it."""

    spec = DesignSpec(invariance="optimal")

    def step(self, t):
        idle = (t.action == 6) & t.prev_features["door_open"]
        return RewardTerms.sum_of(env=t.reward, idle=0.1 * idle)


FAULTS = {
    HasUnknownTiming: "spec_is_valid",
    HasListOfNeeds: "spec_is_valid",
    WritesIntoReward: "inputs_unchanged",
    WritesIntoUnfrozenFeatures: "inputs_unchanged",
    PaysNan: "finite_float64",
    PaysFloat32: "finite_float64",
    HidesTerm: "terms_sum_to_total",
    DrawsFromEntropy: "deterministic",
    DrawsGlobally: "deterministic",
    RemembersInSecret: "markov_as_declared",
    RemembersAcrossSetup: "setup_starts_afresh",
    SavesHalfItsState: "state_round_trip",
    SavesViews: "state_round_trip",
    SavesLists: "state_round_trip",
    AddsOnLoad: "state_round_trip",
    FavoursSlots: "slots_are_alike",
    FavoursFirstRow: "slots_are_alike",
    DrawsPerRow: "state_round_trip",
    ResetsEverybody: "resets_stay_in_their_slot",
    ComparesWithBatch: "batches_may_be_split",
    NeedsARow: "batches_may_be_split",
    SharesAmongEnvs: "one_env_alone",
    NeverForgets: "memory_ends_with_episode",
    PaysForKeyAsIfOptimal: "shaping_telescopes",
    KeepsPotentialAtTheEnd: "shaping_telescopes",
    ForgetsGamma: "shaping_telescopes",
    PaysForIdlingBehindTheDoor: "optimal_actions_kept",
}
CRASHES = (PaysNan, NeedsARow)
"""These raise errors of their own inside the rule."""


def test_correct_design_passes_as_class_and_as_instance() -> None:
    check_design(Novelty, num_envs=3, steps=200)
    design = Novelty()
    check_design(design, num_envs=3, steps=200)
    assert design.context is None  # the instance itself was left alone


@pytest.mark.integration
@pytest.mark.parametrize(("fault", "rule"), FAULTS.items(), ids=lambda x: getattr(x, "__name__", x))
def test_fault_is_caught_by_its_rule(fault: type[RewardDesign], rule: str) -> None:
    how = "could not finish" if fault in CRASHES else "is broken"
    with pytest.raises(ContractError, match=rf"rule '{rule}' {how}: .* Fix: "):
        check_design(fault, num_envs=3, steps=200)


def test_every_rule_has_a_fault_above() -> None:
    assert {rule.__name__.removeprefix("rule_") for rule in DESIGN_RULES} == set(FAULTS.values())


def test_design_with_shared_memory_must_say_so() -> None:
    class Honest(SharesAmongEnvs):
        spec = DesignSpec(stationary=False, markov=False)

    check_design(Honest, num_envs=3, steps=200)


class SpreadsReturn(RewardDesign):
    """Pays each env's mean reward of the rollout at every step of it."""

    spec = DesignSpec(timing="rollout")

    def redistribute(self, r):
        mean = r.reward.mean(axis=0, keepdims=True)
        return RewardTerms.sum_of(spread=np.broadcast_to(mean, r.reward.shape))


def test_designs_that_score_rollouts_are_checked_too() -> None:
    class Noisy(SpreadsReturn):
        def redistribute(self, r):
            return RewardTerms.sum_of(noise=np.random.default_rng().random(r.reward.shape))

    class Short(SpreadsReturn):
        def redistribute(self, r):
            return RewardTerms.sum_of(last=r.reward[-1])

    check_design(SpreadsReturn, num_envs=3, steps=200)
    with pytest.raises(ContractError, match="rule 'deterministic' is broken"):
        check_design(Noisy, num_envs=3, steps=200)
    with pytest.raises(ContractError, match="rule 'finite_float64' is broken"):
        check_design(Short, num_envs=3, steps=200)


@pytest.mark.integration
def test_exact_planning_accepts_real_potentials_of_any_scale() -> None:
    for scale in (0.01, 5.0):
        check_design(operant.make_design("potential", scale=scale), num_envs=3, steps=200)


def test_exact_planning_agrees_with_the_tabular_agent() -> None:
    """The checker plans on its own (layers); the library's planner must find the same actions."""
    from operant.agents.tabular.value_iteration import value_iteration
    from operant.testing._invariance import _optimal_actions

    mdp = _mdp()
    plan = value_iteration(mdp, gamma=0.95)
    q = np.asarray(plan.q)
    expected = q >= q.max(axis=1, keepdims=True) - 1e-9
    assert np.array_equal(_optimal_actions(mdp, mdp.reward, 0.95), expected)


def _mdp():
    import gymnasium as gym

    env = gym.make("SparseKey-5x5-v0")
    env.reset(seed=1)
    return env.unwrapped.tabular_mdp()


def test_context_has_the_fields_of_the_real_one() -> None:
    """The checker lies in a layer below reward designs and has its own copy of this one class."""

    def fields(cls):
        return [(f.name, f.default) for f in dataclasses.fields(cls)]

    assert fields(Context) == fields(DesignContext)


def test_recording_is_consistent_experience() -> None:
    import gymnasium as gym

    tape = record(lambda: gym.make("SparseKey-5x5-v0"), num_envs=3, steps=300, seed=0)
    for t, after in itertools.pairwise(tape):
        goes_on = ~t.done
        assert np.array_equal(t.next_obs["image"][goes_on], after.obs["image"][goes_on])
        for name, value in t.features.items():
            assert np.array_equal(value[goes_on], after.prev_features[name][goes_on])
        assert np.array_equal(after.episode_step, np.where(goes_on, t.episode_step + 1, 0))
    ends = join(tape)
    assert ends.terminated.sum() > 5
    assert (ends.truncated & ~ends.terminated).sum() > 5
    assert ends.reward.sum() > 0  # some episodes are solved
    assert ends.features["has_key"].dtype == np.bool_


def test_rollout_columns_are_slots() -> None:
    import gymnasium as gym

    tape = record(lambda: gym.make("SparseKey-5x5-v0"), num_envs=3, steps=5, seed=0)
    shuffled = [take(t, np.array([2, 0, 1])) for t in tape]
    plain, other = as_rollout(tape), as_rollout(shuffled)
    assert plain.reward.shape == (5, 3)
    assert np.array_equal(plain.obs["image"], other.obs["image"])


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="num_envs must be >= 2"):
        check_design(Novelty, num_envs=1)
    with pytest.raises(operant.errors.UnknownIdError, match="potential"):
        check_design("potentiel")
