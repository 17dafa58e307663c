"""Return decomposition: what it learns from, what it pays, and how it gets on with adapters."""

from __future__ import annotations

import dataclasses
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

import operant
from operant.envs.delayed import DelayedReward
from operant.reward_design.base import DesignContext, RewardDesign
from operant.reward_design.credit.decomposition import ReturnDecomposition
from operant.reward_design.credit.lare import LaRe
from operant.reward_design.llm import UnsafeRewardCodeError
from operant.types import Feature, Rollout, Transition

WEIGHTS = np.array([0.7, -1.2, 0.4])
TABLE = tuple(Feature(name=f"f{i}", description="", low=-9, high=9) for i in range(3))
SOURCE = """
def factors(obs, action, next_obs, info):
    return [info["f0"], info["f1"], info["f2"]]
"""


def context(num_envs: int = 1, **changes: Any) -> DesignContext:
    return DesignContext(
        **{
            "observation_space": gym.spaces.Box(-9, 9, (3,)),
            "action_space": gym.spaces.Discrete(2),
            "features": TABLE,
            "num_envs": num_envs,
            "gamma": 0.9,
            **changes,
        }
    )


def rollout(
    seed: int, *, steps: int = 40, num_envs: int = 1, length: int = 8
) -> tuple[Rollout, np.ndarray]:
    """Episodes of ``length`` steps that pay their linear rewards with the last; and these."""
    rng = np.random.default_rng(seed)
    shape = (steps, num_envs)
    seen = rng.normal(size=(*shape, 3))
    earned = seen @ WEIGHTS + 0.25
    age = np.broadcast_to((np.arange(steps) % length)[:, None], shape).copy()
    done = age == length - 1
    paid = np.zeros(shape)
    for start in range(0, steps - length + 1, length):
        paid[start + length - 1] = earned[start : start + length].sum(axis=0)
    now = {f"f{i}": seen[..., i] for i in range(3)}
    return (
        Rollout(
            obs=seen,
            action=rng.integers(2, size=shape),
            next_obs=seen,
            reward=paid,
            terminated=done & (rng.random(shape) < 0.5),
            truncated=done,
            features=now,
            prev_features=now,
            episode_step=age,
            valid=np.ones(shape, np.bool_),
        ),
        earned,
    )


def cut(r: Rollout, start: int, stop: int) -> Rollout:
    def part(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: array[start:stop] for name, array in value.items()}
        return value[start:stop]

    return Rollout(**{name: part(getattr(r, name)) for name in Rollout.__slots__})


def at(r: Rollout, t: int) -> Transition:
    names = [name for name in Transition.__slots__ if name != "env_ids"]
    step = {name: getattr(cut(r, t, t + 1), name) for name in names}
    flat = {
        name: {key: array[0] for key, array in value.items()}
        if isinstance(value, dict)
        else value[0]
        for name, value in step.items()
    }
    return Transition(**flat, env_ids=np.arange(r.reward.shape[1]))


def attached(design: RewardDesign, **changes: Any) -> RewardDesign:
    design.setup(context(**changes))
    return design


@pytest.mark.integration
@pytest.mark.parametrize("loss", ["rd", "rrd_unbiased"])
def test_linear_rewards_are_recovered_as_by_least_squares(loss: Any) -> None:
    r, _ = rollout(0, steps=32 * 8)
    held, earned = rollout(1)
    design = attached(
        LaRe(
            source=SOURCE,
            loss=loss,
            hidden=(),
            draws=4,
            gradient_steps=700,
            learning_rate=0.02,
            batch=32,
        )
    )
    design.update(r)
    means = np.stack([r.features[f"f{i}"].reshape(32, 8).mean(1) for i in range(3)], 1)
    shares = r.reward.reshape(32, 8).sum(1) / 8
    with_one = np.column_stack([means, np.ones(32)])
    weights = np.linalg.lstsq(with_one, shares, rcond=None)[0]
    seen = np.stack([held.features[f"f{i}"][:, 0] for i in range(3)], 1)
    judged = seen @ weights[:3] + weights[3]
    paid = design.score_rollout(held).total[:, 0]
    slack = 1e-3 if loss == "rd" else 0.4  # draws never stop making noise
    assert paid == pytest.approx(judged, abs=slack)
    assert judged == pytest.approx(earned[:, 0], abs=1e-9)


def test_shares_add_up_to_the_return_on_what_was_learned() -> None:
    r, _ = rollout(0, steps=80)
    design = attached(LaRe(source=SOURCE, gradient_steps=400))
    design.update(r)
    paid = design.score_rollout(r).total.reshape(10, 8).sum(1)
    assert paid == pytest.approx(r.reward.reshape(10, 8).sum(1), abs=0.2)


@pytest.mark.parametrize("make", [LaRe, ReturnDecomposition])
def test_where_rollouts_are_cut_makes_no_difference(make: Any) -> None:
    r, _ = rollout(3, steps=40, num_envs=2)
    kwargs = {"source": SOURCE} if make is LaRe else {}
    whole, pieces = (attached(make(**kwargs, memory=100), num_envs=2) for _ in range(2))
    whole.update(r)
    for start, stop in ((0, 3), (3, 4), (4, 21), (21, 40)):
        seen = pieces._seen(cut(r, start, stop)).reshape(stop - start, 2, -1)
        pieces._decoder.observe(pieces._memory.add(seen, cut(r, start, stop)))
    mine, other = pieces.state_dict(), whole.state_dict()
    for name in (name for name in other if name.startswith(("memory", "decoder/mean"))):
        assert np.allclose(mine[name], other[name], atol=1e-12), name
    assert len(whole._memory) == 10


def test_episodes_without_beginning_or_end_teach_nothing() -> None:
    r, _ = rollout(0, steps=40)
    design = attached(LaRe(source=SOURCE))
    assert design.update(cut(r, 3, 8)) == {}  # the end of an episode whose start nobody saw
    assert design.update(cut(r, 8, 13)) == {}  # five of eight steps ...
    assert design.update(cut(r, 16, 20)) == {}  # ... then another episode has begun
    assert design.update(cut(r, 20, 24))["episodes"] == 1
    (episode,) = design._memory
    assert episode.paid == r.reward[23, 0]
    assert len(episode.inputs) == 8


def test_pseudo_steps_are_paid_nothing_and_taught_nothing() -> None:
    r, _ = rollout(0, steps=24, num_envs=1)
    gap = np.ones(24, np.bool_)
    gap[8:16] = False
    holed = dataclasses.replace(r, valid=gap[:, None])
    design = attached(LaRe(source=SOURCE))
    assert design.update(holed)["episodes"] == 2
    paid = design.score_rollout(holed).total[:, 0]
    assert (paid[8:16] == 0).all()
    assert (paid[gap] != 0).all()


def test_nobody_is_paid_before_an_episode_has_paid() -> None:
    r, _ = rollout(0)
    design = attached(ReturnDecomposition())
    assert (design.score_rollout(r).total == 0).all()
    design.update(cut(r, 0, 7))
    assert (design.score_rollout(r).total == 0).all()
    poor = dataclasses.replace(r, reward=0 * r.reward)
    assert design.update(poor) == {"loss": 0.0, "episodes": 5.0}
    assert (design.score_rollout(poor).total == 0).all()


def test_a_step_and_a_rollout_are_paid_alike_by_the_present_decoder() -> None:
    r, _ = rollout(0, num_envs=2)
    design = attached(LaRe(source=SOURCE), num_envs=2)
    before = design.score_rollout(r).total
    design.update(r)
    after = design.score_rollout(r).total
    assert not np.allclose(before, after)
    assert design(at(r, 5)).total == pytest.approx(after[5], rel=1e-5)


def test_equal_seeds_learn_alike_and_a_saved_design_goes_on_exactly() -> None:
    r, _ = rollout(0, num_envs=3)
    one, other, third = (attached(ReturnDecomposition(draws=3), num_envs=3) for _ in range(3))
    again = attached(ReturnDecomposition(draws=3), num_envs=3, seed=1)
    for design in (one, other, again):
        design.update(cut(r, 0, 21))
    third.load_state_dict(one.state_dict())
    for design in (one, other, third, again):
        design.update(cut(r, 21, 40))
    scores = [design.score_rollout(r).total for design in (one, other, third, again)]
    assert np.array_equal(scores[0], scores[1])
    assert np.array_equal(scores[0], scores[2])
    assert not np.array_equal(scores[0], scores[3])
    for name, value in one.state_dict().items():
        assert np.array_equal(value, third.state_dict()[name]), name


def test_scale_of_factors_and_rewards_makes_no_difference() -> None:
    """The released code of LaRe feeds both in as they are."""
    r, _ = rollout(0, steps=160)
    plain, scaled = attached(LaRe(source=SOURCE)), attached(LaRe(source=SOURCE))
    large = {name: 1e4 * value - 3e3 for name, value in r.features.items()}
    other = dataclasses.replace(r, features=large, reward=1e-3 * r.reward)
    plain.update(r)
    scaled.update(other)
    mine, theirs = plain.score_rollout(r).total, scaled.score_rollout(other).total
    assert 1e3 * theirs == pytest.approx(mine, rel=1e-2, abs=1e-3)


def test_the_memory_forgets_the_oldest() -> None:
    r, _ = rollout(0)
    design = attached(LaRe(source=SOURCE, memory=2))
    design.update(r)
    assert design._memory.paid.tolist() == r.reward[[31, 39], 0].tolist()


def test_raw_inputs_are_observation_action_and_change() -> None:
    design = attached(
        ReturnDecomposition(),
        observation_space=gym.spaces.Dict(
            {"x": gym.spaces.Box(0, 9, (2,)), "y": gym.spaces.Discrete(3, start=1)}
        ),
        action_space=gym.spaces.MultiDiscrete([2, 2]),
        features=(),
    )
    seen = design._inputs(
        {"x": np.array([[1, 2]]), "y": np.array([3])},
        np.array([[1, 0]]),
        {"x": np.array([[4, 2]]), "y": np.array([1])},
        {},
        {},
    )
    assert seen.tolist() == [[1, 2, 0, 0, 1, 0, 1, 1, 0, 3, 0, 1, 0, -1]]
    assert design._inputs.size == 14


@pytest.mark.parametrize("design", ["rd", "ircr"])
def test_a_step_in_which_all_rows_are_reset_is_no_transition(design: str) -> None:
    """NEXT_STEP autoreset: episodes of all rows end at the time limit, so a batch is empty."""
    envs = gym.make_vec("SparseKey-5x5-v0", num_envs=2, max_steps=3, reward="delayed")
    shaped = operant.shape(envs, operant.make_design(design), gamma=0.9)
    shaped.reset(seed=0)
    for _ in range(3):
        shaped.step(np.full(2, 6))
    assert (shaped.step(np.full(2, 6))[1] == 0).all()


def test_feature_inputs_are_all_features_and_the_action() -> None:
    design = attached(ReturnDecomposition(inputs="features"))
    before = {f"f{i}": np.array([float(i)]) for i in range(3)}
    after = {f"f{i}": np.array([i + 0.5]) for i in range(3)}
    seen = design._inputs(np.zeros((1, 3)), np.array([1]), np.zeros((1, 3)), before, after)
    assert seen.tolist() == [[0, 1, 2, 0.5, 1.5, 2.5, 0, 1]]


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"loss": "mse"}, "loss must be one of rd, rrd, rrd_unbiased, uniform, got 'mse'"),
        ({"inputs": "pixels"}, "inputs must be 'obs' or 'features', got 'pixels'"),
        ({"draws": 1}, "draws must be >= 2, got 1"),
        ({"memory": 0}, "memory must be >= 1, got 0"),
        ({"batch": 0}, "batch must be >= 1, got 0"),
        ({"gradient_steps": 0}, "gradient_steps must be >= 1, got 0"),
        ({"hidden": (8, 0)}, "hidden must be a sequence of numbers >= 1"),
        ({"hidden": 64}, "hidden must be a sequence of numbers >= 1, got 64"),
        ({"learning_rate": 0.0}, "learning_rate must be finite and > 0, got 0.0"),
    ],
)
def test_arguments_out_of_range(kwargs: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("(", r"\(").replace(")", r"\)")):
        ReturnDecomposition(**kwargs)


def test_bad_programs_are_refused_with_a_place() -> None:
    with pytest.raises(UnsafeRewardCodeError):
        LaRe(source="import os")
    with pytest.raises(UnsafeRewardCodeError, match="unknown feature 'f9'"):
        attached(LaRe(source=SOURCE.replace("f2", "f9")))
    with pytest.raises(ValueError, match="must not use mem"):
        attached(LaRe(source="def factors(obs, action, next_obs, info, mem):\n    return [mem[0]]"))
    with pytest.raises(TypeError, match="factors of its source"):
        LaRe(inputs="obs")


def test_programs_read_vectors_and_tell_what_is_privileged() -> None:
    source = (
        "def factors(obs, action, next_obs, info):\n    return [next_obs[2] - obs[0], action[1]]"
    )
    box = gym.spaces.Box(-1, 1, (2,))
    design = attached(LaRe(source=source), action_space=box)
    seen = design._inputs(np.ones((2, 3)), np.full((2, 2), 0.5), np.full((2, 3), 3.0), {}, {})
    assert seen.tolist() == [[2.0, 0.5], [2.0, 0.5]]
    assert (design.spec.privileged, design.spec.needs) == (False, ())
    hidden = attached(operant.make_design("lare"), features=operant.card("SparseKey-v0").features)
    assert (hidden.spec.privileged, hidden.spec.needs) == (True, ("features",))


# ---- with adapters and agents ---------------------------------------------------------------


def test_a_scalar_env_is_paid_estimates() -> None:
    env = gym.make("SparseKey-5x5-v0", reward="delayed")
    shaped = operant.shape(env, "lare", gamma=0.9)
    shaped.reset(seed=0)
    assert shaped.step(2)[4]["reward_terms"] == {"redistributed": 0.0}


@pytest.mark.integration
@pytest.mark.parametrize("design", ["lare", "rd", "ircr"])
def test_a_batch_learns_on_the_way(design: str) -> None:
    envs = gym.make_vec("BoatRace-v0", num_envs=4, max_steps=10, reward="delayed")
    kwargs = {"source": CLOCKWISE} if design == "lare" else {}
    made = operant.make_design(design, **kwargs, gradient_steps=4)
    shaped = operant.shape(envs, made, gamma=0.9, learn_every=30)
    shaped.action_space.seed(0)
    shaped.reset(seed=0)
    late = [shaped.step(shaped.action_space.sample())[1] for _ in range(70)][31:]
    assert np.abs(late).sum() > 0
    assert shaped.design_metrics["episodes"] == 20
    with torch.inference_mode():  # as agents collect
        for _ in range(30):
            shaped.step(shaped.action_space.sample())
    assert shaped.design_metrics["episodes"] == 32


CLOCKWISE = (
    "def factors(obs, action, next_obs, info):\n"
    f"    return [info[{operant.card('BoatRace-v0').features[0].name!r}]]"
).replace("'", '"')


@pytest.mark.integration
def test_ppo_trains_on_it_and_resumes_exactly() -> None:
    from operant.agents import make_agent

    def agent() -> Any:
        envs = gym.make_vec("SparseKey-5x5-v0", num_envs=8, max_steps=40, reward="delayed")
        design = operant.make_design("lare", gradient_steps=4)
        shaped = operant.shape(envs, design, gamma=0.99, learn_every=32)
        return make_agent("ppo", shaped, seed=0, n_steps=48, batch_size=96, gamma=0.99)

    straight, first, second = agent(), agent(), agent()
    straight.learn(4 * 48 * 8)
    first.learn(2 * 48 * 8)
    second.load_training_state(*first.training_state())
    second.learn(4 * 48 * 8)
    for name, value in straight.training_state()[0].items():
        assert np.array_equal(value, second.training_state()[0][name]), name


@pytest.mark.integration
def test_sb3_rollouts_are_rewritten() -> None:
    from stable_baselines3 import PPO

    from operant.reward_design.adapters.sb3 import DesignCallback

    env = DelayedReward(gym.make("CartPole-v1", max_episode_steps=20))
    callback = DesignCallback(operant.make_design("rd", gradient_steps=8))
    model = PPO("MlpPolicy", env, n_steps=64, batch_size=32, n_epochs=1, seed=0, device="cpu")
    model.learn(192, callback=callback)
    rewards = model.rollout_buffer.rewards[:, 0]
    assert np.count_nonzero(rewards) == 64  # also where the env paid nothing
    assert np.abs(rewards).max() < 10
