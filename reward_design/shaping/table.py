"""Rows of the shaping designs."""

from __future__ import annotations

from operant.registry import Row

ROWS: list[Row] = [
    Row(
        id="none",
        entry_point="operant.reward_design.shaping.none:TrueReward",
        summary="the true reward alone; the baseline",
        tags=("baseline",),
    ),
    Row(
        id="potential",
        entry_point="operant.reward_design.shaping.potential:PotentialShaping",
        summary="difference of a potential (progress to the goal); keeps the optimal policy",
        tags=("shaping",),
    ),
    Row(
        id="naive",
        entry_point="operant.reward_design.shaping.naive:EventBonus",
        summary="a bonus for each useful event; farmable, here to be hacked",
        tags=("shaping", "hackable"),
    ),
    Row(
        id="dynamic",
        entry_point="operant.reward_design.shaping.dynamic:DynamicPotentialShaping",
        summary="difference of a potential that fades or learns; keeps the optimal policy",
        tags=("shaping",),
    ),
    Row(
        id="look_back",
        entry_point="operant.reward_design.shaping.look_back:LookBackAdvice",
        summary="advice on actions, taken back a step later; no promise",
        kwargs={"advice": {"has_key": [0.0, 0.0, 0.0, 0.0, -0.1, 0.0, 0.0]}},
        tags=("shaping",),
    ),
    Row(
        id="learned_potential",
        entry_point="operant.reward_design.shaping.learned:LearnedPotential",
        summary="difference of a learned value of an abstraction; keeps the optimal policy",
        kwargs={"features": ["subgoal"], "privileged": True},
        tags=("shaping", "learned"),
    ),
    Row(
        id="value_potential",
        entry_point="operant.reward_design.shaping.learned:ValuePotential",
        summary="difference of a given table of values; keeps the optimal policy",
        kwargs={"features": ["subgoal"], "values": [[[1], 0.5], [[2], 0.75]], "privileged": True},
        tags=("shaping",),
    ),
    Row(
        id="grm",
        entry_point="operant.reward_design.shaping.history:GRM",
        summary="any bonus, each paid back some steps later; keeps the optimal policy",
        kwargs={"design": "count"},
        tags=("shaping", "wrapper"),
    ),
    Row(
        id="pbim",
        entry_point="operant.reward_design.shaping.history:PBIM",
        summary="any bonus, all paid back with the last step; keeps the optimal policy",
        kwargs={"design": "count"},
        tags=("shaping", "wrapper"),
    ),
    Row(
        id="invariant",
        entry_point="operant.reward_design.shaping.history:invariant",
        summary="any design made to keep the optimal policy: invariant(count), invariant(naive)",
        kwargs={"design": "count"},
        tags=("shaping", "wrapper"),
    ),
    Row(
        id="explors",
        entry_point="operant.reward_design.shaping.explors:ExploRS",
        summary="a count bonus and a reward learned from the learner's own true returns",
        tags=("adaptive", "intrinsic"),
    ),
    Row(
        id="explob",
        entry_point="operant.reward_design.shaping.explors:ExploRS",
        summary="ExploRS's count bonus alone, over all of training",
        kwargs={"reward_rate": 0.0},
        tags=("adaptive", "intrinsic"),
    ),
    Row(
        id="selfrs",
        entry_point="operant.reward_design.shaping.explors:ExploRS",
        summary="ExploRS's learned reward alone",
        kwargs={"max_bonus": 0.0},
        tags=("adaptive",),
    ),
    Row(
        id="exprd",
        entry_point="operant.reward_design.shaping.exprd:ExpRD",
        summary="few rewarded states, chosen to tell the most; for worlds that know their model",
        tags=("teacher",),
        extra="theory",
    ),
    Row(
        id="expadard",
        entry_point="operant.reward_design.shaping.exp_adard:ExpAdaRD",
        summary="the reward that tells the present learner the most; redesigned as it learns",
        tags=("teacher", "adaptive"),
        extra="theory",
    ),
]
