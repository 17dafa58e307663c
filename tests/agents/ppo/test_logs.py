"""Scalars under SB3's names, in every output."""

from __future__ import annotations

import csv
import importlib.util
import json
import sys
import types

import gymnasium as gym
import numpy as np
import pytest
import stable_baselines3
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.logger import configure
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor, VecNormalize

import operant
from operant.agents import PPO

TENSORBOARD = importlib.util.find_spec("tensorboard") is not None


def rows(path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_names_are_sb3s_and_their_values_agree(walk, small, tmp_path) -> None:
    files, small = [], {**small, "batch_size": 32}
    for cls, where in ((PPO, "ours"), (stable_baselines3.PPO, "theirs")):
        model = cls("MlpPolicy", VecMonitor(DummyVecEnv([walk] * 2)), seed=1, device="cpu", **small)
        model.set_logger(configure(str(tmp_path / where), ["csv"]))
        model.learn(96)
        model.logger.close()
        files.append(rows(tmp_path / where / "progress.csv"))
    ours, theirs = files
    assert set(theirs[-1]) <= set(ours[-1])
    for name in ("time/total_timesteps", "time/iterations", "rollout/ep_len_mean"):
        assert [row[name] for row in ours] == [row[name] for row in theirs], name
    assert float(ours[-1]["train/learning_rate"]) == 3e-4
    shares = [float(ours[0][f"time/{n}_share"]) for n in ("env", "design", "infer", "learn")]
    assert sum(shares) == pytest.approx(1)


def test_outputs_by_name(walk, small, tmp_path, capsys) -> None:
    model = PPO(
        "MlpPolicy",
        walk(),
        tensorboard_log=str(tmp_path),
        logger=["stdout", "csv", "json", *(["tensorboard"] if TENSORBOARD else [])],
        seed=1,
        **small,
    )
    model.learn(48, log_interval=2, tb_log_name="walk")
    assert "rollout/" in capsys.readouterr().out
    folder = tmp_path / "walk_1"
    lines = [json.loads(line) for line in (folder / "progress.json").read_text().splitlines()]
    assert [line["time/total_timesteps"] for line in lines] == [32]
    assert [row["time/total_timesteps"] for row in rows(folder / "progress.csv")] == ["32"]
    assert any(path.name.startswith("events") for path in folder.iterdir()) == TENSORBOARD
    model.learn(48, tb_log_name="walk", log_interval=None)
    assert (tmp_path / "walk_2").is_dir()
    assert not rows(tmp_path / "walk_2" / "progress.csv")
    model.learn(16, tb_log_name="walk", reset_num_timesteps=False)
    model.logger.close()
    assert [row["time/total_timesteps"] for row in rows(tmp_path / "walk_2" / "progress.csv")] == [
        "64"
    ]


def test_tensorboard_by_its_folder(walk, small, tmp_path) -> None:
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    ).EventAccumulator
    model = PPO("MlpPolicy", walk(), tensorboard_log=str(tmp_path), seed=1, **small)
    model.learn(32)
    model.logger.close()
    events = accumulator(str(tmp_path / "PPO_1"))
    events.Reload()
    tags = set(events.Tags()["scalars"])
    assert {"rollout/ep_rew_mean", "time/fps", "train/loss", "time/env_share"} <= tags
    assert not {"time/iterations", "time/total_timesteps"} & tags
    assert [event.step for event in events.Scalars("train/loss")] == [16, 32]


def test_silence_by_default(walk, small, capsys) -> None:
    PPO("MlpPolicy", walk(), **small).learn(32)
    assert capsys.readouterr() == ("", "")
    with pytest.raises(RuntimeError, match="no logger before learn"):
        _ = PPO("MlpPolicy", walk(), **small).logger


def test_wandb_by_name(walk, small, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)  # not installed
    with pytest.raises(ImportError, match="pip install wandb"):
        PPO("MlpPolicy", walk(), logger=["wandb"], **small).learn(16)
    sent: list[tuple[int, dict[str, float]]] = []
    fake = types.ModuleType("wandb")
    fake.run, fake.init = None, lambda name: sent.append((0, {"name": name}))
    fake.log = lambda values, step: sent.append((step, values))
    fake.finish = lambda: None
    monkeypatch.setitem(sys.modules, "wandb", fake)
    PPO("MlpPolicy", walk(), logger=["wandb"], **small).learn(32, tb_log_name="run")
    assert sent[0] == (0, {"name": "run"})
    assert [step for step, _ in sent[1:]] == [16, 32]
    assert {"train/loss", "rollout/ep_rew_mean"} <= set(sent[1][1])


def test_bad_outputs_are_refused(walk, small) -> None:
    with pytest.raises(ValueError, match=r"logger must name outputs of .*got 'paper'"):
        PPO("MlpPolicy", walk(), logger=["paper"], **small).learn(16)
    with pytest.raises(ValueError, match="tensorboard_log must name a folder for the logger 'csv'"):
        PPO("MlpPolicy", walk(), logger=["csv"], **small).learn(16)


def test_window_of_the_statistics(walk, loop) -> None:
    model = PPO("MlpPolicy", loop(walk, 2), n_steps=40, batch_size=80, stats_window_size=3, seed=1)
    model.learn(80)
    assert len(model.ep_info_buffer) == 3
    assert {info["l"] for info in model.ep_info_buffer} == {5.0}
    mean = np.mean([info["r"] for info in model.ep_info_buffer])
    assert model.agent.metrics()["rollout/ep_rew_mean"] == mean
    assert list(model.ep_success_buffer) == [1.0] * 3


def test_monitors_word_counts_where_rewards_are_normalised(walk, small) -> None:
    env = VecNormalize(VecMonitor(DummyVecEnv([walk] * 2)))
    model = PPO("MlpPolicy", env, seed=1, **small).learn(64)
    returns = [info["r"] for info in model.ep_info_buffer]
    assert all(float(r).is_integer() for r in returns)
    assert not float(model.agent.metrics()["rollout/ep_true_rew_mean"]).is_integer()


def test_share_of_the_reward_design() -> None:
    env = gym.make_vec(
        "SparseKey-5x5-v0",
        num_envs=4,
        vectorization_mode="vector_entry_point",
        autoreset_mode=AutoresetMode.SAME_STEP,
    )
    env = operant.shape(env, "count", gamma=0.99)
    model = PPO("MlpPolicy", env, n_steps=16, batch_size=16).learn(64)
    metrics = model.agent.metrics()
    assert 0 < metrics["time/design_share"] < 1
    assert 0 < metrics["time/env_share"] < 1
