"""Training in two processes equals training in one, bit for bit."""

from __future__ import annotations

import json
import pathlib
import runpy
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from safetensors import numpy as safetensors

import operant
from operant.agents import make_agent

pytestmark = pytest.mark.integration

REPLAY = {"learning_starts": 50, "batch_size": 16, "net_arch": [8], "train_freq": 4}
SMALL = {
    "sb3-ppo": {"n_steps": 16, "batch_size": 16, "n_epochs": 2, "net_arch": [8]},
    "sb3-dqn": {
        "learning_starts": 50,
        "buffer_size": 150,
        "target_update_interval": 40,
        "exploration_final_eps": 0.9,
    },
    "sb3-a2c": {"n_steps": 16, "net_arch": [8]},
    "sb3-qrdqn": {
        "learning_starts": 50,
        "buffer_size": 150,
        "target_update_interval": 40,
        "exploration_final_eps": 0.9,
        "n_quantiles": 5,
    },
    "sb3-maskable-ppo": {"n_steps": 16, "batch_size": 16, "n_epochs": 2, "net_arch": [8]},
    "sb3-recurrent-ppo": {"n_steps": 16, "batch_size": 32, "n_epochs": 1, "lstm_hidden_size": 8},
    "sb3-sac": {**REPLAY, "buffer_size": 150},
    "sb3-td3": {**REPLAY, "buffer_size": 150},
}
DISCRETE = [name for name in SMALL if name not in ("sb3-sac", "sb3-td3")]
HALF, FULL = 128, 256


def sparse_key():
    env = gym.make_vec(
        "SparseKey-5x5-v0",
        num_envs=4,
        vectorization_mode="vector_entry_point",
        autoreset_mode=AutoresetMode.SAME_STEP,
        max_steps=40,
    )
    return operant.shape(env, "count", gamma=0.99)


def env_of(level: int, name: str):
    """Return a test env; the other process cannot ask pytest for it."""
    return runpy.run_path(str(pathlib.Path(__file__).parents[level] / "conftest.py"))[name](4)


def corridor_env():
    return env_of(1, "Corridor")


def reach_env():
    return env_of(0, "Reach")


def build(name: str, make_env=None, **hyper):
    make_env = make_env or (corridor_env if name in DISCRETE else reach_env)
    return make_agent(name, make_env(), seed=5, **SMALL[name], **hyper)


def run(name: str, steps: int, make_env=None):
    """Train towards FULL, and stop at a boundary once ``steps`` are reached."""
    agent = build(name, make_env)
    agent.learn(FULL, lambda agent: agent.num_steps < steps)
    return agent


def save(agent, folder: pathlib.Path) -> None:
    arrays, meta = agent.training_state()
    (folder / "state.safetensors").write_bytes(safetensors.save(arrays))
    (folder / "state.json").write_text(json.dumps(meta, allow_nan=False))


def load(agent, folder: pathlib.Path) -> None:
    arrays = safetensors.load((folder / "state.safetensors").read_bytes())
    agent.load_training_state(arrays, json.loads((folder / "state.json").read_text()))


def without_clock(meta):
    """Drop what depends on the wall clock."""
    meta = json.loads(json.dumps(meta))
    meta["metrics"] = {k: v for k, v in meta["metrics"].items() if not k.startswith("time/")}
    for episode in meta["algorithm"]["episodes"]:
        del episode["t"]
    return meta


def assert_equal_states(one, two) -> None:
    assert one[0].keys() == two[0].keys()
    for name, value in one[0].items():
        assert value.dtype == two[0][name].dtype, name
        assert value.tobytes() == np.ascontiguousarray(two[0][name]).tobytes(), name
    assert without_clock(one[1]) == without_clock(two[1])


@pytest.fixture(scope="module")
def resumed(tmp_path_factory):
    """Train all agents half the way, and the rest of it in one other process."""
    folder = tmp_path_factory.mktemp("resumed")
    halves = {name: run(name, HALF) for name in SMALL}
    for name, half in halves.items():
        assert half.num_steps == HALF
        (folder / name).mkdir()
        save(half, folder / name)
    subprocess.run([sys.executable, __file__, str(folder)], check=True)
    return folder, halves


@pytest.mark.parametrize("name", SMALL)
def test_resumed_in_a_new_process_equals_uninterrupted(name, resumed) -> None:
    folder, half = resumed[0] / name, resumed[1][name]
    whole = run(name, FULL)
    arrays = safetensors.load((folder / "state.safetensors").read_bytes())
    meta = json.loads((folder / "state.json").read_text())
    assert meta["exact_resume"] is True
    assert meta["algorithm"]["counters"]["num_timesteps"] == FULL
    assert meta["algorithm"]["counters"]["_n_updates"] > 0
    assert_equal_states(whole.training_state(), (arrays, meta))
    assert not all(  # the second half did train
        np.array_equal(value, half.training_state()[0][name])
        for name, value in arrays.items()
        if name.startswith("algorithm/policy/")
    )


@pytest.mark.parametrize("name", ["sb3-ppo", "sb3-dqn"])
def test_resumed_on_a_designed_sparse_key_equals_uninterrupted(name) -> None:
    whole = run(name, FULL, sparse_key)
    resumed = build(name, sparse_key)
    resumed.load_training_state(*run(name, HALF, sparse_key).training_state())
    resumed.learn(FULL)
    assert_equal_states(resumed.training_state(), whole.training_state())


@pytest.mark.parametrize("name", ["sb3-ppo", "sb3-dqn", "sb3-sac", "sb3-recurrent-ppo"])
def test_state_before_training_and_at_the_first_boundary(name) -> None:
    whole = run(name, FULL).training_state()
    for start in (build(name), run(name, 0)):
        assert start.num_steps == 0
        agent = build(name)
        agent.load_training_state(*start.training_state())
        agent.learn(FULL)
        assert_equal_states(agent.training_state(), whole)


def test_two_agents_taking_turns_equal_each_alone() -> None:
    pair = ("sb3-ppo", "sb3-sac")
    alone = {name: run(name, FULL).training_state() for name in pair}
    agents = {name: build(name) for name in pair}
    for goal in (64, 128, 256):
        for agent in agents.values():
            agent.learn(FULL, lambda agent, goal=goal: agent.num_steps < goal)
    for name, agent in agents.items():
        assert_equal_states(agent.training_state(), alone[name])


def test_equal_seeds_train_equally_and_others_do_not() -> None:
    one, two = run("sb3-ppo", FULL), run("sb3-ppo", FULL)
    assert_equal_states(one.training_state(), two.training_state())
    other = make_agent("sb3-ppo", corridor_env(), seed=6, **SMALL["sb3-ppo"])
    assert not np.array_equal(
        other.policy_state()[0]["action_net.weight"], one.policy_state()[0]["action_net.weight"]
    )


def test_env_without_state_is_reset_on_load(corridor, stateless) -> None:
    def stateless_corridor():
        return stateless(corridor())

    agent = build("sb3-ppo", stateless_corridor)
    agent.learn(64)
    arrays, meta = agent.training_state()
    assert meta["exact_resume"] is False
    assert not any(name.startswith("episodes/") for name in arrays)
    again = build("sb3-ppo", stateless_corridor)
    again.load_training_state(arrays, json.loads(json.dumps(meta)))
    again.learn(128)
    assert again.num_steps == 128


def test_state_of_another_agent_is_refused() -> None:
    arrays, meta = run("sb3-ppo", HALF).training_state()
    other = make_agent("sb3-ppo", corridor_env(), seed=6, **SMALL["sb3-ppo"])
    with pytest.raises(ValueError, match="state has seed 5, this agent has 6"):
        other.load_training_state(arrays, meta)


def test_hindsight_is_resumed_exactly() -> None:
    def goals(steps: int):
        agent = build("sb3-sac", her={"n_sampled_goal": 2})
        agent.learn(FULL, lambda agent: agent.num_steps < steps)
        return agent

    agent = build("sb3-sac", her={"n_sampled_goal": 2})
    agent.load_training_state(*goals(HALF).training_state())
    agent.learn(FULL)
    assert_equal_states(agent.training_state(), goals(FULL).training_state())


def test_hindsight_forgets_the_episode_that_a_reset_interrupted(stateless) -> None:
    def agent():
        return make_agent("sb3-sac", stateless(reach_env()), seed=5, her={}, **REPLAY)

    half = agent()
    half.learn(500, lambda agent: agent.num_steps < 100)  # 25 steps per row: in mid-episode
    begun = half.model.replay_buffer._current_ep_start.copy()
    assert (begun < half.model.replay_buffer.pos).any()
    whole = agent()
    whole.load_training_state(*half.training_state())
    whole.learn(500)
    buffer = whole.model.replay_buffer
    for row, start in enumerate(begun):  # no episode spans the reset
        assert (buffer.ep_length[start:25, row] == 0).all()
    assert (buffer.ep_length[25:30] > 0).any()


def test_masks_are_resumed(doors) -> None:
    agent = make_agent("sb3-maskable-ppo", doors(), n_steps=8, batch_size=16)
    agent.learn(64)
    again = make_agent("sb3-maskable-ppo", doors(), n_steps=8, batch_size=16)
    again.load_training_state(*agent.training_state())
    agent.learn(320)
    again.learn(320)
    assert again.env.entered == 0
    assert_equal_states(agent.training_state(), again.training_state())


if __name__ == "__main__":
    for folder in pathlib.Path(sys.argv[1]).iterdir():
        agent = build(folder.name)
        load(agent, folder)
        agent.learn(FULL)
        save(agent, folder)
