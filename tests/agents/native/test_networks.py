"""Encoder and networks against SB3's preprocessing and layers."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.preprocessing import preprocess_obs

from operant.agents.native.config import PPOConfig
from operant.agents.native.encoder import Encoder
from operant.agents.native.networks import ActorCritic
from operant.agents.sb3.encoder import OneHotGrid
from operant.agents.weights import fill_module, module_arrays

SMALL = gym.spaces.Box(np.uint8([0, 2]), np.uint8([4, 7]), (2,), np.uint8)
SPACE = gym.spaces.Dict(
    heading=gym.spaces.Discrete(4),
    cells=SMALL,
    pair=gym.spaces.MultiDiscrete([2, 3]),
    speed=gym.spaces.Box(-1, 1, (2, 2), np.float64),
    flags=gym.spaces.MultiBinary(2),
    screen=gym.spaces.Box(0, 255, (3, 2), np.uint8),
)


def batch(space, count):
    space.seed(0)
    rows = [space.sample() for _ in range(count)]
    return {key: np.stack([row[key] for row in rows]) for key in space.spaces}


def network(seed=0, outputs=3, streams=1, gaussian=False, space=SPACE, **hyper) -> ActorCritic:
    config = PPOConfig(**hyper)
    return ActorCritic(
        Encoder(space, encoder=config.encoder),
        outputs=outputs,
        gaussian=gaussian,
        streams=streams,
        config=config,
        generator=torch.Generator().manual_seed(seed),
    )


def test_encoding_equals_sb3s_part_by_part() -> None:
    encoder, obs = Encoder(SPACE, encoder="flat"), batch(SPACE, 20)
    found = encoder(encoder.tensors(obs, "cpu"))
    wanted = []
    for key, space in SPACE.spaces.items():
        part = torch.as_tensor(obs[key])
        if key == "screen":  # no image in SB3's eyes, because it is too small for a network of its
            wanted.append(part.float().flatten(1) / 255)
        else:
            wanted.append(preprocess_obs(part, space).flatten(1).float())
    torch.testing.assert_close(found, torch.cat(wanted, 1), rtol=0, atol=0)
    assert found.dtype == torch.float32
    assert found.shape == (20, encoder.width)


def test_onehot_equals_the_sb3_agents() -> None:
    space = gym.spaces.Dict({key: SPACE[key] for key in ("heading", "cells", "speed")})
    encoder, obs = Encoder(space, encoder="onehot"), batch(space, 20)
    judged = {
        key: preprocess_obs(torch.as_tensor(part), space[key])
        if key == "heading"
        else torch.as_tensor(part)
        for key, part in obs.items()
    }
    found = encoder(encoder.tensors(obs, "cpu"))
    torch.testing.assert_close(found, OneHotGrid(space)(judged).float(), rtol=0, atol=0)


def test_values_from_a_start_on_begin_at_the_first_column() -> None:
    space = gym.spaces.Discrete(3, start=5)
    encoder = Encoder(space, encoder="flat")
    found = encoder(encoder.tensors(np.array([5, 7]), "cpu"))
    assert found.tolist() == [[1, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"speed": np.full((1, 2, 2), np.nan)}, r"observation\['speed'\] must be finite.*row 0"),
        ({"speed": np.zeros((1, 3))}, r"observation\['speed'\] must have the shape .*got \(1, 3\)"),
        ({"pair": np.array([["a", "b"]])}, r"observation\['pair'\] must hold numbers"),
        ({"more": np.zeros(1)}, r"must have the keys \['cells', .*got .*'more'"),
    ],
)
def test_bad_observations_are_named(change, message) -> None:
    with pytest.raises(ValueError, match=message):
        Encoder(SPACE, encoder="flat").parts({**batch(SPACE, 1), **change})


def test_the_row_of_a_bad_number_is_named() -> None:
    obs = np.zeros((5, 2), np.float32)
    obs[3, 1] = np.inf
    encoder = Encoder(gym.spaces.Box(-1, 1, (2,)), encoder="flat")
    with pytest.raises(ValueError, match=r"^observation must be finite, got .* in row 3"):
        encoder.parts(obs)


@pytest.mark.parametrize(
    "space", [gym.spaces.Text(3), gym.spaces.Dict(inner=gym.spaces.Dict(a=SMALL))]
)
def test_other_spaces_are_refused(space) -> None:
    with pytest.raises(ValueError, match="must be Box, Discrete, MultiDiscrete, MultiBinary"):
        Encoder(space, encoder="flat")


def test_layers_have_sb3s_names_shapes_and_initial_scale() -> None:
    box = gym.spaces.Box(-1, 1, (6,))
    judge = ActorCriticPolicy(
        box, gym.spaces.Box(-1, 1, (3,)), lambda _: 1e-3, net_arch={"pi": [8], "vf": [16, 4]}
    )
    arch = {"pi": [8], "vf": [16, 4]}
    ours = network(space=box, gaussian=True, net_arch=arch)
    wanted = {name: tuple(value.shape) for name, value in judge.state_dict().items()}
    assert {name: tuple(value.shape) for name, value in ours.state_dict().items()} == wanted
    for name, value in judge.state_dict().items():  # orthogonal: the norm is the gain's
        mine = ours.state_dict()[name]
        assert mine.norm() == pytest.approx(float(value.norm()), rel=1e-4), name


def test_weights_are_drawn_from_the_generator_alone() -> None:
    for hyper in ({}, {"ortho_init": False}):
        before = torch.get_rng_state()
        one, two, other = network(0, **hyper), network(0, **hyper), network(1, **hyper)
        assert torch.equal(torch.get_rng_state(), before)
        for name, value in module_arrays(one).items():
            assert np.array_equal(value, module_arrays(two)[name])
        assert not torch.equal(one.action_net.weight, other.action_net.weight)


def test_shared_trunk_and_streams() -> None:
    ours = network(share_features=True, net_arch=(8, 4), streams=3)
    assert [name for name in ours.state_dict() if name.startswith("mlp")] == [
        f"mlp_extractor.shared_net.{i}.{kind}" for i in (0, 2) for kind in ("weight", "bias")
    ]
    params, values = ours(ours.encoder.tensors(batch(SPACE, 5), "cpu"))
    assert params.shape == (5, 3)
    assert values.shape == (5, 3)
    values.sum().backward()
    assert ours.mlp_extractor["shared_net"][0].weight.grad.abs().sum() > 0


@pytest.mark.parametrize("change", ["name", "shape", "type"])
def test_weights_that_do_not_fit_are_named(change) -> None:
    arrays = module_arrays(network())
    bias = arrays.pop("action_net.bias")
    if change == "shape":
        arrays["action_net.bias"] = bias[:2]
    elif change == "type":
        arrays["action_net.bias"] = bias.astype(np.float64)
    with pytest.raises(ValueError, match=r"'action_net.bias' should be \(\(3,\), 'float32'\), got"):
        fill_module(network(), arrays)


def test_deviations_begin_where_they_are_told() -> None:
    space = gym.spaces.Dict(x=gym.spaces.Box(-1, 1, (2,)))
    wide = network(space=space, gaussian=True, log_std_init=-2.0).log_std
    assert wide.tolist() == [-2.0] * 3
    assert network(space=space, gaussian=True).log_std.tolist() == [0.0] * 3
    with pytest.raises(ValueError, match=r"log_std_init must lie in \[-20, 2\], got 3.0"):
        PPOConfig(log_std_init=3.0)
