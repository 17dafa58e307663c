"""A world in N rows: what a family implements once to have a scalar and a batched env."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.arrays import section
from operant.types import Bool, Card, Feature, Float, Int, Obs, Oracle


@dataclasses.dataclass(kw_only=True, slots=True)
class Outcome:
    """What all rows show now, in arrays that a world writes into at every step.

    Whoever hands them to a caller copies them first.

    Attributes:
        obs: Observations, (N, ...), or one such array per key.
        reward: What is paid for the last step, (N,).
        true_reward: What the true objective pays for it, (N,); the same array as ``reward`` unless
            another reward was asked for.
        terminated: (N,), the MDP ended.
        truncated: (N,), the time limit cut the episode.
        success: (N,), the success predicate of the last step.
        features: Feature name -> (N, ...), of the state after the last step or reset.
        extras: Further infos of the last step, key -> (N, ...), such as ``proxy_reward``.
    """

    obs: Obs
    reward: Float
    true_reward: Float
    terminated: Bool
    truncated: Bool
    success: Bool
    features: dict[str, npt.NDArray[Any]]
    extras: dict[str, npt.NDArray[Any]] = dataclasses.field(default_factory=dict)

    place: ClassVar[Callable[[Outcome], Outcome] | None] = None
    """Moves new arrays elsewhere: a worker's into memory that its parent sees."""

    @classmethod
    def zeros(
        cls,
        num: int,
        space: gym.Space[Any],
        table: Sequence[Feature],
        extras: Mapping[str, npt.NDArray[Any]] | None = None,
        *,
        paid: bool = True,
    ) -> Outcome:
        """Allocate the arrays of a world.

        Args:
            num: N.
            space: Space of one observation, a Box or a Dict of them.
            table: The feature table.
            extras: The arrays of further infos.
            paid: True if the true reward is what is paid; False for two arrays.
        """
        true = np.zeros(num)
        made = cls(
            obs=_zeros(num, space),
            reward=true if paid else np.zeros(num),
            true_reward=true,
            terminated=np.zeros(num, np.bool_),
            truncated=np.zeros(num, np.bool_),
            success=np.zeros(num, np.bool_),
            features={f.name: np.zeros((num, *f.shape), _DTYPES[f.dtype]) for f in table},
            extras=dict(extras or {}),
        )
        return made if cls.place is None else cls.place(made)


_FIRST: Int = np.zeros(1, np.int64)
_FIRST.setflags(write=False)
_DTYPES = {"bool": np.bool_, "int": np.int64, "float": np.float64}


def _zeros(num: int, space: gym.Space[Any]) -> Any:
    if isinstance(space, gym.spaces.Dict):
        return {key: _zeros(num, part) for key, part in space.spaces.items()}
    return np.zeros((num, *(space.shape or ())), space.dtype)


class BatchWorld(abc.ABC):
    """N rows of one kind of world.

    A subclass calls ``super().__init__`` with every argument it was built with (copies and pickles
    are rebuilt from them), sets the attributes below, and implements :meth:`_reset`, :meth:`_step`
    and :meth:`card`. Rows never influence each other: row i of a world seeded ``s_i`` does what a
    world of one row seeded ``s_i`` does, to the bit.

    Attributes:
        num: N.
        observation_space: Space of one row's observation.
        action_space: Space of one row's action.
        table: The feature table.
        out: What the rows show.
        max_steps: Time limit in env steps.
        elapsed: (N,) env steps of the running episodes.
        streams: One random generator per row; all chance of a row comes from it.
    """

    FPS: ClassVar[int] = 10
    RENDER_MODES: ClassVar[tuple[str, ...]] = ("rgb_array",)
    REWARDS: ClassVar[tuple[str, ...]] = ()
    """Names of rewards that it can pay beside the true one, for the argument ``reward``."""
    OFFERS: ClassVar[frozenset[str]] = frozenset()
    """Attributes that its envs offer too, such as ``compute_reward`` of goal tasks."""

    observation_space: gym.Space[Any]
    action_space: gym.Space[Any]
    table: tuple[Feature, ...]
    out: Outcome

    def __init__(self, *, num: int, max_steps: int, **options: Any) -> None:
        """Remember the arguments.

        Args:
            num: N >= 1.
            max_steps: Time limit in env steps, >= 1.
            **options: All other arguments of the subclass.

        Raises:
            ValueError: If a number is outside its range.
        """
        if num < 1 or max_steps < 1:
            raise ValueError(f"num and max_steps must be >= 1, got {num} and {max_steps}")
        self.num, self.max_steps, self.options = num, max_steps, options
        self.elapsed: Int = np.zeros(num, np.int64)
        self.streams = [np.random.default_rng(0) for _ in range(num)]

    def seed(self, seeds: Sequence[int | None]) -> None:
        """Start the random streams of some rows anew.

        Args:
            seeds: One seed per row; None leaves a row's stream alone.
        """
        for row, seed in enumerate(seeds):
            if seed is not None:
                self.streams[row] = np.random.default_rng(seed)

    def cut(self, max_steps: int) -> None:
        """Let episodes end after so many env steps, if they do not end earlier anyway."""
        self.max_steps = min(self.max_steps, max_steps)

    def reset(self, rows: Int) -> None:
        """Start an episode in some rows."""
        out = self.out
        self.elapsed[rows] = 0
        for flags in (out.terminated, out.truncated, out.success):
            flags[rows] = False
        out.reward[rows] = out.true_reward[rows] = 0.0
        self._reset(rows)

    def step(self, rows: Int, actions: npt.NDArray[Any]) -> None:
        """Take one step in some rows, whose episodes are running.

        Args:
            rows: (B,) indices, ascending.
            actions: (B, ...) their actions, which lie in the action space.
        """
        self.elapsed[rows] += 1
        self._step(rows, actions)
        self.out.truncated[rows] = self.elapsed[rows] >= self.max_steps

    def step_one(self, action: Any) -> None:
        """Take one step in the first row, as :meth:`step` does; for worlds of one row."""
        self.step(_FIRST, np.asarray(action)[None])

    def play(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take one step in the first row and return what a scalar env does.

        Args:
            action: An action that lies in the action space.
        """
        self.step_one(action)
        out = self.out
        info: dict[str, Any] = {
            "features": self.told(0),
            "true_reward": out.true_reward.item(0),
            "success": out.success.item(0),
        }
        for name, value in out.extras.items():
            info[name] = value.item(0) if value.ndim == 1 else value[0].copy()
        terminated, truncated = out.terminated.item(0), out.truncated.item(0)
        return self.shown(0), out.reward.item(0), terminated, truncated, info

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything that decides the future, random streams included, as arrays."""
        streams = np.array([_stream_state(stream) for stream in self.streams], np.uint64)
        out = {name: part.copy() for name, part in _flat(self.out).items()}
        own = {f"own/{name}": value for name, value in self._get_state().items()}
        named = {f"out/{name}": value for name, value in out.items()}
        return {"streams": streams, "elapsed": self.elapsed.copy(), **named, **own}

    def set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`get_state` returned.

        Raises:
            ValueError: If it is of a world with another number of rows.
        """
        if len(state["elapsed"]) != self.num:
            raise ValueError(
                f"the state has {len(state['elapsed'])} rows, this world has {self.num}"
            )
        for stream, numbers in zip(self.streams, state["streams"], strict=True):
            _set_stream(stream, numbers)
        self.elapsed[:] = state["elapsed"]
        self._set_state(section(state, "own"))
        saved = section(state, "out")
        for name, part in _flat(self.out).items():
            part[...] = saved[name]

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle by building it anew and restoring the state."""
        arguments = {"num": self.num, "max_steps": self.max_steps, **self.options}
        return _rebuilt, (type(self), arguments, self.get_state())

    def idle(self) -> bool:
        """Do a piece of work that a later call will need, while nobody waits for this world.

        Returns:
            True if something was done and there may be more; False if there is nothing to do.
        """
        return False

    def close(self) -> None:
        """Give back what the world holds; nothing by default."""
        return

    def oracle(self, row: int) -> Oracle:  # noqa: ARG002 (for subclasses)
        """Return the optimum of a row's level, where it is known."""
        return Oracle(
            kind="none",
            optimal_return=float("nan"),
            solution_length=None,
            actions=(),
            method="none",
        )

    def told(self, row: int) -> dict[str, Any]:
        """Return a row's features as the scalar env's info has them: plain values and copies."""
        return {
            name: value.item(row) if value.ndim == 1 else value[row].copy()
            for name, value in self.out.features.items()
        }

    def shown(self, row: int) -> Any:
        """Return a copy of a row's observation."""
        obs = self.out.obs
        if isinstance(obs, dict):
            return {key: value[row].copy() for key, value in obs.items()}
        return obs[row].copy()

    def frame(self, row: int) -> npt.NDArray[np.uint8]:
        """Return a picture of a row, (H, W, 3) uint8."""
        raise NotImplementedError

    def text(self, row: int) -> str:
        """Return a row as text, for the render mode ``"ansi"``."""
        raise NotImplementedError

    @abc.abstractmethod
    def card(self, env_id: str) -> Card:
        """Return what a user must know about it."""

    @abc.abstractmethod
    def _reset(self, rows: Int) -> None:
        """Start an episode in some rows: write ``out.obs`` and ``out.features`` of them."""

    @abc.abstractmethod
    def _step(self, rows: Int, actions: npt.NDArray[Any]) -> None:
        """Step some rows: write all of ``out`` but ``truncated`` for them."""

    @abc.abstractmethod
    def _get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Return what decides the future beside streams, elapsed steps and ``out``, as copies."""

    @abc.abstractmethod
    def _set_state(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`_get_state` returned."""


def _rebuilt(
    kind: type[BatchWorld], arguments: dict[str, Any], state: dict[str, npt.NDArray[Any]]
) -> BatchWorld:
    world = kind(**arguments)
    world.set_state(state)
    return world


def _flat(out: Outcome) -> dict[str, npt.NDArray[Any]]:
    """Return every array of an outcome by name."""
    flat: dict[str, npt.NDArray[Any]] = {}
    for field in dataclasses.fields(out):
        value = getattr(out, field.name)
        parts = value if isinstance(value, dict) else {"": value}
        flat |= {f"{field.name}/{name}".rstrip("/"): part for name, part in parts.items()}
    return flat


def _stream_state(stream: np.random.Generator) -> list[int]:
    """Return a PCG64 generator as six numbers (two of its own have 128 bits)."""
    told: Any = stream.bit_generator.state
    state, inc, low = told["state"]["state"], told["state"]["inc"], 2**64 - 1
    words = [state >> 64, state & low, inc >> 64, inc & low]
    return [*words, told["has_uint32"], told["uinteger"]]


def _set_stream(stream: np.random.Generator, numbers: npt.NDArray[np.uint64]) -> None:
    high, low, inc_high, inc_low, has, value = (int(number) for number in numbers)
    stream.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": high << 64 | low, "inc": inc_high << 64 | inc_low},
        "has_uint32": has,
        "uinteger": value,
    }
