"""Scoring a policy on fresh envs; the designed reward is only read beside the true one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv, VectorWrapper

from operant import envs, reward_design
from operant.agents.base import Player, Policy
from operant.benchmarks.episode_log import EpisodeLog
from operant.benchmarks.metrics import RETURN, SUCCESS, Metric, metric
from operant.benchmarks.records import EvalTable, References
from operant.benchmarks.specs import RunSpec
from operant.errors import InterruptedRunError, OperantError
from operant.reward_design.adapters.transitions import card_of
from operant.reward_design.formalisms.memory import (
    EpisodeMemory,
    MemoryObservation,
    MemoryVectorObservation,
)
from operant.seeding import SeedTree
from operant.types import Bool, Oracle
from operant.wrapping import final_info

Act: TypeAlias = Callable[[Any, dict[str, Any], int], npt.NDArray[Any]]
"""(batch of observations, their infos, time step) -> one action per row."""
STOP_EVERY = 100
"""Env steps between two questions whether to stop."""
SCORES = ("true_return", "designed_return", "discounted_true_return", "discounted_designed_return")


def make_batch(env_id: str, num_envs: int, **kwargs: Any) -> VectorEnv[Any, Any, Any]:
    """Build a SAME_STEP vector env: the native one for our ids, gymnasium's SyncVectorEnv else."""
    mode = AutoresetMode.SAME_STEP
    if env_id in envs.registry() and gym.spec(env_id).vector_entry_point:
        return gym.make_vec(env_id, num_envs=num_envs, autoreset_mode=mode, **kwargs)
    vector_kwargs = {"autoreset_mode": mode}
    return gym.make_vec(
        env_id, num_envs=num_envs, vectorization_mode="sync", vector_kwargs=vector_kwargs, **kwargs
    )


def run_batch(spec: RunSpec, num_envs: int) -> VectorEnv[Any, Any, Any]:
    """Build the vector env of a run as its agent sees it, with the true reward.

    Raises:
        ValueError: If the design's memory is to be shown, and it has none.
    """
    batch = make_batch(spec.env_id, num_envs, **spec.env_kwargs)
    memory = _memory(spec)
    return batch if memory is None else MemoryVectorObservation(batch, memory)


def run_env(spec: RunSpec, **kwargs: Any) -> gym.Env[Any, Any]:
    """Build the scalar env of a run as its agent sees it, with the true reward.

    Args:
        spec: The run.
        **kwargs: Further arguments of the env, such as ``render_mode``.

    Raises:
        ValueError: If the design's memory is to be shown, and it has none.
    """
    env = gym.make(spec.env_id, **{**spec.env_kwargs, **kwargs})
    memory = _memory(spec)
    return env if memory is None else MemoryObservation(env, memory)


def _memory(spec: RunSpec) -> EpisodeMemory | None:
    if not spec.show_memory:
        return None
    memory = reward_design.make_design(spec.design, **spec.design_kwargs).memory()
    if memory is None:
        raise ValueError(
            f"design {spec.design!r} remembers nothing that an agent could be shown; leave "
            "show_memory out"
        )
    return memory


class Evaluator:
    """The evaluation of one run: the same levels each time, and for every design of that seed.

    Attributes:
        metric: By what the env's card says it is scored; without a card, by success.
    """

    def __init__(self, spec: RunSpec, *, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Build the env.

        Args:
            spec: The run.
            should_stop: Asked now and then while episodes last; True abandons them.
        """
        self._spec = spec
        self._tree = SeedTree(spec.seed)
        self._batch = run_batch(spec, spec.evaluation.episodes)
        card = card_of(self._batch)
        self.metric: Metric = SUCCESS if card is None else metric(card.metric)
        self._should_stop = should_stop

    def score_policy(
        self, policy: Policy, *, deterministic: bool, step: int, log: EpisodeLog | None = None
    ) -> EvalTable:
        """Score what an agent has learned, with a memory per row if it has any; see :meth:`score`.

        Args:
            policy: What acts.
            deterministic: True for the mode of the policy, False to sample from it.
            step: Env steps trained so far, written into the table.
            log: Sees every step; None if nobody does.
        """
        player = Player(policy, self._spec.evaluation.episodes)

        def act(obs: Any, infos: dict[str, Any], t: int) -> npt.NDArray[Any]:  # noqa: ARG001
            mask = infos.get("action_mask")
            return player.act(obs, deterministic=deterministic, action_mask=mask)

        return self.score(act, step=step, on_end=player.forget, log=log)

    def score(
        self,
        act: Act,
        *,
        step: int,
        on_end: Callable[[Bool], None] = lambda _: None,
        log: EpisodeLog | None = None,
    ) -> EvalTable:
        """Play the first episode of every row; the design rides along only to be read.

        Args:
            act: The policy.
            step: Env steps trained so far, written into the table.
            on_end: Told in which rows, (B,) bool, an episode has ended; another one starts there,
                which is not scored.
            log: Sees every step; None if nobody does.

        Raises:
            InterruptedRunError: If a stop was asked for before all episodes had ended.
            OperantError: If the env does not report success, or what it is scored by.
        """
        spec, episodes = self._spec, self._spec.evaluation.episodes
        # A new design each time: scores must not depend on what was scored before.
        design = reward_design.make_design(spec.design, **spec.design_kwargs)
        seed = self._tree.seed("design")
        finite = _FiniteHorizon(self._batch)
        env = reward_design.shape(finite, design, gamma=spec.gamma, seed=seed, learn_every=0)
        obs, infos = env.reset(seed=self._tree.seed("evaluation"))
        sums = {name: np.zeros(episodes) for name in SCORES}
        length, success = np.zeros(episodes, np.int64), np.zeros(episodes, np.bool_)
        told = np.zeros(episodes)
        running, t = np.ones(episodes, np.bool_), 0
        if log is not None:
            log.begin()
        while running.any():
            if t and t % STOP_EVERY == 0 and self._should_stop():
                raise InterruptedRunError("stopped during an evaluation")
            action = act(obs, infos, t)
            obs, designed, terminated, truncated, infos = env.step(action)
            true = infos["true_reward"]
            for name, value in zip(SCORES, (true, designed, true, designed), strict=True):
                weight = spec.gamma**t if name.startswith("discounted") else 1.0
                sums[name] += np.where(running, weight * value, 0.0)
            length += running
            ended = np.asarray(terminated | truncated, np.bool_)
            done = running & ended
            if done.any():
                success |= done & np.asarray(self._told("success", infos), np.bool_)
                if self.metric not in (SUCCESS, RETURN):
                    told = np.where(done, self._told(self.metric.id, infos), told)
            if log is not None:
                log.watch(
                    running=running,
                    action=action,
                    designed=designed,
                    truncated=finite.cut,
                    success=success,
                    ended=ended,
                    infos=infos,
                )
            running &= ~done
            on_end(ended)
            t += 1
        if log is not None:
            log.end(step)
        own = {SUCCESS.id: success.astype(np.float64), RETURN.id: sums["true_return"]}
        return EvalTable(
            step=np.full(episodes, step, np.int64),
            episode=np.arange(episodes),
            length=length,
            success=success,
            score=own.get(self.metric.id, told),
            **sums,
        )

    def references(self) -> References:
        """Score a uniformly random policy and, where the env knows it, the optimal one.

        Where actions are masked, the random policy is uniform over the allowed ones.
        """
        space, seed = self._batch.action_space, self._tree.seed("random policy")
        space.seed(seed)
        rng = np.random.default_rng(seed)

        def random(obs: Any, infos: dict[str, Any], t: int) -> npt.NDArray[Any]:  # noqa: ARG001
            if "action_mask" in infos:
                return _random_allowed(self._batch.single_action_space, infos["action_mask"], rng)
            drawn: npt.NDArray[Any] = space.sample()
            return drawn

        oracle, best = None, None
        found = self._oracles()
        if found is not None and all(one.actions for one in found):
            oracle = means(self.score(_follow([one.actions for one in found]), step=0))
            best = oracle["score"]
        elif found is not None and self.metric is RETURN:
            # A value can be known without a way to it: the optimal policy reacts to chance.
            best = float(np.mean([one.optimal_return for one in found]))
        return References(random=means(self.score(random, step=0)), oracle=oracle, best=best)

    def _told(self, name: str, infos: dict[str, Any]) -> npt.NDArray[Any]:
        """Read what the episodes that ended with this step say of themselves, (B,)."""
        found = final_info(infos, name)
        if found is None:
            raise OperantError(
                f"{self._spec.env_id} does not report info[{name!r}] at the end of an episode, "
                "by which runs are scored; wrap the env so that its last info has it"
            )
        return np.asarray(found)

    def _oracles(self) -> list[Oracle] | None:
        """Return what is known of the optimum of every row, or None if it is not known exactly."""
        first, known = self._tree.seed("evaluation"), []
        with closing(gym.make(self._spec.env_id, **self._spec.env_kwargs)) as env:
            oracle = getattr(env.unwrapped, "oracle", None)
            if oracle is None:
                return None
            for row in range(self._spec.evaluation.episodes):
                env.reset(seed=first + row)
                known.append(oracle())
                if known[-1].kind != "exact":
                    return None
        return known


def means(table: EvalTable) -> dict[str, float]:
    """Return the mean of every score of an evaluation."""
    columns = (*SCORES, "length", "success", "score")
    return {name: float(np.mean(getattr(table, name))) for name in columns}


def concatenate(tables: list[EvalTable]) -> EvalTable:
    """Return the rows of several evaluations as one table."""
    names = [field.name for field in dataclasses.fields(EvalTable)]
    columns = {name: np.concatenate([getattr(table, name) for table in tables]) for name in names}
    return EvalTable(**columns)


class _FiniteHorizon(VectorWrapper):
    """Shows a time limit as the end of the MDP.

    In training the agent bootstraps at a time limit, so shaping keeps the potential of the last
    state there. A score is a finite sum that nothing is bootstrapped to: left as it is, it would
    contain ``gamma ** T`` times a potential that depends on the policy.

    Attributes:
        cut: (B,) bool, rows whose episode the time limit ended with the last step.
    """

    cut: Bool

    def close(self, **kwargs: Any) -> None:
        """Leave the env open: Gymnasium closes what a wrapper wraps when the wrapper is dropped."""

    def step(self, actions: Any) -> Any:
        obs, reward, terminated, truncated, infos = self.env.step(actions)
        self.cut = np.asarray(truncated & ~terminated, np.bool_)
        return obs, reward, terminated | truncated, np.zeros_like(truncated), infos


def _random_allowed(
    space: gym.Space[Any], mask: npt.NDArray[np.bool_], rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Draw uniformly among the actions that a mask, (B, P) bool, allows in each row.

    The P columns are the values of a Discrete action, or those of a MultiDiscrete one's parts, one
    part after the other.
    """
    sizes = np.array(getattr(space, "nvec", [mask.shape[1]]))
    parts = [
        # 1 - u lies in (0, 1]: what is allowed beats what is not.
        np.argmax((1 - rng.random(part.shape)) * part, 1)
        for part in np.split(mask, np.cumsum(sizes)[:-1], 1)
    ]
    drawn = np.stack(parts, 1)
    actions: npt.NDArray[np.int64] = drawn if space.shape else drawn[:, 0]
    return actions + np.asarray(getattr(space, "start", 0), np.int64)


def _follow(plans: list[tuple[int, ...]]) -> Act:
    """Return the policy that plays one fixed action sequence per row."""

    def act(obs: Any, infos: dict[str, Any], t: int) -> npt.NDArray[Any]:  # noqa: ARG001
        return np.array([plan[t] if t < len(plan) else 0 for plan in plans], np.int64)

    return act
