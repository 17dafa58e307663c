"""Row of BARFI.

For the meaning of tags see :mod:`operant.agents.sb3.table`.
"""

from __future__ import annotations

from operant.registry import AgentRow

ROWS = [
    AgentRow(
        id="barfi",
        entry_point="operant.agents.barfi.barfi:BARFI",
        summary="policy gradient on a reward whose weights follow the primary reward (bi-level)",
        kind="learner",
        tags=("on-policy", "discrete"),
        testing={"n_steps": 16, "net_arch": [8]},
    ),
]
