"""How good a found reward is beside the true one and beside one that a person wrote.

Fitness itself, one number fixed in advance, is
:func:`operant.reward_design.llm.search.fitness.fitness`; seeds that it was chosen by say nothing
here, so results are compared on fresh ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from statistics import fmean
from typing import Any

import gymnasium as gym

from operant import reward_design
from operant.errors import OperantError
from operant.reward_design.llm import UnsafeRewardCodeError

EXPERTS = ("expert", "potential")
"""The designs that a person wrote, the best first: the program on the env's card; where its
features are published, the potential that leads from one subgoal to the next."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Arms:
    """Final scores on fresh seeds at equal frames, one number per seed whose run ended well.

    Attributes:
        found: Of the found reward.
        sparse: Of the true reward alone.
        human: Of the reward that a person wrote; empty where there is none.
    """

    found: tuple[float, ...] = ()
    sparse: tuple[float, ...] = ()
    human: tuple[float, ...] = ()

    @property
    def normalised(self) -> float | None:
        """The human-normalised score; None where one of the three is missing."""
        if not (self.found and self.sparse and self.human):
            return None
        return human_normalised(fmean(self.found), fmean(self.sparse), fmean(self.human))


def human_normalised(found: float, sparse: float, human: float) -> float | None:
    """Return ``(found - sparse) / |human - sparse|``; None if the person's reward changes nothing.

    0 is as good as the true reward alone, 1 as good as the person's.

    Source: Eureka: Human-Level Reward Design via Coding Large Language Models (Ma et al., 2024).

    >>> human_normalised(0.9, 0.1, 0.5)
    2.0
    """
    return None if human == sparse else (found - sparse) / abs(human - sparse)


def expert_of(env_id: str, env_kwargs: Mapping[str, Any], *, gamma: float) -> str | None:
    """Return the design that a person wrote for a world, or None if there is none.

    Args:
        env_id: Gymnasium id.
        env_kwargs: Arguments of the env.
        gamma: Discount, in [0, 1].

    Raises:
        UnsafeRewardCodeError: If the program on the env's card is none.
    """
    env = gym.make(env_id, **env_kwargs)
    try:
        for design in EXPERTS:
            if _suits(design, env, gamma):
                return design
        return None
    finally:
        env.close()


def _suits(design: str, env: gym.Env[Any, Any], gamma: float) -> bool:
    try:
        reward_design.shape(env, design, gamma=gamma)
    except UnsafeRewardCodeError:  # a mistake on the card must not pass for a missing expert
        raise
    except OperantError:  # the world lacks what the design reads
        return False
    return True
