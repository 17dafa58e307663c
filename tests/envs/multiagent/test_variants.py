"""Arguments of games: rows, rules and AEC env agree under all of them."""

from __future__ import annotations

import functools

import pytest

pytest.importorskip("pettingzoo")

from operant.envs import multiagent
from operant.testing import check_game

pytestmark = pytest.mark.integration  # ten seconds in all


@pytest.mark.parametrize(
    ("game_id", "options", "zero_sum"),
    [
        ("KuhnPokerMatch-v0", {"rounds": 4}, True),
        ("RockPaperScissorsTurns-v0", {"rounds": 3}, True),
        ("SimpleNegotiation-v0", {"goods": 3, "most": 2, "reveal": "quantities"}, True),
        ("SimpleNegotiation-v0", {"goods": 2, "most": 4, "reveal": "everything"}, True),
        ("SimpleNegotiation-v0", {"goods": 2, "most": 3, "payoff_of": "gain"}, False),
        ("SimpleNegotiation-v0", {"goods": 2, "turns": 3, "start_held": ((9, 1), (0, 7))}, True),
    ],
)
def test_rows_rules_and_env_agree(game_id: str, options: dict[str, object], zero_sum: bool) -> None:
    check_game(
        functools.partial(multiagent.make, game_id, **options),
        make_batch=functools.partial(multiagent.make_batch, game_id, **options),
        moves=60,
        zero_sum=zero_sum,
        deterministic=game_id.startswith("Rock"),
    )
