"""Return decomposition over teams: who of several earned what all of them were paid as one sum."""

from __future__ import annotations

import dataclasses
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import operant
from operant.reward_design.adapters.context import context_of
from operant.reward_design.base import DesignContext, RewardDesign
from operant.reward_design.credit.lare import LaRe
from operant.types import Feature, Rollout

WEIGHTS, CONSTANT = np.array([0.7, -1.2, 0.4]), 0.25
TABLE = tuple(Feature(name=f"f{i}", description="", low=-9, high=9) for i in range(3))
SOURCE = """
def factors(obs, action, next_obs, info):
    return [info["f0"], info["f1"], info["f2"]]
"""
LINEAR: dict[str, Any] = {"source": SOURCE, "hidden": (), "learning_rate": 0.05, "batch": 72}


def context(rows: tuple[int, ...], **changes: Any) -> DesignContext:
    told = {
        "observation_space": gym.spaces.Box(-9, 9, (3,)),
        "action_space": gym.spaces.Discrete(2),
        "features": TABLE,
        "num_envs": len(rows),
        "gamma": 1.0,
        "groups": rows,
    }
    return DesignContext(**{**told, **changes})


def attached(design: RewardDesign, groups: tuple[int, ...], **changes: Any) -> RewardDesign:
    design.setup(context(groups, **changes))
    return design


def team_play(
    seed: int, groups: tuple[int, ...], *, episodes: int = 8, length: int = 6
) -> tuple[Rollout, np.ndarray]:
    """Episodes that pay every member an equal share of what the team earned, and what each earned.

    What an agent earns is linear in its own factors alone.
    """
    rng = np.random.default_rng(seed)
    shape = episodes * length, len(groups)
    seen = rng.normal(size=(*shape, 3))
    earned = seen @ WEIGHTS + CONSTANT
    age = np.broadcast_to((np.arange(shape[0]) % length)[:, None], shape).copy()
    done = age == length - 1
    own = earned.reshape(episodes, length, -1).sum(axis=1)
    paid = np.zeros(shape)
    for member, group in enumerate(groups):
        mates = np.flatnonzero(np.array(groups) == group)
        paid[done[:, member], member] = own[:, mates].mean(axis=1)
    now = {f"f{i}": seen[..., i] for i in range(3)}
    played = Rollout(
        obs=seen,
        action=np.zeros(shape, int),
        next_obs=seen,
        reward=paid,
        terminated=np.zeros(shape, np.bool_),
        truncated=done,
        features=now,
        prev_features=now,
        episode_step=age,
        valid=np.ones(shape, np.bool_),
    )
    return played, earned


def rows_of(r: Rollout, rows: list[int], steps: slice = slice(None)) -> Rollout:
    def part(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: array[steps, rows] for name, array in value.items()}
        return value[steps, rows]

    return Rollout(**{name: part(getattr(r, name)) for name in Rollout.__slots__})


TEAMS = (0, 0, 0, 1, 1, 1, 2, 2, 2)


@pytest.mark.parametrize("groups", [TEAMS, (0, 1, 1, 0, 2, 1, 2)])
def test_what_each_agent_earned_is_recovered_from_the_returns_of_teams(
    groups: tuple[int, ...],
) -> None:
    """Linear contributions are found exactly, also where teams differ in size or are interleaved.

    With teams of one size only their sum over a team is seen; that it is found per agent and step
    is what one decoder for all agents brings.
    """
    played, _ = team_play(0, groups, episodes=24)
    held, earned = team_play(1, groups)
    design = attached(LaRe(**LINEAR, gradient_steps=400), groups)
    told = design.update(played)
    assert told["episodes"] == 24 * len(set(groups))
    assert told["loss"] < 1e-2
    paid = design.score_rollout(held).total
    assert paid == pytest.approx(earned, abs=2e-3)


def test_shares_of_a_team_add_up_to_what_it_was_paid() -> None:
    """The loss says so: over members and steps, and not for each member by itself."""
    played, earned = team_play(0, TEAMS, episodes=24)
    design = attached(LaRe(**LINEAR, gradient_steps=400), TEAMS)
    design.update(played)
    paid = design.score_rollout(played).total

    def sums(values: np.ndarray) -> np.ndarray:
        return values.reshape(24, 6, 3, 3).sum(axis=(1, 3))  # episodes, teams

    assert sums(paid) == pytest.approx(sums(played.reward), abs=2e-2)
    assert sums(played.reward) == pytest.approx(sums(earned), abs=1e-12)
    each = paid.reshape(24, 6, 9).sum(axis=1)
    share = played.reward.reshape(24, 6, 9).sum(axis=1)
    assert np.abs(each - share).max() > 1.0


def test_rows_on_their_own_cannot_tell_who_of_them_earned_it() -> None:
    """What is learned without ``groups`` from as many episodes is off by far more."""
    played, _ = team_play(0, TEAMS, episodes=24)
    held, earned = team_play(1, TEAMS)
    errors = {}
    for name, groups in (("teams", TEAMS), ("alone", ())):
        design = LaRe(**LINEAR, gradient_steps=400, memory=24 * 9)
        design.setup(context(TEAMS, groups=groups))
        design.update(played)
        errors[name] = np.abs(design.score_rollout(held).total - earned).mean()
    assert errors["teams"] < 0.002
    assert errors["alone"] > 0.2


def test_how_a_return_is_split_among_members_makes_no_difference() -> None:
    played, _ = team_play(0, TEAMS)
    lone = played.reward.copy()
    for first in (0, 3, 6):  # the first member of each team is paid all of it
        lone[:, first] = played.reward[:, first : first + 3].sum(axis=1)
        lone[:, first + 1 : first + 3] = 0.0
    scores = []
    for reward in (played.reward, lone):
        design = attached(LaRe(source=SOURCE, gradient_steps=50), TEAMS)
        design.update(dataclasses.replace(played, reward=reward))
        scores.append(design.score_rollout(played).total)
    assert scores[0] == pytest.approx(scores[1], abs=1e-4)


@pytest.mark.parametrize("loss", ["rd", "rrd", "rrd_unbiased", "uniform"])
def test_teams_of_one_are_rows_on_their_own_to_the_bit(loss: Any) -> None:
    played, _ = team_play(0, (0, 1, 2, 3))
    one, other = (LaRe(source=SOURCE, loss=loss, draws=3) for _ in range(2))
    one.setup(context((7, 2, 9, 4)))
    other.setup(context((0, 1, 2, 3), groups=()))
    for design in (one, other):
        design.update(played)
    for name, value in one.state_dict().items():
        assert np.array_equal(value, other.state_dict()[name]), name
    mine, theirs = (design.score_rollout(played).total for design in (one, other))
    assert np.array_equal(mine, theirs)


def test_the_slots_of_agents_and_teams_make_no_difference() -> None:
    played, _ = team_play(0, TEAMS)
    order = [8, 0, 5, 2, 7, 3, 1, 6, 4]
    one = attached(LaRe(source=SOURCE), TEAMS)
    other = attached(LaRe(source=SOURCE), tuple(TEAMS[row] for row in order))
    one.update(played)
    other.update(rows_of(played, order))
    scores = one.score_rollout(played).total, other.score_rollout(rows_of(played, order)).total
    assert np.array_equal(scores[0][:, order], scores[1])


def test_a_cut_rollout_and_a_saved_design_go_on_exactly() -> None:
    played, _ = team_play(0, TEAMS, episodes=6)
    all_rows = list(range(9))
    one, other = (attached(LaRe(source=SOURCE), TEAMS) for _ in range(2))
    first, rest = (rows_of(played, all_rows, part) for part in (slice(0, 20), slice(20, 36)))
    one.update(first)  # two episodes of a team of three are half over
    other.load_state_dict(one.state_dict())
    one.update(rest)
    told = other.update(rest)
    assert told["episodes"] == 18
    for name, value in one.state_dict().items():
        assert np.array_equal(value, other.state_dict()[name]), name


def test_members_who_end_alone_are_refused() -> None:
    played, _ = team_play(0, (0, 0, 1))
    alone = played.truncated.copy()
    alone[3, 1] = True
    design = attached(LaRe(source=SOURCE), (0, 0, 1))
    with pytest.raises(ValueError, match=r"group 0 must begin and end .* 1 of 2 ended one alone"):
        design.update(dataclasses.replace(played, truncated=alone))
    with pytest.raises(ValueError, match="groups must be empty or have 3 entries, got 2"):
        context((0, 0), num_envs=3)


def test_envs_tell_their_teams_and_others_have_none() -> None:
    from operant.envs.multiagent.particles.shared import SharedParticles

    team = SharedParticles(num_worlds=2, scenario="Spread-3", reward="delayed")
    assert context_of(team, gamma=1.0).groups == (0, 0, 0, 1, 1, 1)
    assert context_of(team, gamma=1.0, num_envs=1).groups == ()
    shaped = operant.shape(team, LaRe(source=SPREAD, gradient_steps=2), gamma=1.0, learn_every=25)
    assert context_of(shaped, gamma=1.0).groups == (0, 0, 0, 1, 1, 1)
    single = gym.make_vec("SparseKey-5x5-v0", num_envs=2)
    assert context_of(single, gamma=1.0).groups == ()
    shaped.action_space.seed(0)
    shaped.reset(seed=0)
    for _ in range(50):
        shaped.step(shaped.action_space.sample())
    assert shaped.design_metrics["episodes"] == 4  # two worlds, two episodes


SPREAD = """
def factors(obs, action, next_obs, info):
    return [info["nearest_landmark"], info["touched_mates"] * 1.0]
"""


@pytest.mark.integration  # trains
def test_an_sb3_callback_knows_the_teams_of_its_env() -> None:
    from stable_baselines3 import PPO

    from operant.agents.sb3.vec_env import SB3VecEnv
    from operant.envs.multiagent.particles.shared import SharedParticles
    from operant.reward_design.adapters.sb3 import DesignCallback

    env = SB3VecEnv(SharedParticles(num_worlds=2, scenario="Spread-3", reward="delayed"))
    callback = DesignCallback(LaRe(source=SPREAD, gradient_steps=2))
    model = PPO("MlpPolicy", env, n_steps=25, batch_size=50, n_epochs=1, seed=0, device="cpu")
    model.learn(300, callback=callback)
    assert callback.design.context is not None
    assert callback.design.context.groups == (0, 0, 0, 1, 1, 1)
    assert len(callback.design._memory) == 4  # type: ignore[attr-defined]
