"""A typed grammar of programs over a feature table: what a fresh program can be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from operant.reward_design.llm.providers.mutate.features import Word, words_of
from operant.reward_design.llm.providers.mutate.shapes import (
    SHAPES,
    Draft,
    Draw,
    Shape,
    change,
    chosen,
    cost,
    level,
    staged,
)
from operant.reward_design.llm.providers.mutate.terms import ONE, Term, TermProgram, rounded
from operant.reward_design.llm.search.brief import Brief

SIZES = (1, 2, 2, 3, 3, 3, 4, 4, 5)
"""Numbers of parts of a fresh program, each as likely as it is frequent here."""
ATTEMPTS = 8
"""How often another part is written where all parts so far are constants."""
PAIR = 0.4
"""How likely a part is a stage together with the progress within it."""


class Grammar:
    """Writes terms and programs for a brief; remembers nothing, all chance is the caller's."""

    def __init__(self, brief: Brief) -> None:
        """Read the feature table, and guess what matters.

        Args:
            brief: What is to be written.
        """
        self.form, self.view = brief.form, brief.view
        self.words = words_of(brief)
        self._shapes = [shape for shape in SHAPES[brief.form] if self._fits(shape)]

    @property
    def features(self) -> frozenset[str]:
        """Names of the features that there are."""
        return frozenset(feature.name for feature in self.view.features)

    def program(self, rng: np.random.Generator) -> TermProgram:
        """Return a fresh program of a few terms."""
        terms: list[Term] = []
        for _ in range(int(rng.choice(SIZES))):
            terms += self.part(rng)
        for _ in range(ATTEMPTS):
            if any(term.body != ONE for term in terms):
                break  # something depends on what the agent does
            terms += self.part(rng)
        events = [shape for shape in self._shapes if shape.sparse]
        if self.form == "signs" and events and all(term.slot for term in terms):
            terms.insert(0, self._written(events[0], rng))
        return TermProgram(form=self.form, terms=()).with_terms(terms)

    def part(self, rng: np.random.Generator) -> list[Term]:
        """Return a fresh term, or a stage and the progress within it."""
        stages = self._of_kind("flag", "stage")
        numbers = self._of_kind("number")
        if self.form != "factors" and stages and numbers and rng.random() < PAIR:
            return self._pair(rng, stages, numbers)
        return [self.term(rng)]

    def term(self, rng: np.random.Generator) -> Term:
        """Return a fresh term."""
        if not self._shapes:  # nothing can be read at all
            return self._term(cost(self._draw(rng), None), 0)
        chances = np.array([shape.chance for shape in self._shapes])
        shape = self._shapes[rng.choice(len(chances), p=chances / chances.sum())]
        return self._written(shape, rng)

    def way_to(self, names: set[str], rng: np.random.Generator) -> list[Term]:
        """Return progress in a quantity that may lead to some features; nothing if none may."""
        goals = [word for word in self.words if word.name in names]
        numbers = [word for word in self._of_kind("number") if word not in goals]
        if not goals or not numbers:
            return []
        number = chosen(numbers, rng, near=chosen(goals, rng))
        write = level if self.form == "potential" else change
        return [self._term(write(self._draw(rng), number), int(self.form == "signs"))]

    def _written(self, shape: Shape, rng: np.random.Generator) -> Term:
        word = chosen(self._of_kind(*shape.kinds), rng) if shape.kinds else None
        draft = shape.write(self._draw(rng), word)
        return self._term(draft, int(self.form == "signs" and not shape.sparse))

    def _pair(
        self, rng: np.random.Generator, stages: Sequence[Word], numbers: Sequence[Word]
    ) -> list[Term]:
        """Return two terms: what counts stages, and a distance within one."""
        number = chosen(numbers, rng)
        stage = chosen(stages, rng, near=number)
        draw = self._draw(rng)
        if self.form == "potential":
            drafts = [level(draw, stage), level(draw, number)]
        else:
            drafts = [change(draw, stage), staged(draw, number, stage)]
        return [self._term(draft, int(self.form == "signs")) for draft in drafts]

    def _term(self, draft: Draft, slot: int) -> Term:
        name, body, weight = draft
        weight = 1.0 if self.form == "factors" else rounded(weight)
        return Term(name=name, body=body, weight=weight, slot=slot)

    def _draw(self, rng: np.random.Generator) -> Draw:
        return Draw(form=self.form, view=self.view, words=self.words, rng=rng)

    def _of_kind(self, *kinds: str) -> list[Word]:
        return [word for word in self.words if word.kind in kinds]

    def _fits(self, shape: Shape) -> bool:
        if shape.reads_obs:
            return self.view.obs_size > 0
        return not shape.kinds or bool(self._of_kind(*shape.kinds))
