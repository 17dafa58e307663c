"""LSD bandits, planned and learned: exact, by linear programs, greedily, and online.

Planners know the payoffs (:class:`operant.lsd.LSDInstance`, which the worlds offer as ``instance``)
and return policies; learners know only how arms move (:class:`operant.lsd.LSDRules`).
"""

from operant.agents.bandits.lsd.exact import GainPlan, TimedPlan, best_cycle, plan_gain, plan_rounds
from operant.agents.bandits.lsd.explore_then_commit import LSDExploreThenCommit
from operant.agents.bandits.lsd.greedy import GreedyPlan
from operant.agents.bandits.lsd.isi_comb_ucb1 import ISICombUCB1
from operant.agents.bandits.lsd.learner import LearnerPlay, LSDLearner, play_learners
from operant.agents.bandits.lsd.lp import CycleProgram, solve_cycles
from operant.agents.bandits.lsd.optimistic_lp import OptimisticLP
from operant.agents.bandits.lsd.planning import plan_by
from operant.agents.bandits.lsd.policy import (
    GuaranteeWarning,
    LSDPolicy,
    LSDRun,
    carry_out,
    gain_of,
)
from operant.agents.bandits.lsd.rounded import RoundedPlan, VirtualSchedule, plan_rounded
from operant.agents.bandits.lsd.tabular_q import LSDTabularQ

__all__ = [
    "CycleProgram",
    "GainPlan",
    "GreedyPlan",
    "GuaranteeWarning",
    "ISICombUCB1",
    "LSDExploreThenCommit",
    "LSDLearner",
    "LSDPolicy",
    "LSDRun",
    "LSDTabularQ",
    "LearnerPlay",
    "OptimisticLP",
    "RoundedPlan",
    "TimedPlan",
    "VirtualSchedule",
    "best_cycle",
    "carry_out",
    "gain_of",
    "plan_by",
    "plan_gain",
    "plan_rounded",
    "plan_rounds",
    "play_learners",
    "solve_cycles",
]
