"""The task and the view of a world, read off any Gymnasium env; what is declared is checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from operant.errors import OperantError
from operant.reward_design.llm.task.documentation import (
    numbered_items,
    numbered_rows,
    prose,
    sections,
    without_rewards,
)
from operant.reward_design.llm.task.spec import Element, ObsView, TaskSpec
from operant.reward_design.llm.vectors import vector_size
from operant.types import Card

NAMED = 100
"""Most actions that have a name each."""


class ViewError(OperantError, ValueError):
    """What is declared of a world is not what it shows; says which number differs."""


def task_of(env: gym.Env[Any, Any], *, goal: str = "") -> TaskSpec:
    """Return what an agent is to achieve in an env.

    Sentences about rewards are left out: a writer must not copy the true one.

    Args:
        env: Any env made by ``gym.make``.
        goal: The goal in your own words; by default what the env's card or documentation says.

    Raises:
        ValueError: If neither says anything and ``goal`` is empty.
    """
    card, env_id = _card(env), _id(env)
    if card is not None:
        said = without_rewards(card.description)
        defined = not card.success.startswith(("never", "not defined"))
        success, termination = card.success if defined else "", without_rewards(card.termination)
    else:
        documented = sections(type(env.unwrapped))
        said = prose(documented.get("description", documented.get("", "")))
        success = termination = ""
    if not (goal or said):
        raise ValueError(f"{env_id} does not say what is to be achieved; give goal=, a sentence")
    return TaskSpec(
        env_id=env_id,
        goal=goal or said,
        success=success,
        max_steps=max_steps(env),
        termination=termination,
    )


def view_of(env: gym.Env[Any, Any]) -> ObsView:
    """Return what programs can read of an env.

    Args:
        env: Any env whose actions are numbers or vectors.

    Raises:
        ViewError: If the env's card declares other shapes than its spaces have.
        ValueError: If programs cannot read its actions.
    """
    card, documented = _card(env), sections(type(env.unwrapped))
    seen, acts = env.observation_space, env.action_space
    wrapped = seen != env.unwrapped.observation_space
    if card is not None:
        _check_card(card, env.unwrapped.observation_space, env.unwrapped.action_space)
    obs_size, action_size = vector_size(seen), _action_size(acts)
    about_obs = "" if wrapped else documented.get("observation space", "")
    about_action = documented.get("action space", "")
    if card is not None:
        names = _listed(card.action, acts)
    else:
        names = numbered_items(about_action, _choices(acts))
    return ObsView(
        env_id=_id(env),
        observation=str(seen) if card is None or wrapped else card.observation,
        obs_size=obs_size,
        action=_action_words(acts, names) if card is None else card.action,
        action_size=action_size,
        actions=names if len(names) == _choices(acts) else (),
        features=() if card is None else tuple(f for f in card.features if not f.shape),
        elements=_elements(seen, obs_size, numbered_rows(about_obs, obs_size)),
        action_elements=_elements(acts, action_size, numbered_rows(about_action, action_size)),
    )


def check_view(
    view: ObsView,
    observation_space: gym.Space[Any],
    action_space: gym.Space[Any],
    features: Mapping[str, Any],
) -> None:
    """Check that a world shows what a view declares, before anything is written for it.

    Args:
        view: What is declared.
        observation_space: The world's.
        action_space: The world's.
        features: What it published of a state, ``info["features"]``; empty if it publishes none.

    Raises:
        ViewError: If a size or a name differs; says which.
    """
    pairs = {
        "numbers in an observation": (view.obs_size, vector_size(observation_space)),
        "numbers in an action": (view.action_size, _action_size(action_space)),
    }
    if view.actions:
        pairs["names of actions"] = (len(view.actions), _choices(action_space))
    for what, elements, size in (
        ("described numbers of an observation", view.elements, view.obs_size),
        ("described numbers of an action", view.action_elements, view.action_size),
    ):
        if elements:
            pairs[what] = (len(elements), size)
    for what, (declared, found) in pairs.items():
        if declared != found:
            raise ViewError(f"the view of {view.env_id} has {declared} {what}, the env {found}")
    missing = [feature.name for feature in view.features if feature.name not in features]
    if missing:
        raise ViewError(
            f"the view of {view.env_id} declares the features {missing}, which the env does not "
            f"publish; it publishes {sorted(features) or 'none'}"
        )


def _check_card(card: Card, seen: gym.Space[Any], acts: gym.Space[Any]) -> None:
    """Compare the shapes that a card names in words with the spaces."""
    declared = re.match(r"Discrete\((\d+)\)", card.action)
    if declared and int(declared[1]) != _choices(acts):
        raise ViewError(f"the card of {card.id} says {declared[0]} of the actions, the env {acts}")
    names = _listed(card.action, acts)
    if names and len(names) != _choices(acts):
        raise ViewError(f"the card of {card.id} lists {len(names)} actions, the env has {acts}")
    leaves = seen.spaces if isinstance(seen, spaces.Dict) else {"Box": seen}
    for name, leaf in leaves.items():
        shape = re.search(rf"\b{re.escape(name)} \((\d[\d, ]*)\)", card.observation)
        said = tuple(int(size) for size in re.findall(r"\d+", shape[1])) if shape else None
        if said is not None and said != leaf.shape:
            raise ViewError(
                f"the card of {card.id} says that {name} has shape {said}, the env shows {leaf}"
            )


def _listed(words: str, acts: gym.Space[Any]) -> tuple[str, ...]:
    """Return the names in ``"Discrete(3): left, right, pick; ..."``.

    Vectors have none, and neither have actions of which there are too many to name each.
    """
    space, _, listed = words.partition(":")
    if space.startswith("Box") or _choices(acts) > NAMED:
        return ()
    listed = re.sub(r"\([^)]*\)", "", re.split(r"[;.]", listed)[0])
    return tuple(name.strip() for name in listed.split(",") if name.strip())


def _action_words(space: gym.Space[Any], names: tuple[str, ...]) -> str:
    numbered = "; ".join(f"{number} {name}" for number, name in enumerate(names))
    return f"{space}: {numbered}" if names else str(space)


def _elements(
    space: gym.Space[Any], size: int, descriptions: tuple[str, ...]
) -> tuple[Element, ...]:
    if isinstance(space, spaces.Box):
        lows, highs = space.low.ravel(), space.high.ravel()
    elif isinstance(space, spaces.MultiDiscrete):
        lows, highs = np.zeros(size), space.nvec - 1
    else:
        lows, highs = np.zeros(size), np.ones(size)
    said = descriptions or ("",) * size
    return tuple(
        Element(description=said[n], low=float(lows[n]), high=float(highs[n])) for n in range(size)
    )


def _action_size(space: gym.Space[Any]) -> int:
    if isinstance(space, spaces.Discrete) or space.shape == ():
        return 0
    if not vector_size(space):
        raise ValueError(f"programs read actions that are a number or a vector, got {space}")
    return vector_size(space)


def _choices(space: gym.Space[Any]) -> int:
    return int(space.n) if isinstance(space, spaces.Discrete) else 0


def _card(env: gym.Env[Any, Any]) -> Card | None:
    card = getattr(env.unwrapped, "card", None)
    return card if isinstance(card, Card) else None


def _id(env: gym.Env[Any, Any]) -> str:
    return env.spec.id if env.spec is not None else type(env.unwrapped).__name__


def max_steps(env: gym.Env[Any, Any]) -> int | None:
    """Return the time limit of an env in steps, or None if it names none."""
    limit = env.spec.max_episode_steps if env.spec is not None else None
    limit = getattr(env.unwrapped, "max_steps", None) if limit is None else limit
    return limit if isinstance(limit, int) else None
