"""CFR and CFR+ as agents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from operant.agents.base import Array, Arrays, Json
from operant.agents.games.cfr import CFR
from operant.agents.games.sequence_form import SequenceForm
from operant.agents.games.solver import ROLLOUT, Solver
from operant.games import GameForms, StateGame
from operant.types import Float


class CFRAgent(Solver):
    """The average policy of CFR, on the whole tree of a game; see :class:`CFR`.

    Attributes:
        solver: The method.
    """

    id = "cfr"
    plus: ClassVar[bool] = False

    def _read(self, game: GameForms) -> None:
        tree = game.tree()
        self.solver = CFR(tree, plus=self.plus)
        # An iteration visits the tree once for each player, whose policies change in turns.
        self._visits = len(tree.parent) * tree.players

    def table(self, game: SequenceForm | StateGame) -> Float:
        """Return the average policy, at first the uniform one; see :meth:`TablePlayer.table`.

        Raises:
            ValueError: If the form of the game is not its tree.
        """
        if not isinstance(game, SequenceForm):
            raise ValueError(f"{self.id} works on a tree; it says nothing about states")
        return self.solver.average if self.solver.iterations else self.solver.form.uniform()

    def _advance(self) -> int:
        iterations = max(1, ROLLOUT // self._visits)
        self.solver.run(iterations)
        return iterations * self._visits

    def _known(self) -> tuple[Arrays, Json]:
        arrays, iterations = self.solver.state()
        return arrays, {"iterations": iterations}

    def _remember(self, arrays: Mapping[str, Array], meta: Json) -> None:
        self.solver.load_state(arrays, meta["iterations"])


class CFRPlusAgent(CFRAgent):
    """The same for CFR+."""

    id = "cfr-plus"
    plus = True
