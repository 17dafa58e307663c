"""N levels of one family: state, kernels, seeding, saving. Both env classes stand on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.utils import seeding

from operant.envs.gridworld.engine import (
    NO_RESET,
    Family,
    Kernels,
    compile_family,
    new_buffers,
)
from operant.envs.gridworld.world import PAD, Size, World, new_world, seed_row
from operant.types import Bool, Features

LAYOUTS = ("operant", "minigrid")
REWARDS = ("sparse", "minigrid")


class Simulator:
    """A batch of levels behind two verbs, ``reset`` and ``step``.

    ``layout="operant"`` draws levels inside the kernel from a counter-based stream per row;
    ``layout="minigrid"`` runs the same layout code as Python on NumPy's generator, which gives
    MiniGrid's level for a seed, bit by bit, at Python's speed.
    """

    def __init__(
        self,
        family: Family,
        *,
        num: int,
        width: int,
        height: int,
        max_steps: int | None = None,
        outer_limit: int | None = None,
        layout: str = "operant",
        reward: str = "sparse",
    ) -> None:
        """Allocate the levels.

        Args:
            family: Kind of level.
            num: Number of levels N >= 1.
            width: Cells in x, outer walls included.
            height: Cells in y, outer walls included.
            max_steps: Time limit in env steps, or None for the family's.
            outer_limit: A further limit that only cuts, as Gymnasium's ``TimeLimit`` does.
            layout: One of ``LAYOUTS``.
            reward: ``"sparse"`` pays 1 at success, ``"minigrid"`` pays 1 - 0.9 t / max_steps.

        Raises:
            ValueError: If an argument is outside its range.
        """
        _one_of("layout", layout, LAYOUTS)
        _one_of("reward", reward, REWARDS)
        _positive("num_envs", num)
        _positive("size", width)
        _positive("height", height)
        if max_steps is not None:
            _positive("max_steps", max_steps)
        if outer_limit is not None:
            _positive("max_episode_steps", outer_limit)
        if complaint := family.check(width, height):
            raise ValueError(f"size {width}x{height} of {family.name} {complaint}")
        limit = family.max_steps(width, height) if max_steps is None else int(max_steps)
        cut = limit if outer_limit is None else min(limit, int(outer_limit))
        self.family = family
        self.size = Size(
            int(width), int(height), int(width) + 2 * PAD, limit, cut, int(reward == "minigrid")
        )
        self.table = family.feature_table(self.size)
        self.world: World = new_world(num, self.size, family.memory(self.size))
        self.out = new_buffers(num, len(self.table))
        self.numpy_streams: list[np.random.Generator] | None = None
        if layout == "minigrid":
            self.numpy_streams = [np.random.default_rng(0) for _ in range(num)]
        self._kernels: Kernels | None = None

    @property
    def kernels(self) -> Kernels:
        """The compiled family, built at first use."""
        if self._kernels is None:
            self._kernels = compile_family(self.family)
        return self._kernels

    @property
    def num(self) -> int:
        """N."""
        return len(self.out.reward)

    def seed(self, seeds: Sequence[int | None]) -> None:
        """Restart the streams of the rows whose seed is not None.

        Raises:
            ValueError: If a seed is not in [0, 2**64).
        """
        for n, seed in enumerate(seeds):
            if seed is None:
                continue
            if not 0 <= seed < 2**64:
                raise ValueError(f"seed must lie in [0, 2**64), got {seed}")
            seed_row(self.world.rng, n, np.uint64(seed))
            if self.numpy_streams is not None:
                self.numpy_streams[n], _ = seeding.np_random(seed)

    def reset(self, mask: Bool) -> None:
        """Draw and show new levels in the masked rows."""
        in_kernel = self.numpy_streams is None
        if self.numpy_streams is not None:
            for n in np.flatnonzero(mask).tolist():
                self.kernels.reference_layout(self.world, n, self.size, self.numpy_streams[n])
        self.kernels.reset(self.world, self.size, mask, in_kernel, self.out)

    def step(self, actions: npt.NDArray[np.int64], mode: int) -> None:
        """Step every row; results are in ``out``."""
        in_kernel = self.numpy_streams is None
        if in_kernel:
            self.kernels.step(self.world, self.size, actions, mode, True, self.out)
            return
        due = self.out.pending.copy()
        self.kernels.step(self.world, self.size, actions, mode, False, self.out)
        if mode != NO_RESET:
            ended = self.out.terminated | self.out.truncated
            mask = due if mode == 0 else ended
            if mask.any():
                self.reset(mask)

    def features(self, values: npt.NDArray[np.float32]) -> Features:
        """Return an (N, F) feature matrix as name -> (N,) array of the feature's own dtype."""
        kinds = {"bool": np.bool_, "int": np.int64, "float": np.float64}
        return {
            feature.name: values[:, i].astype(kinds[feature.dtype])
            for i, feature in enumerate(self.table)
        }

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything that decides the future, as arrays."""
        state = {f"world.{key}": value.copy() for key, value in self.world._asdict().items()}
        del state["world.scratch"]
        state |= {f"out.{key}": value.copy() for key, value in self.out._asdict().items()}
        if self.numpy_streams is not None:
            state["numpy_streams"] = np.stack([_pack(rng) for rng in self.numpy_streams])
        return state

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned.

        Raises:
            ValueError: If the state is of other levels (shape or keys differ).
        """
        own = self.get_state()
        shapes = {key: value.shape for key, value in own.items()}
        given = {key: np.shape(value) for key, value in state.items()}
        if shapes != given:
            raise ValueError(f"state does not fit: expected arrays {shapes}, got {given}")
        for group in (self.world, self.out):
            prefix = "world." if group is self.world else "out."
            for key, target in group._asdict().items():
                if prefix + key in state:
                    target[...] = state[prefix + key]
        if self.numpy_streams is not None:
            self.numpy_streams = [_unpack(words) for words in state["numpy_streams"]]

    def __getstate__(self) -> dict[str, Any]:
        """Leave the compiled kernels out; they are rebuilt where the copy lands."""
        return {**self.__dict__, "_kernels": None}


def _positive(name: str, value: Any) -> None:
    if not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name} must be an integer >= 1, got {value!r}")


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {allowed}, got {value!r}")


def _pack(rng: np.random.Generator) -> npt.NDArray[np.uint64]:
    """Return a PCG64 generator's state as six words."""
    state: Any = rng.bit_generator.state
    low = (1 << 64) - 1
    numbers = (state["state"]["state"], state["state"]["inc"])
    words = [part for number in numbers for part in (number >> 64, number & low)]
    return np.array([*words, state["has_uint32"], state["uinteger"]], np.uint64)


def _unpack(words: npt.NDArray[np.uint64]) -> np.random.Generator:
    """Undo :func:`_pack`."""
    w = [int(word) for word in words]
    bits = np.random.PCG64(0)
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": (w[0] << 64) | w[1], "inc": (w[2] << 64) | w[3]},
        "has_uint32": w[4],
        "uinteger": w[5],
    }
    return np.random.Generator(bits)
