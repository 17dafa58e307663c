"""The reward that a person wrote for the env: the human baseline of reward search."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from operant.errors import OperantError
from operant.reward_design.base import DesignContext, DesignSpec, RewardDesign
from operant.reward_design.llm.designs.guarded import OnError
from operant.reward_design.llm.designs.program import ProgramReward
from operant.reward_design.llm.language.evaluation import DEFAULT_CAP
from operant.reward_design.shaping.potential import PotentialShaping
from operant.types import Bool, RewardTerms, Transition

_NOTHING = "def reward(obs, action, next_obs, info):\n    return 0.0"
"""Stands for the program until the env is known."""
_POTENTIAL = re.compile(r"^def potential\b", re.MULTILINE)


def fingerprint(source: str) -> str:
    """Return the SHA-256 of a program's text, 64 hexadecimal digits."""
    return hashlib.sha256(source.encode()).hexdigest()


class ExpertReward(RewardDesign):
    """Pays the program on the env's card (:attr:`operant.types.Card.expert`).

    A reward program is paid as ``program`` pays it, instead of the true reward; the differences of
    a potential are added to the true reward, as ``potential`` does. Which program that was is told
    by :meth:`provenance`, because the id of a run does not depend on the text of a card. Once the
    env is known, ``spec`` is that of the program; before that, nothing is promised.

    Source: Eureka: Human-Level Reward Design via Coding Large Language Models (Ma et al., 2024),
    the reward "Human".
    """

    spec = DesignSpec(
        invariance="none", needs=("features", "expert"), markov=False, privileged=True
    )

    def __init__(
        self,
        *,
        sha256: str = "",
        add: bool = False,
        on_error: OnError = "raise",
        cap: float = DEFAULT_CAP,
    ) -> None:
        """Choose how a reward program is paid; all but ``sha256`` does not concern a potential.

        Args:
            sha256: First digits of the :func:`fingerprint` of the program that is meant: with
                another one on the card, the design refuses. Where it is given, results for an old
                text are never taken for those of a new one.
            add: True adds the true reward, as the term ``env``.
            on_error: What happens where the program fails: ``"raise"``, ``"neutral"`` or
                ``"clip"``, see :class:`~operant.reward_design.llm.designs.program.ProgramReward`.
            cap: Largest reward in magnitude, > 0.

        Raises:
            ValueError: If an argument is outside its range.
        """
        super().__init__()
        if not re.fullmatch(r"[0-9a-f]{0,64}", sha256):
            raise ValueError(f"sha256 must be up to 64 hexadecimal digits, got {sha256!r}")
        self._sha256 = sha256
        self._options: dict[str, Any] = {"add": add, "on_error": on_error, "cap": cap}
        self._program = self._made(_NOTHING)  # bad arguments are refused now, not at the env

    def setup(self, context: DesignContext) -> None:
        """Attach the design to an env; see :meth:`RewardDesign.setup`.

        Raises:
            OperantError: If no expert wrote a reward for the env, or not the one that is meant.
            UnsafeRewardCodeError: If the card's text is no program; says where and why.
        """
        if not context.expert.strip():
            raise OperantError(
                f"design {self.id!r} pays the reward that a person wrote for the env, but this "
                "env's card has none (card.expert is empty); write one yourself for the design "
                "'program': make_design('program', source='def reward(obs, action, next_obs, info)"
                ": ...')"
            )
        found = fingerprint(context.expert)
        if not found.startswith(self._sha256):
            raise OperantError(
                f"design {self.id!r} is meant for the program {self._sha256}, but the env's card "
                f"has {found[: len(self._sha256)]} now; leave sha256= out to take what is there"
            )
        self._program = self._made(context.expert)
        super().setup(context)

    def _made(self, source: str) -> RewardDesign:
        if _POTENTIAL.search(source):
            made: RewardDesign = PotentialShaping(potential=source, privileged=True)
        else:
            made = ProgramReward(source=source, **self._options)
        made.id = self.id  # errors speak of this design
        return made

    def _setup(self, context: DesignContext) -> None:
        self._program.setup(context)
        spec = self._program.spec
        self.spec = dataclasses.replace(spec, needs=(*spec.needs, "expert"))

    def required_features(self) -> tuple[str, ...]:
        """Return the features that the program reads; none before :meth:`setup`."""
        return self._program.required_features()

    def provenance(self) -> dict[str, Any]:
        """Return the program's text as ``expert``; known after :meth:`setup`."""
        return {} if self.context is None else {"expert": self.context.expert}

    def step(self, t: Transition) -> RewardTerms:
        """Return what the program says."""
        return self._program.step(t)

    def reset(self, mask: Bool) -> None:
        """Forget the episodes of the slots in ``mask``."""
        self._program.reset(mask)

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return the memory of the program, if it has one."""
        return self._program.state_dict()

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned; call after :meth:`setup`."""
        self._program.load_state_dict(state)
