"""Where an episode in a maze starts and where its goal is."""

from __future__ import annotations

import numpy as np

from operant.envs.goals.layouts import Maze
from operant.types import Float

ANY, LONG = "any", "long"
TASKS = (ANY, LONG)
WORDS = {
    ANY: "start and goal are in random open cells that are at least {apart} cells of way apart",
    LONG: "the start is in the map's cell S and the goal in its cell G",
}


class Errands:
    """Draws starts and goals.

    Attributes:
        apart: Fewest cells of way between start and goal.
    """

    def __init__(self, maze: Maze, task: str, apart: int, spread: float = 0.25) -> None:
        """List what can be drawn.

        Args:
            maze: The maze.
            task: ``"any"`` or ``"long"``.
            apart: For ``"any"``: fewest cells to walk from the start's cell to the goal's, >= 1.
            spread: Starts and goals are up to so many cells off the middle of theirs, in x and y.

        Raises:
            ValueError: If there is no such task, or no two cells are so far apart.
        """
        if task not in TASKS:
            raise ValueError(f"task must be one of {', '.join(map(repr, TASKS))}, got {task!r}")
        if not 1 <= apart <= maze.steps.max():
            raise ValueError(
                f"apart must lie in [1, {maze.steps.max()}] cells in this maze, got {apart}"
            )
        self.apart, self._maze, self._spread = apart, maze, spread
        pairs = np.argwhere(maze.steps >= apart)
        self._pairs = np.array([maze.ends]) if task == LONG else pairs

    def draw(self, stream: np.random.Generator) -> tuple[Float, Float]:
        """Return start and goal of an episode, (2,) m each."""
        start, goal = self._maze.places[self._pairs[stream.integers(len(self._pairs))]]
        off = stream.uniform(-self._spread, self._spread, (2, 2)) * self._maze.cell
        return start + off[0], goal + off[1]
