"""Teams of particles: navigation, predator-prey and spread, with one policy for all agents.

These are the factories of their Gymnasium ids; as games for several agents see ``parallel``.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from gymnasium.vector import AutoresetMode

from operant.envs.batched.scalar import WorldEnv
from operant.envs.delayed import STEP, DelayedEnv, payment
from operant.envs.multiagent.particles.batch import TEAM
from operant.envs.multiagent.particles.member import RANDOM, Mates, TeamMember
from operant.envs.multiagent.particles.scenarios import Scenario, with_horizon
from operant.envs.multiagent.particles.shared import SharedParticles


def make(
    *,
    scenario: str | Scenario = "CN-6",
    reward: str | None = STEP,
    mates: Mates = RANDOM,
    render_mode: str | None = None,
    max_steps: int | None = None,
) -> gym.Env[Any, Any]:
    """Build the world of one agent of a team; arguments as of :class:`TeamMember`.

    ``reward="delayed"`` pays its equal share of what the team has earned with the last step.
    """
    delayed, own = payment(reward, TeamMember.REWARDS)
    world = TeamMember(
        scenario=scenario,
        reward=TEAM if delayed or own else STEP,
        mates=mates,
        max_steps=max_steps,
    )
    env = WorldEnv(world, render_mode=render_mode)
    return DelayedEnv(env) if delayed else env


def make_vector(
    *,
    num_envs: int,
    scenario: str | Scenario = "CN-6",
    reward: str | None = STEP,
    autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
    render_mode: str | None = None,
    max_steps: int | None = None,
    max_episode_steps: int | None = None,
) -> SharedParticles:
    """Build whole teams: every agent is a row, and all rows share a policy.

    Args:
        num_envs: Rows, a multiple of the team's size.
        scenario: A scenario or its name; its agents must be one team.
        reward: ``"step"``, ``"team"`` or ``"delayed"``, as of :class:`SharedParticles`.
        autoreset_mode: ``SAME_STEP``, there is no other.
        render_mode: ``"rgb_array"`` or None.
        max_steps: Time limit in env steps, >= 1; None for the scenario's.
        max_episode_steps: Another one, as ``gym.make`` has it; the shorter one holds.

    Raises:
        UnknownIdError: If there is no such scenario.
        ValueError: If an argument is outside its range.
    """
    what = with_horizon(scenario, max_steps)
    if max_episode_steps is not None:
        what = with_horizon(what, min(what.horizon, max_episode_steps))
    members = len(what.agents)
    if num_envs < 1 or num_envs % members:
        raise ValueError(
            f"num_envs must be a multiple of {members}, as every agent of a team of {members} is "
            f"a row, got {num_envs}"
        )
    return SharedParticles(
        num_worlds=num_envs // members,
        scenario=what,
        reward=STEP if reward is None else reward,
        autoreset_mode=autoreset_mode,
        render_mode=render_mode,
    )
