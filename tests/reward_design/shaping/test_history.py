"""Bonuses that are paid back, with the tables of the theory notes and a brute-force judge."""

from __future__ import annotations

import functools
import itertools
import json

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import operant
from operant.errors import GammaMismatchError, OperantError, UnknownIdError
from operant.reward_design import RewardDesign, make_design
from operant.reward_design.base import DesignSpec
from operant.reward_design.shaping.history import GRM, PBIM, invariant
from operant.testing import check_design
from operant.types import RewardTerms

GAMMA = 0.9
F = (1.0, 2.0, 0.0, 3.0)


class Tape(RewardDesign):
    """Pays bonus k of a list in step k of an episode, on top of the true reward."""

    spec = DesignSpec(markov=False)

    def __init__(self, bonuses):
        super().__init__()
        self.bonuses = np.array(bonuses)

    def step(self, t):
        return RewardTerms.sum_of(env=t.reward, extra=self.bonuses[t.episode_step])


class Late(RewardDesign):
    spec = DesignSpec(timing="episode")


def play(design, transition, *, size, end="term", reward=0.5, slot=0):
    """Return what the design adds to the true reward in each step of one episode."""
    added = []
    for k in range(size):
        over = k == size - 1
        t = transition(
            reward=np.array([reward]),
            terminated=np.array([over and end == "term"]),
            truncated=np.array([over and end == "trunc"]),
            episode_step=np.array([k]),
            env_ids=np.array([slot]),
        )
        terms = design(t)
        assert terms.terms["env"].tolist() == [reward]
        added.append(terms.total[0] - reward)
    return np.array(added)


def discounted(rewards, gamma=GAMMA):
    return float(rewards @ gamma ** np.arange(len(rewards)))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (functools.partial(GRM, delay=1), [1, 0.888889, -2.222222, 0]),
        (functools.partial(GRM, delay=2), [1, 2, -1.234568, -2.469136]),
        (functools.partial(GRM, delay=3), [1, 2, 0, -3.840878]),
        (functools.partial(GRM, delay=100), [1, 2, 0, -3.840878]),
        (PBIM, [1, 2, 0, -3.840878]),
        (invariant, [1, 2, 0, -3.840878]),
    ],
)
def test_the_table_of_the_theory_notes(attach, transition, make, expected):
    design = attach(make(Tape(F)))
    for _ in range(3):  # episode after episode, with nothing left over
        added = play(design, transition, size=4)
        np.testing.assert_allclose(added, expected, atol=5e-7)
        assert discounted(added) == pytest.approx(0.0, abs=1e-15)


def test_the_normalised_table(attach, transition):
    design = attach(PBIM(Tape(F), normalise=True))
    # A mean of 1.5 over so many bonuses that four more do not move it.
    design.load_state_dict(
        {"owed": np.zeros((4, 1)), "mean": np.array(1.5), "seen": np.array(10**15)}
    )
    added = play(design, transition, size=4)
    np.testing.assert_allclose(added, [-0.5, 0.5, -1.5, 1.735254], atol=5e-7)
    assert discounted(added) == pytest.approx(0.0, abs=1e-15)


def test_the_running_mean_is_of_the_bonuses_before(attach, transition):
    design = attach(PBIM(Tape(F), normalise=True))
    before = [0.0, 1.0, 1.5, 1.0]  # means of the first 0, 1, 2, 3 bonuses
    added = play(design, transition, size=4)
    np.testing.assert_allclose(added[:3], np.array(F[:3]) - before[:3], atol=1e-12)
    assert discounted(added) == pytest.approx(0.0, abs=1e-12)
    state = design.state_dict()
    assert (float(state["mean"]), int(state["seen"])) == (1.5, 4)


def matched(bonuses, gamma, delay):
    """Reward matching as it is defined: a double sum over the weights m(t, i)."""
    last = len(bonuses) - 1
    paid = np.array(bonuses, np.float64)
    for i, bonus in enumerate(bonuses):
        t = last if delay is None else min(i + delay, last)
        paid[t] -= gamma ** (i - t) * bonus
    return paid


@settings(max_examples=60)
@given(
    episodes=st.lists(
        st.lists(st.floats(-5, 5, allow_nan=False), min_size=1, max_size=12), min_size=1, max_size=3
    ),
    gamma=st.sampled_from([0.5, 0.9, 1.0]),
    delay=st.sampled_from([1, 2, 3, 5, None]),
    end=st.sampled_from(["term", "trunc"]),
)
def test_any_bonus_is_matched_and_sums_to_nothing(attach, transition, episodes, gamma, delay, end):
    for slot, bonuses in enumerate(episodes):
        inner = Tape(bonuses)
        design = attach(PBIM(inner) if delay is None else GRM(inner, delay=delay), gamma=gamma)
        added = play(design, transition, size=len(bonuses), end=end, slot=slot)
        scale = gamma ** -len(bonuses)
        np.testing.assert_allclose(added, matched(bonuses, gamma, delay), atol=1e-11 * scale)
        assert discounted(added, gamma) == pytest.approx(0.0, abs=1e-9)


def test_the_bonus_is_a_difference_of_the_debt(attach, transition):
    """PBIM is shaping by a potential of the history: F = gamma * debt' - debt, to rounding."""
    design, debts = attach(PBIM(Tape(F))), [0.0]
    for k in range(4):
        design(transition(episode_step=np.array([k])))
        debts.append(design.state_dict()["owed"][0, 0])
    differences = [GAMMA * after - before for before, after in itertools.pairwise(debts)]
    np.testing.assert_allclose(differences, F, rtol=0, atol=5e-16)


@pytest.mark.parametrize("make", [PBIM, functools.partial(GRM, delay=2)])
def test_an_agent_that_bootstraps_may_ask_for_no_payback_at_time_limits(attach, transition, make):
    design = attach(make(Tape(F), on_truncation="bootstrap"))
    np.testing.assert_allclose(play(design, transition, size=2, end="trunc"), [1, 2], atol=1e-12)
    again = play(design, transition, size=4, end="term")  # the debts were dropped
    assert discounted(again) == pytest.approx(0.0, abs=1e-15)


def test_slots_have_debts_of_their_own(attach, transition):
    design = attach(PBIM(Tape(F)))
    for k in range(3):
        step = np.array([k, 0])
        t = transition(
            2, env_ids=np.array([2, 0]), episode_step=step, terminated=np.array([k == 2, True])
        )
        total = design(t).total
        assert total[1] == pytest.approx(0.0, abs=1e-15)  # an episode of one step
    assert total[0] == pytest.approx(-(1 / GAMMA + 2) / GAMMA)


def test_an_abandoned_episode_leaves_neither_debts_nor_memories(corridor):
    env = operant.shape(corridor(), PBIM("count"), gamma=GAMMA)

    def first_steps():
        env.reset(seed=1)
        return [env.step(1)[4]["reward_terms"] for _ in range(2)]

    assert first_steps() == first_steps()
    assert first_steps()[0]["bonus"] > 0


PICK_UP, DROP = 3, 4


def worth_of_dropping_the_key_for_ever(design):
    env = operant.shape(gym.make("SparseKey-5x5-v0", max_steps=40), design, gamma=0.99)
    _, info = env.reset(seed=0)
    plan, rewards, done = list(env.unwrapped.oracle().actions), [], False
    while not done:
        if not info["features"]["has_key"]:
            action = plan.pop(0) if DROP not in plan else PICK_UP
        else:
            action, plan = DROP, [DROP]
        _, reward, terminated, truncated, info = env.step(action)
        rewards.append(reward)
        done = terminated or truncated
    assert info["true_reward"] == 0.0
    return discounted(np.array(rewards), 0.99)


@pytest.mark.parametrize("make", [invariant, functools.partial(GRM, delay=1)])
def test_what_could_be_farmed_is_worth_nothing_any_more(make):
    assert worth_of_dropping_the_key_for_ever("naive") > 2
    assert worth_of_dropping_the_key_for_ever(make("naive")) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.slow  # their rows are in the contract tests
@pytest.mark.parametrize(
    "make",
    [
        functools.partial(PBIM, "count", on_truncation="bootstrap"),
        functools.partial(GRM, "count", delay=3),
        functools.partial(invariant, "naive"),
    ],
)
def test_it_is_a_sound_design(make):
    check_design(make, steps=200, num_envs=3)


def test_normalised_it_is_a_sound_design():
    make = functools.partial(PBIM, "count", normalise=True)
    shared = {"resets_stay_in_their_slot": "the running mean is that of all slots"}
    check_design(make, steps=200, num_envs=3, skip=shared)


def test_the_spec_tells_of_the_wrapper_and_of_what_is_inside(attach):
    design = attach(invariant("potential"))
    assert (design.spec.invariance, design.spec.markov, design.spec.gamma_bound) == (
        "optimal",
        False,
        True,
    )
    assert design.spec.needs == ("features",)
    assert design.required_features() == make_design("potential").required_features()
    assert not design.spec.privileged  # as the potential in the test table
    assert PBIM("count").spec.stationary
    assert not PBIM("count", normalise=True).spec.stationary


def test_ids_say_what_is_inside():
    assert invariant("count").id == "invariant(count)"
    assert PBIM(make_design("naive")).id == "pbim(naive)"
    assert GRM("count", delay=2).id == "grm(count)"
    arguments = json.loads(json.dumps({"design": "count", "delay": 2}))
    assert GRM(**arguments).id == "grm(count)"


def test_what_cannot_be_wrapped_is_refused(attach):
    with pytest.raises(UnknownIdError, match="did you mean count"):
        invariant("coutn")
    with pytest.raises(ValueError, match=r"must pay step by step .* has timing 'episode'"):
        PBIM(Late())
    with pytest.raises(ValueError, match="delay must be >= 1, got 0"):
        GRM("count", delay=0)
    with pytest.raises(ValueError, match="on_truncation must be"):
        PBIM("count", on_truncation="keep")
    with pytest.raises(ValueError, match="gamma must be > 0"):
        attach(PBIM("count"), gamma=0.0)
    with pytest.raises(GammaMismatchError):
        attach(PBIM("count", gamma=0.5))
    with pytest.raises(GammaMismatchError, match=r"'potential' uses gamma=0\.5"):
        attach(invariant(make_design("potential", gamma=0.5)))
    with pytest.raises(OperantError, match="reads features"):
        attach(invariant("naive"))


def test_one_design_cannot_be_inside_two(attach):
    shared = make_design("count")
    first, second = PBIM(shared), GRM(shared)
    attach(first)
    attach(first)  # starts afresh
    with pytest.raises(OperantError, match=r"'count' is attached to an env already"):
        attach(second)
