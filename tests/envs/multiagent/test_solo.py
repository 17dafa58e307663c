from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import operant  # noqa: F401 (registers the ids)
from operant.envs.multiagent.explore import explored
from operant.envs.multiagent.kuhn_poker import bets
from operant.envs.multiagent.opponents import TableOpponent, among
from operant.envs.multiagent.solo_kuhn_poker import SoloKuhnPoker
from operant.envs.multiagent.solo_leduc_poker import SoloLeducPoker
from operant.envs.multiagent.solo_negotiation import SoloNegotiation
from operant.envs.multiagent.solo_tables import policy_of
from operant.envs.multiagent.solo_tic_tac_toe import SoloTicTacToe

IDS = ("TicTacToe-v0", "KuhnPoker-v0", "LeducPoker-v0", "SimpleNegotiation-v0")


def random_games(env_id: str, steps: int = 15, **options: object) -> tuple[np.ndarray, ...]:
    """Return the returns of random legal play, and the seats."""
    envs = gym.make_vec(env_id, num_envs=100, autoreset_mode="SameStep", **options)
    _, infos = envs.reset(seed=0)
    rng, returns, seats = np.random.default_rng(0), [], []
    for _ in range(steps):
        mask = infos["action_mask"]
        assert mask.any(axis=1).all()
        _, rewards, ended, cut, infos = envs.step((rng.random(mask.shape) * mask).argmax(1))
        assert not cut[~ended].any()
        assert not rewards[~ended].any()
        returns.append(rewards[ended])
        if ended.any():
            seats.append(infos["final_info"]["features"]["seat"][ended])
            assert infos["final_info"]["action_mask"][ended].all()
    return np.concatenate(returns), np.concatenate(seats)


def test_minimax_never_loses() -> None:
    returns, seats = random_games("TicTacToe-v0", opponent="optimal")
    assert set(returns) == {-1, 0}
    assert 0.4 < seats.mean() < 0.6
    returns, _ = random_games("TicTacToe-v0", opponent="random")
    assert set(returns) == {-1, 0, 1}


@pytest.mark.parametrize(("seat", "number"), [("first", 0), ("second", 1)])
def test_seats_can_be_chosen(seat: str, number: int) -> None:
    _, seats = random_games("KuhnPoker-v0", steps=5, seat=seat)
    assert (seats == number).all()


def test_the_oracle_is_the_best_reply() -> None:
    found = {}
    for opponent in ("random", "optimal"):
        for seat in ("first", "second"):
            env = gym.make("TicTacToe-v0", opponent=opponent, seat=seat).unwrapped
            env.reset(seed=0)
            found[opponent, seat] = env.oracle().optimal_return
    assert found["optimal", "first"] == found["optimal", "second"] == 0
    assert found["random", "first"] == pytest.approx(191 / 192)  # a known figure
    assert 0 < found["random", "second"] < 1  # whatever was opened with


def test_the_oracle_knows_a_lost_game() -> None:
    env = gym.make("TicTacToe-v0", opponent="optimal", seat="second").unwrapped
    for seed in range(100):
        seen, _ = env.reset(seed=seed)
        if seen[0, 0, 1]:
            break
    assert env.oracle().optimal_return == 0
    env.step(1)  # an edge is no reply to a corner
    assert env.oracle().optimal_return == -1


def test_the_equilibrium_is_played() -> None:
    tables, rules = explored(SoloKuhnPoker.RULES), SoloKuhnPoker.RULES
    policy, known = policy_of(SoloKuhnPoker, "optimal"), bets(0.0)
    for state, mover, odds in zip(tables.states, tables.mover, policy, strict=True):
        bet = known[rules.told(state, int(mover))] if mover >= 0 else 0
        assert odds.tolist() == ([1 - bet, bet] if mover >= 0 else [0, 0])
    # a good reply against it is worth the value of the game: always folding is not one
    returns, _ = random_games("KuhnPoker-v0", seat="first", opponent="optimal")
    assert returns.mean() < -1 / 18


def test_whoever_calls_never_folds() -> None:
    policy, legal = policy_of(SoloLeducPoker, "calling"), explored(SoloLeducPoker.RULES).legal
    assert (policy[legal.any(1)] == [0, 1, 0]).all()
    honest = policy_of(SoloLeducPoker, "honest")
    assert (honest[~legal] == 0).all()
    assert np.allclose(honest[legal.any(1)].sum(1), 1)


def test_a_greedy_trader_does_not_lose_by_trading() -> None:
    world = SoloNegotiation(num=100, opponent="greedy", turns=6)
    world.seed(list(range(100)))
    rows, rng, traded = np.arange(100), np.random.default_rng(0), 0
    world.reset(rows)
    for _ in range(3):
        actions = among(world.masks & (rng.random(world.masks.shape) < 0.5), np.zeros(100, int))
        actions = np.where(world.masks[:, 1] & (rng.random(100) < 0.5), 1, actions)
        live = rows[~world.out.terminated]
        world.step(live, actions[live])
        gains = world.engine.gains(rows)[rows, 1 - world.seat]
        assert (gains >= 0).all()
        traded = (gains > 0).sum()
    assert traded > 10


@pytest.mark.parametrize("env_id", ["TicTacToe-v0", "LeducPoker-v0", "SimpleNegotiation-v0"])
def test_an_illegal_action_ends_the_game(env_id: str) -> None:
    env = gym.make(env_id, seat="first")
    _, info = env.reset(seed=0)
    action = 0
    if info["action_mask"].all():
        _, _, _, _, info = env.step(0)
    action = int(np.argmin(info["action_mask"]))
    _, reward, terminated, _, info = env.step(action)
    assert terminated
    assert reward == info["true_reward"] == {"LeducPoker-v0": -13.0}.get(env_id, -1.0)
    assert not info["success"]
    assert info["action_mask"].all()


def test_features_of_a_board() -> None:
    board = (1, 1, 0, 0, 2, 0, 0, 0, 2)
    names = [feature.name for feature in SoloTicTacToe.TABLE]
    own, other = (
        dict(zip(names, SoloTicTacToe.facts(board, player), strict=True)) for player in (0, 1)
    )
    assert own == {
        "own_marks": 2,
        "own_threats": 1,
        "other_threats": 0,  # the diagonal is blocked
        "own_centre": False,
        "own_corners": 1,
    }
    assert (other["own_centre"], other["other_threats"]) == (True, 1)


@pytest.mark.parametrize("env_id", IDS)
@pytest.mark.parametrize(
    ("options", "message"),
    [({"opponent": "god"}, "opponent must be one of"), ({"seat": 1}, "seat must be one of")],
)
def test_bad_arguments_are_refused(env_id: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gym.make(env_id, **options)


def test_a_policy_must_sum_to_one() -> None:
    with pytest.raises(ValueError, match="must sum to 1"):
        TableOpponent(np.array([[0.5, 0.2]]))
