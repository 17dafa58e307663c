from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

pytest.importorskip("pettingzoo")

from operant.envs import multiagent


def test_a_game_of_kuhn_poker() -> None:
    env = multiagent.make("KuhnPoker-v0")
    env.reset(seed=3)
    assert env.infos == {f"player_{p}": {"role": p, "true_reward": 0.0} for p in (0, 1)}
    cards = [int(env.observe(agent)["observation"][2:5].argmax()) for agent in env.agents]
    assert env.observe("player_1")["action_mask"].tolist() == [0, 0]  # not to move
    env.step(1)
    assert env.agent_selection == "player_1"
    env.step(1)
    won = 2.0 if cards[0] > cards[1] else -2.0
    assert env.rewards == {"player_0": won, "player_1": -won}
    assert env.infos["player_0"] == {"role": 0, "true_reward": won}
    for agent in env.agent_iter():
        _, reward, terminated, truncated, info = env.last()
        assert terminated
        assert not truncated
        assert reward == info["true_reward"] == env._cumulative_rewards[agent]
        env.step(None)
    assert env.agents == []


def test_whoever_acts_out_of_turn_is_told_so() -> None:
    env = multiagent.make("KuhnPoker-v0")
    with pytest.raises(gym.error.ResetNeeded, match="call reset"):
        env.step(0)
    env.reset(seed=0)
    with pytest.raises(ValueError, match="out of turn: it is the turn of 'player_0'"):
        env.step(0, agent="player_1")
    with pytest.raises(ValueError, match=r"agent must be one of .* got 'player_2'"):
        env.observe("player_2")
    env.step(0, agent="player_0")
    env.step(0, agent="player_1")
    with pytest.raises(ValueError, match="the game is over"):
        env.step(0)
    env.step(None)
    env.step(None)
    with pytest.raises(gym.error.ResetNeeded, match="over for everybody"):
        env.step(0)


@pytest.mark.parametrize("action", [2, -1, 0.5, "bet", None])
def test_what_is_no_action_is_refused(action: object) -> None:
    env = multiagent.make("KuhnPoker-v0")
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"unknown action .*; actions are integers in \[0, 1\]"):
        env.step(action)


def test_illegal_moves_cost_the_lowest_payoff_or_raise() -> None:
    env = multiagent.make("LeducPoker-v0")
    env.reset(seed=0)
    env.step(0)  # nothing to fold to
    assert env.rewards == {"player_0": -13.0, "player_1": 0.0}
    assert env.infos["player_1"]["illegal_move"] == 0
    strict = multiagent.make("LeducPoker-v0", illegal="error")
    strict.reset(seed=0)
    with pytest.raises(ValueError, match=r"action 0 is illegal; 'player_0' may do \[1, 2\]"):
        strict.step(0)
    assert strict.agent_selection == "player_0"


@pytest.mark.parametrize("game", [g.id for g in multiagent.games() if g.rules_entry_point])
def test_pictures_and_texts(game: str) -> None:
    env = multiagent.make(game, render_mode="ansi")
    with pytest.raises(gym.error.ResetNeeded):
        env.render()
    env.reset(seed=0)
    assert isinstance(env.render(), str)
    picture = multiagent.make(game, render_mode="rgb_array")
    picture.reset(seed=0)
    frame = picture.render()
    assert frame.dtype == np.uint8
    assert frame.shape[2] == 3
    assert frame.min() < 128 < frame.max()
    assert env.state() in env.state_space
    blind = multiagent.make(game)
    blind.reset(seed=0)
    assert blind.render() is None


def test_the_text_of_a_board(capsys: pytest.CaptureFixture[str]) -> None:
    env = multiagent.make("TicTacToe-v0", render_mode="human")
    env.reset(seed=0)
    capsys.readouterr()
    env.step(2)
    assert capsys.readouterr().out == ". . x\n. . .\n. . .\n"


@pytest.mark.parametrize(
    ("option", "message"),
    [({"render_mode": "3d"}, "render_mode must be one of"), ({"illegal": "x"}, "illegal must be")],
)
def test_unknown_modes_are_refused(option: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        multiagent.make("KuhnPoker-v0", **option)
