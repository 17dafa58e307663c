"""The methods of search: one file each, one row here."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any, cast

from operant.registry import Registry, Row
from operant.reward_design.llm.search.candidate import Form


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class MethodRow(Row):
    """A method of search.

    Attributes:
        form: The form of programs it looks for unless told otherwise.
        forms: All forms it can look for.
        env_kwargs: Arguments of the env that it needs.
    """

    form: Form = "reward"
    forms: tuple[Form, ...] = ("reward", "potential", "signs")
    env_kwargs: tuple[tuple[str, Any], ...] = ()


_HERE = "operant.reward_design.llm.search"
ROWS = [
    MethodRow(
        id="eureka",
        entry_point=f"{_HERE}.eureka:eureka",
        summary="evolution: the best of many is improved by what its training showed",
    ),
    MethodRow(
        id="iid",
        entry_point=f"{_HERE}.eureka:eureka",
        summary="independent samples without feedback: the control that evolution must beat",
        kwargs={"feedback": "none"},
    ),
    MethodRow(
        id="text2reward",
        entry_point=f"{_HERE}.text2reward:text2reward",
        summary="one program at a time, improved by comments on what the agent does",
    ),
    MethodRow(
        id="mc-reward",
        entry_point=f"{_HERE}.mc_reward:mc_reward",
        summary="designer, critic and analyst of failures; the program decides signs alone",
        form="signs",
    ),
    MethodRow(
        id="icpl",
        entry_point=f"{_HERE}.icpl:icpl",
        summary="preferences between trained agents instead of a score",
    ),
    MethodRow(
        id="lare",
        entry_point=f"{_HERE}.lare:lare",
        summary="factors of the return; a learned decoder pays each step of a delayed reward",
        form="factors",
        forms=("factors",),
        env_kwargs=(("reward", "delayed"),),
    ),
]
"""All methods."""


@cache
def methods() -> Registry[Any]:
    """Return the registry of methods."""
    return Registry("search method", list(ROWS))


def method_row(name: str) -> MethodRow:
    """Return what is known of a method.

    Raises:
        UnknownIdError: If there is no such method.
    """
    return cast(MethodRow, methods()[name])
