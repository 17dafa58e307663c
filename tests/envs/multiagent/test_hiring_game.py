"""Hiring as a PettingZoo env: rounds, who is listened to, and what everybody gets."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

pytest.importorskip("pettingzoo")
pytest.importorskip("scipy")

from operant.envs import multiagent
from operant.envs.multiagent.hiring import accuracy_instance
from operant.envs.multiagent.hiring.game import HiringGame
from operant.envs.multiagent.hiring.mechanism import answers, truthful

HONEST = truthful(accuracy_instance(), 0, 1)


def test_a_round_has_two_steps_and_each_side_is_heard_in_one() -> None:
    env = HiringGame(rounds=1)
    obs, _ = env.reset(seed=0)
    work = answers(env.instance, 0).index(HONEST)
    assert [obs[agent][0] for agent in env.agents] == [1, 0, 0]
    actions = {"principal_0": 2, "expert_0": 0, "expert_1": 0}
    obs, rewards, _, truncated, infos = env.step(actions)  # the mechanism for profile (1, 0)
    assert [obs[agent][0] for agent in env.agents] == [0, 1, 1]
    assert obs["expert_0"][1:3].tolist() == [0, 1]  # work,
    assert obs["expert_1"][1:3].tolist() == [1, 0]  # do not
    assert obs["expert_0"][3:].tolist() == [0, 0, 1, 0, 0]
    assert set(rewards.values()) == {0.0}
    assert not any(truncated.values())
    actions = {"principal_0": 0, "expert_0": work, "expert_1": 0}
    obs, rewards, _, truncated, infos = env.step(actions)
    assert all(truncated.values())
    assert env.agents == []
    told = infos["principal_0"]
    assert rewards["expert_0"] == pytest.approx(told["payments"][0] - 0.05)
    assert rewards["principal_0"] == pytest.approx(told["success"] - sum(told["payments"]))
    assert told["regret"] == pytest.approx(0.0, abs=1e-7)
    assert obs["principal_0"][1 + told["state"]] == 1
    assert env.state()[told["state"]] == 1


@pytest.mark.parametrize("index", [0, 3, -1])
def test_long_play_earns_what_the_program_promises(index: int) -> None:
    env = HiringGame(experts="best_response", rounds=1200)
    env.reset(seed=1)
    index %= len(env.menu)
    earned = [env.step({"principal_0": index})[1]["principal_0"] for _ in range(1200)]
    error = np.std(earned) / len(earned) ** 0.5
    assert abs(np.mean(earned) - env.menu[index].value) < 4 * error


def test_experts_who_err_cost_the_principal() -> None:
    earned = []
    for epsilon in (0.0, 0.5):
        env = HiringGame(experts="epsilon", epsilon=epsilon, rounds=800)
        env.reset(seed=1)
        last = len(env.menu) - 1
        earned.append(
            np.mean([env.step({"principal_0": last})[1]["principal_0"] for _ in range(800)])
        )
    assert earned[0] == pytest.approx(env.optimum, abs=0.05)
    assert earned[1] < earned[0] - 0.05


def test_experts_alone_play_under_the_best_mechanism() -> None:
    env = HiringGame(principal="optimal", rounds=2)
    obs, _ = env.reset(seed=0)
    assert env.agents == ["expert_0", "expert_1"]
    actions = {}
    for i, agent in enumerate(env.agents):
        effort = int(obs[agent][1:3].argmax())
        actions[agent] = answers(env.instance, i).index(truthful(env.instance, i, effort))
    _, rewards, _, truncated, _ = env.step(actions)
    assert set(rewards) == {"expert_0", "expert_1"}
    assert not any(truncated.values())
    assert all(env.step(actions)[3].values())


def test_a_principal_may_set_every_payment() -> None:
    """The best mechanism, written as an action, is that mechanism."""
    env = HiringGame(principal="payments", experts="best_response", rounds=3)
    env.reset(seed=0)
    best = env.menu[-1]
    shares = [np.ravel(pay) / env.instance.cap for pays in best.payments for pay in pays]
    action = np.concatenate([best.odds, *shares]).astype(np.float32)
    assert action in env.action_space("principal_0")
    *_, infos = env.step({"principal_0": action})
    assert infos["principal_0"]["regret"] == pytest.approx(0.0, abs=1e-5)
    nothing = np.zeros_like(action)
    *_, infos = env.step({"principal_0": nothing})  # no weights: any profile; no pay: no work
    assert infos["principal_0"]["regret"] == pytest.approx(env.optimum - 0.5, abs=1e-6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"principal": "greedy"}, "principal must be one of"),
        ({"experts": "lazy"}, "experts one of"),
        ({"principal": "optimal", "experts": "epsilon"}, "somebody must be an agent"),
        ({"epsilon": 1.5}, r"epsilon must lie in \[0, 1\], got 1.5"),
        ({"rounds": 0}, "rounds must be >= 1, got 0"),
        ({"render_mode": "human"}, "render_mode must be None"),
    ],
    ids=str,
)
def test_arguments_outside_their_range_are_refused(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        HiringGame(**options)


def test_bad_actions_are_refused() -> None:
    env = multiagent.make("HiringAgents-v0")
    with pytest.raises(gym.error.ResetNeeded):
        env.step({})
    env.reset(seed=0)
    fine = dict.fromkeys(env.agents, 0)
    with pytest.raises(ValueError, match="that of 'principal_0' is missing"):
        env.step({"expert_0": 0, "expert_1": 0})
    with pytest.raises(ValueError, match=r"unknown agents \['expert_2'\]"):
        env.step({**fine, "expert_2": 0})
    for agent, action in (
        ("principal_0", 5),
        ("expert_1", 8),
        ("expert_0", 1.5),
        ("expert_0", None),
    ):
        with pytest.raises(ValueError, match=f"of '{agent}'; actions are integers in"):
            env.step({**fine, agent: action})
    free = multiagent.make("HiringAgents-Payments-v0")
    free.reset(seed=0)
    size = free.action_space("principal_0").shape
    for action in (np.full(size, np.nan), np.zeros(3), "all"):
        with pytest.raises(ValueError, match=r"actions are \(\d+,\) finite numbers"):
            free.step({"principal_0": action})
