"""Rewards written by language models, and by anyone else, in a closed language."""

from operant.reward_design.llm.language.errors import RewardProgramError, UnsafeRewardCodeError
from operant.reward_design.llm.language.program import (
    FactorProgram,
    PotentialProgram,
    RewardProgram,
    SignProgram,
    compile_factors,
    compile_potential,
    compile_reward,
    compile_signs,
)

__all__ = [
    "FactorProgram",
    "PotentialProgram",
    "RewardProgram",
    "RewardProgramError",
    "SignProgram",
    "UnsafeRewardCodeError",
    "compile_factors",
    "compile_potential",
    "compile_reward",
    "compile_signs",
]
