"""Two signs as the reward: a model says what is good and bad, never how much."""

from __future__ import annotations

import sys
from typing import Any, Literal

import numpy as np

from operant.reward_design.base import DesignSpec
from operant.reward_design.llm.designs.guarded import GuardedProgram, Tiers, tiers
from operant.reward_design.llm.language.program import SignProgram
from operant.types import Float, RewardTerms, Transition

SPARSE, DENSE = 1.0, 0.1
"""What the two signs are worth."""


class SignReward(GuardedProgram[SignProgram]):
    """Pays ``sgn(sparse) * 1 + sgn(dense) * 0.1``, with ``sgn(0) = 0``. Terms: ``sparse, dense``.

    It stands instead of the true reward. There are nine rewards, whatever the program says, and a
    dense term that can be exploited earns at most 0.1 per step.

    Source: Auto MC-Reward: Automated Dense Reward Design with Large Language Models for Minecraft
    (Li et al., 2024).
    """

    spec = DesignSpec(invariance="none")
    entry = SignProgram.entry

    def __init__(self, *, source: str, on_error: Literal["raise", "neutral"] = "raise") -> None:
        """Read the program.

        Args:
            source: Text of ``def signs(obs, action, next_obs, info)`` in the closed language, which
                returns ``[sparse, dense]``; see
                :func:`~operant.reward_design.llm.language.program.compile_signs`.
            on_error: ``"raise"`` stops at the first transition on which the program fails;
                ``"neutral"`` pays 0 there, and stops at the tenth.

        Raises:
            UnsafeRewardCodeError: If the source is no program; says where and why.
            ValueError: If ``on_error`` is something else.
        """
        super().__init__(source, on_error=on_error, cap=sys.float_info.max)

    def step(self, t: Transition) -> RewardTerms:
        """Return the two signs, weighted."""
        sparse, dense = np.sign(self.results(t)).T + 0.0
        return RewardTerms.sum_of(sparse=SPARSE * sparse, dense=DENSE * dense)

    def _program(self, source: str, **arguments: Any) -> Tiers[SignProgram]:
        return tiers(SignProgram, source, **arguments)

    def _width(self, program: SignProgram) -> int:
        return program.size

    def _numbers(
        self,
        program: SignProgram,
        obs: Any,
        action: Any,
        next_obs: Any,
        info: dict[str, Float],
        mem: Float,
    ) -> Float:
        return program.batch(obs, action, next_obs, info, mem)
