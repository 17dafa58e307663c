"""How good a found reward is beside the true one and beside one that a person wrote.

Fitness itself, one number fixed in advance, is
:func:`operant.reward_design.llm.search.fitness.fitness`; seeds that it was chosen by say nothing
here, so results are compared on fresh ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, Literal

import gymnasium as gym

from operant import reward_design
from operant.errors import OperantError
from operant.reward_design.llm.search.fitness import LAST
from operant.reward_design.llm.search.results import Job, RunResult, Trainer

Metric = Literal["success", "true_return"]
EXPERT = "potential"
"""The design that a person wrote: where its features are published, it leads from one subgoal to
the next."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Arms:
    """Final scores on fresh seeds at equal frames, one number per seed whose run ended well.

    Attributes:
        found: Of the found reward.
        sparse: Of the true reward alone.
        human: Of the reward that a person wrote; empty where there is none.
    """

    found: tuple[float, ...]
    sparse: tuple[float, ...]
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


def final(result: RunResult, metric: Metric = "success") -> float:
    """Return the mean of a metric over the last evaluations of a run that ended well.

    As many as fitness takes, never the best ones, and not the one before training.

    Args:
        result: The run.
        metric: ``"success"``, or ``"true_return"`` for envs that are scored by their return.
    """
    curve: tuple[float, ...] = getattr(result, metric)
    return fmean(curve[1:][-LAST:] or curve)


def expert_of(env_id: str, env_kwargs: Mapping[str, Any], *, gamma: float) -> str | None:
    """Return the design that a person wrote for a world, or None if there is none.

    Args:
        env_id: Gymnasium id.
        env_kwargs: Arguments of the env.
        gamma: Discount, in [0, 1].
    """
    env = gym.make(env_id, **env_kwargs)
    try:
        reward_design.shape(env, EXPERT, gamma=gamma)
    except OperantError:  # the world lacks its features
        return None
    finally:
        env.close()
    return EXPERT


def compare(
    trainer: Trainer,
    design: tuple[str, Mapping[str, Any]],
    *,
    seeds: Sequence[int],
    expert: str | None = None,
    metric: Metric = "success",
) -> Arms:
    """Train with fresh seeds on a found reward, on the true one, and on a person's.

    Args:
        trainer: Who trains, each arm with equal frames.
        design: Id and arguments of the found design.
        seeds: Seeds that the search did not use.
        expert: Id of a person's design; None to leave it out.
        metric: What is compared.
    """
    arms = {"found": design, "sparse": ("none", {}), "human": (expert, {})}
    jobs = [
        Job(name=arm, design=name, design_kwargs=kwargs, seed=seed)
        for arm, (name, kwargs) in arms.items()
        if name is not None
        for seed in seeds
    ]
    results = [result for result in trainer.train(jobs) if result.status == "ok"]
    return Arms(**{arm: tuple(final(r, metric) for r in results if r.name == arm) for arm in arms})
