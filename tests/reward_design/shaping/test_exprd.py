"""Explicable rewards against backups written out, other rewards, and the criterion's own function.

Each MDP is drawn anew from a seed; what holds in all of them is asserted of each.
"""

from __future__ import annotations

import dataclasses
import sys

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import operant
from operant.envs.literature import line_key, room_nav
from operant.errors import MissingExtraError, OperantError
from operant.finite import (
    FiniteMDP,
    action_values,
    random_mdp,
    value_iteration,
    with_probabilities,
)
from operant.reward_design.base import DesignContext
from operant.reward_design.metrics.informativeness import informativeness
from operant.reward_design.shaping.exprd import (
    ExpRD,
    Informativeness,
    active_set,
    design_explicable,
)
from operant.reward_design.shaping.table_reward import TableReward, numbering
from operant.reward_design.shaping.teaching import InvariantRewards, gap_rows, solve_teacher
from operant.testing import check_design

SEEDS = st.integers(0, 10_000)
WORLDS = {"RoomNav": room_nav.model(), "LineKey": line_key.abstraction()}


def drawn(seed: int, *, states: int = 6, actions: int = 3, sparse: bool = False) -> FiniteMDP:
    rng = np.random.default_rng(seed)
    mdp = random_mdp(rng, states=states, actions=actions, ends=0.1)
    if sparse:
        mdp.reward[:] = 0.0
        mdp.reward[0] = rng.uniform(0, 1, actions)
    return mdp


def keeps_the_optimum(mdp: FiniteMDP, reward: np.ndarray, gamma: float) -> bool:
    """Judge by solving: all that is optimal for the reward is so for the true one, and pi* is."""
    true = value_iteration(mdp, gamma=gamma, tol=1e-6)
    found = value_iteration(mdp, gamma=gamma, reward=reward, tol=1e-6)
    policy = solve_teacher(mdp, gamma=gamma).actions
    chosen = found.optimal_actions[np.arange(mdp.num_states), policy]
    return bool((found.optimal_actions <= true.optimal_actions).all() and chosen.all())


# ---- the linear maps ------------------------------------------------------------------------


@pytest.mark.parametrize("horizon", [0, 1, 2, 5, 32])
def test_gaps_are_those_of_backups(horizon: int) -> None:
    mdp = drawn(1)
    teacher = solve_teacher(mdp, gamma=0.9)
    reward, everywhere = np.random.default_rng(2).normal(size=(6, 3)), np.arange(6)
    q = reward
    for _ in range(horizon):
        q = action_values(mdp, q[everywhere, teacher.actions], gamma=0.9, reward=reward)
    expected = q[everywhere, teacher.actions][:, None] - q
    assert np.tensordot(gap_rows(teacher, horizon), reward, 2) == pytest.approx(expected, abs=1e-12)


def test_gaps_without_a_horizon_are_those_of_the_values() -> None:
    mdp = drawn(3)
    teacher = solve_teacher(mdp, gamma=0.9)
    found = np.tensordot(gap_rows(teacher, None), mdp.reward, 2)
    assert found == pytest.approx(-teacher.advantages, abs=1e-9)
    assert teacher.gap == pytest.approx(np.sort(-teacher.advantages, axis=1)[:, 1], abs=1e-12)


# ---- informativeness ------------------------------------------------------------------------


@given(seed=SEEDS)
@settings(max_examples=10, deadline=None)
def test_shaping_by_the_optimal_values_is_perfectly_informative(seed: int) -> None:
    mdp = drawn(seed)
    teacher = solve_teacher(mdp, gamma=0.9)
    measure = Informativeness(teacher)
    assert measure(teacher.advantages) == pytest.approx(0.0, abs=1e-9)
    assert measure(mdp.reward) < -1e-6


@given(seed=SEEDS)
@settings(max_examples=10, deadline=None)
def test_the_criterion_and_its_coefficients_are_those_of_backups(seed: int) -> None:
    mdp, everywhere = drawn(seed), np.arange(6)
    plan = value_iteration(mdp, gamma=0.9)
    smallest = np.where(plan.optimal_actions, np.inf, plan.values[:, None] - plan.q).min(axis=1)
    reward = np.random.default_rng(seed).normal(size=(6, 3))
    shown, short, q = [], [], reward
    for h in range(8):
        if h in (0, 2, 7):
            gap = q[everywhere, plan.policy][:, None] - q
            shown += gap[~plan.optimal_actions].tolist()
            short.append(np.where(plan.optimal_actions, 0, smallest[:, None] - gap).max(axis=1))
        q = action_values(mdp, q[everywhere, plan.policy], gamma=0.9, reward=reward)
    measure = Informativeness(solve_teacher(mdp, gamma=0.9), horizons=(0, 2, 7))
    assert measure(reward) == pytest.approx(-np.mean(short), abs=1e-9)
    assert np.tensordot(measure.rows, reward, 2) == pytest.approx(shown, abs=1e-9)


# ---- the linear program ---------------------------------------------------------------------


@given(seed=SEEDS)
@settings(max_examples=6, deadline=None)
def test_with_every_state_it_reaches_zero(seed: int) -> None:
    mdp = drawn(seed)
    largest = float(np.abs(solve_teacher(mdp, gamma=0.9).advantages).max())
    found = design_explicable(mdp, budget=6, gamma=0.9, active=range(6), r_max=largest)
    assert found.informativeness == pytest.approx((0.0,), abs=1e-6)
    assert keeps_the_optimum(mdp, found.reward, 0.9)


@given(seed=SEEDS)
@settings(max_examples=5, deadline=None)
def test_more_states_never_inform_less_and_the_optimum_stays(seed: int) -> None:
    mdp = drawn(seed, sparse=True)
    found = design_explicable(mdp, budget=4, gamma=0.9, r_max=2.0)
    curve = np.array(found.informativeness)
    assert len(curve) == 4
    assert curve[0] <= 1e-9
    assert (np.diff(curve) >= -1e-7).all()
    assert found.states[0] == 0
    assert not found.reward[[s for s in range(6) if s not in found.states]].any()
    assert np.abs(found.reward).max() <= 2.0 + 1e-9
    assert keeps_the_optimum(mdp, found.reward, 0.9)


@pytest.mark.parametrize(
    ("name", "active"), [("RoomNav", [48, 15, 9, 8]), ("LineKey", [38, 39, 3, 20])]
)
def test_no_reward_of_the_polytope_informs_more(name: str, active: list[int]) -> None:
    """It is concave: where no step towards any corner helps, nothing does."""
    mdp, rng = WORLDS[name], np.random.default_rng(0)
    teacher = solve_teacher(mdp, gamma=0.95)
    measure = Informativeness(teacher)
    rewards = InvariantRewards(teacher, groups=active_set(mdp, active), r_max=10.0)
    best = measure.maximise(rewards)
    value = measure(best)
    worse = 0
    for _ in range(15):
        corner = rewards.maximise(rng.normal(size=mdp.reward.shape))
        for step in (1e-3, 0.1, 1.0):
            mixed = informativeness(mdp, best + step * (corner - best), gamma=0.95)
            assert mixed <= value + 1e-7
            worse += mixed < value - 1e-4
    assert worse >= 8


@pytest.mark.parametrize("seed", range(4))
def test_any_gain_is_taken_within_the_gaps(seed: int) -> None:
    """The corners of the polytope, which the solver returns, keep the optimum and its gaps."""
    mdp, rng = drawn(seed), np.random.default_rng(seed)
    teacher = solve_teacher(mdp, gamma=0.9)
    rewards = InvariantRewards(teacher, groups=active_set(mdp, range(6)), r_max=5.0)
    wanted = np.where(teacher.optimal, 0.0, teacher.gap[:, None])
    for _ in range(5):
        gain = rng.normal(size=mdp.reward.shape)
        corner = rewards.maximise(gain)
        gaps = -solve_teacher(
            FiniteMDP(transition=mdp.transition, reward=corner, start=mdp.start), gamma=0.9
        ).advantages
        assert (gaps >= wanted / (1 + 1e-5) - 1e-6).all()
        assert np.abs(corner).max() <= 5.0 + 1e-9
        assert (gain * corner).sum() >= (gain * mdp.reward).sum() - 1e-6  # which is one of them
        assert keeps_the_optimum(mdp, corner, 0.9)


def test_the_first_state_chosen_is_the_best_one() -> None:
    mdp = drawn(11, sparse=True)
    teacher = solve_teacher(mdp, gamma=0.9)
    measure = Informativeness(teacher)

    def value(state: int) -> float:
        groups = active_set(mdp, [0, state])
        return measure(measure.maximise(InvariantRewards(teacher, groups=groups, r_max=1.0)))

    found = design_explicable(mdp, budget=2, gamma=0.9, r_max=1.0)
    values = {state: value(state) for state in range(1, 6)}
    assert found.states == (0, max(values, key=values.__getitem__))
    assert found.informativeness[1] == pytest.approx(max(values.values()), abs=1e-9)


@pytest.mark.integration
@pytest.mark.parametrize("size", [1e-6, 1e6])
def test_the_size_of_the_true_reward_does_not_matter(size: float) -> None:
    """Ties, gaps and the solver's tolerances are all relative to it."""
    for seed in range(3):
        mdp = drawn(seed, sparse=True)
        scaled = dataclasses.replace(mdp, reward=size * mdp.reward)
        free, dear = (
            [
                design_explicable(world, budget=3, gamma=0.9, r_max=2.0 * factor, l1=l1)
                for world, factor in ((mdp, 1.0), (scaled, size))
            ]
            for l1 in (0.0, 0.01)
        )
        # with a price there is one best reward; without, several can be perfectly informative
        assert dear[1].states == dear[0].states
        assert dear[1].reward / size == pytest.approx(dear[0].reward, abs=1e-9)
        for one, other in (free, dear):
            curve = np.array(other.informativeness) / size
            assert curve == pytest.approx(one.informativeness, abs=1e-9)
            assert keeps_the_optimum(mdp, other.reward / size, 0.9)


@pytest.mark.parametrize("size", [1e-3, 0.1, 1.0, 10.0])
def test_gaps_far_smaller_than_the_rewards_are_no_obstacle(size: float) -> None:
    """In RoomNav some are a ten-thousandth of the prize: the solver must not call that none."""
    mdp = dataclasses.replace(WORLDS["RoomNav"], reward=size * WORLDS["RoomNav"].reward)
    teacher = solve_teacher(mdp, gamma=0.95)
    measure = Informativeness(teacher)
    for state in (20, 29, 44):
        groups = active_set(mdp, [48, 15, 9, 8, state])
        rewards = InvariantRewards(teacher, groups=groups, r_max=10.0 * size)
        assert -0.2 < measure(measure.maximise(rewards)) / size < 0.0


def test_a_small_reward_has_no_more_ties_than_a_large_one() -> None:
    teacher = solve_teacher(drawn(0), gamma=0.9)
    small = dataclasses.replace(teacher.mdp, reward=1e-9 * teacher.mdp.reward)
    found = solve_teacher(small, gamma=0.9)
    assert found.optimal.tolist() == teacher.optimal.tolist()
    assert found.values == pytest.approx(1e-9 * teacher.values, rel=1e-9)
    assert found.advantages == pytest.approx(1e-9 * teacher.advantages, rel=1e-9)
    nothing = dataclasses.replace(teacher.mdp, reward=0.0 * teacher.mdp.reward)
    assert solve_teacher(nothing, gamma=0.9).optimal.all()


def test_actions_that_tie_go_on_doing_so() -> None:
    """Two ways round a square: the reward must not choose between them."""
    follow = np.zeros((4, 2, 4))
    for state, (left, right) in enumerate([(1, 2), (3, 0), (0, 3)]):
        follow[state, 0, left] = follow[state, 1, right] = 1.0
    reward = np.zeros((4, 2))
    reward[3] = 1.0, 0.0
    mdp = FiniteMDP(transition=follow, reward=reward, start=np.eye(4)[0])
    found = design_explicable(mdp, budget=4, gamma=0.9)
    q = value_iteration(mdp, gamma=0.9, reward=found.reward).q
    assert q[0, 0] == pytest.approx(q[0, 1], abs=1e-6)
    assert solve_teacher(mdp, gamma=0.9).gap[0] == np.inf
    assert keeps_the_optimum(mdp, found.reward, 0.9)


def test_absolute_rewards_may_have_a_price() -> None:
    mdp = drawn(5)
    free = design_explicable(mdp, budget=6, gamma=0.9, active=range(6))
    dear = design_explicable(mdp, budget=6, gamma=0.9, active=range(6), l1=0.02)
    cost = [np.abs(found.reward).sum() for found in (free, dear)]
    assert cost[1] < cost[0] - 0.1
    worth = [
        found.informativeness[0] - 0.02 * c for found, c in zip((free, dear), cost, strict=True)
    ]
    assert worth[1] > worth[0] + 1e-3
    assert keeps_the_optimum(mdp, dear.reward, 0.9)


def test_a_reward_of_the_state_alone_is_found_where_there_is_one() -> None:
    """A ring that is walked for ever: being in state 0 can be paid instead of getting there."""
    follow = np.zeros((5, 2, 5))
    for state in range(5):
        follow[state, 0, state] = follow[state, 1, (state + 1) % 5] = 1.0
    reward = np.zeros((5, 2))
    reward[0] = 1.0
    mdp = FiniteMDP(transition=follow, reward=reward, start=np.eye(5)[1])
    found = design_explicable(mdp, budget=3, gamma=0.9, state_only=True)
    assert np.ptp(found.reward, axis=1) == pytest.approx(np.zeros(5), abs=1e-12)
    assert keeps_the_optimum(mdp, found.reward, 0.9)


@pytest.mark.integration
@pytest.mark.parametrize("name", list(WORLDS))
def test_on_the_published_worlds(name: str) -> None:
    mdp = WORLDS[name]
    least = int(mdp.reward.any(axis=1).sum())
    found = design_explicable(mdp, budget=least + 2, gamma=0.95)
    measured = informativeness(mdp, mdp.reward, gamma=0.95)
    assert found.informativeness[0] >= measured - 1e-7  # the true reward is one of the candidates
    assert found.informativeness[-1] > found.informativeness[0] + 0.01
    assert keeps_the_optimum(mdp, found.reward, 0.95)


# ---- refusals -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"budget": 0}, r"budget must lie in \[1, 6\]"),
        ({"budget": 7}, r"budget must lie in \[1, 6\]"),
        ({"active": ()}, r"active must name states in \[0, 5\]"),
        ({"active": (1, 6)}, r"active must name states in \[0, 5\]"),
        ({"l1": -1.0}, "l1 must be >= 0"),
        ({"gamma": 1.0}, "gamma"),
        ({"r_max": 0.0}, "r_max must be finite and > 0"),
        ({"horizons": ()}, "horizons must hold numbers >= 0"),
        ({"horizons": (-1,)}, "horizons must hold numbers >= 0"),
        ({"r_max": 1e-3}, "no reward of this structure with r_max=0.001"),
    ],
)
def test_bad_arguments_are_refused(change, complaint) -> None:
    arguments = {"budget": 2, "gamma": 0.9, "r_max": 1.0, **change}
    with pytest.raises(ValueError, match=complaint):
        design_explicable(drawn(0, sparse=True), **arguments)


def test_worlds_too_large_for_a_program_are_refused(monkeypatch) -> None:
    teacher = solve_teacher(drawn(0), gamma=0.9)
    monkeypatch.setattr("operant.reward_design.shaping.teaching.MAX_BYTES", 8 * 18**2 - 1)
    with pytest.raises(ValueError, match="6 states and 3 actions are too many"):
        gap_rows(teacher, 1)


def test_scipy_is_asked_for_by_name(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(MissingExtraError, match="theory"):
        design_explicable(drawn(0, sparse=True), budget=1, gamma=0.9)


def test_groups_of_another_shape_are_refused() -> None:
    teacher = solve_teacher(drawn(0), gamma=0.9)
    with pytest.raises(ValueError, match=r"groups must be \(6, 3\) integers >= -1"):
        InvariantRewards(teacher, groups=np.zeros((6, 2), np.int64), r_max=1.0)
    with pytest.raises(ValueError, match="some of them >= 0"):
        InvariantRewards(teacher, groups=np.full((6, 3), -1), r_max=1.0)


# ---- the designs ----------------------------------------------------------------------------


@pytest.mark.integration
def test_design_keeps_the_contract_on_numbered_states() -> None:
    env = gym.make("RoomNav-v0")
    env.reset(seed=0)
    mdp = env.unwrapped.finite_mdp()
    check_design(ExpRD(mdp=mdp, budget=1, gamma=0.99), "RoomNav-v0", num_envs=3, steps=200)


def test_design_keeps_the_contract_where_the_env_enumerates_itself() -> None:
    env = gym.make("Chain-n40-v0", length=11)
    env.reset(seed=0)
    tabular = env.unwrapped.tabular_mdp()
    state = numbering(tabular.obs)
    design = ExpRD(mdp=with_probabilities(tabular), budget=4, gamma=0.99, state=state)
    seen = np.arange(1, 10)
    assert tabular.obs[state(seen)].tolist() == seen.tolist()
    plan = value_iteration(with_probabilities(tabular), gamma=0.99, reward=design.table)
    assert (plan.policy == 1).all()
    with pytest.raises(ValueError, match="none of the numbered states"):
        state(np.array([40]))


def test_by_its_id_it_takes_the_model_of_the_env() -> None:
    """One batch and one scalar env: both are paid the table of the level's own MDP."""
    env = gym.make("Chain-n40-v0", length=11)
    env.reset(seed=0)
    mdp = env.unwrapped.finite_mdp()
    table = design_explicable(mdp, budget=4, gamma=0.9).reward
    number = numbering(mdp.obs)
    single = operant.shape(env, operant.make_design("exprd", budget=4), gamma=0.9)
    batch = operant.shape(
        gym.make_vec("Chain-n40-v0", num_envs=1, length=11),
        operant.make_design("exprd", budget=4),
        gamma=0.9,
    )
    (obs, _), _ = single.reset(seed=0), batch.reset(seed=0)
    paid = []
    for action in (0, 1, 0, 1, 1, 1, 1, 1, 1, 1):
        expected = table[number(np.array([obs]))[0], action]
        obs, reward, terminated, _, _ = single.step(action)
        both = reward, batch.step(np.array([action]))[1][0]
        assert both == pytest.approx((expected, expected), abs=1e-12)
        paid.append(expected)
        if terminated:
            break
    assert terminated
    assert np.ptp(paid) > 0


def test_levels_that_differ_or_look_alike_are_refused() -> None:
    with pytest.raises(ValueError, match=r"same observation.*use an env that shows its whole"):
        operant.shape(gym.make("SparseKey-5x5-v0"), "exprd", gamma=0.9)
    with pytest.raises(OperantError, match="give it one: mdp="):
        ExpRD().setup(
            DesignContext(
                observation_space=gym.spaces.Discrete(3),
                action_space=gym.spaces.Discrete(2),
                features=(),
                num_envs=1,
                gamma=0.9,
            )
        )


def test_table_pays_what_it_holds(attach, transition) -> None:
    table = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    spaces = {"observation_space": gym.spaces.Discrete(3)}
    design = attach(TableReward(table=table), **spaces)
    t = transition(3, obs=np.array([2, 0, 1]), action=np.array([0, 1, 1]), reward=np.full(3, 9.0))
    assert design(t).total.tolist() == [5.0, 2.0, 4.0]
    by_sign = TableReward(table=table, state=lambda obs: (obs[:, 0] > 0).astype(np.int64))
    t = transition(2, obs=np.array([[-1.0], [1.0]]), action=np.array([1, 1]))
    assert attach(by_sign)(t).total.tolist() == [2.0, 4.0]


def test_table_that_does_not_fit_is_refused(attach, transition) -> None:
    with pytest.raises(ValueError, match="finite numbers"):
        TableReward(table=[[1.0, np.nan]])
    with pytest.raises(ValueError, match="table has 3 actions"):
        attach(TableReward(table=np.zeros((2, 3))))
    with pytest.raises(ValueError, match="table has 2 states"):
        attach(TableReward(table=np.zeros((2, 2))), observation_space=gym.spaces.Discrete(3))
    beyond = attach(TableReward(table=np.zeros((2, 2)), state=lambda obs: np.full(len(obs), 2)))
    with pytest.raises(ValueError, match=r"numbers in \[0, 1\], got 2 to 2"):
        beyond(transition(1))
    floats = attach(TableReward(table=np.zeros((2, 2)), state=lambda obs: np.zeros(len(obs))))
    with pytest.raises(ValueError, match=r"must return \(B,\) integers"):
        floats(transition(1))
    with pytest.raises(ValueError, match="states 0 and 1 have the same observation"):
        numbering(np.zeros((2, 3)))
