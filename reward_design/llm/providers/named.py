"""Providers by name: ``"mutate"``, ``"openai:MODEL"``, ``"replay:PATH"``, ``"my_module:ask"``."""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import inspect
import json
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from operant.errors import UnknownIdError
from operant.reward_design.llm.providers.protocol import LiveProvider, Provider, ProviderError


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ProviderRow:
    """One kind of provider.

    Attributes:
        summary: One line for listings.
        argument: What stands behind the colon, in capitals; ``""`` if nothing must.
        entry_point: ``"module:class"``.
        takes: Which of ``seed`` and ``base_url`` its constructor takes.
        is_path: Whether the argument is a path, and so the whole rest of the name.
    """

    summary: str
    argument: str
    entry_point: str
    takes: tuple[str, ...] = ()
    is_path: bool = False


_HERE = "operant.reward_design.llm.providers"
PROVIDERS: Mapping[str, ProviderRow] = MappingProxyType(
    {
        "mutate": ProviderRow(
            summary="search without a model: changes programs and reads their results",
            argument="",
            entry_point=f"{_HERE}.mutate.provider:Mutation",
            takes=("seed",),
        ),
        "tree": ProviderRow(
            summary="search without a model: Monte-Carlo tree search over programs",
            argument="",
            entry_point=f"{_HERE}.mutate.tree_search:TreeSearch",
            takes=("seed",),
        ),
        "openai": ProviderRow(
            summary="a model behind the chat-completions protocol, of a vendor or your own",
            argument="MODEL",
            entry_point=f"{_HERE}.openai_compatible:OpenAICompatible",
            takes=("base_url",),
        ),
        "replay": ProviderRow(
            summary="what a model said earlier, from a recording",
            argument="PATH",
            entry_point=f"{_HERE}.replay:Replay",
            is_path=True,
        ),
        "scripted": ProviderRow(
            summary="texts that a person wrote, from a folder",
            argument="FOLDER",
            entry_point=f"{_HERE}.scripted:Scripted",
            is_path=True,
        ),
    }
)
"""Kind -> its row; besides these, ``"module:function"`` asks a function."""


def make_provider(
    name: str, *, base_url: str | None = None, record: Path | None = None, seed: int = 0
) -> Provider:
    """Return the provider of a name.

    >>> make_provider("json:dumps").name
    'json:dumps'

    Args:
        name: A kind, its argument behind a colon, then options of its class behind commas, except
            where the argument is a path: ``"openai:my-model,parallel=8,send_seed=false"``. Or
            ``"module:function"`` for
            :class:`~operant.reward_design.llm.providers.callable.CallableProvider`.
        base_url: Server of ``"openai"``.
        record: File into which everything that a live provider says is recorded.
        seed: Of the search without a model.

    Raises:
        UnknownIdError: If the kind is unknown; names near ones.
        ProviderError: If it cannot be made: no key, no such file, nothing to record.
        ValueError: If the name, an option or an argument is wrong.
        MissingExtraError: If the library that it needs is absent.
    """
    kind, _, rest = name.partition(":")
    row = PROVIDERS.get(kind)
    if base_url is not None and (row is None or "base_url" not in row.takes):
        raise ValueError(f"base_url is the server of openai:MODEL; {name!r} asks none")
    if row is None:
        provider = _of_function(name)
    else:
        given = {"seed": seed, "base_url": base_url}
        provider = _of_row(kind, row, rest, {key: given[key] for key in row.takes})
    if record is None:
        return provider
    from operant.reward_design.llm.providers.recorder import Recorder

    return Recorder(cast(LiveProvider, provider), record)


def _of_row(kind: str, row: ProviderRow, rest: str, given: Mapping[str, Any]) -> Provider:
    argument, options = (rest, {}) if row.is_path else _split(rest)
    if bool(argument) != bool(row.argument):
        wanted = f"{kind}:{row.argument}" if row.argument else f"{kind} or {kind}:OPTION=VALUE,..."
        raise ValueError(f"write {wanted}; got {kind + ':' + rest if rest else kind!r}")
    module, _, attribute = row.entry_point.partition(":")
    make = getattr(importlib.import_module(module), attribute)
    arguments = [Path(argument) if row.is_path else argument] if argument else []
    return _call(make, arguments, {**_known_options(kind, make, options, given), **given})


def _of_function(name: str) -> Provider:
    """Return the provider that asks a function, ``"module:function[,takes=messages]"``."""
    from operant.reward_design.llm.providers.callable import CallableProvider

    target, options = _split(name)
    module, _, attribute = target.partition(":")
    looks_right = all(part.isidentifier() for part in (*module.split("."), attribute))
    if not looks_right or not _exists(module):
        raise UnknownIdError("provider", module, [*PROVIDERS, "module:function"])
    function = getattr(importlib.import_module(module), attribute, None)
    if not callable(function):
        near = difflib.get_close_matches(attribute, vars(importlib.import_module(module)))
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise ProviderError(f"the module {module!r} has no function {attribute!r}{hint}")
    known = _known_options(target, CallableProvider, options, {"name": ""})
    return _call(CallableProvider, [function], {**known, "name": target})


def _split(text: str) -> tuple[str, dict[str, Any]]:
    """Return argument and options of ``"argument,name=value,..."``."""
    first, *others = text.split(",")
    pairs = others if "=" not in first else [first, *others]
    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier() or name in options:
            raise ValueError(f"options look like name=value, each once; got {pair!r}")
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    return ("" if "=" in first else first), options


def _known_options(
    kind: str, make: Callable[..., Any], options: Mapping[str, Any], given: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return options, checked against the keywords of a constructor.

    Raises:
        UnknownIdError: If there is no such option; names near ones.
    """
    parameters = inspect.signature(make).parameters.values()
    known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in given]
    for option in options:
        if option not in known:
            raise UnknownIdError(f"option of {kind}", option, known)
    return options


def _call(make: Callable[..., Any], arguments: list[Any], options: Mapping[str, Any]) -> Provider:
    try:
        provider: Provider = make(*arguments, **options)
    except TypeError as error:  # a word where a number belongs
        raise ValueError(f"an option has a value of a wrong kind: {error}") from error
    return provider


def _exists(module: str) -> bool:
    """Return whether a module can be imported; imports the packages around it."""
    try:
        return find_spec(module) is not None
    except (ModuleNotFoundError, ValueError):
        return False
