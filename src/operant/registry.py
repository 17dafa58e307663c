"""One generic registry: id -> row. Rows name objects by strings, so listing imports nothing."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from importlib.machinery import PathFinder
from typing import Any, Generic, Literal, TypeVar

from operant.errors import DuplicateIdError, MissingExtraError, UnknownIdError

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One registered thing: everything known about it without importing it.

    Attributes:
        id: Public name, unique within its registry.
        entry_point: ``"package.module:attribute"`` of the class or factory.
        summary: One line for listings.
        kwargs: Default keyword arguments of the entry point.
        tags: Free labels used to filter listings.
        extra: Name of the extra that installs what it needs beyond the core, or ``""``.
    """

    id: str
    entry_point: str
    summary: str
    kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    tags: tuple[str, ...] = ()
    extra: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class EnvRow(Row):
    """A row that becomes a Gymnasium id.

    Attributes:
        vector_entry_point: ``"module:attribute"`` of the native batched env, or ``""``.
        tier: Cost tier for CI, 0 (fast) to 2 (slow).
        checks_itself: True where the env itself refuses what Gymnasium's ``OrderEnforcing`` and
            ``PassiveEnvChecker`` would, so that ``gym.make`` need not add those wrappers.
        team: Rows of the batched env that act in one world, for teams whose agents are rows; 0
            where every row is a world of its own, equal to the scalar env.
    """

    vector_entry_point: str = ""
    tier: int = 0
    checks_itself: bool = False
    team: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class AgentRow(Row):
    """A row of an agent.

    Attributes:
        kind: ``"learner"`` trains on a vector env, ``"planner"`` solves an explicit MDP,
            ``"online"`` knows its kind of task and learns within an episode: nothing is trained;
            ``"game"`` sits on all seats of a game of several players.
        home: Id of an env that it acts in, for what cannot act in any; else ``""``.
        testing: Fields of its config that make a run of 512 env steps one of seconds.
    """

    kind: Literal["learner", "planner", "online", "game"]
    home: str = ""
    testing: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class Registry(Generic[T]):
    """Ids to rows; objects are imported when asked for, not when listed.

    >>> registry = Registry("codec", [Row(id="json", entry_point="json:dumps", summary="text")])
    >>> registry.ids()
    ['json']
    >>> registry.load("json")([1])
    '[1]'
    """

    def __init__(self, kind: str, rows: list[Row] | None = None) -> None:
        """Create a registry.

        Args:
            kind: What the rows are, used in error messages (``"agent"``).
            rows: Initial rows.
        """
        self.kind = kind
        self._rows: dict[str, Row] = {}
        for row in rows or []:
            self.add(row)

    def add(self, row: Row) -> None:
        """Add a row.

        Raises:
            DuplicateIdError: If the id is taken.
        """
        if row.id in self._rows:
            raise DuplicateIdError(
                f"{self.kind} {row.id!r} is registered twice: by "
                f"{self._rows[row.id].entry_point} and by {row.entry_point}; choose another id"
            )
        self._rows[row.id] = row

    def __getitem__(self, name: str) -> Row:
        """Return the row of an id.

        Raises:
            UnknownIdError: If there is none; names the nearest ids.
        """
        try:
            return self._rows[name]
        except KeyError:
            raise UnknownIdError(self.kind, name, self._rows) from None

    def __contains__(self, name: object) -> bool:
        """Tell whether an id is registered."""
        return name in self._rows

    def __iter__(self) -> Iterator[Row]:
        """Iterate over rows in id order."""
        return iter([self._rows[name] for name in self.ids()])

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._rows)

    def ids(self) -> list[str]:
        """Return all ids, sorted."""
        return sorted(self._rows)

    def load(self, name: str) -> Any:
        """Import and return the object behind an id.

        Raises:
            UnknownIdError: If the id is unknown.
            MissingExtraError: If an optional dependency of it is absent.
        """
        row = self[name]
        module, _, attribute = row.entry_point.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            if row.extra and not (error.name or "").startswith("operant"):
                raise MissingExtraError(error.name or row.extra, row.extra) from error
            raise

    def make(self, name: str, **kwargs: Any) -> T:
        """Build the object behind an id; ``kwargs`` override the row's defaults."""
        made: T = self.load(name)(**{**self[name].kwargs, **kwargs})
        return made


def collect_rows(package: str) -> list[Row]:
    """Gather ``ROWS`` of every ``<package>.<family>.table`` module.

    A family is added by adding a folder with a ``table.py``; no central list grows with it.

    Args:
        package: Import name whose subpackages are searched, e.g. ``"operant.envs"``.
    """
    root = importlib.import_module(package)
    rows: list[Row] = []
    for info in sorted(pkgutil.iter_modules(root.__path__), key=lambda item: item.name):
        # Look for the file before importing anything: packages without a table may be heavy.
        spec = PathFinder.find_spec(info.name, root.__path__) if info.ispkg else None
        folders = spec.submodule_search_locations if spec else None
        if any(item.name == "table" for item in pkgutil.iter_modules(folders or [])):
            rows += importlib.import_module(f"{package}.{info.name}.table").ROWS
    return rows
