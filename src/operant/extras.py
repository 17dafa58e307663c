"""Optional packages: imported when a world needs them, refused with one clear instruction."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
from types import ModuleType

from operant.errors import MissingExtraError, WrongVersionError


def require(package: str, *, extra: str, minimum: str = "", below: str = "") -> ModuleType:
    """Import an optional package.

    Args:
        package: Import name, which is also the name of its distribution.
        extra: Extra of this distribution that installs it.
        minimum: Lowest version that works, such as ``"1.3"``; ``""`` for any.
        below: Lowest version that no longer works; ``""`` for none.

    Raises:
        MissingExtraError: If it, or something it needs, is not installed.
        WrongVersionError: If its version is outside the range, or it does not fit the installed
            versions of what it needs.
    """
    try:
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise MissingExtraError(package, extra) from None
    wanted = (
        f">={minimum}" * bool(minimum) + "," * bool(minimum and below) + f"<{below}" * bool(below)
    )
    if (minimum and _numbers(version) < _numbers(minimum)) or (
        below and _numbers(version) >= _numbers(below)
    ):
        raise WrongVersionError(package, version, wanted, extra)
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or package, extra) from error
    except (
        ImportError,
        AttributeError,
        OSError,
    ) as error:  # such as another gymnasium than it needs
        why = " ".join(str(error).split())  # theirs may have several lines
        raise WrongVersionError(package, version, wanted or "another", extra, why) from error


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.match(r"[\d.]*", version)[0].split(".") if part)  # type: ignore[index]
