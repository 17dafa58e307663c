"""The classic bandits: what they pay, what they tell, and what regret is."""

from __future__ import annotations

import copy
import math
import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import operant
from operant.envs.bandits.adversarial import MODES, chances
from operant.envs.bandits.table import ROWS
from operant.packing import packing_lp

CLASSIC = [row.id for row in ROWS if row.id.startswith("Bandit")]
ARMS = [name for name in CLASSIC if "Lipschitz" not in name]


def make(env_id: str, **options):
    return gym.make(env_id, disable_env_checker=True, **options)


def batch(env_id: str, rows: int, **options):
    return gym.make_vec(env_id, num_envs=rows, autoreset_mode=AutoresetMode.SAME_STEP, **options)


def test_ids_of_the_specification_are_there() -> None:
    assert {
        "BanditBernoulli-K10-v0",
        "BanditGaussian-K10-v0",
        "BanditAdversarial-v0",
        "BanditLipschitz-v0",
        "BanditLinear-d5K20-v0",
        "BanditContextual-d5K10-v0",
        "BanditKnapsack-v0",
        "BanditDynPricing-v0",
        "BanditProxy-K10-v0",
    } <= set(operant.list_envs())


# ---- rounds, regret, observations ---------------------------------------------------------------


@pytest.mark.parametrize("env_id", CLASSIC)
def test_regret_is_the_sum_of_differences_of_means(env_id: str) -> None:
    env = make(env_id, max_steps=150)
    env.reset(seed=3)
    env.action_space.seed(0)
    lost, over = 0.0, False
    while not over:
        *_, terminated, truncated, info = env.step(env.action_space.sample())
        over = terminated or truncated
        lost += info["best_mean"] - info["mean"]
        if not terminated:
            assert info["regret"] == pytest.approx(lost, abs=1e-9)
        assert info["success"] in (True, False)
    assert env.unwrapped.card.metric == "regret"


@pytest.mark.parametrize("env_id", ARMS)
def test_history_tells_the_last_round(env_id: str) -> None:
    env = make(env_id, max_steps=50)
    obs, _ = env.reset(seed=1)
    arms = env.action_space.n
    assert obs[-arms - 2 :].tolist() == [0.0] * (arms + 2)
    for t in range(1, 20):
        action = t % arms
        obs, reward, terminated, _, _ = env.step(action)
        assert obs[-2] == np.float32(reward)
        assert obs[-1] == np.float32(t / 50)
        assert obs[-arms - 2 : -2].argmax() == action
        assert obs[-arms - 2 : -2].sum() == 1
        if terminated:
            break


def test_history_of_points() -> None:
    env = make("BanditLipschitz-v0", max_steps=4)
    obs, _ = env.reset(seed=1)
    assert obs.tolist() == [0, 0, 0]
    obs, reward, *_ = env.step(np.array([0.5], np.float32))
    assert obs.tolist() == [0.75, reward, 0.25]
    obs, *_, info = env.step(np.array([7.0], np.float32))  # beyond the space: the nearest point
    assert obs[0] == 1.0
    assert info["features"]["point"] == 1.0


@pytest.mark.parametrize("env_id", ["BanditBernoulli-K10-v0", "BanditKnapsack-v0"])
def test_observe_nothing_is_a_constant(env_id: str) -> None:
    env = make(env_id, observe="nothing")
    seen = [env.reset(seed=0)[0], *(env.step(1)[0] for _ in range(5))]
    assert env.observation_space.shape == (1,)
    assert not np.any(seen)


def test_contexts_alone_can_be_seen() -> None:
    env = make("BanditContextual-d5K10-v0", observe="nothing")
    obs, _ = env.reset(seed=0)
    assert obs.shape == (50,)
    assert np.linalg.norm(obs.reshape(10, 5), axis=1) == pytest.approx(np.ones(10), abs=1e-6)
    assert not np.array_equal(obs, env.step(0)[0])


@pytest.mark.parametrize("env_id", ["BanditBernoulli-K10-v0", "BanditGaussian-K10-v0"])
def test_full_information_tells_what_all_arms_would_have_paid(env_id: str) -> None:
    env = make(env_id, observe="full")
    env.reset(seed=0)
    for action in range(10):
        obs, reward, *_ = env.step(action)
        assert obs[action] == np.float32(reward)
    assert env.observation_space.shape == (22,)


@pytest.mark.parametrize("env_id", CLASSIC)
def test_rewards_have_the_means_that_infos_tell(env_id: str) -> None:
    env = batch(env_id, 400, max_steps=40)
    env.reset(seed=0)
    env.action_space.seed(1)
    paid, means, told = [], [], 0.0
    for _ in range(20):
        _, reward, terminated, _, infos = env.step(env.action_space.sample())
        fine = ~terminated
        paid += reward[fine].tolist()
        means += infos["mean"][fine].tolist()
    differences = np.array(paid) - np.array(means)
    told = abs(differences.mean()) / (differences.std() / math.sqrt(len(paid)) + 1e-12)
    assert told < 4


# ---- instances ----------------------------------------------------------------------------------


@pytest.mark.parametrize("env_id", CLASSIC)
def test_instances_are_new_per_episode_or_stay(env_id: str) -> None:
    def instances(env):
        found = []
        for seed in (0, None, None):
            env.reset(seed=seed)
            found.append({k: v[0].copy() for k, v in env.unwrapped.world.drawn.items()})
        return found

    new = instances(make(env_id))
    assert any(not np.array_equal(new[0][key], new[1][key]) for key in new[0])
    kept = instances(make(env_id, instance_seed=7))
    same = instances(make(env_id, instance_seed=7))
    other = instances(make(env_id, instance_seed=8))
    for key in kept[0]:
        assert np.array_equal(kept[0][key], kept[2][key])
        assert np.array_equal(kept[0][key], same[1][key])
    assert any(not np.array_equal(kept[0][key], other[0][key]) for key in kept[0])


def test_gap_and_given_means() -> None:
    env = make("BanditBernoulli-K10-v0", gap=0.2)
    env.reset(seed=0)
    means = env.unwrapped.world.drawn["means"][0]
    assert sorted(means.tolist()) == [0.5] * 9 + [0.7]
    env = make("BanditBernoulli-K10-v0", arms=3, means=[0.0, 1.0, 0.5])
    env.reset(seed=0)
    assert [env.step(1)[1] for _ in range(20)] == [1.0] * 20
    assert [env.step(0)[1] for _ in range(20)] == [0.0] * 20


def test_means_may_change_within_an_episode() -> None:
    env = make("BanditBernoulli-K10-v0", lasts=5, max_steps=20)
    env.reset(seed=0)
    best = [env.step(0)[4]["best_mean"] for _ in range(20)]
    blocks = np.array(best).reshape(4, 5)
    assert (blocks == blocks[:, :1]).all()
    assert len(set(best)) == 4
    assert env.unwrapped.oracle().kind == "none" == env.unwrapped.card.oracle


def test_demand_falls_with_the_price() -> None:
    world = batch("BanditDynPricing-v0", 50).world
    world.reset(np.arange(50))
    assert (np.diff(world.drawn["sales"], axis=1) < 0).all()
    assert np.allclose(world.drawn["means"], world.drawn["sales"] * world.prices)


def test_linear_means_are_products_and_contexts_unit_vectors() -> None:
    env = make("BanditLinear-d5K20-v0")
    obs, _ = env.reset(seed=0)
    arms = obs[:100].reshape(20, 5).astype(float)
    means = env.unwrapped.world.drawn["means"][0]
    theta = np.linalg.lstsq(arms, means, rcond=None)[0]
    assert arms @ theta == pytest.approx(means, abs=1e-6)
    assert np.linalg.norm(theta) == pytest.approx(1.0, abs=1e-6)
    assert (np.linalg.norm(arms, axis=1) <= 1 + 1e-6).all()
    square = make("BanditLinear-d5K20-v0", arms=5, orthonormal=True)
    assert np.array_equal(square.reset(seed=0)[0][:25].reshape(5, 5), np.eye(5))


def test_lipschitz_means_are_lipschitz() -> None:
    env = make("BanditLipschitz-v0", slope=3.0, bumps=4)
    env.reset(seed=2)
    world, points = env.unwrapped.world, np.linspace(0, 1, 501)
    means = world.means(np.zeros(501, int), points)
    assert np.abs(np.diff(means)).max() <= 3.0 / 500 + 1e-12
    assert means.max() == pytest.approx(0.9, abs=3.0 / 500)
    centre = world.drawn["centres"][0, :1]
    assert world.means(np.zeros(1, int), centre)[0] == pytest.approx(0.9)


# ---- adversaries --------------------------------------------------------------------------------


def test_modes_of_the_adversary() -> None:
    t = 400
    means = {mode: chances(mode, t, 6, np.random.default_rng(0)) for mode in MODES}
    assert (means["stochastic"] == means["stochastic"][0]).all()
    best = means["switch"].argmax(1)
    assert (best.reshape(4, 100) == best.reshape(4, 100)[:, :1]).all()
    assert len(set(best.tolist())) == 4
    assert means["sin"].min() >= 0.1 - 1e-9
    assert means["sin"].max() <= 0.9 + 1e-9
    leader, steady = means["exp3_trap"][0].argmax(), means["exp3_trap"].sum(0).argmax()
    assert leader != steady
    assert means["exp3_trap"][t // 2, leader] == means["exp3_trap"].min()


def test_regret_against_an_adversary_is_that_against_the_best_arm_in_hindsight() -> None:
    table = np.random.default_rng(0).integers(0, 5, (30, 3)) / 4
    env = make("BanditAdversarial-v0", arms=3, max_steps=30, table=table.tolist())
    env.reset(seed=0)
    oracle = env.unwrapped.oracle()
    assert oracle.optimal_return == table.sum(0).max()
    earned = sum(env.step(t % 3)[1] for t in range(29))
    *_, info = env.step(0)
    assert info["regret"] == pytest.approx(table.sum(0).max() - earned - table[29, 0])
    env.reset(seed=5)
    assert [env.step(2)[1] for _ in range(30)] == table[:, 2].tolist()


def test_what_the_adversary_pays_does_not_depend_on_what_is_played() -> None:
    one, other = (make("BanditExperts-K10-v0", max_steps=20) for _ in range(2))
    one.reset(seed=4)
    other.reset(seed=4)
    for t in range(20):
        assert np.array_equal(one.step(0)[0][:10], other.step(t % 10)[0][:10])


# ---- resources ----------------------------------------------------------------------------------


def test_budget_ends_the_episode_and_voids_the_last_reward() -> None:
    options = {"rewards": [1.0, 0.0], "costs": [[1.0], [0.0]], "arms": 2, "budget": 0.3}
    env = make("BanditKnapsack-v0", max_steps=10, **options)
    env.reset(seed=0)
    for pull in range(3):
        obs, reward, terminated, _, info = env.step(0)
        assert (reward, terminated) == (1.0, False)
        assert obs[:2] == pytest.approx([1.0, 1 - (pull + 1) / 3])
        assert info["used"].tolist() == [1.0]
    _, reward, terminated, truncated, info = env.step(0)
    assert (reward, terminated, truncated) == (0.0, True, False)
    # the bound is 3 in 10 rounds: 0.3 per round; 3 was earned
    assert info["regret"] == pytest.approx(0.0)
    assert info["success"] is False


def test_bound_of_a_knapsack_is_its_linear_program() -> None:
    env = make("BanditKnapsack-v0", max_steps=100, resources=2, budget=[0.2, 0.5])
    env.reset(seed=0)
    drawn, oracle = env.unwrapped.world.drawn, env.unwrapped.oracle()
    value = packing_lp(drawn["means"][:1], drawn["costs"][:1], np.array([[0.2, 0.5]]))[0][0]
    assert oracle.kind == "upper_bound"
    assert oracle.optimal_return == pytest.approx(100 * value)
    assert drawn["lp"][0, 0] == value


def test_no_policy_earns_more_than_the_bound_on_average() -> None:
    env = batch("BanditKnapsack-v0", 200, max_steps=200)
    env.reset(seed=0)
    world = env.world
    arms = world.drawn["shares"].argmax(1)
    bound, earned = 200 * world.drawn["lp"][:, 0], np.zeros(200)
    running = np.ones(200, bool)
    for _ in range(200):
        _, reward, terminated, truncated, _ = env.step(arms)
        earned += reward * running
        running &= ~(terminated | truncated)
    assert 0.7 * bound.mean() < earned.mean() < bound.mean()


def test_shop_sells_no_more_than_its_stock() -> None:
    env = make("BanditDynPricing-v0", max_steps=20, stock=0.25, sales=[1.0] * 10)
    env.reset(seed=0)
    paid, over = [], False
    while not over:
        _, reward, terminated, truncated, _ = env.step(4)
        paid.append(reward)
        over = terminated or truncated
    assert paid == [0.5] * 5 + [0.0]


# ---- proxies ------------------------------------------------------------------------------------


def test_proxy_is_told_or_paid_and_regret_is_that_of_the_truth() -> None:
    true, proxy = make("BanditProxy-K10-v0"), make("BanditProxy-K10-v0", reward="proxy")
    true.reset(seed=0)
    proxy.reset(seed=0)
    differ = False
    for t in range(50):
        _, reward, *_, info = true.step(t % 10)
        obs, click, *_, told = proxy.step(t % 10)
        assert info["true_reward"] == reward == told["true_reward"]
        assert info["proxy_reward"] == click == told["proxy_reward"] == obs[-2]
        assert info["regret"] == told["regret"]
        assert told["features"]["click"] == (click > 0)
        differ |= reward != click
    assert differ


@pytest.mark.parametrize(("corr", "expected"), [(1.0, 1.0), (-1.0, -1.0), (0.0, 0.0), (0.5, 0.483)])
def test_correlation_of_clicks_and_satisfaction(corr: float, expected: float) -> None:
    world = batch("BanditProxy-K10-v0", 300, corr=corr).world
    world.seed(list(range(300)))
    world.reset(np.arange(300))
    drawn = world.drawn
    # of uniform numbers under a normal copula: 6 / pi asin(corr / 2)
    assert 6 / math.pi * math.asin(corr / 2) == pytest.approx(expected, abs=0.001)
    found = np.corrcoef(drawn["means"].ravel(), drawn["clicks"].ravel())[0, 1]
    assert found == pytest.approx(expected, abs=0.06)


def test_learning_from_a_bad_proxy_costs_true_regret() -> None:
    """Playing the most clicked item: its regret falls as the correlation rises."""
    lost = []
    for corr in (-1.0, 0.0, 0.9):
        env = batch("BanditProxy-K10-v0", 200, corr=corr, reward="proxy", max_steps=2)
        env.reset(seed=0)
        arms = env.world.drawn["clicks"].argmax(1)
        *_, infos = env.step(arms)
        lost.append(infos["regret"].mean())
    assert lost[0] > lost[1] > lost[2] > 0


# ---- oracles, state, bad input ------------------------------------------------------------------


@pytest.mark.parametrize("env_id", ["BanditBernoulli-K10-v0", "BanditContextual-d5K10-v0"])
def test_oracle_is_exact_in_the_middle_too_and_on_average_the_best_mean(env_id: str) -> None:
    env = make(env_id, max_steps=300)
    found, expected = [], []
    for seed in range(12):
        env.reset(seed=seed)
        for _ in range(137):  # beyond a block of chance
            env.step(0)
        oracle = env.unwrapped.oracle()
        paid, best = 0.0, 0.0
        for action in oracle.actions:
            _, reward, _, truncated, info = env.step(action)
            paid, best = paid + reward, best + info["best_mean"]
        assert truncated
        assert paid == pytest.approx(oracle.optimal_return, abs=1e-9)
        found.append(paid)
        expected.append(best)
    assert np.mean(found) == pytest.approx(np.mean(expected), rel=0.05)


@pytest.mark.parametrize("env_id", CLASSIC)
def test_copies_continue_alike_even_where_rounds_were_cut(env_id: str) -> None:
    env = batch(env_id, 2, max_episode_steps=9)
    env.reset(seed=0)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(20)]
    for action in actions[:4]:
        env.step(action)
    for twin in (copy.deepcopy(env.world), pickle.loads(pickle.dumps(env.world))):
        kept = env.world.get_state()
        assert twin.max_steps == 9
        for world in (env.world, twin):
            for action in actions[4:8]:
                world.step(np.arange(2), action)
        ours, theirs = env.world.get_state(), twin.get_state()
        assert all(np.array_equal(ours[key], theirs[key]) for key in ours)
        env.world.set_state(kept)


@pytest.mark.parametrize(
    ("env_id", "options", "message"),
    [
        ("BanditBernoulli-K10-v0", {"arms": 1}, r"arms must lie in \[2, 1000\], got 1"),
        ("BanditBernoulli-K10-v0", {"arms": 2.5}, "arms must be an integer"),
        ("BanditBernoulli-K10-v0", {"max_steps": 0}, "max_steps must lie"),
        ("BanditBernoulli-K10-v0", {"gap": 0.6}, "gap must lie"),
        ("BanditBernoulli-K10-v0", {"arms": 2, "means": [0.5, 1.5]}, r"got 1.5 at \[1\]"),
        ("BanditBernoulli-K10-v0", {"arms": 2, "means": [0.5, math.nan]}, "got nan"),
        ("BanditBernoulli-K10-v0", {"means": [0.5, 0.6]}, "table of 10 numbers, got shape"),
        ("BanditBernoulli-K10-v0", {"means": "high"}, "means must be a table"),
        ("BanditBernoulli-K10-v0", {"gap": 0.1, "means": [0.5] * 10}, "give one of them"),
        ("BanditBernoulli-K10-v0", {"lasts": 0}, "lasts must lie"),
        ("BanditBernoulli-K10-v0", {"lasts": 5, "instance_seed": 1}, "lasts draws means anew"),
        ("BanditBernoulli-K10-v0", {"observe": "all"}, "observe must be one of 'history', 'full'"),
        ("BanditBernoulli-K10-v0", {"instance_seed": -1}, "instance_seed must lie"),
        ("BanditBernoulli-K10-v0", {"reward": "clicks"}, "reward must be one of"),
        ("BanditGaussian-K10-v0", {"noise": -1.0}, "noise must lie"),
        ("BanditAdversarial-v0", {"mode": "kind"}, "mode must be one of"),
        ("BanditAdversarial-v0", {"table": [[0.5, 2.0]], "arms": 2, "max_steps": 1}, "got 2.0"),
        ("BanditAdversarial-v0", {"table": [[0.5] * 10]}, "1000 x 10 numbers"),
        ("BanditLipschitz-v0", {"slope": 0.0}, "slope must lie"),
        ("BanditLipschitz-v0", {"observe": "full"}, "observe must be one of"),
        ("BanditLinear-d5K20-v0", {"orthonormal": True}, "as many as dim=5"),
        ("BanditKnapsack-v0", {"budget": 0.0}, r"budget must lie in \(0, 1\]"),
        ("BanditKnapsack-v0", {"budget": 1.5}, "budget must lie"),
        ("BanditKnapsack-v0", {"budget": [0.1, 0.2]}, "budget must be a table of 1 numbers"),
        ("BanditKnapsack-v0", {"rewards": [0.5] * 5}, "give both or none"),
        ("BanditDynPricing-v0", {"prices": [0.5, 0.4]}, "prices must be two or more and rise"),
        ("BanditDynPricing-v0", {"prices": 2, "sales": [0.1, 0.9]}, "sales must not rise"),
        ("BanditDynPricing-v0", {"stock": -1.0}, "budget must lie"),
        ("BanditProxy-K10-v0", {"corr": 1.1}, "corr must lie"),
    ],
)
def test_bad_options_are_named(env_id: str, options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(env_id, **options)


def test_bad_actions_are_refused() -> None:
    env = make("BanditBernoulli-K10-v0")
    env.reset(seed=0)
    with pytest.raises(ValueError, match="unknown action 10"):
        env.step(10)
    env = make("BanditLipschitz-v0")
    env.reset(seed=0)
    with pytest.raises(ValueError, match="finite"):
        env.step(np.array([math.nan], np.float32))


def test_pictures() -> None:
    for env_id in ("BanditGaussian-K10-v0", "BanditLipschitz-v0"):
        env = make(env_id, render_mode="rgb_array")
        env.reset(seed=0)
        before = env.render()
        env.step(env.action_space.sample())
        assert before.shape == (160, 320, 3)
        assert not np.array_equal(before, env.render())
    env = make("BanditBernoulli-K10-v0", render_mode="ansi")
    env.reset(seed=0)
    env.step(3)
    assert env.render().startswith("round 1 of 1000: arm 3, reward")
