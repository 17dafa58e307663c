"""Rows of the bandit algorithms, which learn within an episode."""

from __future__ import annotations

from operant.agents.bandits.lsd.rows import ROWS as LSD_ROWS
from operant.registry import AgentRow

ARMS = "BanditBernoulli-K10-v0"


def _row(
    agent_id: str, entry_point: str, summary: str, home: str = ARMS, action: str = "discrete"
) -> AgentRow:
    return AgentRow(
        id=agent_id,
        entry_point=f"operant.agents.bandits.{entry_point}",
        summary=summary,
        kind="online",
        home=home,
        tags=("bandit", action),
        testing={"horizon": 100},
    )


ROWS = [
    _row("ucb1", "ucb1:UCB1Agent", "the arm with the highest upper confidence bound"),
    _row(
        "successive-elimination",
        "successive_elimination:SuccessiveEliminationAgent",
        "all arms in turns, dropping those that are surely not best",
    ),
    _row(
        "thompson-beta",
        "thompson:BetaThompsonAgent",
        "the best arm of a world drawn from the posterior, for rewards in [0, 1]",
    ),
    _row(
        "thompson-gaussian",
        "thompson:GaussianThompsonAgent",
        "the best arm of a world drawn from the posterior, for normal rewards",
        "BanditGaussian-K10-v0",
    ),
    _row(
        "eps-greedy",
        "eps_greedy:EpsilonGreedyAgent",
        "the best arm so far, and any arm with a probability that falls",
    ),
    _row(
        "explore-first",
        "explore_first:ExploreFirstAgent",
        "all arms equally often, then the best one for good",
    ),
    _row(
        "exp3",
        "exp3:EXP3Agent",
        "exponential weights on estimated losses, against adversaries",
        "BanditAdversarial-v0",
    ),
    _row(
        "hedge",
        "hedge:HedgeAgent",
        "exponential weights where the rewards of all arms are told (observe='full')",
        "BanditExperts-K10-v0",
    ),
    _row(
        "lin-ucb",
        "lin_ucb:LinUCBAgent",
        "optimism about a linear model of arms with features",
        "BanditContextual-d5K10-v0",
    ),
    _row(
        "uniform-grid",
        "lipschitz:UniformGridAgent",
        "UCB1 on equally spaced points of [0, 1]",
        "BanditLipschitz-v0",
        "box",
    ),
    _row(
        "zooming",
        "zooming:ZoomingAgent",
        "points of [0, 1] that get denser where they pay",
        "BanditLipschitz-v0",
        "box",
    ),
    _row(
        "lagrange-bwk",
        "knapsacks:LagrangeBwKAgent",
        "prices for resources against optimism about arms, under budgets",
        "BanditKnapsack-v0",
    ),
    _row(
        "ucb-bwk",
        "knapsacks:UCBBwKAgent",
        "the best mixture of arms for optimistic estimates, under budgets",
        "BanditKnapsack-v0",
    ),
    *LSD_ROWS,
]
