from __future__ import annotations

import itertools

import gymnasium as gym
import numpy as np
import pytest

import operant
from operant.planning import best_return, follow, policy_evaluation, value_iteration
from operant.reward_design.formalisms.ltlf import compile_ltlf
from operant.reward_design.formalisms.product import product
from operant.reward_design.formalisms.reward_machine import (
    MachineObservation,
    RewardMachineDesign,
)
from operant.reward_design.formalisms.text import parse_machine
from operant.tabular import TabularMDP, every_transition

# 4x4 cells (x, y): the wall x = 2 has one door, which needs the key.
MOVES = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])
KEY, DOOR, GOAL = (0, 2), (2, 1), (3, 0)
ERRAND = """\
initial no_key
terminal home
no_key -> key:  has_key
key    -> goal: at_goal / 0.2
goal   -> home: at_door / 1
"""


def move(x, y, key, action):
    """One step of many walkers at once; arrays of one shape."""
    to_x, to_y = x + MOVES[action, 0], y + MOVES[action, 1]
    inside = (to_x >= 0) & (to_x < 4) & (to_y >= 0) & (to_y < 4)
    door = (to_x == DOOR[0]) & (to_y == DOOR[1])
    free = inside & ((to_x != 2) | (door & key))
    x, y = np.where(free, to_x, x), np.where(free, to_y, y)
    return x, y, key | ((x == KEY[0]) & (y == KEY[1]))


def grid() -> TabularMDP:
    """All (x, y, key) as an MDP that never ends and pays nothing; it starts in cell (0, 0)."""
    states = list(itertools.product((False, True), range(4), range(4)))
    key, x, y = (np.array(column)[:, None] for column in zip(*states, strict=True))
    to_x, to_y, to_key = move(x, y, key, np.arange(4)[None])

    def features(x, y, key):
        flags = {"has_key": key, "at_goal": (x == GOAL[0]) & (y == GOAL[1])}
        return flags | {"at_door": (x == DOOR[0]) & (y == DOOR[1])}

    here = {name: value[:, 0] for name, value in features(x, y, key).items()}
    return TabularMDP(
        next_state=to_key * 16 + to_x * 4 + to_y,
        reward=np.zeros((32, 4)),
        success=np.zeros((32, 4), np.bool_),
        obs=np.arange(32),
        features=here,
        successor_features=features(to_x, to_y, to_key),
    )


def enumerated(horizon, gamma, *, laps=False):
    """Return the best return of the errand over all 4 ** horizon action sequences, without MDPs."""
    plans = np.array(list(itertools.product(range(4), repeat=horizon)))
    x, y = np.zeros((2, len(plans)), np.int64)
    key, at_goal_once, done = np.zeros((3, len(plans)), np.bool_)
    total = np.zeros(len(plans))
    for t in range(horizon):
        had_key = key
        x, y, key = move(x, y, key, plans[:, t])
        arrives = had_key & (x == 3) & (y == 0) & ~at_goal_once & ~done
        returns = at_goal_once & (x == 2) & (y == 1) & ~done
        total += gamma**t * (0.2 * arrives + 1.0 * returns)
        at_goal_once = (at_goal_once | arrives) & ~(returns if laps else False)
        done = done | (returns if not laps else False)
    return total.max()


@pytest.mark.parametrize("gamma", [0.6, 0.9, 0.97])
def test_the_product_is_worth_what_the_best_of_all_plans_earns(gamma):
    solved = value_iteration(product(grid(), parse_machine(ERRAND)), gamma=gamma)
    assert solved.start_value == pytest.approx(enumerated(9, gamma), abs=1e-12)
    assert solved.start_value == pytest.approx(0.2 * gamma**6 + gamma**8, abs=1e-12)


@pytest.mark.parametrize("horizon", [6, 7, 8, 9])
def test_the_same_with_a_time_limit_and_a_machine_that_goes_round(horizon):
    laps = ERRAND.replace("terminal home\n", "").replace("-> home", "-> key")
    mdp = product(grid(), parse_machine(laps))
    best, plan = best_return(mdp, horizon)
    assert best == pytest.approx(enumerated(horizon, 1.0, laps=True), abs=1e-12)
    assert len(plan) == horizon


def test_without_the_machine_state_no_policy_does_the_errand_twice_as_well():
    """The same cell, before and after the goal, needs different actions."""
    mdp = product(grid(), parse_machine(ERRAND))
    policy = value_iteration(mdp, gamma=0.9).policy
    goal = mdp.obs["observation"] == 16 + 4 * GOAL[0] + GOAL[1]
    before = goal & (mdp.obs["machine"][:, 1] == 1)
    assert not before.any()  # who stands at the goal has been there
    beside = mdp.obs["observation"] == 16 + 4 * 3 + 1  # between door and goal
    assert len(set(policy[beside & (mdp.obs["machine"][:, :3].sum(axis=1) > 0)].tolist())) == 2


def test_it_has_the_reachable_pairs_only_and_keeps_what_the_mdp_knows():
    mdp = grid()
    pairs = product(mdp, parse_machine(ERRAND))
    assert pairs.num_states < mdp.num_states * 4
    state, memory = pairs.obs["observation"], pairs.obs["machine"].argmax(axis=1)
    assert (state[0], memory[0]) == (0, 0)
    assert np.array_equal(np.unique(pairs.next_state), np.arange(pairs.num_states))
    for name, value in mdp.features.items():
        assert np.array_equal(pairs.features[name], value[state])
        ahead = mdp.successor_features[name][state]
        assert np.array_equal(pairs.successor_features[name], ahead)
    # one step of the machine by its definition
    for pair, action in itertools.product(range(pairs.num_states), range(4)):
        features = {
            name: value[state[pair], [action]] for name, value in mdp.successor_features.items()
        }
        after, reward = parse_machine(ERRAND).advance(memory[[pair]], features)
        ahead = pairs.next_state[pair, action]
        assert (state[ahead], memory[ahead]) == (mdp.next_state[state[pair], action], after[0])
        assert pairs.reward[pair, action] == reward[0]


PAID = """\
initial no_key
terminal done
no_key -> key:    has_key / 0.25
key    -> no_key: !has_key & !door_open / -0.5
key    -> open:   door_open
open   -> done:   steps_to_goal == 0 & door_open / 1
end open / 0.5
"""


@pytest.mark.parametrize("keep", [False, True])
def test_an_env_under_the_design_pays_what_the_product_says(keep):
    machine = parse_machine(PAID)
    env = operant.shape(
        MachineObservation(gym.make("SparseKey-5x5-v0"), machine),
        RewardMachineDesign(machine=machine, keep_true_reward=keep),
        gamma=0.9,
    )
    obs, _ = env.reset(seed=3)
    mdp = product(env.unwrapped.tabular_mdp(), machine, keep_true_reward=keep)
    walk = follow(mdp, value_iteration(mdp, gamma=0.9).policy, max_steps=60)
    assert walk.terminated
    for state, action, reward in zip(walk.states, walk.actions, walk.rewards, strict=True):
        assert all(np.array_equal(obs[name], mdp.obs[name][state]) for name in obs)
        obs, paid, terminated, _, _ = env.step(int(action))
        assert paid == reward
    assert terminated
    assert walk.rewards[-1] == 1.0 + keep


def test_a_final_reward_is_paid_where_the_mdp_ends():
    mdp = TabularMDP(
        next_state=np.array([[0, -1]]),
        reward=np.array([[0.0, 3.0]]),
        success=np.array([[False, True]]),
        obs=np.array([[0.5]]),
        features={"lit": np.array([False])},
        successor_features={"lit": np.array([[True, False]])},
    )
    machine = parse_machine("initial dark\ndark -> seen: lit / 0.25\nend seen / 2")
    pairs = product(mdp, machine)
    assert pairs.obs.tolist() == [[0.5, 1.0, 0.0], [0.5, 0.0, 1.0]]
    assert pairs.next_state.tolist() == [[1, -1], [1, -1]]
    assert pairs.reward.tolist() == [[0.25, 0.0], [0.0, 2.0]]
    assert product(mdp, machine, keep_true_reward=True).reward.tolist() == [[0.25, 3.0], [0.0, 5.0]]


# ---- what no Markov reward expresses (a unit MDP of Subramani et al., 2024) ----------------------

ONE_STATE = TabularMDP(
    next_state=np.zeros((1, 2), np.int64),
    reward=np.zeros((1, 2)),
    success=np.zeros((1, 2), np.bool_),
    obs=np.zeros(1),
    features={"b": np.zeros(1, np.bool_)},
    successor_features={"b": np.array([[False, True]])},
)
ALTERNATE = """\
initial start
terminal over
start -> a: !b
start -> b: b
a -> over: b / 1
a -> lost: !b
b -> over: !b / 1
b -> lost: b
lost -> over: true
"""


@pytest.mark.parametrize("gamma", [0.5, 0.9])
def test_a_reward_machine_prefers_to_alternate(gamma):
    mdp = product(ONE_STATE, parse_machine(ALTERNATE))
    plan = value_iteration(mdp, gamma=gamma)
    assert plan.start_value == pytest.approx(gamma, abs=1e-12)
    assert plan.optimal_actions[0].all()  # AB and BA alike
    for first in (0, 1):
        same = policy_evaluation(mdp, np.full(mdp.num_states, first), gamma=gamma)
        assert same[0] == 0.0


def test_a_formula_prefers_to_alternate():
    machine = compile_ltlf("(b & X !b) | (!b & X b)")
    assert value_iteration(product(ONE_STATE, machine), gamma=0.9).start_value == pytest.approx(0.9)


def test_every_transition_of_a_product_shows_what_the_wrapped_env_shows():
    """Last observations of episodes included."""
    machine = parse_machine("initial out\nterminal in\nout -> in: position >= 22 / 1\n")
    env = MachineObservation(gym.make("Chain-n40-v0"), machine)
    env.reset(seed=0)
    made = product(env.unwrapped.tabular_mdp(), machine)
    every, ends = every_transition(made), 0
    for actions in ([1] * 40, [0] * 40, [1, 1, 0, 0] + [0] * 40, [1] * 3 + [0] * 40):
        state, over = 0, False
        env.reset(seed=0)
        for action in actions:
            row = state * made.num_actions + action
            obs, _, over, _, _ = env.step(action)
            assert obs["observation"] == every.next_obs["observation"][row]
            assert obs["machine"].tolist() == every.next_obs["machine"][row].tolist()
            assert over == every.terminated[row]
            state = made.next_state[state, action]
            if over:
                break
        ends += over
    assert ends == 4
