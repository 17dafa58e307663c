from __future__ import annotations

import json
import sys
from fractions import Fraction

import pytest

import operant
from operant.errors import DuplicateIdError, MissingExtraError, UnknownIdError
from operant.registry import AgentRow, EnvRow, Registry, Row, collect_rows


def _row(name: str, entry_point: str = "fractions:Fraction", **more) -> Row:
    return Row(id=name, entry_point=entry_point, summary="a number", **more)


def test_rows_are_listed_in_id_order() -> None:
    registry = Registry("number", [_row("b"), _row("a")])
    assert registry.ids() == ["a", "b"] == [row.id for row in registry]
    assert len(registry) == 2
    assert "a" in registry
    assert "c" not in registry


def test_duplicate_id_names_both_claimants() -> None:
    with pytest.raises(DuplicateIdError, match=r"'a' is registered twice: by fractions.*by json"):
        Registry("number", [_row("a"), _row("a", "json:loads")])


def test_unknown_id_suggests_the_nearest() -> None:
    registry = Registry("number", [_row("potential"), _row("count")])
    with pytest.raises(UnknownIdError, match="unknown number 'potentail'; did you mean potential"):
        registry["potentail"]
    with pytest.raises(UnknownIdError, match="known: count, potential"):
        registry.load("zzzz")


def test_make_overrides_the_rows_arguments() -> None:
    row = _row("third", kwargs={"numerator": 1, "denominator": 3})
    registry: Registry[Fraction] = Registry("number", [row])
    assert registry.make("third") == Fraction(1, 3)
    assert registry.make("third", numerator=2) == Fraction(2, 3)
    assert registry["third"].kwargs == {"numerator": 1, "denominator": 3}


def test_nothing_is_imported_until_loaded(tmp_path, monkeypatch) -> None:
    (tmp_path / "lazy_thing.py").write_text("THING = 5\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry: Registry[int] = Registry("thing", [_row("x", "lazy_thing:THING")])
    assert registry.ids() == ["x"]
    assert "lazy_thing" not in sys.modules
    assert registry.load("x") == 5


def test_missing_extra_names_the_extra() -> None:
    registry = Registry("thing", [_row("x", "no_such_package:y", extra="nethack")])
    with pytest.raises(MissingExtraError, match=r"pip install 'operant\[nethack\]'"):
        registry.load("x")


def test_a_broken_import_of_our_own_is_not_blamed_on_an_extra() -> None:
    registry = Registry("thing", [_row("x", "operant.no_such_module:y", extra="nethack")])
    with pytest.raises(ModuleNotFoundError, match=r"operant\.no_such_module"):
        registry.load("x")
    without_extra = Registry("thing", [_row("x", "no_such_package:y")])
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        without_extra.load("x")


def test_families_are_found_by_their_table(tmp_path, monkeypatch) -> None:
    for family, table in (("one", True), ("two", True), ("helpers", False)):
        folder = tmp_path / "things" / family
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
        if table:
            rows = f"[Row(id={family!r}, entry_point='json:loads', summary='')]"
            (folder / "table.py").write_text(f"from operant.registry import Row\nROWS = {rows}\n")
    (tmp_path / "things" / "__init__.py").touch()
    (tmp_path / "things" / "table.py").write_text("raise RuntimeError('not a family')\n")
    monkeypatch.syspath_prepend(tmp_path)
    rows = collect_rows("things")
    assert [row.id for row in rows] == ["one", "two"]
    assert Registry[object]("thing", rows).make("one", s="[1]") == [1]


def test_rows_are_plain_data() -> None:
    rows = [row for root in ("envs", "agents") for row in collect_rows(f"operant.{root}")]
    assert rows
    for row in rows:
        json.dumps(dict(row.kwargs))
        assert row.summary
        assert all(isinstance(tag, str) for tag in row.tags)
    assert all(isinstance(row, EnvRow) for row in collect_rows("operant.envs"))
    for row in collect_rows("operant.agents"):
        assert isinstance(row, AgentRow)
        assert row.kind in {"learner", "planner", "online", "game"}
        json.dumps(dict(row.testing))


def test_facade_lists_what_the_registries_hold() -> None:
    assert "SparseKey-v0" in operant.list_envs()
    assert {"none", "potential", "count", "naive"} <= set(operant.list_designs())
    assert "sb3-ppo" in operant.list_agents()
