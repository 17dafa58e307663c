"""``operant reward check``: what is wrong with a reward that somebody wrote, without training."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import OmitArgPrefixes, Positional, arg

if TYPE_CHECKING:
    from collections.abc import Mapping

    from operant.reward_design.llm.findings import Finding
    from operant.reward_design.llm.verify.verifier import Verdict


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """What to check.

    Attributes:
        file: A program in the reward language, or the answer of a model that holds one; - reads
            standard input.
        env: Gymnasium id of the world that it is for.
        form: Name of its function.
        gamma: Discount of the agent.
        seed: Of the levels and the random play that it is tried on.
        env_args: Arguments of the env as a JSON object.
        json: Print the findings as JSON.
    """

    file: Annotated[Positional[str], arg(metavar="FILE")]
    env: str
    form: Literal["reward", "potential", "signs", "factors"] = "reward"
    gamma: float = 0.99
    seed: int = 0
    env_args: str = "{}"
    json: bool = False


def check(options: Annotated[CheckOptions, OmitArgPrefixes]) -> int:
    """Check a written reward: is it safe, does it run, does cheating pay? Exit code 1 if not ok."""
    from operant.cli import FAILED, OK
    from operant.cli.named import make_env
    from operant.cli.output import json_object
    from operant.reward_design.llm.findings import rejects
    from operant.reward_design.llm.verify.verifier import Verdict, Verifier

    text = _read(options.file)
    env_kwargs = json_object("--env-args", options.env_args)
    make_env(options.env, env_kwargs).close()  # tells what is wrong with it, near ids included
    verifier = Verifier(options.env, env_kwargs=env_kwargs, gamma=options.gamma, seed=options.seed)
    source, findings = _program(text, options.form)
    verdict = Verdict(findings=findings)
    if not rejects(findings):
        verdict = verifier.check(source, options.form)
        verdict = dataclasses.replace(verdict, findings=(*findings, *verdict.findings))
    if options.json:
        print(json.dumps(_as_json(options, verdict), indent=2))
    else:
        _print(options, source, verdict)
    return OK if verdict.ok else FAILED


def _read(file: str) -> str:
    """Return the text; what is no UTF-8 becomes characters that the language refuses."""
    given = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    return given.decode("utf-8", errors="replace")


def _program(
    text: str, form: Literal["reward", "potential", "signs", "factors"]
) -> tuple[str, tuple[Finding, ...]]:
    """Return the program: the text itself, or what a code fence in it holds."""
    from operant.reward_design.llm.verify.reply import read_reply

    if not text.strip() or "```" in text or "~~~" in text:
        return read_reply(text, "stop", form)
    return text, ()


def _as_json(options: CheckOptions, verdict: Verdict) -> dict[str, Any]:
    return {
        "file": options.file,
        "env": options.env,
        "form": options.form,
        "ok": verdict.ok,
        "identity": verdict.identity,
        "terms": list(verdict.terms),
        "findings": [dataclasses.asdict(finding) for finding in verdict.findings],
        "summary": dict(verdict.summary),
    }


_COLOURS = {"error": "red", "warning": "yellow", "note": "dim"}


def _print(options: CheckOptions, source: str, verdict: Verdict) -> None:
    from rich.markup import escape

    from operant.cli.output import console, printable, table

    if verdict.findings:
        rows = [
            (f.severity, f"{f.stage}: {f.code}", f"{f.line}:{f.column}" if f.line else "", _told(f))
            for f in verdict.findings
        ]
        table("Findings", ("", "check", "at", "what"), rows)
    lines = source.expandtabs(1).splitlines()
    for finding in verdict.findings:
        if 1 <= finding.line <= len(lines):
            colour = _COLOURS[finding.severity]
            shown = escape(printable(lines[finding.line - 1]))
            mark = " " * (max(finding.column, 1) - 1) + "^"
            console.print(
                f"\n{finding.line:>4} | {shown}\n     | [{colour}]{mark}[/]", soft_wrap=True
            )
    if verdict.summary:
        _print_summary(verdict.summary)
    answer = "[green]ok[/]" if verdict.ok else "[red]rejected[/]"
    name = "standard input" if options.file == "-" else options.file
    console.print(f"\n{escape(name)} on {escape(options.env)}: {answer}", soft_wrap=True)


def _told(finding: Finding) -> str:
    from operant.cli.output import printable

    return printable(finding.message + (f"; {finding.hint}" if finding.hint else ""), kept="")


def _print_summary(summary: Mapping[str, Any]) -> None:
    """Print range, correlation and returns, and a table of the terms."""
    from operant.cli.output import console, table

    words = [f"{summary['transitions']} steps tried"] if "transitions" in summary else []
    if "minimum" in summary:
        words.append(f"from {summary['minimum']:.4g} to {summary['maximum']:.4g}")
        words.append(f"mean {summary['mean']:.4g}")
    if summary.get("correlation") is not None:
        words.append(f"correlation {summary['correlation']:.2f}")
    if "microseconds" in summary:
        words.append(f"{summary['microseconds']:.1f} microseconds a call")
    console.print(f"\n{', '.join(words)}", soft_wrap=True)
    if terms := summary.get("terms"):
        columns = ("term", "from", "to", "mean", "std", "share")
        numbers = ("minimum", "maximum", "mean", "std")
        rows = [
            (name, *(f"{told[key]:.4g}" for key in numbers), f"{told['share']:.0%}")
            for name, told in terms.items()
        ]
        table("", columns, rows)
    if returns := summary.get("returns"):
        told = ", ".join(f"{name} {value:.4g}" for name, value in returns.items())
        console.print(f"Discounted returns: {told}", soft_wrap=True)
