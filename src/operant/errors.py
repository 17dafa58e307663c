"""Exceptions of the library: each says what was wrong, where, what is allowed and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class OperantError(Exception):
    """Base class of every error raised on purpose by this library."""


class UnknownIdError(OperantError, KeyError):
    """An id is not in its registry; the message lists the nearest ids."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        """Build the message.

        Args:
            kind: What was looked up, e.g. ``"reward design"``.
            name: The id that was asked for.
            known: All registered ids of that kind.
        """
        known = sorted(known)
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(known)}"
        self.message = f"unknown {kind} {name!r}; {hint}"
        super().__init__(self.message)

    def __str__(self) -> str:  # KeyError would print the repr of the message
        """Return the plain message."""
        return self.message


class DuplicateIdError(OperantError, ValueError):
    """Two rows claim one id."""


class MissingExtraError(OperantError, ImportError):
    """An optional dependency is absent; the message names the extra to install."""

    def __init__(self, package: str, extra: str) -> None:
        """Build the message.

        Args:
            package: Import name that failed.
            extra: Extra of this distribution that installs it.
        """
        super().__init__(
            f"{package!r} is not installed; run: pip install 'operant[{extra}]' -c constraints.txt"
        )
        self.package, self.extra = package, extra


class WrongVersionError(OperantError, ImportError):
    """An optional dependency is installed in a version that does not work."""

    def __init__(self, package: str, found: str, wanted: str, extra: str, why: str = "") -> None:
        """Build the message.

        Args:
            package: Import name.
            found: Installed version.
            wanted: Versions that work, such as ``">=1.3,<1.4"``.
            extra: Extra of this distribution that installs one.
            why: What went wrong with the installed version, if it was tried.
        """
        said = f" ({why})" if why else ""
        super().__init__(
            f"{package} {found} does not work here{said}: {wanted} does; run: "
            f"pip install 'operant[{extra}]' -c constraints.txt"
        )
        self.package, self.found, self.extra = package, found, extra


class ContractError(OperantError, AssertionError):
    """A checker of ``operant.testing`` found a broken rule; the message names the rule."""


class GammaMismatchError(OperantError, ValueError):
    """A reward design was built for another discount than the agent's."""

    def __init__(self, design: str, design_gamma: float, agent_gamma: float) -> None:
        """Build the message.

        Args:
            design: Id of the design.
            design_gamma: Discount the design was built with, in [0, 1].
            agent_gamma: Discount of the agent, in [0, 1].
        """
        super().__init__(
            f"design {design!r} uses gamma={design_gamma:g} but the agent uses "
            f"gamma={agent_gamma:g}; a potential difference keeps the optimal policy only if both "
            f"are equal. Build the design with gamma={agent_gamma:g}, or without gamma to follow "
            "the agent."
        )


class NonFiniteRewardError(OperantError, FloatingPointError):
    """A reward design returned NaN or infinity."""

    def __init__(self, *, design: str, term: str, env_row: int, step: int, value: float) -> None:
        """Build the message.

        Args:
            design: Id of the design.
            term: Name of the offending reward term.
            env_row: Row of the vector env (0 for a scalar env).
            step: Step within that row's episode, counted from 0.
            value: The offending value.
        """
        super().__init__(
            f"design {design!r} returned {value!r} in term {term!r} for env row {env_row} at "
            f"episode step {step}; rewards must be finite. Fix the design, or bound its inputs."
        )


class InterruptedRunError(OperantError):
    """A run was asked to stop and saved its state; starting it again continues it."""


class CorruptRunError(OperantError):
    """A run directory fails its checksums or cannot be read."""
