"""Matches: several rounds of a game with two players, of which the winner takes all."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.envs.multiagent.kuhn_poker import KuhnPoker
from operant.envs.multiagent.makers import game_makers
from operant.envs.multiagent.rules import GameRules
from operant.games import TERMINAL


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """A state of a match.

    Attributes:
        played: Rounds that are over.
        lead: Chips by which the first player is ahead.
        hand: State of the running round, whose seats are swapped in every second round.
    """

    played: int
    lead: int
    hand: Any


@dataclasses.dataclass(frozen=True)
class KuhnMatch(GameRules[Standing]):
    """A match of Kuhn poker.

    Description:
        Some rounds of Kuhn poker, begun by the players in turns; whoever has more chips afterwards
        wins.
    Observation:
        Box(-1, 1, (13,), float32): what Kuhn poker shows to the seat that the player has in this
        round (11), own lead in chips / (2 rounds), rounds that are over / rounds.
    Action:
        Discrete(2): pass (check or fold), bet (bet or call).
    Reward:
        At the end of the match 1 for the winner and -1 for the loser, 0 for both in a draw.
    Termination:
        After the last round; a lead that cannot be lost any more does not end a match.

    Source: SPIRAL: self-play on zero-sum games (Liu et al., 2025) and TextArena for the match.

    Deviation: players do not see cards that were shown in rounds that are over, which tell nothing
    about the next ones.
    """

    rounds: int = 3

    def __post_init__(self) -> None:
        """Check the number of rounds.

        Raises:
            ValueError: If it is outside its range.
        """
        if not 1 <= self.rounds <= 25:
            raise ValueError(f"rounds must lie in [1, 25], got {self.rounds}")

    @property
    def space(self) -> gym.spaces.Box:
        """Seat, card and history; lead and rounds."""
        low = np.array([0.0] * 11 + [-1.0, 0.0], np.float32)
        return gym.spaces.Box(low, np.ones(13, np.float32))

    @property
    def words(self) -> Sequence[str]:
        """Pass and bet."""
        return KUHN.words

    def start(self) -> Standing:
        """Return the table before the first round."""
        return Standing(0, 0, KUHN.start())

    def mover(self, state: Standing) -> int:
        """Return whose turn it is; chance deals."""
        seat = KUHN.mover(state.hand)
        return seat if seat < 0 else self._swapped(state, seat)

    def moves(self, state: Standing) -> Sequence[int]:
        """Return what may be done in the round."""
        return KUHN.moves(state.hand)

    def after(self, state: Standing, move: int) -> Standing:
        """Go on with the round, and with the next one after its end."""
        hand = KUHN.after(state.hand, move)
        if KUHN.mover(hand) != TERMINAL:
            return dataclasses.replace(state, hand=hand)
        lead = state.lead + int(KUHN.payoff(hand)[self._swapped(state, 0)])
        played = state.played + 1
        return Standing(played, lead, hand if played == self.rounds else KUHN.start())

    def payoff(self, state: Standing) -> Sequence[float]:
        """Return who won the match."""
        won = float(np.sign(state.lead))
        return won, -won

    def seen(self, state: Standing, player: int) -> npt.NDArray[np.float32]:
        """Return what the player's seat sees, and how the match stands."""
        seat = KUHN.seen(state.hand, self._swapped(state, player))
        lead = state.lead * (1 - 2 * player) / (2 * self.rounds)
        return np.append(seat, np.array([lead, state.played / self.rounds], np.float32))

    def told(self, state: Standing, player: int) -> str:
        """Return rounds played, the first player's lead, and what is known of the round."""
        known = KUHN.told(state.hand, self._swapped(state, player))
        return f"{state.played} {state.lead:+d} {known}"

    def text(self, state: Standing) -> str:
        """Return how the match stands, and the round with the first player's card first."""
        number = min(state.played + 1, self.rounds)
        first = "second" if self._swapped(state, 0) else "first"
        return (
            f"round {number} of {self.rounds}, begun by the {first} player, "
            f"who is first in what follows\n"
            f"lead of the first player: {state.lead:+d}\n{KUHN.text(state.hand)}"
        )

    def _swapped(self, state: Standing, player: int) -> int:
        """Return a player's seat in the running round, or the player in a seat."""
        # the last hand stays on the table when the match is over
        number = min(state.played, self.rounds - 1)
        return player if number % 2 == 0 else 1 - player


KUHN = KuhnPoker()

make, make_batch = game_makers(KuhnMatch)
