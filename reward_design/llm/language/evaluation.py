"""What all programs of the language have in common."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, ClassVar, get_args

from operant.reward_design.llm.language.checking import check
from operant.reward_design.llm.language.errors import RewardProgramError, Source
from operant.reward_design.llm.language.execution import Backend, Execution, Frame
from operant.reward_design.llm.language.expressions import Vocabulary
from operant.reward_design.llm.language.parsing import identity_of, parse
from operant.reward_design.llm.language.vocabulary import OUTPUTS
from operant.types import Feature

DEFAULT_CAP = 1e6
"""Largest result of a program, in magnitude."""


class ClosedProgram:
    """A program of the closed language: source, identity, and safe evaluation.

    Attributes:
        source: The text.
        identity: Its sha256 without comments, format and docstring, 64 hexadecimal digits.
        keys: Keys of ``info`` that it reads, in order of first use.
        reads: Names of the features that it reads, without ``prev_``, in order of first use.
        reads_obs: Whether it reads an observation; if not, any observation may be given.
        obs_size: Length of the observation.
        action_size: Numbers in an action; 0 if it is a number itself.
        mem_size: How many numbers it remembers.
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
        action_size: int = 0,
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
        _require_size("obs_size", obs_size)
        _require_size("action_size", action_size)
        self.source, self.backend, self.cap = source, backend, cap
        self.obs_size, self.action_size, self._features = obs_size, action_size, tuple(features)
        text = Source.of(source)
        tree = parse(text, self.entry)
        self._checked = check(tree, text, self._vocabulary([a.arg for a in tree.args.args]))
        self.identity = identity_of(tree)
        self.keys = self._checked.keys
        self.reads = tuple(dict.fromkeys(key.removeprefix("prev_") for key in self.keys))
        self.reads_obs, self.mem_size = self._checked.reads_obs, self._checked.mem_size
        self._frame = Frame(
            text=text,
            entry=self.entry,
            obs_size=obs_size,
            action_size=action_size,
            backend=backend,
            cap=cap,
        )
        self._execution = Execution(self._checked, self._frame)
        self._one = self._execution.one

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle as text: functions made from it cannot travel."""
        rebuild = functools.partial(
            type(self),
            obs_size=self.obs_size,
            features=self._features,
            action_size=self.action_size,
            backend=self.backend,
            cap=self.cap,
        )
        return rebuild, (self.source,)

    def __repr__(self) -> str:
        """Return the beginning of the identity."""
        return f"{type(self).__name__}({self.identity[:12]})"

    def _vocabulary(self, parameters: Sequence[str]) -> Vocabulary:
        shapes = dict((f, ()) if isinstance(f, str) else (f.name, f.shape) for f in self._features)
        for name in shapes:
            if not name.isidentifier() or name.startswith("prev_"):
                raise ValueError(
                    f"features must be identifiers that do not begin with 'prev_', got {name!r}"
                )
        numbers = [name for name, shape in shapes.items() if not shape]
        before = [f"prev_{name}" for name in numbers] if "next_obs" in parameters else []
        return Vocabulary(
            parameters=parameters,
            obs_size=self.obs_size,
            keys=(*numbers, *before),
            arrays={name: shape for name, shape in shapes.items() if shape},
            action_size=self.action_size,
            outputs=OUTPUTS.get(self.entry),
        )

    def _require_kernel(self) -> None:
        """Check that the compiled step of an env has all that the program reads."""
        lacks = {
            "observation": self.reads_obs,
            "action of several numbers": self._checked.reads_action and self.action_size > 0,
            "memory": self.mem_size > 0,
        }
        for what, wanted in lacks.items():
            if wanted:
                raise RewardProgramError(
                    "obs" if what == "observation" else "kernel",
                    f"the program reads an {what}, and the compiled step of an env has none",
                    hint='read features, as in info["name"]',
                )


def _require_size(name: str, size: int) -> None:
    if size < 0:
        raise ValueError(f"{name} must be >= 0, got {size}")
