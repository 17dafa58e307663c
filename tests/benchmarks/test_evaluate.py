from __future__ import annotations

import contextlib
import dataclasses
import gc
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from operant.benchmarks.evaluate import Evaluator, concatenate, make_batch, means
from operant.benchmarks.playback import play
from operant.benchmarks.records import EvalTable
from operant.benchmarks.specs import Evaluation, RunSpec
from operant.errors import InterruptedRunError, OperantError
from operant.seeding import SeedTree

Spec = Callable[..., RunSpec]
EPISODES, GAMMA = 6, 0.9
DESIGNS = ["none", "potential", "count", "naive"]


def scripted(obs: Any, infos: Any, t: int) -> Any:
    """Act differently in each row and step, and depend on what is seen."""
    rows = len(obs["direction"])
    seen = obs["image"].sum((1, 2, 3), np.int64) + obs["direction"]
    return (np.arange(rows) + 3 * t + seen) % 7


def plans_of(spec: RunSpec) -> list[tuple[int, ...]]:
    env = gym.make(spec.env_id, **spec.env_kwargs)
    first, plans = SeedTree(spec.seed).seed("evaluation"), []
    for row in range(spec.evaluation.episodes):
        env.reset(seed=first + row)
        plans.append(env.unwrapped.oracle().actions)
    return plans


def potential(features: dict[str, float]) -> float:
    """Compute the default potential by hand: its ranges on the 5x5 grid are 0..2 and 0..15."""
    return (features["subgoal"] + 1 - features["steps_to_subgoal"] / 15) / 3


def pay(design: str, before: dict[str, float], after: dict[str, float], ended: bool) -> float:
    """Compute what a design adds to the true reward, from its definition."""
    if design == "potential":
        return GAMMA * (0.0 if ended else potential(after)) - potential(before)
    if design == "naive":
        rises = [after[name] > before[name] for name in ("has_key", "door_open")]
        return 0.5 * sum(rises)
    return 0.0


def by_hand(spec: RunSpec, act: Callable[[Any, Any, int], Any]) -> list[dict[str, float]]:
    """Play each level in a scalar env of its own."""
    rows = []
    for row in range(spec.evaluation.episodes):
        env = gym.make(spec.env_id, **spec.env_kwargs)
        obs, info = env.reset(seed=SeedTree(spec.seed).seed("evaluation") + row)
        sums = dict.fromkeys(means(empty()), 0.0)
        ended, t, seen = False, 0, {obs["image"].tobytes() + bytes([obs["direction"]])}
        while not ended:
            batch = {k: np.repeat(np.asarray(v)[None], row + 1, 0) for k, v in obs.items()}
            before = info["features"]
            obs, true, terminated, truncated, info = env.step(int(act(batch, info, t)[row]))
            # A score is a finite sum: the time limit is the end, and its potential is 0.
            designed = true + pay(spec.design, before, info["features"], terminated or truncated)
            if spec.design == "count":
                key = obs["image"].tobytes() + bytes([obs["direction"]])
                designed += 0.005 * (key not in seen)
                seen.add(key)
            sums["true_return"] += true
            sums["designed_return"] += designed
            sums["discounted_true_return"] += GAMMA**t * true
            sums["discounted_designed_return"] += GAMMA**t * designed
            ended, t = terminated or truncated, t + 1
        rows.append({**sums, "length": t, "success": info["success"], "score": info["success"]})
    return rows


def empty() -> EvalTable:
    columns = [field.name for field in dataclasses.fields(EvalTable)]
    return EvalTable(**{name: np.zeros(1) for name in columns})


@pytest.fixture
def spec(tiny: Spec) -> Spec:
    return lambda **changes: tiny(gamma=GAMMA, evaluation=Evaluation(episodes=EPISODES), **changes)


@pytest.mark.parametrize("policy", ["scripted", "optimal"])
@pytest.mark.parametrize("design", DESIGNS)
def test_scores_equal_a_loop_over_scalar_envs(spec: Spec, design: str, policy: str) -> None:
    run, act = spec(design=design), scripted
    if policy == "optimal":
        plans = plans_of(run)
        act = lambda obs, infos, t: np.array([(*plan, *[6] * 40)[t] for plan in plans])  # noqa: E731
    table = Evaluator(run).score(act, step=77)
    expected = by_hand(run, act)
    assert table.step.tolist() == [77] * EPISODES
    assert table.episode.tolist() == list(range(EPISODES))
    for name in expected[0]:
        column = [row[name] for row in expected]
        np.testing.assert_allclose(getattr(table, name), column, atol=1e-12, err_msg=name)
    assert table.success.all() == (policy == "optimal")


def test_the_env_stays_open_between_scores(tiny: Spec, monkeypatch) -> None:
    """Gymnasium closes what a wrapper wraps when that is dropped, and worlds in processes end."""
    evaluator = Evaluator(tiny(design="none"))
    closed: list[bool] = []
    monkeypatch.setattr(evaluator._batch, "close", lambda **_: closed.append(True))
    evaluator.references()
    gc.collect()
    assert closed == []


def test_env_that_does_not_say_whether_it_succeeded_is_refused(tiny: Spec) -> None:
    run = tiny(env_id="CartPole-v1", env_kwargs={}, design="none")
    with pytest.raises(OperantError, match=r"CartPole-v1 does not report info\['success'\]"):
        Evaluator(run).references()


def test_success_of_every_step_is_read_through_a_sync_vector_env(
    spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oracle solves every level whether the env is batched natively or by gymnasium."""
    native = gym.spec("SparseKey-5x5-v0")
    looped = dataclasses.replace(native, id="Looped-v0", vector_entry_point=None)
    monkeypatch.setitem(gym.registry, "Looped-v0", looped)
    assert Evaluator(spec(env_id="Looped-v0")).references().oracle["success"] == 1.0


@pytest.mark.parametrize("gamma", [0.9, 0.999, 1.0])
def test_potential_pays_every_policy_the_same_beyond_the_true_reward(
    spec: Spec, gamma: float
) -> None:
    """Also a policy that the time limit cuts: nothing bootstraps from what is left of it."""
    run = dataclasses.replace(spec(design="potential"), gamma=gamma)
    plans, evaluator = plans_of(run), Evaluator(run)
    extra = []
    for plan_of in (lambda plan: plan, lambda plan: plan[:-1]):  # one stops before the goal
        chosen = [(*plan_of(plan), *[6] * 40) for plan in plans]
        table = evaluator.score(lambda obs, infos, t, c=chosen: np.array([p[t] for p in c]), step=0)
        extra.append(table.discounted_designed_return - table.discounted_true_return)
    np.testing.assert_allclose(extra[0], extra[1], atol=1e-12)


def test_stop_is_heard_during_an_evaluation(tiny: Spec) -> None:
    run = tiny(env_kwargs={"max_steps": 10**9})
    evaluator = Evaluator(run, should_stop=lambda: True)
    with pytest.raises(InterruptedRunError):
        evaluator.score(lambda obs, infos, t: np.full(4, 6), step=0)


def watched(evaluator: Evaluator) -> list[bytes]:
    """Score a fixed policy and return everything it was shown."""
    shown = []

    def act(obs: Any, infos: Any, t: int) -> Any:
        assert obs.keys() == {"image", "direction"}
        shown.append(obs["image"].tobytes() + obs["direction"].tobytes())
        return scripted(obs, infos, t)

    evaluator.score(act, step=0)
    return shown


def test_levels_are_the_same_for_each_design_and_checkpoint_of_a_seed(spec: Spec) -> None:
    evaluator = Evaluator(spec(design="none"))
    first = watched(evaluator)
    assert watched(evaluator) == first
    for design in DESIGNS[1:]:  # nor does a policy see the design
        assert watched(Evaluator(spec(design=design, design_kwargs={}))) == first
    assert watched(Evaluator(spec(seed=2)))[0] != first[0]
    assert watched(Evaluator(spec(total_steps=9999, num_envs=3))) == first


def test_scores_do_not_depend_on_what_was_scored_before(spec: Spec) -> None:
    evaluator = Evaluator(spec(design="count"))
    evaluator.references()
    used = evaluator.score(scripted, step=0)
    fresh = Evaluator(spec(design="count")).score(scripted, step=0)
    assert means(used) == means(fresh)


def test_evaluation_leaves_the_training_env_alone(spec: Spec) -> None:
    env = make_batch("SparseKey-5x5-v0", 3, max_steps=40)
    env.reset(seed=0)
    before = env.get_state()
    Evaluator(spec()).references()
    after = env.get_state()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_oracle_reference_is_the_envs_own(spec: Spec) -> None:
    run = spec(design="potential")
    oracle = Evaluator(run).references().oracle
    assert oracle is not None
    assert oracle["success"] == 1.0
    assert oracle["true_return"] == 1.0
    lengths = [len(plan) for plan in plans_of(run)]
    assert oracle["length"] == np.mean(lengths)
    discounted = np.mean([GAMMA ** (length - 1) for length in lengths])
    assert oracle["discounted_true_return"] == pytest.approx(discounted, abs=1e-12)


def test_potential_moves_every_finished_episode_by_its_first_potential(spec: Spec) -> None:
    run = spec(design="potential")
    plans = plans_of(run)
    act = lambda obs, infos, t: np.array([(*plan, *[6] * 40)[t] for plan in plans])  # noqa: E731
    table = Evaluator(run).score(act, step=0)
    env = gym.make(run.env_id, **run.env_kwargs)
    first = SeedTree(run.seed).seed("evaluation")
    starts = [env.reset(seed=first + row)[1]["features"] for row in range(EPISODES)]
    shift = table.discounted_true_return - table.discounted_designed_return
    np.testing.assert_allclose(shift, [potential(start) for start in starts], atol=1e-9)


def test_random_reference_is_reproducible_and_bad(spec: Spec) -> None:
    first = Evaluator(spec(design="none")).references().random
    assert first == Evaluator(spec(design="none")).references().random
    assert first["true_return"] == first["designed_return"]
    assert first["success"] < 0.5
    assert first["length"] > 20
    shaped = Evaluator(spec(design="potential")).references().random
    assert shaped["length"] == first["length"]  # the same actions under every design
    assert Evaluator(spec(design="potential", seed=2)).references().random != shaped


def test_random_reference_covers_all_actions(spec: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluator, seen = Evaluator(spec()), []
    score = evaluator.score

    def spy(act: Any, *, step: int) -> EvalTable:
        return score(lambda obs, infos, t: seen.append(act(obs, infos, t)) or seen[-1], step=step)

    monkeypatch.setattr(evaluator, "score", spy)
    evaluator._oracles = lambda: None  # type: ignore[method-assign]
    evaluator.references()
    counts = np.bincount(np.concatenate(seen), minlength=7)
    assert counts.min() > 0.7 * counts.mean()


def test_an_optimum_without_a_way_is_no_reference(tiny: Spec) -> None:
    env = gym.make("RoomNav-v0")
    env.reset(seed=0)
    assert env.unwrapped.oracle().kind == "exact"  # type: ignore[attr-defined]
    run = tiny(env_id="RoomNav-v0", env_kwargs={}, design="none", gamma=GAMMA)
    assert Evaluator(run).references().oracle is None


def test_env_of_others_is_scored_too(tiny: Spec) -> None:
    run = tiny(env_id="Cart-v0", env_kwargs={}, design="none", gamma=GAMMA)
    references = Evaluator(run).references()
    assert references.oracle is None
    assert references.random["success"] == 0.0
    assert 5 < references.random["length"] < 60
    assert references.random["true_return"] == references.random["length"]
    table = Evaluator(run).score(lambda obs, infos, t: (obs[:, 2] > 0).astype(np.int64), step=0)
    np.testing.assert_allclose(
        table.discounted_true_return, (1 - GAMMA**table.length) / (1 - GAMMA), rtol=1e-12
    )
    for row in range(2):
        env = gym.make("CartPole-v1")
        obs, _ = env.reset(seed=SeedTree(run.seed).seed("evaluation") + row)
        steps, ended = 0, False
        while not ended:
            obs, _, terminated, truncated, _ = env.step(int(obs[2] > 0))
            steps, ended = steps + 1, terminated or truncated
        assert table.length[row] == steps


class Sparse(gym.Env[Any, Any]):
    """Fails after 2 steps in odd levels and succeeds after 8 in even ones, after 3 in later ones.

    Continuous actions, no feature table.
    """

    observation_space = gym.spaces.Box(-1, 1, (2,))
    action_space = gym.spaces.Box(-1, 1, (1,))

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.left = 3 if seed is None else (2 if seed % 2 else 8)
        self.succeeds = self.left != 2
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> Any:
        assert self.action_space.contains(action)
        self.left -= 1
        ended = self.left == 0
        info = {"success": self.succeeds} if ended else {}
        return np.zeros(2, np.float32), float(ended), ended, False, info


def test_success_is_that_of_the_first_episode(tiny: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = gym.envs.registration.EnvSpec("Sparse-v0", Sparse)
    monkeypatch.setitem(gym.registry, "Sparse-v0", spec)
    run = tiny(env_id="Sparse-v0", env_kwargs={}, design="none")
    table = Evaluator(run).score(lambda obs, infos, t: np.zeros((4, 1), np.float32), step=0)
    first = SeedTree(run.seed).seed("evaluation")
    even = [(first + row) % 2 == 0 for row in range(4)]
    assert table.success.tolist() == even
    assert table.length.tolist() == [8 if is_even else 2 for is_even in even]
    assert table.true_return.tolist() == [1.0] * 4
    assert Evaluator(run).references().random["success"] == 0.5


class Counting:
    """A policy that remembers how many steps it has taken in each episode."""

    memory_shape = (1,)

    def __init__(self) -> None:
        self.seen: list[list[float]] = []

    def act(self, obs: Any, *, deterministic: bool) -> Any:
        raise NotImplementedError

    def act_from(self, obs: Any, memory: Any, *, deterministic: bool) -> Any:
        self.seen.append(memory[:, 0].tolist())
        return np.zeros((len(obs), 1), np.float32), memory + 1

    def sampling(self, seed: int) -> Any:
        return contextlib.nullcontext()


def test_memory_is_per_row_and_ends_with_the_episode(
    tiny: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = gym.envs.registration.EnvSpec("Sparse-v0", Sparse)
    monkeypatch.setitem(gym.registry, "Sparse-v0", spec)
    run, policy = tiny(env_id="Sparse-v0", env_kwargs={}, design="none"), Counting()
    evaluator = Evaluator(run)
    lengths = evaluator.score_policy(policy, deterministic=True, step=0).length.tolist()
    assert set(lengths) == {2, 8}
    for row, length in enumerate(lengths):
        later = [0, 1, 2] * 3  # a level that is not seeded takes 3 steps
        assert [memory[row] for memory in policy.seen] == [*range(length), *later][:8]
    played = Counting()
    list(play(run, played, gym.make("Sparse-v0"), deterministic=True))
    assert played.seen == [[t] for t in range(lengths[0])]


class Forbidding(gym.Env[Any, Any]):
    """Succeeds unless one of 5 steps is taken that the mask forbids: all but two actions."""

    observation_space = gym.spaces.Box(-1, 1, (1,))
    metadata = {"render_modes": []}  # noqa: RUF012
    nvec = (4,)

    def __init__(self) -> None:
        self.action_space: Any = gym.spaces.Discrete(4, start=3)

    def info(self) -> dict[str, Any]:
        parts = [self.np_random.permutation(size) < 2 for size in self.nvec]
        self.allowed = np.concatenate(parts)
        return {"action_mask": self.allowed, "success": self.obeys}

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.obeys, self.clock = True, 0
        return np.zeros(1, np.float32), self.info()

    def step(self, action: Any) -> Any:
        numbers = np.atleast_1d(action - self.action_space.start)
        starts = np.cumsum((0, *self.nvec[:-1]))
        self.obeys &= bool(self.allowed[starts + numbers].all())
        self.clock += 1
        return np.zeros(1, np.float32), 0.0, self.clock == 5, False, self.info()


class ForbiddingPairs(Forbidding):
    """The same with two numbers per action."""

    nvec = (5, 3)

    def __init__(self) -> None:
        self.action_space = gym.spaces.MultiDiscrete(self.nvec)


class Obedient:
    """A policy that takes the first action that the mask allows."""

    def act(self, obs: Any, *, deterministic: bool, action_mask: Any = None) -> Any:
        return 3 + action_mask.argmax(1)

    def sampling(self, seed: int) -> Any:
        return contextlib.nullcontext()


@pytest.mark.parametrize("env", [Forbidding, ForbiddingPairs])
def test_masks_reach_policies_and_the_random_reference(
    tiny: Spec, monkeypatch: pytest.MonkeyPatch, env: Any
) -> None:
    spec = gym.envs.registration.EnvSpec("Forbidding-v0", env)
    monkeypatch.setitem(gym.registry, "Forbidding-v0", spec)
    evaluation = Evaluation(episodes=40)
    run = tiny(env_id="Forbidding-v0", env_kwargs={}, design="none", evaluation=evaluation)
    evaluator, taken = Evaluator(run), []
    score = evaluator.score

    def spy(act: Any, *, step: int) -> EvalTable:
        return score(lambda *given: taken.append(act(*given)) or taken[-1], step=step)

    evaluator.score = spy  # type: ignore[method-assign, assignment]
    assert evaluator.references().random["success"] == 1.0
    columns = np.concatenate(taken).reshape(200, -1).T
    for column, size in zip(columns, env.nvec, strict=True):
        assert np.bincount(column - column.min(), minlength=size).min() > 100 / size
    evaluator.score = score  # type: ignore[method-assign]
    if env is Forbidding:
        scores = evaluator.score_policy(Obedient(), deterministic=True, step=0)
        assert scores.success.all()
        *_, last = play(run, Obedient(), gym.make("Forbidding-v0"), deterministic=True)
        assert last.step == 5


def test_batches_end_episodes_within_the_step() -> None:
    native, looped = make_batch("SparseKey-5x5-v0", 2), make_batch("CartPole-v1", 2)
    assert native.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert not isinstance(native.unwrapped, SyncVectorEnv)
    assert looped.unwrapped.autoreset_mode is AutoresetMode.SAME_STEP
    assert isinstance(looped.unwrapped, SyncVectorEnv)
    assert make_batch("SparseKey-5x5-v0", 2, max_steps=9).unwrapped.simulator.size.max_steps == 9


def test_concatenate_keeps_the_order() -> None:
    evaluator = Evaluator(
        RunSpec(
            env_id="Cart-v0",
            design="none",
            agent="a",
            seed=0,
            total_steps=1,
            evaluation=Evaluation(episodes=2),
        )
    )
    tables = [evaluator.score(lambda obs, infos, t: np.array([0, 1]), step=step) for step in (0, 8)]
    assert concatenate(tables).step.tolist() == [0, 0, 8, 8]
