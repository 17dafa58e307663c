"""A server on this machine that speaks the chat-completions protocol, well or badly."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from operant.reward_design.llm.providers.protocol import Message, Request

Behaviour = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """One request: noted, then answered as the test says."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked = body
        with self.server.lock:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.server.requests.append((self.path, headers, body))
            behaviours = self.server.behaviours
            behaviour = behaviours.pop(0) if len(behaviours) > 1 else behaviours[0]
        behaviour(self)

    def answer(
        self,
        body: Any,
        *,
        status: int = 200,
        headers: dict[str, str] | None = None,
        length: int | None = None,
    ) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        given = {"Content-Type": "application/json", **(headers or {})}
        for name, value in given.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = length is not None

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    """What it was asked, and what it will do: the last behaviour for ever."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.released = threading.Event()
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.behaviours: list[Behaviour] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away: some tests are about that."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def reply() -> Callable[..., dict[str, Any]]:
    """Return a builder of chat completions."""

    def build(content: Any = "hello", finish: Any = "stop", **message: Any) -> dict[str, Any]:
        said = {"role": "assistant", "content": content, **message}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "model": "model-2026-11-01",
            "choices": [{"index": 0, "message": said, "finish_reason": finish}],
            "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
        }

    return build


@pytest.fixture
def request_of() -> Callable[..., Request]:
    """Return a builder of requests with one dialogue."""

    def build(content: str = "write a reward", **changes: Any) -> Request:
        system = Message(role="system", content="you write rewards")
        return Request(messages=(system, Message(role="user", content=content)), **changes)

    return build
