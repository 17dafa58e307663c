"""A reward design of your own: twenty lines, checked, and shown to be hackable or not, exactly."""

from __future__ import annotations

import gymnasium as gym
import numpy as np

import operant
from operant.agents.tabular.value_iteration import value_iteration
from operant.reward_design import DesignSpec, RewardDesign
from operant.testing import check_design
from operant.types import RewardTerms, Transition


class StepCost(RewardDesign):
    """Takes a little for every step, so that the agent hurries."""

    spec = DesignSpec(timing="step", invariance="none")

    def __init__(self, *, cost: float = 0.01, gamma: float | None = None) -> None:
        """Choose the cost of one step, >= 0."""
        super().__init__(gamma=gamma)
        if cost < 0:
            raise ValueError(f"cost must be >= 0, got {cost}")
        self.cost = cost

    def step(self, t: Transition) -> RewardTerms:
        """Return the true reward minus the cost."""
        return RewardTerms.sum_of(env=t.reward, hurry=np.full(len(t), -self.cost))


def main(steps: int = 200) -> tuple[float, float]:
    """Check the design, play with it, and compare its optimal policy with the true one.

    Returns:
        Optimal values of the start state under the true and the designed reward.
    """
    check_design(StepCost, env_id="SparseKey-5x5-v0", steps=steps)

    env = operant.shape(gym.make("SparseKey-5x5-v0"), StepCost(cost=0.02), gamma=0.99)
    env.reset(seed=0)
    _, reward, *_, info = env.step(2)
    print(f"designed {reward:.2f} = terms {info['reward_terms']}, true {info['true_reward']:.2f}")

    mdp = env.unwrapped.tabular_mdp()
    true = value_iteration(mdp, gamma=0.99)
    designed = value_iteration(mdp, gamma=0.99, reward=mdp.reward - 0.02)
    same = np.array_equal(true.optimal_actions, designed.optimal_actions)
    print(f"{mdp.num_states} states; the step cost {'keeps' if same else 'changes'} the optimum")
    return true.start_value, designed.start_value


if __name__ == "__main__":
    main()
