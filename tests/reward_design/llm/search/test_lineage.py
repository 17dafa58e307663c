from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from operant.reward_design.llm.search.lineage import Lineage, LineageError, read_candidate


def test_records_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lineage.jsonl"
    lineage = Lineage(path)
    lineage.write("candidate", "r0s0", a=1)
    lineage.write("candidate", "r0s1", a=math.nan, b=(1, 2))
    lineage.write("run", "r0s0", a=3)
    lineage.write("candidate", "r0s0", a=1)  # known already
    again = Lineage(path)
    assert [record["name"] for record in again.all("candidate")] == ["r0s0", "r0s1"]
    assert again.get("candidate", "r0s1") == {
        "kind": "candidate",
        "name": "r0s1",
        "a": None,
        "b": [1, 2],
    }
    assert again.get("run", "r1s0") is None
    assert len(path.read_text().splitlines()) == 3


def test_the_last_record_of_a_name_counts(tmp_path: Path) -> None:
    lineage = Lineage(tmp_path / "lineage.jsonl")
    lineage.write("end", "end", reason="stopped")
    lineage.write("end", "end", reason="finished")
    found = Lineage(lineage.path).get("end", "end")
    assert found is not None
    assert found["reason"] == "finished"


@pytest.mark.parametrize("kept", [1, 10, 30])
def test_a_line_that_was_cut_off_is_forgotten_and_overwritten(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "lineage.jsonl"
    lineage = Lineage(path)
    lineage.write("round", "round0", chosen=None)
    whole = path.read_text()
    path.write_text(whole + whole[:kept])
    lineage = Lineage(path)
    lineage.write("round", "round1", chosen=None)
    assert [json.loads(line)["name"] for line in path.read_text().splitlines()] == [
        "round0",
        "round1",
    ]


@pytest.mark.parametrize(
    "line", ["{", "[1]", '{"kind": "x", "name": "y"}', '{"kind": "run"}', "\0"]
)
def test_a_file_that_is_no_lineage_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "lineage.jsonl"
    path.write_text('{"kind": "round", "name": "round0"}\n' + line + "\n\n")
    with pytest.raises(LineageError, match="line 2"):
        Lineage(path)


def test_another_search_is_not_continued(tmp_path: Path) -> None:
    path = tmp_path / "lineage.jsonl"
    Lineage(path).claim({"method": "eureka", "options": {"seeds": (0,)}})
    Lineage(path).claim({"method": "eureka", "options": {"seeds": [0]}})
    with pytest.raises(LineageError, match="differs in method"):
        Lineage(path).claim({"method": "icpl", "options": {"seeds": (0,)}})


def test_a_damaged_candidate_is_refused() -> None:
    with pytest.raises(LineageError, match="r0s0"):
        read_candidate({"name": "r0s0", "candidate": {"name": "r0s0"}})
