"""Kuhn poker against a fixed opponent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from operant.envs.multiagent.explore import explored
from operant.envs.multiagent.kuhn_poker import Hand, KuhnPoker, bets
from operant.envs.multiagent.solo_envs import solo_makers
from operant.envs.multiagent.solo_tables import TableSolo
from operant.types import Feature


class SoloKuhnPoker(TableSolo):
    """Kuhn poker against ``"random"`` actions, or an equilibrium: ``"optimal"``."""

    RULES = KuhnPoker()
    OPPONENTS: ClassVar[tuple[str, ...]] = ("random", "optimal")
    TEXTS: ClassVar[dict[str, str]] = {
        "description": "Both players put in a chip and get one of three cards. The first checks or "
        "bets a chip; whoever faces a bet folds or calls. The higher card wins. The other player "
        "is {opponent}.",
        "observation": "Box(0, 1, (11,), float32): player (2), own card (3), three times which of "
        "pass and bet was done (2)",
        "action": "Discrete(2): pass (check or fold), bet (bet or call)",
        "reward": "chips won, -2 to 2, with the last move",
        "source": "A simplified two-person poker (Kuhn, 1950)",
    }
    TABLE: ClassVar[tuple[Feature, ...]] = (
        Feature(name="card", description="0 jack, 1 queen, 2 king", low=0, high=2, dtype="int"),
        Feature(
            name="facing_bet", description="1 if the other bet last", low=0, high=1, dtype="int"
        ),
        Feature(
            name="own_chips",
            description="chips that the agent put in",
            low=1,
            high=2,
            unit="chips",
            dtype="int",
        ),
    )

    def __init__(
        self, *, num: int = 1, opponent: str = "optimal", seat: str = "drawn", max_steps: int = 2
    ) -> None:
        """Sit down.

        Args:
            num: Rows.
            opponent: ``"random"`` or ``"optimal"``.
            seat: ``"first"``, ``"second"`` or ``"drawn"``.
            max_steps: Time limit in own moves.

        Raises:
            ValueError: If an argument is outside its range.
        """
        super().__init__(
            num=num, max_steps=max_steps, opponent=opponent, seat=seat, lowest=self.RULES.lowest
        )

    @classmethod
    def facts(cls, state: Hand, player: int) -> Sequence[float]:
        """Return card, whether there is a bet, and own chips."""
        card = state.cards[player] if len(state.cards) > player else 0
        own = state.history[player::2]
        facing = state.history.endswith("b") and len(state.history) % 2 == player
        return [card, facing, 1 + ("b" in own)]

    @classmethod
    def weights(cls, name: str) -> Sequence[Sequence[float]]:  # noqa: ARG003 (there is one)
        """Return an equilibrium's odds of pass and bet."""
        known = bets(0.0)
        odds = []
        for state in explored(cls.RULES).states:
            mover = cls.RULES.mover(state)
            bet = known[cls.RULES.told(state, mover)] if mover >= 0 else 0.0
            odds.append((1 - bet, bet))
        return [*odds]


make, make_vector = solo_makers(SoloKuhnPoker)
