"""Rewards written by language models, and by anyone else, in a closed language."""

from operant.reward_design.llm.language.errors import RewardProgramError, UnsafeRewardCodeError
from operant.reward_design.llm.language.program import (
    PotentialProgram,
    RewardProgram,
    compile_potential,
    compile_reward,
)

__all__ = [
    "PotentialProgram",
    "RewardProgram",
    "RewardProgramError",
    "UnsafeRewardCodeError",
    "compile_potential",
    "compile_reward",
]
