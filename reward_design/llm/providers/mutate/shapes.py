"""Shapes of terms: which kinds of features each takes, and what it writes.

Likely shapes come first: changes of a quantity, which cannot be collected twice, before events, and
those before levels, which pay for waiting.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from operant.reward_design.llm.providers.mutate.features import Word, tokens
from operant.reward_design.llm.providers.mutate.terms import ONE, rounded
from operant.reward_design.llm.search.candidate import Form
from operant.reward_design.llm.task.spec import ObsView

KIN = 6.0
"""How much likelier a feature is that shares a word with one beside it."""
MAX_EFFORT = 16
"""Most numbers of an action whose squares are added up."""
DECADES = MappingProxyType({"change": (-1.0, 0.5), "level": (-2.5, -0.5), "cost": (-4.0, -2.0)})
"""Kind of term -> log10 of the smallest and the largest weight for a whole range of a feature."""

Draft: TypeAlias = tuple[str, str, float]
"""Name, body and weight of a term."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Draw:
    """What a shape needs to write a term.

    Attributes:
        form: Of the program.
        view: What programs can read.
        words: The features, with guesses of what they mean.
        rng: Source of chance.
    """

    form: Form
    view: ObsView
    words: tuple[Word, ...]
    rng: np.random.Generator

    def decade(self, decades: str) -> float:
        """Return a size drawn over decades, > 0."""
        return float(10 ** self.rng.uniform(*DECADES[decades]))

    def weight(self, word: Word, decades: str) -> float:
        """Return a weight per unit of a feature, with the sign that the feature suggests."""
        sign = 1.0 if self.rng.random() < word.rising else -1.0
        return sign * self.decade(decades) / word.width

    def stage(self, near: Word) -> Word | None:
        """Return a feature that counts stages, if there is one beside this."""
        others = [w for w in self.words if w.kind != "number" and w != near]
        return chosen(others, self.rng, near=near) if others else None

    def width(self, word: Word) -> float:
        """Return a part of a feature's range, for ``exp`` and ``tanh``."""
        return rounded(word.width * 10 ** self.rng.uniform(-1.0, 0.0))

    def element(self) -> int:
        """Return an index into the observation."""
        return int(self.rng.integers(self.view.obs_size))

    def action(self) -> int:
        """Return the number of an action."""
        return int(self.rng.integers(max(1, len(self.view.actions))))


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


def chosen(words: Sequence[Word], rng: np.random.Generator, near: Word | None = None) -> Word:
    """Return one of some features, by appeal; one that shares a word with another is likelier."""
    appeal = np.array([word.appeal * _kinship(word, near) for word in words])
    return words[rng.choice(len(words), p=appeal / appeal.sum())]


def _kinship(word: Word, other: Word | None) -> float:
    if other is None:
        return 1.0
    text = f"{other.name} {other.feature.description}"
    return KIN if tokens(word.name) & tokens(text) else 1.0


# ---- terms of two states --------------------------------------------------------------------


def change(draw: Draw, word: Word) -> Draft:
    """Write the change of a quantity, turned so that it is likely to be good."""
    weight = draw.weight(word, "change")
    if weight < 0 and word.kind == "number":
        return f"less_{word.name}", f'info["prev_{word.name}"] - info["{word.name}"]', -weight
    return f"more_{word.name}", f'info["{word.name}"] - info["prev_{word.name}"]', weight


def staged(draw: Draw, word: Word, stage: Word) -> Draft:
    """Write the change of a quantity while a stage lasts: a new one may set it anew."""
    name, body, weight = change(draw, word)
    body = f'{body} if info["{stage.name}"] == info["prev_{stage.name}"] else 0.0'
    return f"{name}_within_{stage.name}", body, weight


def _change_in_stage(draw: Draw, word: Word) -> Draft:
    stage = draw.stage(word)
    return staged(draw, word, stage) if stage else change(draw, word)


def _gated(draw: Draw, word: Word) -> Draft:
    return _while(draw, word, change(draw, word))


def _while(draw: Draw, word: Word, draft: Draft) -> Draft:
    """Return a term about a feature that pays only while a flag is up, or down."""
    flag = draw.stage(word)
    if flag is None:
        return draft
    name, body, weight = draft
    test = f'info["{flag.name}"]' if draw.rng.random() < 0.5 else f'not info["{flag.name}"]'
    return f"{name}_if_{flag.name}", f"{body} if {test} else 0.0", weight


def _event(draw: Draw, word: Word) -> Draft:
    body = f'1.0 if info["{word.name}"] > info["prev_{word.name}"] else 0.0'
    weight = draw.weight(word, "change") * word.width
    return f"event_{word.name}", body, weight


def _acts(draw: Draw, _: None) -> Draft:
    if size := draw.view.action_size:
        squares = " + ".join(f"action[{k}] ** 2" for k in range(min(size, MAX_EFFORT)))
        return "effort", squares, -draw.decade("cost")
    action = draw.action()
    body = f"1.0 if action == {action} else 0.0"
    return f"action_{action}", body, -draw.decade("cost")


def cost(draw: Draw, _: None) -> Draft:
    """Write a cost of time."""
    return "cost", ONE, -draw.decade("cost")


def _obs_change(draw: Draw, _: None) -> Draft:
    k, sign = draw.element(), draw.rng.choice([-1.0, 1.0])
    if draw.rng.random() < 0.5:
        body = f"abs(next_obs[{k}]) - abs(obs[{k}])"
        return f"change_size_{k}", body, sign * draw.decade("change")
    return f"change_{k}", f"next_obs[{k}] - obs[{k}]", sign * draw.decade("change")


# ---- terms of one state ---------------------------------------------------------------------


def level(draw: Draw, word: Word) -> Draft:
    """Write a quantity as it is."""
    return f"level_{word.name}", f'info["{word.name}"]', draw.weight(word, "change")


def _small_level(draw: Draw, word: Word) -> Draft:
    return f"level_{word.name}", f'info["{word.name}"]', draw.weight(word, "level")


def _near(draw: Draw, word: Word) -> Draft:
    body = f'math.exp(-abs(info["{word.name}"]) / {draw.width(word)})'
    sign = -1.0 if draw.rng.random() < word.rising else 1.0
    decades = "change" if draw.form == "potential" else "level"
    return f"near_{word.name}", body, sign * draw.decade(decades)


def _bounded(draw: Draw, word: Word) -> Draft:
    body = f'math.tanh(info["{word.name}"] / {draw.width(word)})'
    decades = "change" if draw.form == "potential" else "level"
    return f"bounded_{word.name}", body, draw.weight(word, decades) * word.width


def _near_if(draw: Draw, word: Word) -> Draft:
    return _while(draw, word, _near(draw, word))


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
        return f"{('level', 'bounded', 'near')[kind]}_{k}", body, sign * draw.decade("change")

    return write


_ANY = ("flag", "stage", "number")
_STEP = (
    Shape(chance=4.0, write=change, kinds=("number",)),
    Shape(chance=3.0, write=change, kinds=("flag", "stage")),
    Shape(chance=2.0, write=_change_in_stage, kinds=("number",)),
    Shape(chance=1.0, write=_gated, kinds=("number",)),
    Shape(chance=2.0, write=_event, kinds=("flag", "stage"), sparse=True),
    Shape(chance=0.5, write=_small_level, kinds=_ANY),
    Shape(chance=0.3, write=_near, kinds=("number",)),
    Shape(chance=0.3, write=_bounded, kinds=("number",)),
    Shape(chance=1.0, write=cost),
    Shape(chance=0.3, write=_acts),
    Shape(chance=2.0, write=_obs_change, reads_obs=True),
    Shape(chance=1.0, write=_element("next_obs"), reads_obs=True),
)
_TURNING = (change, _change_in_stage, _gated, _event, _obs_change)
"""What has both signs, or none: of levels and costs only the sign would be left."""
SHAPES: Mapping[str, tuple[Shape, ...]] = MappingProxyType(
    {
        "reward": _STEP,
        "signs": tuple(shape for shape in _STEP if shape.write in _TURNING),
        "factors": tuple(shape for shape in _STEP if shape.write is not cost),
        "potential": (
            Shape(chance=4.0, write=level, kinds=_ANY),
            Shape(chance=1.5, write=_near, kinds=("number",)),
            Shape(chance=1.0, write=_bounded, kinds=("number",)),
            Shape(chance=1.0, write=_near_if, kinds=("number",)),
            Shape(chance=2.0, write=_element("obs"), reads_obs=True),
        ),
    }
)
"""Form -> its shapes."""
