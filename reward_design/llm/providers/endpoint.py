"""Addresses of servers: what is allowed, and what may be said of them."""

from __future__ import annotations

import ipaddress
from typing import Literal
from urllib.parse import urlsplit


def require_url(url: str) -> str:
    """Return the root of a chat-completions API, checked.

    Raises:
        ValueError: If it is no http address, or holds a user name, a password or a query.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1)
    except ValueError:  # a port that is no number, a bracket that is not closed
        usable = False
    if not usable:
        # The text itself is not shown: somebody may have pasted a key.
        raise ValueError(
            "base_url must look like https://host/v1 or http://localhost:8000/v1, without blanks"
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(
            f"base_url of {parts.hostname} must hold no user name, password, query or fragment: it "
            "would be shown in messages; a key belongs into the variable OPENAI_API_KEY"
        )
    return url


def host_of(url: str) -> str:
    """Return host and port, for messages.

    >>> host_of("http://localhost:8000/v1")
    'localhost:8000'
    """
    return urlsplit(url).netloc.rpartition("@")[2]


def host_class(url: str) -> Literal["local", "vendor"]:
    """Return whether a server is this machine or one in the local network.

    >>> host_class("http://192.168.1.7:8000/v1"), host_class("https://api.openai.com/v1")
    ('local', 'vendor')
    """
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        local = "." not in host or host.endswith((".local", ".internal", ".localhost", ".lan"))
    else:
        local = address.is_private or address.is_loopback or address.is_link_local
    return "local" if local else "vendor"
