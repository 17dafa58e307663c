"""What a user must know about a particle world, from its scenario."""

from __future__ import annotations

from operant.envs.multiagent.particles.batch import DELAYED, TEAM, ParticleBatch
from operant.envs.multiagent.particles.scenarios import Scenario, Team
from operant.types import Card

_STORIES = {
    "navigation": "Every agent goes to a landmark, best of all each to another one, and keeps out "
    "of the others' way.",
    "spread": "Together the agents keep all landmarks company, without running into each other.",
    "pursuit": "The predators hunt prey that is faster than they are, around obstacles.",
    "tag": "The adversaries hunt good agents that are faster than they are, around obstacles.",
}
_EARNED = {
    "navigation": "minus the distance to the nearest landmark (m), minus 1 per agent overlapped "
    "with",
    "spread": "{whole:g} times minus the sum over landmarks of the distance to the nearest agent "
    "(m), minus {share:g} per agent overlapped with",
    "pursuit": "10 per prey overlapped with, minus 0.1 times the distance to the nearest prey (m)",
    "tag": "10 per overlap of an adversary with a good agent, all over the world",
}
_PREY = "; prey: minus 10 per predator overlapped with, minus a penalty from |x| or |y| > 0.9 m on"


def card(batch: ParticleBatch) -> Card:
    """Describe the worlds of a batch."""
    what = batch.scenario
    return Card(
        id=what.name,
        description=_story(what),
        observation="; ".join(_sight(team, what) for team in what.learners),
        action="Discrete(5): nothing, push left, push right, push down, push up",
        reward=_reward(what, batch.reward),
        termination="never",
        truncation=f"after {what.horizon} steps",
        success=(
            f"after the step every landmark has an agent within {what.cover:g} m"
            if what.rule in ("navigation", "spread")
            else "every prey was caught in this episode"
        ),
        metric="return",
        oracle="none",
        features=batch.table,
        tier=0,
        extra="multiagent",
        source=what.source,
    )


def _story(what: Scenario) -> str:
    who = " and ".join(
        f"{team.count} {team.name}s of {team.radius:g} m radius"
        + (" that flee by a script" * team.scripted)
        for team in what.teams
    )
    return (
        f"{_STORIES[what.rule]} There are {who}, and {what.landmarks} "
        f"{'obstacles' if what.solid else 'landmarks'}, in the plane; they begin within "
        f"{what.reach:g} m of the middle in x and in y. Discs of 1 kg lose a quarter of their "
        "speed in a step of 0.1 s, and push each other apart where they overlap."
    )


def _sight(team: Team, what: Scenario) -> str:
    sight = team.sight
    order = "nearest first" if what.ranked else "in the order of their numbers"
    parts = [
        (sight.landmarks, "landmarks"),
        (sight.first, f"other {what.teams[0].name}s"),
        (sight.second, f"{what.teams[-1].name}s"),
    ]
    where = ", ".join(f"{count} {name}" for count, name in parts if count)
    speeds = f", the velocities of {sight.velocities} of the latter" * bool(sight.velocities)
    zeros = f", {sight.padding} zeros" * bool(sight.padding)
    return (
        f"Box ({sight.size},) float32 of {team.name}: own velocity (m/s) and place (m), the places "
        f"relative to it of {where}, {order}{speeds}{zeros}"
    )


def _reward(what: Scenario, paid: str) -> str:
    earned = _EARNED[what.rule].format(whole=1 - what.share, share=what.share)
    earned += _PREY * (len(what.learners) > 1)
    if paid == TEAM:
        return f"the mean over agents of: {earned}"
    if paid == DELAYED:
        return f"0, and with the last step an equal share of all that the team has earned: {earned}"
    return earned
