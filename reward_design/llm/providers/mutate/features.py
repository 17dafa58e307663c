"""What the words of a feature table suggest: flags, stages, distances, and what a comment names."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence

from operant.reward_design.llm.search.brief import Brief
from operant.types import Feature

MAX_STAGES = 4
"""A whole-numbered feature with a range of at most this counts stages."""
_NEAR_WORDS = frozenset(
    {"distance", "dist", "fewest", "remaining", "left", "gap", "error", "far", "away"}
)
_FEAR = re.compile(r"\b(fail\w*|cause\w*|die[sd]?|death\w*|avoid\w*|danger\w*|lost|ended)\b", re.I)
_NOT = re.compile(r"\b(no|not|never|without)\b", re.I)
_COMMON_TEXT = """
the and for with are was were this that from into step steps agent episode its has have not any all
each one two before after what which where when most than then them they there number
"""
_COMMON = frozenset(_COMMON_TEXT.split())


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """A feature and what is guessed of it.

    Attributes:
        feature: The row of the table.
        kind: ``"flag"``, ``"stage"`` (a small whole number) or ``"number"``.
        rising: Probability that larger is better.
        appeal: How likely a term is about it, relative to others, > 0.
    """

    feature: Feature
    kind: str
    rising: float
    appeal: float

    @property
    def name(self) -> str:
        """Name of the feature."""
        return self.feature.name

    @property
    def width(self) -> float:
        """Its range, > 0; 1 if that is unknown."""
        width = self.feature.high - self.feature.low
        return width if 0 < width < math.inf else 1.0


def words_of(brief: Brief) -> tuple[Word, ...]:
    """Return the features that a program can name, with guesses from the table and the texts.

    What goal and comment speak of is likelier to matter; what a comment speaks of as a failure is
    likely to be bad.
    """
    goal = tokens(f"{brief.task.goal} {brief.task.success}")
    told = [line for line in brief.comment.splitlines() if line[:1].strip()]  # indented: a log
    sentences = re.split(r"[.;\n]", "\n".join(told))
    return tuple(
        _word(feature, goal, sentences)
        for feature in brief.view.features
        if feature.shape == () and feature.name.isascii()
    )


def tokens(text: str) -> frozenset[str]:
    """Return the words of a text, lower case, without plural and the commonest ones."""
    found = re.findall(r"[a-z]{3,}", text.lower().replace("_", " "))
    return frozenset(word.rstrip("s") if len(word) > 3 else word for word in found) - _COMMON


def _word(feature: Feature, goal: frozenset[str], sentences: Sequence[str]) -> Word:
    own = tokens(f"{feature.name} {feature.description}")
    kind = _kind(feature)
    distance = kind != "flag" and bool(own & _NEAR_WORDS or "_to_" in feature.name)
    rising = 0.08 if distance else 0.5 if feature.dtype == "float" or kind == "number" else 0.85
    named = [sentence for sentence in sentences if own & tokens(sentence)]
    if any(_FEAR.search(sentence) and not _NOT.search(sentence) for sentence in named):
        rising = 1.0 - rising
    appeal = 3.0 if distance else 0.5 if kind == "number" else 1.0
    appeal *= (2.0 if own & goal else 1.0) * (5.0 if named else 1.0)
    return Word(feature=feature, kind=kind, rising=rising, appeal=appeal)


def _kind(feature: Feature) -> str:
    width = feature.high - feature.low
    if feature.dtype == "bool":
        return "flag"
    return "stage" if feature.dtype == "int" and 0 < width <= MAX_STAGES else "number"
