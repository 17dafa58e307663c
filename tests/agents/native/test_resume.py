"""Training in two processes equals training in one, bit for bit."""

from __future__ import annotations

import importlib.util
import json
import pathlib
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

HALF, FULL = 512, 1024
SMALL = {
    "n_steps": 16,
    "batch_size": 24,
    "n_epochs": 2,
    "net_arch": [8],
    "learning_rate": {"kind": "linear", "from": 3e-3, "to": 0.0},
}
MODES = {mode.name: mode for mode in AutoresetMode}
STREAMS = {"env": {}, "novelty": {"gamma": 0.9, "episodic": False, "coef": 0.5}}


def corridor():
    """Return the test env; the other process cannot ask pytest for it."""
    path = pathlib.Path(__file__).parents[1] / "conftest.py"
    spec = importlib.util.spec_from_file_location("corridor_env", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Corridor(4)


def sparse_key(mode: str):
    env = gym.make_vec(
        "SparseKey-5x5-v0",
        num_envs=4,
        vectorization_mode="vector_entry_point",
        autoreset_mode=MODES[mode],
        max_steps=28,  # with pseudo-steps, an episode ends at the boundary after HALF
    )
    return operant.shape(env, "count", gamma=0.99)


def build(case: str):
    if case == "corridor":
        return make_agent("ppo", corridor(), seed=5, **SMALL)
    return make_agent("ppo", sparse_key(case), seed=5, **SMALL, reward_streams=STREAMS)


def run(case: str, steps: int):
    """Train towards FULL, and stop at a boundary once ``steps`` are reached."""
    agent = build(case)
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
    meta["metrics"] = {
        name: value
        for name, value in meta["metrics"].items()
        if name not in ("time/fps", "time/time_elapsed") and not name.endswith("_share")
    }
    return meta


def assert_equal_states(one, two) -> None:
    assert one[0].keys() == two[0].keys()
    for name, value in one[0].items():
        assert value.dtype == two[0][name].dtype, name
        assert value.tobytes() == np.ascontiguousarray(two[0][name]).tobytes(), name
    assert without_clock(one[1]) == without_clock(two[1])


def test_resumed_in_a_new_process_equals_uninterrupted(tmp_path) -> None:
    whole, half = run("corridor", FULL), run("corridor", HALF)
    assert half.num_steps == HALF
    save(half, tmp_path)
    subprocess.run([sys.executable, __file__, str(tmp_path)], check=True)
    arrays = safetensors.load((tmp_path / "state.safetensors").read_bytes())
    meta = json.loads((tmp_path / "state.json").read_text())
    assert meta["exact_resume"] is True
    assert meta["counters"]["num_steps"] == FULL
    assert_equal_states(whole.training_state(), (arrays, meta))
    assert not all(  # the second half did train
        np.array_equal(value, half.training_state()[0][name])
        for name, value in arrays.items()
        if name.startswith("policy/")
    )


@pytest.mark.parametrize("case", ["SAME_STEP", "NEXT_STEP", "DISABLED"])
def test_resumed_with_streams_in_every_autoreset_mode(case) -> None:
    whole, resumed = run(case, FULL), build(case)
    arrays, meta = run(case, HALF).training_state()
    assert case != "NEXT_STEP" or arrays["episodes/ended"].any()
    resumed.load_training_state(arrays, meta)
    resumed.learn(FULL)
    assert_equal_states(resumed.training_state(), whole.training_state())


def test_state_before_training_and_at_the_first_boundary() -> None:
    whole = run("corridor", FULL).training_state()
    for start in (build("corridor"), run("corridor", 0)):
        assert start.num_steps == 0
        agent = build("corridor")
        agent.load_training_state(*start.training_state())
        agent.learn(FULL)
        assert_equal_states(agent.training_state(), whole)


def test_masks_are_part_of_the_state(identity) -> None:
    class Saving(identity):
        def get_state(self):
            words = json.dumps(self.rng.bit_generator.state).encode()
            return {"rng": np.frombuffer(words, np.uint8), "clock": np.array(self.clock)} | {
                "obs": self.obs.copy()
            }

        def set_state(self, state) -> None:
            self.rng = np.random.default_rng()
            self.rng.bit_generator.state = json.loads(state["rng"].tobytes())
            self.clock, self.obs = int(state["clock"]), state["obs"].copy()

    def make():
        return make_agent("ppo", Saving("discrete", masks=True), seed=5, **SMALL)

    whole, half, resumed = make(), make(), make()
    whole.learn(FULL)
    half.learn(FULL, lambda agent: agent.num_steps < HALF)
    resumed.load_training_state(*half.training_state())
    resumed.learn(FULL)
    assert "episodes/mask" in whole.training_state()[0]
    assert_equal_states(resumed.training_state(), whole.training_state())


def test_env_without_state_is_reset_on_load_with_another_seed(corridor, stateless) -> None:
    seeds = []

    class Noting(corridor):
        def reset(self, *, seed=None, options=None):
            seeds.append(seed)
            return super().reset(seed=seed, options=options)

    agent = make_agent("ppo", stateless(Noting()), seed=5, **SMALL)
    agent.learn(64)
    arrays, meta = agent.training_state()
    assert meta["exact_resume"] is False
    assert not any(name.startswith("episodes/") for name in arrays)
    again = make_agent("ppo", stateless(Noting()), seed=5, **SMALL)
    again.load_training_state(arrays, json.loads(json.dumps(meta)))
    again.learn(128)
    assert again.num_steps == 128
    assert len(set(seeds)) == len(seeds) == 2


def test_first_reset_is_seeded_as_by_the_other_agents(corridor) -> None:
    seeds = []

    class Noting(corridor):
        def reset(self, *, seed=None, options=None):
            seeds.append(seed)
            return super().reset(seed=seed, options=options)

    for name in ("ppo", "sb3-ppo"):
        make_agent(name, Noting(), seed=5, n_steps=8, batch_size=16).learn(1)
    assert seeds[0] == seeds[1] is not None


def test_state_of_another_agent_is_refused() -> None:
    arrays, meta = run("corridor", HALF).training_state()
    other = make_agent("ppo", corridor(), seed=6, **SMALL)
    with pytest.raises(ValueError, match="state has seed 5, this agent has 6"):
        other.load_training_state(arrays, meta)
    spoiled = {**arrays, "optimizer/0/exp_avg": np.zeros((2, 2), np.float32)}
    with pytest.raises(ValueError, match="optimizer state '0/exp_avg' should have the shape"):
        build("corridor").load_training_state(spoiled, meta)
    other = make_agent("ppo", corridor(), seed=5, **{**SMALL, "gamma": 0.5})
    with pytest.raises(ValueError, match="the training state has config"):
        other.load_training_state(arrays, meta)


if __name__ == "__main__":
    resumed = build("corridor")
    load(resumed, pathlib.Path(sys.argv[1]))
    resumed.learn(FULL)
    save(resumed, pathlib.Path(sys.argv[1]))
