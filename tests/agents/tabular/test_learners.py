"""Tabular learners, held against exact values and against the book's cliff."""

from __future__ import annotations

import json

import gymnasium as gym
import numpy as np
import pytest

from operant.agents import agent_row, list_agents, load_policy, make_agent
from operant.agents.tabular.policy import epsilon_greedy
from operant.planning import value_iteration

LEARNERS = [name for name in list_agents("learner") if "tabular" in agent_row(name).tags]
ANYWHERE = {"limit": 50, "anywhere": True}


def values_of(agent, mdp) -> np.ndarray:
    """Return the table in the order of the MDP's states, all of which were met."""
    ids = agent.states.known(np.arange(mdp.num_states))
    assert (ids >= 0).all()
    return agent.table.at(ids)


# ---- exact values -----------------------------------------------------------------------------


@pytest.mark.integration
@pytest.mark.parametrize("initial_value", [0, 2.0])
def test_q_learning_finds_the_exact_values_of_sparse_key(
    initial_value, sparse_key, mdp_env
) -> None:
    agent = make_agent(
        "q-learning", mdp_env(sparse_key, 64, **ANYWHERE), gamma=0.8, alpha=1.0,
        initial_value=initial_value, epsilon_final=1.0,
    )  # fmt: skip
    agent.learn(120_000)
    plan = value_iteration(sparse_key, gamma=0.8)
    error = np.abs(values_of(agent, sparse_key) - plan.q).max()
    assert error < 1e-9
    obs = np.arange(sparse_key.num_states)
    chosen = agent.act(obs, deterministic=True)
    worth = plan.q[obs, chosen]
    assert np.allclose(worth, plan.values, atol=1e-9)


def exact_soft_values(mdp, gamma: float, epsilon: float) -> np.ndarray:
    """Return the action values of the policy that is epsilon-greedy in them, by iteration."""
    q = np.zeros(mdp.reward.shape)
    for _ in range(2000):
        values = (epsilon_greedy(q.round(10), epsilon) * q).sum(1)
        q = mdp.reward + gamma * np.append(values, 0.0)[mdp.next_state]
    return q


def test_expected_sarsa_finds_the_values_of_the_policy_that_explores(empty, mdp_env) -> None:
    agent = make_agent(
        "expected-sarsa", mdp_env(empty, 32, **ANYWHERE), gamma=0.9, alpha=1.0,
        epsilon=0.3, epsilon_final=0.3,
    )  # fmt: skip
    agent.learn(60_000)
    exact = exact_soft_values(empty, 0.9, 0.3)
    assert np.abs(values_of(agent, empty) - exact).max() < 1e-6
    assert exact.max() < value_iteration(empty, gamma=0.9).q.max() + 1e-9
    assert exact[0].max() < 0.95 * value_iteration(empty, gamma=0.9).q[0].max()


@pytest.mark.integration
def test_sarsa_finds_them_on_average(empty, mdp_env) -> None:
    agent = make_agent(
        "sarsa", mdp_env(empty, 32, **ANYWHERE), gamma=0.9, alpha=0.05,
        epsilon=0.3, epsilon_final=0.3, initial_value=1.0,
    )  # fmt: skip
    agent.learn(200_000)
    error = values_of(agent, empty) - exact_soft_values(empty, 0.9, 0.3)
    assert np.abs(error).max() < 0.08
    assert abs(error.mean()) < 0.01


@pytest.mark.integration
def test_reinforce_finds_a_shortest_way(empty, mdp_env) -> None:
    agent = make_agent(
        "reinforce", mdp_env(empty, 16, limit=40), gamma=0.9, alpha=0.5, alpha_values=0.2
    )
    agent.learn(60_000)
    start = value_iteration(empty, gamma=0.9).start_value
    assert agent.metrics()["rollout/ep_len_mean"] < 5.5  # 5 is the least
    assert agent.values.at(agent.states.known(np.array([0])))[0, 0] == pytest.approx(start, abs=0.1)


@pytest.mark.integration
def test_a_time_limit_is_no_end(empty, mdp_env) -> None:
    """With episodes of 3 steps from anywhere, values still look beyond them."""
    for name in ("q-learning", "expected-sarsa"):
        agent = make_agent(
            name, mdp_env(empty, 32, limit=3, anywhere=True), gamma=0.9, alpha=1.0,
            epsilon=1.0, epsilon_final=1.0,
        )  # fmt: skip
        agent.learn(60_000)
        epsilon = 0.0 if name == "q-learning" else 1.0
        error = values_of(agent, empty) - exact_soft_values(empty, 0.9, epsilon)
        assert np.abs(error).max() < 1e-5


# ---- the book's cliff -------------------------------------------------------------------------


def cliff_walk(name: str, make_sync) -> tuple[float, list[int]]:
    """Return the mean return while learning, and the greedy path afterwards."""
    agent = make_agent(
        name, make_sync("CliffWalking-v1", 4, max_episode_steps=300), seed=0,
        gamma=1.0, alpha=0.1, epsilon=0.1, epsilon_final=0.1,
    )  # fmt: skip
    agent.learn(30_000)
    path, env = [36], gym.make("CliffWalking-v1").unwrapped
    env.reset(seed=0)
    while path[-1] != 47 and len(path) < 40:
        action = int(agent.act(np.array([path[-1]]), deterministic=True)[0])
        path.append(int(env.step(action)[0]))
    return agent.metrics()["rollout/ep_rew_mean"], path


@pytest.mark.integration
def test_sarsa_walks_safely_and_q_learning_along_the_cliff(make_sync) -> None:
    """Sutton and Barto (2018), example 6.6: 13 steps along the edge, and online a worse return."""
    q_return, q_path = cliff_walk("q-learning", make_sync)
    sarsa_return, sarsa_path = cliff_walk("sarsa", make_sync)
    assert q_path == [36, *range(24, 36), 47]  # the row above the cliff
    assert sarsa_path[-1] == 47
    assert len(sarsa_path) - 1 >= 15  # through a row further up
    assert min(sarsa_path[2:-2]) < 24
    assert sarsa_return > q_return + 5


# ---- the contract -----------------------------------------------------------------------------


def resumed_twice(name: str, make_env, **hyper) -> list:
    """Return the states of an uninterrupted run, and of one that was saved on its way."""
    whole, half, rest = (make_agent(name, make_env(), seed=5, n_steps=7, **hyper) for _ in range(3))
    whole.learn(2000)
    half.learn(2000, lambda agent: agent.num_steps < 500)
    arrays, meta = half.training_state()
    rest.load_training_state(arrays, json.loads(json.dumps(meta, allow_nan=False)))
    rest.learn(2000)
    return [whole.training_state(), rest.training_state(), half.training_state()]


@pytest.mark.parametrize("name", LEARNERS)
def test_resumed_equals_uninterrupted(name, corridor) -> None:
    whole, rest, half = resumed_twice(name, corridor)
    assert whole[1] == rest[1]
    assert whole[1]["exact_resume"] is True
    assert whole[0].keys() == rest[0].keys()
    for key, value in whole[0].items():
        assert value.dtype == rest[0][key].dtype
        assert np.array_equal(value, rest[0][key]), key
    assert not np.array_equal(whole[0]["learned/table"], half[0]["learned/table"])


@pytest.mark.parametrize("name", LEARNERS)
def test_env_without_state_is_reset_on_load(name, corridor, stateless) -> None:
    _, rest, half = resumed_twice(name, lambda: stateless(corridor()))
    assert half[1]["exact_resume"] is False
    assert not any(key.startswith("env/") for key in half[0])
    assert rest[1]["num_steps"] >= 2000


@pytest.mark.parametrize("name", LEARNERS)
def test_acting_in_between_changes_nothing(name, corridor) -> None:
    quiet, asked = (make_agent(name, corridor(), seed=1) for _ in range(2))
    quiet.learn(1000)
    obs = {"cell": np.zeros((50, 1), np.uint8), "clock": np.random.default_rng(0).random((50, 1))}

    def ask(agent) -> None:
        with agent.sampling(3):
            agent.act(obs, deterministic=False)
        agent.act(obs, deterministic=True)  # states never met

    asked.learn(1000, ask)
    for key, value in quiet.training_state()[0].items():
        assert np.array_equal(value, asked.training_state()[0][key]), key


@pytest.mark.integration
@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_learns_the_corridor_and_exports_it(name, mdp_env, corridor) -> None:
    class Clockless(corridor):  # the walker's clock would make a state of every step
        def _obs(self):
            return super()._obs() | {"clock": np.zeros((self.num_envs, 1), np.float32)}

    agent = make_agent(name, Clockless(8), seed=0, gamma=0.9, alpha=0.2)
    agent.learn(20_000)
    assert agent.metrics()["rollout/success_rate"] > 0.95
    obs = {"cell": np.arange(6, dtype=np.uint8)[:, None], "clock": np.zeros((6, 1), np.float32)}
    spaces = agent.env.single_observation_space, agent.env.single_action_space
    policy = load_policy(*agent.policy_state(), *spaces)
    for actor in (agent, policy):
        assert actor.act(obs, deterministic=True).tolist() == [2] * 6
        with actor.sampling(7):
            one = actor.act(obs, deterministic=False)
        with actor.sampling(7):
            assert np.array_equal(actor.act(obs, deterministic=False), one)


def test_exploration_falls_over_the_budget(corridor) -> None:
    agent = make_agent("q-learning", corridor(4), n_steps=25, epsilon=0.8, epsilon_fraction=0.5)
    seen = []
    agent.learn(400, lambda agent: seen.append(agent.epsilon))
    assert seen[0] == 0.8
    assert seen[1] == pytest.approx(0.8 - 0.75 * 2 * 0.24)  # as of its last step, at 96 of 400
    assert seen[-1] == pytest.approx(0.05)


def test_actions_start_where_the_space_does(mdp_env, empty) -> None:
    env = mdp_env(empty, 4, limit=20)
    env.single_action_space = gym.spaces.Discrete(7, start=-3)
    step = env.step
    env.step = lambda actions: step(actions + 3)
    agent = make_agent("sarsa", env)
    agent.learn(400)
    actions = agent.act(np.zeros(100, np.int64), deterministic=False)
    assert -3 <= actions.min() <= actions.max() <= 3


@pytest.mark.parametrize(
    ("hyper", "message"),
    [
        ({"alpha": 0.0}, r"alpha must lie in \[1e-09, 1\], got 0.0"),
        ({"epsilon": 1.5}, r"epsilon must lie in \[0, 1\], got 1.5"),
        ({"epsilon_fraction": 0.0}, "epsilon_fraction must lie in"),
        ({"n_steps": 0}, r"n_steps must lie in \[1, inf\], got 0"),
        ({"initial_value": float("nan")}, "initial_value must lie in"),
        ({"learning_rate": 0.1}, "no field 'learning_rate'"),
    ],
)
def test_bad_hyper_parameters_are_named(hyper, message, corridor) -> None:
    with pytest.raises(ValueError, match=message):
        make_agent("q-learning", corridor(), **hyper)


def test_unsuitable_spaces_are_refused(make_sync, corridor) -> None:
    with pytest.raises(ValueError, match="action space of a tabular agent must be Discrete"):
        make_agent("q-learning", make_sync("Pendulum-v1", 2))
    env = corridor()
    env.single_observation_space = gym.spaces.Dict(words=gym.spaces.Text(5))
    with pytest.raises(ValueError, match=r"numbers of a fixed shape, got Text.* under 'words'"):
        make_agent("q-learning", env)


def test_states_of_another_agent_are_refused(corridor, mdp_env, empty) -> None:
    agent = make_agent("q-learning", corridor(), seed=5)
    agent.learn(100)
    arrays, meta = agent.training_state()
    with pytest.raises(ValueError, match="state has seed 5, this agent has 6"):
        make_agent("q-learning", corridor(), seed=6).load_training_state(arrays, meta)
    policy, about = agent.policy_state()
    space = gym.spaces.Discrete(4)
    with pytest.raises(ValueError, match=r"saved states must be \(S, 8\) uint8"):
        load_policy(policy, about, space, agent.env.single_action_space)
    with pytest.raises(ValueError, match=r"saved table must be \(S, 4\) float64"):
        load_policy(policy, about, agent.env.single_observation_space, space)
