"""Who judges candidates where no number does: a person, or something that stands for one."""

from __future__ import annotations

import math
import zlib
from typing import Protocol

import numpy as np

from operant.reward_design.llm.search.analysis import analyse
from operant.reward_design.llm.search.trial import Trial
from operant.reward_design.llm.task.spec import ObsView


class PairJudge(Protocol):
    """Prefers one of two candidates.

    Attributes:
        name: Who it is, for lineages: ``"person"``, ``"hidden fitness"``.
    """

    name: str

    def prefers_first(self, first: Trial, second: Trial) -> bool:
        """Return whether the first one is better."""
        ...


class Commentator(Protocol):
    """Says what is wrong with what an agent does.

    Attributes:
        name: Who it is, for lineages: ``"person"``, ``"statistics"``.
    """

    name: str

    def comment(self, trial: Trial) -> str | None:
        """Return a comment, or None if nothing needs to be improved."""
        ...


class HiddenFitness:
    """Prefers the candidate with the higher fitness, which nobody else is told.

    Source: ICPL: Few-shot In-context Preference Learning via LLMs (Yu et al., 2024), proxy human
    preferences.
    """

    name = "hidden fitness"

    def __init__(self, *, error_rate: float = 0.0, seed: int = 0) -> None:
        """Choose how often it errs.

        Args:
            error_rate: Share of answers that are turned round, in [0, 0.5].
            seed: Of the errors.

        Raises:
            ValueError: If ``error_rate`` is outside its range.
        """
        if not 0.0 <= error_rate <= 0.5:
            raise ValueError(f"error_rate must lie in [0, 0.5], got {error_rate}")
        self._error_rate, self._seed = error_rate, seed

    def prefers_first(self, first: Trial, second: Trial) -> bool:
        """Return whether the first one's fitness is at least as high; None is lowest."""
        scores = [-math.inf if t.fitness is None else t.fitness for t in (first, second)]
        pair = zlib.crc32(f"{first.name} {second.name}".encode())  # the same answer if asked again
        erring = bool(np.random.default_rng([self._seed, pair]).random() < self._error_rate)
        return (scores[0] >= scores[1]) != erring


class Statistics:
    """Comments with an analysis of failed episodes; content once nearly all episodes succeed."""

    name = "statistics"

    def __init__(self, view: ObsView, *, content_at: float = 0.95) -> None:
        """Choose when it is content.

        Args:
            view: What the features mean.
            content_at: Fitness from which on it says nothing, in [0, 1].

        Raises:
            ValueError: If ``content_at`` is outside its range.
        """
        if not 0.0 <= content_at <= 1.0:
            raise ValueError(f"content_at must lie in [0, 1], got {content_at}")
        self._view, self._content_at = view, content_at

    def comment(self, trial: Trial) -> str | None:
        """Return the analysis of the runs of a candidate."""
        run = trial.representative
        if run is not None and run.metric == "success" and (trial.fitness or 0) >= self._content_at:
            return None
        return analyse(trial.results, self._view).text(self._view)
