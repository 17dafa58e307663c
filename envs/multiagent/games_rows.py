"""The registered games of turns and of choices made at once. Strings only; this loads no game."""

from __future__ import annotations

from typing import Any, Literal

from operant.envs.multiagent.games_table import GameRow


def _row(
    game_id: str,
    module: str,
    rules: str,
    summary: str,
    *tags: str,
    interface: Literal["aec", "parallel"] = "aec",
    entry: str = "make",
    **options: Any,
) -> GameRow:
    where = f"operant.envs.multiagent.{module}"
    return GameRow(
        id=game_id,
        entry_point=f"{where}:{entry}",
        batch_entry_point=f"{where}:make_batch",
        rules_entry_point=f"{where}:{rules}",
        kwargs=options,
        summary=summary,
        tags=("zero-sum", *tags),
        interface=interface,
    )


def _negotiation(game_id: str, summary: str, *tags: str, **options: Any) -> GameRow:
    where = "operant.envs.multiagent"
    return GameRow(
        id=game_id,
        entry_point=f"{where}.negotiation_engine:make",
        batch_entry_point=f"{where}.negotiation_engine:make_batch",
        rules_entry_point=f"{where}.simple_negotiation:SimpleNegotiation",
        kwargs=options,
        summary=summary,
        tags=("zero-sum", *tags),
        interface="aec",
    )


ROWS = [
    _row(
        "TicTacToe-v0",
        "tic_tac_toe",
        "TicTacToe",
        "three in a row wins",
        "perfect-information",
        "deterministic",
    ),
    _row("KuhnPoker-v0", "kuhn_poker", "KuhnPoker", "three cards and one bet: bluffing is right"),
    _row(
        "KuhnPokerMatch-v0",
        "match",
        "KuhnMatch",
        "three rounds of Kuhn poker, of which the winner takes all",
        rounds=3,
    ),
    _row(
        "LeducPoker-v0", "leduc_poker", "LeducPoker", "six cards, two rounds of bets, a public card"
    ),
    _row(
        "RockPaperScissors-v0",
        "matrix_game",
        "MatrixRounds",
        "rock, paper and scissors, chosen at once",
        "deterministic",
        interface="parallel",
    ),
    _row(
        "RockPaperScissorsTurns-v0",
        "matrix_game",
        "MatrixRounds",
        "rock, paper and scissors, written down one after the other and shown together",
        "deterministic",
        entry="make_turns",
    ),
    _negotiation(
        "SimpleNegotiation-v0", "ten turns of offers; goods are worth different things to both"
    ),
    _negotiation(
        "SimpleNegotiation-Small-v0",
        "two goods, four turns and no secrets: solved by going backwards",
        "perfect-information",
        "deterministic",
        goods=2,
        most=3,
        turns=4,
        quantities=(0, 3),
        start_held=((3, 1), (1, 3)),
        start_values=((5, 12), (6, 8)),
        reveal="everything",
    ),
]
