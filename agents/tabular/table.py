"""Rows of the tabular planners and learners.

For the meaning of tags see :mod:`operant.agents.sb3.table`.
"""

from __future__ import annotations

from operant.registry import AgentRow

ROWS = [
    AgentRow(
        id="value-iteration",
        entry_point="operant.agents.tabular.value_iteration:value_iteration",
        summary="exact planner for an explicit deterministic MDP",
        kind="planner",
        tags=("tabular",),
    ),
    AgentRow(
        id="policy-iteration",
        entry_point="operant.agents.tabular.policy_iteration:policy_iteration",
        summary="exact planner for an explicit deterministic MDP, policy by policy",
        kind="planner",
        tags=("tabular",),
    ),
    AgentRow(
        id="q-learning",
        entry_point="operant.agents.tabular.q_learning:QLearning",
        summary="Q-learning with a table of all observations met",
        kind="learner",
        tags=("off-policy", "tabular", "discrete", "greedy"),
        testing={"n_steps": 16},
    ),
    AgentRow(
        id="sarsa",
        entry_point="operant.agents.tabular.sarsa:SARSA",
        summary="SARSA with a table of all observations met",
        kind="learner",
        tags=("on-policy", "tabular", "discrete", "greedy"),
        testing={"n_steps": 16},
    ),
    AgentRow(
        id="expected-sarsa",
        entry_point="operant.agents.tabular.expected_sarsa:ExpectedSARSA",
        summary="expected SARSA with a table of all observations met",
        kind="learner",
        tags=("on-policy", "tabular", "discrete", "greedy"),
        testing={"n_steps": 16},
    ),
    AgentRow(
        id="reinforce",
        entry_point="operant.agents.tabular.reinforce:REINFORCE",
        summary="REINFORCE with tables of preferences and of values as baseline",
        kind="learner",
        tags=("on-policy", "tabular", "discrete"),
        testing={"n_steps": 16},
    ),
    AgentRow(
        id="advised-sarsa",
        entry_point="operant.agents.tabular.advised:AdvisedSARSA",
        summary="SARSA with advice: look-ahead, PIES, or DPBA (which is not policy-invariant)",
        kind="learner",
        tags=("on-policy", "tabular", "discrete", "greedy"),
        testing={"n_steps": 16},
    ),
]
