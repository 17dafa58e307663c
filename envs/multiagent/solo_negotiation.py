"""SimpleNegotiation against a fixed opponent."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from operant.envs.multiagent.negotiation_engine import NegotiationEngine
from operant.envs.multiagent.opponents import GreedyTrader, Opponent, RandomOpponent
from operant.envs.multiagent.simple_negotiation import MOST_VALUE, SimpleNegotiation
from operant.envs.multiagent.solo import SoloGame
from operant.envs.multiagent.solo_envs import solo_makers
from operant.types import Feature, Int


class SoloNegotiation(SoloGame):
    """SimpleNegotiation against ``"random"`` actions or a ``"greedy"`` trader.

    The greedy one accepts whatever is worth more to it than what it gives, and offers nothing else.
    """

    OPPONENTS: ClassVar[tuple[str, ...]] = ("random", "greedy")
    TEXTS: ClassVar[dict[str, str]] = {
        "description": "Two players have goods that are worth different things to them. In turns "
        "they pass, accept the other's standing offer, or make one: so many of a good for so many "
        "of another. Whoever gained more in the own values after all turns wins. The other player "
        "is {opponent}.",
        "observation": "Box(0, 2, (8 G + 1,), float32) with G goods: own quantities, own values / "
        "40, the other's of both where revealed, the own and the other's standing offer, share of "
        "the turns that are over",
        "action": "Discrete(2 + G (G - 1) M^2), M the most pieces offered: pass, accept, offers",
        "reward": "1 for a win, -1 for a loss, 0 for a draw, with the last move",
        "source": "SimpleNegotiation of TextArena (Guertler et al., 2025), used by SPIRAL (Liu et "
        "al., 2025)",
    }
    engine: NegotiationEngine

    def __init__(
        self,
        *,
        num: int = 1,
        opponent: str = "greedy",
        seat: str = "drawn",
        turns: int = 10,
        goods: int = 5,
        most: int = 10,
        reveal: str = "nothing",
        max_steps: int = 50,
    ) -> None:
        """Sit down.

        Args:
            num: Rows.
            opponent: ``"random"`` or ``"greedy"``.
            seat: ``"first"``, ``"second"`` or ``"drawn"``.
            turns: Turns of both players together, >= 2.
            goods: Kinds of goods, 2 to 5.
            most: Most pieces on a side of an offer.
            reveal: What is seen of the other: ``"nothing"``, ``"quantities"`` or ``"everything"``.
            max_steps: Time limit in own moves.

        Raises:
            ValueError: If an argument is outside its range.
        """
        if turns < 2:
            raise ValueError(f"turns must be >= 2 for both to have one, got {turns}")
        self._rules = SimpleNegotiation(turns=turns, goods=goods, most=most, reveal=reveal)
        span = MOST_VALUE * most
        worth = MOST_VALUE * self._rules.quantities[1] * goods
        self.TABLE = (  # type: ignore[misc]  # its ranges depend on the arguments
            _number("gain", "own goods now beside the start, in own values", -worth, worth),
            _number("offered", "what the other's standing offer would bring", -span, span),
            _number("asking", "what the own standing offer would bring", -span, span),
            Feature(
                name="acceptable",
                description="1 if there is an offer that the agent can accept",
                low=0,
                high=1,
                dtype="int",
            ),
            Feature(
                name="turns_left",
                description="turns of both players together",
                low=0,
                high=turns,
                unit="turns",
                dtype="int",
            ),
        )
        super().__init__(num=num, max_steps=max_steps, opponent=opponent, seat=seat, lowest=-1.0)
        self.options |= {"turns": turns, "goods": goods, "most": most, "reveal": reveal}

    def _engine(self, num: int) -> NegotiationEngine:
        return NegotiationEngine(num, self._rules)

    def _opponent(self, name: str) -> Opponent:
        return RandomOpponent() if name == "random" else GreedyTrader()

    def _facts(self, rows: Int) -> dict[str, npt.NDArray[Any]]:
        engine, seat, each = self.engine, self.seat[rows], np.arange(len(rows))
        values = engine.values[rows, seat]
        by, given, pays, asked, wants = engine.offer[rows].T
        brings = values[each, given] * pays - values[each, asked] * wants
        theirs, own = by == 1 - seat, by == seat
        return {
            "gain": engine.gains(rows)[each, seat],
            "offered": np.where(theirs, brings, 0),
            "asking": np.where(own, -brings, 0),
            "acceptable": theirs & (engine.held[rows, seat][each, asked] >= wants),
            "turns_left": self._rules.turns - engine.played[rows],
        }


def _number(name: str, text: str, low: float, high: float) -> Feature:
    return Feature(name=name, description=text, low=low, high=high, unit="worth", dtype="int")


make, make_vector = solo_makers(SoloNegotiation)
