"""A potential for the native vector envs: compiled into their step, where it costs next to nothing.

>>> def progress(state):
...     return (state.subgoal + 1.0 - state.steps_to_subgoal / 24.0) / 3.0
>>> program = potential_program(progress, gamma=0.99)

``gym.make_vec(ID, num_envs=1024, program=program)`` then pays it on top of the true reward.
"""

from __future__ import annotations

import dis
from collections.abc import Callable
from typing import Any

import numba

from operant.reward_design.shaping.potentials import require_arguments


def potential_program(phi: Callable[[Any], float], *, gamma: float) -> Callable[..., float]:
    """Return the reward program ``reward + gamma * phi(now) - phi(prev)``.

    It pays what :class:`~operant.reward_design.shaping.potential.PotentialShaping` pays:
    terminal states have potential 0, states at a time limit keep theirs. But nobody stands beside a
    compiled function: it may read every feature, privileged or not, ``gamma`` is not compared with
    the agent's, and a result that is not finite goes to the agent. Try it as ``PotentialShaping``
    first.

    Args:
        phi: Function of one state, which has its features as attributes (``state.has_key``, floats)
            and is what a reward program may be: arithmetic, comparisons, branches and ``math``.
        gamma: The agent's discount, in [0, 1].

    Raises:
        TypeError: If ``phi`` is not a Python function of one argument.
        ValueError: If ``gamma`` is outside [0, 1], or ``phi`` raises, which compiled it could not.

    Source: Policy invariance under reward transformations (Ng, Harada, Russell, 1999), eq. 2.
    """
    if not 0.0 <= gamma <= 1.0:
        raise ValueError(f"gamma must lie in [0, 1], got {gamma}")
    if not hasattr(phi, "__code__"):
        raise TypeError(f"phi must be a Python function, got {phi!r}")
    require_arguments(phi, "state")
    if any(step.opname in ("RAISE_VARARGS", "RERAISE") for step in dis.get_instructions(phi)):
        raise ValueError("phi raises or asserts, which compiled it could not")
    njit: Any = numba.njit
    potential = njit(phi, error_model="numpy")  # division as in the kernel it becomes part of

    def program(now: Any, prev: Any, action: int, reward: float, terminated: bool) -> float:  # noqa: ARG001
        after = 0.0 if terminated else gamma * potential(now)
        paid: float = reward + (after - potential(prev))
        return paid

    return program
