"""What the ranks of test_parallel do; in a file of its own, since processes import it by name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from operant.agents.native.parallel import Ranks

ROWS = np.random.default_rng(0).normal(1e6, 3.0, (30, 2))
SPLIT = (20, 25)
"""Rows before it are known to all, then come those of rank 0, then those of rank 1."""


def moments(rows: Any) -> SimpleNamespace:
    return SimpleNamespace(mean=rows.mean(0), var=rows.var(0), count=float(len(rows)))


def arithmetic() -> dict[str, Any]:
    """Everything two ranks compute together, once."""
    torch.set_num_threads(1)
    ranks = Ranks()
    mine = torch.arange(3.0) if ranks.rank == 0 else torch.tensor([10.0])
    weight = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    idle = torch.nn.Parameter(torch.zeros(1))
    (weight * mine.mean()).sum().backward()
    ranks.average_gradients([weight, idle], len(mine))
    first, second = SPLIT
    known = ROWS[:first]
    own = ROWS[first:second] if ranks.rank == 0 else ROWS[second:]
    seen = moments(np.concatenate([known, own]))
    ranks.merge(seen, moments(known))
    return {
        "rank": ranks.rank,
        "world": ranks.world,
        "total": ranks.total(mine.sum()).item(),
        "untouched": mine.tolist(),
        "largest": ranks.largest(ranks.rank + 5),
        "normalized": ranks.normalized(mine).tolist(),
        "gradient": [*weight.grad.tolist(), *idle.grad.tolist()],
        "moments": (seen.mean.tolist(), seen.var.tolist(), seen.count),
    }


def fails_in_one() -> None:
    """Only rank 1 raises; rank 0 waits for it in vain."""
    ranks = Ranks()
    if ranks.rank == 1:
        raise ZeroDivisionError("rank 1 has had enough")
    ranks.total(torch.zeros(1))
