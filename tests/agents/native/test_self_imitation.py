from __future__ import annotations

import json

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from operant.agents.native.config import PPOConfig
from operant.agents.native.ppo import PPOAgent
from operant.agents.native.self_imitation import SelfImitation

SMALL = {"n_steps": 8, "batch_size": 32, "n_epochs": 2, "net_arch": (16,), "gamma": 0.5}


class Combination(VectorEnv):
    """Three dials in a row; 1 for the combination 1, 0, 1, at the third step, which ends it all.

    With ``limit`` 2, a time limit comes before the end.
    """

    def __init__(self, num_envs: int = 4, limit: int = 9, masks: bool = False) -> None:
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.num_envs, self.limit, self.masks = num_envs, limit, masks
        self.single_observation_space = gym.spaces.Discrete(4)
        self.single_action_space = gym.spaces.Discrete(2)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def _infos(self) -> dict:
        return {"action_mask": np.ones((self.num_envs, 2), np.bool_)} if self.masks else {}

    def reset(self, *, seed=None, options=None):
        self.at, self.right = np.arange(self.num_envs) % 3, np.ones(self.num_envs, np.bool_)
        return self.at.copy(), self._infos()

    def step(self, actions):
        self.right &= actions == (self.at != 1)
        self.at += 1
        terminated = self.at == 3
        truncated = ~terminated & (self.at >= self.limit)
        done, reward = terminated | truncated, terminated * self.right * 1.0
        infos = self._infos()
        if done.any():
            infos |= {"final_obs": self.at.astype(object), "_final_obs": done}
        self.at[done], self.right[done] = 0, True
        return self.at.copy(), reward, terminated, truncated, infos

    def get_state(self):
        return {"at": self.at.copy(), "right": self.right.copy()}

    def set_state(self, state):
        self.at, self.right = state["at"].copy(), state["right"].copy()


def agent_with(hook: SelfImitation, seed: int = 0, **env) -> PPOAgent:
    return PPOAgent(Combination(**env), config=PPOConfig(**SMALL), seed=seed, hooks=[hook])


def loss_of(hook: SelfImitation) -> torch.Tensor:
    return hook.extra_loss(None, None, None)


def test_returns_are_those_of_the_episodes(monkeypatch) -> None:
    """Against a plain loop over everything that was ever taken, row by row."""
    hook = SelfImitation()
    agent = agent_with(hook)
    monkeypatch.setattr(agent, "train_on", lambda rollout: setattr(agent.log, "update", None))
    wanted, pending = [], [[] for _ in range(4)]
    for _ in range(5):  # 8 steps are no multiple of 3: episodes span rollouts
        rollout = agent.collect()
        for t in range(8):
            for row in range(4):
                step = (int(rollout.obs[""][t, row]), int(rollout.actions[t, row]))
                pending[row].append((step, float(rollout.values[t, row, 0])))
                if rollout.terminated[t, row]:
                    outcome = float(rollout.rewards[t, row, 0])
                    for ago, (taken, value) in enumerate(reversed(pending[row])):
                        if outcome * 0.5**ago > value:
                            wanted.append((*taken, outcome * 0.5**ago))
                    pending[row] = []
    memory = hook._memory
    found = zip(*(memory[name].tolist() for name in ("obs/", "actions", "returns")), strict=True)
    assert sorted(found) == sorted(wanted)
    assert any(value > 0 for *_, value in wanted)


def test_episodes_cut_by_a_time_limit_are_not_remembered() -> None:
    hook = SelfImitation()
    agent = agent_with(hook, limit=2)
    for _ in range(3):
        agent.collect()
    assert agent.rollout.truncated.any()
    # Rows that began at dial 2 ended at once, by themselves; all else was cut.
    assert set(hook._memory["obs/"].tolist()) <= {2}


def filled(**hyper) -> tuple[SelfImitation, PPOAgent]:
    hook = SelfImitation(**hyper)
    agent = agent_with(hook, num_envs=16)
    for _ in range(4):
        agent.collect()
    assert len(hook) > 10
    return hook, agent


def test_loss_is_the_papers() -> None:
    hook, agent = filled(coef=0.7, value_coef=0.3, alpha=0.0, beta=0.0, batch_size=20_000)
    loss = float(loss_of(hook).detach())
    memory = hook._memory
    params, values = agent.policy.model({"": memory["obs/"]})
    gain = (memory["returns"] - values[:, 0]).clamp(min=0).double()
    log_prob = torch.log_softmax(params, 1).gather(1, memory["actions"][:, None])[:, 0]
    wanted = 0.7 * (-(log_prob * gain).mean() + 0.3 * gain.square().mean() / 2)
    assert loss == pytest.approx(float(wanted.detach()), rel=0.03)  # of a large draw, all alike


def test_no_gradient_where_nothing_is_better_than_expected() -> None:
    hook, agent = filled()
    hook._memory["returns"] -= 10
    loss = loss_of(hook)
    loss.backward()
    assert float(loss.detach()) == 0
    assert all(not p.grad.any() for p in agent.policy.model.parameters() if p.grad is not None)


def test_values_are_pulled_up_only() -> None:
    hook, agent = filled(value_coef=1.0)
    obs = {"": hook._memory["obs/"]}
    before = agent.policy.model(obs)[1].detach()
    loss_of(hook).backward()
    with torch.no_grad():
        for parameter in agent.policy.model.parameters():
            if parameter.grad is not None:
                parameter -= 1e-3 * parameter.grad
    change = agent.policy.model(obs)[1].detach() - before
    assert float((change * hook._memory["priorities"][:, None]).sum()) > 0


def test_better_steps_are_drawn_more_often_and_weigh_less() -> None:
    hook, _ = filled(alpha=0.6, beta=0.5, batch_size=40_000)
    priorities = hook._memory["priorities"]
    priorities[:] = 1e-9
    priorities[0], priorities[1] = 1.0, 2.0
    rows, weights = hook._draw()
    counts = torch.bincount(rows, minlength=len(hook))
    assert float(counts[1] / counts[0]) == pytest.approx(2**0.6, rel=0.05)
    heavy, light = weights[rows == 0][0], weights[rows == 1][0]
    assert float(heavy / light) == pytest.approx(2 ** (0.6 * 0.5), rel=1e-4)


def test_the_oldest_steps_are_forgotten_first() -> None:
    small, large = SelfImitation(capacity=10), SelfImitation()
    for hook in (small, large):
        agent = agent_with(hook, num_envs=16)
        for _ in range(4):
            agent.collect()
    assert len(small) == 10
    assert torch.equal(small._memory["returns"], large._memory["returns"][-10:])


def test_masks_are_remembered() -> None:
    hook = SelfImitation()
    agent = agent_with(hook, num_envs=16, masks=True)
    agent.learn(512)
    assert hook._memory["masks"].shape == (len(hook), 2)


def test_resumed_equals_uninterrupted() -> None:
    whole = agent_with(SelfImitation(batch_size=16, seed=3))
    whole.learn(640)
    half, rest = (agent_with(SelfImitation(batch_size=16, seed=3)) for _ in range(2))
    half.learn(640, lambda agent: agent.num_steps < 320)
    arrays, meta = half.training_state()
    assert len(half.hooks[0]._running["rewards"]) > 0
    rest.load_training_state(arrays, json.loads(json.dumps(meta)))
    rest.learn(640)
    mine, its = rest.training_state()[0], whole.training_state()[0]
    assert mine.keys() == its.keys()
    assert all(np.array_equal(mine[name], its[name]) for name in mine)
    assert len(whole.hooks[0]) > 0


def test_recurrent_agents_are_refused() -> None:
    agent = PPOAgent(
        Combination(), config=PPOConfig(**SMALL, recurrent="gru"), hooks=[SelfImitation()]
    )
    with pytest.raises(ValueError, match="recurrent must be None with SelfImitation"):
        agent.learn(1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"coef": -1}, r"coef must lie in \[0, inf\], got -1"),
        ({"batch_size": 0}, r"batch_size must lie in \[1, inf\], got 0"),
        ({"alpha": 1.5}, r"alpha must lie in \[0, 1\], got 1.5"),
    ],
)
def test_bad_arguments_are_named(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        SelfImitation(**arguments)
