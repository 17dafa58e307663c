"""A game of two players as a world for one, who plays against a fixed opponent."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.arrays import section
from operant.envs.batched.world import BatchWorld, Outcome
from operant.envs.multiagent.chance import BITS
from operant.envs.multiagent.engine import GameEngine
from operant.envs.multiagent.opponents import Opponent
from operant.envs.multiagent.picture import drawn
from operant.types import Bool, Card, Feature, Int

SEATS: dict[str, int | None] = {"first": 0, "second": 1, "drawn": None}
"""Where the agent sits; ``"drawn"`` is decided anew for every game."""


class SoloGame(BatchWorld):
    """N games against an opponent that does not learn.

    An episode is a game. An illegal action ends it and pays the lowest payoff; ``action_mask`` in
    the infos tells what is legal, all True where a game is over.
    """

    RENDER_MODES: ClassVar[tuple[str, ...]] = ("ansi", "rgb_array", "human")
    FPS: ClassVar[int] = 2
    OPPONENTS: ClassVar[tuple[str, ...]] = ("random",)
    TEXTS: ClassVar[Mapping[str, str]] = {}
    """Of the card: description, observation, action, reward, source; may name ``{opponent}``."""
    TABLE: ClassVar[tuple[Feature, ...]] = ()

    action_space: gym.spaces.Discrete

    def __init__(
        self, *, num: int, max_steps: int, opponent: str, seat: str, lowest: float
    ) -> None:
        """Sit down.

        Args:
            num: Rows.
            max_steps: Time limit in own moves; games are shorter by themselves.
            opponent: One of ``OPPONENTS``.
            seat: ``"first"``, ``"second"`` or ``"drawn"``.
            lowest: What an illegal action pays.

        Raises:
            ValueError: If an argument is outside its range.
        """
        super().__init__(num=num, max_steps=max_steps, opponent=opponent, seat=seat)
        if opponent not in self.OPPONENTS:
            raise ValueError(f"opponent must be one of {self.OPPONENTS}, got {opponent!r}")
        if seat not in SEATS:
            raise ValueError(f"seat must be one of {tuple(SEATS)}, got {seat!r}")
        self.opponent, self._fixed, self._lowest = opponent, SEATS[seat], lowest
        self.engine = self._engine(num)
        self._answer = self._opponent(opponent)
        self.observation_space = self.engine.observation_space
        self.action_space = self.engine.action_space
        seated = Feature(name="seat", description="0: begins the game", low=0, high=1, dtype="int")
        self.table = (seated, *self.TABLE)
        self.out = Outcome.zeros(num, self.observation_space, self.table)
        self.seat: Int = np.zeros(num, np.int64)
        self.masks: Bool = np.ones((num, int(self.action_space.n)), np.bool_)

    @abc.abstractmethod
    def _engine(self, num: int) -> GameEngine:
        """Return the rows of the game."""

    @abc.abstractmethod
    def _opponent(self, name: str) -> Opponent:
        """Return an opponent of :attr:`OPPONENTS`."""

    @abc.abstractmethod
    def _facts(self, rows: Int) -> dict[str, npt.NDArray[Any]]:
        """Return the features of :attr:`TABLE` in some rows, from the agent's side."""

    def seed(self, seeds: Sequence[int | None]) -> None:
        """Start the chance of some rows anew; None leaves a row's alone."""
        super().seed(seeds)
        known = [(row, seed) for row, seed in enumerate(seeds) if seed is not None]
        if known:
            rows, numbers = zip(*known, strict=True)
            self.engine.draws.seed(np.array(rows), numbers)

    def card(self, env_id: str) -> Card:
        """Describe the game."""
        words = {name: text.format(opponent=self.opponent) for name, text in self.TEXTS.items()}
        return Card(
            id=env_id,
            description=words["description"],
            observation=words["observation"],
            action=words["action"] + "; info['action_mask'] tells which are legal",
            reward=words["reward"] + f"; an illegal action ends the game and pays {self._lowest:g}",
            termination="at the end of the game, or after an illegal action",
            truncation=f"after {self.max_steps} own moves",
            success="the game is over and paid more than 0",
            metric="return",
            oracle="none",
            features=self.table,
            source=words["source"],
        )

    def frame(self, row: int) -> npt.NDArray[np.uint8]:
        """Return a picture of the text."""
        return drawn(self.text(row))

    def text(self, row: int) -> str:
        """Return the game, all secrets included."""
        place = ("first", "second")[self.seat[row]]
        return f"{self.engine.text(row)}\nthe agent is the {place} player"

    def _reset(self, rows: Int) -> None:
        if self._fixed is None:
            self.seat[rows] = self.engine.draws.draw(rows) >> (BITS - 1)
        else:
            self.seat[rows] = self._fixed
        self.engine.start(rows)
        self._answers(rows, np.zeros(len(rows)), np.zeros(len(rows), np.bool_))
        self._show(rows)

    def _step(self, rows: Int, actions: npt.NDArray[Any]) -> None:
        paid, over = np.zeros(len(rows)), np.zeros(len(rows), np.bool_)
        legal = self.engine.legal[rows, actions]
        moved = np.flatnonzero(legal)
        if moved.size:
            rewards, ends = self.engine.move(rows[moved], actions[moved])
            paid[moved] = rewards[np.arange(len(moved)), self.seat[rows[moved]]]
            over[moved] = ends
        paid[~legal], over[~legal] = self._lowest, True
        self._answers(rows, paid, over)
        out = self.out
        out.reward[rows], out.terminated[rows] = paid, over
        out.success[rows] = over & (paid > 0)
        self._show(rows)

    def _answers(self, rows: Int, paid: npt.NDArray[np.float64], over: Bool) -> None:
        """Let opponents move until it is the agent's turn or the game is over."""
        while True:
            theirs = np.flatnonzero(~over & (self.engine.turn[rows] != self.seat[rows]))
            if not theirs.size:
                return
            at = rows[theirs]
            rewards, ends = self.engine.move(at, self._answer(self.engine, at))
            paid[theirs] += rewards[np.arange(len(at)), self.seat[at]]
            over[theirs] = ends

    def _show(self, rows: Int) -> None:
        obs: Any = self.out.obs
        obs[rows] = self.engine.seen(rows, self.seat[rows])
        self.masks[rows] = self.engine.legal[rows] | self.out.terminated[rows, None]
        self.out.features["seat"][rows] = self.seat[rows]
        for name, values in self._facts(rows).items():
            self.out.features[name][rows] = values

    def _get_state(self) -> dict[str, npt.NDArray[Any]]:
        own = {"seat": self.seat.copy(), "masks": self.masks.copy()}
        return own | {f"engine/{name}": part for name, part in self.engine.get_state().items()}

    def _set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        self.seat[:], self.masks[:] = state["seat"], state["masks"]
        self.engine.set_state(section(state, "engine"))
