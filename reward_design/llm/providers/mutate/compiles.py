"""Whether a source is a program of the language: nothing else is ever handed out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from operant.reward_design.llm.language.errors import UnsafeRewardCodeError
from operant.reward_design.llm.language.program import (
    compile_factors,
    compile_potential,
    compile_reward,
    compile_signs,
)
from operant.reward_design.llm.search.brief import Brief
from operant.reward_design.llm.search.candidate import Form

_COMPILERS: Mapping[Form, Callable[..., Any]] = MappingProxyType(
    {
        "reward": compile_reward,
        "potential": compile_potential,
        "signs": compile_signs,
        "factors": compile_factors,
    }
)


def compiles(source: str, brief: Brief) -> bool:
    """Return whether a source is a program of the form and vocabulary of a brief."""
    view = brief.view
    given: dict[str, Any] = {"obs_size": view.obs_size, "features": view.features}
    if brief.form != "potential":
        given["action_size"] = view.action_size
    try:
        _COMPILERS[brief.form](source, **given)
    except UnsafeRewardCodeError:
        return False
    return True
