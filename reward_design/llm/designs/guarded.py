"""What designs that are programs have in common: what they read, remember, and do on failure."""

from __future__ import annotations

import dataclasses
import functools
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Literal, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from operant.reward_design.base import DesignContext, RewardDesign
from operant.reward_design.llm.language.errors import RewardProgramError, Source
from operant.reward_design.llm.language.evaluation import DEFAULT_CAP
from operant.reward_design.llm.language.operations import operations
from operant.reward_design.llm.language.parsing import features_of, parse
from operant.reward_design.llm.language.program import RewardProgram, SignProgram
from operant.reward_design.llm.language.vocabulary import MEMORY
from operant.reward_design.llm.vectors import vector_size
from operant.types import Bool, Float, Transition, take_rows

OnError: TypeAlias = Literal["raise", "neutral", "clip"]
"""What a design does where its program fails."""
MANY = 32
"""Rows from which on calling compiled code takes less time than Python."""
WORTH = 30_000_000
"""Operations that take Python as long as it takes to compile a program, about 0.4 s."""
MAX_FAILURES = 10
"""Transitions without a result at which a program is disqualified."""

P = TypeVar("P", RewardProgram, SignProgram)


class Tiers(Generic[P]):
    """A program in Python and, once it was asked so much that this is worth it, compiled.

    What they say is the same to the last bit, so that it does not matter who asked before.

    Attributes:
        python: The program in Python.
    """

    def __init__(self, make: type[P], source: str, **arguments: Any) -> None:
        """Read the program; compiling waits.

        Args:
            make: The program's class.
            source: Its text.
            **arguments: Of the class, without the backend.
        """
        self.python: P = make(source, backend="python", **arguments)
        self._numba: P = make(source, backend="numba", **arguments)
        self._each = operations(parse(Source.of(source), self.python.entry))
        if self.python.reads_obs:  # every number is handed to Python
            self._each += 2 * self.python.obs_size
        self._asked = 0

    def of(self, rows: int) -> P:
        """Return what shall evaluate a batch of so many rows."""
        self._asked += rows * self._each
        return self._numba if rows >= MANY and self._asked > WORTH else self.python


def tiers(make: type[P], source: str, **arguments: Any) -> Tiers[P]:
    """Return a program, the same object for the same text: it remembers nothing by itself."""
    found: Tiers[P] = _made(make, source, **arguments)  # type: ignore[arg-type]  # classes can be hashed
    return found


@functools.lru_cache(maxsize=16)  # an evaluation makes a new design of what training compiled
def _made(make: Any, source: str, **arguments: Any) -> Any:
    return Tiers(make, source, **arguments)


class GuardedProgram(RewardDesign, Generic[P]):
    """Runs a program beside an env, with memory per slot and a policy for failures."""

    entry: ClassVar[str]
    policies: ClassVar[tuple[str, ...]] = ("raise", "neutral")

    def __init__(self, source: str, *, on_error: OnError, cap: float = DEFAULT_CAP) -> None:
        """Read the program; it is compiled, once that pays, for the env that becomes known.

        Args:
            source: Text in the closed language.
            on_error: What happens where the program fails.
            cap: Largest result in magnitude.

        Raises:
            UnsafeRewardCodeError: If the source is no program; says where and why.
            ValueError: If another argument is outside its range.
        """
        super().__init__()
        if on_error not in self.policies:
            raise ValueError(f"on_error must be one of {self.policies}, got {on_error!r}")
        self._source, self._on_error, self._cap = source, on_error, cap
        tree = parse(Source.of(source), self.entry)
        self._reads = features_of(tree)
        self.spec = dataclasses.replace(
            self.spec,
            markov=tree.args.args[-1].arg != MEMORY,
            needs=("features",) if self._reads else (),
            privileged=bool(self._reads),
        )
        self._mem, self._failures = np.zeros((1, 0)), 0
        self._tiers: Tiers[P]
        self._few: P

    def required_features(self) -> tuple[str, ...]:
        """Return the features that the program reads."""
        return self._reads

    def _setup(self, context: DesignContext) -> None:
        arguments: dict[str, Any] = {
            "obs_size": vector_size(context.observation_space),
            "action_size": vector_size(context.action_space),
            "features": context.features,
            "cap": self._cap,
        }
        self._tiers = self._program(self._source, **arguments)
        self._few = self._tiers.python
        self._mem, self._failures = np.zeros((context.num_envs, self._few.mem_size)), 0
        hidden = {feature.name for feature in context.features if feature.privileged}
        self.spec = dataclasses.replace(
            self.spec, privileged=not hidden.isdisjoint(self._few.reads)
        )

    def reset(self, mask: Bool) -> None:
        """Forget the episodes of the slots in ``mask``."""
        self._mem[mask] = 0.0

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return ``mem`` (num_envs, mem_size) float64 and ``failures`` () int64."""
        return {"mem": self._mem.copy(), "failures": np.array(self._failures)}

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned; call after :meth:`setup`."""
        self._mem, self._failures = state["mem"].copy(), int(state["failures"])

    def results(self, t: Transition) -> Float:
        """Return what the program says of B transitions, (B, K), and remember it.

        Raises:
            RewardProgramError: If the program fails in a row and ``on_error`` says so, or if it
                failed too often.
        """
        try:
            return self._run(self._tiers.of(len(t)), t, slice(None))
        except RewardProgramError:
            if self._on_error != "neutral":
                raise
        return np.concatenate([self._one(t, n) for n in range(len(t))])

    def _one(self, t: Transition, row: int) -> Float:
        """Return what the program says of one transition, (1, K), zeros where it fails."""
        try:
            return self._run(self._few, t, slice(row, row + 1))
        except RewardProgramError as error:
            self._failures += 1
            if self._failures < MAX_FAILURES:
                return np.zeros((1, self._width(self._few)))
            raise RewardProgramError(
                "disqualified",
                f"the program failed on {self._failures} transitions, at last so: {error.message}",
                line=error.line,
                column=error.column,
                hint=error.hint,
                row=row,
            ) from error

    def _run(self, program: P, t: Transition, rows: slice) -> Float:
        given = {}
        for key in program.keys:
            name = key.removeprefix("prev_")
            given[key] = (t.features if key == name else t.prev_features)[name][rows]
        sees = program.reads_obs
        obs, next_obs = (take_rows(each, rows) if sees else None for each in (t.obs, t.next_obs))
        slots = t.env_ids[rows]
        mem = self._mem[slots]
        found = self._numbers(program, obs, t.action[rows], next_obs, given, mem)
        if program.mem_size:
            self._mem[slots] = mem
        return found

    @abstractmethod
    def _program(self, source: str, **arguments: Any) -> Tiers[P]:
        """Read the program for the env that it was attached to."""

    @abstractmethod
    def _width(self, program: P) -> int:
        """Return K."""

    @abstractmethod
    def _numbers(
        self, program: P, obs: Any, action: Any, next_obs: Any, info: dict[str, Float], mem: Float
    ) -> Float:
        """Return what a program says of some rows, (B, K)."""
