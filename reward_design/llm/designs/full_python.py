"""A program in full Python as the reward, for authors who are trusted, and opt-in."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import gymnasium as gym

from operant.errors import OperantError
from operant.reward_design.base import DesignContext, DesignSpec, RewardDesign
from operant.reward_design.llm.vectors import vector_size
from operant.reward_design.llm.worker.layout import RowLayout
from operant.reward_design.llm.worker.levels import Level
from operant.reward_design.llm.worker.settings import WorkerSettings, encoded
from operant.reward_design.llm.worker.worker import RewardWorker
from operant.types import RewardTerms, Transition


class FullPythonReward(RewardDesign):
    """Pays what a program in full Python says, instead of the true reward. Terms: ``program``.

    The program runs in a locked process, one for all slots, which gets a message per step. It may
    remember things, which nobody can save: such a run does not resume exactly. Prefer the closed
    language, which is safe by construction and can be compiled.
    """

    spec = DesignSpec(
        invariance="none", needs=("features",), stationary=False, markov=False, privileged=True
    )

    def __init__(
        self,
        *,
        source: str,
        require: Level = "landlock+seccomp",
        modules: Sequence[str] = (),
        add: bool = False,
        timeout_s: float = 0.25,
        memory_mib: int = 512,
        cap: float = 1e6,
    ) -> None:
        """Store the program; nothing is run before the design is attached to an env.

        Args:
            source: Text of ``def reward(obs, action, next_obs, info)``, at most 64 KiB. ``obs`` and
                ``next_obs`` are the observation if it is a vector, else empty; ``info`` has the
                features that are numbers, and with ``prev_`` before the name those before the step.
            require: The weakest lock that is accepted: ``"landlock+seccomp"``, ``"landlock"`` or
                ``"rlimits"``. The strongest that the host allows is used, see :attr:`level`.
            modules: Modules of the standard library, or ``"numpy"``, that the program may import.
            add: True adds the true reward, as the term ``env``.
            timeout_s: Longest wait for the rewards of up to 1024 envs, seconds of wall time, > 0.
            memory_mib: Memory of the process, MiB, in [64, 65536].
            cap: Largest reward in magnitude, > 0.

        Raises:
            TypeError: If the source is no text.
            ValueError: If an argument is outside its range.
        """
        super().__init__()
        encoded(source)
        self._source, self._add = source, add
        self._settings = WorkerSettings(
            require=require,
            modules=tuple(modules),
            timeout_s=timeout_s,
            memory_mib=memory_mib,
            cap=cap,
        )
        self._worker: RewardWorker | None = None
        self._names: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Return the level, for logs."""
        return f"{type(self).__name__}(level={self.level!r})"

    @property
    def level(self) -> Level | None:
        """How far the process is locked, as it says itself; None before :meth:`setup`."""
        return None if self._worker is None else self._worker.level

    def provenance(self) -> dict[str, Any]:
        """Return what a result must say of the process, as JSON values."""
        abi = 0 if self._worker is None else self._worker.abi
        return {"level": self.level, "require": self._settings.require, "landlock_abi": abi}

    def _setup(self, context: DesignContext) -> None:
        if self._worker is not None:
            self._worker.close()
        numbers = [feature for feature in context.features if feature.shape == ()]
        self._names = tuple(feature.name for feature in numbers)
        privileged = any(feature.privileged for feature in numbers)
        self.spec = dataclasses.replace(self.spec, privileged=privileged)
        self._worker = RewardWorker(
            self._source,
            layout=RowLayout(
                obs_size=vector_size(context.observation_space),
                action_size=_action_size(context.action_space),
                whole_actions=isinstance(context.action_space, gym.spaces.Discrete),
                features=(*self._names, *(f"prev_{name}" for name in self._names)),
            ),
            settings=self._settings,
            seed=context.seed,
        )

    def step(self, t: Transition) -> RewardTerms:
        """Return the program's reward, with the true reward if that was asked for.

        Raises:
            RewardProgramError: If the program fails in a row, or its process hangs or dies.
        """
        if self._worker is None:
            raise OperantError(f"design {self.id!r} is not attached to an env")
        info = {name: t.features[name] for name in self._names}
        before = {f"prev_{name}": t.prev_features[name] for name in self._names}
        paid = self._worker.batch(t.obs, t.action, t.next_obs, info | before)
        return RewardTerms.sum_of(program=paid, **({"env": t.reward} if self._add else {}))


def _action_size(space: gym.Space[Any]) -> int:
    """Return how many numbers an action has; 0 if it is one number.

    Raises:
        OperantError: If it is neither a number nor a vector.
    """
    if space.shape is None or len(space.shape) > 1:
        raise OperantError(
            f"a program is given actions that are numbers or vectors, not those of {space}; "
            "flatten them with a wrapper"
        )
    return space.shape[0] if space.shape else 0
