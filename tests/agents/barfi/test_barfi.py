"""BARFI on bandits whose answer is known, and on a corridor that saves its state."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from operant.agents import make_agent, make_config

SMALL: dict[str, Any] = {
    "n_steps": 8,
    "net_arch": [],
    "gamma": 0.9,
    "inner_learning_rate": 0.1,
    "critic_steps": 5,
}
CORRIDOR: dict[str, Any] = {"n_steps": 20, "net_arch": [], "gamma": 0.9}


class Bandit(VectorEnv):
    """Episodes of one step in one of S states; arm a pays ``primary[s, a]``, the true reward."""

    def __init__(self, primary: Any, auxiliary: Any) -> None:
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.num_envs = 32
        self.primary, self.auxiliary = (
            np.atleast_2d(np.array(x, float)) for x in (primary, auxiliary)
        )
        states, arms = self.primary.shape
        self.states = np.arange(32) % states
        self.single_observation_space = gym.spaces.Discrete(states)
        self.single_action_space = gym.spaces.Discrete(arms)
        self.observation_space = batch_space(self.single_observation_space, 32)
        self.action_space = batch_space(self.single_action_space, 32)

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        return self.states.copy(), {}

    def step(self, actions: np.ndarray) -> Any:
        done = np.ones(32, np.bool_)
        true = self.primary[self.states, actions]
        paid = true + self.auxiliary[self.states, actions]
        final = self.states.astype(object)
        infos = {"true_reward": true, "final_obs": final, "_final_obs": done}
        return self.states.copy(), paid, done, ~done, infos


def trained(env: VectorEnv, steps: int, *, seed: int = 0, **hyper: Any) -> Any:
    agent = make_agent("barfi", env, seed=seed, **{**SMALL, **hyper})
    agent.learn(steps)
    return agent


def chances(agent: Any) -> np.ndarray:
    """Return how often each of three arms is drawn."""
    with agent.sampling(0):
        drawn = agent.act(np.zeros(4000, np.int64), deterministic=False)
    return np.bincount(drawn, minlength=3) / 4000


# ---- what is learned --------------------------------------------------------------------------


@pytest.mark.integration
@pytest.mark.parametrize("seed", range(2))
def test_a_misleading_auxiliary_loses_its_weight(seed: int) -> None:
    """Spec 3 (b): primary (0, 0, 1), auxiliary (1, 0, 0)."""
    agent = trained(Bandit((0, 0, 1), (1, 0, 0)), 14_000, seed=seed, temperature=0.3)
    _, primary, auxiliary = agent.learner.reward.phi.tolist()
    assert auxiliary <= 0.05 * primary
    assert chances(agent)[2] > 0.9


@pytest.mark.integration
def test_without_the_outer_step_a_misleading_auxiliary_wins() -> None:
    fixed = {"outer_learning_rate": 0.0, "temperature": 0.3}
    agent = trained(Bandit((0, 0, 1), (1.5, 0, 0)), 14_000, **fixed)
    assert agent.learner.reward.phi.tolist() == [0.0, 1.0, 1.0]
    assert chances(agent).argmax() == 0
    assert chances(trained(Bandit((0, 0, 1), (1.5, 0, 0)), 14_000, temperature=0.3))[2] > 0.9


@pytest.mark.integration
def test_a_helpful_auxiliary_is_no_worse_than_none() -> None:
    """Spec 3 (b): auxiliary (0, 0, 1)."""
    helped = chances(trained(Bandit((0, 0, 1), (0, 0, 1)), 10_000, temperature=0.3))
    alone = chances(trained(Bandit((0, 0, 1), (0, 0, 0)), 10_000, temperature=0.3))
    assert helped[2] >= alone[2] - 0.01
    assert helped[2] > 0.9


@pytest.mark.integration
def test_weights_by_state_tell_where_the_auxiliary_helps() -> None:
    env = Bandit([[0, 0, 1], [0, 0, 1]], [[0, 0, 1], [1, 0, 0]])
    agent = trained(env, 10_000, temperature=0.3, reward_arch=[])
    rows = agent.learner.policy.rows(np.array([0, 1]))
    there, here = agent.learner.reward.weights(rows, torch.tensor([2, 0])).detach()
    assert there[2] > here[2] + 1
    assert (agent.act(np.array([0, 1]), deterministic=True) == 2).all()


@pytest.mark.integration
def test_inner_learner_finds_the_soft_optimum_of_the_reward_as_it_is() -> None:
    agent = trained(
        Bandit((0, 0.2, 0.3), (0.1, 0, 0)), 14_000, outer_learning_rate=0.0, temperature=0.2
    )
    wanted = np.exp(np.array([0.1, 0.2, 0.3]) / 0.2)
    assert np.allclose(chances(agent), wanted / wanted.sum(), atol=0.06)


def test_penalty_lowers_the_discount_where_nothing_else_speaks() -> None:
    env = Bandit((0, 0, 0), (0, 0, 0))
    lowered = trained(env, 8000, gamma_penalty=0.1).metrics()["train/gamma"]
    assert lowered < 0.8
    assert trained(env, 8000).metrics()["train/gamma"] == pytest.approx(0.9)


def test_without_a_primary_reward_the_weights_stay() -> None:
    assert trained(Bandit((0, 0, 0), (1, 0, 0)), 4000).learner.reward.phi.tolist() == [
        0.0,
        1.0,
        1.0,
    ]


@pytest.mark.integration
def test_plain_policy_gradient_learns_the_corridor(corridor) -> None:
    agent = make_agent("barfi", corridor(16), seed=0, **CORRIDOR, outer_learning_rate=0.0)
    agent.learn(20_000)
    assert agent.metrics()["rollout/success_rate"] > 0.95
    assert agent.metrics()["rollout/ep_len_mean"] < 6


# ---- steps and state --------------------------------------------------------------------------


def test_the_fresh_batch_of_the_outer_step_counts(corridor) -> None:
    agent = make_agent("barfi", corridor(4), **CORRIDOR, inner_rollouts=3)
    seen: list[int] = []
    agent.learn(700, lambda agent: seen.append(agent.num_steps))
    assert seen == [0, 320, 640, 960]


@pytest.mark.parametrize("reward_arch", [None, [4]])
@pytest.mark.parametrize("done", [0, 480])
def test_training_in_two_parts_is_training_at_once(corridor, done: int, reward_arch: Any) -> None:
    def build() -> Any:
        return make_agent("barfi", corridor(4), seed=2, **CORRIDOR, reward_arch=reward_arch)

    whole, first, second = build(), build(), build()
    whole.learn(960)
    first.learn(done)
    arrays, meta = first.training_state()
    assert meta["exact_resume"]
    second.load_training_state(arrays, meta)
    second.learn(960)
    expected, found = whole.training_state(), second.training_state()
    assert found[1] == expected[1]
    assert found[0].keys() == expected[0].keys()
    for name, value in expected[0].items():
        assert np.array_equal(found[0][name], value), name


def test_env_without_saved_state_starts_new_episodes(corridor, stateless) -> None:
    first = make_agent("barfi", stateless(corridor(4)), seed=2, **CORRIDOR)
    first.learn(240)
    arrays, meta = first.training_state()
    assert not meta["exact_resume"]
    second = make_agent("barfi", stateless(corridor(4)), seed=2, **CORRIDOR)
    second.load_training_state(arrays, meta)
    second.learn(480)
    assert second.num_steps == 480


def test_state_of_another_seed_is_refused(corridor) -> None:
    arrays, meta = make_agent("barfi", corridor(4), seed=2, **CORRIDOR).training_state()
    with pytest.raises(ValueError, match="has seed 2, this agent has 3"):
        make_agent("barfi", corridor(4), seed=3, **CORRIDOR).load_training_state(arrays, meta)


def test_sampling_leaves_training_alone(corridor) -> None:
    agent = make_agent("barfi", corridor(4), seed=2, **CORRIDOR)
    before = agent.training_state()[0]["learner/generator"]
    obs, _ = corridor(50).reset(seed=0)
    with agent.sampling(7):
        first = agent.act(obs, deterministic=False)
    with agent.sampling(7):
        assert np.array_equal(agent.act(obs, deterministic=False), first)
    assert len(np.unique(first)) == 3  # it starts uniform
    assert np.array_equal(agent.training_state()[0]["learner/generator"], before)


# ---- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hyper", "message"),
    [
        ({"n_steps": 0}, r"n_steps must lie in \[1, inf\], got 0"),
        ({"inner_rollouts": 0}, r"inner_rollouts must lie in \[1, inf\], got 0"),
        ({"neumann_terms": 0}, r"neumann_terms must lie in \[1, inf\], got 0"),
        ({"neumann_step": 1.5}, r"neumann_step must lie in .*, got 1.5"),
        ({"net_arch": [8, 0]}, r"net_arch must lie in \[1, inf\], got 0"),
        ({"reward_arch": [0]}, r"reward_arch must lie in \[1, inf\], got 0"),
        ({"temperature": -0.1}, r"temperature must lie in \[0, inf\], got -0.1"),
        ({"outer_learning_rate": -1.0}, r"outer_learning_rate must lie in"),
        ({"inner_learning_rate": 0.0}, r"inner_learning_rate must lie in"),
        ({"gamma": 1.5}, r"gamma must lie in \[0, 1\], got 1.5"),
    ],
)
def test_config_refuses_what_is_out_of_range(hyper: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_config("barfi", **hyper)


def test_reward_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="reward must be finite, got nan"):
        trained(Bandit((0, float("nan"), 1), (0, 0, 0)), 200)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["RoomNav", "CartPole"])
def test_recovers_where_the_naive_sum_fails(task: str) -> None:
    from operant.benchmarks.studies.barfi import BAD, TASKS, final, train

    best = TASKS[task].best
    assert final(train(task, BAD, "naive sum", 0)) < 0.1 * best
    assert final(train(task, BAD, "BARFI", 0)) > 0.7 * best
