"""Rules of check_env about the values an env returns."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium.utils.env_checker import check_env as gymnasium_check_env

from operant.testing._play import Moment, Subject
from operant.testing._report import error_of, require
from operant.testing._values import canonical_json, non_finite, space_complaint
from operant.types import Feature

ADVICE = (
    r".*Box (observation|action) space (minimum|maximum) value is",
    r".*For Box action spaces, we recommend",
    r".*different from the unwrapped version",
)
"""Warnings of Gymnasium's checker that state a preference, not a fault."""


def _ask_gymnasium(subject: Subject) -> list[str]:
    env = subject.make()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for advice in ADVICE:
            warnings.filterwarnings("ignore", message=advice)
        gymnasium_check_env(env.unwrapped, skip_render_check=True)  # ours looks closer
    env.close()
    return [str(warning.message) for warning in caught]


def rule_gymnasium(subject: Subject) -> None:
    """Gymnasium's own checker accepts the env (its warnings are judged last)."""
    error = error_of(functools.partial(_ask_gymnasium, subject))
    require(not error, f"gymnasium's check_env says {error}", "see gymnasium's guide to envs")


def rule_gymnasium_warnings(subject: Subject) -> None:
    """Gymnasium's own checker has nothing to warn about, apart from matters of taste."""
    found = _ask_gymnasium(subject)
    require(not found, f"gymnasium warns: {' | '.join(found)}", "follow gymnasium's advice")


def rule_observations_in_space(subject: Subject) -> None:
    """Every observation has the very structure, dtype, shape and range of the space."""
    env = subject.make()
    space = env.observation_space
    env.close()
    for moment in subject.play():
        complaint = space_complaint(space, moment.obs)
        require(
            not complaint,
            f"at call {moment.at}, {complaint}",
            "return exactly what observation_space declares, or widen the space",
        )


def rule_plain_reward_and_flags(subject: Subject) -> None:
    """Rewards are Python floats, flags Python bools, infos dicts."""
    for moment in subject.play():
        expected = (
            ("reward", moment.reward, float),
            ("terminated", moment.terminated, bool),
            ("truncated", moment.truncated, bool),
            ("info", moment.info, dict),
        )
        for name, value, kind in expected:
            require(
                type(value) is kind,
                f"at call {moment.at}, {name} is {value!r} of type {type(value).__name__}",
                f"return a Python {kind.__name__}, e.g. {kind.__name__}(...)",
            )


def rule_finite(subject: Subject) -> None:
    """No reward or observation is ever NaN or infinite."""
    for moment in subject.play():
        complaint = non_finite(moment.reward, "reward") or non_finite(moment.obs)
        require(
            not complaint,
            f"at call {moment.at}, {complaint}",
            "guard divisions, logarithms and exponentials in step()",
        )


def rule_info_is_json(subject: Subject) -> None:
    """Infos can be logged: text keys; JSON values once NumPy ones went through item()/tolist()."""
    for moment in subject.play():
        try:
            canonical_json(moment.info)
        except (TypeError, ValueError) as error:
            require(
                False,
                f"at call {moment.at}, info is not JSON-able: {error}",
                "put only text, flags, finite numbers, arrays, and lists or dicts of them in it",
            )


def rule_info_keys(subject: Subject) -> None:
    """An env with a card reports ``true_reward`` at every step and ``success`` at the last one."""
    if subject.card() is None:
        return
    for moment in subject.play():
        if moment.first:
            continue
        true_reward = moment.info.get("true_reward")
        require(
            type(true_reward) is float and math.isfinite(true_reward),
            f"at call {moment.at}, info['true_reward'] is {true_reward!r}",
            "report the true objective's reward as a finite Python float at every step",
        )
        success = moment.info.get("success")
        require(
            type(success) is bool or (success is None and not moment.last),
            f"at call {moment.at} ({'last' if moment.last else 'not last'} of the episode), "
            f"info['success'] is {success!r}",
            "report success as a Python bool on the last step of an episode, or on every step",
        )


def rule_features_match_card(subject: Subject) -> None:
    """Features are those of the card's table, after resets too: names, kind, shape, range."""
    card = subject.card()
    if card is None:
        return
    for moment in subject.play():
        features = moment.info.get("features")
        names = sorted(features) if isinstance(features, Mapping) else features
        expected = sorted(feature.name for feature in card.features)
        require(
            names == expected,
            f"at call {moment.at} ({'reset' if moment.first else 'step'}), features are {names}, "
            f"the card lists {expected}",
            "publish every feature of the card in info['features'], after reset() as after step()",
        )
        for feature in card.features:
            _require_feature(feature, moment.info["features"][feature.name], moment)


def _require_feature(feature: Feature, value: Any, moment: Moment) -> None:
    array = np.asarray(value)
    require(
        array.shape == feature.shape and array.dtype.kind in "biuf",
        f"at call {moment.at}, feature {feature.name!r} is {value!r}, not of shape {feature.shape}",
        "return numbers or flags of the declared shape",
    )
    numbers = array.astype(np.float64)
    require(
        np.isfinite(numbers).all()
        and (feature.dtype == "float" or np.array_equal(numbers, np.round(numbers)))
        and (feature.dtype != "bool" or np.isin(numbers, (0.0, 1.0)).all()),
        f"at call {moment.at}, feature {feature.name!r} is {value!r}, not a finite {feature.dtype}",
        "return the declared kind, or correct the card",
    )
    require(
        ((numbers >= feature.low) & (numbers <= feature.high)).all(),
        f"at call {moment.at}, feature {feature.name!r} is {value!r}, "
        f"outside [{feature.low}, {feature.high}]",
        "correct the computation or the card's range",
    )


def rule_reward_in_range(subject: Subject) -> None:
    """Rewards stay inside ``metadata["reward_range"]``, where the env declares one."""
    env = subject.make()
    declared = env.unwrapped.metadata.get("reward_range")
    env.close()
    if declared is None:
        return
    low, high = declared
    for moment in subject.play():
        require(
            moment.first or low <= moment.reward <= high,
            f"at call {moment.at}, reward {moment.reward!r} is outside [{low}, {high}]",
            "correct the reward or metadata['reward_range']",
        )


VALUE_RULES = (
    rule_observations_in_space,
    rule_plain_reward_and_flags,
    rule_finite,
    rule_info_is_json,
    rule_info_keys,
    rule_features_match_card,
    rule_reward_in_range,
)
