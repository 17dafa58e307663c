"""Hyper-parameters that suites share: one set per kind of world, the same for every design."""

from __future__ import annotations

from operant.benchmarks.specs import AgentEntry

CONTROL_ROWS = 32
"""Rows of a training env of the continuous suites; a rollout has 4,096 transitions."""
CONTROL = AgentEntry(
    id="ppo",
    config={
        "n_steps": 128,
        "batch_size": 512,
        "n_epochs": 8,
        "learning_rate": {"kind": "linear", "from": 1e-3, "to": 0.0},
        "normalize_obs": True,
        "log_std_init": -2.0,
    },
)
"""Continuous control. Observations are normalised inside the network, whose moments a scored policy
brings along: statistics in a wrapper around the training env would be missing where a run is
scored. Actions begin with little noise: with a deviation of 1, effort costs an ant more than it is
paid for staying alive, and it learns to fall. Rewards stay as they are, for the first reason and
because they are what is studied."""

NETHACK_ROWS = 16
NETHACK = AgentEntry(
    id="ppo",
    config={
        "n_steps": 128,
        "batch_size": 512,
        "n_epochs": 4,
        "ent_coef": 0.01,
        "net_arch": [128, 128],
        "encoder": "onehot",
    },
)
"""NetHack seen through ``observation="compact"``: the map's crop holds classes, not magnitudes."""
