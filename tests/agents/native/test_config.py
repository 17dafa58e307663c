from __future__ import annotations

import json

import pytest

from operant.agents import make_config
from operant.agents.native.config import PPOConfig, Stream, scheduled

LINEAR = {"kind": "linear", "from": 0.3, "to": 0.1}


def test_config_survives_json() -> None:
    config = PPOConfig(
        learning_rate=LINEAR,
        net_arch={"pi": [8], "vf": [16, 4]},
        reward_streams={"reward": {}, "bonus": {"gamma": 0.9, "episodic": False, "coef": 0.5}},
    )
    again = PPOConfig.from_json(json.loads(json.dumps(config.to_json())))
    assert again == config
    assert again.to_json() == json.loads(json.dumps(config.to_json()))
    assert again.units("vf") == (16, 4)
    assert again.streams() == {
        "reward": Stream(gamma=0.99),
        "bonus": Stream(gamma=0.9, episodic=False, coef=0.5),
    }


def test_without_streams_the_reward_is_the_only_one() -> None:
    config = PPOConfig(gamma=0.9, normalize_advantage=False)
    assert config.streams() == {"reward": Stream(gamma=0.9, normalize=False)}


def test_schedules() -> None:
    assert scheduled(0.3, 0.7) == 0.3
    assert [scheduled(LINEAR, p) for p in (0, 0.5, 1)] == pytest.approx([0.3, 0.2, 0.1])
    cosine = {**LINEAR, "kind": "cosine"}
    assert [scheduled(cosine, p) for p in (0, 0.5, 1)] == pytest.approx([0.3, 0.2, 0.1])
    assert scheduled(cosine, 0.25) > scheduled(LINEAR, 0.25)


@pytest.mark.parametrize(
    ("hyper", "message"),
    [
        ({"learning_rat": 1}, "no field 'learning_rat'; did you mean .*learning_rate"),
        ({"gamma": 1.1}, r"gamma must lie in \[0, 1\], got 1.1"),
        ({"learning_rate": 0}, "learning_rate must be > 0 and finite, got 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be > 0"),
        ({"learning_rate": {"kind": "linear"}}, "learning_rate must be a number or"),
        ({"learning_rate": {**LINEAR, "kind": "cubic"}}, "kind of learning_rate must be one of"),
        ({"clip_range": {**LINEAR, "to": -1}}, r"clip_range\['to'\] must lie in \[0, inf\]"),
        ({"clip_range_vf": -0.1}, "clip_range_vf must be > 0 and finite, got -0.1"),
        ({"max_grad_norm": 0}, "max_grad_norm must be > 0"),
        ({"target_kl": 0.0}, "target_kl must be > 0"),
        ({"batch_size": 1}, "batch_size must be an integer >= 2, got 1"),
        ({"n_steps": 2.5}, "n_steps must be an integer >= 1, got 2.5"),
        ({"n_epochs": 0}, "n_epochs must be an integer >= 1, got 0"),
        ({"threads": 0}, "threads must be an integer >= 1, got 0"),
        ({"gae_lambda": 1.5}, "gae_lambda must lie in"),
        ({"ent_coef": -1}, "ent_coef must lie in"),
        ({"net_arch": [64, 0]}, "net_arch entry must be an integer >= 1, got 0"),
        ({"net_arch": {"pi": [4]}}, "net_arch must be a list or have the keys 'pi' and 'vf'"),
        (
            {"net_arch": {"pi": [4], "vf": [4]}, "share_features": True},
            "net_arch must be one list with share_features=True",
        ),
        ({"activation": "gelu"}, "activation must be one of"),
        ({"encoder": "cnn"}, "encoder must be one of"),
        ({"reward_streams": {"x": {"gama": 1}}}, r"reward_streams\['x'\] must have fields of"),
        ({"reward_streams": {"x": {"gamma": 2}}}, "gamma of a reward stream must lie in"),
        ({"reward_streams": {"x": {"coef": float("nan")}}}, "coef of a reward stream"),
    ],
)
def test_bad_values_are_named(hyper, message) -> None:
    with pytest.raises(ValueError, match=message):
        make_config("ppo", **hyper)
