"""What agents see: a kernel function, the space it fills, and how buffers become an observation."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from operant.envs.gridworld.cells import TRIPLES
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.vision import ROWS, observe, observe_through_walls
from operant.envs.gridworld.words import WORDS
from operant.envs.gridworld.world import VIEW, Size, World


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """A kind of observation.

    Attributes:
        shape: Of one row's image buffer; ``(size) -> shape`` where it depends on the level's size
            (its rank must not). A shape that is known saves arithmetic at every access.
        dtype: Of the image buffer.
        observe: ``(world, n, size, image)``: compiled-dialect function that writes ``image[n]``.
        space: ``(size, mission) -> space`` of one observation.
        pack: ``(image, direction, mission) -> observation``: from buffers of N rows (or of one
            row) to N observations (or one); mission is None where the family has none. It may keep
            the arrays: they are copies.
        words: The observation in words, for cards.
    """

    shape: tuple[int, ...] | Callable[[Size], tuple[int, ...]]
    dtype: type[np.generic]
    observe: Callable[..., None]
    space: Callable[[Size, Mapping[str, int]], spaces.Space[Any]]
    pack: Callable[[Any, Any, Any], Any]
    words: str

    def shape_of(self, size: Size) -> tuple[int, ...]:
        """Return the shape of one row's image buffer in levels of a size."""
        return self.shape(size) if callable(self.shape) else self.shape


@compiled
def _occluded(world: World, n: int, size: Size, image: npt.NDArray[np.uint8]) -> None:
    observe(world, n, size.stride, image, ROWS, WORDS, TRIPLES)


@compiled
def _unoccluded(world: World, n: int, size: Size, image: npt.NDArray[np.uint8]) -> None:
    observe_through_walls(world, n, size.stride, image, WORDS, TRIPLES)


def _egocentric_space(size: Size, mission: Mapping[str, int]) -> spaces.Dict:  # noqa: ARG001
    """Return Dict(image (7, 7, 3) uint8, direction Discrete(4)[, mission MultiDiscrete]).

    The image's upper bounds are those of the (object, colour, state) codes, not MiniGrid's 255:
    with 255 learners take the 7x7 symbols for pixels and scale or convolve them.
    """
    high = np.broadcast_to(TRIPLES.max(axis=0), (VIEW, VIEW, 3))
    image = spaces.Box(np.zeros_like(high), high, dtype=np.uint8)
    parts: dict[str, spaces.Space[Any]] = {"image": image, "direction": spaces.Discrete(4)}
    if mission:
        parts["mission"] = spaces.MultiDiscrete(list(mission.values()))
    return spaces.Dict(parts)


def _egocentric_pack(image: Any, direction: Any, mission: Any) -> dict[str, Any]:
    if mission is None:
        return {"direction": direction, "image": image}
    return {"direction": direction, "image": image, "mission": mission}


_WORDS = (
    "Dict: image (7, 7, 3) uint8, the egocentric view {} as (object, colour, state) per cell, "
    "indexed [column, row]; direction in {{0 right, 1 down, 2 left, 3 up}}; where the task varies, "
    "mission: its random words as numbers."
)


def _egocentric(observe_row: Callable[..., None], words: str) -> View:
    return View(
        shape=(VIEW, VIEW, 3),
        dtype=np.uint8,
        observe=observe_row,
        space=_egocentric_space,
        pack=_egocentric_pack,
        words=_WORDS.format(words),
    )


EGOCENTRIC = _egocentric(_occluded, "with occlusion")
"""MiniGrid's view: walls and closed doors hide what is behind them."""
THROUGH_WALLS = _egocentric(_unoccluded, "through walls")
"""MiniGrid's view with ``see_through_walls``."""


def converted(array: Any, dtype: type[np.generic]) -> Any:
    """Return an array, or a tensor of the GPU's env, with another dtype; for ``View.pack``."""
    if isinstance(array, np.ndarray):
        return array.astype(dtype)
    torch: Any = sys.modules["torch"]  # loaded already: the tensor is its
    return array.to(getattr(torch, np.dtype(dtype).name))


def discrete_view(number: Callable[..., int], count: Callable[[Size], int], words: str) -> View:
    """Return a view that is one number, ``number(world, n, size)`` in [0, count(size))."""
    numbered = compiled(number)

    @compiled
    def observe_row(world: World, n: int, size: Size, image: npt.NDArray[np.int64]) -> None:
        image[n, 0] = numbered(world, n, size)

    return View(
        shape=(1,),
        dtype=np.int64,
        observe=observe_row,
        space=lambda size, _: spaces.Discrete(count(size)),
        pack=lambda image, _direction, _mission: image[..., 0][()],  # a number for one row
        words=words,
    )


def box_view(
    write: Callable[..., None],
    space: Callable[[Size], spaces.Box],
    dtype: type[np.generic],
    words: str,
) -> View:
    """Return a view that is one array, written by ``write(world, n, size, image)`` into image[n].

    ``space(size)`` gives its shape (of the same rank for all sizes) and bounds.
    """
    return View(
        shape=lambda size: space(size).shape,
        dtype=dtype,
        observe=compiled(write),
        space=lambda size, _: space(size),
        pack=lambda image, _direction, _mission: image,
        words=words,
    )
