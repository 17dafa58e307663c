from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from operant.envs import multiagent
from operant.envs.multiagent.kuhn_poker import Hand, KuhnPoker, nash
from operant.games import TERMINAL, ExtensiveGame
from operant.types import Float

Compare = Callable[..., tuple[int, int, set[tuple[str, str]]]]


def value(game: ExtensiveGame, policy: list[Float]) -> Float:
    """Return what the players get on average, node by node."""
    reach = np.ones(len(game.parent))
    for node in range(1, len(reach)):
        above = game.parent[node]
        infoset = game.infoset[above]
        played = policy[infoset][game.move[node]] if infoset >= 0 else 1.0
        reach[node] = reach[above] * game.chance[node] * played
    ends = game.player == TERMINAL
    assert np.isclose(reach[ends].sum(), 1)
    return reach[ends] @ game.utility[ends]


def test_the_tree_has_its_known_size() -> None:
    game = multiagent.tree("KuhnPoker-v0")
    assert len(game.parent) == 58
    assert (game.player == TERMINAL).sum() == 30
    assert len(game.actions) == 12
    assert np.bincount(game.owner()).tolist() == [6, 6]
    assert (game.parent[1:] < np.arange(1, 58)).all()
    assert game.obs.shape == (12, 11)


@pytest.mark.parametrize("bluff", [0.0, 0.1, 1 / 3])
def test_every_equilibrium_is_worth_minus_one_in_18(bluff: float) -> None:
    game = multiagent.tree("KuhnPoker-v0")
    assert np.allclose(value(game, nash(game, bluff)), [-1 / 18, 1 / 18], rtol=0, atol=1e-15)


def test_the_equilibrium_cannot_be_exploited_by_any_single_change() -> None:
    game = multiagent.tree("KuhnPoker-v0")
    policy = nash(game, 0.2)
    base, owner = value(game, policy), game.owner()
    for infoset, player in enumerate(owner):
        for action in (0, 1):
            other = [*policy]
            other[infoset] = np.eye(2)[action]
            assert value(game, other)[player] <= base[player] + 1e-12


def test_a_bluff_outside_the_family_is_refused() -> None:
    with pytest.raises(ValueError, match=r"bluff must lie in \[0, 1/3\], got 0.5"):
        nash(multiagent.tree("KuhnPoker-v0"), 0.5)


@pytest.mark.parametrize(
    ("history", "cards", "won"),
    [
        ("pp", (2, 0), 1),
        ("pp", (0, 1), -1),
        ("bp", (0, 2), 1),  # the second folds the king
        ("pbp", (2, 0), -1),
        ("bb", (1, 2), -2),
        ("pbb", (1, 0), 2),
    ],
)
def test_payoffs(history: str, cards: tuple[int, int], won: float) -> None:
    assert KuhnPoker().payoff(Hand(cards, history)) == (won, -won)


def test_what_is_seen() -> None:
    seen = KuhnPoker().seen(Hand((1, 2), "pb"), 0)
    assert seen.tolist() == [1, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0]


def test_it_is_openspiels_game(compare: Compare) -> None:
    inner, ends, names = compare(KuhnPoker(), "kuhn_poker")
    assert (inner, ends, len(names)) == (28, 30, 12)
