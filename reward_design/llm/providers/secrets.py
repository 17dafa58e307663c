"""Keys in texts: found before a text is sent, written down or shown."""

from __future__ import annotations

import os
import re

_PATTERNS = {
    # Prefix, then at least 16 characters of which one is a digit: "sk-learn-..." is no key.
    "an API key": r"\b(?:sk|pk|rk|gsk|xai|nvapi|r8)[-_](?=[\w-]*\d)[\w-]{16,}",
    "a key of Google": r"\bAIza[\w-]{30,}",
    "a key of AWS": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a token of GitHub": r"\b(?:gh[pousr]_\w{30,}|github_pat_\w{30,})",
    "a token of Hugging Face": r"\bhf_\w{30,}",
    "a token of Slack": r"\bxox[abeprs]-[\w-]{10,}",
    "a JSON web token": r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}",
    "a bearer token": r"\b[Bb]earer\s+(?=[\w.~+/=-]*\d)[\w.~+/=-]{16,}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
}
_NAMES = re.compile(r"(?:API_?KEY|_KEY|TOKEN|SECRET|PASSWORD)$")
_SHORTEST = 8
"""Shortest value of a variable that counts: shorter ones are found in innocent text."""


def find_secret(text: str) -> str:
    """Return what kind of key a text holds, or ``""``.

    Besides well-known forms of keys, that is the value of every variable of the environment whose
    name ends like that of a key, whatever its form.

    >>> find_secret("use sk-proj-abcdefgh12345678ijkl")
    'an API key'
    >>> find_secret("def reward(obs, action, next_obs, info):")
    ''
    """
    for variable, value in _environment():
        if value in text:
            return f"the value of {variable}"
    return next((kind for kind, form in _PATTERNS.items() if re.search(form, text)), "")


def without_secrets(text: str) -> str:
    """Return a text with every key replaced by ``[key]``.

    >>> without_secrets("Incorrect key: sk-proj-abcdefgh12345678ijkl.")
    'Incorrect key: [key].'
    """
    for _, value in _environment():
        text = text.replace(value, "[key]")
    for form in _PATTERNS.values():
        text = re.sub(form, "[key]", text)
    return text


def _environment() -> list[tuple[str, str]]:
    """Return variables that hold keys; the longest values first: one may be part of another."""
    found = [
        (variable, value.strip())
        for variable, value in os.environ.items()
        if _NAMES.search(variable) and len(value.strip()) >= _SHORTEST
    ]
    return sorted(found, key=lambda pair: -len(pair[1]))
