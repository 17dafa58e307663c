"""The forms of programs: how each is compiled, and which reward design it is trained as."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from operant.reward_design.llm.search.candidate import Form

Named = tuple[str, Mapping[str, Any]]
"""Id and arguments of a reward design."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class FormRow:
    """One form.

    Attributes:
        signature: First line of such a program.
        returns: What it returns, in words, for prompts.
        design: Source -> the design that is trained on.
    """

    signature: str
    returns: str
    design: Callable[[str], Named]


FORMS: Mapping[Form, FormRow] = MappingProxyType(
    {
        "reward": FormRow(
            signature="def reward(obs, action, next_obs, info):",
            returns="the dense reward of the step, one number: a sum of named terms",
            design=lambda source: ("program", {"source": source}),
        ),
        "potential": FormRow(
            signature="def potential(obs, info):",
            returns="how promising a state is, one number that grows towards the goal",
            design=lambda source: ("potential", {"potential": source, "privileged": True}),
        ),
        "signs": FormRow(
            signature="def signs(obs, action, next_obs, info):",
            returns="[sparse, dense]: two numbers of which only the signs count",
            design=lambda source: ("signs", {"source": source}),
        ),
        "factors": FormRow(
            signature="def factors(obs, action, next_obs, info):",
            returns="a list of 1 to 16 numbers on which the return of an episode may depend",
            design=lambda source: ("lare", {"source": source}),
        ),
    }
)
"""Form -> its row."""
