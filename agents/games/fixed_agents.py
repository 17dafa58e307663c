"""Players that know from the start what they do: perfect play where it is known, and chance."""

from __future__ import annotations

from operant.agents.games.minimax import Minimax
from operant.agents.games.players import uniform
from operant.agents.games.sequence_form import SequenceForm
from operant.agents.games.solver import Solver
from operant.games import GameForms, StateGame
from operant.types import Float


class MinimaxAgent(Solver):
    """Perfect play of a game without chance or secrets; it draws from all best moves.

    Attributes:
        solved: The solution.
    """

    id = "minimax"

    def _read(self, game: GameForms) -> None:
        self.solved = Minimax(game.states())

    def table(self, game: SequenceForm | StateGame) -> Float:
        """Return perfect play; see :meth:`TablePlayer.table`.

        Raises:
            ValueError: If the form of the game is its tree.
        """
        if not isinstance(game, StateGame):
            raise ValueError(f"{self.id} works on states; it says nothing about a tree")
        return self.solved.perfect


class UniformAgent(Solver):
    """Does everything that is legal equally often: what everything else should beat."""

    id = "uniform"

    def _read(self, game: GameForms) -> None:
        """Take nothing."""

    def table(self, game: SequenceForm | StateGame) -> Float:
        """Return equal probabilities; see :meth:`TablePlayer.table`."""
        return uniform(game)
