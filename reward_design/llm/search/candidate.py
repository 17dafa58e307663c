"""A reward that somebody proposed, and the forms it can have."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from operant.reward_design.llm.providers.protocol import Kind

Form: TypeAlias = Literal["reward", "potential", "signs", "factors"]
"""Entry point of a program: what it returns.

* ``reward(obs, action, next_obs, info)``: the dense reward, one number, a sum of terms.
* ``potential(obs, info)``: a potential, whose differences shape the true reward.
* ``signs(obs, action, next_obs, info)``: ``[sparse, dense]``, of which only the signs count.
* ``factors(obs, action, next_obs, info)``: a list of numbers that a learned decoder weighs.
"""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """Where a candidate comes from.

    Attributes:
        provider: Name of who wrote it.
        kind: Whether that is a model, a recording, a person or a search without a model.
        model: The model that the server says it was.
        prompt: Sha256 of the dialogue that was asked, 64 hexadecimal digits.
        request_id: The server's id, or ``""``.
    """

    provider: str
    kind: Kind
    model: str = ""
    prompt: str = ""
    request_id: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A proposed program.

    Attributes:
        name: Unique within a search: ``"r2s13"`` is sample 13 of round 2.
        form: What its program returns.
        source: Its text; ``""`` if the reply held none.
        reply: All that the provider wrote.
        identity: Hash of the program, 64 hexadecimal digits; ``""`` if it is none.
        round: Round of the search, from 0.
        sample: Index within the round, from 0.
        parents: Names of the candidates that the prompt showed.
        provenance: Where it comes from.
    """

    name: str
    form: Form
    source: str
    reply: str
    identity: str = ""
    round: int
    sample: int
    parents: tuple[str, ...] = ()
    provenance: Provenance

    def design(self) -> tuple[str, Mapping[str, Any]]:
        """Return id and arguments of the reward design that it is trained as."""
        from operant.reward_design.llm.search.forms import FORMS

        return FORMS[self.form].design(self.source)
