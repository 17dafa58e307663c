"""What the study of self-play trains on, and what comes of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

KUHN, TIC_TAC_TOE = "KuhnPoker-v0", "TicTacToe-v0"
METHODS = ("rae", "global", "gae")
LABELS = {"rae": "one mean per role (RAE)", "global": "one mean for all", "gae": "critic (GAE)"}


def falling(start: float, end: float) -> dict[str, Any]:
    """Return the schedule from one number to another over the whole training."""
    return {"kind": "linear", "from": start, "to": end}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task:
    """A game, and how it is learned.

    Attributes:
        rows: Games at a time.
        steps: Moves to learn from.
        hyper: Fields of :class:`SelfPlayConfig`.
        bar: What the score shall not exceed.
        score: What it is.
    """

    rows: int
    steps: int
    hyper: Mapping[str, Any]
    bar: float
    score: str


TASKS = {
    KUHN: Task(
        rows=512,
        steps=1_500_000,
        hyper={
            "advantage": "gae",
            "n_steps": 10,
            "batch_size": 1 << 16,
            "n_epochs": 10,
            "learning_rate": falling(3e-3, 3e-4),
            "temperature": falling(0.5, 0.05),
            "net_arch": (64,),
            "pool_share": 0.0,
            "pool_size": 0,
        },
        bar=0.05,
        score="exploitability of the average policy",
    ),
    TIC_TAC_TOE: Task(
        rows=256,
        steps=1_000_000,
        hyper={
            "advantage": "gae",
            "n_steps": 32,
            "batch_size": 2048,
            "n_epochs": 4,
            "learning_rate": falling(1e-3, 1e-4),
            "temperature": falling(0.2, 0.02),
            "net_arch": (128, 128),
        },
        bar=0.02,
        score="losses against perfect play",
    ),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """What came of one training.

    Attributes:
        game: Id of the game.
        seed: Of the agent.
        steps: Moves learned from before each evaluation.
        scores: Name -> one number per evaluation.
        seconds: Of processor time, evaluations included.
    """

    game: str
    seed: int
    steps: list[int]
    scores: dict[str, list[float]]
    seconds: float

    @property
    def final(self) -> float:
        """The last score that the bar is about."""
        return self.scores[TASKS[self.game].score][-1]
