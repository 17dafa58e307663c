"""How fast are the games of turns, beside OpenSpiel's and PettingZoo's, in one run?

Run ``python -m operant.benchmarks.perf.games``. All contenders play random legal moves, choosing
included, and start again when a game ends; counted are the players' moves, not those of chance.
They take turns, and ratios are taken inside a round; see :mod:`operant.benchmarks.perf.interleave`.
OpenSpiel and PettingZoo are measured where they are installed.
"""

from __future__ import annotations

import importlib.util
import random
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from operant.benchmarks.perf.bars import Bar, at_least
from operant.benchmarks.perf.interleave import Chunk, Contender, Rates, timed
from operant.benchmarks.perf.report import compare, comparison, parser, run
from operant.envs import multiagent

NUM = 4096
NAMES = {
    "TicTacToe-v0": "tic_tac_toe",
    "KuhnPoker-v0": "kuhn_poker",
    "LeducPoker-v0": "leduc_poker",
}
"""Our games and OpenSpiel's names of the same."""
FAST = ("TicTacToe-v0", "KuhnPoker-v0")
"""Games that must reach the rate of :data:`GOAL`."""
GOAL, TIMES = 3e6, 5.0
"""Moves per CPU-second, and how often OpenSpiel's rate."""
_CHUNK, _DRAWN = 20, 16


def batches(game_id: str, num: int = NUM) -> Chunk:
    """Play N games at once."""
    batch = multiagent.make_batch(game_id, num)
    batch.reset(range(num))
    rng = np.random.default_rng(0)
    # random numbers are drawn beforehand: they are no part of a game
    keys = [rng.random(batch.legal.shape, np.float32) for _ in range(_DRAWN)]
    seen = np.zeros(batch.legal.shape, np.float32)

    def play() -> int:
        for k in range(_CHUNK):
            np.multiply(keys[k % _DRAWN], batch.legal, out=seen)
            batch.step(seen.argmax(1))
        return _CHUNK * num

    return play


def openspiel(name: str) -> Chunk:
    """Play with OpenSpiel's states, which are C++ behind Python."""
    import pyspiel

    game, rng = pyspiel.load_game(name), random.Random(0)

    def play() -> int:
        moves = 0
        for _ in range(_CHUNK):
            state = game.new_initial_state()
            while not state.is_terminal():
                moves += not state.is_chance_node()
                state.apply_action(rng.choice(state.legal_actions()))
        return moves

    return play


def aec(env: Any) -> Chunk:
    """Play a PettingZoo env as its documentation does."""
    rng = random.Random(0)

    def play() -> int:
        moves = 0
        env.reset(seed=0)
        for _ in env.agent_iter():
            seen, _, terminated, truncated, _ = env.last()
            if terminated or truncated:
                env.step(None)
                continue
            moves += 1
            env.step(rng.choice(np.flatnonzero(seen["action_mask"]).tolist()))
        return moves

    return play


def contenders() -> list[Contender]:
    """Build everything that is timed and installed here."""
    rows = [
        (f"ours/{game}", f"{game}, batch of {NUM}", batches(game))
        for game in (*NAMES, "KuhnPokerMatch-v0", "RockPaperScissors-v0")
    ]
    rows.append(
        (
            "ours/SimpleNegotiation-v0",
            "SimpleNegotiation-v0, batch of 256, 2002 actions",
            batches("SimpleNegotiation-v0", 256),
        )
    )
    if importlib.util.find_spec("pyspiel"):
        rows += [
            (f"openspiel/{game}", f"{game}, OpenSpiel's {name}", openspiel(name))
            for game, name in NAMES.items()
        ]
    if importlib.util.find_spec("pettingzoo"):
        rows.append(("aec", "TicTacToe-v0, our AEC env", aec(multiagent.make("TicTacToe-v0"))))
        if (theirs := _pettingzoos()) is not None:
            rows.append(("pettingzoo", "TicTacToe-v0, PettingZoo's tictactoe_v3", aec(theirs)))
    return [Contender(key, label, "moves", timed(chunk)) for key, label, chunk in rows]


def _pettingzoos() -> Any:
    """Return PettingZoo's own env, or None if what it draws with is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own deprecations
        try:
            from pettingzoo.classic import tictactoe_v3
        except ImportError:
            return None
    return tictactoe_v3.env()


def bars(rates: Rates) -> list[Bar]:
    """Hold a measurement against the bars."""
    reached = [
        at_least(f"rate/{game}", f"{game}, moves per CPU-s", goal, rates.rounds[f"ours/{game}"])
        for game, goal in ((game, GOAL if game in FAST else None) for game in NAMES)
    ]
    beside = [
        at_least(
            f"openspiel/{game}",
            f"{game}, x OpenSpiel",
            TIMES,
            rates.ratios(f"ours/{game}", f"openspiel/{game}"),
        )
        for game in NAMES
    ]
    single = at_least(
        "aec", "TicTacToe, our AEC env, x PettingZoo's", None, rates.ratios("aec", "pettingzoo")
    )
    return [*reached, *beside, single]


def measure(*, rounds: int, seconds: float) -> dict[str, Any]:
    """Run the whole comparison.

    Args:
        rounds: Measured rounds, >= 1.
        seconds: CPU-seconds in all, > 0.

    Raises:
        ValueError: If an argument is outside its range.
    """
    return compare(contenders, bars, rounds=rounds, seconds=seconds)


def describe(result: dict[str, Any]) -> str:
    """Return the result of :func:`measure` as text."""
    return comparison("Games: random legal moves; one CPU", result)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    told = "Measure the games' throughput beside OpenSpiel's and PettingZoo's."
    options = parser("games", told, rounds=9, seconds=30.0)
    return run(options, argv, measure, describe)


if __name__ == "__main__":
    sys.exit(main())
