"""Evaluation: one meaning in Python and in compiled code, and a place for every failure."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import numpy as np

from operant.reward_design.llm.language.checking import check
from operant.reward_design.llm.language.errors import RewardProgramError, Source
from operant.reward_design.llm.language.expressions import Vocabulary
from operant.reward_design.llm.language.parsing import identity_of, parse
from operant.reward_design.llm.language.rendering import by_key, render
from operant.reward_design.llm.language.vocabulary import PARAMETERS, TABLE
from operant.types import Feature, Features, Float

Backend: TypeAlias = Literal["python", "numba"]
"""What evaluates batches: a loop in Python, or code compiled by numba on first use."""
DEFAULT_CAP = 1e6
"""Largest result of a program, in magnitude."""


class ClosedProgram:
    """What rewards and potentials have in common: source, identity, and safe evaluation.

    Attributes:
        source: The text.
        identity: Its sha256 without comments, format and docstring, 64 hexadecimal digits.
        reads: Names of the features that it reads, without ``prev_``, in order of first use.
        reads_obs: Whether it reads an observation; if not, any observation may be given.
        obs_size: Length of the observation.
        backend: What evaluates batches.
        cap: Largest result, in magnitude.
    """

    entry: ClassVar[str]

    def __init__(
        self,
        source: str,
        *,
        obs_size: int,
        features: Sequence[Feature | str],
        backend: Backend = "python",
        cap: float = DEFAULT_CAP,
    ) -> None:
        """Check and compile; see ``compile_reward``."""
        if backend not in get_args(Backend):
            raise ValueError(f"backend must be one of {get_args(Backend)}, got {backend!r}")
        if not 0.0 < cap < math.inf:
            raise ValueError(f"cap must be positive and finite, got {cap}")
        if not isinstance(source, str):
            raise TypeError(f"source must be text, got {type(source).__name__}")
        self.source, self.backend, self.cap = source, backend, cap
        self.obs_size, self._features = obs_size, tuple(features)
        text = Source(source.replace("\r\n", "\n"))
        tree = parse(text, self.entry)
        self._checked = check(tree, text, _vocabulary(self.entry, obs_size, self._features))
        self._text = text
        self.identity = identity_of(tree)
        self.reads = tuple(dict.fromkeys(key.removeprefix("prev_") for key in self._checked.keys))
        self.reads_obs = self._checked.reads_obs
        self._function = render(self._checked, PARAMETERS["reward"], by_key, TABLE)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle as text: functions made from it cannot travel."""
        rebuild = functools.partial(
            type(self),
            obs_size=self.obs_size,
            features=self._features,
            backend=self.backend,
            cap=self.cap,
        )
        return rebuild, (self.source,)

    def __repr__(self) -> str:
        """Return the beginning of the identity."""
        return f"{type(self).__name__}({self.identity[:12]})"

    def _evaluate(
        self, obs: Any, action: Any, next_obs: Any, info: Mapping[str, Any], row: int | None = None
    ) -> float:
        if self.reads_obs and not len(obs) == len(next_obs) == self.obs_size:
            raise ValueError(
                f"observations must have {self.obs_size} numbers, got {len(obs)}, {len(next_obs)}"
            )
        try:
            value: float = self._function(obs, action, next_obs, info)
        except KeyError as error:
            raise ValueError(
                f"info lacks {error}; the program reads {self._checked.keys}"
            ) from None
        except TypeError as error:
            raise ValueError(f"obs, action and info must hold plain numbers: {error}") from None
        except (ArithmeticError, ValueError, IndexError) as error:
            raise self._failure(error, row) from None
        if not -self.cap <= value <= self.cap:
            raise RewardProgramError(
                "cap" if math.isfinite(value) else "not_finite",
                f"the {self.entry} is {value}",
                hint=f"it must lie in [-{self.cap:g}, {self.cap:g}]",
                row=row,
            )
        return value

    def _batch(self, obs: Any, action: Any, next_obs: Any, info: Features, size: int) -> Float:
        """Evaluate N rows; Python decides where compiled code is not content."""
        columns = np.empty((size, len(self._checked.keys)))
        for k, key in enumerate(self._checked.keys):
            if key not in info:
                raise ValueError(f"info lacks {key!r}; the program reads {self._checked.keys}")
            columns[:, k] = _array(f"info[{key!r}]", info[key], (size,))
        rows, of_actions = [np.empty((size, 0))] * 2, np.zeros(size)
        if self.reads_obs:
            shape = (size, self.obs_size)
            rows = [_array("obs", obs, shape), _array("next_obs", next_obs, shape)]
        if self._checked.reads_action:
            of_actions = _array("action", action, (size,))
        given = rows[0], of_actions, rows[1], columns
        if self.backend == "numba" and (paid := self._compiled(*given)) is not None:
            return paid
        each = enumerate(zip(*(array.tolist() for array in given), strict=True))
        keys = self._checked.keys
        return np.array(
            [
                self._evaluate(now, act, then, dict(zip(keys, values, strict=True)), n)
                for n, (now, act, then, values) in each
            ]
        )

    def _compiled(self, *given: Float) -> Float | None:
        """Return what compiled code says of some rows; None if a row fails, Python knows which."""
        out = np.empty(len(given[0]))
        try:
            self._kernel(*given, out)
        except (ArithmeticError, ValueError, IndexError):
            return None
        return out if (np.abs(out) <= self.cap).all() else None

    @functools.cached_property
    def _kernel(self) -> Callable[..., None]:
        from operant.reward_design.llm.language.batch import kernel

        return kernel(self._checked)

    def _failure(self, error: Exception, row: int | None) -> RewardProgramError:
        """Return the error of a run, with the place in the source where it happened."""
        code, message, hint = next(
            record for kind, record in _FAILURES.items() if isinstance(error, kind)
        )
        line, column = self._place(error.__traceback__)
        shown = self._text.line(line)
        return RewardProgramError(
            code, message, line=line, column=column, hint=hint, shown=shown, row=row
        )

    def _place(self, trace: TracebackType | None) -> tuple[int, int]:
        while trace is not None:
            code = trace.tb_frame.f_code
            if code is self._function.__code__:
                line, _, column, _ = list(code.co_positions())[trace.tb_lasti // 2]
                return line or 0, 0 if column is None else column + 1
            trace = trace.tb_next
        return 0, 0

    def _require_features_alone(self) -> None:
        if self.reads_obs:
            raise RewardProgramError(
                "obs",
                "the program reads an observation, and the compiled step of an env has none",
                hint='read features, as in info["name"]',
            )


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


def _vocabulary(entry: str, obs_size: int, features: Sequence[Feature | str]) -> Vocabulary:
    if obs_size < 0:
        raise ValueError(f"obs_size must be >= 0, got {obs_size}")
    shapes = dict((f, ()) if isinstance(f, str) else (f.name, f.shape) for f in features)
    for name in shapes:
        if not name.isidentifier() or name.startswith("prev_"):
            raise ValueError(
                f"features must be identifiers that do not begin with 'prev_', got {name!r}"
            )
    numbers = [name for name, shape in shapes.items() if not shape]
    before = [f"prev_{name}" for name in numbers] if entry == "reward" else []
    return Vocabulary(
        parameters=PARAMETERS[entry],
        obs_size=obs_size,
        keys=(*numbers, *before),
        arrays={name: shape for name, shape in shapes.items() if shape},
    )


def _array(name: str, given: Any, shape: tuple[int, ...]) -> Float:
    array = np.asarray(given, np.float64, order="C")
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    return array
