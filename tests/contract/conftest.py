"""Which ids are tested by default, and which cannot be: their extra is not installed here."""

from __future__ import annotations

import functools
from typing import cast

import pytest

import operant
from operant.cli.doctor import fix, missing
from operant.registry import EnvRow


@functools.cache
def _absent(extra: str) -> str:
    """Return why an extra cannot be used, or nothing."""
    packages = missing(extra) if extra else []
    return f"{', '.join(packages)} not installed: {fix(extra)}" if packages else ""


BY_DEFAULT = 1
"""Kinds of each family that are tested by default; the others compile kernels of their own."""


def _families() -> dict[str, list[str]]:
    """Return the first id of each kind, by family: NetHack, gridworlds, ..."""
    families: dict[str, list[str]] = {}
    for name in operant.envs.one_per_kind():
        row = cast(EnvRow, operant.envs.registry()[name])
        package = ".".join(row.entry_point.split(".")[:3])
        families.setdefault(package, []).append(name)
    return families


def _params(
    *, firsts: bool = True, others: bool = True, others_slow: bool = True, per_family: bool = False
) -> list[object]:
    """Return env ids with marks: most of a family, and what is slow by itself, for integration."""
    first, params = operant.envs.one_per_kind(), []
    families = _families().values()
    quick = {name for family in families for name in family[:BY_DEFAULT]}
    engines = {family[0] for family in families}
    for name in operant.list_envs():
        row = cast(EnvRow, operant.envs.registry()[name])
        if not (firsts if name in first else others):
            continue
        later = row.tier or (others_slow and name not in quick)
        marks = [pytest.mark.integration] if later else []
        if (others_slow and name not in first) or (per_family and row.tier and name not in engines):
            marks = [pytest.mark.slow]
        if why := _absent(row.extra):
            marks.append(pytest.mark.skip(reason=why))
        params.append(pytest.param(name, marks=marks))
    return params


FIXTURES = {
    "tiered_id": {},
    "first_id": {"others": False},
    "any_id": {"others_slow": False},
    "batch_id": {"per_family": True},
}
"""Name -> which env ids it is.

Worlds share all their code between sizes: ``tiered_id`` is the first id of each kind, most of them
in the integration run only, and in the slow run all others; ``first_id`` is the first alone;
``any_id`` is every id at once; ``batch_id`` is like ``tiered_id``, but of slow worlds it is the
first of a family, as what makes rows of them is the same.
"""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that asks for one of them the env ids."""
    for name, which in FIXTURES.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, _params(**which))
