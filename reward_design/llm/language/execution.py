"""Execution: one meaning in Python and in compiled code, and a place for every failure."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Literal, TypeAlias

import numpy as np

from operant.reward_design.llm.language.checking import Checked
from operant.reward_design.llm.language.errors import RewardProgramError, Source
from operant.reward_design.llm.language.rendering import by_key, by_position, render
from operant.reward_design.llm.language.shortcuts import shortened
from operant.reward_design.llm.language.vocabulary import ALIKE, MEMORY, PARAMETERS
from operant.types import Features, Float

Backend: TypeAlias = Literal["python", "numba", "torch"]
"""What evaluates batches: a loop in Python, code compiled by numba on first use, or torch."""
ARGUMENTS = (*PARAMETERS["reward"], MEMORY)
"""Parameters of every executed program, whichever of them it has in its text."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """What surrounds a program that is executed.

    Attributes:
        text: Its source.
        entry: Name of its function.
        obs_size: Length of an observation.
        action_size: Numbers in an action; 0 if it is a number itself.
        backend: What evaluates batches.
        cap: Largest result, in magnitude.
    """

    text: Source
    entry: str
    obs_size: int
    action_size: int
    backend: Backend
    cap: float


class Execution:
    """A checked program that can be called on one transition and on a batch of them.

    Attributes:
        checked: The program.
        function: It in Python, without guards.
        plain: Whether it reads no vector and remembers nothing.
    """

    def __init__(self, checked: Checked, frame: Frame, *, summed: bool = False) -> None:
        """Render the program.

        Args:
            checked: The program.
            frame: What surrounds it.
            summed: Whether the cap is for the sum of its results, not for each of them.
        """
        self.checked, self._frame, self._summed = checked, frame, summed
        self._cap, self._mem_size, self._single = frame.cap, checked.mem_size, not checked.outputs
        self._has_vectors = checked.reads_obs or (checked.reads_action and frame.action_size > 0)
        self.plain = not (self._has_vectors or checked.mem_size)
        self.function: Callable[..., Any] = render(shortened(checked), ARGUMENTS, by_key, ALIKE)

    def one(
        self,
        obs: Any,
        action: Any,
        next_obs: Any,
        info: Mapping[str, Any],
        mem: Any = None,
        row: int | None = None,
    ) -> Any:
        """Return the result for one transition, a float or a tuple of them.

        ``mem`` is updated in place, unless the program fails.

        Raises:
            RewardProgramError: If the program fails, or a result is not finite or beyond the cap.
            ValueError: If an argument has the wrong form.
        """
        if self._has_vectors:
            self._require_sizes(obs, action, next_obs)
        memory = self._memory_of(mem) if self._mem_size else None
        try:
            value = self.function(obs, action, next_obs, info, memory)
        except KeyError as error:
            message = f"info lacks {error}; the program reads {self.checked.keys}"
            raise ValueError(message) from None
        except TypeError as error:
            raise ValueError(f"obs, action and info must hold plain numbers: {error}") from None
        except (ArithmeticError, ValueError, IndexError) as error:
            raise self._failure(error, row) from None
        if not -self._cap <= (value if self._single else self._farthest(value)) <= self._cap:
            raise self._beyond(value if self._single else self._farthest(value), row)
        if memory is not None:
            mem[:] = memory
        return value

    def batch(
        self, obs: Any, action: Any, next_obs: Any, info: Features, mem: Any, size: int
    ) -> Any:
        """Return the results for N transitions, (N,) or (N, outputs) float64.

        ``mem`` (N, mem_size) is updated in place, unless the program fails in a row. With torch,
        the results are a tensor, where those are that are given.

        Raises:
            RewardProgramError: If the program fails in a row; names the first.
            ValueError: If an argument has the wrong form.
        """
        if self._frame.backend == "torch":
            return self._on_tensors(obs, action, next_obs, info, mem, size)
        given = self._arrays(obs, action, next_obs, info, mem, size)
        found = self.compiled(*given) if self._frame.backend == "numba" else None
        # Python decides where compiled code is not content
        results, memory = self._looped(*given) if found is None else found
        if self._mem_size:
            mem[:] = memory
        return results

    def _on_tensors(
        self, obs: Any, action: Any, next_obs: Any, info: Mapping[str, Any], mem: Any, size: int
    ) -> Any:
        from operant.reward_design.llm.language import tensors

        sizes = size, self._frame.obs_size, self._frame.action_size
        given = tensors.as_tensors(self.checked, sizes, obs, action, next_obs, info, mem)
        results, memory, failed = tensors.run(self.checked, given)
        judged = results.sum(1) if self._summed else results
        if failed.any() or not (judged.abs() <= self._cap).all():
            host = map(tensors.to_host, (obs, action, next_obs, info, mem))
            obs, action, next_obs, info, kept = host
            looped = self._looped(*self._arrays(obs, action, next_obs, info, kept, size))
            results, memory = (tensors.like(results, each) for each in looped)
        elif self._single:
            results = results[:, 0]
        if self._mem_size:
            mem[:] = memory
        return results

    def compiled(self, *given: Float) -> tuple[Float, Float] | None:
        """Return results and memory as compiled code has them; None if a row fails.

        Args:
            *given: obs, action, next_obs, the keys' values (N, K) and the memory.
        """
        *read, memory = given
        memory = memory.copy()
        out = np.empty((len(memory), max(self.checked.outputs, 1)))
        try:
            self._kernel(*read, memory, out)
        except (ArithmeticError, ValueError, IndexError):
            return None
        if not self._within(out):
            return None
        return (out[:, 0] if self._single else out), memory

    def _looped(self, *given: Float) -> tuple[Float, Float]:
        """Return results and memory as Python has them."""
        *read, memory = (array.tolist() for array in given)
        rows = zip(*read, memory, strict=True)
        try:
            values = [self._of_row(now, act, then, info, mem) for now, act, then, info, mem in rows]
        except (ArithmeticError, ValueError, IndexError):
            return self._one_by_one(*given)
        shape = len(values) if self._single else (len(values), self.checked.outputs)
        results = np.array(values, np.float64).reshape(shape)
        if not self._within(results):
            return self._one_by_one(*given)
        return results, np.array(memory, np.float64).reshape(given[-1].shape)

    def _one_by_one(self, *given: Float) -> tuple[Float, Float]:
        """Return results and memory like :meth:`one`, whose errors say in which row and why."""
        keys, memory = self.checked.keys, given[-1].copy()
        results = np.empty((len(memory), self.checked.outputs) if not self._single else len(memory))
        for n, (now, act, then, values, mem) in enumerate(
            zip(*(array.tolist() for array in given), strict=True)
        ):
            results[n] = self.one(now, act, then, dict(zip(keys, values, strict=True)), mem, n)
            memory[n] = mem
        return results, memory

    def _within(self, results: Float) -> bool:
        """Return whether all results, (N,) or (N, outputs), are finite and keep to the cap."""
        judged = results.sum(1) if self._summed else results
        return bool((np.abs(judged) <= self._cap).all())

    def _arrays(
        self, obs: Any, action: Any, next_obs: Any, info: Features, mem: Any, size: int
    ) -> list[Float]:
        """Return what a batch is given as float64 arrays; what is not read has no columns."""
        checked, frame = self.checked, self._frame
        columns = np.empty((size, len(checked.keys)))
        for k, key in enumerate(checked.keys):
            if key not in info:
                raise ValueError(f"info lacks {key!r}; the program reads {checked.keys}")
            column = np.asarray(info[key])
            if column.shape != (size,):
                raise _misshaped(f"info[{key!r}]", (size,), column.shape)
            columns[:, k] = column
        rows = [np.empty((size, 0))] * 2
        if checked.reads_obs:
            shape = (size, frame.obs_size)
            rows = [_array("obs", obs, shape), _array("next_obs", next_obs, shape)]
        of_action = (size, frame.action_size) if frame.action_size else (size,)
        actions = np.zeros(of_action)
        if checked.reads_action:
            actions = _array("action", action, of_action)
        memory = np.empty((size, 0))
        if checked.mem_size:
            memory = _array(MEMORY, mem, (size, checked.mem_size))
        return [rows[0], actions, rows[1], columns, memory]

    @functools.cached_property
    def _of_row(self) -> Callable[..., Any]:
        """The program in Python, without guards, for keys' values in their order."""
        read = by_position(self.checked.keys)
        return render(shortened(self.checked), ARGUMENTS, read, ALIKE, floats=True)

    @functools.cached_property
    def _kernel(self) -> Callable[..., None]:
        from operant.reward_design.llm.language.batch import kernel

        return kernel(self.checked, vectors=self._frame.action_size > 0)

    def _require_sizes(self, obs: Any, action: Any, next_obs: Any) -> None:
        size, width = self._frame.obs_size, self._frame.action_size
        try:
            if self.checked.reads_obs and not len(obs) == len(next_obs) == size:
                raise ValueError(
                    f"observations must have {size} numbers, got {len(obs)}, {len(next_obs)}"
                )
            if self.checked.reads_action and width and len(action) != width:
                raise ValueError(f"action must have {width} numbers, got {len(action)}")
        except TypeError as error:
            message = f"obs, action and next_obs must hold the numbers of vectors: {error}"
            raise ValueError(message) from None

    def _memory_of(self, mem: Any) -> list[float]:
        given = len(mem) if hasattr(mem, "__len__") else "none" if mem is None else repr(mem)
        if given != self._mem_size:
            raise ValueError(f"mem must have {self._mem_size} numbers, got {given}")
        return [float(number) for number in mem]

    def _farthest(self, values: tuple[float, ...]) -> float:
        """Return the number that the cap is for: the sum, or the first result that breaks it."""
        if self._summed:
            return sum(values)
        return next((value for value in values if not -self._cap <= value <= self._cap), 0.0)

    def _beyond(self, value: float, row: int | None) -> RewardProgramError:
        single = self._single or self._summed
        what = f"the {self._frame.entry}" if single else "one of the numbers"
        return RewardProgramError(
            "cap" if math.isfinite(value) else "not_finite",
            f"{what} is {value}",
            hint=f"it must lie in [-{self._cap:g}, {self._cap:g}]",
            row=row,
        )

    def _failure(self, error: Exception, row: int | None) -> RewardProgramError:
        """Return the error of a run, with the place in the source where it happened."""
        code, message, hint = next(
            record for kind, record in _FAILURES.items() if isinstance(error, kind)
        )
        line, column = self._place(error.__traceback__)
        shown = self._frame.text.line(line)
        return RewardProgramError(
            code, message, line=line, column=column, hint=hint, shown=shown, row=row
        )

    def _place(self, trace: TracebackType | None) -> tuple[int, int]:
        while trace is not None:
            code = trace.tb_frame.f_code
            if code is self.function.__code__:
                line, _, column, _ = list(code.co_positions())[trace.tb_lasti // 2]
                return line or 0, 0 if column is None else column + 1
            trace = trace.tb_next
        return 0, 0


_FAILURES: dict[type[Exception], tuple[str, str, str]] = {
    ZeroDivisionError: ("division", "division by zero", "divide by something like max(x, 0.001)"),
    OverflowError: ("overflow", "a number became too large", "bound what goes in with min or max"),
    IndexError: ("index", "an index outside the observation", "bound it with min and max"),
    ValueError: (
        "domain",
        "a function got a number outside its domain",
        "bound what goes in, as in math.sqrt(max(x, 0.0))",
    ),
}
"""Exception of Python -> code, message and hint; the first that fits."""


def _array(name: str, given: Any, shape: tuple[int, ...]) -> Float:
    array = np.asarray(given, np.float64, order="C")
    if array.shape != shape:
        raise _misshaped(name, shape, array.shape)
    return array


def _misshaped(name: str, shape: tuple[int, ...], got: tuple[int, ...]) -> ValueError:
    return ValueError(f"{name} must have shape {shape}, got {got}")
