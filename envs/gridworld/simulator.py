"""N levels of one family: state, kernels, seeding, saving. Both env classes stand on it."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.utils import seeding
from numba.core.errors import NumbaError

from operant.envs.gridworld.buffers import PROGRAM, Buffers
from operant.envs.gridworld.cells import FLAGS
from operant.envs.gridworld.draws import seed_rows
from operant.envs.gridworld.engine import (
    DRIFT,
    FEATURES,
    NEXT_STEP,
    NO_RESET,
    REGENERATE,
    SOME_ENDED,
    Kernels,
    compile_family,
    level_size,
    new_batch,
    programmed_step,
)
from operant.envs.gridworld.family import Family
from operant.envs.gridworld.features import FeatureColumns, columns
from operant.envs.gridworld.optimum import FEATURE, Optimum
from operant.envs.gridworld.programs import Program, callback, refusal
from operant.envs.gridworld.world import CARRY, DIRECTION, Size, World, X, Y
from operant.types import Bool, Features

LAYOUTS = ("operant", "minigrid")
ROWS_PER_THREAD = 2048
"""Fewer rows than this are stepped about as fast as a thread is woken and waited for."""


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
        options: Mapping[str, int],
        max_steps: int | None = None,
        outer_limit: int | None = None,
        layout: str = "operant",
        reward: str | None = None,
        features: bool = True,
        threads: int = 1,
        program: Program | None = None,
        swappable: bool = False,
        optimum: bool = False,
    ) -> None:
        """Allocate the levels.

        Args:
            family: Kind of level.
            num: Number of levels N >= 1.
            options: The family's options that differ from their defaults.
            max_steps: Time limit in env steps, or None for the family's.
            outer_limit: A further limit that only cuts, as Gymnasium's ``TimeLimit`` does.
            layout: One of ``LAYOUTS``.
            reward: One of the family's ``rewards``, or None for the first.
            features: False to leave the features at 0, which is faster.
            threads: Threads that share the rows, if there are at least ``ROWS_PER_THREAD`` for
                each. Results do not depend on it.
            program: Sets the reward instead of the family; see ``programs``.
            swappable: True if :meth:`swap_program` will replace it: programs are then called
                through an address instead of being compiled into the kernel.
            optimum: True to publish :data:`~operant.envs.gridworld.optimum.FEATURE` after the
                family's own features; every new level is then searched. Programs do not see it.

        Raises:
            TypeError: If the family has no such option.
            ValueError: If an argument is outside its range.
        """
        _one_of("layout", layout, LAYOUTS if family.minigrid else LAYOUTS[:1])
        paid = family.rewards[0] if reward is None else reward
        _one_of("reward", paid, family.rewards)
        _positive("num_envs", num)
        _positive("threads", threads)
        if max_steps is not None:
            _positive("max_steps", max_steps)
        if outer_limit is not None:
            _positive("max_episode_steps", outer_limit)
        self.family = family
        chosen = _chosen(family, options)
        size = level_size(
            family,
            chosen,
            max_steps=max_steps,
            outer_limit=outer_limit,
            reward=family.rewards.index(paid),
        )
        if complaint := family.check(size):
            raise ValueError(f"{family.name} with {_listed(chosen)}: {complaint}")
        if optimum and not features:
            raise ValueError("optimum must be False where features are left out, got True")
        extra = (FEATURE,) if optimum else ()
        self.table = (*family.feature_table(size), *extra)
        self._columns = columns(self.table)
        self.batch = new_batch(family, size, num, len(extra))
        self.actions: npt.NDArray[np.int64] = self.out.actions
        self.optimum = Optimum(self) if optimum else None
        self.numpy_streams: list[np.random.Generator] | None = None
        self._work = REGENERATE | DRIFT
        if layout == "minigrid":
            self.numpy_streams = [np.random.default_rng(0) for _ in range(num)]
            self._work = 0
        self._work |= FEATURES if features or program is not None or swappable else 0
        self.some_ended = False
        """Whether an episode ended in the last step."""
        self._program, self._swappable = program, swappable
        self._callback: Any = None
        self._inlined: Callable[..., int] | None = None
        self._kernels: Kernels | None = None
        self._serial: tuple[Callable[..., int], npt.NDArray[np.int64], int] | None = None
        parts = max(1, min(threads, num // ROWS_PER_THREAD))
        self._bounds = [num * part // parts for part in range(parts + 1)]
        self._pool: ThreadPoolExecutor | None = None

    @property
    def size(self) -> Size:
        """Constants of the levels."""
        return self.batch.size

    @property
    def world(self) -> World:
        """State of the levels."""
        return self.batch.world

    @property
    def out(self) -> Buffers:
        """What the last step or reset produced."""
        return self.batch.out

    @property
    def kernels(self) -> Kernels:
        """The compiled family, built at first use."""
        if self._kernels is None:
            self._kernels = compile_family(self.family)
        return self._kernels

    @property
    def num(self) -> int:
        """N."""
        return len(self.actions)

    def seed(self, seeds: Sequence[int | None]) -> None:
        """Restart the streams of the rows whose seed is not None.

        Raises:
            ValueError: If a seed is no integer in [0, 2**64).
        """
        rows = [n for n, seed in enumerate(seeds) if seed is not None]
        given = [_whole("seed", seed) for seed in seeds if seed is not None]
        for seed in given:
            if not 0 <= seed < 2**64:
                raise ValueError(f"seed must lie in [0, 2**64), got {seed}")
        seed_rows(self.world.rng, np.array(rows, np.int64), np.array(given, np.uint64))
        if self.numpy_streams is not None:
            for n, seed in zip(rows, given, strict=True):
                self.numpy_streams[n], _ = seeding.np_random(seed)

    def reset(self, mask: Bool) -> None:
        """Draw and show new levels in the masked rows.

        Raises:
            ValueError: If the optimum is asked for and a level is too large to be searched.
        """
        self._draw(mask)
        if self.optimum is not None:
            self.optimum.begin(self, mask)

    def _draw(self, mask: Bool) -> None:
        if self.numpy_streams is not None:
            for n in np.flatnonzero(mask).tolist():
                self.kernels.reference_layout(self.world, n, self.size, self.numpy_streams[n])
        self.kernels.reset(self.batch.table, mask, self._work)

    def step(self, mode: int) -> None:
        """Step every row by ``actions``; results are in ``out``.

        Raises:
            ValueError: If an action is not in [0, A); no row has moved then. If the optimum is
                asked for and a new level is too large to be searched.
        """
        if self._serial is None:
            self._step_otherwise(mode)
            return
        step, table, last = self._serial
        result = step(table, 0, last, mode, self._work)
        if result >= 0:
            self._refuse(result)
        self.some_ended = result == SOME_ENDED

    def bound(self, mode: int) -> Callable[[], int] | None:
        """Return the kernel call that :meth:`step` comes down to, or None if it does more.

        It returns 0 or more, and has done nothing, where :meth:`step` raises.
        """
        if self._serial is None:
            return None
        step, table, last = self._serial
        return functools.partial(step, table, 0, last, mode, self._work)

    def _step_otherwise(self, mode: int) -> None:
        """Step when not all is ready for, or to be done by, one call of the kernel."""
        if self.numpy_streams is not None:
            self._step_minigrid(mode)
        elif len(self._bounds) > 2 or self.optimum is not None:
            self._step_in_parts(mode)
        else:
            self._serial = self._stepper(), self.batch.table, self.num
            self.step(mode)
        if self.optimum is not None:
            self.optimum.follow(self, mode)

    def _stepper(self) -> Callable[..., int]:
        """Return the kernel that steps, with the reward program in place."""
        if self._program is None:
            return self.kernels.step
        if self._swappable:
            if self._callback is None:
                self.swap_program(self._program)
            return self.kernels.programmed
        if self._inlined is None:
            table = self.family.feature_table(self.size)
            self._inlined = programmed_step(self.family, self._program, table)
            try:  # no rows: this only compiles
                self._inlined(self.batch.table, 0, 0, NO_RESET, 0)
            except NumbaError as error:
                raise refusal(table, error) from error
        return self._inlined

    def swap_program(self, program: Program) -> None:
        """Let the steps to come be paid by another program.

        Raises:
            ValueError: If it cannot be compiled, or the levels were not made ``swappable``.
        """
        if not self._swappable:
            raise ValueError("programs can only be swapped in an env made with swappable=True")
        self._callback = callback(program, self.family.feature_table(self.size))
        self._program, self.batch.table[PROGRAM] = program, self._callback.address
        self._serial = None  # until now it may have been the kernel without a program

    def _step_in_parts(self, mode: int) -> None:
        """Step the rows in parts, side by side: the kernel lets other threads run."""
        self._check_actions()  # here, since a part that refuses could not stop the others
        step, table, work = self._stepper(), self.batch.table, self._work
        parts = list(itertools.pairwise(self._bounds))
        if self._pool is None:
            self._pool = ThreadPoolExecutor(len(parts))
        others = [self._pool.submit(step, table, *part, mode, work) for part in parts[1:]]
        results = [step(table, *parts[0], mode, work), *[other.result() for other in others]]
        self.some_ended = SOME_ENDED in results

    def _step_minigrid(self, mode: int) -> None:
        """Step with all randomness from the NumPy streams, in MiniGrid's order."""
        self._check_actions()
        due = self.out.pending.copy()
        for n, stream in self._streams(~due):
            self.kernels.drift(self.world, n, self.size, int(self.actions[n]), stream)
        result = self._stepper()(self.batch.table, 0, self.num, mode, self._work)
        self.some_ended = result == SOME_ENDED
        if mode != NO_RESET:
            mask = due if mode == NEXT_STEP else self.out.terminated | self.out.truncated
            if mask.any():
                self._draw(mask)

    def _streams(self, mask: Bool) -> Iterator[tuple[int, np.random.Generator]]:
        streams = self.numpy_streams or []
        return ((n, streams[n]) for n in np.flatnonzero(mask).tolist())

    def _check_actions(self) -> None:
        wrong = (self.actions < 0) | (self.actions >= self.size.num_actions)
        if wrong.any():
            self._refuse(int(wrong.argmax()))

    def _refuse(self, row: int) -> None:
        names = ", ".join(self.family.action_names)
        raise ValueError(
            f"unknown action {self.actions[row]} in row {row}; actions are integers in "
            f"[0, {self.size.num_actions - 1}]: {names}"
        )

    def features(self, values: npt.NDArray[np.float32]) -> Features:
        """Return an (N, F) feature matrix as name -> (N,) array of the feature's own dtype."""
        return FeatureColumns(self._columns, values)

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything that decides the future, as arrays."""
        state = {f"world.{key}": value.copy() for key, value in self.world._asdict().items()}
        del state["world.scratch"]
        state |= {f"out.{key}": value.copy() for key, value in self.out._asdict().items()}
        del state["out.actions"]
        if self.numpy_streams is not None:
            state["numpy_streams"] = np.stack([_pack(rng) for rng in self.numpy_streams])
        if self.optimum is not None:
            state |= self.optimum.get_state()
        return state

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned.

        Raises:
            ValueError: If the state is of other levels (keys, shapes or dtypes differ), or an
                agent stands outside its grid.
        """
        own = {key: (value.shape, str(value.dtype)) for key, value in self.get_state().items()}
        given = {
            key: (np.shape(value), str(np.asarray(value).dtype)) for key, value in state.items()
        }
        if own != given:
            raise ValueError(f"state does not fit: expected arrays {own}, got {given}")
        require_inside(state["world.agent"], self.size)
        for group, prefix in ((self.world, "world."), (self.out, "out.")):
            for key, target in group._asdict().items():
                if prefix + key in state:
                    target[...] = state[prefix + key]
        if self.numpy_streams is not None:
            self.numpy_streams = [_unpack(words) for words in state["numpy_streams"]]
        if self.optimum is not None:
            self.optimum.set_state(self, state)

    def __getstate__(self) -> dict[str, Any]:
        """Leave kernels and threads out; they are rebuilt where the copy lands."""
        absent = dict.fromkeys(("_kernels", "_serial", "_inlined", "_callback", "_pool", "actions"))
        return {**self.__dict__, **absent}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Find the copy's own arrays."""
        self.__dict__ |= state
        self.actions = self.out.actions


def require_inside(agent: npt.NDArray[Any], size: Size) -> None:
    """Refuse what would make compiled code look outside of its arrays."""
    ranges = (
        ("column", X, size.width),
        ("row", Y, size.height),
        ("direction", DIRECTION, 4),
        ("load", CARRY, len(FLAGS)),
    )
    for name, column, high in ranges:
        wrong = (agent[:, column] < 0) | (agent[:, column] >= high)
        if wrong.any():
            n = int(wrong.argmax())
            raise ValueError(
                f"state does not fit: the agent of row {n} has {name} {agent[n, column]}, which is "
                f"not in [0, {high - 1}]"
            )


_OF_BATCHES = {"features", "threads", "program", "swappable", "copy", "autoreset_mode", "device"}


def _chosen(family: Family, options: Mapping[str, Any]) -> dict[str, int]:
    """Return all options of a family, the given ones checked."""
    for name, value in options.items():
        if name not in family.options:
            where = " (an argument of gym.make_vec)" if name in _OF_BATCHES else ""
            raise TypeError(
                f"{family.name} has no option {name!r}{where}; it has {', '.join(family.options)}"
            )
        option = family.options[name]
        whole = isinstance(value, (int, np.integer, np.bool_))
        if not whole or not option.low <= value <= option.high:
            raise ValueError(
                f"{name} ({option.meaning}) must be an integer in [{option.low}, {option.high}], "
                f"got {value!r}"
            )
    return {name: int(options.get(name, option.default)) for name, option in family.options.items()}


def _listed(options: Mapping[str, int]) -> str:
    return ", ".join(f"{name}={value}" for name, value in options.items())


MOST = 2**31 - 1


def _positive(name: str, value: Any) -> None:
    if not 1 <= _whole(name, value) <= MOST:
        raise ValueError(f"{name} must be an integer in [1, {MOST}], got {value!r}")


def _whole(name: str, value: Any) -> int:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise ValueError(f"{name} must be an integer, got {value!r}")
    return int(value)


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
