"""A program as the reward."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from operant.reward_design.base import DesignSpec
from operant.reward_design.llm.designs.guarded import GuardedProgram, OnError, Tiers, tiers
from operant.reward_design.llm.language.evaluation import DEFAULT_CAP
from operant.reward_design.llm.language.program import RewardProgram
from operant.types import Float, RewardTerms, Transition


class ProgramReward(GuardedProgram[RewardProgram]):
    """Pays what a program says, instead of the true reward. Terms: those of the program.

    A program that reads features the agent cannot observe makes the design privileged; one that
    declares memory makes it depend on the episode so far.

    Source: Eureka: Human-Level Reward Design via Coding Large Language Models (Ma et al., 2024).
    """

    spec = DesignSpec(invariance="none")
    entry = RewardProgram.entry
    policies = ("raise", "neutral", "clip")

    def __init__(
        self,
        *,
        source: str,
        add: bool = False,
        on_error: OnError = "raise",
        cap: float = DEFAULT_CAP,
    ) -> None:
        """Read the program.

        Args:
            source: Text of ``def reward(obs, action, next_obs, info)`` in the closed language, see
                :func:`~operant.reward_design.llm.language.program.compile_reward`.
            add: True adds the true reward, as the term ``env``.
            on_error: ``"raise"`` stops at the first transition on which the program fails;
                ``"neutral"`` pays 0 there, and stops at the tenth; ``"clip"`` bounds results that
                are finite to the cap, and stops at all other failures.
            cap: Largest reward in magnitude, > 0.

        Raises:
            UnsafeRewardCodeError: If the source is no program; says where and why.
            ValueError: If another argument is outside its range.
        """
        if not 0.0 < cap < math.inf:
            raise ValueError(f"cap must be positive and finite, got {cap}")
        self._add, self._bound = add, cap
        clips = on_error == "clip"  # the program may say what it likes, the design bounds it
        super().__init__(source, on_error=on_error, cap=sys.float_info.max if clips else cap)

    def step(self, t: Transition) -> RewardTerms:
        """Return the program's reward, with the true reward if that was asked for."""
        values = self.results(t)
        total = values.sum(1)
        if self._on_error == "clip":
            values = values * (self._bound / np.maximum(np.abs(total), self._bound))[:, None]
            total = values.sum(1)
        terms = {name: values[:, k] for k, name in enumerate(self._few.terms)}
        if self._add:
            terms["env"] = terms.get("env", 0.0) + t.reward
            total = total + t.reward
        return RewardTerms(total, terms)

    def _program(self, source: str, **arguments: Any) -> Tiers[RewardProgram]:
        return tiers(RewardProgram, source, **arguments)

    def _width(self, program: RewardProgram) -> int:
        return len(program.terms)

    def _numbers(
        self,
        program: RewardProgram,
        obs: Any,
        action: Any,
        next_obs: Any,
        info: dict[str, Float],
        mem: Float,
    ) -> Float:
        return program.batch_columns(obs, action, next_obs, info, mem)
