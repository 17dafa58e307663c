"""Which of Stable-Baselines3's tests are not for our PPO, and why."""

from __future__ import annotations

FILES = (
    "test_identity.py",
    "test_gae.py",
    "test_deterministic.py",
    "test_predict.py",
    "test_save_load.py",
)
"""Test files of SB3's repository that are run, in its folder ``tests``."""

NO_PICKLE = "a function as a schedule cannot be saved without pickle: refused, with the remedy"

SKIPS = {
    "test_save_load_policy[True-*]": "state-dependent exploration is not supported: refused",
    "test_save_load_policy[False-CnnPolicy-*]": "no CNN policy yet: refused, with the remedy",
    "test_exclude_include_saved_params*": (
        "a model is saved whole, and without pickle there is nothing for custom_objects to "
        "replace: both are refused, with the remedy"
    ),
    "test_load_invalid_object": NO_PICKLE,
    "test_cast_lr_schedule": NO_PICKLE,
    "test_save_load_backward_compatible*": NO_PICKLE,
}
"""Pattern of a test's name with its parameters -> reason; the first that matches counts."""
