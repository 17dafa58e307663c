"""Exact methods as agents: what they do to a game costs steps, as playing it does."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

from operant.agents.base import AgentConfig, Array, Arrays, Json, check_identity
from operant.agents.games.sequence_form import SequenceForm
from operant.games import GameForms, StateGame
from operant.types import Float

ROLLOUT = 4096
"""Steps between two calls of ``on_rollout``, at least."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SolverConfig(AgentConfig):
    """What exact methods have in common: outcomes of games are not discounted."""

    gamma: float = 1.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If the discount is not 1.
        """
        super().__post_init__()
        if self.gamma != 1.0:
            raise ValueError(f"gamma must be 1, as games are not discounted, got {self.gamma}")


class Solver(abc.ABC):
    """A method that is given the whole game, as a :class:`TablePlayer`.

    A step is a node of the tree that was visited, of which a move in play is one too: with equal
    steps, methods have seen equally much of the game.
    """

    id: ClassVar[str]
    """Registry id."""
    config_class: ClassVar[type[SolverConfig]] = SolverConfig

    def __init__(self, game: GameForms, *, config: SolverConfig | None = None) -> None:
        """Look at the game.

        Args:
            game: The game.
            config: Settings; None for the defaults.

        Raises:
            ValueError: If the game is unsuitable.
        """
        self.config = self.config_class() if config is None else config
        self._num_steps = 0
        self._read(game)

    @classmethod
    def for_game(cls, game: GameForms, *, num_envs: int, config: Any, seed: int) -> Self:  # noqa: ARG003
        """Build it; it plays no games and has no chance. See :func:`make_game_agent`."""
        return cls(game, config=config)

    # ---- what a method says -----------------------------------------------------------------

    @abc.abstractmethod
    def _read(self, game: GameForms) -> None:
        """Take from a game what is needed."""

    @abc.abstractmethod
    def table(self, game: SequenceForm | StateGame) -> Float:
        """Return its policy; see :meth:`TablePlayer.table`."""

    def _advance(self) -> int:
        """Work for a while, and return the nodes visited, >= 1."""
        return ROLLOUT

    def _known(self) -> tuple[Arrays, Json]:
        """Return what was worked out so far; nothing if all is known from the start."""
        return {}, {}

    def _remember(self, arrays: Mapping[str, Array], meta: Json) -> None:  # noqa: B027
        """Restore what :meth:`_known` returned."""

    # ---- the interface of a learner ---------------------------------------------------------

    @property
    def num_steps(self) -> int:
        """Nodes visited so far."""
        return self._num_steps

    def learn(
        self, total_steps: int, on_rollout: Callable[[Self], bool | None] | None = None
    ) -> None:
        """Work until ``num_steps >= total_steps``; see :meth:`operant.agents.base.Agent.learn`."""
        while on_rollout is None or on_rollout(self) is not False:
            if self._num_steps >= total_steps:
                return
            self._num_steps += self._advance()

    def training_state(self) -> tuple[Arrays, Json]:
        """Return everything needed to continue bit for bit; see :class:`Agent`."""
        arrays, meta = self._known()
        return arrays, {
            **self._identity(),
            **meta,
            "num_steps": self._num_steps,
            "exact_resume": True,
        }

    def load_training_state(self, arrays: Mapping[str, Array], meta: Json) -> None:
        """Continue from what :meth:`training_state` returned.

        Raises:
            ValueError: If it is of another method or config.
        """
        check_identity(meta, self._identity())
        self._num_steps = int(meta["num_steps"])
        self._remember(arrays, meta)

    def policy_state(self) -> tuple[Arrays, Json]:
        """Return what was worked out, which means something together with the game only."""
        arrays, _ = self._known()
        return arrays, {"agent": self.id, "config": self.config.to_json()}

    def metrics(self) -> dict[str, float]:
        """Return nothing: how good it is, is judged from outside."""
        return {}

    def _identity(self) -> Json:
        return {"agent": self.id, "config": self.config.to_json()}
