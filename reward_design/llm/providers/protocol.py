"""What a provider is asked and what it answers.

A provider knows nothing of budgets. The search checks before it asks (``budget.require``) and
counts each completion and its tokens afterwards (``budget.spend``), whatever the provider's kind: a
replay under the same limits ends where its recording ended. Attempts that a busy server refused
wrote nothing and are not counted there; each completion tells how many it took.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from operant.errors import OperantError

if TYPE_CHECKING:
    from operant.reward_design.llm.search.brief import Brief

Kind: TypeAlias = Literal["live", "replay", "scripted", "mutation"]
"""Where text comes from: a model now, a model earlier, a person, or a search without a model.

Results of different kinds never share a ranking.
"""
FinishReason: TypeAlias = Literal["stop", "length", "refused", "error"]


class ProviderError(OperantError):
    """A provider gave no answer; says who was asked, what happened and what to do."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message of a dialogue.

    Attributes:
        role: Who speaks.
        content: Text.
    """

    role: Literal["system", "user", "assistant"]
    content: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A dialogue to be continued, ``n`` times independently.

    Attributes:
        messages: The dialogue so far; the last one is the user's.
        n: Number of completions, >= 1.
        first_sample: Index of the first of them among all that the same dialogue is asked for,
            >= 0: each sample is a record of its own, and is asked for once.
        temperature: Of sampling, >= 0.
        max_tokens: Longest completion, >= 1, or None for the model's own limit.
        seed: Of sampling, where the server knows one; sample ``i`` uses ``seed + i``.
        purpose: ``"design"`` wants a program, ``"criticise"`` a verdict, ``"merge"`` one program
            made of several.
        template: Version of the prompt texts that the messages were made from, or ``""``; part of
            every record.
        brief: The same content as data, for providers that are no language model. Never sent, never
            recorded.
    """

    messages: tuple[Message, ...]
    n: int = 1
    first_sample: int = 0
    temperature: float = 1.0
    max_tokens: int | None = None
    seed: int | None = None
    purpose: Literal["design", "criticise", "merge"] = "design"
    template: str = ""
    brief: Brief | None = None

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: If a field is outside its range.
        """
        least = {"n": 1, "first_sample": 0, "max_tokens": 1}
        for name, bound in least.items():
            value = getattr(self, name)
            if value is not None and value < bound:
                raise ValueError(f"{name} must be >= {bound}, got {value}")
        if not 0.0 <= self.temperature < float("inf"):
            raise ValueError(f"temperature must be finite and >= 0, got {self.temperature}")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """Tokens of a completion.

    Attributes:
        prompt_tokens: Read.
        completion_tokens: Written.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    """One answer.

    Attributes:
        text: What was said; may be empty, a refusal, or cut off.
        finish_reason: ``"stop"``; ``"length"`` if it was cut off; ``"refused"`` if the server says
            that it filtered; ``"error"`` if this sample failed, with the reason as text.
        model: The model that the server says it was, or the provider's name.
        usage: Its tokens; 0 where the server does not say.
        request_id: The server's id, or ``""``.
        latency_s: Seconds it took, repeated attempts and pauses included.
        attempts: How often it was asked for, >= 1: more if a server was busy or failed.
    """

    text: str
    finish_reason: FinishReason = "stop"
    model: str = ""
    usage: Usage = Usage()
    request_id: str = ""
    latency_s: float = 0.0
    attempts: int = 1


class Provider(Protocol):
    """Writes text.

    One that learns by itself also has ``learn(reports)``, which is called after each round of a
    search that hides nothing, with what is known of its candidates; also when it is continued.

    Attributes:
        kind: Where its text comes from.
        name: What is written into lineages: ``"openai:gpt-5"``, ``"mutate"``; never a key.
    """

    kind: Kind
    name: str

    def complete(self, request: Request) -> Sequence[Completion]:
        """Return ``request.n`` completions, in the order of their sample index.

        Raises:
            ProviderError: If there is no answer at all: no key, no server, no record.
        """
        ...


class LiveProvider(Provider, Protocol):
    """Asks a model now; what it answers can be recorded.

    Attributes:
        client: Library and version that speaks to the model: ``"openai 3.52.0"``.
        host: Whether the model runs here or in the local network (``"local"``), or at somebody who
            sells it (``"vendor"``); ``""`` if unknown. Never an address.
    """

    client: str
    host: Literal["local", "vendor", ""]
