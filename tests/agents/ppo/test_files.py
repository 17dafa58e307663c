"""A model's file: exact resume, and an error that names what is wrong for every bad one."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import pathlib
import struct
import subprocess
import sys
import zipfile

import gymnasium as gym
import numpy as np
import pytest
import stable_baselines3
import torch
from safetensors import numpy as safetensors
from stable_baselines3.common.vec_env import DummyVecEnv

from operant.agents import PPO
from operant.agents.native.hooks import Hooks
from operant.agents.native.model_file import ModelFileError
from operant.agents.native.space_specs import space_from, space_spec

HYPER = {"n_steps": 16, "batch_size": 24, "n_epochs": 2, "policy_kwargs": {"net_arch": [8]}}


def corridor_env(rows: int = 4):
    """Return the test env; the other process cannot ask pytest for it."""
    path = pathlib.Path(__file__).parents[1] / "conftest.py"
    spec = importlib.util.spec_from_file_location("corridor_env", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Corridor(rows)


@pytest.fixture
def path(tmp_path):
    """A small trained model."""
    PPO("MlpPolicy", corridor_env(), seed=5, **HYPER).learn(128).save(tmp_path / "model")
    return tmp_path / "model.zip"


def rewrite(path, change) -> None:
    """Change the files inside a model; the zip itself stays sound."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)


def with_meta(**changes):
    def change(files) -> None:
        meta = json.loads(files["model.json"])
        for name, value in changes.items():
            if value is None:
                del meta[name]
            else:
                meta[name] = value
        files["model.json"] = json.dumps(meta).encode()

    return change


def signed(files, name: str, data: bytes) -> None:
    """Replace a file and its checksum, as somebody would who tampers with it."""
    meta = json.loads(files["model.json"])
    meta["sha256"][name] = hashlib.sha256(data).hexdigest()
    files[name], files["model.json"] = data, json.dumps(meta).encode()


@pytest.mark.slow
def test_resumed_in_a_new_process_equals_uninterrupted(tmp_path, same) -> None:
    whole = PPO("MlpPolicy", corridor_env(), seed=5, **HYPER).learn(512)
    half = PPO("MlpPolicy", corridor_env(), seed=5, **HYPER).learn(256)
    half.save(tmp_path / "model")
    subprocess.run([sys.executable, __file__, str(tmp_path / "model")], check=True)
    resumed = PPO.load(tmp_path / "model")
    assert resumed.num_timesteps == whole.num_timesteps == 512
    assert same(whole, resumed)
    assert not same(half, resumed)
    moments = [m.agent.training_state()[0]["optimizer/0/exp_avg"] for m in (whole, resumed)]
    assert np.array_equal(*moments)
    assert list(resumed.ep_info_buffer) == list(whole.ep_info_buffer)


def test_file_holds_json_and_safetensors_and_is_reproducible(path, tmp_path) -> None:
    with zipfile.ZipFile(path) as archive:
        assert {name.rpartition(".")[2] for name in archive.namelist()} == {"json", "safetensors"}
    for name in ("a", "b"):
        PPO.load(path, corridor_env()).save(tmp_path / f"{name}.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert not list(tmp_path.glob("*.partial"))


def test_open_files_and_names(tmp_path) -> None:
    model = PPO("MlpPolicy", corridor_env(), seed=5, **HYPER)
    with (tmp_path / "f").open("w+b") as file:
        model.save(file)
        assert PPO.load(file).seed == 5
        assert not file.closed
    content = io.BytesIO()
    model.save(content)
    assert PPO.load(content).seed == 5
    model.save(str(tmp_path / "deep" / "name"))
    assert (tmp_path / "deep" / "name.zip").exists()
    with pytest.raises(FileNotFoundError):
        PPO.load(tmp_path / "absent")


def test_everything_comes_back_and_can_be_overridden(path) -> None:
    model = PPO.load(path, corridor_env(), verbose=1, learning_rate=1e-5, n_steps=8, gae_lambda=0.5)
    assert (model.verbose, model.learning_rate, model.n_steps, model.seed) == (1, 1e-5, 8, 5)
    assert (model.batch_size, model.net_arch, model.num_timesteps) == (24, (8,), 128)
    assert model._last_obs["cell"].shape == (4, 1)
    with pytest.raises(ValueError, match="no field 'learning_rat'; did you mean"):
        PPO.load(path, learning_rat=1.0)


def test_without_env_it_acts_and_does_not_learn(path, tmp_path) -> None:
    model = PPO.load(path)
    obs = corridor_env().reset(seed=0)[0]
    with_env = PPO.load(path, corridor_env())
    assert np.array_equal(*(m.predict(obs, deterministic=True)[0] for m in (model, with_env)))
    assert model.get_env() is None
    with pytest.raises(ValueError, match=r"no env to learn on: call set_env\(env\)"):
        model.learn(64)
    model = PPO.load(path)
    model.save(tmp_path / "copy")
    one, two = (PPO.load(p, corridor_env()) for p in (path, tmp_path / "copy"))
    for m in (one, two):
        m.learn(64, reset_num_timesteps=False)
    assert np.array_equal(one._last_obs["cell"], two._last_obs["cell"])
    model.set_env(corridor_env())
    assert model.learn(64, reset_num_timesteps=False).num_timesteps == 192


def test_new_episodes_on_demand_and_where_they_must_be(path, same) -> None:
    assert PPO.load(path, corridor_env(), force_reset=True)._last_obs is None
    other = PPO.load(path, corridor_env(7))
    assert other.n_envs == 7
    assert other.num_timesteps == 128
    assert same(other, PPO.load(path))
    other.learn(112, reset_num_timesteps=False)
    assert other.num_timesteps == 240


def test_env_that_stands_where_it_was_left(walk, small, tmp_path) -> None:
    env = DummyVecEnv([walk] * 2)
    model = PPO("MlpPolicy", env, seed=1, **small).learn(32)
    model.save(tmp_path / "model")
    assert PPO.load(tmp_path / "model", env)._last_obs is None
    again = PPO.load(tmp_path / "model", env, force_reset=False)
    assert np.array_equal(again._last_obs, model._last_obs)
    again.learn(32, reset_num_timesteps=False)
    assert again.rollout_buffer.observations[0, 0, 0] == model._last_obs[0, 0]


def test_memory_of_a_recurrent_model(tmp_path, same) -> None:
    hyper = {**HYPER, "recurrent": "gru", "recurrent_units": 8}
    whole = PPO("MlpPolicy", corridor_env(), seed=5, **hyper).learn(256)
    PPO("MlpPolicy", corridor_env(), seed=5, **hyper).learn(128).save(tmp_path / "model")
    resumed = PPO.load(tmp_path / "model", corridor_env())
    assert same(resumed.learn(128, reset_num_timesteps=False), whole)
    PPO.load(tmp_path / "model", corridor_env(3)).learn(48)


def test_counting_from_0_starts_new_episodes() -> None:
    model = PPO("MlpPolicy", corridor_env(), seed=5, **HYPER).learn(128)
    model.learn(64)
    assert model.num_timesteps == 64
    assert model.learn(64, reset_num_timesteps=False).num_timesteps == 128
    assert model.agent.collector.episodes.lengths.max() <= 20


def test_schedules_run_over_past_and_new_transitions() -> None:
    rate = {"kind": "linear", "from": 1.0, "to": 0.0}
    model = PPO("MlpPolicy", corridor_env(), seed=5, clip_range=rate, **HYPER).learn(128)
    assert model.agent.metrics()["train/clip_range"] == 0
    model.learn(128, reset_num_timesteps=False)
    model.learn(256, lambda n, _: model.num_timesteps <= 320, reset_num_timesteps=False)
    assert model.agent.metrics()["train/clip_range"] == pytest.approx(1 - 320 / 512)


class Named(Hooks):
    """A hook with a state."""

    def __init__(self, value: int) -> None:
        self.value = value

    def state(self):
        return {"value": np.array([self.value])}, {}

    def load_state(self, arrays, meta) -> None:
        self.value = int(arrays["value"][0])


def test_hooks_are_given_again_and_get_their_state(tmp_path) -> None:
    PPO("MlpPolicy", corridor_env(), hooks=[Named(7)], **HYPER).save(tmp_path / "model")
    with pytest.raises(ValueError, match=r"hook_types \['Named'\], this agent has \[\]"):
        PPO.load(tmp_path / "model", corridor_env())
    hook = Named(0)
    PPO.load(tmp_path / "model", corridor_env(), hooks=[hook])
    assert hook.value == 7


SPACES = [
    gym.spaces.Box(0, 255, (4, 4, 3), np.uint8),
    gym.spaces.Box(np.array([-1, -np.inf, 0], np.float32), np.array([1, np.inf, 9], np.float32)),
    gym.spaces.Box(-np.inf, np.inf, (), np.float64),
    gym.spaces.Discrete(4, start=-1),
    gym.spaces.MultiDiscrete([[2, 3], [4, 5]], start=[[1, 0], [0, 7]]),
    gym.spaces.MultiBinary((2, 3)),
    gym.spaces.Dict(b=gym.spaces.Discrete(2), a=gym.spaces.Box(0, 1, (2,), np.float32)),
]


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_spaces_survive_json(space) -> None:
    again = space_from(json.loads(json.dumps(space_spec(space), allow_nan=False)))
    assert again == space
    assert again.dtype == space.dtype
    with pytest.raises(ValueError, match=r"to be saved, got Text"):
        space_spec(gym.spaces.Text(3))


# ---- bad input ------------------------------------------------------------------------------


def test_other_architecture_spaces_or_objects(path, walk) -> None:
    with pytest.raises(ValueError, match=r"weights do not fit the network: 'action_net.weight'"):
        PPO.load(path, corridor_env(), policy_kwargs={"net_arch": [9]})
    with pytest.raises(ValueError, match=r"observation_space of the env must be Dict.*got Box"):
        PPO.load(path, walk())
    other = corridor_env()
    other.single_action_space.n = np.int64(4)
    with pytest.raises(ValueError, match=r"action_space of the env must be Discrete.3. as the"):
        PPO.load(path, other)
    with pytest.raises(ValueError, match=r"custom_objects is not supported.*learning_rate="):
        PPO.load(path, custom_objects={"learning_rate": 1.0})
    with pytest.raises(ValueError, match="exclude and include are not supported"):
        PPO.load(path).save(path, exclude=["verbose"])


BAD = {
    "version": (with_meta(version=99), "version in model.json of .* must be 1, got 99.*operant"),
    "format": (with_meta(format="zip"), "format in model.json"),
    "no_config": (with_meta(config=None), "field 'config' of a model must be a dict, got None"),
    "bad_seed": (with_meta(seed="x"), "field 'seed' of a model must be a int, got 'x'"),
    "bad_counter": (
        with_meta(training={"counters": {"num_steps": -1}}),
        "counter 'num_steps' must be an integer >= 0, got -1",
    ),
    "bad_space": (with_meta(action_space={"type": "Tuple"}), "not the spec of a space.*Tuple"),
    "unknown_field": (with_meta(config={"gama": 1}), "no field 'gama'; did you mean .*gamma"),
    "no_state": (with_meta(training={}), "the training state has agent None, this agent has 'ppo'"),
    "not_json": (lambda files: files.update({"model.json": b"{"}), "model.json in .* is not JSON"),
    "no_meta": (lambda files: files.pop("model.json"), "is no model: it has no model.json"),
    "no_tensors": (
        lambda files: files.pop("training.safetensors"),
        "training.safetensors in .* does not match its checksum",
    ),
    "flipped": (
        lambda files: files.update(
            {"training.safetensors": files["training.safetensors"][:-1] + b"\1"}
        ),
        "training.safetensors in .* does not match its checksum",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_file_is_refused_by_name(kind, path) -> None:
    change, message = BAD[kind]
    rewrite(path, change)
    with pytest.raises(ValueError, match=message):
        PPO.load(path, corridor_env())


def test_tampered_tensors_are_refused_by_name(path) -> None:
    name, good = "training.safetensors", path.read_bytes()

    def header(files) -> None:
        data = files[name]
        size = struct.unpack("<Q", data[:8])[0]
        signed(
            files, name, data[:8] + data[8 : 8 + size].replace(b"F32", b"F64") + data[8 + size :]
        )

    rewrite(path, header)
    with pytest.raises(ModelFileError, match=r"training.safetensors in .* is damaged"):
        PPO.load(path)

    def changed(edit):
        def change(files) -> None:
            arrays = safetensors.load(files[name])
            edit(arrays)
            signed(files, name, safetensors.save(arrays))

        return change

    weight, moment = "policy/action_net.weight", "optimizer/0/exp_avg"
    cases = [
        (lambda a: a.update({weight: a[weight].T.copy()}), "'action_net.weight' should be"),
        (
            lambda a: a.update({weight: a[weight].astype(np.float64)}),
            "'action_net.weight'.*float64",
        ),
        (
            lambda a: a.update({moment: a[moment].ravel()}),
            "optimizer state '0/exp_avg' should have",
        ),
        (lambda a: a.pop("generator/state"), "lacks something: .*generator/state"),
    ]
    for edit, message in cases:
        path.write_bytes(good)
        rewrite(path, changed(edit))
        with pytest.raises(ValueError, match=message):
            PPO.load(path)


def test_what_is_no_zip_is_refused(path) -> None:
    good = path.read_bytes()
    for data in (b"", b"hello", good[: len(good) // 2]):
        path.write_bytes(data)
        with pytest.raises(ModelFileError, match=r"model.zip is no zip, or a damaged one"):
            PPO.load(path)
    place = good.index(b"training.safetensors") + 3000
    path.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
    with pytest.raises(ModelFileError, match="damaged"):
        PPO.load(path)


# ---- from SB3 -------------------------------------------------------------------------------


@pytest.mark.parametrize("env", ["CartPole-v1", "Pendulum-v1"])
@pytest.mark.parametrize("by", ["file", "model"])
def test_sb3_model_is_taken_over(env, by, tmp_path) -> None:
    network = {"net_arch": {"pi": [16, 8], "vf": [12]}, "activation_fn": torch.nn.ReLU}
    theirs = stable_baselines3.PPO(
        "MlpPolicy", env, n_steps=32, batch_size=16, seed=3, policy_kwargs=network, device="cpu"
    ).learn(64)
    theirs.save(tmp_path / "sb3")
    with pytest.raises(
        ModelFileError, match=r"saved by stable_baselines3.*PPO.from_sb3\(path, env"
    ):
        PPO.load(tmp_path / "sb3")
    given = {"activation_fn": torch.nn.ReLU} if by == "file" else {}
    source = theirs if by == "model" else tmp_path / "sb3"
    ours = PPO.from_sb3(source, env, policy_kwargs=given)
    assert (ours.n_steps, ours.batch_size, ours.seed) == (32, 16, 3)
    obs = np.random.default_rng(0).normal(size=(64, *theirs.observation_space.shape))
    obs = obs.astype(np.float32)
    mine, its = (model.predict(obs, deterministic=True)[0] for model in (ours, theirs))
    assert np.allclose(mine, its, atol=1e-5)
    tensors = torch.from_numpy(obs)
    with torch.no_grad():
        values = [m.policy.predict_values(tensors) for m in (ours, theirs)]
    assert torch.allclose(*values, atol=1e-5)
    state = theirs.policy.optimizer.state_dict()["state"]
    assert torch.equal(
        ours.agent.optimizer.state_dict()["state"][0]["exp_avg"], state[0]["exp_avg"]
    )
    assert ours.learn(32).num_timesteps == 32


def test_sb3_models_that_do_not_fit_are_refused(tmp_path, walk) -> None:
    theirs = stable_baselines3.PPO("MlpPolicy", "CartPole-v1", device="cpu")
    with pytest.raises(ValueError, match="weights do not fit the network"):
        PPO.from_sb3(theirs, walk())
    (tmp_path / "no.zip").write_bytes(b"no")
    with pytest.raises(ValueError, match=r"no.zip is no model that stable_baselines3 saved"):
        PPO.from_sb3(tmp_path / "no", "CartPole-v1")


if __name__ == "__main__":
    resumed = PPO.load(sys.argv[1], corridor_env())
    assert resumed.num_timesteps == 256
    resumed.learn(256, reset_num_timesteps=False)
    resumed.save(sys.argv[1])
