"""A typed grammar of terms over a feature table: what a fresh program can be.

Each shape of a term says which kinds of features it takes, and likely shapes come first: changes
of a quantity, which cannot be collected twice, before events, and those before levels, which pay
for waiting.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from operant.reward_design.llm.providers.mutate.features import Word, tokens, words_of
from operant.reward_design.llm.providers.mutate.terms import ONE, Term, TermProgram, rounded
from operant.reward_design.llm.search.brief import Brief

SIZES = (1, 2, 2, 3, 3, 3, 4, 4, 5)
"""Numbers of parts of a fresh program, each as likely as it is frequent here."""
ATTEMPTS = 8
"""How often another part is written where all parts so far are constants."""
PAIR = 0.4
"""How likely a part is a stage together with the progress within it."""
MAX_EFFORT = 16
"""Most numbers of an action whose squares are added up."""
DECADES = MappingProxyType({"change": (-1.0, 0.5), "level": (-2.5, -0.5), "cost": (-4.0, -2.0)})
"""Kind of term -> log10 of the smallest and the largest weight for a whole range of a feature."""

Draft: TypeAlias = tuple[str, str, float]
"""Name, body and weight of a term."""


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
            return Term(name="cost", body=ONE, weight=rounded(-_decade(rng, "cost")))
        chances = np.array([shape.chance for shape in self._shapes])
        shape = self._shapes[rng.choice(len(chances), p=chances / chances.sum())]
        return self._written(shape, rng)

    def way_to(self, names: set[str], rng: np.random.Generator) -> list[Term]:
        """Return progress in a quantity that may lead to some features; nothing if none may."""
        goals = [word for word in self.words if word.name in names]
        numbers = [word for word in self._of_kind("number") if word not in goals]
        if not goals or not numbers:
            return []
        number = _chosen(numbers, rng, near=_chosen(goals, rng))
        write = _state if self.form == "potential" else _change
        name, body, weight = write(Draw(grammar=self, rng=rng), number)
        slot = int(self.form == "signs")
        return [Term(name=name, body=body, weight=rounded(weight), slot=slot)]

    def _written(self, shape: Shape, rng: np.random.Generator) -> Term:
        word = _chosen(self._of_kind(*shape.kinds), rng) if shape.kinds else None
        name, body, weight = shape.write(Draw(grammar=self, rng=rng), word)
        if self.form == "factors":
            weight = 1.0
        slot = int(self.form == "signs" and not shape.sparse)
        return Term(name=name, body=body, weight=rounded(weight), slot=slot)

    def _pair(
        self, rng: np.random.Generator, stages: Sequence[Word], numbers: Sequence[Word]
    ) -> list[Term]:
        """Return two terms: what counts stages, and a distance within one."""
        number = _chosen(numbers, rng)
        stage = _chosen(stages, rng, near=number)
        draw = Draw(grammar=self, rng=rng)
        drafts = [_state(draw, stage), _state(draw, number)]
        if self.form != "potential":
            drafts = [_change(draw, stage), _staged(draw, number, stage)]
        slot = int(self.form == "signs")
        return [
            Term(name=name, body=body, weight=rounded(weight), slot=slot)
            for name, body, weight in drafts
        ]

    def _of_kind(self, *kinds: str) -> list[Word]:
        return [word for word in self.words if word.kind in kinds]

    def _fits(self, shape: Shape) -> bool:
        if shape.reads_obs:
            return self.view.obs_size > 0
        return not shape.kinds or bool(self._of_kind(*shape.kinds))


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Draw:
    """What a shape needs to write a term: the grammar and a source of chance."""

    grammar: Grammar
    rng: np.random.Generator

    def weight(self, word: Word, decades: str) -> float:
        """Return a weight per unit of a feature, with the sign that the feature suggests."""
        sign = 1.0 if self.rng.random() < word.rising else -1.0
        return sign * _decade(self.rng, decades) / word.width

    def stage(self, near: Word) -> Word | None:
        """Return a feature that counts stages, if there is one beside this."""
        others = [w for w in self.grammar.words if w.kind != "number" and w != near]
        return _chosen(others, self.rng, near=near) if others else None

    def width(self, word: Word) -> float:
        """Return a part of a feature's range, for ``exp`` and ``tanh``."""
        return rounded(word.width * 10 ** self.rng.uniform(-1.0, 0.0))

    def element(self) -> int:
        """Return an index into the observation."""
        return int(self.rng.integers(self.grammar.view.obs_size))

    def action(self) -> int:
        """Return the number of an action."""
        return int(self.rng.integers(max(1, len(self.grammar.view.actions))))


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """A kind of term.

    Attributes:
        chance: How likely it is, relative to the others.
        write: ``(draw, feature)`` -> name, body and weight.
        kinds: Kinds of features that it takes; none if it takes no feature.
        reads_obs: True if it reads the observation.
        sparse: True if it tells events, for the first number of the form ``signs``.
    """

    chance: float
    write: Callable[..., Draft]
    kinds: tuple[str, ...] = ()
    reads_obs: bool = False
    sparse: bool = False


def _decade(rng: np.random.Generator, decades: str) -> float:
    return float(10 ** rng.uniform(*DECADES[decades]))


def _chosen(words: Sequence[Word], rng: np.random.Generator, near: Word | None = None) -> Word:
    """Return one of some features, by appeal; one that shares a word with another is likelier."""
    appeal = np.array([word.appeal * _kinship(word, near) for word in words])
    return words[rng.choice(len(words), p=appeal / appeal.sum())]


def _kinship(word: Word, other: Word | None) -> float:
    if other is None:
        return 1.0
    text = f"{other.name} {other.feature.description}"
    return 6.0 if tokens(word.name) & tokens(text) else 1.0


# ---- terms of two states --------------------------------------------------------------------


def _change(draw: Draw, word: Word) -> Draft:
    weight = draw.weight(word, "change")
    if weight < 0 and word.kind == "number":
        return f"less_{word.name}", f'info["prev_{word.name}"] - info["{word.name}"]', -weight
    return f"more_{word.name}", f'info["{word.name}"] - info["prev_{word.name}"]', weight


def _staged(draw: Draw, word: Word, stage: Word) -> Draft:
    name, body, weight = _change(draw, word)
    body = f'{body} if info["{stage.name}"] == info["prev_{stage.name}"] else 0.0'
    return f"{name}_within_{stage.name}", body, weight


def _change_in_stage(draw: Draw, word: Word) -> Draft:
    stage = draw.stage(word)
    return _staged(draw, word, stage) if stage else _change(draw, word)


def _gated(draw: Draw, word: Word) -> Draft:
    flag = draw.stage(word)
    name, body, weight = _change(draw, word)
    if flag is None:
        return name, body, weight
    test = f'info["{flag.name}"]' if draw.rng.random() < 0.5 else f'not info["{flag.name}"]'
    return f"{name}_if_{flag.name}", f"{body} if {test} else 0.0", weight


def _event(draw: Draw, word: Word) -> Draft:
    body = f'1.0 if info["{word.name}"] > info["prev_{word.name}"] else 0.0'
    weight = draw.weight(word, "change") * word.width
    return f"event_{word.name}", body, weight


def _acts(draw: Draw, _: None) -> Draft:
    if size := draw.grammar.view.action_size:
        squares = " + ".join(f"action[{k}] ** 2" for k in range(min(size, MAX_EFFORT)))
        return "effort", squares, -_decade(draw.rng, "cost")
    action = draw.action()
    body = f"1.0 if action == {action} else 0.0"
    return f"action_{action}", body, -_decade(draw.rng, "cost")


def _cost(draw: Draw, _: None) -> Draft:
    return "cost", ONE, -_decade(draw.rng, "cost")


def _obs_change(draw: Draw, _: None) -> Draft:
    k, sign = draw.element(), draw.rng.choice([-1.0, 1.0])
    if draw.rng.random() < 0.5:
        body = f"abs(next_obs[{k}]) - abs(obs[{k}])"
        return f"change_size_{k}", body, sign * _decade(draw.rng, "change")
    return f"change_{k}", f"next_obs[{k}] - obs[{k}]", sign * _decade(draw.rng, "change")


# ---- terms of one state ---------------------------------------------------------------------


def _state(draw: Draw, word: Word) -> Draft:
    return f"level_{word.name}", f'info["{word.name}"]', draw.weight(word, "change")


def _level(draw: Draw, word: Word) -> Draft:
    return f"level_{word.name}", f'info["{word.name}"]', draw.weight(word, "level")


def _near(draw: Draw, word: Word) -> Draft:
    body = f'math.exp(-abs(info["{word.name}"]) / {draw.width(word)})'
    sign = -1.0 if draw.rng.random() < word.rising else 1.0
    decades = "change" if draw.grammar.form == "potential" else "level"
    return f"near_{word.name}", body, sign * _decade(draw.rng, decades)


def _bounded(draw: Draw, word: Word) -> Draft:
    body = f'math.tanh(info["{word.name}"] / {draw.width(word)})'
    decades = "change" if draw.grammar.form == "potential" else "level"
    return f"bounded_{word.name}", body, draw.weight(word, decades) * word.width


def _near_if(draw: Draw, word: Word) -> Draft:
    name, body, weight = _near(draw, word)
    flag = draw.stage(word)
    if flag is None:
        return name, body, weight
    test = f'info["{flag.name}"]' if draw.rng.random() < 0.5 else f'not info["{flag.name}"]'
    return f"{name}_if_{flag.name}", f"{body} if {test} else 0.0", weight


def _element(name: str) -> Callable[[Draw, None], Draft]:
    """Return the shape of a number of an observation as it is, squeezed or near zero."""

    def write(draw: Draw, _: None) -> Draft:
        k, kind = draw.element(), int(draw.rng.integers(3))
        width = rounded(10 ** draw.rng.uniform(-1.0, 1.0))
        body = (
            f"{name}[{k}]",
            f"math.tanh({name}[{k}] / {width})",
            f"math.exp(-abs({name}[{k}]) / {width})",
        )[kind]
        sign = draw.rng.choice([-1.0, 1.0])
        return f"{('level', 'bounded', 'near')[kind]}_{k}", body, sign * _decade(draw.rng, "change")

    return write


_ANY = ("flag", "stage", "number")
_STEP = (
    Shape(chance=4.0, write=_change, kinds=("number",)),
    Shape(chance=3.0, write=_change, kinds=("flag", "stage")),
    Shape(chance=2.0, write=_change_in_stage, kinds=("number",)),
    Shape(chance=1.0, write=_gated, kinds=("number",)),
    Shape(chance=2.0, write=_event, kinds=("flag", "stage"), sparse=True),
    Shape(chance=0.5, write=_level, kinds=_ANY),
    Shape(chance=0.3, write=_near, kinds=("number",)),
    Shape(chance=0.3, write=_bounded, kinds=("number",)),
    Shape(chance=1.0, write=_cost),
    Shape(chance=0.3, write=_acts),
    Shape(chance=2.0, write=_obs_change, reads_obs=True),
    Shape(chance=1.0, write=_element("next_obs"), reads_obs=True),
)
_TURNING = (_change, _change_in_stage, _gated, _event, _obs_change)
"""What has both signs, or none: of levels and costs only the sign would be left."""
SHAPES: Mapping[str, tuple[Shape, ...]] = MappingProxyType(
    {
        "reward": _STEP,
        "signs": tuple(shape for shape in _STEP if shape.write in _TURNING),
        "factors": tuple(shape for shape in _STEP if shape.write is not _cost),
        "potential": (
            Shape(chance=4.0, write=_state, kinds=_ANY),
            Shape(chance=1.5, write=_near, kinds=("number",)),
            Shape(chance=1.0, write=_bounded, kinds=("number",)),
            Shape(chance=1.0, write=_near_if, kinds=("number",)),
            Shape(chance=2.0, write=_element("obs"), reads_obs=True),
        ),
    }
)
"""Form -> its shapes."""
