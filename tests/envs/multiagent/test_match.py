from __future__ import annotations

import numpy as np
import pytest

from operant.envs import multiagent
from operant.envs.multiagent.kuhn_poker import Hand
from operant.envs.multiagent.match import KuhnMatch, Standing
from operant.games import CHANCE, TERMINAL


def test_players_begin_in_turns_and_the_chips_are_summed() -> None:
    rules = KuhnMatch(rounds=3)
    state = rules.after(Standing(0, 0, Hand((2, 0), "b")), 1)
    assert (state.played, state.lead, rules.mover(state)) == (1, 2, CHANCE)
    second = Standing(1, 2, Hand((2, 0), ""))  # the second player begins, with the king
    assert rules.mover(second) == 1
    assert rules.told(second, 1) == "1 +2 K"
    assert rules.told(second, 0) == "1 +2 J"
    after = rules.after(rules.after(second, 1), 1)
    assert (after.played, after.lead) == (2, 0)


@pytest.mark.parametrize(("lead", "won"), [(3, 1), (0, 0), (-1, -1)])
def test_whoever_leads_wins(lead: int, won: float) -> None:
    rules = KuhnMatch(rounds=2)
    end = Standing(2, lead, Hand((1, 2), "pp"))
    assert rules.mover(end) == TERMINAL
    assert rules.payoff(end) == (won, -won)


def test_the_lead_is_seen_from_the_own_side() -> None:
    state = Standing(1, 2, Hand((2, 0), ""))
    seen = [KuhnMatch(rounds=4).seen(state, player) for player in (0, 1)]
    assert np.allclose(seen[0][-2:], [0.25, 0.25])
    assert np.allclose(seen[1][-2:], [-0.25, 0.25])
    assert seen[1][:5].tolist() == [1, 0, 0, 0, 1]  # first seat, king


def test_random_matches_end_after_their_rounds() -> None:
    batch, rng = multiagent.make_batch("KuhnPokerMatch-v0", 64, rounds=5), np.random.default_rng(0)
    batch.reset(range(64))
    moves, ends = np.zeros(64), 0
    for _ in range(60):
        rewards, over = batch.step((rng.random(batch.legal.shape) * batch.legal).argmax(1))
        moves += 1
        assert ((moves[over] >= 10) & (moves[over] <= 15)).all()  # 2 or 3 moves a round
        assert set(np.unique(rewards)) <= {-1.0, 0.0, 1.0}
        assert not rewards[~over].any()
        moves[over] = 0
        ends += over.sum()
    assert ends > 64


def test_the_number_of_rounds_is_bounded() -> None:
    with pytest.raises(ValueError, match=r"rounds must lie in \[1, 25\], got 0"):
        multiagent.make_batch("KuhnPokerMatch-v0", 1, rounds=0)
