"""What is particular to each algorithm."""

from __future__ import annotations

import inspect
import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector.utils import batch_space

from operant.agents import agent_row, list_agents, load_policy, make_agent, make_config, registry
from operant.agents.base import RecurrentPolicy
from operant.errors import MissingExtraError

SB3 = [name for name in list_agents("learner") if name.startswith("sb3-")]
CONTRIB = [name for name in SB3 if agent_row(name).extra == "contrib"]
OTHERWISE = {
    "sb3-ppo": {"n_steps", "batch_size"},
    "sb3-maskable-ppo": {"n_steps", "batch_size"},
    "sb3-dqn": {"buffer_size"},
    "sb3-qrdqn": {"buffer_size", "max_grad_norm"},
    "sb3-sac": {"buffer_size"},
    "sb3-td3": {"buffer_size", "action_noise"},
}
"""Defaults that the configs say are not SB3's."""


@pytest.mark.parametrize("name", SB3)
def test_defaults_are_sb3s(name) -> None:
    config = make_config(name)
    theirs = inspect.signature(registry().load(name).algorithm.__init__).parameters
    ours = config.to_json().keys() & theirs.keys() - {"device"}
    different = {field for field in ours if getattr(config, field) != theirs[field].default}
    assert {"learning_rate", "gamma"} <= ours
    assert different == OTHERWISE.get(name, set())


@pytest.mark.parametrize("name", CONTRIB)
def test_missing_sb3_contrib_is_said(name, monkeypatch) -> None:
    module = agent_row(name).entry_point.partition(":")[0]
    monkeypatch.delitem(sys.modules, module, raising=False)
    for loaded in [*sys.modules]:
        if loaded.split(".")[0] == "sb3_contrib":
            monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, "sb3_contrib", None)
    with pytest.raises(MissingExtraError, match=r"operant\[contrib\]"):
        make_config(name)


@pytest.mark.parametrize(
    ("name", "hyper", "message"),
    [
        ("sb3-dqn", {}, "action space must be Discrete for sb3-dqn, got Box"),
        ("sb3-maskable-ppo", {}, "must be Discrete or MultiDiscrete or MultiBinary .*got Box"),
        ("sb3-sac", {"ent_coef": "automatic"}, "ent_coef must be a number or 'auto'"),
        ("sb3-sac", {"ent_coef": -1.0}, r"ent_coef must lie in \[0, inf\], got -1"),
        ("sb3-td3", {"policy_delay": 0}, r"policy_delay must lie in \[1, inf\], got 0"),
        ("sb3-td3", {"action_noise": -0.1}, r"action_noise must lie in \[0, inf\], got -0.1"),
        ("sb3-qrdqn", {"n_quantiles": 0}, r"n_quantiles must lie in \[1, inf\], got 0"),
        ("sb3-sac", {"gradient_steps": 0}, r"gradient_steps \(other than -1\) must lie in"),
        ("sb3-sac", {"her": {"goals": 4}}, "her must have fields of .*, got 'goals'"),
        ("sb3-sac", {"her": {"n_sampled_goal": 0}}, r"her\['n_sampled_goal'\] must lie in \[1"),
        ("sb3-sac", {"her": {"goal_selection_strategy": "past"}}, "must be one of .*got 'past'"),
    ],
)
def test_what_does_not_fit_is_named(name, hyper, message, reach) -> None:
    with pytest.raises(ValueError, match=message):
        make_agent(name, reach(), **hyper)


def test_continuous_agent_refuses_discrete_actions(corridor) -> None:
    with pytest.raises(ValueError, match="action space must be Box for sb3-td3, got Discrete"):
        make_agent("sb3-td3", corridor())


# ---- hindsight --------------------------------------------------------------------------------


def test_hindsight_needs_goals_and_their_rewards(corridor, reach, monkeypatch) -> None:
    with pytest.raises(ValueError, match=r"keys \['achieved_goal', .* got \['cell', 'clock'\]"):
        make_agent("sb3-dqn", corridor(), her={})
    env = reach()
    monkeypatch.delattr(type(env).__mro__[1], "compute_reward")
    with pytest.raises(ValueError, match=r"compute_reward\(achieved_goal, desired_goal, infos\)"):
        make_agent("sb3-sac", env, her={})


def test_hindsight_waits_for_the_end_of_an_episode(reach) -> None:
    agent = make_agent("sb3-sac", reach(), her={}, learning_starts=0, net_arch=[8])
    agent.learn(8)
    assert agent.model._n_updates == 0
    agent.learn(60)
    assert agent.model._n_updates > 0


def solved(agent, env) -> float:
    """Return the share of episodes that a greedy policy solves."""
    obs, _ = env.reset(seed=99)
    ended = successes = 0
    for _ in range(30):
        obs, _, terminated, truncated, _ = env.step(agent.act(obs, deterministic=True))
        ended += int((terminated | truncated).sum())
        successes += int(terminated.sum())
    return successes / ended


@pytest.mark.slow
def test_hindsight_solves_bit_flipping_where_plain_dqn_does_not(bit_flip) -> None:
    """The example of the paper (sec. 3.1): rewards are too rare to learn from without it."""
    share = {}
    for her in (None, {"n_sampled_goal": 4}):
        agent = make_agent(
            "sb3-dqn", bit_flip(8), seed=1, her=her, gamma=0.95, learning_rate=2e-3, batch_size=128,
            train_freq=1, gradient_steps=1, target_update_interval=400, learning_starts=400,
            exploration_fraction=0.3, net_arch=[64],
        )  # fmt: skip
        agent.learn(6_000)
        share[her is not None] = solved(agent, bit_flip(64))
    assert share[True] > 0.8
    assert share[False] < 0.2


# ---- masks and memory -------------------------------------------------------------------------


@pytest.mark.integration
def test_masked_actions_are_never_taken(doors) -> None:
    env = doors(8)
    agent = make_agent("sb3-maskable-ppo", env, n_steps=16, batch_size=64, learning_rate=1e-2)
    agent.learn(2000)
    assert env.entered == 0
    policy = load_policy(
        *agent.policy_state(), env.single_observation_space, env.single_action_space
    )
    obs, infos = env.reset(seed=0)
    for actor in (agent, policy):
        for deterministic in (True, False):
            actions = actor.act(obs, deterministic=deterministic, action_mask=infos["action_mask"])
            assert infos["action_mask"][np.arange(8), actions].all()
    assert (agent.act(obs, deterministic=True) == 0).all()  # door 0 pays, and all are allowed


def test_plain_ppo_is_masked_by_nothing(doors) -> None:
    env = doors(8)
    make_agent("sb3-ppo", env, n_steps=16, batch_size=64).learn(128)
    assert env.entered > 0


@pytest.mark.parametrize("mask", [np.zeros((4, 6)), np.ones((4, 5))])
def test_bad_masks_are_refused(mask, doors, monkeypatch) -> None:
    env = doors(4)
    monkeypatch.setattr(env, "_next", lambda: (np.zeros((4, 1), np.float32), {"action_mask": mask}))
    with pytest.raises(ValueError, match=r"infos\['action_mask'\] must"):
        make_agent("sb3-maskable-ppo", env).learn(1)


def test_rows_of_which_no_mask_is_given_may_do_all(doors) -> None:
    agent = make_agent("sb3-maskable-ppo", doors(2))
    infos = {"action_mask": np.zeros((2, 6), np.bool_), "_action_mask": np.array([True, False])}
    infos["action_mask"][0, 3] = True
    assert agent.venv._read(infos).tolist() == [[False] * 3 + [True] + [False] * 2, [True] * 6]


def test_masks_of_multi_discrete_actions(doors) -> None:
    env = doors(2)
    env.single_action_space = gym.spaces.MultiDiscrete([4, 2])  # 6 entries, as there are doors
    env.action_space = batch_space(env.single_action_space, 2)
    agent = make_agent("sb3-maskable-ppo", env)
    obs, mask = np.zeros((2, 1), np.float32), np.zeros((2, 6), np.bool_)
    mask[:, [2, 5]] = True
    assert agent.act(obs, deterministic=False, action_mask=mask).tolist() == [[2, 1]] * 2


def test_memory_takes_spaces_whose_width_is_no_plain_integer(corridor) -> None:
    """sb3-contrib itself fails on these: NumPy's sum of ``nvec`` is the input size of its LSTM."""
    env = corridor()
    codes = gym.spaces.MultiDiscrete([3, 4])
    for space in (codes, gym.spaces.Dict(codes=codes)):
        env.single_observation_space = space
        agent = make_agent("sb3-recurrent-ppo", env, lstm_hidden_size=8)
        obs = batch_space(space, 5).sample()
        assert agent.act(obs, deterministic=True).shape == (5,)


def test_memory_goes_on_within_an_episode_only(corridor) -> None:
    agent = make_agent("sb3-recurrent-ppo", corridor(), lstm_hidden_size=8, n_lstm_layers=2)
    assert isinstance(agent, RecurrentPolicy)
    assert not isinstance(make_agent("sb3-ppo", corridor()), RecurrentPolicy)
    spaces = agent.env.single_observation_space, agent.env.single_action_space
    policy = load_policy(*agent.policy_state(), *spaces)
    obs, _ = corridor(3).reset(seed=0)
    memory = np.zeros((3, *policy.memory_shape), np.float32)
    assert memory.shape == (3, 2, 2, 8)
    kept = memory.copy()
    actions, after = policy.act_from(obs, memory, deterministic=True)
    assert (memory == kept).all()
    assert after.shape == memory.shape
    assert np.array_equal(actions, policy.act(obs, deterministic=True))
    # SB3's own predict, told that an episode starts in row 1, agrees with a cleared memory.
    state = tuple(np.moveaxis(after, 0, 2))
    starts = np.array([False, True, False])
    _, expected = agent.model.predict(obs, state=state, episode_start=starts)
    after[1] = 0
    _, found = agent.act_from(obs, after, deterministic=True)
    assert np.array_equal(np.moveaxis(found, 0, 2), np.stack(expected))
