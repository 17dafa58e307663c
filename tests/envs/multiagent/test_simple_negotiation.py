from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from operant.envs import multiagent
from operant.envs.multiagent.simple_negotiation import (
    ACCEPT,
    OFFERS,
    PASS,
    Bargain,
    SimpleNegotiation,
)
from operant.games import CHANCE, TERMINAL

SMALL = SimpleNegotiation(
    goods=2,
    most=3,
    turns=4,
    quantities=(0, 3),
    start_held=((3, 1), (1, 3)),
    start_values=((5, 12), (6, 8)),
    reveal="everything",
)
TWO_WHEAT_FOR_ONE_WOOD = SMALL.action_of(0, 2, 1, 1)


def test_what_is_dealt_lies_in_the_ranges_of_the_text_game() -> None:
    batch = multiagent.make_batch("SimpleNegotiation-v0", 400)
    batch.reset(range(400))
    engine = batch._engine
    assert (engine.held.min(), engine.held.max()) == (5, 25)
    for good, (low, high) in enumerate([(5, 6), (8, 12), (12, 18), (20, 30), (32, 40)]):
        drawn = engine.values[:, :, good]
        assert (drawn.min(), drawn.max()) == (low, high)
        assert SimpleNegotiation().value_range(good) == (low, high)


def test_an_offer_stands_until_it_is_accepted_or_replaced() -> None:
    state = SMALL.after(SMALL.start(), TWO_WHEAT_FOR_ONE_WOOD)
    assert state.offer == (0, 0, 2, 1, 1)
    assert ACCEPT in SMALL.moves(state)
    state = SMALL.after(state, PASS)
    assert ACCEPT not in SMALL.moves(state)  # nobody accepts the own offer
    state = SMALL.after(state, PASS)
    assert ACCEPT in SMALL.moves(state)  # passing did not withdraw it
    state = SMALL.after(state, ACCEPT)
    assert (state.held, state.offer) == ((1, 2, 3, 2), None)
    assert SMALL.mover(state) == TERMINAL
    assert SMALL.gains(state) == (-2 * 5 + 12, 2 * 6 - 8)
    assert SMALL.payoff(state) == (-1.0, 1.0)  # 2 against 4


def test_a_new_offer_replaces_the_other_players() -> None:
    state = SMALL.after(SMALL.start(), TWO_WHEAT_FOR_ONE_WOOD)
    state = SMALL.after(state, SMALL.action_of(1, 3, 0, 3))
    assert state.offer == (1, 1, 3, 0, 3)
    assert ACCEPT in SMALL.moves(state)
    assert SMALL.after(state, ACCEPT).held == (0, 4, 4, 0)


def test_goods_that_are_not_there_can_be_asked_for_but_not_given() -> None:
    state = SMALL.start()
    legal = SMALL.moves(state)
    assert SMALL.action_of(1, 1, 0, 3) in legal  # the other has one wheat only
    assert SMALL.action_of(1, 2, 0, 1) not in legal
    asked = SMALL.after(state, SMALL.action_of(1, 1, 0, 3))
    assert ACCEPT not in SMALL.moves(asked)


def test_actions_and_offers_are_one_to_one() -> None:
    rules = SimpleNegotiation()
    assert len(rules.words) == 2 + 5 * 4 * 100
    for action, offer in enumerate(rules.offers, OFFERS):
        assert rules.offer_of(action) == offer
        assert rules.action_of(*offer) == action
    assert rules.offer_of(ACCEPT) is None
    assert rules.words[rules.action_of(4, 2, 0, 7)] == "2 ore for 7 wheat"


def test_what_is_seen() -> None:
    state = SMALL.after(SMALL.start(), TWO_WHEAT_FOR_ONE_WOOD)
    own, other = (SMALL.seen(state, player).reshape(-1) for player in (0, 1))
    parts = own[:-1].reshape(8, 2), other[:-1].reshape(8, 2)
    assert own[-1] == 0.25
    assert np.allclose(parts[0][:4], [[1, 1 / 3], [5 / 40, 12 / 40], [1 / 3, 1], [6 / 40, 8 / 40]])
    assert np.allclose(parts[0][4:], [[2 / 3, 0], [0, 1 / 3], [0, 0], [0, 0]])
    assert np.allclose(parts[1][4:], [[0, 0], [0, 0], [2 / 3, 0], [0, 1 / 3]])
    secret = dataclasses.replace(SMALL, reveal="nothing")
    assert not secret.seen(state, 0)[4:8].any()
    half = dataclasses.replace(SMALL, reveal="quantities")
    assert half.seen(state, 0)[4:6].all()
    assert not half.seen(state, 0)[6:8].any()


def brute(rules: SimpleNegotiation, state: Bargain) -> tuple[float, ...]:
    """Return the value of a state by trying everything."""
    mover = rules.mover(state)
    if mover == TERMINAL:
        return tuple(rules.payoff(state))
    return max(
        (brute(rules, rules.after(state, move)) for move in rules.moves(state)),
        key=lambda values: values[mover],
    )


@pytest.mark.parametrize("payoff", ["outcome", "gain"])
def test_going_backwards_is_what_trying_everything_gives(payoff: str) -> None:
    rules = dataclasses.replace(SMALL, payoff_of=payoff, turns=3)
    game = multiagent.states("SimpleNegotiation-Small-v0", payoff_of=payoff, turns=3)
    assert game.values()[0].tolist() == list(brute(rules, rules.start()))


def test_rivals_do_not_trade_and_partners_do() -> None:
    rivals = multiagent.states("SimpleNegotiation-Small-v0").values()
    assert rivals[0].tolist() == [0, 0]  # whatever is offered is bad for who is offered it
    assert (np.abs(rivals).max(axis=0) == 1).all()  # but bad offers lose
    partners = multiagent.states("SimpleNegotiation-Small-v0", payoff_of="gain").values()
    assert np.allclose(partners[0], [1 / 3, 1 / 15])


def test_secrets_make_it_a_tree_and_not_states() -> None:
    hidden = {"reveal": "nothing", "start_values": None, "most": 1, "quantities": (0, 1)}
    fixed = {"start_held": ((1, 0), (0, 1)), "turns": 2}
    with pytest.raises(ValueError, match="has chance; use its tree instead"):
        multiagent.states("SimpleNegotiation-Small-v0", **hidden, **fixed)
    game = multiagent.tree("SimpleNegotiation-Small-v0", **hidden, **fixed)
    assert (game.player == CHANCE).sum() == 1 + 2 + 10 + 20
    # the first player tells its own values apart (2 x 5); the second also what was said
    assert np.bincount(game.owner()).tolist() == [10, 20]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"goods": 6}, r"goods must lie in \[2, 5\], got 6"),
        ({"turns": 0}, "turns and most must be >= 1"),
        ({"quantities": (3, 2)}, "quantities must be"),
        ({"reveal": "all"}, "reveal must be one of"),
        ({"payoff_of": "chips"}, "payoff_of must be one of"),
        ({"start_held": ((1, 2), (3, 4))}, "start_held must be two tuples of 5 numbers"),
    ],
)
def test_bad_arguments_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        multiagent.make_batch("SimpleNegotiation-v0", 1, **options)
