"""SciPy, which an extra installs and which is slow to import: fetched where it is needed."""

from __future__ import annotations

import importlib
from typing import Any

from operant.errors import MissingExtraError


def scipy_module(name: str) -> Any:
    """Return a module of SciPy.

    Args:
        name: Its name within SciPy, e.g. ``"sparse"``.

    Raises:
        MissingExtraError: If SciPy is not installed.
    """
    try:
        return importlib.import_module(f"scipy.{name}")
    except ModuleNotFoundError as error:
        raise MissingExtraError("scipy", "theory") from error
