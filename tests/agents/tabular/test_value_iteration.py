from __future__ import annotations

import gymnasium as gym
import pytest

from operant import agents
from operant.agents.tabular.value_iteration import follow, shortest_solution
from operant.planning import value_iteration


def test_the_registered_planner_is_value_iteration() -> None:
    assert agents.registry().load("value-iteration") is value_iteration


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_the_oracle_of_sparse_key(seed) -> None:
    env = gym.make("SparseKey-5x5-v0")
    env.reset(seed=seed)
    oracle, mdp = env.unwrapped.oracle(), env.unwrapped.tabular_mdp()
    solution = shortest_solution(mdp)
    assert len(solution) == oracle.solution_length
    plan = agents.registry().load("value-iteration")(mdp, gamma=0.99)
    assert plan.start_value == pytest.approx(0.99 ** (len(solution) - 1), rel=1e-12)
    for actions in (solution, follow(mdp, plan.policy, max_steps=100).actions):
        env.reset(seed=seed)
        steps = [env.step(int(action)) for action in actions]
        assert [step[1] for step in steps] == [0.0] * (len(solution) - 1) + [1.0]
        assert steps[-1][4]["success"] is True
