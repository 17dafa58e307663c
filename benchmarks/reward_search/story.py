"""A search as its report shows it, read from a lineage and the runs beside it."""

from __future__ import annotations

import dataclasses
import difflib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from operant.benchmarks.reward_search.animation import draw, drawn
from operant.benchmarks.reward_search.score import human_normalised
from operant.benchmarks.reward_search.session import FIRST_REPORT_SEED
from operant.reward_design.llm.findings import Finding, rejects
from operant.reward_design.llm.search.fitness import fitness, score
from operant.reward_design.llm.search.lineage import Lineage, LineageError
from operant.reward_design.llm.search.results import Metric, RunResult

State = Literal["trained", "failed", "rejected", "untried"]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A candidate as it is shown.

    Attributes:
        name: Its name.
        round: Round, from 0.
        parents: Names of the candidates that its prompt showed.
        form: Form of the program.
        source: Its text, or ``""``.
        reply: What was answered.
        provenance: Who wrote it; fields of
            :class:`~operant.reward_design.llm.search.candidate.Provenance`.
        findings: What checks said.
        runs: Runs of the search.
        fresh: Runs with seeds that the search did not use.
        comment: What was said of its agent, or ``""``.
        difference: Lines of a diff against its first parent; empty without one.
        gif: Animation of the first policy, or None.
        state: ``"trained"`` if a run ended well, ``"failed"`` if none did, ``"rejected"`` if checks
            refused it, ``"untried"`` if it was never trained on.
    """

    name: str
    round: int
    parents: tuple[str, ...]
    form: str
    source: str
    reply: str
    provenance: Mapping[str, Any]
    findings: tuple[Finding, ...]
    runs: tuple[RunResult, ...]
    fresh: tuple[RunResult, ...]
    comment: str
    difference: tuple[str, ...]
    gif: bytes | None
    state: State

    @property
    def fitness(self) -> float | None:
        """Its score in the search, or None."""
        return fitness(self.runs)

    @property
    def error(self) -> Finding | None:
        """The finding that rejected it, or None."""
        return next((each for each in self.findings if rejects([each])), None)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Preference:
    """One answer of whoever judged: the better candidate, and the other one."""

    better: str
    other: str
    judge: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """A search.

    Attributes:
        search: What was searched for; the lineage's first record.
        candidates: In order.
        preferences: Answers of whoever judged, in order.
        rounds: What the method would have proposed after each round.
        end: How it ended; empty if it has not.
        baselines: Arm, ``"none"`` or ``"human"`` -> its runs with fresh seeds.
        prompts: Identity -> messages of the dialogues that were asked.
    """

    search: Mapping[str, Any]
    candidates: tuple[Shown, ...]
    preferences: tuple[Preference, ...]
    rounds: tuple[Mapping[str, Any], ...]
    end: Mapping[str, Any]
    baselines: Mapping[str, tuple[RunResult, ...]]
    prompts: Mapping[str, Sequence[Mapping[str, Any]]]

    @property
    def chosen(self) -> Shown | None:
        """The candidate that the search proposes, so far."""
        last = self.end or (self.rounds[-1] if self.rounds else {})
        return next((each for each in self.candidates if each.name == last.get("chosen")), None)

    @property
    def normalised(self) -> float | None:
        """The human-normalised score on fresh seeds, or None without one of its three arms."""
        found = None if self.chosen is None else mean_score(self.chosen.fresh)
        sparse, human = (mean_score(self.baselines.get(arm, ())) for arm in ("none", "human"))
        if found is None or sparse is None or human is None:
            return None
        return human_normalised(found, sparse, human)

    @property
    def failures(self) -> list[tuple[str, str, int]]:
        """Stage, kind and number of what went wrong, the most frequent first."""
        refused = [each.error for each in self.candidates]
        count = Counter((e.stage, e.code) for e in refused if e is not None)
        count.update(
            ("training", run.status)
            for each in self.candidates
            for run in (*each.runs, *each.fresh)
            if run.status != "ok"
        )
        return [(stage, code, number) for (stage, code), number in count.most_common()]


def read_story(lineage: Path, results: Path | None = None) -> Story:
    """Read a search.

    Args:
        lineage: Its ``lineage.jsonl``.
        results: Folder of the runs, for animations; None to do without.

    Raises:
        FileNotFoundError: If there is no lineage.
        LineageError: If it is damaged; says what is wrong.
    """
    if not lineage.is_file():
        raise FileNotFoundError(f"there is no lineage {lineage}; run a search first")
    records = Lineage(lineage)
    try:
        return _read(records, results)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise LineageError(f"{lineage} holds a record that is not whole ({reason})") from error


def _read(records: Lineage, results: Path | None) -> Story:
    runs: dict[str, list[RunResult]] = {}
    for record in records.all("run"):
        runs.setdefault(str(record["candidate"]), []).append(_result(record["result"]))
    sources = {
        str(record["name"]): str(record["candidate"]["source"])
        for record in records.all("candidate")
    }
    comments = {record["name"]: str(record["text"] or "") for record in records.all("comment")}
    candidates = tuple(
        _shown(record, runs.get(record["name"], ()), sources, comments, results)
        for record in records.all("candidate")
    )
    return Story(
        search=records.get("search", "search") or {},
        candidates=candidates,
        preferences=tuple(_preference(record) for record in records.all("preference")),
        rounds=tuple(records.all("round")),
        end=records.get("end", "end") or {},
        baselines={name: tuple(each) for name, each in runs.items() if name not in sources},
        prompts={record["name"]: record["messages"] for record in records.all("prompt")},
    )


def _shown(
    record: Mapping[str, Any],
    runs: Iterable[RunResult],
    sources: Mapping[str, str],
    comments: Mapping[str, str],
    results: Path | None,
) -> Shown:
    told, findings = record["candidate"], tuple(Finding(**each) for each in record["findings"])
    searched = tuple(run for run in runs if run.seed < FIRST_REPORT_SEED)
    fresh = tuple(run for run in runs if run.seed >= FIRST_REPORT_SEED)
    parents = tuple(map(str, told["parents"]))
    known = [name for name in parents if name in sources]
    ended_well = any(run.status == "ok" for run in searched)
    trained: State = "trained" if ended_well else "failed" if searched else "untried"
    return Shown(
        name=str(record["name"]),
        round=int(told["round"]),
        parents=parents,
        form=str(told["form"]),
        source=str(told["source"]),
        reply=str(told["reply"]),
        provenance=dict(told["provenance"]),
        findings=findings,
        runs=searched,
        fresh=fresh,
        comment=comments.get(record["name"], ""),
        difference=_difference(sources[known[0]], str(told["source"])) if known else (),
        gif=_gif((*searched, *fresh), results),
        state="rejected" if rejects(findings) else trained,
    )


def _difference(before: str, after: str) -> tuple[str, ...]:
    """Return the lines of a unified diff without its two lines of file names."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    return tuple(lines)[2:]


def _gif(runs: Sequence[RunResult], results: Path | None) -> bytes | None:
    """Return the animation of the first run that has one."""
    for run in runs:
        if results is None or not _is_inside(run.folder):
            continue
        found = drawn(results / run.folder)
        if found is not None:
            return found.read_bytes()
    return None


def _is_inside(folder: str) -> bool:
    """Return whether a folder lies among the runs: a foreign lineage must not lead elsewhere."""
    return folder not in ("", "..") and folder == Path(folder).name


def draw_all(records: Lineage, results: Path) -> None:
    """Draw what a reader wants to look at: what was chosen, improved on, or compared."""
    ends = [*records.all("round"), *records.all("end")]
    wanted = {record.get("chosen") for record in ends}
    for record in records.all("candidate"):
        wanted.update(record["candidate"]["parents"])
    for record in records.all("preference"):
        wanted.update(str(record["name"]).split(" "))
    left = wanted - {None}
    for record in records.all("run"):
        folder = str(record["result"]["folder"])
        if record["candidate"] in left and _is_inside(folder):
            left -= {record["candidate"]} if draw(results / folder) else set()


def _preference(record: Mapping[str, Any]) -> Preference:
    first, _, second = str(record["name"]).partition(" ")
    better, other = (first, second) if record["first"] else (second, first)
    return Preference(better=better, other=other, judge=str(record["judge"]))


def _result(told: Mapping[str, Any]) -> RunResult:
    """Return a run without its episodes, which the report does not show."""
    metric: Metric = "true_return" if told.get("metric") == "true_return" else "success"
    return RunResult(
        metric=metric,
        name=str(told["name"]),
        seed=int(told["seed"]),
        status=told["status"],
        error=str(told["error"]),
        steps=tuple(told["steps"]),
        success=tuple(told["success"]),
        true_return=tuple(told["true_return"]),
        designed_return=tuple(told["designed_return"]),
        length=tuple(told["length"]),
        terms={str(name): tuple(values) for name, values in told["terms"].items()},
        ends={str(name): float(share) for name, share in told["ends"].items()},
        env_steps=int(told["env_steps"]),
        wall_s=float(told["wall_s"] or 0.0),
        folder=str(told["folder"]),
    )


def mean_score(runs: Iterable[RunResult]) -> float | None:
    """Return the mean final success of the runs that ended well, or None without any."""
    scores = [score(run) for run in runs if run.status == "ok"]
    return fmean(scores) if scores else None
