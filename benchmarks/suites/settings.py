"""Hyper-parameters that suites share: one set per kind of world, the same for every design."""

from __future__ import annotations

from operant.benchmarks.specs import AgentEntry

CONTROL_ROWS = 16
"""Rows of a training env of the continuous suites; a rollout has 2,048 transitions."""
CONTROL = AgentEntry(
    id="ppo",
    config={
        "n_steps": 128,
        "batch_size": 256,
        "n_epochs": 10,
        "learning_rate": {"kind": "linear", "from": 3e-4, "to": 0.0},
    },
)
"""Continuous control: SB3's defaults for PPO in larger minibatches, with a rate that falls to 0.
Neither observations nor rewards are normalised: a run is scored in an env of its own, so statistics
that live in a wrapper around the training env would be missing there."""

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
