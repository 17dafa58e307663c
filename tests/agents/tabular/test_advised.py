"""SARSA with advice, held against exact values and the sums that the theory promises."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from operant.agents.tabular.advised import INVARIANCE, AdvisedConfig, AdvisedSARSA
from operant.agents.tabular.sarsa import SARSA
from operant.agents.tabular.values import ValueLearner
from operant.planning import value_iteration
from operant.tabular import TabularMDP


def mdp_of(next_state, reward) -> TabularMDP:
    """Return an MDP whose states are seen as numbers."""
    after, reward = np.array(next_state), np.array(reward, np.float64)
    nothing = np.zeros_like(reward, np.bool_)
    return TabularMDP(
        next_state=after, reward=reward, success=nothing, obs=np.arange(len(after)),
        features={}, successor_features={},
    )  # fmt: skip


def advised(env, *, seed: int = 0, function=None, **hyper) -> AdvisedSARSA:
    return AdvisedSARSA(env, config=AdvisedConfig(**hyper), seed=seed, advice=function)


def in_order(table, agent, count: int) -> np.ndarray:
    """Return the rows of a table in the order of the MDP's states."""
    ids = agent.states.known(np.arange(count))
    assert (ids >= 0).all()
    return table.at(ids)


BANDIT = mdp_of([[-1, -1]], [[1.0, 0.9]])
"""Spec 1.3: Q = (1, .9)."""


# ---- look-ahead advice ------------------------------------------------------------------------


def test_look_ahead_finds_the_better_arm_though_its_values_alone_do_not(mdp_env) -> None:
    agent = advised(mdp_env(BANDIT, 4, limit=5), advice=((0.0, -1.0),), epsilon_final=1.0)
    agent.learn(4000)
    values = in_order(agent.table, agent, 1)[0]
    assert np.allclose(values, (1.0, 1.9), atol=1e-9)
    assert values.argmax() == 1
    assert agent.act(np.zeros(1, np.int64), deterministic=True)[0] == 0
    exported = load_exported(agent)
    assert exported.act(np.zeros(1, np.int64), deterministic=True)[0] == 0


def load_exported(agent):
    spaces = agent.env.single_observation_space, agent.env.single_action_space
    arrays, _ = agent.policy_state()
    return AdvisedSARSA.load_policy(arrays, agent.config, *spaces)


@pytest.mark.parametrize("truncates", [False, True])
def test_look_ahead_shaping_sums_up_to_the_first_advice(truncates, mdp_env, monkeypatch) -> None:
    """Spec 1.3: -Phi(s_0, a_0); with a time limit, the last potential remains."""
    length, gamma = 5, 0.9
    line = mdp_of([[i + 1, i + 1] for i in range(length)] + [[-1, -1]], np.zeros((length + 1, 2)))
    phi = np.random.default_rng(0).normal(size=(length + 2, 2))
    agent = advised(
        mdp_env(line, 1, limit=length if truncates else 99), gamma=gamma, advice=phi.tolist()
    )
    steps, plain = [], ValueLearner.update

    def recorded(self, step) -> None:
        steps.append((step, int(self._next[0])))
        plain(self, step)

    monkeypatch.setattr(ValueLearner, "update", recorded)
    while not (steps and (steps[-1][0].terminated | steps[-1][0].truncated)[0]):
        agent._step()
    assert len(steps) == (length if truncates else length + 1)
    total = sum(gamma**t * step.rewards[0] for t, (step, _) in enumerate(steps))
    left = gamma**length * phi[length, steps[-1][1]] if truncates else 0.0
    assert total == pytest.approx(left - phi[0, steps[0][0].actions[0]], abs=1e-12)


@pytest.mark.integration
def test_look_ahead_is_sarsa_that_starts_with_the_advice(mdp_env, empty) -> None:
    """Equal choices and equal preferences all along, by Wiewiora's equivalence."""
    phi = np.random.default_rng(1).normal(size=(empty.num_states + 1, empty.num_actions))
    hyper = {"gamma": 0.9, "n_steps": 50, "epsilon": 0.3}
    agent = advised(mdp_env(empty, 3, limit=30), advice=phi.tolist(), **hyper)
    twin = SARSA(mdp_env(empty, 3, limit=30), config=AdvisedConfig(**hyper))
    twin._rng.bit_generator.state = agent._rng.bit_generator.state
    ids = twin.states.ids(np.arange(empty.num_states + 1))
    twin.table.rows(len(ids))[ids] = phi
    agent.states.ids(np.arange(empty.num_states + 1))
    agent.learn(6000)
    twin.learn(6000)
    mine = agent.table.rows(len(ids)) + phi
    assert np.abs(mine - twin.table.rows(len(ids))).max() < 1e-9
    assert np.abs(agent.table.rows(len(ids))).max() > 0.1


@pytest.mark.integration
def test_advice_of_the_optimal_values_leads_at_once(mdp_env, empty) -> None:
    optimal = value_iteration(empty, gamma=0.9).q
    rows = np.vstack([optimal, np.zeros(empty.num_actions)]).tolist()
    agent = advised(mdp_env(empty, 8, limit=40), gamma=0.9, advice=rows, epsilon=0.0,
                    epsilon_final=0.0)  # fmt: skip
    agent.learn(400)
    assert agent.metrics()["rollout/ep_len_mean"] == 5  # the least


# ---- learned potentials -----------------------------------------------------------------------

RING = mdp_of([[1], [2], [3], [0]], [[0.3], [-1.0], [0.5], [2.0]])
PAID = [[1.0], [-2.0], [0.5], [3.0]]


@pytest.mark.integration
def test_learned_potential_pays_the_advice_around_a_ring(mdp_env) -> None:
    """Spec 1.4: gamma .9, beta .2, 20k updates; and what it leads to is not the true values."""
    gamma = 0.9
    agent = advised(
        mdp_env(RING, 4, limit=10**9), mode="dpba", gamma=gamma, beta=0.2, advice=[*PAID, [0.0]]
    )
    agent.learn(20_000)
    phi = in_order(agent.potential, agent, 4)[:, 0]
    shaping = gamma * np.roll(phi, -1) - phi
    assert np.abs(shaping - np.array(PAID)[:, 0]).max() <= 1e-9
    walk = np.eye(4) - gamma * np.roll(np.eye(4), 1, axis=1)
    values = in_order(agent.table, agent, 4)[:, 0]
    both = np.linalg.solve(walk, (RING.reward + PAID)[:, 0])
    assert np.abs(values - both).max() < 1e-9  # those of the reward plus the advice
    assert np.abs(values + phi - np.linalg.solve(walk, RING.reward[:, 0])).max() < 1e-9


LINE = mdp_of([[0, 1], [0, 2], [1, 3], [2, -1]], [[0, 0], [0, 0], [0, 0], [0, 1]])
"""Action 1 leads to the right, where the prize is; it is the best everywhere."""


def choices_after(env, *, seed: int = 0, **hyper) -> list[int]:
    """Return what SARSA chooses at the four places, after 12k steps."""
    agent = advised(env, gamma=0.9, epsilon=0.5, seed=seed, **hyper)
    agent.learn(12_000)
    return agent.act(np.arange(4), deterministic=True).tolist()


@pytest.mark.integration
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_pies_recovers_from_bad_advice_and_dpba_does_not(seed, mdp_env) -> None:
    """The advice pays for going left, which can be done for ever."""

    def env(mdp=LINE):
        return mdp_env(mdp, 4, limit=60, anywhere=True)

    bad = {"advice": ((1.0, 0.0),), "seed": seed}
    for mode in ("pies", "look_ahead"):
        assert choices_after(env(), mode=mode, **bad) == [1, 1, 1, 1]
    farmed = dataclasses.replace(LINE, reward=LINE.reward + np.array([1.0, 0.0]))
    for choices in (choices_after(env(), mode="dpba", **bad), choices_after(env(farmed))):
        assert choices == [0, 0, 0, 0]


def test_pies_follows_the_advice_while_it_lasts(mdp_env) -> None:
    """Nothing is paid; the advised arm is taken at first, then each as often."""
    still = mdp_of([[-1, -1]], [[0.0, 0.0]])
    agent = advised(
        mdp_env(still, 4, limit=9), mode="pies", advice=((0.0, 1.0),), epsilon=0.0,
        epsilon_final=0.0, n_steps=10, xi=2.0, xi_fraction=0.5,
    )  # fmt: skip
    weights, advised_share = [], []

    def watch(agent) -> None:
        weights.append(agent.weight)
        ids = np.zeros(400, np.int64)
        advised_share.append(float(agent._chosen(ids).mean()))

    agent.learn(400, lambda agent: watch(agent) if agent.num_steps else None)
    assert weights[0] == pytest.approx(-2 * (1 - 36 / 400 / 0.5))  # as of its last step
    assert weights[-1] == 0
    assert advised_share[0] == 1
    assert advised_share[-1] == pytest.approx(0.5, abs=0.1)
    assert agent.metrics()["rollout/advice_weight"] == 0


# ---- the contract -----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", INVARIANCE)
def test_without_advice_it_is_sarsa(mode, corridor) -> None:
    agent = advised(corridor(), mode=mode)
    twin = SARSA(corridor(), config=AdvisedConfig(mode=mode))
    agent._rng.bit_generator.state = twin._rng.bit_generator.state
    agent.learn(2000)
    twin.learn(2000)
    mine, its = agent.learned(), twin.learned()
    assert all(np.array_equal(mine[name], its[name]) for name in its)


@pytest.mark.integration
@pytest.mark.parametrize("mode", INVARIANCE)
def test_resumed_equals_uninterrupted(mode, corridor) -> None:
    def make() -> AdvisedSARSA:
        return advised(corridor(), mode=mode, seed=5, n_steps=7, advice=((0.5, -1.0, 0.1),))

    whole, half, rest = make(), make(), make()
    whole.learn(2000)
    half.learn(2000, lambda agent: agent.num_steps < 500)
    arrays, meta = half.training_state()
    rest.load_training_state(arrays, json.loads(json.dumps(meta, allow_nan=False)))
    rest.learn(2000)
    mine, its = rest.training_state(), whole.training_state()
    assert mine[1] == its[1]
    assert all(np.array_equal(mine[0][name], its[0][name]) for name in its[0])
    assert np.abs(its[0]["learned/potential"]).max() > 0


def test_advice_may_be_a_function_of_any_observation(corridor) -> None:
    asked = []

    def rightwards(obs) -> np.ndarray:
        asked.append(len(obs["cell"]))
        return np.array([0.0, 0.0, 1.0]) * (obs["cell"] >= 0)

    agent = advised(corridor(8), function=rightwards, gamma=0.9)
    agent.learn(2000)
    assert len(agent.states) <= sum(asked) < 400  # when a state is first met, in 2000 steps
    assert (agent.potential.rows(len(agent.states)) == [0, 0, 1]).all()


def test_config_survives_json() -> None:
    config = AdvisedConfig(advice=((1, 2), (3, 4)), mode="pies")
    again = AdvisedConfig.from_json(json.loads(json.dumps(config.to_json())))
    assert again == config
    assert again.advice == ((1.0, 2.0), (3.0, 4.0))


@pytest.mark.parametrize(
    ("hyper", "message"),
    [
        ({"mode": "look_back"}, r"mode must be one of \('look_ahead', 'pies', 'dpba'\)"),
        ({"mode": "dpba", "beta": 0.1}, r"beta must be > alpha=0.1 in mode 'dpba', got 0.1"),
        ({"beta": 0.0}, "beta must lie in"),
        ({"xi": -1.0}, r"xi must lie in \[0, 1e\+30\], got -1.0"),
        ({"xi_fraction": 0.0}, "xi_fraction must lie in"),
        ({"advice": ((1.0, 2.0),)}, r"1 row, or 33 for Discrete\(33\), of \d numbers each, got 1"),
        ({"advice": ((0.0,) * 7,) * 3}, r"got 3 rows of \[7\]"),
        ({"advice": ((float("nan"),) * 7,)}, r"advice must be finite and have the shape \(2, 7\)"),
    ],
)
def test_bad_arguments_are_named(hyper, message, mdp_env, empty) -> None:
    with pytest.raises(ValueError, match=message):
        advised(mdp_env(empty, 2, limit=9, anywhere=True), **hyper).learn(1)


def test_bad_functions_are_refused(corridor) -> None:
    with pytest.raises(ValueError, match=r"advice must be .* shape \(\d, 3\), got \(7, 2\)"):
        advised(corridor(), function=lambda obs: np.zeros((7, 2))).learn(1)
    with pytest.raises(ValueError, match="as a function or in the config, got both"):
        advised(corridor(), function=lambda obs: np.zeros((7, 2)), advice=((0.0,) * 3,))


def test_exported_policy_acts_like_the_agent(corridor) -> None:
    agent = advised(corridor(), advice=((3.0, 0.0, 1.0),))
    agent.learn(300)
    obs, _ = corridor(64).reset(seed=9)
    policy = load_exported(agent)
    assert np.array_equal(policy.act(obs, deterministic=True), agent.act(obs, deterministic=True))
