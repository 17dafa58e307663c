"""Run Stable-Baselines3's own tests against Operant's PPO.

``python tools/sb3_suite DIR`` takes a checkout of the Stable-Baselines3 repository, runs the files
of ``table.FILES`` with ``stable_baselines3.PPO`` replaced, and prints what passed and what was
skipped for which reason. The exit status is 0 if nothing failed.
"""

from __future__ import annotations

import fnmatch
import inspect
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import stable_baselines3
from adapter import PPO  # beside this file
from table import FILES, SKIPS

ALGORITHM = ("model_class", "algo")
"""Names of the parameters by which SB3's tests name the algorithm."""


class Suite:
    """A pytest plugin: chooses the tests, and counts their outcomes."""

    def __init__(self) -> None:
        """Start with no outcome."""
        self.outcomes: dict[str, str] = {}
        self.reasons: dict[str, str] = {}
        self.deselected = 0

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Leave out other algorithms, and mark what is skipped."""
        ours = [item for item in items if _is_ours(item)]
        others = [item for item in items if item not in ours]
        self.deselected = len(others)
        config.hook.pytest_deselected(items=others)
        items[:] = ours
        for item in items:
            reason = next((SKIPS[p] for p in SKIPS if _matches(item.name, p)), None)
            if reason is not None:
                item.add_marker(pytest.mark.skip(reason=reason))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note an outcome."""
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.nodeid] = report.outcome
            if report.skipped and isinstance(report.longrepr, tuple):
                self.reasons[report.nodeid] = report.longrepr[2].removeprefix("Skipped: ")

    def table(self) -> str:
        """Return all outcomes, and how many there are of each."""
        lines = []
        for name, outcome in self.outcomes.items():
            reason = self.reasons.get(name)
            lines.append(f"{outcome:8}{name}" + (f"\n        {reason}" if reason else ""))
        counts = Counter(self.outcomes.values())
        total = ", ".join(f"{counts[name]} {name}" for name in ("passed", "failed", "skipped"))
        return "\n".join([*lines, f"{total}; {self.deselected} tests of other algorithms left out"])


def _is_ours(item: pytest.Item) -> bool:
    """Tell whether a test is about PPO."""
    parameters: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    for name in ALGORITHM:
        if name in parameters:
            return parameters[name] is PPO
    return "PPO(" in inspect.getsource(item.function)  # type: ignore[attr-defined]


def _matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))


def main() -> int:
    """Run the tests of the checkout that the command line names."""
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    folder = Path(sys.argv[1]).resolve()
    stable_baselines3.PPO = PPO  # before the tests import it
    suite = Suite()
    os.chdir(folder)
    files = [str(folder / "tests" / name) for name in FILES]
    options = ["-q", "-p", "no:cacheprovider", "--no-header", "--tb=short", *sys.argv[2:]]
    status = pytest.main([*options, *files], plugins=[suite])
    print(suite.table())
    return int(status)


if __name__ == "__main__":
    raise SystemExit(main())
