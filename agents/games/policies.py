"""What can sit at a game: networks, tables, chance; all as functions of what a player sees."""

from __future__ import annotations

from typing import Any, Protocol

import gymnasium as gym
import numpy as np
import torch

from operant.agents.base import Array
from operant.agents.games.sequence_form import SequenceForm
from operant.agents.native.answers import DistinctPolicy
from operant.agents.native.encoder import Tensors
from operant.agents.native.heads import conditioned
from operant.agents.native.policy import NativePolicy, computing
from operant.games import TERMINAL, ExtensiveGame, StateGame
from operant.types import Bool, Float, Int

MOST_KEPT = 1 << 18
"""Different inputs whose answers a :class:`NetworkSeat` remembers at most."""


class Seat(Protocol):
    """Plays any role of a game."""

    def probabilities(self, obs: Array, legal: Bool, role: Int) -> Float:
        """Return how likely each action is, (B, A); 0 where it is illegal.

        Args:
            obs: (B, ...) what the players to move see.
            legal: (B, A) what they may do.
            role: (B,) which players they are.
        """


class UniformSeat:
    """Does everything that is legal equally often."""

    def probabilities(self, obs: Array, legal: Bool, role: Int) -> Float:  # noqa: ARG002
        """Return equal probabilities of legal actions; see :class:`Seat`."""
        uniform: Float = legal / legal.sum(1, keepdims=True)
        return uniform


class NetworkSeat:
    """A trained network, which must not change any more; answers are kept by what is seen.

    Attributes:
        policy: The network.
        players: P.
        roles: True if it is told its role beside what it sees; see :func:`with_roles`.
    """

    def __init__(self, policy: NativePolicy, *, players: int, roles: bool) -> None:
        """Wrap a network.

        Raises:
            ValueError: If it has a memory, or its actions are not Discrete.
        """
        if policy.memory_shape is not None:
            raise ValueError("a policy with a memory cannot take turns with others: recurrent=None")
        sizes: list[int] = getattr(policy.head, "sizes", [])
        if len(sizes) != 1:
            raise ValueError("the policy's action space must be Discrete")
        self.policy, self.players, self.roles = policy, players, roles
        self._known = DistinctPolicy(self._evaluate, sizes, 1)

    def probabilities(self, obs: Array, legal: Bool, role: Int) -> Float:
        """Return the network's probabilities; see :class:`Seat`."""
        if len(self._known.table) > MOST_KEPT:
            self._known.clear()
        seen = with_roles(obs, role, self.players) if self.roles else obs
        with computing(1):
            parts = self.policy.model.encoder.parts(seen)
            ids = self._known.ids({"obs": parts[""], "mask": legal})
        logs = self._known.logits(ids).numpy().astype(np.float64)
        chances: Float = np.where(legal, np.exp(logs), 0.0)
        chances /= chances.sum(1, keepdims=True)
        return chances

    def _evaluate(self, parts: Tensors) -> tuple[torch.Tensor, torch.Tensor]:
        device = self.policy.model.action_net.weight.device
        logits, values = self.policy.model({"": parts["obs"].to(device)})
        return conditioned(logits.cpu(), None, parts["mask"]), values[:, :1].cpu()


class TableSeat:
    """Plays a policy of a game tree, (I, A): finds the information set by what it sees."""

    def __init__(self, form: SequenceForm, policy: Float) -> None:
        """Index the information sets.

        Raises:
            ValueError: If two of them look alike to their player, or the policy does not fit.
        """
        policy, game = form.checked(policy), form.game
        rows = _with_role(game.obs, form.owner)
        if len(np.unique(rows, axis=0)) < len(rows):
            raise ValueError(
                "game.obs must differ between the information sets of a player: only then can a "
                "table be played by what is seen"
            )
        # Rows are found by a number each, and then compared: chance makes the numbers different.
        self._lot = np.random.default_rng(0).random(rows.shape[1])
        order = np.argsort(self._numbers(rows))
        self._rows, self._sorted = rows[order], self._numbers(rows[order])
        self._policy, self._actions = policy[order], [game.actions[row] for row in order]

    def probabilities(self, obs: Array, legal: Bool, role: Int) -> Float:
        """Return the table's probabilities; see :class:`Seat`.

        Raises:
            ValueError: If something is seen that the tree does not hold.
        """
        rows = _with_role(obs, role)
        places = np.searchsorted(self._sorted, self._numbers(rows))
        places = np.minimum(places, len(self._sorted) - 1)
        strange = (self._rows[places] != rows).any(1)
        if strange.any():
            row = int(np.flatnonzero(strange)[0])
            raise ValueError(
                f"obs[{row}] of player {int(role[row])} is not in the tree: {obs[row].tolist()}"
            )
        chances = np.zeros(legal.shape)
        for place in np.unique(places):
            actions, mine = list(self._actions[place]), np.flatnonzero(places == place)
            chances[np.ix_(mine, actions)] = self._policy[place, : len(actions)]
        return chances

    def _numbers(self, rows: Float) -> Float:
        number: Float = (rows * self._lot).sum(1)
        return number


def with_roles(obs: Array, role: Int, players: int) -> Array:
    """Return observations, (B, ...), flat and with the role one-hot behind, in their type."""
    flat = obs.reshape(len(obs), -1)
    return np.concatenate([flat, np.eye(players, dtype=flat.dtype)[role]], 1)


def role_space(box: gym.spaces.Box, players: int) -> gym.spaces.Box:
    """Return the space of observations with the role one-hot behind, flat."""
    dtype: Any = box.dtype
    roles = np.ones(players)
    return gym.spaces.Box(
        np.concatenate([box.low.ravel(), 0 * roles]).astype(dtype),
        np.concatenate([box.high.ravel(), roles]).astype(dtype),
        dtype=dtype,
    )


def tree_policy(seat: Seat, form: SequenceForm, num_actions: int) -> Float:
    """Return what a seat does in all information sets of a game, (I, A).

    Args:
        seat: What plays.
        form: The game.
        num_actions: Actions of the game's action space.
    """
    game = form.game
    legal = _legal(game, num_actions)
    chances = seat.probabilities(game.obs, legal, form.owner)
    table = np.zeros(form.shape)
    for row, actions in enumerate(game.actions):
        table[row, : len(actions)] = chances[row, list(actions)]
    return table


def state_policy(seat: Seat, game: StateGame) -> Float:
    """Return what a seat does in all states of a game, (S, A); nothing in terminal ones."""
    table = np.zeros(game.legal.shape)
    open_ = game.mover != TERMINAL
    table[open_] = seat.probabilities(game.obs[open_], game.legal[open_], game.mover[open_])
    return table


def draw(chances: Float, uniforms: Float) -> Int:
    """Return an action per row by inverting the distribution function.

    Args:
        chances: (B, A) probabilities.
        uniforms: (B,) in [0, 1).
    """
    total = np.cumsum(chances, 1)
    # The sum may round to less than 1: beyond it the last possible action is meant.
    last = chances.shape[1] - 1 - np.argmax(chances[:, ::-1] > 0, 1)
    actions: Int = np.minimum((total <= uniforms[:, None]).sum(1), last)
    return actions


def _legal(game: ExtensiveGame, num_actions: int) -> Bool:
    legal = np.zeros((len(game.actions), num_actions), np.bool_)
    for row, actions in enumerate(game.actions):
        legal[row, list(actions)] = True
    return legal


def _with_role(obs: Array, role: Int) -> Float:
    return np.column_stack([obs.reshape(len(obs), -1), role]).astype(np.float64)
