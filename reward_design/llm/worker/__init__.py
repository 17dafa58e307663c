"""Rewards in full Python, evaluated in a locked process of their own."""

from operant.reward_design.llm.worker.layout import RowLayout
from operant.reward_design.llm.worker.levels import LEVELS, Level
from operant.reward_design.llm.worker.settings import WorkerSettings
from operant.reward_design.llm.worker.worker import RewardWorker, WorkerUnavailableError

__all__ = [
    "LEVELS",
    "Level",
    "RewardWorker",
    "RowLayout",
    "WorkerSettings",
    "WorkerUnavailableError",
]
