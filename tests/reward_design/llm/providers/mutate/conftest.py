"""Briefs for the providers without a language model."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from operant.reward_design.llm.search.brief import Brief
from operant.reward_design.llm.task.spec import ObsView, TaskSpec
from operant.types import Feature

TABLE = (
    Feature(name="has_key", description="the agent carries the key", low=0, high=1, dtype="bool"),
    Feature(name="on_lava", description="the agent stands on lava", low=0, high=1, dtype="bool"),
    Feature(name="subgoal", description="what is needed next", low=0, high=2, dtype="int"),
    Feature(name="steps_to_key", description="fewest actions", low=0, high=24, dtype="int"),
    Feature(name="steps_to_goal", description="fewest actions", low=0, high=24, dtype="int"),
    Feature(name="speed", description="velocity", low=-10.0, high=10.0),
)


@pytest.fixture
def make_brief() -> Callable[..., Brief]:
    """Return a maker of briefs for a small world with a key."""

    def make(form="reward", features=TABLE, obs_size=0, action_size=0, **fields) -> Brief:
        view = ObsView(
            env_id="Key-v0",
            observation="",
            obs_size=obs_size,
            action="a move",
            action_size=action_size,
            actions=() if action_size else ("left", "right"),
            features=features,
        )
        task = TaskSpec(env_id="Key-v0", goal="Reach the goal.", success="at the goal")
        return Brief(task=task, view=view, form=form, **fields)

    return make
