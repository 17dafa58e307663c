"""All items in one table."""

from __future__ import annotations

from operant.benchmarks.perf.attacks.accepted import ACCEPTED
from operant.benchmarks.perf.attacks.failing import FAILING
from operant.benchmarks.perf.attacks.items import items
from operant.benchmarks.perf.attacks.malformed import MALFORMED
from operant.benchmarks.perf.attacks.misused import MISUSED
from operant.benchmarks.perf.attacks.reaching import REACHING

CORPUS = (
    *items("refused", REACHING),
    *items("refused", MALFORMED),
    *items("refused", MISUSED),
    *items("fails", FAILING),
    *items("accepted", ACCEPTED),
)
"""Every text of the corpus, and what must become of it."""
