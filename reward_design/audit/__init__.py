"""The shaping audit: does training on a designed reward still find what is truly best?

:func:`audit` answers on an explicit MDP, by exact planning where the design allows it;
:func:`audit_model` where chance plays a part.
"""

from __future__ import annotations

from operant.reward_design.audit.audit import audit, audit_model
from operant.reward_design.audit.findings import Audit, Counterexample, Episode

__all__ = ["Audit", "Counterexample", "Episode", "audit", "audit_model"]
