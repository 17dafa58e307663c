"""How good a policy is in a game: exact values, best responses, and how far it is from Nash."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from operant.agents.games.sequence_form import SequenceForm
from operant.types import Float


def expected_values(form: SequenceForm, policy: Float) -> Float:
    """Return what each player gets on average if all follow a policy, (P,).

    Args:
        form: The game.
        policy: (I, A) probabilities.

    Raises:
        ValueError: If the policy does not fit.
    """
    policy = form.checked(policy)
    weights = form.realisation(policy)
    gains = np.sum([form.gains(weights, player) for player in range(form.players)], axis=0)
    return form.counterfactual(gains, policy)[0][-form.players :]


def best_response(form: SequenceForm, policy: Float, player: int) -> tuple[Float, float]:
    """Return the best that a player can do against a policy of the others.

    Args:
        form: The game.
        policy: (I, A) probabilities; the player's own rows do not matter.
        player: The player, in [0, P).

    Returns:
        The policy with the player's rows replaced by a best pure answer (the first of equally good
        actions; uniform where the others never let it come), and its value to the player.

    Raises:
        ValueError: If policy or player do not fit.
    """
    policy = form.checked(policy)
    if not 0 <= player < form.players:
        raise ValueError(f"player must lie in [0, {form.players - 1}], got {player}")
    gains = form.gains(form.realisation(policy), player)
    values, _ = form.counterfactual(gains, None)
    table = values[: -form.players].reshape(form.shape)
    best = np.where(form.legal, table, -np.inf).argmax(1)
    answer, own = policy.copy(), form.owner == player
    answer[own] = np.eye(form.shape[1])[best[own]]
    unreached = own & ~(table != 0).any(1)
    answer[unreached] = form.uniform()[unreached]
    return answer, float(values[player - form.players])


def best_values(form: SequenceForm, policy: Float) -> Float:
    """Return what each player gets by its best response to the others' policy, (P,).

    Raises:
        ValueError: If the policy does not fit.
    """
    weights = form.realisation(form.checked(policy))
    return np.array(
        [
            form.counterfactual(form.gains(weights, player), None)[0][player - form.players]
            for player in range(form.players)
        ]
    )


def nash_conv(form: SequenceForm, policy: Float) -> float:
    """Return what the players together could gain by deviating alone, >= 0; 0 at Nash.

    Args:
        form: The game.
        policy: (I, A) probabilities.

    Raises:
        ValueError: If the policy does not fit.

    Source: A Unified Game-Theoretic Approach to Multiagent Reinforcement Learning (Lanctot et al.,
    2017), section 5.
    """
    return float((best_values(form, policy) - expected_values(form, policy)).sum())


def exploitability(form: SequenceForm, policy: Float) -> float:
    """Return :func:`nash_conv` per player.

    In a zero-sum game of two it is what a perfect opponent wins on average over both seats.
    """
    return nash_conv(form, policy) / form.players


def mixture(
    form: SequenceForm, policies: Sequence[Float], weights: Sequence[float] | None = None
) -> Float:
    """Return the policy that plays like one of several, drawn anew for each player and game.

    It averages realisation weights, not probabilities: an opponent cannot tell it from the draw.

    Args:
        form: The game.
        policies: (I, A) each.
        weights: How often each is drawn, >= 0, not all 0; None for equally often.

    Raises:
        ValueError: If there are none, or the weights do not fit.

    Source: Extensive Games and the Problem of Information (Kuhn, 1953), theorem 4.
    """
    shares = np.ones(len(policies)) if weights is None else np.asarray(weights, np.float64)
    if len(policies) == 0 or shares.shape != (len(policies),):
        raise ValueError(
            f"weights must be one per policy, of which there is at least one, got {shares.size} "
            f"for {len(policies)}"
        )
    if (shares < 0).any() or not 0 < shares.sum() < np.inf:
        raise ValueError(f"weights must be >= 0 and not all 0, got {shares.tolist()}")
    total = np.zeros(form.sequences)
    for share, policy in zip(shares / shares.sum(), policies, strict=True):
        total += share * form.realisation(form.checked(policy))
    return form.behaviour(total)
