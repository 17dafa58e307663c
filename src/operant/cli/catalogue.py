"""``operant envs``, ``games``, ``designs``, ``agents``, ``suites``: what there is, and details."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
from typing import Annotated, Any

from rich.markup import escape
from tyro.conf import Positional, arg

from operant.cli.doctor import fix, missing
from operant.errors import MissingExtraError, WrongVersionError
from operant.registry import AgentRow, Registry, Row

_LEVELS = 20
"""In how many levels the optimum is asked for: the oracles of slow worlds take 0.1 s for each."""

Name = Annotated[Positional[str], arg(metavar="ID")]


def envs(name: Name = "", json: bool = False) -> int:
    """List the environments, or show the card of one.

    Args:
        name: An id, to see its card and feature table.
        json: Print JSON.
    """
    import operant
    from operant import envs as package

    if not name:
        return _list("environments", package.registry(), json)
    try:
        card = operant.card(name, levels=_LEVELS)
    except (MissingExtraError, WrongVersionError):
        row = package.registry()[name]  # what is known of it all the same
        print(f"{row.id}: {row.summary}; needs the extra {row.extra!r}")
        raise
    if json:
        return _json(dataclasses.asdict(card))
    from operant.cli.output import console, table

    for field in dataclasses.fields(card):
        value = getattr(card, field.name)
        if field.name != "features" and value not in ("", None):
            console.print(f"[bold]{field.name:>12}[/]  {escape(str(value))}", soft_wrap=True)
    rows = [
        (
            f.name,
            f.dtype,
            f"[{f.low:g}, {f.high:g}]",
            f.unit,
            "yes" if f.privileged else "",
            f.description,
        )
        for f in card.features
    ]
    table("\nfeatures", ("name", "type", "range", "unit", "privileged", "meaning"), rows)
    return 0


def games(name: Name = "", json: bool = False) -> int:
    """List the worlds of several agents, or show one with its rules.

    Args:
        name: An id.
        json: Print JSON.
    """
    from operant.envs import multiagent

    registry = multiagent.games()
    if not name:
        return _list("games", registry, json)
    row: Any = registry[name]
    rules, _, told = row.rules_entry_point.partition(":")
    documented = getattr(importlib.import_module(rules), told) if rules else registry.load(name)
    facts = {"interface": row.interface, "players": row.players or "as an argument says"}
    return _detail(row, documented, {**facts, **row.kwargs}, json)


def designs(name: Name = "", json: bool = False) -> int:
    """List the reward designs, or show one with its arguments and its promise.

    Args:
        name: An id; ``invariant(count)`` for one around another, ``module:Class`` for one of yours.
        json: Print JSON.
    """
    from operant import reward_design
    from operant.cli.named import make_design

    registry = reward_design.registry()
    if not name:
        return _list("reward designs", registry, json)
    design = make_design(name, {})
    known = name.partition("(")[0]
    documented = registry.load(known) if known in registry else type(design)
    summary = registry[known].summary if known in registry else ""
    row = Row(id=name, entry_point=known, summary=summary)
    return _detail(row, documented, dataclasses.asdict(design.spec), json)


def agents(name: Name = "", json: bool = False) -> int:
    """List the agents, or show one with its hyper-parameters.

    Args:
        name: An id.
        json: Print JSON.
    """
    from operant import agents as package

    registry = package.registry()
    if not name:
        return _list("agents", registry, json)
    found = registry.load(name)
    config = getattr(found, "config_class", None)
    facts = {"kind": package.agent_row(name).kind, **(config().to_json() if config else {})}
    return _detail(registry[name], config or found, facts, json)


def suites(name: Name = "", json: bool = False) -> int:
    """List the benchmark suites, or show what one runs.

    Args:
        name: An id.
        json: Print JSON.
    """
    from operant import benchmarks

    registry = benchmarks.registry()
    if not name:
        return _list("suites", registry, json)
    return _json(dataclasses.asdict(benchmarks.suite(name)))


def _list(title: str, registry: Registry[Any], as_json: bool) -> int:
    from operant.cli.output import table

    if as_json:
        return _json([{**dataclasses.asdict(row), "kwargs": dict(row.kwargs)} for row in registry])
    extras = {row.extra for row in registry} - {""}
    absent = {extra: missing(extra) for extra in sorted(extras)}
    rows = [
        (
            row.id,
            row.summary,
            ", ".join(_labels(row)),
            f"{row.extra} (missing)" if absent.get(row.extra) else row.extra,
        )
        for row in registry
    ]
    table(title, ("id", "what it is", "tags", "extra"), rows)
    for extra, packages in absent.items():
        if packages:
            print(f"\n{extra} is missing ({', '.join(packages)}); to install it: {fix(extra)}")
    return 0


def _labels(row: Row) -> tuple[str, ...]:
    return (row.kind, *row.tags) if isinstance(row, AgentRow) else row.tags


def _detail(row: Row, documented: Any, facts: dict[str, Any], as_json: bool) -> int:
    from operant.cli.output import console

    if as_json:
        return _json({"id": row.id, "summary": row.summary, **facts})
    console.print(f"[bold]{row.id}[/]  {row.summary}\n")
    console.print(inspect.getdoc(documented) or "", soft_wrap=True, markup=False)
    arguments = inspect.getdoc(documented.__init__) if inspect.isclass(documented) else ""
    if arguments and "Args:" in arguments and not dataclasses.is_dataclass(documented):
        console.print("\n" + arguments, soft_wrap=True, markup=False)
    if facts:
        console.print("")
    for key, value in facts.items():
        console.print(f"[bold]{key:>16}[/]  {escape(str(value))}", soft_wrap=True)
    return 0


def _json(value: Any) -> int:
    print(json.dumps(value, indent=1, sort_keys=True))
    return 0
