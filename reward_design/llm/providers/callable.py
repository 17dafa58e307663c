"""Any function that writes text: one line plugs in whatever library calls a model."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

from operant.reward_design.llm.providers.protocol import (
    Completion,
    Kind,
    Message,
    ProviderError,
    Request,
)
from operant.reward_design.llm.providers.samples import sample_each
from operant.reward_design.llm.providers.secrets import without_secrets


class CallableProvider:
    """Asks a function of yours, once per sample.

    >>> provider = CallableProvider(lambda text: f"{len(text)} letters", name="counter")
    >>> provider.complete(Request(messages=(Message(role="user", content="hello"),)))[0].text
    '5 letters'

    Temperature, seed and the longest completion are the function's own business. It counts as a
    live model: a function that gives out texts of a person belongs into a folder
    (:class:`~operant.reward_design.llm.providers.scripted.Scripted`).
    """

    kind: Kind = "live"
    client = "a function"
    host: Literal["local", "vendor", ""] = ""

    def __init__(
        self,
        function: Callable[[Any], str],
        *,
        takes: Literal["text", "messages"] = "text",
        name: str = "",
    ) -> None:
        """Choose the function.

        Args:
            function: What is asked -> what it says.
            takes: ``"text"`` gives it the dialogue as one text, ``"messages"`` as a list of
                ``{"role": ..., "content": ...}``, which most libraries take.
            name: What lineages call it; by default its module and name.

        Raises:
            ValueError: If ``takes`` is neither.
        """
        if takes not in ("text", "messages"):
            raise ValueError(f"takes must be text or messages, got {takes!r}")
        self._function, self._takes = function, takes
        own = getattr(function, "__qualname__", type(function).__qualname__)
        self.name = name or f"{getattr(function, '__module__', '')}:{own}"

    def complete(self, request: Request) -> Sequence[Completion]:
        """Return ``request.n`` completions; one whose call raises is an error among them.

        Raises:
            ProviderError: If every call raised.
        """
        return sample_each(request, lambda *_: self._one(request))

    def _one(self, request: Request) -> Completion:
        began = time.monotonic()
        asked: Any = as_text(request.messages)
        if self._takes == "messages":
            asked = [{"role": m.role, "content": m.content} for m in request.messages]
        try:
            text = self._function(asked)
        except Exception as error:  # of any library
            reason = without_secrets(f"{type(error).__name__}: {error}")
            raise ProviderError(f"the function {self.name} raised {reason}") from None
        if not isinstance(text, str):
            raise ProviderError(
                f"the function {self.name} must return text, got {type(text).__name__}; return "
                "the content of the message"
            )
        return Completion(text=text, model=self.name, latency_s=time.monotonic() - began)


def as_text(messages: Sequence[Message]) -> str:
    """Return a dialogue as one text: a single message as it is, else each below its role."""
    if len(messages) == 1:
        return messages[0].content
    return "\n\n".join(f"[{message.role}]\n{message.content}" for message in messages)
