"""A game tree as solvers want it: by what a player has done, instead of node by node."""

from __future__ import annotations

import numpy as np

from operant.games import CHANCE, TERMINAL, ExtensiveGame
from operant.types import Bool, Float, Int

TOLERANCE = 1e-6
"""How far the probabilities of an information set may be from summing up to 1."""


class SequenceForm:
    """The sequence form of a finite game with perfect recall.

    A *sequence* is what a player has done so far: its last information set and the action there.
    Sequence ``i * A + a`` is action ``a`` in information set ``i``, with A the largest number of
    actions; the last P sequences are those of players who have not moved yet. What a policy earns
    is linear in the *realisation weights* of sequences, the products of the player's own
    probabilities along them, so that one evaluation touches each leaf once and nothing between.

    A policy is an array (I, A): in each row the probabilities of the set's actions, 0 beyond them.

    Attributes:
        game: The game.
        players: P.
        shape: (I, A) of a policy.
        owner: (I,) whose information set it is.
        legal: (I, A) bool, which actions there are.
        before: (I,) the owner's sequence that leads to each information set.

    Source: Efficient Computation of Behavior Strategies (von Stengel, 1996), sections 3 and 4.
    """

    def __init__(self, game: ExtensiveGame) -> None:
        """Read a tree.

        Raises:
            ValueError: If it is no tree in order, or a player forgets what it knew or did, which no
                method here can solve.
        """
        self.game, self.players = game, game.players
        counts = np.array([len(actions) for actions in game.actions], np.int64)
        self.shape = len(counts), int(counts.max(initial=1))
        self.legal: Bool = np.arange(self.shape[1]) < counts[:, None]
        self.owner: Int = game.owner()
        _check_order(game)
        last, chance = self._followed()
        self.before: Int = self._recalled(last)
        self._levels = self._by_depth()
        leaves = game.player == TERMINAL
        self._leaf_sequence, self._leaf_chance = last[leaves], chance[leaves]
        self._leaf_utility = game.utility[leaves]

    @property
    def sequences(self) -> int:
        """Number of sequences, those of nobody's move included."""
        return self.shape[0] * self.shape[1] + self.players

    def _followed(self) -> tuple[Int, Float]:
        """Return per node the last sequence of each player, (H, P), and chance's share, (H,)."""
        game, (sets, width) = self.game, self.shape
        nodes = len(game.parent)
        last = np.tile(sets * width + np.arange(self.players), (nodes, 1))
        chance = np.ones(nodes)
        for level in _levels_of(game.parent):
            parent = game.parent[level]
            last[level], chance[level] = last[parent], chance[parent] * game.chance[level]
            moved = game.player[parent] >= 0
            by = parent[moved]
            sequence = game.infoset[by] * width + game.move[level[moved]]
            last[level[moved], game.player[by]] = sequence
        return last, chance

    def _recalled(self, last: Int) -> Int:
        """Return the sequence that leads to each information set, the same from all its nodes."""
        nodes = np.flatnonzero(self.game.infoset >= 0)
        sets = self.game.infoset[nodes]
        found = last[nodes, self.game.player[nodes]]
        before = np.zeros(self.shape[0], np.int64)
        before[sets] = found
        differs = before[sets] != found
        if differs.any():
            name = self.game.names[sets[differs][0]]
            raise ValueError(
                f"the game must have perfect recall: in information set {name!r} its player no "
                "longer knows what it did or saw before; give these nodes different sets"
            )
        return before

    def _by_depth(self) -> list[Int]:
        """Return the information sets by the number of own moves before them."""
        sets, width = self.shape
        depth = np.zeros(sets, np.int64)
        after = np.flatnonzero(self.before < sets * width)
        for _ in range(sets):  # a set's depth is known one pass after its predecessor's
            known = depth[self.before[after] // width] + 1
            if np.array_equal(known, depth[after]):
                break
            depth[after] = known
        return [np.flatnonzero(depth == d) for d in range(int(depth.max(initial=-1)) + 1)]

    # ---- policies ---------------------------------------------------------------------------

    def uniform(self) -> Float:
        """Return the policy that does everything equally often, (I, A)."""
        uniform: Float = self.legal / self.legal.sum(1, keepdims=True)
        return uniform

    def checked(self, policy: Float) -> Float:
        """Return a policy as float64.

        Raises:
            ValueError: If it is not (I, A), or a row is no distribution over the set's actions.
        """
        policy = np.asarray(policy, np.float64)
        if policy.shape != self.shape:
            raise ValueError(f"policy must have the shape {self.shape}, got {policy.shape}")
        outside = ((policy < 0) | (~self.legal & (policy != 0))).any(1)
        bad = outside | ~(np.abs(policy.sum(1) - 1) <= TOLERANCE)
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise ValueError(
                f"policy[{row}] must be probabilities of the {int(self.legal[row].sum())} actions "
                f"of {self.game.names[row]!r} that sum up to 1, got {policy[row].tolist()}"
            )
        return policy

    def realisation(self, policy: Float) -> Float:
        """Return the realisation weights of all sequences, (sequences,)."""
        weights = np.ones(self.sequences)
        table = weights[: -self.players].reshape(self.shape)
        for rows in self._levels:
            table[rows] = weights[self.before[rows], None] * policy[rows]
        return weights

    def behaviour(self, weights: Float) -> Float:
        """Return the policy of realisation weights, (I, A); uniform where they are all 0."""
        table = weights[: -self.players].reshape(self.shape)
        total = table.sum(1, keepdims=True)
        return np.where(total > 0, table / np.where(total > 0, total, 1.0), self.uniform())

    # ---- values -----------------------------------------------------------------------------

    def gains(self, weights: Float, player: int) -> Float:
        """Return what a player gets at the leaves right below its sequences, (sequences,).

        Each leaf counts with the probability that chance and the others lead to it.

        Args:
            weights: Realisation weights of the others.
            player: The player.
        """
        reach = self._leaf_chance.copy()
        for other in range(self.players):
            if other != player:
                reach *= weights[self._leaf_sequence[:, other]]
        paid = reach * self._leaf_utility[:, player]
        gained: Float = np.zeros(self.sequences)
        np.add.at(gained, self._leaf_sequence[:, player], paid)
        return gained

    def counterfactual(self, gains: Float, policy: Float | None) -> tuple[Float, Float]:
        """Return what sequences and information sets are worth.

        Args:
            gains: (sequences,) sum of :meth:`gains` over the players looked at.
            policy: (I, A) how their owners play on, or None if as well as possible.

        Returns:
            (sequences,) values with what follows, the last P those of the game; and (I,) values of
            information sets. All are weighted by the reach of chance and the others.
        """
        values, sets = gains.copy(), np.zeros(self.shape[0])
        table = values[: -self.players].reshape(self.shape)
        for rows in reversed(self._levels):
            if policy is None:
                sets[rows] = np.where(self.legal[rows], table[rows], -np.inf).max(1)
            else:
                sets[rows] = (policy[rows] * table[rows]).sum(1)
            np.add.at(values, self.before[rows], sets[rows])
        return values, sets


def _check_order(game: ExtensiveGame) -> None:
    parent, nodes = game.parent, np.arange(len(game.parent))
    late = np.flatnonzero((parent >= nodes) | ((parent < 0) & (nodes > 0)))
    if len(late) or len(nodes) == 0 or parent[0] != -1:
        node = int(late[0]) if len(late) else 0
        raise ValueError(f"parent of node {node} must come before it; node 0 is the root (-1)")
    if (game.player[np.unique(parent[1:])] == TERMINAL).any():
        raise ValueError("a terminal node must have no children")
    decides = game.player >= 0
    if ((game.infoset >= 0) != decides).any() or (game.player < TERMINAL).any():
        raise ValueError(
            f"infoset must be >= 0 where a player moves and -1 at chance ({CHANCE}) and terminal "
            f"({TERMINAL}) nodes"
        )


def _levels_of(parent: Int) -> list[Int]:
    """Return the nodes by their depth, without the root."""
    depth = np.zeros(len(parent), np.int64)
    while True:
        deeper = np.where(parent >= 0, depth[parent] + 1, 0)
        if np.array_equal(deeper, depth):
            break
        depth = deeper
    order = np.argsort(depth, kind="stable")
    return np.split(order, np.searchsorted(depth[order], np.arange(1, int(depth.max()) + 1)))[1:]
