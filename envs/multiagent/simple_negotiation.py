"""SimpleNegotiation: two traders whose goods are worth different things to them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.envs.multiagent.rules import GameRules
from operant.games import CHANCE, TERMINAL

GOODS = ("wheat", "wood", "sheep", "brick", "ore")
BASES = (5, 10, 15, 25, 40)
"""What a piece is worth on average."""
LEAST_VALUE, MOST_VALUE = 5, 40
PASS, ACCEPT, OFFERS = 0, 1, 2
"""Actions; offers are those from :data:`OFFERS` on."""
REVEALS = ("nothing", "quantities", "everything")
PAYOFFS = ("outcome", "gain")

Offer = tuple[int, int, int, int, int]
"""Who offers, the good given, how many, the good asked for, how many."""
Pair = tuple[tuple[int, ...], tuple[int, ...]]


@dataclasses.dataclass(frozen=True, slots=True)
class Bargain:
    """A state of a negotiation.

    Attributes:
        dealt: What was drawn so far: first the quantities, then the values, of both players.
        held: What the players have, good by good, first the first player's; empty before the deal.
        turn: Turns that are over.
        offer: The standing offer, or None.
    """

    dealt: tuple[int, ...] = ()
    held: tuple[int, ...] = ()
    turn: int = 0
    offer: Offer | None = None


@dataclasses.dataclass(frozen=True)
class SimpleNegotiation(GameRules[Bargain]):
    """A negotiation of two players over some goods.

    Description:
        Each player has goods, and knows what a piece of each is worth to the own side. In turns
        they pass, accept the other's standing offer, or make an offer: so many of one good for so
        many of another. A standing offer is not withdrawn by passing, only by a new one or when
        it is accepted. Whoever gained more in the own values wins.
    Observation:
        Box(0, 2, (8 G + 1,), float32) with G goods: own quantities / the most at the start (G), own
        values / 40 (G), the other's quantities and values likewise, where they are revealed (2 G),
        the own standing offer, pieces given and asked for / the most of an offer (2 G), the other's
        (2 G), turns that are over / turns.
    Action:
        Discrete(2 + G (G - 1) M^2), M the most pieces of an offer: pass, accept, offers in the
        order of given good, good asked for, pieces given, pieces asked for; see :meth:`offer_of`
        and :meth:`action_of`. Accepting needs an offer of the other and the goods asked for, an
        offer needs the goods given.
    Reward:
        At the end, ``payoff="outcome"``: 1 for the winner and -1 for the loser, 0 for both in a
        draw. ``payoff="gain"``: the own gain / the worth of the own goods at the start.
    Termination:
        After so many turns of both players together.
    Source: SimpleNegotiation of TextArena (Guertler et al., 2025), as SPIRAL uses it (Liu et al.,
        2025).
    Deviation: offers have one good per side, and a turn is one of three things, where the text game
        lets a player accept and offer at once.
    """

    turns: int = 10
    goods: int = 5
    most: int = 10
    quantities: tuple[int, int] = (5, 25)
    reveal: str = "nothing"
    payoff_of: str = "outcome"
    start_held: Pair | None = None
    start_values: Pair | None = None

    def __post_init__(self) -> None:
        """Check the arguments.

        Raises:
            ValueError: If one is outside its range.
        """
        if not 2 <= self.goods <= len(GOODS):
            raise ValueError(f"goods must lie in [2, {len(GOODS)}], got {self.goods}")
        if self.turns < 1 or self.most < 1:
            raise ValueError(f"turns and most must be >= 1, got {self.turns} and {self.most}")
        low, high = self.quantities
        if not 0 <= low <= high or high < 1:
            raise ValueError(f"quantities must be 0 <= low <= high >= 1, got {self.quantities}")
        if self.reveal not in REVEALS:
            raise ValueError(f"reveal must be one of {REVEALS}, got {self.reveal!r}")
        if self.payoff_of not in PAYOFFS:
            raise ValueError(f"payoff_of must be one of {PAYOFFS}, got {self.payoff_of!r}")
        for name, pair, top in (
            ("start_held", self.start_held, high),
            ("start_values", self.start_values, MOST_VALUE),
        ):
            sizes = [] if pair is None else [len(part) for part in pair]
            inside = pair is None or all(0 <= n <= top for part in pair for n in part)
            if (pair is not None and sizes != [self.goods] * 2) or not inside:
                raise ValueError(
                    f"{name} must be two tuples of {self.goods} numbers in [0, {top}], got {pair}"
                )

    @property
    def space(self) -> gym.spaces.Box:
        """Quantities, values, offers, turns."""
        return gym.spaces.Box(0.0, 2.0, (8 * self.goods + 1,), np.float32)

    @property
    def words(self) -> Sequence[str]:
        """What each action says."""
        return _all_words(self.goods, self.most)

    @property
    def offers(self) -> list[tuple[int, int, int, int]]:
        """All offers in the order of actions: good given, pieces, asked for, pieces."""
        return _all_offers(self.goods, self.most)

    def offer_of(self, action: int) -> tuple[int, int, int, int] | None:
        """Return good given, pieces, good asked for and pieces; None if it is no offer.

        >>> SimpleNegotiation().offer_of(2)
        (0, 1, 1, 1)
        """
        if action < OFFERS:
            return None
        rest, wants = divmod(action - OFFERS, self.most)
        rest, pays = divmod(rest, self.most)
        given, other = divmod(rest, self.goods - 1)
        return given, pays + 1, other + (other >= given), wants + 1

    def action_of(self, given: int, pays: int, asked: int, wants: int) -> int:
        """Return the action that offers ``pays`` pieces of one good for ``wants`` of another.

        >>> rules = SimpleNegotiation()
        >>> rules.offer_of(rules.action_of(4, 3, 0, 10))
        (4, 3, 0, 10)
        """
        pair = given * (self.goods - 1) + asked - (asked > given)
        return OFFERS + (pair * self.most + pays - 1) * self.most + wants - 1

    def value_range(self, good: int) -> tuple[int, int]:
        """Return the smallest and the largest value that a good can have.

        >>> SimpleNegotiation().value_range(0), SimpleNegotiation().value_range(4)
        ((5, 6), (32, 40))
        """
        base = BASES[good]
        spread = int(0.2 * base)
        return max(base - spread, LEAST_VALUE), min(base + spread, MOST_VALUE)

    def cells(self) -> list[tuple[int, int]]:
        """Return the smallest and the largest number of everything that is dealt, in order."""
        both = [*range(self.goods)] * 2
        held = [self.quantities] * len(both) if self.start_held is None else []
        values = [self.value_range(good) for good in both] if self.start_values is None else []
        return held + values

    def start(self) -> Bargain:
        """Return the table before the deal, or after it where all is given."""
        return self._laid_out(Bargain())

    def mover(self, state: Bargain) -> int:
        """Return whose turn it is; chance deals."""
        if not state.held:
            return CHANCE
        return TERMINAL if state.turn == self.turns else state.turn % 2

    def moves(self, state: Bargain) -> Sequence[int]:
        """Return the numbers that can be dealt, or what the player may do."""
        if not state.held:
            low, high = self.cells()[len(state.dealt)]
            return range(low, high + 1)
        player = state.turn % 2
        own = state.held[player * self.goods : (player + 1) * self.goods]
        offer = state.offer
        accept = offer is not None and offer[0] != player and own[offer[3]] >= offer[4]
        legal = [PASS, ACCEPT] if accept else [PASS]
        for action, (given, pays, _, _) in enumerate(self.offers, OFFERS):
            if pays <= own[given]:
                legal.append(action)
        return legal

    def after(self, state: Bargain, move: int) -> Bargain:
        """Deal a number, or do what the player does."""
        if not state.held:
            return self._laid_out(dataclasses.replace(state, dealt=(*state.dealt, move)))
        held, offer = state.held, state.offer
        if move == ACCEPT and offer is not None:
            held, offer = self._exchanged(held, offer), None
        elif move >= OFFERS:
            given, pays, asked, wants = self.offer_of(move) or (0, 0, 0, 0)
            offer = state.turn % 2, given, pays, asked, wants
        return Bargain(state.dealt, held, state.turn + 1, offer)

    def gains(self, state: Bargain) -> tuple[int, int]:
        """Return how much more the players' goods are worth to them than at the start."""
        start, values = self.given(state)
        worth = [
            value * (now - then) for value, now, then in zip(values, state.held, start, strict=True)
        ]
        return sum(worth[: self.goods]), sum(worth[self.goods :])

    def payoff(self, state: Bargain) -> Sequence[float]:
        """Return who won, or the relative gains."""
        first, second = self.gains(state)
        if self.payoff_of == "outcome":
            won = float((first > second) - (first < second))
            return won, -won
        start, values = self.given(state)
        worth = [value * then for value, then in zip(values, start, strict=True)]
        return (
            first / max(sum(worth[: self.goods]), 1),
            second / max(sum(worth[self.goods :]), 1),
        )

    def given(self, state: Bargain) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the quantities at the start and the values, each of the first player first."""
        dealt, count = state.dealt, 2 * self.goods
        start = sum(self.start_held, ()) if self.start_held is not None else dealt[:count]
        fixed = self.start_values
        return start, dealt[-count:] if fixed is None else sum(fixed, ())

    def seen(self, state: Bargain, player: int) -> npt.NDArray[np.float32]:
        """Return quantities, values, offers and turns."""
        size, seen = self.goods, np.zeros((8, self.goods))
        if state.held:
            _, values = self.given(state)
            held = np.array(state.held).reshape(2, size) / self.quantities[1]
            worth = np.array(values).reshape(2, size) / MOST_VALUE
            seen[0], seen[1] = held[player], worth[player]
            if self.reveal != "nothing":
                seen[2] = held[1 - player]
            if self.reveal == "everything":
                seen[3] = worth[1 - player]
        if state.offer is not None:
            by, given, pays, asked, wants = state.offer
            place = 4 if by == player else 6
            seen[place, given], seen[place + 1, asked] = pays / self.most, wants / self.most
        return np.append(seen, state.turn / self.turns).astype(np.float32)

    def told(self, state: Bargain, player: int) -> str:
        """Return turn, own goods and values, the offer, and what is revealed of the other."""
        if not state.held:
            return "-"
        start, values = self.given(state)

        def of(numbers: tuple[int, ...], who: int) -> str:
            return ",".join(map(str, numbers[who * self.goods : (who + 1) * self.goods]))

        other = 1 - player
        words = [f"turn {state.turn}", f"holds {of(state.held, player)} of {of(start, player)}"]
        words.append(f"worth {of(values, player)}")
        if self.reveal != "nothing":
            words.append(f"the other holds {of(state.held, other)} of {of(start, other)}")
        if self.reveal == "everything":
            words.append(f"worth {of(values, other)}")
        if state.offer is not None:
            words.append(f"player {state.offer[0]} offers {_said(state.offer[1:])}")
        return "; ".join(words)

    def text(self, state: Bargain) -> str:
        """Return the table for a person who may see everything."""
        if not state.held:
            return "before the deal"
        _, values = self.given(state)
        names = GOODS[: self.goods]
        lines = [f"turns: {state.turn} of {self.turns}"]
        for player in (0, 1):
            at = slice(player * self.goods, (player + 1) * self.goods)
            has = ", ".join(
                f"{count} {name} (worth {value})"
                for name, count, value in zip(names, state.held[at], values[at], strict=True)
            )
            lines.append(f"player {player}: {has}; gain {self.gains(state)[player]:+d}")
        standing = state.offer
        said = "none" if standing is None else f"player {standing[0]}: {_said(standing[1:])}"
        return "\n".join([*lines, f"standing offer: {said}"])

    def _laid_out(self, state: Bargain) -> Bargain:
        """Hand the goods out when everything is dealt."""
        if len(state.dealt) < len(self.cells()):
            return state
        start, _ = self.given(state)
        return dataclasses.replace(state, held=start)

    def _exchanged(self, held: tuple[int, ...], offer: Offer) -> tuple[int, ...]:
        by, given, pays, asked, wants = offer
        now, own, other = list(held), by * self.goods, (1 - by) * self.goods
        now[own + given] -= pays
        now[other + given] += pays
        now[other + asked] -= wants
        now[own + asked] += wants
        return tuple(now)


@functools.cache
def _all_offers(goods: int, most: int) -> list[tuple[int, int, int, int]]:
    pieces = range(1, most + 1)
    return [
        (given, pays, asked, wants)
        for given in range(goods)
        for asked in range(goods)
        if asked != given
        for pays in pieces
        for wants in pieces
    ]


@functools.cache
def _all_words(goods: int, most: int) -> list[str]:
    return ["pass", "accept", *(_said(offer) for offer in _all_offers(goods, most))]


def _said(offer: tuple[int, int, int, int] | tuple[int, ...]) -> str:
    given, pays, asked, wants = offer
    return f"{pays} {GOODS[given]} for {wants} {GOODS[asked]}"
