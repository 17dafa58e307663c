from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from operant.envs import multiagent
from operant.games import TERMINAL

ROCK, PAPER, SCISSORS = range(3)


def test_the_tree_hides_the_first_choice() -> None:
    game = multiagent.tree("RockPaperScissors-v0")
    assert len(game.parent) == 13
    assert game.owner().tolist() == [0, 1]
    ends = game.player == TERMINAL
    matrix = game.utility[ends, 0].reshape(3, 3)
    assert matrix.tolist() == [[0, -1, 1], [1, 0, -1], [-1, 1, 0]]


def test_players_remember_their_choices() -> None:
    game = multiagent.tree("RockPaperScissors-v0", rounds=2)
    # in round two: nine histories for either player
    assert np.bincount(game.owner()).tolist() == [10, 10]


def test_both_forms_pay_the_same() -> None:
    pytest.importorskip("pettingzoo")
    env, turns = (
        multiagent.make(f"RockPaperScissors{form}-v0", rounds=3) for form in ("", "Turns")
    )
    seen, infos = env.reset()
    turns.reset()
    assert infos == {"player_0": {"role": 0}, "player_1": {"role": 1}}
    total = np.zeros(2)
    for choices in ((ROCK, PAPER), (SCISSORS, PAPER), (SCISSORS, ROCK)):
        for agent, choice in enumerate(choices):
            assert turns.agent_selection == f"player_{agent}"
            assert (turns.observe("player_0")["observation"][8:11].sum() == 1) == (agent == 1)
            if agent == 0:
                assert (turns.observe("player_0")["observation"] == seen["player_0"]).all()
            assert (turns.observe("player_1")["observation"] == seen["player_1"]).all()
            turns.step(choice)
        seen, rewards, ended, cut, _ = env.step(dict(zip(env.agents, choices, strict=True)))
        assert not any(cut.values())
        total += [rewards["player_0"], rewards["player_1"]]
    assert total.tolist() == [-1, 1] == list(turns.rewards.values())
    assert all(ended.values())
    assert env.agents == []
    with pytest.raises(gym.error.ResetNeeded):
        env.step({})


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ({"player_0": 0}, "who choose at once; got \\['player_0'\\]"),
        ({"player_0": 0, "player_1": 3}, r"unknown action 3 of 'player_1'.*\[0, 2\]"),
        ({"player_0": 0, "player_1": 0, "referee": 0}, "referee"),
    ],
)
def test_wrong_choices_are_refused(actions: dict[str, int], message: str) -> None:
    pytest.importorskip("pettingzoo")
    env = multiagent.make("RockPaperScissors-v0")
    env.reset()
    with pytest.raises(ValueError, match=message):
        env.step(actions)


def test_a_crooked_matrix_is_refused() -> None:
    with pytest.raises(ValueError, match="payoffs must be a square matrix"):
        multiagent.rules_of("RockPaperScissors-v0", payoffs=((0.0, 1.0),))
