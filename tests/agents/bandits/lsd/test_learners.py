"""Online learners: what they compute, what they see, and that their regret grows ever slower."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable

import gymnasium as gym
import numpy as np
import pytest

from operant.agents.bandits.lsd import (
    ISICombUCB1,
    LSDExploreThenCommit,
    LSDLearner,
    LSDTabularQ,
    OptimisticLP,
    carry_out,
    plan_gain,
    play_learners,
)
from operant.agents.bandits.lsd.planning import plan_by
from operant.agents.bandits.lsd.rounded import FLOOR
from operant.lsd import LSDInstance, LSDRules, TooManyStatesError

Build = Callable[..., LSDLearner]
LEARNERS: dict[str, Build] = {
    "etc": LSDExploreThenCommit,
    "etc-exact": functools.partial(LSDExploreThenCommit, planner="exact"),
    "optimistic": OptimisticLP,
    "optimistic-exact": functools.partial(OptimisticLP, planner="exact", monotone=True),
    "isi": ISICombUCB1,
    "q": LSDTabularQ,
}


def alone(instance: LSDInstance, learner: LSDLearner, rounds: int) -> np.ndarray:
    """Let a learner play without noise; return the means, (T,)."""
    paid = np.zeros(rounds)
    for now in range(rounds):
        action = learner.act()
        paid[now] = instance.means(learner.levels[None], np.array([action]))[0]
        learner.observe(action, float(paid[now]))
    return paid


def sorted_uniform(K: int, D: int, S: int, seed: int, **rules: object) -> LSDInstance:
    payoffs = np.sort(np.random.default_rng(seed).random((K, S + D)), axis=1)
    return LSDInstance(rules=LSDRules(K=K, D=D, S=S, **rules), payoffs=payoffs)


@pytest.mark.parametrize("name", LEARNERS)
def test_counts_and_levels_are_kept(name: str) -> None:
    instance = sorted_uniform(3, 3, 2, 0)
    learner = LEARNERS[name](instance.rules, horizon=200, seed=1)
    alone(instance, learner, 120)
    assert learner.now == 120
    assert learner.counts.sum() <= 120
    tried = learner.counts > 0
    np.testing.assert_allclose(learner.means()[tried], instance.payoffs[tried])
    assert (learner.means(unknown=7.0)[~tried] == 7.0).all()
    learner.begin(instance.rules.start(tau=1)[0])
    assert instance.rules.taus[learner.levels].tolist() == [1, 1, 1]


@pytest.mark.parametrize("name", LEARNERS)
def test_equal_seeds_give_equal_plays(name: str) -> None:
    def played(seed: int) -> np.ndarray:
        env = gym.make_vec("LSDBandit-K2-v0", num_envs=2, horizon=80, observe="blind")
        rules = env.unwrapped.instance.rules
        learners = [LEARNERS[name](rules, horizon=80, seed=seed + i) for i in range(2)]
        return play_learners(env, learners, rounds=80, seed=4).actions

    np.testing.assert_array_equal(played(0), played(0))


@pytest.mark.parametrize(
    "rules",
    [
        LSDRules(K=3, D=3, S=2),
        LSDRules(K=2, D=4, S=3, recovery="gradual"),
        LSDRules(K=3, D=4, S=0),
        LSDRules(K=2, D=3, S=2, allow_none=False),
        LSDRules(K=1, D=1, S=1),
    ],
)
def test_exploration_sees_everything_as_often_as_asked(rules: LSDRules) -> None:
    payoffs = np.random.default_rng(0).random((rules.K, rules.size))
    instance = LSDInstance(rules=rules, payoffs=payoffs)
    learner = LSDExploreThenCommit(rules, horizon=5000, samples=3, planner="exact")
    rounds = 0
    while not learner.committed:
        action = learner.act()
        if learner.committed:
            break
        learner.observe(action, float(instance.means(learner.levels[None], np.array([action]))[0]))
        rounds += 1
        assert rounds < 60 * rules.K * rules.size
    assert learner.counts.min() >= 3
    gain = plan_gain(instance).gain
    assert alone(instance, learner, 2520)[-2520:].mean() == pytest.approx(gain, abs=2e-3)


def test_samples_follow_the_horizon() -> None:
    rules = LSDRules(K=4, D=4, S=3)
    learner = LSDExploreThenCommit(rules, horizon=8000)
    assert learner.samples == math.ceil(8000 ** (2 / 3) * math.log(8000) ** (1 / 3) / 28)


def test_bounds_of_optimism() -> None:
    rules = LSDRules(K=1, D=2, S=1)
    learner = OptimisticLP(rules, horizon=10, width=0.5)
    assert (learner.bounds() == 1.0).all()
    for reward in (0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0):
        learner.observe(0, reward)
    assert learner.counts.tolist() == [[8, 0, 1]]
    spread = math.sqrt(0.5 * math.log(11) / 8)
    np.testing.assert_allclose(learner.bounds(), [[0.5 / 8 + spread, 1.0, 1.0]])
    closed = OptimisticLP(rules, horizon=10, monotone=True)
    closed.counts[:], closed.sums[:], closed.now = 100.0, [[90.0, 10.0, 50.0]], 300
    spread = math.sqrt(0.5 * math.log(302) / 100)
    np.testing.assert_allclose(closed.bounds(), [[0.1 + spread, 0.1 + spread, 0.5 + spread]])


def test_epochs_double() -> None:
    instance = sorted_uniform(2, 3, 2, 0)
    learner = OptimisticLP(instance.rules, horizon=3000, planner="exact")
    alone(instance, learner, 3000)
    cells = 2 * 5
    assert 3 < learner.epochs <= cells * math.log2(3000)


@pytest.mark.parametrize("rules", [LSDRules(K=2, D=3, S=2), LSDRules(K=3, D=4, S=0)])
def test_blocks_are_planned_best_whatever_they_begin_with(rules: LSDRules) -> None:
    """Against trying every sequence, from two different states, without the first plays."""
    block = 5 if rules.S else 4
    payoffs = np.random.default_rng(1).random((rules.K, rules.size))
    learner = ISICombUCB1(rules, horizon=100, block=block)

    def earned(actions: tuple[int, ...], here: np.ndarray) -> float:
        paid, first = 0.0, set(range(rules.K))
        for action in actions:
            if action < rules.K and action not in first:
                paid += float(payoffs[action, here[0, action]])
            first -= {action}
            here = rules.advance(here, np.array([action]))
        return paid

    starts = [rules.start(), rules.start(tau=1)]
    plan = tuple(learner.plan_block(payoffs))
    totals = {earned(plan, start) for start in starts}
    assert len(totals) == 1
    every = itertools.product(range(rules.actions), repeat=block)
    assert max(earned(actions, starts[0]) for actions in every) == pytest.approx(totals.pop())


def test_only_later_plays_of_a_block_are_learned_from() -> None:
    rules = LSDRules(K=2, D=3, S=2)
    learner = ISICombUCB1(rules, horizon=100, block=4)
    unknown = 4 * math.sqrt(1.5 * math.log(8))
    assert (learner.indices() == unknown).all()
    assert learner.act() == 2  # the further round, in which all runs end
    learner.observe(2, 0.0)
    first = [learner.act()]
    for _ in range(4):
        first.append(learner.act())
        learner.observe(first[-1], 1.0)
    plays = [action for action in first[1:] if action < 2]
    assert learner._used.sum() == len(plays) - len(set(plays)) > 0
    assert learner.counts.sum() == len(plays)


def test_isi_finds_the_best_block() -> None:
    """Without noise, and with bounds that shrink, it repeats the block of the true payoffs."""
    rules = LSDRules(K=3, D=4, S=0)
    payoffs = np.zeros((3, 4))
    payoffs[0] = 0.1
    payoffs[1, 1:] = 0.9
    instance = LSDInstance(rules=rules, payoffs=payoffs)
    learner = ISICombUCB1(rules, horizon=6000, block=5)
    paid = alone(instance, learner, 6000)
    judge = ISICombUCB1(rules, horizon=1, block=5)
    block, here, per_block = judge.plan_block(payoffs), rules.start(), []
    for _ in range(20):
        total = 0.0
        for action in block:
            total += float(instance.means(here, np.array([action]))[0])
            here = rules.advance(here, np.array([action]))
        per_block.append(total)
    lost = np.mean(per_block[10:]) / 5 - paid
    early, late = lost[:1500].sum(), lost[1500:].sum()
    assert early > 0
    assert late / 4500 < 0.6 * early / 1500


def dice_regret(instance: LSDInstance, rounds: int) -> float:
    """Return the regret of uniformly random arms."""
    rng, here, paid = np.random.default_rng(0), instance.rules.start(), 0.0
    for _ in range(rounds):
        action = rng.integers(instance.rules.actions, size=1)
        paid += float(instance.means(here, action)[0])
        here = instance.rules.advance(here, action)
    return plan_gain(instance).gain * rounds - paid


@pytest.mark.integration  # some seconds each
@pytest.mark.parametrize("name", ["etc-exact", "optimistic-exact", "q"])
def test_regret_grows_ever_slower(name: str) -> None:
    """Four times the rounds, clearly less than four times the regret: 2.5 is T ** (2 / 3)."""
    lost = {}
    for rounds in (800, 3200):
        env = gym.make_vec("LSDBandit-K2-v0", num_envs=4, horizon=rounds, observe="blind")
        instance = env.unwrapped.instance
        learners = [LEARNERS[name](instance.rules, horizon=rounds, seed=i) for i in range(4)]
        play = play_learners(env, learners, rounds=rounds, seed=11)
        lost[rounds] = play.regret(plan_gain(instance).gain)[-1].mean()
    assert lost[800] > 0
    assert lost[3200] < 3.1 * lost[800]
    assert lost[3200] < 0.6 * dice_regret(instance, 3200)


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNERS)
@pytest.mark.parametrize("env_id", ["LSDBandit-K4-v0", "LSDTrickOG-v0", "LSDRecharge-K4-v0"])
def test_long_runs_end_above_the_guarantee(name: str, env_id: str) -> None:
    """Late plays earn the share the planner is good for; blocks (isi) give first plays away."""
    rounds = 20_000
    env = gym.make_vec(env_id, num_envs=3, horizon=rounds, observe="blind")
    instance = env.unwrapped.instance
    learners = [LEARNERS[name](instance.rules, horizon=rounds, seed=i) for i in range(3)]
    play = play_learners(env, learners, rounds=rounds, seed=2)
    share = play.means[-4000:].mean() / plan_gain(instance).gain
    assert share > (0.93 if "exact" in name else 0.45 if name == "isi" else FLOOR)


@pytest.mark.integration  # some seconds
def test_rounded_learners_reach_their_guarantee() -> None:
    env = gym.make_vec("LSDBandit-K4-v0", num_envs=4, horizon=2000, observe="blind")
    instance = env.unwrapped.instance
    learners = [LSDExploreThenCommit(instance.rules, horizon=2000, seed=i) for i in range(4)]
    play = play_learners(env, learners, rounds=2000, seed=0)
    assert all(learner.committed for learner in learners)
    assert play.means[-500:].mean() > FLOOR * plan_gain(instance).gain


def test_planners_by_name() -> None:
    instance = sorted_uniform(3, 4, 3, 1)
    earned = {
        name: carry_out(instance, plan_by(name, instance), 600).means[200:].mean()
        for name in ("exact", "rounded", "greedy")
    }
    assert earned["exact"] >= max(earned.values()) - 1e-3
    with pytest.raises(ValueError, match="planner must be 'exact', 'rounded' or 'greedy'"):
        plan_by("random", instance)  # type: ignore[arg-type]


def test_bad_arguments_are_refused() -> None:
    rules = LSDRules(K=2, D=3, S=2)
    for build, message in (
        (lambda: OptimisticLP(rules, horizon=0), "horizon must be >= 1"),
        (lambda: OptimisticLP(rules, horizon=9, width=0), "width must be > 0"),
        (lambda: LSDExploreThenCommit(rules, horizon=9, samples=0), "samples must be >= 1"),
        (lambda: ISICombUCB1(rules, horizon=9, block=1), "block must be >= 2 rounds, got 1"),
        (lambda: LSDTabularQ(rules, horizon=9, gamma=1.0), "gamma must lie in"),
        (lambda: LSDTabularQ(rules, horizon=9, seed=-1), "seed >= 0"),
    ):
        with pytest.raises(ValueError, match=message):
            build()
    gradual = LSDRules(K=2, D=3, S=2, recovery="gradual")
    with pytest.raises(ValueError, match="need recovery='reset' and allow_none=True"):
        ISICombUCB1(gradual, horizon=9)
    with pytest.raises(TooManyStatesError, match="the limit is 1,000"):
        ISICombUCB1(LSDRules(K=9, D=9, S=0), horizon=9, block=9, limit=1000)


def test_the_loop_says_what_does_not_fit() -> None:
    env = gym.make_vec("LSDBandit-K2-v0", num_envs=2, horizon=10)
    rules = env.unwrapped.instance.rules
    with pytest.raises(ValueError, match="one per row: 2, got 1"):
        play_learners(env, [LSDTabularQ(rules, horizon=10)], rounds=5)
    learners = [LSDTabularQ(rules, horizon=20) for _ in range(2)]
    with pytest.raises(ValueError, match="make the env with horizon=20"):
        play_learners(env, learners, rounds=20)
