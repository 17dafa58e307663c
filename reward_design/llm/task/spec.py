"""A task and the view of a world in which rewards for it are written, as data."""

from __future__ import annotations

import dataclasses
import hashlib
import json

from operant.types import Feature


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class TaskSpec:
    """What an agent is to achieve; says nothing about the source of the true reward.

    Attributes:
        env_id: Gymnasium id.
        goal: One or a few sentences.
        success: The success predicate in words, or ``""`` if there is none.
        max_steps: Time limit in env steps, or None if there is none.
        termination: What ends an episode before the time limit, in words, or ``""`` if unknown.
    """

    env_id: str
    goal: str
    success: str
    max_steps: int | None = None
    termination: str = ""

    @property
    def identity(self) -> str:
        """Sha256 of the fields, 64 hexadecimal digits; part of every record."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Element:
    """One number of an observation or an action that is a vector.

    Attributes:
        description: What it is, with its unit; ``""`` if unknown.
        low: Smallest value, or minus infinity.
        high: Largest value, or infinity.
    """

    description: str
    low: float
    high: float


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ObsView:
    """What a program can read: the typed vocabulary of a world.

    Attributes:
        env_id: Gymnasium id.
        observation: The observation in words, with units.
        obs_size: Numbers in an observation that is a vector; 0 if it is none, so that programs
            read features alone.
        action: The actions in words.
        action_size: Numbers in an action; 0 if it is one number.
        actions: Names of the values of a discrete action, in order; empty if unknown.
        features: The feature table, numbers only.
        elements: What the numbers of an observation are, ``obs_size`` of them.
        action_elements: What the numbers of an action are, ``action_size`` of them.
    """

    env_id: str
    observation: str
    obs_size: int
    action: str
    action_size: int
    actions: tuple[str, ...]
    features: tuple[Feature, ...]
    elements: tuple[Element, ...] = ()
    action_elements: tuple[Element, ...] = ()
