from __future__ import annotations

import json
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest

from operant.agents import agent_row, list_agents, make_agent, make_config, registry
from operant.agents.base import check_gamma, require_same_step
from operant.errors import GammaMismatchError, OperantError, UnknownIdError


def test_listing_agents_loads_no_learning_library() -> None:
    code = (
        "import sys; from operant.agents import list_agents; "
        "assert {'ppo', 'sb3-dqn', 'sb3-ppo', 'value-iteration'} <= set(list_agents()); "
        "bad = {'torch', 'stable_baselines3', 'sb3_contrib', 'numba', 'minigrid'}; "
        "bad &= set(sys.modules); "
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def for_discrete_actions(name: str) -> bool:
    tags = agent_row(name).tags
    return "discrete" in tags or "box" not in tags


@pytest.mark.parametrize("name", [*filter(for_discrete_actions, list_agents("learner"))])
def test_every_learner_keeps_the_contract(name, corridor) -> None:
    agent = make_agent(name, corridor(), seed=3, gamma=0.9)
    assert agent.id == name
    assert agent.gamma == 0.9
    rebuilt = type(agent.config).from_json(json.loads(json.dumps(agent.config.to_json())))
    assert rebuilt == agent.config
    assert agent.num_steps == 0
    assert agent.metrics() == {}
    obs, _ = corridor(7).reset(seed=0)
    for deterministic in (True, False):
        assert agent.act(obs, deterministic=deterministic).shape == (7,)


def test_unknown_agent_suggests_near_ids(corridor) -> None:
    with pytest.raises(UnknownIdError, match="did you mean sb3-ppo"):
        make_agent("sb3-pppo", corridor())


def test_planner_is_not_made_from_an_env(corridor) -> None:
    with pytest.raises(OperantError, match=r"value_iteration\(mdp, gamma="):
        make_agent("value-iteration", corridor())
    assert callable(registry().load("value-iteration"))


@pytest.mark.parametrize(
    ("hyper", "message"),
    [
        ({"learning_rat": 1}, "no field 'learning_rat'; did you mean .*learning_rate"),
        ({"gamma": 1.1}, r"gamma must lie in \[0, 1\], got 1.1"),
        ({"learning_rate": 0}, "learning_rate must be > 0, got 0"),
        ({"clip_range": -0.1}, "clip_range must be > 0, got -0.1"),
        ({"batch_size": 1}, r"batch_size must lie in \[2, inf\], got 1"),
        ({"n_steps": 0}, r"n_steps must lie in \[1, inf\], got 0"),
        ({"net_arch": [64, 0]}, r"net_arch entry must lie in \[1, inf\], got 0"),
        ({"encoder": "cnn"}, "encoder must be one of"),
        ({"gamma": float("nan")}, "gamma must lie in"),
        ({"seed": -1}, "seed must be >= 0, got -1"),
    ],
)
def test_bad_hyper_parameters_are_named(hyper, message, corridor) -> None:
    with pytest.raises(ValueError, match=message):
        make_agent("sb3-ppo", corridor(), **hyper)


def test_config_is_made_without_an_env() -> None:
    config = make_config("sb3-ppo", n_steps=16)
    assert (config.n_steps, config.gamma) == (16, 0.99)
    with pytest.raises(ValueError, match=r"no field 'n_stepz'; did you mean .*n_steps"):
        make_config("sb3-ppo", n_stepz=16)
    with pytest.raises(OperantError, match="plans on an explicit MDP"):
        make_config("value-iteration")
    with pytest.raises(UnknownIdError, match="did you mean sb3-ppo"):
        agent_row("sb3-pppo")


def test_other_autoreset_modes_are_refused_with_the_remedy() -> None:
    env = gym.make_vec("CartPole-v1", num_envs=2)  # NEXT_STEP
    with pytest.raises(ValueError, match=r"must be SAME_STEP, got .*AutoresetMode.SAME_STEP"):
        require_same_step(env)


class Designed(gym.vector.VectorWrapper):
    """Looks like a DesignVectorWrapper."""

    class design:
        id = "potential"

    gamma = 0.9


def test_design_with_another_gamma_is_refused_with_both_values(corridor, stateless) -> None:
    env = stateless(Designed(corridor()))
    with pytest.raises(GammaMismatchError, match=r"'potential' uses gamma=0.9 .* uses gamma=0.99"):
        make_agent("sb3-ppo", env)
    check_gamma(env, 0.9)


def test_other_wrappers_may_have_another_gamma(make_sync) -> None:
    env = gym.wrappers.vector.NormalizeReward(make_sync("CartPole-v1", 2), gamma=0.5)
    check_gamma(env, 0.99)
    assert np.isclose(env.gamma, 0.5)
