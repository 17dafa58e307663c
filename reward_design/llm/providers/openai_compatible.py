"""Models behind the chat-completions protocol: vendors', and servers of one's own."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from operant.errors import MissingExtraError
from operant.reward_design.llm.providers.chat_call import Patience, call
from operant.reward_design.llm.providers.chat_failure import KEY
from operant.reward_design.llm.providers.endpoint import host_class, host_of, require_url
from operant.reward_design.llm.providers.protocol import Completion, Kind, ProviderError, Request
from operant.reward_design.llm.providers.samples import sample_each

if TYPE_CHECKING:
    import openai

_VENDOR = "https://api.openai.com/v1"
"""Where the library asks unless told otherwise; for messages only."""


class OpenAICompatible:
    """Asks a model through the ``openai`` library; the extra ``llm`` installs it.

    The key is read by that library from the environment variable ``OPENAI_API_KEY`` for each
    request, and is stored nowhere else. It goes to ``base_url``, whatever server that is. A server
    of one's own that wants no key works without one.

    Every sample is a call of its own, as many servers ignore ``n``. One that fails does not lose
    the others: it is a completion with ``finish_reason="error"``.
    """

    kind: Kind = "live"

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        timeout_s: float = 300.0,
        connect_s: float = 10.0,
        retries: int = 4,
        pause_s: float = 0.5,
        parallel: int = 4,
        send_temperature: bool = True,
        send_seed: bool = True,
        token_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens",
    ) -> None:
        """Choose model and server; asks nothing yet.

        Args:
            model: Name of the model, as the server knows it.
            base_url: Root of the API, ``"http://localhost:8000/v1"``; by default what the variable
                ``OPENAI_BASE_URL`` says, else OpenAI's own.
            timeout_s: Longest time for one completion, > 0: attempts and pauses included. A server
                that sends its answer in drops can take twice that.
            connect_s: Longest time until a connection stands, > 0.
            retries: Most attempts after the first, >= 0, where a server is busy, breaks or cannot
                be reached. The pause that it asks for (``Retry-After``) is kept.
            pause_s: First pause between attempts, >= 0; doubles each time, up to 8 seconds, and is
                shortened by up to a quarter at random.
            parallel: How many samples are asked for at once, >= 1.
            send_temperature: Whether the temperature is sent; some models know only their own.
            send_seed: Whether the seed is sent.
            token_limit: Name by which the server knows the longest completion.

        Raises:
            MissingExtraError: If the library is absent.
            ProviderError: If there is no key, and no ``base_url`` that may do without.
            ValueError: If an argument is outside its range.
        """
        if not model.strip():
            raise ValueError("model must be the name of a model, got an empty one")
        if parallel < 1:
            raise ValueError(f"parallel must be >= 1, got {parallel}")
        if token_limit not in ("max_tokens", "max_completion_tokens"):
            raise ValueError(
                f"token_limit must be max_tokens or max_completion_tokens, got {token_limit!r}"
            )
        self._patience = Patience(
            timeout_s=timeout_s, connect_s=connect_s, retries=retries, pause_s=pause_s
        )
        url = base_url or os.environ.get("OPENAI_BASE_URL")
        self._base_url = require_url(url) if url else None
        self._model, self._parallel, self._token_limit = model, parallel, token_limit
        self._send_temperature, self._send_seed = send_temperature, send_seed
        self._require_key()
        address = self._base_url or _VENDOR
        self.name = f"openai:{model}"
        self.client = f"openai {_library().__version__}"
        self.host: Literal["local", "vendor", ""] = host_class(address)
        self._asked = f"the model {model!r} at {host_of(address)}"

    def __repr__(self) -> str:
        """Return who is asked."""
        return f"<{type(self).__name__}: {self._asked}>"

    def complete(self, request: Request) -> Sequence[Completion]:
        """Return ``request.n`` completions, in the order of their sample index.

        Raises:
            ProviderError: If all of them failed; says who was asked, what happened and what to do.
        """
        with self._client() as client:

            def one(sample: int, stop: threading.Event) -> Completion:
                arguments = self._arguments(request, sample)
                return call(
                    client, arguments, patience=self._patience, asked=self._asked, stop=stop
                )

            return sample_each(request, one, parallel=self._parallel)

    def _arguments(self, request: Request, sample: int) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": m.role, "content": m.content} for m in request.messages],
            "n": 1,
        }
        if self._send_temperature:
            arguments["temperature"] = request.temperature
        if self._send_seed and request.seed is not None:
            arguments["seed"] = request.seed + sample
        if request.max_tokens is not None:
            arguments[self._token_limit] = request.max_tokens
        return arguments

    def _client(self) -> openai.OpenAI:
        """Return a client that lives as long as one request: the key is not kept."""
        client: openai.OpenAI = _library().OpenAI(
            base_url=self._base_url,
            # The library reads the key itself, and wants one even where nobody looks at it.
            api_key=None if self._require_key() else "none",
            max_retries=0,  # attempts are counted, and limited in time, in chat_call
        )
        return client

    def _require_key(self) -> bool:
        """Return whether there is a key.

        Raises:
            ProviderError: If there is none where one is needed, or it cannot be sent.
        """
        key = os.environ.get(KEY, "")
        if not key and self._base_url is None:
            raise ProviderError(
                f"there is no key for the model {self._model!r}: set the environment variable "
                f"{KEY}, or give the base_url of a server that needs none, such as "
                "http://localhost:8000/v1"
            )
        if not all(" " < letter <= "~" for letter in key):
            raise ProviderError(
                f"the key in {KEY} holds a blank, a line end or a letter that is not ASCII; set it "
                "again without"
            )
        return bool(key)


def _library() -> Any:
    try:
        import openai
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "openai", "llm") from None
    return openai
