"""Every env row keeps the contract; a new row is tested without an edit here."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import cast

import gymnasium as gym
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check_env
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import operant
from operant.registry import EnvRow
from operant.testing import check_env, check_vector_env

# Gymnasium points from an old version of an id to the newest: MiniGrid keeps both, so do its twins.
pytestmark = pytest.mark.filterwarnings("ignore:.*is out of date:DeprecationWarning")
UNBOUNDED = pytest.mark.filterwarnings(
    "ignore:.*Box (observation|action) space (minimum|maximum):UserWarning"
)
# SB3 takes symbolic uint8 grids for camera images, and finds them dark and small; a map of numbers
# (NetHack's glyphs) it would rather have flat.
SYMBOLIC = pytest.mark.filterwarnings(
    "ignore:It seems .* image:UserWarning",
    "ignore:The minimal resolution for an image:UserWarning",
    "ignore:Your observation .* has an unconventional shape:UserWarning",
)
OF_LONE_ROWS = ("seed_argument", "rows_equal_scalars", "equals_sync_vector_env")
"""Rules of batched envs whose rows are worlds of their own."""


def _without_pictures(env_id: str) -> bool:
    """Tell whether an env cannot be drawn on this machine, which lacks OpenGL."""
    if operant.envs.registry()[env_id].extra != "mujoco":
        return False
    from operant.envs.mujoco.render import can_render

    return not can_render()


@contextlib.contextmanager
def _tastes(env_id: str) -> Iterator[None]:
    """Let checkers wish that robots had other motors; all else that they warn of is an error."""
    with warnings.catch_warnings():
        if operant.envs.registry()[env_id].extra == "mujoco":
            warnings.filterwarnings("ignore", ".*symmetric and normalized", UserWarning)
        yield


@pytest.mark.timeout(600)  # robots and dungeons take 1,000 times what a gridworld takes
def test_env_is_sound(tiered_id: str) -> None:
    row = operant.envs.registry()[tiered_id]
    many = tiered_id in operant.envs.one_per_kind() and not row.tier  # type: ignore[attr-defined]
    blind = {"render": "there is no OpenGL here"} if _without_pictures(tiered_id) else {}
    check_env(
        tiered_id,
        steps=400 if many else 150,
        deterministic="deterministic" in row.tags,
        subprocess=tiered_id == "SparseKey-v0",
        skip=blind,
    )


@pytest.mark.slow
def test_env_is_sound_for_long_and_the_same_in_another_process(first_id: str) -> None:
    tags = operant.envs.registry()[first_id].tags
    check_env(first_id, steps=1000, deterministic="deterministic" in tags, subprocess=True)


@pytest.mark.integration  # compiles the batch kernel of every world
@pytest.mark.timeout(900)  # NetHack's rows start processes, over and over
def test_vector_env_equals_scalar_envs(batch_id: str) -> None:
    if not gym.spec(batch_id).vector_entry_point:
        pytest.skip("it has no native batched env")
    team = cast(EnvRow, operant.envs.registry()[batch_id]).team
    alone = dict.fromkeys(OF_LONE_ROWS, "rows of a team share a world") if team else {}
    check_vector_env(batch_id, num_envs=2 * team or 4, steps=120, skip=alone)


@UNBOUNDED
def test_gymnasiums_checker_accepts_it(tiered_id: str) -> None:
    blind = _without_pictures(tiered_id)
    with _tastes(tiered_id):
        gymnasium_check_env(gym.make(tiered_id).unwrapped, skip_render_check=blind)


@UNBOUNDED
@SYMBOLIC
def test_sb3s_checker_accepts_it(tiered_id: str) -> None:
    blind = _without_pictures(tiered_id)
    with _tastes(tiered_id):
        sb3_check_env(gym.make(tiered_id).unwrapped, warn=True, skip_render_check=blind)


def test_card_is_complete(any_id: str) -> None:
    card = operant.card(any_id)
    assert card.id == any_id
    texts = ("description", "observation", "action", "reward", "termination", "truncation")
    assert all(getattr(card, name).strip() for name in (*texts, "success", "metric"))
    names = [feature.name for feature in card.features]
    assert len(set(names)) == len(names)
    for feature in card.features:
        assert feature.name.isidentifier()
        assert feature.description
        assert feature.low < feature.high
        assert feature.name not in ("success", "true_reward")  # the answer is never a feature
