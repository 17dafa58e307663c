"""From rules to explicit data: all states as tables, and the tree of all histories."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.envs.multiagent.chance import thresholds
from operant.envs.multiagent.rules import GameRules
from operant.games import CHANCE, TERMINAL, ExtensiveGame, StateGame
from operant.types import Bool, Float, Int


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class GameTables:
    """All S states that a game of P players and A actions can reach.

    State 0 is the start, and every state comes before those that its moves lead to.

    Attributes:
        mover: (S,) int64, a player, ``CHANCE`` or ``TERMINAL``.
        child: (S, W) int64, where an action, or the k-th outcome of chance, leads; else -1.
        legal: (S, A) bool, the actions of the player to move.
        payoff: (S, P) float64, zero but at terminal states.
        obs: (S, P, ...), what each player sees.
        bounds: Per state where chance moves its cumulated odds, see :func:`thresholds`.
        states: The states themselves.
    """

    mover: Int
    child: Int
    legal: Bool
    payoff: Float
    obs: npt.NDArray[Any]
    bounds: dict[int, Int]
    states: tuple[Any, ...]


@functools.lru_cache(maxsize=16)
def explored(rules: GameRules[Any], limit: int = 1_000_000) -> GameTables:
    """Visit all states of a game.

    Args:
        rules: The game.
        limit: Largest number of states.

    Raises:
        ValueError: If there are more, or moves lead back to an earlier state.
    """
    states, found = [rules.start()], {rules.start(): 0}
    children: list[list[tuple[int, int]]] = []
    for state in states:  # grows on the way
        mover = rules.mover(state)
        edges = []
        for place, move in enumerate(() if mover == TERMINAL else rules.moves(state)):
            after = rules.after(state, move)
            index = found.setdefault(after, len(states))
            if index == len(states):
                _require_below(len(states), limit, "states")
                states.append(after)
            edges.append((place if mover == CHANCE else move, index))
        children.append(edges)
    order = _sorted(children)
    rank = {index: at for at, index in enumerate(order)}
    moved = [[(move, rank[index]) for move, index in children[at]] for at in order]
    return _tabled(rules, [states[at] for at in order], moved)


def _sorted(children: list[list[tuple[int, int]]]) -> list[int]:
    """Return an order in which every state comes before its children.

    Raises:
        ValueError: If there is none.
    """
    waiting = [0] * len(children)
    for edges in children:
        for _, index in edges:
            waiting[index] += 1
    order = [0] if not waiting[0] else []
    for at in order:  # grows on the way
        for _, index in children[at]:
            waiting[index] -= 1
            if not waiting[index]:
                order.append(index)
    if len(order) < len(children):
        raise ValueError("the game can return to an earlier state; count the moves in its states")
    return order


def _tabled(
    rules: GameRules[Any], states: list[Any], children: list[list[tuple[int, int]]]
) -> GameTables:
    count, actions = len(states), len(rules.words)
    mover = np.array([rules.mover(state) for state in states])
    width = max(actions, *(len(edges) for edges in children))
    child = np.full((count, width), -1)
    for at, edges in enumerate(children):
        for place, index in edges:
            child[at, place] = index
    payoff = np.zeros((count, rules.players))
    for end in np.flatnonzero(mover == TERMINAL).tolist():
        payoff[end] = rules.payoff(states[end])
    everybody = range(rules.players)
    tables = GameTables(
        mover=mover,
        child=child,
        legal=(child[:, :actions] >= 0) & (mover >= 0)[:, None],
        payoff=payoff,
        obs=np.array([[rules.seen(state, player) for player in everybody] for state in states]),
        bounds={
            int(at): thresholds(rules.odds(states[at])) for at in np.flatnonzero(mover == CHANCE)
        },
        states=tuple(states),
    )
    for array in (tables.mover, tables.child, tables.legal, tables.payoff, tables.obs):
        array.setflags(write=False)  # they are shared by all who ask
    return tables


def state_game(rules: GameRules[Any], limit: int = 1_000_000) -> StateGame:
    """Return a game without chance and secrets as its states.

    Raises:
        ValueError: If there is chance, if two states look alike to a player, or if there are too
            many.
    """
    tables = explored(rules, limit)
    if (tables.mover == CHANCE).any():
        raise ValueError(f"{type(rules).__name__} has chance; use its tree instead")
    for player in range(rules.players):
        own = np.flatnonzero(tables.mover == player)
        if len({rules.told(tables.states[at], player) for at in own}) < len(own):
            raise ValueError(f"{type(rules).__name__} has secrets; use its tree instead")
    movers = np.maximum(tables.mover, 0)
    return StateGame(
        players=rules.players,
        mover=tables.mover,
        successor=tables.child,
        payoff=tables.payoff,
        obs=tables.obs[np.arange(len(movers)), movers],
    )


def extensive(rules: GameRules[Any], limit: int = 1_000_000) -> ExtensiveGame:
    """Return the tree of all histories of a game.

    Players remember: an information set is what a player is told at a decision, and all that it was
    told and did at its decisions before.

    Args:
        rules: The game.
        limit: Largest number of nodes.

    Raises:
        ValueError: If there are more, or if states that a player cannot tell apart offer different
            actions.
    """
    nodes: list[Any] = [rules.start()]
    edges: list[tuple[int, int, float]] = [(-1, 0, 1.0)]
    memories: list[tuple[Any, ...]] = [(None,) * rules.players]
    infosets: dict[tuple[int, str, Any], int] = {}
    actions: list[tuple[int, ...]] = []
    seen: list[npt.NDArray[Any]] = []
    player, infoset = [], []
    for at, state in enumerate(nodes):  # grows on the way
        mover = rules.mover(state)
        player.append(mover)
        moves = () if mover == TERMINAL else tuple(rules.moves(state))
        odds = rules.odds(state) if mover == CHANCE else [1.0] * len(moves)
        _require_below(len(nodes) + len(moves) - 1, limit, "nodes")
        infoset.append(-1)
        if mover >= 0:
            key = mover, rules.told(state, mover), memories[at][mover]
            infoset[at] = infosets.setdefault(key, len(infosets))
            if infoset[at] == len(actions):
                actions.append(moves)
                seen.append(rules.seen(state, mover))
            elif actions[infoset[at]] != moves:
                raise ValueError(
                    f"player {mover} knows {key[1]!r} with actions {actions[infoset[at]]} and with "
                    f"{moves}: told() must tell these apart"
                )
        for place, move in enumerate(moves):
            nodes.append(rules.after(state, move))
            edges.append((at, place, odds[place]))
            memory = memories[at]
            if mover >= 0:
                memory = (*memory[:mover], (infoset[at], place), *memory[mover + 1 :])
            memories.append(memory)
    utility = np.zeros((len(nodes), rules.players))
    for at, mover in enumerate(player):
        if mover == TERMINAL:
            utility[at] = rules.payoff(nodes[at])
    parent, place_of, chance = zip(*edges, strict=True)
    return ExtensiveGame(
        players=rules.players,
        parent=np.array(parent, np.int64),
        move=np.array(place_of, np.int64),
        player=np.array(player, np.int64),
        chance=np.array(chance, np.float64),
        infoset=np.array(infoset, np.int64),
        utility=utility,
        actions=tuple(actions),
        names=tuple(f"player {who}: {what}" for who, what, _ in infosets),
        obs=np.array(seen),
    )


def _require_below(count: int, limit: int, what: str) -> None:
    if count >= limit:
        raise ValueError(
            f"the game has more than {limit:,} {what}; raise limit, or take a smaller game"
        )
