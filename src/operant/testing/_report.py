"""How a broken rule is reported, for all checkers alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from operant.errors import ContractError

S = TypeVar("S")


class Broken(Exception):
    """Raised inside a rule: what was seen, and how to repair it."""

    def __init__(self, seen: str, fix: str) -> None:
        """Store both halves of the message."""
        super().__init__(seen)
        self.seen, self.fix = seen, fix


def require(holds: object, seen: str, fix: str) -> None:
    """Raise :class:`Broken` unless ``holds`` is true."""
    if not holds:
        raise Broken(seen, fix)


def error_of(call: Callable[[], object]) -> str:
    """Return the error that a call raises as text, or ``""`` if it succeeds."""
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def rule_name(rule: Callable[..., None]) -> str:
    """Return the public name of ``rule_something``: ``"something"``."""
    return rule.__name__.removeprefix("rule_")


def run_rules(
    subject_name: str,
    subject: S,
    rules: Sequence[Callable[[S], None]],
    skip: Mapping[str, str] | None,
) -> None:
    """Apply the rules in order and translate the first failure.

    Args:
        subject_name: What is checked, for the message.
        subject: Argument of every rule.
        rules: Functions named ``rule_<name>``.
        skip: Rule name -> reason why it does not apply.

    Raises:
        ContractError: If a rule is broken, or the checked object raises inside one.
        ValueError: If ``skip`` names no rule or gives no reason.
    """
    skip = skip or {}
    names = [rule_name(rule) for rule in rules]
    for name, reason in skip.items():
        if name not in names or not reason.strip():
            raise ValueError(
                f"skip must map rule names to reasons, got {name!r}: {reason!r}; rules: {names}"
            )
    for rule in rules:
        name = rule_name(rule)
        if name in skip:
            continue
        try:
            rule(subject)
        except Broken as broken:
            message = f"{subject_name}: rule {name!r} is broken: {broken.seen}. Fix: {broken.fix}."
            raise ContractError(message) from broken.__cause__
        except Exception as error:
            raise ContractError(
                f"{subject_name}: rule {name!r} could not finish: {type(error).__name__}: {error}. "
                f"The rule: {(rule.__doc__ or '').splitlines()[0]} Fix: see the error above."
            ) from error
