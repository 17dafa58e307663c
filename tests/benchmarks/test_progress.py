from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from operant.benchmarks import progress as progress_module
from operant.benchmarks.executors import Result
from operant.benchmarks.progress import Display
from operant.benchmarks.run import Progress
from operant.benchmarks.specs import RunSpec

Spec = Callable[..., RunSpec]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time the display sees, in seconds, as a list of one number."""
    now = [100.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    return now


def told(spec: RunSpec, step: int) -> Progress:
    return Progress(
        folder=spec.folder, step=step, total_steps=512, success=0.5, designed_return=1.25
    )


def test_plain_lines_where_there_is_no_terminal(tiny: Spec, clock: list[float]) -> None:
    out, specs = io.StringIO(), [tiny(), tiny(seed=2)]
    with Display(specs, 2, Console(file=out)) as display:
        display.report(told(specs[0], 0))
        assert out.getvalue() == ""
        clock[0] += 4.9
        display.report(told(specs[0], 128))
        assert out.getvalue() == ""
        clock[0] += 5.1
        display.report(told(specs[0], 256))
        assert out.getvalue() == "[  10s] 2/4 runs,  25% of steps, about 30s left\n"
        clock[0] += 2.0
        display.ended(Result(folder=specs[0].folder, outcome="done"))
    lines = out.getvalue().splitlines()
    assert lines[1] == "[  12s] 3/4 runs,  50% of steps, about 12s left"
    assert len(lines) == 2
    assert "\x1b" not in out.getvalue()


def test_time_left_of_a_continued_run_counts_what_is_made_now(
    tiny: Spec, clock: list[float]
) -> None:
    out, spec = io.StringIO(), tiny()
    with Display([spec], 0, Console(file=out)) as display:
        display.report(told(spec, 384))  # made before
        clock[0] += 10.0
        display.report(told(spec, 448))
    assert out.getvalue().splitlines()[0] == "[  10s] 0/1 runs,  88% of steps, about 10s left"


def test_budget_is_not_overrun(tiny: Spec, clock: list[float]) -> None:
    out, spec = io.StringIO(), tiny()
    with Display([spec], 0, Console(file=out)) as display:
        display.report(told(spec, 0))
        clock[0] += 6.0
        display.report(told(spec, 600))
    assert "100% of steps, about 0s left" in out.getvalue()


@pytest.mark.parametrize("error", ["features ['a'] [red]x[/red] [/tmp/x]", "long " * 100])
def test_failure_is_one_line_word_for_word(tiny: Spec, error: str) -> None:
    out, spec = io.StringIO(), tiny(label="mine [b]")
    with Display([spec], 0, Console(file=out, width=40)) as display:
        display.report(told(spec, 0))
        display.ended(Result(folder=spec.folder, outcome="failed", error=error))
    assert out.getvalue().splitlines()[0].rstrip() == f"mine [b] s1: failed: {error}".rstrip()


@pytest.mark.parametrize("outcome", ["interrupted", "busy"])
def test_other_ends_are_quiet_and_do_not_count(tiny: Spec, outcome: str) -> None:
    out, spec = io.StringIO(), tiny()
    with Display([spec], 0, Console(file=out)) as display:
        display.ended(Result(folder=spec.folder, outcome=outcome))  # without any report before
    assert out.getvalue() == "[   0s] 0/1 runs,   0% of steps\n"


def drawn(tiny: Spec) -> str:
    out, specs = io.StringIO(), [tiny(label="odd [b]"), tiny(seed=2)]
    console = Console(file=out, force_terminal=True, width=120, color_system="truecolor")
    with Display(specs, 0, console) as display:
        display.report(told(specs[0], 256))
        display.report(told(specs[1], 0))
        display._bars.refresh()
        display.ended(Result(folder=specs[0].folder, outcome="done"))
        display._bars.refresh()
    return out.getvalue()


def test_terminal_gets_bars(tiny: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = drawn(tiny)
    assert "\x1b[" in text
    assert "━" in text
    assert "odd [b] s1" in text
    assert "success  50%  designed return 1.25" in text
    assert "1/2 runs" in text
    assert "38;" in text  # a colour
    assert "about" not in text  # no plain lines


def test_no_color_is_respected(tiny: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    text = drawn(tiny)
    assert "1/2 runs" in text
    assert "38;" not in text
    assert "\x1b[31m" not in text
