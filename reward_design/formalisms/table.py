"""Rows of the rewards with memory."""

from __future__ import annotations

from operant.registry import Row

ROWS: list[Row] = [
    Row(
        id="reward_machine",
        entry_point="operant.reward_design.formalisms.reward_machine:RewardMachineDesign",
        summary="a finite automaton over features pays (key, then door, then goal)",
        tags=("formalism",),
    ),
    Row(
        id="ltlf",
        entry_point="operant.reward_design.formalisms.ltlf:LTLfDesign",
        summary="pays 1 for an episode that satisfies a formula of temporal logic",
        tags=("formalism",),
    ),
    Row(
        id="episode_return",
        entry_point="operant.reward_design.formalisms.episode_return:EpisodeReturn",
        summary="pays a function of the episode's return (cap, threshold, risk, several rewards)",
        tags=("formalism",),
    ),
]
