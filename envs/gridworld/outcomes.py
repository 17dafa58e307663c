"""Judgements that several families share: who has won, who has lost."""

from __future__ import annotations

from operant.envs.gridworld.cells import FORWARD, GOAL, LAVA
from operant.envs.gridworld.family import success_reward
from operant.envs.gridworld.jit import compiled
from operant.envs.gridworld.world import Size, World


@compiled
def reach_goal(
    world: World, n: int, size: Size, action: int, front: int
) -> tuple[float, bool, bool]:
    """Return (reward, terminated, success): stepping onto the goal wins, onto lava loses.

    Source: MiniGrid 3.2 ``MiniGridEnv.step`` (Chevalier-Boisvert et al., 2023).
    """
    if action == FORWARD and front == GOAL:
        return success_reward(world, n, size), True, True
    return 0.0, action == FORWARD and front == LAVA, False
