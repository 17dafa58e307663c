"""Self-play: who moves, who sees what, what is credited, and that it gets better."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from operant.agents import load_policy
from operant.agents.games.best_response import exploitability, mixture
from operant.agents.games.credit import turn_advantages
from operant.agents.games.policies import NetworkSeat, tree_policy
from operant.agents.games.self_play import SelfPlay, SelfPlayConfig
from operant.agents.games.sequence_form import SequenceForm
from operant.agents.games.turn_env import TurnEnv
from operant.envs import multiagent

TINY: dict[str, Any] = {
    "n_steps": 12,
    "batch_size": 4096,
    "n_epochs": 2,
    "net_arch": (16,),
    "snapshot_every": 1,
    "deduplicate": False,
}


def agent_on(game: str = "KuhnPoker-v0", rows: int = 32, seed: int = 0, **hyper: Any) -> SelfPlay:
    config = SelfPlayConfig(**{**TINY, **hyper})
    return SelfPlay(multiagent.make_batch(game, rows), config=config, seed=seed)


class Recorded(NetworkSeat):
    """Notes what it is shown."""

    def __init__(self, inner: NetworkSeat, shown: list[Any]) -> None:
        self.inner, self.shown = inner, shown

    def probabilities(self, obs: Any, legal: Any, role: Any) -> Any:
        self.shown.append((obs.copy(), legal.copy(), role.copy()))
        return self.inner.probabilities(obs, legal, role)


# ---- the env --------------------------------------------------------------------------------


def test_a_row_is_a_game_and_a_step_anybodys_move() -> None:
    batch = multiagent.make_batch("KuhnPoker-v0", 16)
    env = TurnEnv(batch, roles=True, share=0.0)
    obs, infos = env.reset(seed=0)
    assert obs.shape == (16, 13)
    assert (infos["role"] == 0).all()
    assert infos["learner"].all()
    assert (obs[:, :11] == batch.obs).all()
    for _ in range(10):
        role = infos["role"]
        assert (obs[np.arange(16), 11 + role] == 1).all()
        assert (obs[:, 11:].sum(1) == 1).all()
        obs, _, ended, cut, infos = env.step(np.zeros(16, np.int64))
        assert not cut.any()
        assert ended.all() == (role == 1).all()  # check, check
    moves = env.take()
    assert moves.role[:, 0].tolist() == [0, 1] * 5
    assert np.abs(moves.rewards.sum(2)).max() == 0
    with pytest.raises(ValueError, match="no move was made"):
        env.take()


def test_the_same_seed_is_the_same_future() -> None:
    futures = []
    for _ in range(2):
        agent = agent_on(pool_share=0.5, seed=3)
        agent.learn(1000)
        moves = []
        obs, _ = agent.env.reset(seed=7)
        for _ in range(12):
            obs, reward, *_ = agent.env.step(agent.act(obs, deterministic=True) * 0)
            moves += [obs.copy(), reward]
        futures.append(np.concatenate([part.ravel() for part in moves]))
    assert (futures[0] == futures[1]).all()


def test_snapshots_move_in_their_seat_and_see_what_its_player_sees() -> None:
    agent = agent_on(pool_share=1.0, pool_size=2, rows=64)
    agent.learn(2000)
    shown: list[Any] = []
    agent.pool.seats = [Recorded(seat, shown) for seat in agent.pool.seats]
    env = agent.env
    _, infos = env.reset(seed=1)
    seat, against = env._seat.copy(), env._against
    assert set(against.tolist()) == {0, 1}
    theirs = ~infos["learner"]
    assert (theirs == (seat == 1)).all()  # at the start player 0 moves
    actions = np.ones(64, np.int64)
    env.step(actions)
    rows = sum(len(part[0]) for part in shown)
    assert rows == theirs.sum() > 0
    for seen, _, role in shown:
        assert (role == 0).all()
        assert (seen[:, 0] == 1).all()  # player
        assert (seen[:, 2:5].sum(1) == 1).all()  # one card: its own
        assert (seen[:, 5:] == 0).all()
    moves = env.take()
    assert (moves.learner[0] == ~theirs).all()


def test_the_reward_is_that_of_the_learners_seat() -> None:
    agent = agent_on(pool_share=1.0, rows=64)
    agent.learn(2000)
    env = agent.env
    env.reset(seed=1)
    for _ in range(20):
        seat = env._seat.copy()
        _, reward, *_ = env.step(np.ones(64, np.int64))
        rewards = env._log["rewards"][-1]
        assert (reward == rewards[np.arange(64), seat]).all()


def test_illegal_moves_are_never_made() -> None:
    made: list[tuple[Any, Any]] = []
    batch = multiagent.make_batch("TicTacToe-v0", 32)
    step = batch.step

    def watched(actions: Any) -> Any:
        made.append((batch.legal.copy(), actions.copy()))
        return step(actions)

    batch.step = watched
    agent = SelfPlay(
        batch,
        config=SelfPlayConfig(**{**TINY, "n_steps": 40, "pool_share": 0.5, "deduplicate": True}),
    )
    agent.learn(4000)
    assert len(made) >= 120
    assert all(legal[np.arange(32), actions].all() for legal, actions in made)


# ---- credit ---------------------------------------------------------------------------------


@pytest.mark.parametrize("advantage", ["rae", "global", "gae"])
def test_what_is_trained_on_is_what_was_asked_for(advantage: str) -> None:
    agent = agent_on(advantage=advantage, pool_share=0.5, gae_lambda=0.9)
    agent.learn(1500)
    taken: list[Any] = []
    take = agent.env.take
    agent.env.take = lambda: taken.append(take()) or taken[-1]
    before = agent.baseline.values.copy()
    rollout = agent.collect()
    (moves,) = taken
    valid = rollout.valid.numpy()
    assert 0 < valid.sum() < valid.size
    assert not (valid & ~moves.learner).any()
    found = rollout.advantages[..., 0].numpy()[valid]
    own = np.take_along_axis(moves.outcomes(), moves.role[..., None], 2)[..., 0]
    if advantage == "gae":
        values = rollout.values[..., 0].double().numpy()
        wanted = turn_advantages(moves, values, gamma=1.0, gae_lambda=0.9)
        assert rollout.returns[..., 0].numpy()[valid] == pytest.approx(
            (wanted + values)[valid], abs=1e-5
        )
    else:
        wanted = own - before[moves.role]
        assert rollout.returns[..., 0].numpy()[valid] == pytest.approx(own[valid])
        assert (before[0] == before[1]) == (advantage == "global")
    assert found == pytest.approx(wanted[valid], abs=1e-5)
    assert (agent.baseline.values != before).any()  # only afterwards


def test_a_temperature_is_the_gradient_of_the_entropy() -> None:
    agent = agent_on(rows=4000, temperature=0.7, seed=2)
    plain = agent_on(rows=4000, temperature=0.0, seed=2)
    for each in (agent, plain):
        each.policy.model.action_net.weight.data *= 100  # far from uniform
    rollout, other = agent.collect(), plain.collect()
    assert (rollout.actions == other.actions).all()
    extra = (rollout.advantages - other.advantages)[..., 0][rollout.valid]
    batch = rollout.minibatch(rollout.positions())
    logits = agent.policy.model(batch.obs)[0].masked_fill(~batch.masks, -1e8)
    log_probs, entropy = agent.policy.head.evaluate(logits, batch.actions)
    weight = agent.policy.model.action_net.weight
    found = torch.autograd.grad((extra * log_probs).mean(), weight, retain_graph=True)[0]
    wanted = torch.autograd.grad(0.7 * entropy.mean(), weight)[0]
    assert float(extra.mean()) == pytest.approx(0, abs=1e-5)
    assert float((found - wanted).norm()) < 0.1 * float(wanted.norm())


def test_games_must_fit_into_a_rollout() -> None:
    agent = agent_on("TicTacToe-v0", n_steps=4)
    with pytest.raises(ValueError, match="n_steps must be so large that games end"):
        agent.learn(100)


# ---- pool -----------------------------------------------------------------------------------


def test_the_latest_snapshots_replace_the_oldest() -> None:
    agent = agent_on(pool_size=3, pool_keep="latest")
    for count, wanted in [(3, [0, 1, 2]), (5, [3, 4, 2])]:
        while agent.pool.seen < count:
            agent.learn(agent.num_steps + 1)
        assert agent.pool.numbers == wanted


def test_a_spread_pool_is_a_uniform_sample_of_all_snapshots() -> None:
    agent = agent_on(pool_size=4)
    pool, rng, kept = agent.pool, np.random.default_rng(0), np.zeros(20)
    pool._make = lambda arrays: arrays  # type: ignore[assignment, return-value]
    for _ in range(2000):
        pool.seen, pool.numbers, pool.seats, pool._arrays = 0, [], [], []
        for _ in range(20):
            pool.add({}, rng)
        kept[pool.numbers] += 1
    assert kept == pytest.approx(400, abs=4.5 * np.sqrt(400 * 0.8))


def test_a_snapshot_stays_what_it_was() -> None:
    agent = agent_on(learning_rate=0.01)
    agent.learn(300)
    form = SequenceForm(multiagent_tree())
    then, before = agent.seat(), tree_policy(agent.seat(), form, 2)
    agent.learn(3000)
    assert (tree_policy(then, form, 2) == before).all()
    assert (tree_policy(agent.seat(), form, 2) != before).any()


# ---- state ----------------------------------------------------------------------------------


FALLING = {"kind": "linear", "from": 0.5, "to": 0.05}


@pytest.mark.parametrize("temperature", [0.0, FALLING])
def test_training_resumes_bit_for_bit(temperature: Any) -> None:
    chosen = {"pool_share": 0.5, "pool_size": 2, "temperature": temperature, "seed": 5}
    whole = agent_on(**chosen)
    whole.learn(1500)
    arrays, meta = whole.training_state()
    assert meta["exact_resume"]
    assert len(whole.pool) == 2
    whole.learn(3500)
    resumed = agent_on(**chosen)
    resumed.load_training_state(arrays, meta)
    resumed.learn(3500)
    left, right = whole.training_state(), resumed.training_state()
    assert left[0].keys() == right[0].keys()
    assert all((left[0][name] == right[0][name]).all() for name in left[0])
    assert left[1]["hooks"] == right[1]["hooks"]
    other = agent_on(pool_share=0.25, pool_size=2, seed=5)
    with pytest.raises(ValueError, match="config"):
        other.load_training_state(arrays, meta)


def test_the_policy_is_saved_as_a_native_one() -> None:
    agent = agent_on()
    agent.learn(300)
    space = agent.env.single_observation_space
    policy = load_policy(*agent.policy_state(), space, agent.env.single_action_space)
    obs, infos = agent.env.reset(seed=0)
    mask = infos["action_mask"]
    mine = agent.act(obs, deterministic=True, action_mask=mask)
    assert (policy.act(obs, deterministic=True) == mine).all()
    fields = SelfPlayConfig.from_json(agent.config.to_json())
    assert fields == agent.config


# ---- learning -------------------------------------------------------------------------------


@pytest.mark.integration
@pytest.mark.parametrize("advantage", ["gae", "rae"])
def test_exploitability_of_kuhn_falls(advantage: str) -> None:
    form = SequenceForm(multiagent_tree())
    agent = agent_on(
        rows=256, seed=1, advantage=advantage, n_epochs=10, net_arch=(64,), pool_share=0.0,
        temperature={"kind": "linear", "from": 0.5, "to": 0.1},
        learning_rate={"kind": "linear", "from": 3e-3, "to": 3e-4},
    )  # fmt: skip
    seen: list[np.ndarray] = []
    agent.learn(200_000, lambda _: seen.append(tree_policy(agent.seat(), form, 2)))
    assert exploitability(form, seen[0]) > 0.4
    assert exploitability(form, mixture(form, seen[len(seen) // 2 :])) < 0.15


def multiagent_tree() -> Any:
    return multiagent.tree("KuhnPoker-v0")


# ---- bad input ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hyper", "told"),
    [
        ({"advantage": "mc"}, "advantage must be one of"),
        ({"pool_keep": "best"}, "pool_keep must be one of"),
        ({"pool_share": 1.5}, "pool_share must lie in"),
        ({"pool_size": -1}, "pool_size must be an integer >= 0"),
        ({"snapshot_every": 0}, "snapshot_every must be an integer >= 1"),
        ({"baseline_decay": 1.0}, "baseline_decay must lie in"),
        ({"temperature": -0.1}, "temperature must be >= 0"),
        ({"temperature": {"kind": "linear"}}, "temperature must be a number or"),
        ({"roles": 1}, "roles must be True or False"),
        ({"recurrent": "lstm"}, "share one memory"),
        ({"reward_streams": {"reward": {}}}, "reward_streams must be empty"),
    ],
)
def test_bad_settings_are_refused(hyper: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        SelfPlayConfig(**hyper)


def test_a_share_out_of_range_is_refused() -> None:
    batch = multiagent.make_batch("KuhnPoker-v0", 2)
    with pytest.raises(ValueError, match=r"share must lie in \[0, 1\], got 2"):
        TurnEnv(batch, roles=False, share=2)
    with pytest.raises(ValueError, match="options must be empty"):
        TurnEnv(batch, roles=False, share=0).reset(options={"a": 1})


def test_any_batch_of_turns_will_do(odd_batch: Any) -> None:
    agent = SelfPlay(odd_batch, config=SelfPlayConfig(**TINY, learning_rate=0.01), seed=0)
    agent.learn(4000)
    assert not agent.training_state()[1]["exact_resume"]
    obs, _ = agent.env.reset(seed=0)
    assert (agent.act(obs, deterministic=True) == 1).all()
    assert agent.baseline.values[0] > 0.5 > 0 > agent.baseline.values[1]
