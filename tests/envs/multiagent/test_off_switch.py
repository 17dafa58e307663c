"""The off-switch game for two: turns, what each knows, and that deferring earns what it should."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

pytest.importorskip("pettingzoo")

from operant.envs import multiagent
from operant.envs.multiagent.off_switch import ALLOW, HUMAN, PRESS, ROBOT, OffSwitchGame
from operant.envs.off_switch.deference import ACT, LOOK, OFF, WAIT, value_of_waiting


def test_the_human_is_asked_only_if_the_robot_waits() -> None:
    env = OffSwitchGame()
    for choice in (ACT, OFF):
        env.reset(seed=0)
        utility = float(env.observe(HUMAN)[5])
        env.step(choice)
        assert all(env.terminations.values())
        paid = utility if choice == ACT else 0.0
        assert env.rewards == {ROBOT: pytest.approx(paid), HUMAN: pytest.approx(paid)}
    for reply in (PRESS, ALLOW):
        env.reset(seed=0)
        assert env.agent_selection == ROBOT
        env.step(WAIT)
        assert env.agent_selection == HUMAN
        assert not any(env.terminations.values())
        assert env.observe(HUMAN)[3:5].tolist() == [1, 1]
        assert env.observe(ROBOT)[3:].tolist() == [1, 0, 0]
        env.step(reply)
        assert all(env.terminations.values())
        paid = env.infos[HUMAN]["utility"] if reply == ALLOW else 0.0
        assert env.rewards == {ROBOT: paid, HUMAN: paid}
        assert env.infos[ROBOT]["deferred"]
        assert env.infos[ROBOT]["switched_off"] == (reply == PRESS)


def test_only_the_human_knows() -> None:
    env = OffSwitchGame(signals=2)
    for seed in range(20):
        env.reset(seed=seed)
        assert env.observe(ROBOT)[5] == 0.0
        assert env.observe(HUMAN)[5] == pytest.approx(env.world.utility(0), rel=1e-6)
        env.step(LOOK)
        assert "utility" not in env.infos[ROBOT]
        assert env.agent_selection == ROBOT


@pytest.mark.parametrize(("human", "beta"), [("rational", 0.0), ("noisy", 0.5), ("learned", 0.0)])
def test_waiting_earns_what_it_should(human: str, beta: float) -> None:
    """A human of the closed form, scripted or (by hand) an agent that allows what is useful."""
    env = OffSwitchGame(human=human, mean=0.3, spread=0.0)
    earned = []
    for episode in range(1000):
        env.reset(seed=5 if episode == 0 else None)
        env.step(WAIT)
        if human == "learned":
            env.step(ALLOW if env.observe(HUMAN)[5] >= 0 else PRESS)
        earned.append(env.rewards[ROBOT])
    error = np.std(earned) / len(earned) ** 0.5
    assert abs(np.mean(earned) - value_of_waiting(0.3, 1.0, beta)) < 4 * error


def test_scripted_humans_are_no_agents() -> None:
    assert multiagent.make("OffSwitchGame-Noisy-v0").possible_agents == [ROBOT]
    assert multiagent.make("OffSwitchGame-v0").possible_agents == [ROBOT, HUMAN]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"human": "angry"}, "human must be one of"),
        ({"human": "noisy", "beta": 0.0}, "beta must be > 0 for a noisy human, got 0.0"),
        ({"render_mode": "human"}, "render_mode must be 'ansi' or None"),
        ({"num": 2}, "not options of this game"),
        ({"sigma": -1.0}, "sigma must be finite and >= 0, got -1.0"),
    ],
    ids=str,
)
def test_arguments_outside_their_range_are_refused(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        OffSwitchGame(**options)


def test_bad_actions_are_refused() -> None:
    env = OffSwitchGame(render_mode="ansi")
    for call in (lambda: env.step(0), lambda: env.observe(ROBOT), env.render):
        with pytest.raises(gym.error.ResetNeeded):
            call()
    env.reset(seed=0)
    for action in (3, -1, 0.5, None):
        with pytest.raises(ValueError, match=r"of 'robot_0'; actions are integers in \[0, 2\]"):
            env.step(action)
    env.step(WAIT)
    with pytest.raises(ValueError, match=r"of 'human_0'; actions are integers in \[0, 1\]"):
        env.step(WAIT)
    env.step(ALLOW)
    assert "wait" in env.render()
    with pytest.raises(ValueError, match="the game is over: 'robot_0' can do nothing but None"):
        env.step(0)
    env.step(None)
    env.step(None)
    with pytest.raises(gym.error.ResetNeeded):
        env.step(None)
