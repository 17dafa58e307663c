from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from operant.reward_design.llm.search.analysis import analyse
from operant.reward_design.llm.search.results import Episode, EpisodeStep, RunResult
from operant.reward_design.llm.task.spec import ObsView
from operant.types import Feature

FLAGS = ("lava_ahead", "has_key", "door_open", "enemy_near")
VIEW = ObsView(
    env_id="World-v0",
    observation="",
    obs_size=0,
    action="",
    action_size=0,
    actions=(),
    features=tuple(
        Feature(name=name, description=f"about {name}", low=0, high=1, dtype="bool")
        for name in FLAGS
    ),
)


def log(rng: np.random.Generator, cause: str, action: str, *, deaths: int = 6) -> RunResult:
    """Episodes with random flags, of which some end just after one flag and one action."""
    episodes = []
    for k in range(12):
        steps = [
            EpisodeStep(
                action=str(rng.choice(["left", "right", "forward"])),
                reward=0.0,
                features={name: float(rng.random() < 0.2) for name in FLAGS},
            )
            for _ in range(10)
        ]
        died = k < deaths
        if died:
            before = dataclasses.replace(steps[-2], features={**steps[-2].features, cause: 1.0})
            steps[-2:] = [before, dataclasses.replace(steps[-1], action=action)]
        ended = "terminated" if died else "truncated"
        episodes.append(Episode(steps=tuple(steps), length=50, success=False, ended=ended))
    return RunResult(name="r0s0", seed=0, status="ok", episodes=tuple(episodes))


def test_the_cause_of_death_is_named_in_synthetic_logs() -> None:
    rng, named = np.random.default_rng(0), 0
    for k in range(200):
        cause = FLAGS[k % len(FLAGS)]
        found = analyse([log(rng, cause, "forward")], VIEW).causes
        named += bool(found) and found[0].feature == cause and found[0].action == "forward"
        assert not found or found[0].share == 1.0 or found[0].feature != cause
    assert named >= 190


def test_nothing_is_named_where_nothing_was_planted() -> None:
    rng = np.random.default_rng(1)
    named = sum(
        bool(analyse([log(rng, "none", "left", deaths=12)], VIEW).causes) for _ in range(100)
    )
    assert named <= 5


def test_what_was_never_reached_is_named(make: Callable[..., RunResult]) -> None:
    found = analyse([make(has_key=1.0)], VIEW)
    assert found.unreached == ("lava_ahead", "door_open", "enemy_near")
    assert "No failed episode ever had door_open = 1 (about door_open)." in found.text(VIEW)


def test_successes_are_no_failures(make: Callable[..., RunResult]) -> None:
    found = analyse([make(success=True)], VIEW)
    assert found.failures == 0
    assert found.text(VIEW) == "No recorded episode failed."


@pytest.fixture
def make() -> Callable[..., RunResult]:
    def made(*, success: bool = False, **flags: float) -> RunResult:
        features: dict[str, Any] = {**dict.fromkeys(FLAGS, 0.0), **flags}
        steps = (EpisodeStep(action="left", reward=0.5, features=features),)
        episode = Episode(steps=steps, length=9, success=success, ended="truncated")
        return RunResult(name="r0s0", seed=0, status="ok", episodes=(episode,))

    return made
