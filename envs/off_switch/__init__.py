"""The off-switch game: a robot that may act, switch itself off, or leave it to a human.

Its grid form is ``OffSwitchGrid-v0`` (:mod:`operant.envs.literature.off_switch`), its form for two
agents ``OffSwitchGame-v0`` (:mod:`operant.envs.multiagent`).
"""
