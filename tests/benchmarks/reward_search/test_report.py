from __future__ import annotations

import dataclasses
import html.parser
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from operant.benchmarks.reward_search.report import KINDS, render, write_search_report
from operant.benchmarks.reward_search.story import read_story
from operant.benchmarks.reward_search.svg import Node, curves, summary, tree
from operant.benchmarks.specs import RunSpec
from operant.benchmarks.store import RunDirectory
from operant.reward_design.llm.search.lineage import Lineage, LineageError
from operant.reward_design.llm.search.results import RunResult

HOSTILE = '</script></pre></title><script>alert("x")</script><img src=x onerror=alert(1)>{{ 7*7 }}'
PROGRAM = "def potential(obs, info):\n    return {} * info['has_key']\n"
ERROR = {
    "stage": "language",
    "severity": "error",
    "code": "import",
    "message": "imports are not allowed",
    "hint": "remove it",
    "line": 2,
    "column": 5,
    "data": {},
}
WARNING = {**ERROR, "stage": "probe", "severity": "warning", "code": "standing still"}
ALLOWED = {"meta", "link", "img", "circle", "line", "path", "polyline", "br"}
"""Tags without an end, or closed by themselves."""


class Page(html.parser.HTMLParser):
    """Collects tags, attributes and text as a browser would see them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ALLOWED:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def run(name: str, seed: int, last: float, **changes: Any) -> RunResult:
    made = RunResult(
        name=name,
        seed=seed,
        status="ok",
        steps=(0, 256, 512),
        success=(0.0, last, last),
        true_return=(0.0, last, last),
        designed_return=(0.0, 1.0, 2.0),
        length=(40.0, 30.0, 20.0),
        terms={"env": (0.0, 0.1, 0.2), "shaping": (0.0, -0.1, 0.3)},
        ends={"success": last, "truncated": 1 - last},
        env_steps=512,
        folder=f"folder-{name}-{seed}",
    )
    return dataclasses.replace(made, **changes)


class Writer:
    """Writes the lineage of a search."""

    def __init__(self, folder: Path) -> None:
        self.lineage = Lineage(folder / "lineage.jsonl")

    def search(self, kind: str = "mutation", **changes: Any) -> None:
        task = {"env_id": "SparseKey-5x5-v0", "goal": "Reach the goal.", "success": "is there"}
        provider = {"name": "somebody", "kind": kind}
        told = {"method": "eureka", "form": "potential", "task": task, "provider": provider}
        self.lineage.claim({**told, **changes})

    def candidate(
        self,
        name: str,
        *runs: RunResult,
        source: str = PROGRAM,
        parents: tuple[str, ...] = (),
        findings: tuple[dict[str, Any], ...] = (),
        **changes: Any,
    ) -> None:
        told = {
            "name": name,
            "form": "potential",
            "source": source,
            "reply": f"Here it is:\n{source}",
            "identity": "",
            "round": int(name[1]),
            "sample": int(name[3:]),
            "parents": parents,
            "provenance": {"provider": "somebody", "kind": "mutation", "prompt": "ab" * 32},
        }
        self.lineage.write(
            "candidate", name, candidate={**told, **changes}, findings=list(findings)
        )
        for each in runs:
            self.run(name, each)

    def run(self, name: str, result: RunResult) -> None:
        told = {"candidate": name, "result": dataclasses.asdict(result)}
        self.lineage.write("run", f"{name}-seed{result.seed}", **told)

    def end(self, chosen: str | None, reason: str = "finished") -> None:
        budget = {"limits": {"llm_calls": 10}, "spent": {"llm_calls": 3, "env_steps": 61440}}
        self.lineage.write("end", "end", reason=reason, chosen=chosen, fitness=None, budget=budget)


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(tmp_path)


@pytest.fixture
def whole(writer: Writer) -> Writer:
    """Return a search of two rounds with every kind of candidate."""
    writer.search()
    writer.candidate("r0s0", run("r0s0", 0, 0.4), run("r0s0", 1, 0.6), source=PROGRAM.format(0.5))
    writer.candidate("r0s1", findings=(ERROR,), source="import os")
    dead = run("r0s2", 0, 0.0, status="timeout", error="too long", success=(), terms={}, ends={})
    writer.candidate("r0s2", dead)
    writer.candidate("r0s3")
    writer.candidate(
        "r1s0",
        run("r1s0", 0, 0.9),
        run("r1s0", 1000, 0.7),
        source=PROGRAM.format(0.75),
        parents=("r0s0",),
        findings=(WARNING,),
    )
    writer.run("none", run("none", 1000, 0.1))
    writer.end("r1s0")
    return writer


def page_of(writer: Writer) -> Page:
    return Page(render(read_story(writer.lineage.path)))


# ---- what is read -----------------------------------------------------------------------------


def test_story_sorts_candidates_and_seeds(whole: Writer) -> None:
    story = read_story(whole.lineage.path)
    states = {each.name: each.state for each in story.candidates}
    assert states == {
        "r0s0": "trained",
        "r0s1": "rejected",
        "r0s2": "failed",
        "r0s3": "untried",
        "r1s0": "trained",
    }
    assert story.chosen is story.candidates[4]
    assert story.candidates[0].fitness == pytest.approx(0.5)
    assert story.candidates[4].fitness == pytest.approx(0.9)  # without the fresh seed
    assert [each.seed for each in story.candidates[4].fresh] == [1000]
    assert story.failures == [("language", "import", 1), ("training", "timeout", 1)]
    assert story.candidates[4].difference[1:] == (
        " def potential(obs, info):",
        "-    return 0.5 * info['has_key']",
        "+    return 0.75 * info['has_key']",
    )
    assert story.candidates[0].difference == ()


def test_normalised_score_needs_its_three_arms(whole: Writer) -> None:
    assert read_story(whole.lineage.path).normalised is None
    whole.run("human", run("human", 1000, 0.3))
    story = read_story(whole.lineage.path)
    assert story.normalised == pytest.approx((0.7 - 0.1) / (0.3 - 0.1))
    assert "Human-normalised score 3.00" in page_of(whole).text


def test_search_under_way_shows_the_best_so_far(writer: Writer) -> None:
    writer.search()
    writer.candidate("r0s0", run("r0s0", 0, 0.5))
    writer.lineage.write("round", "round0", chosen="r0s0", fitness=0.5)
    story = read_story(writer.lineage.path)
    assert story.chosen is not None
    assert "The search has not ended" in page_of(writer).text


@pytest.mark.parametrize(
    "damage",
    [
        lambda told: told["candidate"].pop("source"),
        lambda told: told.update(candidate=[]),
        lambda told: told.update(findings=[{"severity": "error"}]),
        lambda told: told.update(findings=7),
        lambda told: told["candidate"].update(round="first"),
    ],
)
def test_damaged_record_is_named(whole: Writer, damage: Callable[[Any], Any]) -> None:
    path = whole.lineage.path
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    damage(next(line for line in lines if line["name"] == "r0s1"))
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(LineageError, match=r"lineage\.jsonl holds a record that is not whole"):
        render(read_story(path))


def test_missing_lineage_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run a search first"):
        read_story(tmp_path / "lineage.jsonl")


# ---- animations -------------------------------------------------------------------------------


@pytest.fixture
def gifs(
    tmp_path: Path, tiny: Callable[..., RunSpec], finish: Callable[..., RunDirectory]
) -> Callable[..., str]:
    """Return a function that leaves a finished run with a GIF and tells its folder."""

    def make(seed: int) -> str:
        return finish(tmp_path / "runs", tiny(seed=seed), gif=b"GIF89a" + bytes([seed])).path.name

    return make


def test_each_policy_is_shown_once(writer: Writer, gifs: Callable[..., str]) -> None:
    writer.search()
    for k in range(2):
        writer.candidate(f"r0s{k}", run(f"r0s{k}", 0, 0.5, folder=gifs(k)))
    page = Page(write_search_report(writer.lineage.path).read_text())
    images = [attrs["src"] for tag, attrs in page.tags if tag == "img"]
    assert len(set(images)) == len(images) == 2
    assert all(image is not None and image.startswith("data:image/gif;base64,") for image in images)


def test_preferences_show_policies_side_by_side(writer: Writer, gifs: Callable[..., str]) -> None:
    writer.search(method="icpl")
    for k in range(3):
        writer.candidate(f"r0s{k}", run(f"r0s{k}", 0, 0.5, folder=gifs(k)))
    writer.lineage.write("preference", "r0s0 r0s1", judge="person", first=False)
    writer.lineage.write("preference", "r0s1 r0s2", judge="person", first=True)
    story = read_story(writer.lineage.path)
    assert [(each.better, each.other) for each in story.preferences] == [
        ("r0s1", "r0s0"),
        ("r0s1", "r0s2"),
    ]
    page = Page(write_search_report(writer.lineage.path).read_text())
    assert "Round 0, side by side" in page.text
    assert "2 of 2 comparisons won" in page.text
    assert page.count("img") == 3


@pytest.mark.parametrize("folder", ["../secret", "/etc", "a/b", "", ".", "..", "missing"])
def test_lineage_leads_to_no_other_folder(
    tmp_path: Path, writer: Writer, gifs: Callable[..., str], folder: str
) -> None:
    (tmp_path / "runs" / gifs(1)).rename(tmp_path / "secret")
    writer.search()
    writer.candidate("r0s0", run("r0s0", 0, 0.5, folder=folder))
    page = Page(write_search_report(writer.lineage.path).read_text())
    assert page.count("img") == 0


# ---- the page ---------------------------------------------------------------------------------


def test_page_is_whole_and_loads_nothing(whole: Writer) -> None:
    page = page_of(whole)
    assert page.open == []
    for tag, attrs in page.tags:
        for name in ("src", "href", "action"):
            value = attrs.get(name) or ""
            assert value.startswith(("data:", "#")) or not value, (tag, attrs)
    anchors = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    links = {attrs["href"] for tag, attrs in page.tags if tag == "a"}
    assert {str(link).removeprefix("#") for link in links} <= anchors


def test_page_tells_what_a_reader_must_know(whole: Writer) -> None:
    text = page_of(whole).text
    for told in (
        *("SparseKey-5x5-v0", "eureka", "Reach the goal.", "fitness 90 %", "61.4k"),
        *("language: import", "line 2, column 5", "imports are not allowed; remove it"),
        *("training, seed 0: timeout", "too long"),
        *("seed 0: 40 %, seed 1: 60 %", "Last episodes: success 40 %, truncated 60 %"),
        *("shaping", "min -0.1, mean 0.0667, max 0.3"),
        *("none, the true reward alone", "r1s0, the chosen one", "70 %", "10 %"),
        "+    return 0.75 * info['has_key']",
    ):
        assert told in text, told


@pytest.mark.parametrize("kind", [*KINDS, "surprise"])
def test_kind_of_provider_is_said_first(writer: Writer, kind: str) -> None:
    writer.search(kind)
    text = page_of(writer).text
    title = KINDS[kind][0] if kind in KINDS else "Unknown provider"
    assert text.index(title) < text.index("Method")
    assert f"kind {kind}" in text


def test_search_without_any_use_says_why(writer: Writer) -> None:
    writer.search()
    for k in range(3):
        writer.candidate(f"r0s{k}", source="", findings=({**ERROR, "stage": "reply"},))
    writer.end(None, "the budget of llm_calls does not allow 1 more")
    text = page_of(writer).text
    assert "No candidate could be used" in text
    assert "the budget of llm_calls does not allow 1 more" in text
    assert "The reply held no program" in text


def test_hostile_text_stays_text(writer: Writer) -> None:
    def tags(text: str) -> list[str]:
        writer.lineage.path.unlink(missing_ok=True)
        writer.lineage = Lineage(writer.lineage.path)
        name = {"env_id": text, "goal": text, "success": text}
        writer.search(method=text, form=text, task=name, provider={"name": text, "kind": text})
        finding = {**ERROR, "severity": "warning", "message": text, "hint": text, "code": text}
        first = run("r0s0", 0, 0.5, terms={text: (0.0, 1.0)}, ends={text: 1.0}, folder=text)
        whose = {"provider": text, "model": text, "request_id": text}
        writer.candidate("r0s0", first, source=text, reply=text, provenance=whose)
        broken = run("r1s0", 0, 0.0, status="candidate_error", error=text, success=())
        writer.candidate(
            "r1s0", broken, source=f"{text}\n+", parents=("r0s0", text), findings=(finding,)
        )
        writer.lineage.write("comment", "r0s0", by=text, text=text)
        writer.lineage.write("prompt", text, messages=[{"role": text, "content": text}])
        writer.lineage.write("preference", f"r0s0 {text}", judge=text, first=True)
        writer.run(text, run(text, 1000, 0.1))
        writer.end("r0s0", text)
        page = page_of(writer)
        assert page.text.count(text) > 20
        return [tag for tag, _ in page.tags]

    assert tags(HOSTILE) == tags("harmless text")
    assert tags("'\" onmouseover=alert(1) x='") == tags("harmless text")


# ---- drawings ---------------------------------------------------------------------------------


def points(drawn: str) -> list[list[tuple[float, float]]]:
    lines = [attrs["points"] or "" for tag, attrs in Page(drawn).tags if tag == "polyline"]
    return [
        [(float(x), float(y)) for x, y in (pair.split(",") for pair in line.split())]
        for line in lines
    ]


def test_curve_runs_from_left_to_right_and_up_means_more() -> None:
    (line,) = points(curves([(0.0, 0.5, 1.0)], "a"))
    assert [x for x, _ in line] == sorted(x for x, _ in line)
    assert [y for _, y in line] == sorted((y for _, y in line), reverse=True)


def test_curve_leaves_out_what_is_no_number_and_stays_inside() -> None:
    (line,) = points(curves([(0.0, None, float("nan"), 9.0)], "a", limits=(0.0, 1.0)))
    assert len(line) == 2
    assert all(0 <= x <= 220 and 0 <= y <= 56 for x, y in line)
    (flat,) = points(curves([(3.0,)], "a"))
    assert len(flat) == 1
    assert points(curves([()], "a")) == [[]]


def test_summary_ignores_what_is_no_number() -> None:
    assert summary((1.0, None, 3.0)) == {"min": 1.0, "mean": 2.0, "max": 3.0}
    assert summary((None,)) is None


def test_tree_joins_parents_and_children() -> None:
    def node(name: str, round: int, *parents: str, kind: str = "trained") -> Node:
        return Node(
            name=name,
            anchor=name,
            round=round,
            parents=parents,
            fitness=0.5 if kind == "trained" else None,
            label="50 %",
            kind=kind,
            chosen=name == "c",
            words=name,
        )

    nodes = [node("a", 0), node("b", 0, kind="rejected"), node("c", 1, "a", "b", "unknown")]
    tags = Page(tree(nodes)).tags
    classes = [attrs.get("class") for _, attrs in tags]
    assert classes.count("edge chosen") == 2
    assert classes.count("cross") == 1
    assert classes.count("ring") == 1
    assert classes.count("node trained") == 2
    assert tree([]).startswith("<svg")
