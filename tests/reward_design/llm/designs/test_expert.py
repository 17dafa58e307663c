"""The design that pays the program on the env's card."""

from __future__ import annotations

import dataclasses
from functools import partial

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

import operant
from operant.errors import OperantError
from operant.reward_design.adapters.context import context_of
from operant.reward_design.adapters.sb3 import DesignCallback
from operant.reward_design.base import DesignContext
from operant.reward_design.llm import RewardProgramError, UnsafeRewardCodeError
from operant.reward_design.llm.designs.expert import ExpertReward, fingerprint
from operant.types import Feature

ENV = "ExpertKey-v0"
TABLE = (
    Feature(name="x", description="", low=0, high=9),
    Feature(name="hidden", description="", low=0, high=9, privileged=True),
)
HEAD = "def reward(obs, action, next_obs, info):\n    "


def attached(source: str, **options) -> ExpertReward:
    design = ExpertReward(**options)
    design.setup(
        DesignContext(
            observation_space=gym.spaces.Discrete(2),
            action_space=gym.spaces.Discrete(3),
            features=TABLE,
            num_envs=2,
            gamma=0.9,
            expert=source,
        )
    )
    return design


def moved(transition, x, prev_x, **more):
    now, before = np.asarray(x, float), np.asarray(prev_x, float)
    return transition(
        len(now),
        reward=np.arange(1.0, len(now) + 1),
        features={"x": now, "hidden": now},
        prev_features={"x": before, "hidden": before},
        **more,
    )


@pytest.mark.integration
def test_it_pays_what_program_pays_with_the_text_of_the_card() -> None:
    source = gym.make(ENV).unwrapped.card.expert
    paid = []
    for design in ("expert", operant.make_design("program", source=source)):
        env = operant.shape(gym.make(ENV), design, gamma=0.9)
        env.reset(seed=3)
        env.action_space.seed(0)
        steps = [env.step(env.action_space.sample()) for _ in range(60)]
        paid.append([(float(step[1]), step[-1]["reward_terms"]) for step in steps])
        assert {step[-1]["true_reward"] for step in steps} == {0.0}
    assert paid[0] == paid[1]
    assert len({reward for reward, _ in paid[0]}) >= 3


def test_a_reward_stands_instead_of_the_true_one_or_beside_it(transition) -> None:
    source = HEAD + 'closer = info["prev_x"] - info["x"]\n    return closer - 0.5'
    t = moved(transition, [1, 2], [4, 4])
    paid = attached(source)(t)
    assert paid.total.tolist() == [2.5, 1.5]
    assert set(paid.terms) == {"closer", "term2"}
    both = attached(source, add=True)(t)
    assert both.total.tolist() == [3.5, 3.5]
    assert both.terms["env"].tolist() == [1.0, 2.0]


def test_a_potential_shapes_the_true_reward(transition) -> None:
    source = 'def potential(obs, info):\n    return 2 * info["hidden"]'
    design = attached(source)
    assert (design.spec.invariance, design.spec.markov) == ("optimal", True)
    assert design.spec.privileged
    t = moved(transition, [3, 3], [1, 1], terminated=np.array([False, True]))
    assert design(t).total == pytest.approx([1.0 + 0.9 * 6.0 - 2.0, 2.0 - 2.0])
    assert set(design(t).terms) == {"env", "shaping"}


def test_its_promise_is_that_of_the_program() -> None:
    unknown = ExpertReward()
    assert unknown.spec.needs == ("features", "expert")
    assert not unknown.spec.markov
    assert (unknown.required_features(), unknown.provenance()) == ((), {})
    plain = attached(HEAD + 'return info["x"]')
    assert (plain.spec.needs, plain.spec.privileged) == (("features", "expert"), False)
    assert plain.spec.markov
    assert plain.required_features() == ("x",)
    assert plain.provenance() == {"expert": HEAD + 'return info["x"]'}
    memory = "def reward(obs, action, next_obs, info, mem):\n    mem[0] += 1\n    return mem[0]"
    assert not attached(memory).spec.markov


def test_memory_is_that_of_an_episode_and_part_of_the_state(transition) -> None:
    source = "def reward(obs, action, next_obs, info, mem):\n    mem[0] += info['x']\n"
    design = attached(source + "    return mem[0]")
    t = moved(transition, [1, 2], [0, 0])
    assert design(t).total.tolist() == [1.0, 2.0]
    state = design.state_dict()
    ends = moved(transition, [1, 2], [0, 0], terminated=np.array([False, True]))
    assert design(ends).total.tolist() == [2.0, 4.0]
    assert design(t).total.tolist() == [3.0, 2.0]
    design.load_state_dict(state)
    assert design(t).total.tolist() == [2.0, 4.0]


def test_set_up_for_another_env_it_pays_that_ones_program(transition) -> None:
    design = attached(HEAD + "return 1.0")
    t = moved(transition, [1, 2], [0, 0])
    assert design(t).total.tolist() == [1.0, 1.0]
    assert design.context is not None
    design.setup(dataclasses.replace(design.context, expert=HEAD + "return 2.0"))
    assert design(t).total.tolist() == [2.0, 2.0]


def test_an_env_without_an_expert_is_refused_with_the_way_out() -> None:
    with pytest.raises(OperantError, match=r"'expert'.*card has none.*design 'program'"):
        operant.shape(gym.make("SparseKey-5x5-v0"), "expert", gamma=0.9)
    with pytest.raises(OperantError, match="card has none"):
        attached("  \n")
    with pytest.raises(OperantError, match="card has none"):
        operant.shape(gym.make("CartPole-v1"), "expert", gamma=0.9)


def test_a_card_that_holds_no_program_is_refused_with_the_reason() -> None:
    with pytest.raises(UnsafeRewardCodeError, match="import"):
        attached("import os")
    with pytest.raises(OperantError, match=r"reads features \['nothing'\]"):
        attached(HEAD + 'return info["nothing"]')


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"on_error": "ignore"}, "on_error must be one of .* got 'ignore'"),
        ({"sha256": "an old one"}, "sha256 must be up to 64 hexadecimal digits, got 'an old one'"),
        ({"cap": 0.0}, r"cap must be positive and finite, got 0\.0"),
    ],
)
def test_bad_arguments_are_refused_before_any_env_is_known(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        ExpertReward(**options)


def test_a_program_that_is_not_the_one_that_is_meant_is_refused(transition) -> None:
    old, new = HEAD + "return 1.0", HEAD + "return 2.0"
    for digits in (12, 64):
        design = attached(old, sha256=fingerprint(old)[:digits])
        assert design(moved(transition, [1], [0])).total.tolist() == [1.0]
    with pytest.raises(
        OperantError, match=f"{fingerprint(old)[:12]}.* has {fingerprint(new)[:12]}"
    ):
        attached(new, sha256=fingerprint(old)[:12])


def test_failures_are_handled_as_told(transition) -> None:
    t = moved(transition, [0, 2], [0, 0])
    source = HEAD + 'return 1 / info["x"]'
    with pytest.raises(RewardProgramError):
        attached(source)(t)
    assert attached(source, on_error="neutral")(t).total.tolist() == [0.0, 0.5]


@pytest.mark.parametrize("vector", ["native", "sync", "async"])
def test_the_card_is_found_in_every_batch(vector: str) -> None:
    mode, make = AutoresetMode.SAME_STEP, partial(gym.make, ENV)
    if vector == "native":
        env = gym.make_vec(ENV, num_envs=2, autoreset_mode=mode)
    elif vector == "sync":
        env = SyncVectorEnv([make] * 2, autoreset_mode=mode)
    else:
        env = AsyncVectorEnv([make] * 2, autoreset_mode=mode)
    context = context_of(env, gamma=0.9)
    env.close()
    assert context.expert == gym.make(ENV).unwrapped.card.expert
    assert {feature.name for feature in context.features} >= {"subgoal", "steps_to_subgoal"}
    assert context_of(gym.make("CartPole-v1"), gamma=0.9).expert == ""


@pytest.mark.integration
def test_sb3s_callback_pays_it_too() -> None:
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env

    model = PPO("MultiInputPolicy", make_vec_env(ENV, 2), n_steps=8, batch_size=16)
    model.learn(16, callback=DesignCallback("expert"))
    paid = model.rollout_buffer.rewards
    assert (paid != 0).all()  # the true reward of random steps is 0, the expert charges for each
