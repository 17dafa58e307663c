"""Adaptive rewards against closed forms, the criterion's own function, and a real policy step."""

from __future__ import annotations

import dataclasses

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operant.envs.literature import line_key, room_nav
from operant.finite import FiniteMDP, occupancy, policy_evaluation, random_mdp, value_iteration
from operant.reward_design.shaping.exp_adard import ExpAdaRD, adaptive_gain
from operant.reward_design.shaping.teaching import solve_teacher
from operant.testing import check_design
from operant.types import Rollout

SEEDS = st.integers(0, 10_000)
GAMMA = 0.9


def drawn(seed: int) -> FiniteMDP:
    return random_mdp(np.random.default_rng(seed), states=6, actions=3, ends=0.1)


def some_policy(seed: int, mdp: FiniteMDP) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(mdp.num_actions), mdp.num_states)


def criterion(mdp, reward, policy, *, gamma: float, exploration: float) -> float:
    """I_1 by its definition: a sum over states and actions, from exact values and occupancies."""
    plan = value_iteration(mdp, gamma=gamma)
    teacher = (1 - exploration) * np.eye(mdp.num_actions)[plan.policy]
    teacher += exploration / mdp.num_actions
    visits = [occupancy(mdp, each, gamma=gamma) for each in (teacher, policy)]
    shares = [each / each.sum() for each in visits]
    total = 0.0
    for s in range(mdp.num_states):
        advantage = plan.q[s] - plan.values[s]
        for a in range(mdp.num_actions):
            total += (
                shares[0][s]
                * shares[1][s]
                * policy[s, a] ** 2
                * (advantage[a] - policy[s] @ advantage)
                * (reward[s, a] - policy[s] @ reward[s])
            )
    return total


def optimal_for_the_truth(mdp: FiniteMDP, reward: np.ndarray, gamma: float) -> bool:
    true = value_iteration(mdp, gamma=gamma, tol=1e-6)
    found = value_iteration(mdp, gamma=gamma, reward=reward, tol=1e-6)
    return bool((found.optimal_actions <= true.optimal_actions).all())


# ---- the gain -------------------------------------------------------------------------------


@given(seed=SEEDS, epsilon=st.floats(0.0, 1.0))
@settings(max_examples=15, deadline=None)
def test_gain_is_the_gradient_of_the_criterion(seed: int, epsilon: float) -> None:
    mdp = drawn(seed)
    policy, reward = some_policy(seed, mdp), np.random.default_rng(seed).normal(size=(6, 3))
    gain = adaptive_gain(solve_teacher(mdp, gamma=GAMMA), policy, epsilon=epsilon)
    expected = criterion(mdp, reward, policy, gamma=GAMMA, exploration=epsilon)
    assert (gain * reward).sum() == pytest.approx(expected, abs=1e-12)


@given(seed=SEEDS)
@settings(max_examples=15, deadline=None)
def test_without_constraints_the_best_reward_is_the_sign_of_the_gain(seed: int) -> None:
    """(a): bang-bang; for the uniform policy the sign of the advantage above its mean."""
    mdp = drawn(seed)
    teacher = solve_teacher(mdp, gamma=GAMMA)
    policy = some_policy(seed, mdp)
    centred = teacher.advantages - (policy * teacher.advantages).sum(axis=1, keepdims=True)
    own = policy**2 * centred
    expected = np.sign(own - policy * own.sum(axis=1, keepdims=True))
    gain = adaptive_gain(teacher, policy, epsilon=0.3)
    assert (np.sign(gain) == expected).all()
    rng = np.random.default_rng(seed)
    for _ in range(20):
        assert (gain * rng.uniform(-1, 1, (6, 3))).sum() <= np.abs(gain).sum() + 1e-15
    uniform = adaptive_gain(teacher, np.full((6, 3), 1 / 3), epsilon=0.3)
    above = teacher.advantages - teacher.advantages.mean(axis=1, keepdims=True)
    assert (np.sign(uniform) == np.sign(above)).all()


@given(seed=SEEDS)
@settings(max_examples=10, deadline=None)
def test_there_is_nothing_to_tell_an_optimal_learner(seed: int) -> None:
    """(c)"""
    mdp = drawn(seed)
    teacher = solve_teacher(mdp, gamma=GAMMA)
    assert not adaptive_gain(teacher, np.eye(3)[teacher.actions], epsilon=0.3).any()


@pytest.mark.parametrize("seed", range(3))
def test_a_larger_gain_is_a_larger_step_towards_the_optimum(seed: int) -> None:
    """In a bandit a policy-gradient step is exact, and so is what the criterion says of it."""
    rng = np.random.default_rng(seed)
    bandit = FiniteMDP(
        transition=np.zeros((1, 4, 1)), reward=rng.normal(size=(1, 4)), start=np.ones(1)
    )
    preferences = rng.normal(size=4)

    def softmax(x: np.ndarray) -> np.ndarray:
        return np.exp(x - x.max())[None] / np.exp(x - x.max()).sum()

    policy = softmax(preferences)
    gain = adaptive_gain(solve_teacher(bandit, gamma=0.0), policy, epsilon=0.0)
    before = policy_evaluation(bandit, policy, gamma=0.0)[0]
    predicted, grown = [], []
    for _ in range(50):
        reward = rng.uniform(-1, 1, (1, 4))
        step = policy[0] * (reward[0] - (policy * reward).sum())
        after = policy_evaluation(bandit, softmax(preferences + 1e-5 * step), gamma=0.0)[0]
        predicted.append((gain * reward).sum())
        grown.append((after - before) / 1e-5)
    assert predicted == pytest.approx(grown, abs=1e-4)


# ---- the design -----------------------------------------------------------------------------


@given(seed=SEEDS)
@settings(max_examples=6, deadline=None)
def test_every_redesign_keeps_the_optimum(seed: int) -> None:
    """(b)"""
    mdp = drawn(seed)
    design = ExpAdaRD(mdp=mdp, gamma=GAMMA, r_max=4.0)
    tables = [design.table]
    for number in range(3):
        design.redesign(some_policy(seed + number, mdp))
        tables.append(design.table)
    for table in tables:
        assert optimal_for_the_truth(mdp, table, GAMMA)
        assert np.abs(table).max() <= 4.0 + 1e-9
    assert np.abs(tables[1] - tables[0]).max() > 1e-3


@pytest.mark.parametrize("world", ["RoomNav", "LineKey"])
def test_structured_rewards_of_the_published_worlds(world: str) -> None:
    if world == "RoomNav":
        mdp, cell = room_nav.model(), np.arange(49)
        leaves = cell // 7 // 3 * 3 + cell % 7 // 3
    else:
        mdp, state = line_key.abstraction(), np.arange(40)
        leaves = np.where(state < 20, np.isin(state, (2, 3)) + 2 * np.isin(state, (18, 19)), 3)
        leaves[[38, 39]] = 4
    groups = leaves[:, None] * mdp.num_actions + np.arange(mdp.num_actions)
    design = ExpAdaRD(mdp=mdp, gamma=0.95, groups=groups, epsilon=0.3)
    policy = some_policy(0, mdp)
    design.redesign(policy)
    for leaf in range(leaves.max() + 1):
        assert np.ptp(design.table[leaves == leaf], axis=0).max() == 0.0
    assert optimal_for_the_truth(mdp, design.table, 0.95)
    judged = [
        criterion(mdp, reward, policy, gamma=0.95, exploration=0.3)
        for reward in (design.table, mdp.reward)
    ]
    assert judged[0] > judged[1]


@pytest.mark.parametrize("size", [1e-6, 1e6])
def test_the_size_of_the_true_reward_does_not_matter(size: float) -> None:
    mdp = drawn(5)
    scaled = dataclasses.replace(mdp, reward=size * mdp.reward)
    one = ExpAdaRD(mdp=mdp, gamma=GAMMA, r_max=4.0)
    other = ExpAdaRD(mdp=scaled, gamma=GAMMA, r_max=4.0 * size)
    policy = some_policy(5, mdp)
    assert other.table == pytest.approx(size * one.table, abs=1e-6 * size)
    assert other.redesign(policy) == pytest.approx(size**2 * one.redesign(policy), rel=1e-6)
    assert other.table == pytest.approx(size * one.table, abs=1e-6 * size)


def test_redesigned_table_is_paid_saved_and_forgotten(attach, transition) -> None:
    mdp = drawn(1)
    design = ExpAdaRD(mdp=mdp, gamma=GAMMA, r_max=4.0)
    t = transition(18, obs=np.repeat(np.arange(6), 3), action=np.tile(np.arange(3), 6))
    spaces = {"observation_space": gym.spaces.Discrete(6), "action_space": gym.spaces.Discrete(3)}
    first = attach(design, **spaces)(t).total
    design.redesign(some_policy(3, mdp))
    second = design(t).total
    assert second.tolist() == design.table.ravel().tolist()
    assert np.abs(second - first).max() > 1e-3
    kept = design.state_dict()
    attach(design, **spaces)
    assert design(t).total.tolist() == first.tolist()
    design.load_state_dict(kept)
    assert design(t).total.tolist() == second.tolist()


def test_by_its_id_it_follows_the_actions_of_a_rollout(attach, transition) -> None:
    """Frequencies with one of each added; states not seen in a rollout keep their policy."""
    mdp = drawn(2)
    design = attach(
        ExpAdaRD(mdp=mdp, r_max=4.0),
        observation_space=gym.spaces.Discrete(6),
        action_space=gym.spaces.Discrete(3),
    )
    judge = ExpAdaRD(mdp=mdp, gamma=design.gamma, r_max=4.0)

    def learn(states: list[int], actions: list[int]) -> dict[str, float]:
        t = transition(len(states), obs=np.array(states), action=np.array(actions))
        fields = {
            f.name: getattr(t, f.name) for f in dataclasses.fields(Rollout) if f.name != "valid"
        }
        lengthwise = {
            name: value if isinstance(value, dict) else value[:, None]
            for name, value in fields.items()
        }
        return design.update(Rollout(**lengthwise, valid=np.ones((len(states), 1), np.bool_)))

    learn([0, 0, 0, 4], [1, 1, 2, 0])
    logged = learn([4, 4], [2, 2])
    policy = np.full((6, 3), 1 / 3)
    policy[0] = 1 / 6, 3 / 6, 2 / 6
    policy[4] = 1 / 5, 1 / 5, 3 / 5
    assert logged == pytest.approx({"informativeness": judge.redesign(policy)}, abs=1e-12)
    assert design.table == pytest.approx(judge.table, abs=1e-12)
    expected = criterion(mdp, judge.table, policy, gamma=design.gamma, exploration=0.3)
    assert logged["informativeness"] == pytest.approx(expected, abs=1e-9)


@pytest.mark.integration
def test_design_keeps_the_contract() -> None:
    mdp = room_nav.model()
    design = ExpAdaRD(mdp=mdp, gamma=0.99)
    check_design(design, "RoomNav-v0", num_envs=3, steps=200)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"epsilon": 1.5}, r"epsilon must lie in \[0, 1\], got 1.5"),
        ({"groups": np.zeros((6, 3), np.int64)}, "no reward of this structure"),
        ({"gamma": 1.0}, "gamma"),
    ],
)
def test_bad_arguments_are_refused(change, complaint) -> None:
    with pytest.raises(ValueError, match=complaint):
        ExpAdaRD(**{"mdp": drawn(0), "gamma": GAMMA, "r_max": 4.0, **change})


@pytest.mark.parametrize(
    "policy", [np.full((6, 2), 0.5), np.full((6, 3), 0.5), np.tile([1.5, -0.5, 0.0], (6, 1))]
)
def test_what_is_no_policy_is_refused(policy) -> None:
    design = ExpAdaRD(mdp=drawn(0), gamma=GAMMA, r_max=4.0)
    with pytest.raises(ValueError, match=r"policy must hold \(6, 3\) probabilities"):
        design.redesign(policy)
