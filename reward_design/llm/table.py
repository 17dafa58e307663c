"""Rows of the designs that are programs. Default programs are for worlds with a key."""

from __future__ import annotations

from operant.registry import Row

_REWARD = """\
def reward(obs, action, next_obs, info):
    progress = 0.1 * (info["subgoal"] - info["prev_subgoal"])
    found = 0.5 if info["has_key"] and not info["prev_has_key"] else 0.0
    effort = 0.001
    return progress + found - effort
"""
_SIGNS = """\
def signs(obs, action, next_obs, info):
    done = 1.0 if info["steps_to_goal"] == 0 else 0.0
    return [done, info["prev_steps_to_subgoal"] - info["steps_to_subgoal"]]
"""

ROWS: list[Row] = [
    Row(
        id="program",
        entry_point="operant.reward_design.llm.designs.program:ProgramReward",
        summary="a program in the closed reward language instead of the true reward",
        kwargs={"source": _REWARD},
        tags=("program",),
    ),
    Row(
        id="expert",
        entry_point="operant.reward_design.llm.designs.expert:ExpertReward",
        summary="the dense reward that a person wrote for the env, from its card",
        tags=("program",),
    ),
    Row(
        id="python",
        entry_point="operant.reward_design.llm.designs.full_python:FullPythonReward",
        summary="a program in full Python, in a locked process, instead of the true reward",
        kwargs={"source": _REWARD},
        tags=("program",),
    ),
    Row(
        id="signs",
        entry_point="operant.reward_design.llm.designs.signs:SignReward",
        summary="the signs of a program's two numbers: nine rewards, none beyond 1.1",
        kwargs={"source": _SIGNS},
        tags=("program",),
    ),
]
