from __future__ import annotations

import json
import random

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import operant
from operant.agents import load_policy, make_agent
from operant.agents.native.config import PPOConfig
from operant.agents.native.ppo import PPOAgent
from operant.errors import GammaMismatchError

SMALL = {"n_steps": 16, "batch_size": 16, "n_epochs": 1, "net_arch": [8]}


def global_state() -> tuple:
    return (
        torch.get_rng_state().tolist(),
        np.random.get_state(legacy=False)["state"]["key"].tolist(),  # noqa: NPY002
        np.random.get_state(legacy=False)["state"]["pos"],  # noqa: NPY002
        random.getstate(),
        torch.get_num_threads(),
    )


def same(one, two) -> bool:
    return one.keys() == two.keys() and all(np.array_equal(one[k], two[k]) for k in one)


# ---- learn ------------------------------------------------------------------------------------


def test_hook_is_called_at_every_boundary_and_at_the_end(corridor) -> None:
    agent = make_agent("ppo", corridor(), **SMALL)
    seen = []
    agent.learn(150, lambda agent: seen.append(agent.num_steps))  # None means go on
    assert seen == [0, 64, 128, 192]
    assert agent.num_steps == 192  # whole rollouts only
    agent.learn(150, lambda agent: seen.append(agent.num_steps))
    assert seen[4:] == [192]
    agent.learn(250, lambda agent: seen.append(agent.num_steps))
    assert seen[5:] == [192, 256]


def test_hook_stops_training_without_a_further_env_step(corridor) -> None:
    agent = make_agent("ppo", corridor(), **SMALL)
    agent.learn(1000, lambda agent: agent.num_steps < 128)
    assert agent.num_steps == 128
    before = agent.training_state()[0]
    agent.learn(1000, lambda agent: False)
    assert same(before, agent.training_state()[0])


def test_hook_may_raise_and_training_goes_on_later(corridor) -> None:
    def interrupt(agent) -> bool:
        if agent.num_steps == 64:
            raise KeyboardInterrupt
        return True

    agent, whole = (make_agent("ppo", corridor(), **SMALL) for _ in range(2))
    with pytest.raises(KeyboardInterrupt):
        agent.learn(192, interrupt)
    agent.learn(192)
    whole.learn(192)
    assert same(agent.policy_state()[0], whole.policy_state()[0])


def test_global_generators_and_threads_stay_the_callers(corridor, monkeypatch) -> None:
    outside = global_state()
    agent = make_agent("ppo", corridor(), **SMALL)
    inside, threads = [], []
    step = agent.env.step
    monkeypatch.setattr(
        agent.env, "step", lambda a: threads.append(torch.get_num_threads()) or step(a)
    )
    torch.set_num_threads(3)
    try:
        agent.learn(100, lambda agent: inside.append(torch.get_num_threads()))
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(outside[4])
    agent.act(corridor().reset(seed=0)[0], deterministic=False)
    assert set(threads) == {1}
    assert set(inside) == {3}
    assert global_state() == outside


def test_nothing_is_printed_and_metrics_have_sb3_names(corridor, capsys) -> None:
    ours, theirs = (make_agent(name, corridor(), **SMALL) for name in ("ppo", "sb3-ppo"))
    ours.learn(400)
    theirs.learn(400)
    metrics = ours.metrics()
    assert capsys.readouterr() == ("", "")
    assert set(theirs.metrics()) <= set(metrics)
    assert all(type(value) is float for value in metrics.values())
    shares = [metrics[f"time/{name}_share"] for name in ("env", "infer", "learn")]
    assert min(shares) > 0
    assert sum(shares) == pytest.approx(1)
    assert metrics["rollout/ep_true_rew_mean"] == 2 * metrics["rollout/ep_rew_mean"]


def test_equal_seeds_train_equally_and_others_do_not(corridor) -> None:
    states = []
    for seed in (5, 5, 6):
        agent = make_agent("ppo", corridor(), seed=seed, **SMALL)
        agent.learn(256)
        states.append(agent.policy_state()[0])
    assert same(states[0], states[1])
    assert not same(states[0], states[2])
    fresh = [make_agent("ppo", corridor(), seed=seed, **SMALL).policy_state()[0] for seed in (5, 6)]
    assert not same(*fresh)


def test_interrupted_rollout_is_not_continued(corridor) -> None:
    class Flaky(corridor):
        count, seeds = 0, ()

        def reset(self, *, seed=None, options=None):
            self.seeds = (*self.seeds, seed)
            return super().reset(seed=seed, options=options)

        def step(self, actions):
            self.count += 1
            if self.count == 40:
                raise KeyboardInterrupt
            return super().step(actions)

    agent = make_agent("ppo", Flaky(), **SMALL)
    with pytest.raises(KeyboardInterrupt):
        agent.learn(1000)
    assert agent.num_steps == 128
    assert agent.training_state()[1]["exact_resume"] is False
    agent.learn(1000)
    assert agent.num_steps >= 1000
    assert agent.training_state()[1]["exact_resume"] is True
    first, second = agent.env.seeds
    assert isinstance(first, int)
    assert second is None  # new episodes, not the first ones again


def test_divergence_is_an_error(corridor) -> None:
    agent = make_agent("ppo", corridor(), **SMALL)
    with torch.no_grad():
        agent.policy.model.value_net.bias.fill_(torch.nan)
    with pytest.raises(FloatingPointError, match=r"training diverged: .*value_loss"):
        agent.learn(1)


# ---- spaces and masks -------------------------------------------------------------------------


@pytest.mark.integration
@pytest.mark.parametrize(
    ("kind", "steps", "goal"),
    [("discrete", 12_000, 7.0), ("multi", 12_000, 5.0), ("binary", 12_000, 6.0)],
)
def test_learns_to_repeat_what_it_sees(kind, steps, goal, identity) -> None:
    agent = make_agent(
        "ppo", identity(kind), n_steps=16, batch_size=64, n_epochs=4, learning_rate=4e-3, gamma=0.5
    )
    agent.learn(steps)
    assert agent.metrics()["rollout/ep_rew_mean"] > goal  # of 8
    assert agent.metrics()["rollout/ep_len_mean"] == 8


@pytest.mark.integration
def test_learns_box_actions(identity) -> None:
    """Random actions are off by some 0.7 in each of two coordinates: -11 per episode."""
    agent = make_agent(
        "ppo", identity("box"), n_steps=16, batch_size=64, n_epochs=4, learning_rate=5e-3, gamma=0.0
    )
    agent.learn(12_000)
    obs = identity("box", 200).reset(seed=1)[0]
    assert np.abs(agent.act(obs, deterministic=True) - obs).mean() < 0.15
    assert agent.metrics()["rollout/ep_rew_mean"] > -7
    assert agent.metrics()["train/std"] < 0.6


@pytest.mark.integration
def test_masked_actions_are_never_taken_and_the_right_one_is_learned(identity) -> None:
    env = identity("discrete", masks=True)
    agent = make_agent("ppo", env, n_steps=16, batch_size=64, n_epochs=4, learning_rate=3e-3)
    agent.learn(6_000)
    for actions, allowed in zip(env.taken, env.allowed, strict=False):
        assert allowed[np.arange(env.num_envs), actions - 2].all()
    assert agent.metrics()["rollout/ep_rew_mean"] > 7.5
    rollout = agent.rollout
    picked = rollout.masks[:-1].gather(2, rollout.actions.unsqueeze(-1))
    assert picked.all()
    obs, _ = env.reset(seed=3)
    mask = np.roll(np.eye(4, dtype=bool)[obs - 2], 1, axis=1)
    forced = agent.act(obs, deterministic=False, action_mask=mask)
    assert (forced - 2 == (obs - 1) % 4).all()


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_masks_in_every_autoreset_mode(mode) -> None:
    """At the end nothing is allowed, which matters to nobody."""

    class Count(gym.Env):
        observation_space = gym.spaces.Discrete(5)
        action_space = gym.spaces.Discrete(5)

        def _info(self):
            mask = np.zeros(5, np.int8)
            mask[self.at : self.at + 1] = self.at < 4
            return {"action_mask": mask}

        def reset(self, *, seed=None, options=None):
            self.at = 0
            return 0, self._info()

        def step(self, action):
            assert action == self.at
            self.at += 1
            return self.at, 1.0, self.at == 4, False, self._info()

    agent = make_agent("ppo", SyncVectorEnv([Count] * 3, autoreset_mode=mode), **SMALL)
    agent.learn(150)
    assert agent.metrics()["rollout/ep_len_mean"] == 4
    real = agent.rollout.actions[agent.rollout.valid]
    assert torch.bincount(real).tolist()[:4] == pytest.approx([len(real) / 4] * 4, abs=3)
    assert agent.metrics()["train/entropy_loss"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("change", ["none", "missing", "shape"])
def test_bad_masks_are_named(change, identity) -> None:
    class Bad(identity):
        def step(self, actions):
            *rest, infos = super().step(actions)
            if len(self.taken) == 3:
                if change == "none":
                    infos["action_mask"][7] = 0
                elif change == "missing":
                    infos["_action_mask"][7] = False
                else:
                    infos["action_mask"] = infos["action_mask"][:, :3]
            return *rest, infos

    message = {
        "none": "action_mask must allow an action in every row, row 7 has none",
        "missing": r"infos\['action_mask'\] must be there at every step, not so in row 7",
        "shape": r"action_mask must have the shape \(B, 4\), got \(16, 3\)",
    }[change]
    with pytest.raises(ValueError, match=message):
        make_agent("ppo", Bad("discrete", masks=True), **SMALL).learn(1)


# ---- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("clock", r"observation\['clock'\] must be finite, got nan in row 2"),
        ("reward", "reward must be finite, got nan in row 2"),
        ("final", r"observation\['clock'\] must be finite, got nan in row"),
        ("final_obs", r"infos\['final_obs'\] must hold the last observations"),
    ],
)
def test_numbers_that_are_none_are_named(field, message, corridor) -> None:
    class Bad(corridor):
        def step(self, actions):
            obs, reward, terminated, truncated, infos = super().step(actions)
            if field == "clock":
                obs["clock"][2] = np.nan
            elif field == "reward":
                reward[2] = np.nan
            elif truncated.any() and field == "final":
                infos["final_obs"][np.argmax(truncated & ~terminated)]["clock"][:] = np.nan
            elif truncated.any():
                del infos["final_obs"]
            return obs, reward, terminated, truncated, infos

    with pytest.raises(ValueError, match=message):
        make_agent("ppo", Bad(limit=3), **SMALL).learn(1)


def test_env_that_hides_its_autoreset_mode_is_refused(corridor) -> None:
    env = corridor()
    env.metadata = {}
    with pytest.raises(ValueError, match="must name the autoreset mode"):
        make_agent("ppo", env)


def test_design_with_another_gamma_than_its_stream_is_refused() -> None:
    env = gridworld("SparseKey-5x5-v0", 2, "potential")  # for 0.99
    make_agent("ppo", env, reward_streams={"reward": {}, "bonus": {"gamma": 0.5}})
    with pytest.raises(GammaMismatchError, match=r"'potential' uses gamma=0.99 .* gamma=0.5"):
        make_agent("ppo", env, reward_streams={"reward": {"gamma": 0.5}})


def test_negative_seed_is_refused(corridor) -> None:
    with pytest.raises(ValueError, match="seed must be >= 0, got -1"):
        make_agent("ppo", corridor(), seed=-1)


def test_observations_of_another_space_are_refused_when_acting(corridor) -> None:
    agent = make_agent("ppo", corridor(), **SMALL)
    with pytest.raises(ValueError, match=r"must have the keys \['cell', 'clock'\], got \['cell'\]"):
        agent.act({"cell": np.zeros((3, 1), np.uint8)}, deterministic=True)


# ---- act --------------------------------------------------------------------------------------


def test_sampling_is_reproducible_and_leaves_training_alone(corridor) -> None:
    obs, _ = corridor(200).reset(seed=0)

    def train(look: bool):
        agent, draws = make_agent("ppo", corridor(), seed=4, **SMALL), []

        def hook(agent) -> bool:
            if look:
                for _ in range(2):
                    with agent.sampling(9):
                        first = agent.act(obs, deterministic=False)
                        draws.append((first, agent.act(obs, deterministic=False)))
            return True

        agent.learn(256, hook)
        return agent.policy_state()[0], draws

    (blind, _), (watched, draws) = train(False), train(True)
    assert same(blind, watched)
    for one, two in zip(draws[::2], draws[1::2], strict=True):
        assert np.array_equal(one[0], two[0])
        assert np.array_equal(one[1], two[1])
        assert not np.array_equal(one[0], one[1])


def test_exported_policy_acts_alike(corridor) -> None:
    env = corridor(32)
    agent = make_agent("ppo", env, seed=2, **SMALL, encoder="onehot")
    agent.learn(256)
    obs, _ = env.reset(seed=3)
    arrays, meta = agent.policy_state()
    outside = global_state()
    policy = load_policy(
        arrays, json.loads(json.dumps(meta)), env.single_observation_space, env.single_action_space
    )
    assert global_state() == outside
    for deterministic in (True, False):
        with agent.sampling(0), policy.sampling(0):
            mine = policy.act(obs, deterministic=deterministic)
            assert np.array_equal(mine, agent.act(obs, deterministic=deterministic))
    meta["config"]["net_arch"] = [16]
    with pytest.raises(ValueError, match="saved weights do not fit the network"):
        load_policy(arrays, meta, env.single_observation_space, env.single_action_space)


# ---- learning ---------------------------------------------------------------------------------


@pytest.mark.integration
def test_learns_the_corridor(corridor) -> None:
    agent = make_agent(
        "ppo", corridor(16), n_steps=32, batch_size=128, n_epochs=4, learning_rate=3e-3
    )
    agent.learn(16_000)
    assert agent.metrics()["rollout/success_rate"] > 0.95
    assert agent.metrics()["rollout/ep_len_mean"] < 6


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_learns_cartpole_in_every_autoreset_mode(mode) -> None:
    env = gym.make_vec(
        "CartPole-v1",
        num_envs=8,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": mode},
    )
    config = PPOConfig(
        n_steps=32, batch_size=256, n_epochs=20, gae_lambda=0.8, gamma=0.98, learning_rate=1e-3
    )
    agent = PPOAgent(env, config=config)
    agent.learn(60_000)
    assert agent.metrics()["rollout/ep_rew_mean"] > 350


def gridworld(env_id: str, num_envs: int, design: str):
    env = gym.make_vec(
        env_id,
        num_envs=num_envs,
        vectorization_mode="vector_entry_point",
        autoreset_mode=AutoresetMode.SAME_STEP,
    )
    return operant.shape(env, design, gamma=0.99)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env_id", "design", "steps"),
    [("SparseKey-5x5-v0", "potential", 250_000), ("DoorKey-5x5-v0", "none", 600_000)],
)
def test_learns_gridworlds_and_plays_them_without_the_design(env_id, design, steps) -> None:
    agent = make_agent(
        "ppo", gridworld(env_id, 128, design), seed=0,
        n_steps=64, batch_size=2048, n_epochs=4, learning_rate=1e-3, ent_coef=0.01,
    )  # fmt: skip
    agent.learn(steps)
    env = gridworld(env_id, 256, "none")
    obs, _ = env.reset(seed=99)
    solved = np.zeros(256, np.bool_)
    with agent.sampling(0):
        for _ in range(100):
            obs, _, _, _, infos = env.step(agent.act(obs, deterministic=False))
            solved |= infos["success"]
    assert solved.mean() > 0.95


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's compiler itself
def test_a_compiled_network_learns_the_same() -> None:
    """Up to rounding; a minute on a CPU, most of it the compiler's."""

    def weights(compiled: bool) -> dict[str, np.ndarray]:
        env = gym.make_vec("DoorKey-5x5-v0", num_envs=16, autoreset_mode="SameStep", features=False)
        sizes = {"n_steps": 16, "batch_size": 64, "n_epochs": 2, "deduplicate": False}
        agent = make_agent("ppo", env, seed=0, compile=compiled, **sizes)
        agent.learn(2 * 16 * 16)
        return agent.policy_state()[0]

    eager = weights(compiled=False)
    for name, values in weights(compiled=True).items():
        assert values == pytest.approx(eager[name], abs=1e-5), name
