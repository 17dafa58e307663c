"""How noisy the policy gradient of self-play is under different advantages."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from operant.agents.games.credit import Moves, role_returns, turn_advantages
from operant.agents.games.self_play import SelfPlay
from operant.agents.native.heads import conditioned
from operant.types import Float

ROWS = 64
"""Rows of games that one estimate of the gradient is made from."""
SETTLING = 2
"""Rollouts that the means of outcomes are taken from."""


def gradient_variances(agent: SelfPlay, *, rollouts: int = 10) -> dict[str, float]:
    """Return the variance of the policy gradient at the present parameters, by advantage.

    An estimate is the mean of ``advantage * grad log pi(move)`` over the moves of a rollout in
    :data:`ROWS` rows. Its variance over all estimates is summed over the parameters. All advantages
    are of the same moves. The means of ``"rae"`` (per role) and ``"global"`` are where running
    means would settle: those of :data:`SETTLING` rollouts before. ``"gae"`` has the agent's critic
    and ``gae_lambda``. Training goes on afterwards as if nothing had been measured.

    Args:
        agent: The learner.
        rollouts: Rollouts collected, of which all but 2 give estimates.

    Raises:
        ValueError: If there are less than two estimates, or games cannot be put back.
    """
    estimates = (rollouts - SETTLING) * (agent.env.num_envs // ROWS)
    if rollouts <= SETTLING or estimates < 2:
        raise ValueError(
            f"a variance needs two estimates, one per {ROWS} rows of a rollout after the first "
            f"{SETTLING}; got {rollouts} rollouts of {agent.env.num_envs} rows"
        )
    arrays, meta = agent.training_state()
    if not meta["exact_resume"]:
        raise ValueError("the games must be able to save their state, to go on afterwards")
    try:
        found = _found(agent, rollouts)
    finally:
        agent.load_training_state(arrays, meta)
    return {name: float(torch.stack(all_).var(0).sum()) for name, all_ in found.items()}


def _found(agent: SelfPlay, rollouts: int) -> dict[str, list[Tensor]]:
    """Return the estimates of the gradient by advantage."""
    pairs = []
    for _ in range(SETTLING):
        agent.collect()
        pairs.append(role_returns(agent.moves))
    outcomes, roles = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    each = [outcomes[roles == role].mean() for role in range(agent.moves.rewards.shape[2])]
    means = {"rae": np.array(each), "global": np.full(len(each), outcomes.mean())}
    found: dict[str, list[Tensor]] = {"rae": [], "global": [], "gae": []}
    for _ in range(rollouts - SETTLING):
        agent.collect()
        for name, advantages in _advantages(agent, means).items():
            found[name] += _gradients(agent, advantages)
    return found


def _advantages(agent: SelfPlay, means: dict[str, Float]) -> dict[str, Float]:
    """Return the advantages of the last rollout by name, (T, N) each."""
    moves: Moves = agent.moves
    own = np.take_along_axis(moves.outcomes(), moves.role[..., None], 2)[..., 0]
    values = agent.rollout.values[..., 0].double().cpu().numpy()
    critic = turn_advantages(
        moves, values, gamma=agent.config.gamma, gae_lambda=agent.config.gae_lambda
    )
    return {**{name: own - mean[moves.role] for name, mean in means.items()}, "gae": critic}


def _gradients(agent: SelfPlay, advantages: Float) -> list[Tensor]:
    """Return an estimate of the gradient per group of rows, (D,) each."""
    rollout, model = agent.rollout, agent.policy.model
    weights = torch.from_numpy(advantages).float().flatten()
    found = []
    for first in range(0, rollout.num_envs - ROWS + 1, ROWS):
        mine = torch.zeros_like(rollout.valid)
        mine[:, first : first + ROWS] = True
        rows = (mine & rollout.valid).flatten().nonzero().squeeze(1)
        batch = rollout.minibatch(rows)
        params = conditioned(model.params(batch.obs), None, batch.masks)
        log_probs, _ = agent.policy.head.evaluate(params, batch.actions)
        parts = torch.autograd.grad(
            (weights[rows] * log_probs).mean(), list(model.parameters()), allow_unused=True
        )
        found.append(torch.cat([part.flatten() for part in parts if part is not None]))
    return found
