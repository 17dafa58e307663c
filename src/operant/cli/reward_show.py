"""``operant reward show``: what a search tried; ``operant reward retrain``: train on it again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

if TYPE_CHECKING:
    from operant.reward_design.llm.search.lineage import Lineage

Folder = Annotated[Positional[Path], arg(metavar="FOLDER")]


def show(folder: Folder, candidate: str = "") -> int:
    """Show a search, or one of its candidates with everything that is known of it.

    Args:
        folder: Folder of the search, or its lineage.jsonl.
        candidate: Name of a candidate, such as r1s3; ``best`` for the chosen one.
    """
    lineage = _opened(folder)
    if candidate:
        _show_candidate(lineage, _named(lineage, candidate))
    else:
        _show_search(lineage)
    return 0


def retrain(
    folder: Folder,
    candidate: str = "best",
    seeds: tuple[int, ...] = (2000,),
    results: Path | None = None,
    workers: int | None = None,
) -> int:
    """Train on a candidate of a search again, as it was trained there; nobody is asked anything.

    Args:
        folder: Folder of the search, or its lineage.jsonl.
        candidate: Name of a candidate, such as r1s3; ``best`` for the chosen one.
        seeds: Seeds; each is a run.
        results: Folder for the runs; by default ``runs`` in the folder of the search.
        workers: Number of processes; by default one per core.
    """
    from operant.benchmarks.reward_search.session import retrain as train_again
    from operant.benchmarks.reward_search.trainer import SuiteTrainer
    from operant.cli import FAILED, OK
    from operant.cli.output import table
    from operant.reward_design.llm.search.fitness import score
    from operant.reward_design.llm.search.lineage import read_candidate

    if not seeds:
        raise ValueError("--seeds must name at least one, such as --seeds 2000 2001")
    lineage = _opened(folder)
    chosen = read_candidate(_named(lineage, candidate))
    settings = _header(lineage)["trainer"]
    runs = results or lineage.path.parent / "runs"
    trainer = SuiteTrainer.from_json(settings, results=runs, workers=workers)
    try:
        found = train_again(trainer, chosen, seeds)
    finally:
        trainer.close()
    rows = [
        (
            str(run.seed),
            f"{score(run):.3f}" if run.status == "ok" else f"{run.status}: {run.error}",
            run.folder,
        )
        for run in found
    ]
    table(f"{chosen.name}, trained again", ("seed", "score", "run"), rows)
    return OK if all(run.status == "ok" for run in found) else FAILED


def _opened(folder: Path) -> Lineage:
    from operant.benchmarks.reward_search.session import LINEAGE
    from operant.reward_design.llm.search.lineage import Lineage

    path = folder / LINEAGE if folder.is_dir() else folder
    if not path.is_file():
        raise ValueError(
            f"{path} is no file; give the folder of a search made by: operant reward new"
        )
    lineage = Lineage(path)
    _header(lineage)
    return lineage


def _header(lineage: Lineage) -> Mapping[str, Any]:
    header = lineage.get("search", "search")
    if header is None:
        raise ValueError(f"{lineage.path} has no record of kind 'search', so it is no lineage")
    lacks = [
        name for name in ("method", "form", "task", "provider", "trainer") if name not in header
    ]
    if lacks:
        raise ValueError(f"{lineage.path}: the record of kind 'search' lacks {', '.join(lacks)}")
    return header


def _named(lineage: Lineage, name: str) -> Mapping[str, Any]:
    """Return the record of a candidate."""
    if name == "best":
        end = lineage.get("end", "end")
        rounds = list(lineage.all("round"))
        name = (end or (rounds[-1] if rounds else {})).get("chosen") or ""
        if not name:
            raise ValueError(f"{lineage.path}: the search has chosen no candidate")
    found = lineage.get("candidate", name)
    if found is None:
        known = [str(record["name"]) for record in lineage.all("candidate")]
        raise ValueError(
            f"candidate must be one of {', '.join(known[:20])}{' ...' if len(known) > 20 else ''}, "
            f"got {name!r}"
        )
    return found


def _show_search(lineage: Lineage) -> None:
    from operant.cli.output import console, printable, table

    header, end = _header(lineage), lineage.get("end", "end")
    provider = header["provider"]
    console.print(
        f"{header['method']} on {header['task']['env_id']}: programs of the form "
        f"{header['form']}, written by {provider['name']} ({provider['kind']})",
        soft_wrap=True,
        markup=False,
    )
    scores = _scores(lineage)
    rows = []
    for record in lineage.all("candidate"):
        errors = [f for f in record["findings"] if f["severity"] == "error"]
        problem = f"{errors[0]['stage']}: {errors[0]['message']}" if errors else ""
        died = [run for run in _runs(lineage, record["name"]) if run["status"] != "ok"]
        problem = problem or (f"{died[0]['status']}: {died[0]['error']}" if died else "")
        parents = ", ".join(record["candidate"]["parents"])
        rows.append((record["name"], parents, scores.get(record["name"], ""), problem))
    table("candidates", ("name", "parents", "last score by seed", "problem"), rows)
    if end is None:
        console.print("The search has not ended; the command that began it continues it.")
        return
    console.print(printable(f"ended: {end['reason']}"), soft_wrap=True, markup=False)
    spent = {name: value for name, value in end["budget"]["spent"].items() if value}
    console.print(", ".join(f"{name} {value:.6g}" for name, value in spent.items()))
    if end["chosen"]:
        _show_candidate(lineage, _named(lineage, end["chosen"]))


def _show_candidate(lineage: Lineage, record: Mapping[str, Any]) -> None:
    from rich.syntax import Syntax

    from operant.cli.output import console, printable
    from operant.reward_design.llm.findings import Finding

    console.print(f"\n{record['name']} {record['candidate']['identity'][:12]}", style="bold")
    source = record["candidate"]["source"]
    if source:
        code = Syntax(
            printable(source),
            "python",
            theme="ansi_dark",
            background_color="default",
            word_wrap=True,
        )
        console.print(
            code if console.is_terminal else printable(source), markup=False, soft_wrap=True
        )
    else:
        reply = printable(record["candidate"]["reply"])
        console.print(f"no program; the reply was:\n{reply}", markup=False, soft_wrap=True)
    for finding in record["findings"]:
        console.print(printable(str(Finding(**finding))), soft_wrap=True, markup=False)
    for run in _runs(lineage, record["name"]):
        said = run["error"] or ", ".join(f"{value:.4g}" for value in run[_metric(run)])
        line = printable(f"seed {run['seed']}: {run['status']}: {said}")
        console.print(line, markup=False, soft_wrap=True)


def _runs(lineage: Lineage, name: str) -> list[Mapping[str, Any]]:
    return [record["result"] for record in lineage.all("run") if record["candidate"] == name]


def _metric(run: Mapping[str, Any]) -> str:
    return "true_return" if run.get("metric") == "true_return" else "success"


def _scores(lineage: Lineage) -> dict[str, str]:
    """Return the last success of every seed, by candidate."""
    scores: dict[str, str] = {}
    for record in lineage.all("run"):
        run = record["result"]
        curve = run[_metric(run)]
        said = f"{curve[-1]:.4g}" if curve else run["status"]
        before = scores.get(record["candidate"], "")
        scores[record["candidate"]] = f"{before} {run['seed']}: {said}".strip()
    return scores
