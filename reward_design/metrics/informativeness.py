"""How much a reward tells a learner about the next actions: the criterion of explicable rewards."""

from __future__ import annotations

from collections.abc import Sequence

from operant.finite import FiniteMDP
from operant.reward_design.metrics.rewards import expected
from operant.reward_design.shaping.exprd import HORIZONS, Informativeness
from operant.reward_design.shaping.teaching import solve_teacher
from operant.types import Float


def informativeness(
    mdp: FiniteMDP, reward: Float, *, gamma: float, horizons: Sequence[int] = HORIZONS
) -> float:
    """Return how well a reward shows, within few steps, what the optimal policy would do; <= 0.

    For every horizon h and state: by how much the h-step advantage of the optimal action over a
    non-optimal one, under ``reward``, falls short of the smallest true gap; the worst action
    counts. 0, the maximum, means that no horizon is too short, as for shaping by the optimal
    values. The h-step value is the discounted sum over the steps 0 to h, optimal after the first.
    :class:`~operant.reward_design.shaping.exprd.Informativeness` judges many rewards of one MDP,
    and finds the best.

    Args:
        mdp: The MDP with its true reward.
        reward: (S, A) or (S, A, S') reward to judge.
        gamma: Discount, in [0, 1).
        horizons: h >= 0 each.

    Raises:
        ValueError: If an argument is out of range or has the wrong shape.

    Source: Explicable Reward Design for Reinforcement Learning Agents (Devidze, Radanovic,
    Kamalaruban, Singla, 2021), eq. 4. Deviation: h + 1 rewards are summed for horizon h.
    """
    teacher = solve_teacher(mdp, gamma=gamma)
    return Informativeness(teacher, horizons=horizons)(expected(mdp, reward))
