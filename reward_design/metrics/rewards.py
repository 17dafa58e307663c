"""The forms in which the reward of a finite MDP is given, and the end of its episodes as a state.

A reward of S states and A actions is an array of shape (S, A), or (S, A, S') if it depends on the
successor too. Where episodes end, the end is a further successor, the last one, and S' = S + 1.
Axes of length 1 stand for "the same for all".
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from operant.finite import FiniteMDP
from operant.tabular import TabularMDP
from operant.types import Float

MDP: TypeAlias = FiniteMDP | TabularMDP
_ROUNDING = 1e-9
"""What rows of probabilities may lack to 1 without meaning an end."""


def check_discount(gamma: float) -> None:
    """Refuse a discount outside [0, 1).

    Raises:
        ValueError: If it is.
    """
    if not 0.0 <= gamma < 1.0:
        raise ValueError(f"gamma must lie in [0, 1), got {gamma}")


def successors(mdp: FiniteMDP) -> Float:
    """Return the probabilities of all successors, the end included where there is one, (S, A, S').

    Each row sums to 1.
    """
    ends = 1.0 - mdp.transition.sum(axis=2, keepdims=True)
    if ends.max() <= _ROUNDING:
        return mdp.transition
    return np.concatenate([mdp.transition, np.maximum(ends, 0.0)], axis=2)


def with_end(mdp: FiniteMDP) -> FiniteMDP:
    """Return the same MDP with its end as a state: the last one, never left, paying 0.

    An MDP whose episodes do not end is returned as it is. Potentials must be 0 in the new state.
    """
    ahead = successors(mdp)
    if ahead.shape[2] == mdp.num_states:
        return mdp
    stays = np.zeros((1, *ahead.shape[1:]))
    stays[..., -1] = 1.0
    return FiniteMDP(
        transition=np.concatenate([ahead, stays]),
        reward=np.append(mdp.reward, np.zeros((1, mdp.num_actions)), axis=0),
        start=np.append(mdp.start, 0.0),
    )


def full(mdp: FiniteMDP, reward: Float) -> Float:
    """Return a reward as a read-only array of shape (S, A, S').

    Raises:
        ValueError: If its shape does not fit the MDP or it is not finite.
    """
    states, actions, after = successors(mdp).shape
    given = _finite(reward)
    if given.ndim == 2:
        given = given[:, :, None]
    try:
        return np.broadcast_to(given, (states, actions, after))
    except ValueError:
        raise ValueError(
            f"reward must have shape {(states, actions)} or {(states, actions, after)}, got "
            f"{np.shape(reward)}" + (" (the last successor is the end)" if after > states else "")
        ) from None


def expected(mdp: MDP, reward: Float) -> Float:
    """Return the expected reward of each action in each state, (S, A).

    Raises:
        ValueError: If its shape does not fit the MDP or it is not finite.
    """
    given = _finite(reward)
    if isinstance(mdp, FiniteMDP) and given.ndim == 3:
        mean: Float = (successors(mdp) * full(mdp, reward)).sum(axis=2)
        return mean
    if given.shape != (mdp.num_states, mdp.num_actions):
        raise ValueError(
            f"reward must have shape {(mdp.num_states, mdp.num_actions)}, got {given.shape}"
        )
    return given


def unit_size(reward: Float) -> Float:
    """Return a reward of any shape divided by its largest absolute value; 0 stays 0.

    Distances do not depend on that factor, and the squares of what is left are numbers.

    Raises:
        ValueError: If it is not finite.
    """
    given = _finite(reward)
    largest = np.abs(given).max(initial=0.0)
    sized: Float = given / largest if largest > 0 else given
    return sized


def potential_shaping(potential: Float, *, gamma: float) -> Float:
    """Return ``gamma * potential[s'] - potential[s]``, (S, 1, S), to be added to a reward.

    Args:
        potential: (S,), 0 in the state that is the end.
        gamma: Discount, in [0, 1).

    Source: Policy invariance under reward transformations (Ng, Harada, Russell, 1999).
    """
    check_discount(gamma)
    added: Float = gamma * potential[None, None, :] - potential[:, None, None]
    return added


def _finite(reward: Float) -> Float:
    given = np.asarray(reward, np.float64)
    if not np.isfinite(given).all():
        where = tuple(map(int, np.argwhere(~np.isfinite(given))[0]))
        raise ValueError(f"reward must be finite, got {given[where]} at {where}")
    return given
