"""PPO with a memory: what it can do that PPO without cannot, and when it remembers and forgets."""

from __future__ import annotations

import importlib.util
import json
import pathlib
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode
from safetensors import numpy as safetensors

from operant.agents import load_policy, make_agent
from operant.agents.base import Player
from operant.agents.native.config import PPOConfig
from operant.agents.native.hooks import Hooks
from operant.agents.native.ppo import PPOAgent

MODES = [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED]
SMALL = {"n_steps": 24, "batch_size": 96, "n_epochs": 2, "net_arch": (8,), "recurrent_units": 8}
SOLVES = {
    "n_steps": 32,
    "batch_size": 128,
    "n_epochs": 4,
    "net_arch": (),
    "recurrent_units": 32,
    "learning_rate": 3e-3,
}


def agent_on(env, kind: str | None = "lstm", *hooks: Hooks, seed: int = 0, **hyper) -> PPOAgent:
    config = PPOConfig(**{**SMALL, "recurrent": kind, **hyper})
    return PPOAgent(env, config=config, seed=seed, hooks=hooks)


# ---- what it can do ---------------------------------------------------------------------------


@pytest.mark.integration
@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_a_cue_is_recalled_after_a_delay(kind, masks, recall) -> None:
    agent = agent_on(recall(masks=masks), kind, **SOLVES)
    agent.learn(20_000, lambda agent: agent.metrics().get("rollout/ep_rew_mean", 0) < 0.97)
    assert agent.metrics()["rollout/ep_rew_mean"] >= 0.97
    scores = [played(agent, recall(32, mode=mode, masks=masks), masks) for mode in MODES]
    assert min(scores) > 0.9


def played(agent, env, masks: bool) -> float:
    """Play with the exported policy, and return the mean reward per episode."""
    arrays, meta = agent.policy_state()
    spaces = env.single_observation_space, env.single_action_space
    policy = load_policy(arrays, json.loads(json.dumps(meta)), *spaces)
    obs, infos = env.reset(seed=99)
    memory = np.zeros((env.num_envs, *policy.memory_shape), np.float32)
    total, episodes, over = 0.0, 0, np.zeros(env.num_envs, np.bool_)
    for _ in range(60):
        mask = infos["action_mask"] if masks else None
        actions, memory = policy.act_from(obs, memory, deterministic=True, action_mask=mask)
        memory[over] = 0  # NEXT_STEP: after its pseudo-step
        obs, reward, terminated, _, infos = env.step(actions)
        total, episodes = total + reward.sum(), episodes + terminated.sum()
        over = terminated if env.mode is AutoresetMode.NEXT_STEP else over
        if env.mode is not AutoresetMode.NEXT_STEP:
            memory[terminated] = 0
        if env.mode is AutoresetMode.DISABLED and terminated.any():
            obs, infos = env.reset(options={"reset_mask": terminated})
    return total / episodes


def test_without_a_memory_it_is_a_guess(recall) -> None:
    agent = agent_on(recall(), None, **SOLVES)
    agent.learn(15_000)  # twice what it takes with one
    assert agent.metrics()["rollout/ep_rew_mean"] < 0.6


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lstm", "gru"])
@pytest.mark.parametrize("mode", MODES)
def test_recall_over_chunks_in_every_autoreset_mode(mode, kind, recall) -> None:
    """Gradients run back 16 steps; the delay is 8, so that some episodes cross a chunk's border."""
    hyper = {**SOLVES, "bptt_horizon": 16, "recurrent_layers": 2}
    agent = agent_on(recall(delays=(7, 8), mode=mode), kind, **hyper)
    agent.learn(120_000, lambda agent: agent.metrics().get("rollout/ep_rew_mean", 0) < 0.97)
    assert agent.metrics()["rollout/ep_rew_mean"] >= 0.97


# ---- when it remembers ------------------------------------------------------------------------


def history(agent, rollouts: int):
    """Return per row, over several rollouts, what was seen and decided at every env step."""
    steps = []
    for _ in range(rollouts):
        rollout = agent.collect()
        steps += [
            {
                "obs": {key: part[t].clone() for key, part in rollout.obs.items()},
                "valid": rollout.valid[t].clone(),
                "done": rollout.terminated[t] | rollout.truncated[t],
                "values": rollout.values[t].clone(),
                "advantages": rollout.advantages[t].clone(),
            }
            for t in range(rollout.steps)
        ]
    return steps


@pytest.mark.integration
@pytest.mark.parametrize("truncates", [False, True])
@pytest.mark.parametrize("horizon", [None, 8])
@pytest.mark.parametrize("mode", MODES)
def test_advantages_are_those_of_single_episodes(mode, horizon, truncates, make_clocks) -> None:
    """The critic is asked anew, episode by episode; the clock at an episode's end is its length."""
    lengths, gamma, decay = [3, 5, 11, 40], 0.9, 0.8
    hyper = {"gamma": gamma, "gae_lambda": decay, "bptt_horizon": horizon}
    agent = agent_on(make_clocks(mode, lengths, truncates=truncates), **hyper)
    asked = 0
    steps = history(agent, 4)
    with torch.no_grad():
        for row, length in enumerate(lengths):
            memory, values = torch.zeros(agent.memory_shape[0], 1, 8), []
            for clock in range(length + 1):
                obs = {"": torch.full((1, 1), float(clock))}
                _, value, memory = agent.policy.model.step(obs, memory)
                values.append(float(value))
            for t, step in enumerate(steps):
                clock = int(step["obs"][""][row, 0])
                assert step["values"][row, 0] == pytest.approx(values[clock], abs=1e-5)
                if not step["valid"][row]:
                    assert step["advantages"][row, 0] == 0
                    continue
                wanted, weight, now = 0.0, 1.0, clock
                left = agent.rollout.steps - t % agent.rollout.steps
                while now < min(length, clock + left):
                    after = 0.0 if now + 1 == length and not truncates else values[now + 1]
                    wanted += weight * (now + 1 + gamma * after - values[now])
                    weight, now = weight * gamma * decay, now + 1
                assert step["advantages"][row, 0] == pytest.approx(wanted, rel=1e-4, abs=1e-4)
                asked += 1
    assert asked > 300


@pytest.mark.integration
@pytest.mark.parametrize("horizon", [None, 6, 1])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_sequences_say_what_was_said_in_the_rollout(kind, mode, horizon, recall) -> None:
    env = recall(mode=mode, masks=True)
    agent = agent_on(env, kind, bptt_horizon=horizon, recurrent_layers=2)
    agent.learn(1000)  # the values differ from row to row, and episodes run on
    rollout = agent.collect()
    seen = []
    for rows in agent.memory.minibatches(rollout, agent.policy.generator):
        loss = agent.memory.loss(rollout, rows, 0.2)
        assert float(loss.statistics[4]) == pytest.approx(0, abs=1e-6)  # the divergence
        assert float(loss.statistics[5]) == 0  # nothing is clipped
        positions, packed = agent.memory._sequences.take(rows)
        batch = rollout.minibatch(positions, packed)
        values = agent.policy.model(batch.obs, packed)[1]
        torch.testing.assert_close(values, batch.values, rtol=0, atol=1e-5)
        seen += positions.tolist()
    assert sorted(seen) == rollout.positions().tolist()
    assert (rollout.valid.all()) == (mode is not AutoresetMode.NEXT_STEP)


def test_a_batch_is_rounded_to_whole_sequences(recall) -> None:
    for size, sequences in ((2, 1), (24, 1), (40, 2), (96, 4), (10_000, 16)):
        agent = agent_on(recall(), batch_size=size)
        rollout = agent.collect()
        batches = list(agent.memory.minibatches(rollout, agent.policy.generator))
        assert len(batches[0]) == sequences
        assert sum(map(len, batches)) == 16


def test_nothing_is_remembered_of_an_interrupted_rollout(recall) -> None:
    class Flaky(recall):
        count = 0

        def step(self, actions):
            self.count += 1
            if self.count == 30:
                raise KeyboardInterrupt
            return super().step(actions)

    agent = agent_on(Flaky())
    agent.collect()
    with pytest.raises(KeyboardInterrupt):
        agent.collect()
    rollout = agent.collect()
    _, values, _ = agent.policy.model.step(rollout.obs_at(0), torch.zeros(2, 16, 8))
    torch.testing.assert_close(rollout.values[0], values, rtol=0, atol=1e-6)


# ---- together with everything else ------------------------------------------------------------


class Meddling(Hooks):
    """Biases, adds to the loss, keeps near a reference, and pays in a stream of its own."""

    reference_coef = 0.1

    def __init__(self) -> None:
        self.rows = []

    def action_bias(self, obs):
        return obs[""][:, :3]

    def reference_policy(self, obs):
        return torch.zeros(len(obs[""]), 3)

    def reward_streams(self, rollout):
        return {"bonus": (rollout.actions == 1).float()}

    def extra_loss(self, batch, params, values):
        assert params.shape == (len(batch.rows), 3)
        assert values.shape == (len(batch.rows), 2)
        assert len(batch.obs[""]) == len(batch.actions) == len(batch.rows)
        self.rows.append(batch.rows)
        return 0.01 * params.square().mean()


@pytest.mark.parametrize("mode", MODES)
def test_hooks_streams_masks_and_clipped_values(mode, recall) -> None:
    streams = {"reward": {}, "bonus": {"gamma": 0.5, "episodic": False}}
    hook = Meddling()
    agent = agent_on(
        recall(mode=mode, masks=True), "gru", hook, reward_streams=streams, clip_range_vf=0.1
    )
    rollout = agent.collect()
    agent.train_on(rollout)
    epoch = torch.cat(hook.rows[: len(hook.rows) // 2])
    assert epoch.sort().values.tolist() == rollout.positions().tolist()  # no pseudo-step
    allowed = rollout.masks[:-1].gather(2, rollout.actions.unsqueeze(-1)).squeeze(-1)
    assert allowed.all()
    assert "train/explained_variance/bonus" in agent.metrics()


@pytest.mark.parametrize("kind", ["multi", "binary", "box"])
def test_every_kind_of_actions(kind, identity) -> None:
    agent = agent_on(identity(kind), n_steps=16)
    agent.learn(512)
    env = identity(kind)
    obs, _ = env.reset(seed=0)
    player = Player(agent, 16)
    assert all(env.single_action_space.contains(a) for a in player.act(obs, deterministic=False))


# ---- exact resume -----------------------------------------------------------------------------

HALF, FULL = 768, 1536


def load_recall():
    """Return the test env; the other process cannot ask pytest for it."""
    path = pathlib.Path(__file__).with_name("conftest.py")
    spec = importlib.util.spec_from_file_location("recall_env", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Recall


def build(mode: str) -> PPOAgent:
    env = load_recall()(mode=AutoresetMode[mode], masks=True)
    return agent_on(env, seed=3, bptt_horizon=8)


def assert_equal(one, two) -> None:
    assert one.keys() == two.keys()
    for name, value in one.items():
        assert value.tobytes() == np.ascontiguousarray(two[name]).tobytes(), name


@pytest.mark.parametrize("mode", ["NEXT_STEP", "DISABLED"])
def test_resumed_equals_uninterrupted(mode) -> None:
    whole, half, resumed = build(mode), build(mode), build(mode)
    whole.learn(FULL)
    half.learn(FULL, lambda agent: agent.num_steps < HALF)
    arrays, meta = half.training_state()
    assert arrays["memory/state"].any()
    resumed.load_training_state(arrays, json.loads(json.dumps(meta)))
    resumed.learn(FULL)
    assert_equal(resumed.training_state()[0], whole.training_state()[0])
    spoiled = build(mode)
    spoiled.load_training_state({**arrays, "memory/state": 0 * arrays["memory/state"]}, meta)
    spoiled.learn(FULL)
    assert not np.array_equal(
        spoiled.training_state()[0]["policy/action_net.bias"],
        whole.training_state()[0]["policy/action_net.bias"],
    )


@pytest.mark.slow
def test_resumed_in_a_new_process_equals_uninterrupted(tmp_path) -> None:
    whole, half = build("SAME_STEP"), build("SAME_STEP")
    whole.learn(FULL)
    half.learn(FULL, lambda agent: agent.num_steps < HALF)
    arrays, meta = half.training_state()
    (tmp_path / "state.safetensors").write_bytes(safetensors.save(arrays))
    (tmp_path / "state.json").write_text(json.dumps(meta))
    subprocess.run([sys.executable, __file__, str(tmp_path)], check=True)
    resumed = safetensors.load((tmp_path / "state.safetensors").read_bytes())
    assert_equal(resumed, whole.training_state()[0])


# ---- acting -----------------------------------------------------------------------------------


def test_a_player_remembers_and_forgets(recall) -> None:
    agent = agent_on(recall())
    env = recall(4)
    first, _ = env.reset(seed=1)
    blank = np.zeros_like(first)
    player, fresh = Player(agent, 4), Player(agent, 4)
    assert player.memory.shape == (4, 2, 8)
    player.act(first, deterministic=True)
    player.forget(np.array([True, False, True, False]))
    assert not player.memory[[0, 2]].any()
    assert player.memory[[1, 3]].any()
    player.act(blank, deterministic=True)
    fresh.act(blank, deterministic=True)
    same = [np.allclose(one, two) for one, two in zip(player.memory, fresh.memory, strict=True)]
    assert same == [True, False, True, False]
    memory = fresh.memory.copy()
    agent.act_from(blank, fresh.memory, deterministic=True)
    assert np.array_equal(memory, fresh.memory)  # the caller's stays


def test_a_player_of_a_policy_without_memory_just_acts(recall) -> None:
    agent, env = agent_on(recall(), None), recall(4)
    obs, _ = env.reset(seed=0)
    player = Player(agent, 4)
    assert player.memory is None
    player.forget(np.ones(4, np.bool_))
    assert np.array_equal(player.act(obs, deterministic=True), agent.act(obs, deterministic=True))
    with pytest.raises(ValueError, match="has no memory; build it with recurrent='lstm' or 'gru'"):
        agent.act_from(obs, np.zeros((4, 2, 8), np.float32), deterministic=True)


def test_acting_without_what_is_remembered_is_refused(recall) -> None:
    agent, env = agent_on(recall()), recall(4)
    obs, _ = env.reset(seed=0)
    with pytest.raises(ValueError, match=r"needs what it remembers: call act_from\(obs, memory"):
        agent.act(obs, deterministic=True)
    with pytest.raises(ValueError, match=r"memory must have the shape \(4, 2, 8\), got \(3, 2, 8"):
        agent.act_from(obs, np.zeros((3, 2, 8), np.float32), deterministic=True)
    with pytest.raises(ValueError, match="depends on earlier observations"):
        agent.policy.model({"": torch.from_numpy(obs)})


def test_observations_are_not_deduplicated(recall) -> None:
    assert "no function of a row alone" in agent_on(recall()).deduplication.reason
    with pytest.raises(ValueError, match="deduplicate must be 'auto' or False here: LSTM"):
        agent_on(recall(), deduplicate=True)


@pytest.mark.parametrize(
    ("hyper", "message"),
    [
        ({"recurrent": "rnn"}, r"recurrent must be one of \('lstm', 'gru'\), got 'rnn'"),
        ({"recurrent_units": 0}, "recurrent_units must be an integer >= 1, got 0"),
        ({"recurrent_layers": 1.5}, "recurrent_layers must be an integer >= 1, got 1.5"),
        ({"bptt_horizon": 0}, "bptt_horizon must be an integer >= 1, got 0"),
        ({"bptt_horizon": 5, "n_steps": 12}, "bptt_horizon must divide n_steps=12, got 5"),
    ],
)
def test_bad_values_are_named(hyper, message) -> None:
    with pytest.raises(ValueError, match=message):
        PPOConfig(**hyper)


def test_made_by_its_id(recall) -> None:
    agent = make_agent("ppo", recall(), recurrent="gru", recurrent_units=4, n_steps=8)
    agent.learn(1)
    assert agent.memory_shape == (1, 4)
    assert isinstance(agent.env.single_action_space, gym.spaces.Discrete)


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    resumed_agent = build("SAME_STEP")
    saved = safetensors.load((folder / "state.safetensors").read_bytes())
    resumed_agent.load_training_state(saved, json.loads((folder / "state.json").read_text()))
    resumed_agent.learn(FULL)
    (folder / "state.safetensors").write_bytes(safetensors.save(resumed_agent.training_state()[0]))
