"""Who is in a particle world, what they see, and what they are paid for, as data."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

import numpy as np

from operant.errors import UnknownIdError
from operant.types import Bool, Float, Int

RULES = ("navigation", "spread", "pursuit", "tag")
"""Reward rules, in the order of the engine's codes."""
Rule = Literal["navigation", "spread", "pursuit", "tag"]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """What an agent sees beside its own velocity and place.

    Attributes:
        landmarks: Places of so many landmarks.
        first: Of so many others of the first team.
        second: Of so many others of the second team.
        velocities: Velocities of so many of the latter.
        padding: So many zeros at the end (MPE's silent channel).
    """

    landmarks: int
    first: int
    second: int = 0
    velocities: int = 0
    padding: int = 0

    @property
    def size(self) -> int:
        """Numbers in an observation."""
        seen = self.landmarks + self.first + self.second + self.velocities
        return 4 + 2 * seen + self.padding


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Team:
    """Discs of one kind.

    Attributes:
        name: Its agents are ``name_0``, ``name_1``, ...
        count: How many, >= 1.
        radius: m.
        sight: What each sees.
        push: Its own force, N (a disc weighs 1 kg).
        top_speed: m/s, inf for any.
        scripted: True if it follows MPE's potential-field script of ours and is no agent.
    """

    name: str
    count: int
    radius: float
    sight: Sight
    push: float = 5.0
    top_speed: float = math.inf
    scripted: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """A particle world.

    Attributes:
        name: Its name.
        teams: One or two; the second is hunted by the first. The last may be scripted.
        landmarks: How many landmarks.
        landmark_radius: m.
        rule: Who is paid for what.
        solid: True if landmarks are obstacles.
        reach: Movers begin in the square [-reach, reach]^2, m.
        landmark_reach: Landmarks lie in such a square, m.
        gap: Smallest distance of two landmarks, m.
        ranked: True if others are seen nearest first, False in the order of their numbers.
        cover: An agent so near to a landmark covers it, m.
        share: Part of an agent's own collisions in its reward, rule ``"spread"``.
        horizon: Steps of an episode.
        source: Where it comes from.

    Raises:
        ValueError: If a number is outside its range or teams do not fit the rule.
    """

    name: str
    teams: tuple[Team, ...]
    landmarks: int
    landmark_radius: float
    rule: Rule
    solid: bool
    reach: float
    landmark_reach: float
    gap: float = 0.0
    ranked: bool = True
    cover: float = 0.1
    share: float = 0.5
    horizon: int = 25
    source: str = ""

    def __post_init__(self) -> None:
        """Check what a user may have changed."""
        hunted = self.rule in ("pursuit", "tag")
        if len(self.teams) != 1 + hunted or self.teams[0].scripted:
            raise ValueError(
                f"teams must be {1 + hunted} for the rule {self.rule!r}, the first of them not "
                f"scripted; got {[(team.name, team.scripted) for team in self.teams]}"
            )
        counts = {"horizon": self.horizon, "landmarks": self.landmarks}
        counts |= {f"count of {team.name}": team.count for team in self.teams}
        for name, count in counts.items():
            if count < 1:
                raise ValueError(f"{name} must be >= 1, got {count}")
        side = 2 * self.landmark_reach
        if self.landmarks * self.gap**2 * math.pi / 4 > 0.45 * side**2:
            raise ValueError(
                f"gap must be smaller for {self.landmarks} landmarks in a square of {side:g} m, "
                f"got {self.gap} m"
            )
        if not 0.0 <= self.share <= 1.0:
            raise ValueError(f"share must lie in [0, 1], got {self.share}")

    @property
    def movers(self) -> int:
        """Discs that move."""
        return sum(team.count for team in self.teams)

    @property
    def first(self) -> int:
        """Number of the first disc of the second team, or of the first landmark."""
        return self.teams[0].count

    @property
    def learners(self) -> tuple[Team, ...]:
        """Teams whose members are agents."""
        return tuple(team for team in self.teams if not team.scripted)

    @property
    def agents(self) -> tuple[str, ...]:
        """Names of the agents."""
        return tuple(f"{team.name}_{i}" for team in self.learners for i in range(team.count))

    def per_mover(self, field: str) -> Float:
        """Return a field of the teams for every mover."""
        values = np.array([float(getattr(team, field)) for team in self.teams])
        return np.repeat(values, [team.count for team in self.teams])

    def radii(self) -> Float:
        """Return the radius of every disc, landmarks last, m."""
        stones = np.full(self.landmarks, self.landmark_radius)
        return np.concatenate([self.per_mover("radius"), stones])

    def solids(self) -> Bool:
        """Return who pushes and is pushed."""
        stones = np.full(self.landmarks, self.solid)
        return np.concatenate([np.ones(self.movers, np.bool_), stones])

    def sees(self) -> Int:
        """Return what the teams see, (2, 4), as the engine wants it."""
        told = [
            (s.landmarks, s.first, s.second, s.velocities)
            for s in (team.sight for team in self.teams)
        ]
        return np.array([told[0], told[-1]], np.int64)

    def played_by_all(self) -> Scenario:
        """Return the world with prey that are agents too."""
        teams = tuple(dataclasses.replace(team, scripted=False) for team in self.teams)
        return dataclasses.replace(self, teams=teams)

    def with_script(self) -> Scenario:
        """Return the world with prey that follow the script.

        Raises:
            ValueError: If nobody is hunted in it.
        """
        if len(self.teams) < 2:
            raise ValueError(f"{self.name} has one team; there is no prey to be scripted")
        prey = dataclasses.replace(self.teams[1], scripted=True)
        return dataclasses.replace(self, teams=(self.teams[0], prey))


def navigation(agents: int) -> Scenario:
    """Return cooperative navigation of LaRe's experiments.

    Args:
        agents: As many landmarks as agents; 6, 15 and 30 there, for which the sides of the square
            are published. Others get a square of the same crowdedness.
    """
    reach = {6: 1.5, 15: 2.2, 30: 3.0}.get(agents, 1.5 * math.sqrt(agents / 6))
    others = min(5, agents - 1)
    sight = Sight(landmarks=min(6, agents), first=others)
    return Scenario(
        name=f"CN-{agents}",
        teams=(Team(name="agent", count=agents, radius=0.15, sight=sight),),
        landmarks=agents,
        landmark_radius=0.05,
        rule="navigation",
        solid=False,
        reach=reach,
        landmark_reach=reach,
        gap=0.675,
        source="Latent Reward: LLM-Empowered Credit Assignment in Episodic Reinforcement Learning "
        "(Qu et al., 2025), cooperative navigation of its released code",
    )


_PURSUITS = {
    # predators: prey, obstacles, radii of predator, prey, obstacle, half side; sees of each kind
    6: (2, 3, 0.075, 0.05, 0.2, 1.5, (3, 5, 2)),
    15: (5, 5, 0.02, 0.01, 0.1, 1.0, (3, 6, 3)),
    30: (10, 10, 0.01, 0.005, 0.05, 1.0, (5, 6, 5)),
}


def pursuit(predators: int) -> Scenario:
    """Return predator-prey of LaRe's experiments, with scripted prey.

    Args:
        predators: 6, 15 or 30.

    Raises:
        ValueError: If it is another number.
    """
    if predators not in _PURSUITS:
        raise ValueError(f"predators must be one of {sorted(_PURSUITS)}, got {predators}")
    prey, obstacles, hunter, hunted, stone, reach, seen = _PURSUITS[predators]
    sight = Sight(landmarks=seen[0], first=seen[1], second=seen[2], velocities=seen[2])
    flight = Sight(landmarks=3, first=6, second=1, velocities=1)
    return Scenario(
        name=f"PP-{predators}",
        teams=(
            Team(
                name="predator",
                count=predators,
                radius=hunter,
                sight=sight,
                push=3.0,
                top_speed=1.0,
            ),
            Team(
                name="prey",
                count=prey,
                radius=hunted,
                sight=flight,
                push=4.0,
                top_speed=1.3,
                scripted=True,
            ),
        ),
        landmarks=obstacles,
        landmark_radius=stone,
        rule="pursuit",
        solid=True,
        reach=reach,
        landmark_reach=reach - 0.1,
        source="Latent Reward: LLM-Empowered Credit Assignment in Episodic Reinforcement Learning "
        "(Qu et al., 2025), predator-prey of its released code, where prey is a trained network",
    )


def spread(agents: int = 3) -> Scenario:
    """Return MPE's ``simple_spread`` with so many agents and landmarks, >= 2."""
    if agents < 2:
        raise ValueError(f"agents must be >= 2, got {agents}")
    sight = Sight(landmarks=agents, first=agents - 1, padding=2 * (agents - 1))
    return Scenario(
        name=f"Spread-{agents}",
        teams=(Team(name="agent", count=agents, radius=0.15, sight=sight),),
        landmarks=agents,
        landmark_radius=0.05,
        rule="spread",
        solid=False,
        reach=1.0,
        landmark_reach=1.0,
        ranked=False,
        source="Multi-Agent Actor-Critic for Mixed Cooperative-Competitive Environments (Lowe et "
        "al., 2017), simple_spread",
    )


def tag(predators: int = 3, prey: int = 1, obstacles: int = 2) -> Scenario:
    """Return MPE's ``simple_tag``: so many adversaries, good agents and obstacles, >= 1 each."""
    seen = Sight(landmarks=obstacles, first=predators - 1, second=prey, velocities=prey)
    flight = Sight(landmarks=obstacles, first=predators, second=prey - 1, velocities=prey - 1)
    return Scenario(
        name=f"Tag-{predators}",
        teams=(
            Team(
                name="adversary",
                count=predators,
                radius=0.075,
                sight=seen,
                push=3.0,
                top_speed=1.0,
            ),
            Team(name="agent", count=prey, radius=0.05, sight=flight, push=4.0, top_speed=1.3),
        ),
        landmarks=obstacles,
        landmark_radius=0.2,
        rule="tag",
        solid=True,
        reach=1.0,
        landmark_reach=0.9,
        ranked=False,
        source="Multi-Agent Actor-Critic for Mixed Cooperative-Competitive Environments (Lowe et "
        "al., 2017), simple_tag",
    )


SCENARIOS = {
    each.name: each
    for each in (
        *(navigation(n) for n in (6, 15, 30)),
        *(pursuit(n) for n in (6, 15, 30)),
        spread(3),
        spread(6),
        tag(3),
        tag(6, 2, 3),
    )
}
"""The named ones."""


def scenario(what: str | Scenario) -> Scenario:
    """Return a scenario by its name, or itself.

    Raises:
        UnknownIdError: If there is none of this name; names the nearest ones.
    """
    if isinstance(what, Scenario):
        return what
    if what not in SCENARIOS:
        raise UnknownIdError("scenario", what, SCENARIOS)
    return SCENARIOS[what]


def with_horizon(what: str | Scenario, steps: int | None) -> Scenario:
    """Return a scenario whose episodes last so many steps; None leaves them as they are.

    Raises:
        UnknownIdError: If there is none of this name; names the nearest ones.
        ValueError: If ``steps`` is < 1.
    """
    found = scenario(what)
    return found if steps is None else dataclasses.replace(found, horizon=steps)


def one_team(what: Scenario) -> Scenario:
    """Return a scenario whose agents can share a policy.

    Raises:
        ValueError: If they are two teams.
    """
    if len(what.learners) > 1:
        raise ValueError(
            f"scenario {what.name!r} has two teams of agents, which cannot share a policy; give "
            "the scenario's with_script(), whose prey is no agent"
        )
    return what
