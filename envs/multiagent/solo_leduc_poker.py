"""Leduc poker against a fixed opponent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from operant.envs.multiagent.explore import explored
from operant.envs.multiagent.leduc_poker import Deal, LeducPoker
from operant.envs.multiagent.solo_envs import solo_makers
from operant.envs.multiagent.solo_tables import TableSolo
from operant.types import Feature

ALWAYS_CALL = (0.0, 1.0, 0.0)
HONEST = {  # by strength: a jack, a queen, a king, a pair
    False: ((0.0, 1.0, 0.0), (0.0, 0.8, 0.2), (0.0, 0.3, 0.7), (0.0, 0.0, 1.0)),
    True: ((0.8, 0.2, 0.0), (0.3, 0.7, 0.0), (0.0, 0.8, 0.2), (0.0, 0.2, 0.8)),
}
"""Odds of fold, call and raise, without and with a raise to answer."""


class SoloLeducPoker(TableSolo):
    """Leduc poker against ``"random"``, ``"calling"`` or ``"honest"`` play.

    ``"calling"`` never folds and never raises; ``"honest"`` raises what is strong and folds what is
    weak, so that its bets can be believed. None of them is an equilibrium.
    """

    RULES = LeducPoker()
    OPPONENTS: ClassVar[tuple[str, ...]] = ("random", "calling", "honest")
    TEXTS: ClassVar[dict[str, str]] = {
        "description": "Both players put in a chip and get one of six cards (two jacks, queens and "
        "kings). Two rounds of bets with at most two raises each, by 2 and then by 4 chips; "
        "between them a public card is dealt. A pair with it wins, else the higher card. The other "
        "player is {opponent}.",
        "observation": "Box(0, 1, (30,), float32): player (2), own card (6), public card (6), for "
        "each of both rounds four times which of call and raise was done (2)",
        "action": "Discrete(3): fold (only facing a raise), call (or check), raise",
        "reward": "chips won, -13 to 13, with the last move",
        "source": "Bayes' bluff: opponent modelling in poker (Southey et al., 2005)",
    }
    TABLE: ClassVar[tuple[Feature, ...]] = tuple(
        Feature(name=name, description=text, low=low, high=high, unit=unit, dtype="int")
        for name, text, low, high, unit in (
            ("rank", "own card: 0 jack, 1 queen, 2 king", 0, 2, ""),
            ("public_rank", "the public card likewise, -1 before it is dealt", -1, 2, ""),
            ("paired", "1 if both are equal", 0, 1, ""),
            ("facing_raise", "1 if there is a raise to answer", 0, 1, ""),
            ("own_chips", "chips that the agent put in", 1, 13, "chips"),
            ("other_chips", "chips that the other put in", 1, 13, "chips"),
        )
    )

    def __init__(
        self, *, num: int = 1, opponent: str = "honest", seat: str = "drawn", max_steps: int = 8
    ) -> None:
        """Sit down.

        Args:
            num: Rows.
            opponent: ``"random"``, ``"calling"`` or ``"honest"``.
            seat: ``"first"``, ``"second"`` or ``"drawn"``.
            max_steps: Time limit in own moves.

        Raises:
            ValueError: If an argument is outside its range.
        """
        super().__init__(
            num=num, max_steps=max_steps, opponent=opponent, seat=seat, lowest=self.RULES.lowest
        )

    @classmethod
    def facts(cls, state: Deal, player: int) -> Sequence[float]:
        """Return cards and chips."""
        rank = state.cards[player] // 2 if len(state.cards) > player else 0
        public = state.cards[2] // 2 if len(state.cards) > 2 else -1
        paid = cls.RULES.stakes(state)
        facing = cls.RULES.mover(state) == player and paid[player] < paid[1 - player]
        return [rank, public, rank == public, facing, paid[player], paid[1 - player]]

    @classmethod
    def weights(cls, name: str) -> Sequence[Sequence[float]]:
        """Return odds of fold, call and raise."""
        odds: list[Sequence[float]] = []
        for state in explored(cls.RULES).states:
            mover = cls.RULES.mover(state)
            if mover < 0 or name == "calling":
                odds.append(ALWAYS_CALL)
                continue
            rank, _, paired, facing, _, _ = cls.facts(state, mover)
            odds.append(HONEST[bool(facing)][3 if paired else int(rank)])
        return odds


make, make_vector = solo_makers(SoloLeducPoker)
