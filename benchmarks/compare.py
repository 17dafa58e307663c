"""How far reward designs lie from the true reward and from each other on one level of an env."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from rich.markup import escape
from rich.table import Table

from operant.benchmarks.audit import enumerated
from operant.benchmarks.evaluate import make_batch
from operant.benchmarks.random_play import random_play
from operant.benchmarks.report.matrix import write_matrix
from operant.errors import OperantError
from operant.finite import FiniteMDP
from operant.reward_design import DesignContext, RewardDesign, as_design, metrics
from operant.reward_design.adapters.context import context_of
from operant.reward_design.metrics.designed import designed_reward
from operant.reward_design.metrics.rewards import MDP
from operant.reward_design.metrics.sampled import sampled_starc
from operant.reward_design.metrics.scipy_extra import scipy_module
from operant.seeding import SeedTree
from operant.tabular import TabularMDP, every_transition
from operant.types import Features, Float, Obs

TRUE, PROXY = "true", "proxy"
"""Labels of the env's own rewards."""
NUM_ENVS = 50
"""Rows that play at once to collect samples."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Distances between K rewards.

    Attributes:
        env_id: The env.
        seed: Seed of its level, or of the play that the samples come from.
        gamma: Discount.
        metric: Id of the distance.
        labels: K names: ``"true"``, ``"proxy"`` where the env has one, and the designs.
        matrix: (K, K) distances in [0, 2].
        states: Number of states the distance was computed over; None if it was estimated.
        samples: Number of transitions it was estimated from; None if it is exact.
        floor: (K,) noise of an estimate, None if exact; see
            :class:`~operant.reward_design.metrics.sampled.SampledDistances`.
    """

    env_id: str
    seed: int
    gamma: float
    metric: str
    labels: tuple[str, ...]
    matrix: Float
    states: int | None = None
    samples: int | None = None
    floor: Float | None = None

    @property
    def exact(self) -> bool:
        """True if every state was looked at, False if the numbers are estimates."""
        return self.states is not None

    @property
    def basis(self) -> str:
        """What the numbers rest on, in words."""
        if self.states is not None:
            return f"exact, {self.states:,} states, gamma {self.gamma:g}"
        return f"estimated from {self.samples:,} random transitions, gamma {self.gamma:g}"

    @property
    def title(self) -> str:
        """What the numbers are, in words."""
        return f"{self.metric} distances on {self.env_id}"

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        values |= {"labels": list(self.labels), "matrix": self.matrix.tolist()}
        values |= {"floor": None if self.floor is None else self.floor.tolist()}
        return {**values, "exact": self.exact}

    def table(self) -> Table:
        """Return the matrix for the terminal, the noise of an estimate in a last column."""
        made = Table(box=None, pad_edge=False)
        made.add_column("")
        for label in self.labels:
            made.add_column(escape(label), justify="right")
        if self.floor is not None:
            made.add_column("noise", justify="right")
        for row, label in enumerate(self.labels):
            noise = [] if self.floor is None else [f"{self.floor[row]:.2f}"]
            made.add_row(escape(label), *(f"{value:.2f}" for value in self.matrix[row]), *noise)
        return made

    def draw(self, path: str | os.PathLike[str]) -> Path:
        """Draw the matrix as ``.svg``, ``.png`` or ``.html``, and return where.

        Raises:
            ValueError: If the suffix is another one.
        """
        noise = "" if self.floor is None else f"; noise up to {self.floor.max():.2f}"
        subtitle = f"{self.basis}{noise}"
        write_matrix(Path(path), self.labels, self.matrix, title=self.title, subtitle=subtitle)
        return Path(path)


def compare(
    env_id: str,
    designs: Sequence[str | RewardDesign],
    *,
    gamma: float,
    seed: int = 0,
    metric: str = "starc",
    env_kwargs: Mapping[str, Any] | None = None,
    samples: int = 0,
) -> Comparison:
    """Compare designs with the true reward of an env, with its proxy and with each other.

    A design is compared as it is before training.

    Args:
        env_id: Gymnasium id.
        designs: Designs, or ids of designs with default arguments; the id ``"proxy"`` changes
            nothing, because an env's proxy reward is always compared.
        gamma: Discount of the agent, in [0, 1).
        seed: Seed of the level.
        metric: One of ``operant.reward_design.metrics.list_metrics()`` that reads only what the
            env tells: ``"starc"`` or ``"starc_minimal"``.
        env_kwargs: Arguments of the env.
        samples: 0 computes exactly, over all states of the level; where chance plays a part, for
            designs that look at observations and actions only. Otherwise ``"starc"`` is
            estimated from at least so many transitions of random play over many levels, which also
            works where states cannot be enumerated and for designs that remember the episode.

    Raises:
        GammaMismatchError: If a design was built for another discount.
        MissingExtraError: If SciPy is not installed.
        OperantError: If the env cannot be enumerated, or a design cannot be compared on it.
        UnknownIdError: If there is no such metric or design.
        ValueError: If an argument is out of range.
    """
    if not 0.0 <= gamma < 1.0:
        raise ValueError(f"gamma must lie in [0, 1), got {gamma}")
    if samples < 0:
        raise ValueError(f"samples must be >= 0, got {samples}")
    _check_metric(metric, sampled=samples > 0)
    scipy_module("sparse")  # whoever lacks it hears of it at once, not after having played
    given = [as_design(design) for design in designs if design != PROXY]
    made = [copy.deepcopy(design) for design in given]  # they may be in use elsewhere
    for design in made:
        _check_design(design, sampled=samples > 0)
    common = {"env_id": env_id, "seed": seed, "gamma": gamma, "metric": metric}
    if samples:
        return _estimate(made, common, env_kwargs or {}, samples)
    return _compute(made, common, env_kwargs or {})


def _check_metric(metric: str, *, sampled: bool) -> None:
    known = metrics.registry()
    if "actual" not in known[metric].tags:
        usable = ", ".join(row.id for row in known if "actual" in row.tags)
        raise ValueError(
            f"metric {metric!r} also asks what transitions pay that cannot happen, which an env "
            f"does not tell; use one of: {usable}"
        )
    if sampled and metric != "starc":
        raise ValueError(f"only metric 'starc' can be estimated from samples, got {metric!r}")


def _check_design(design: RewardDesign, *, sampled: bool) -> None:
    if design.spec.timing != "step":
        raise OperantError(
            f"design {design.id!r} has timing {design.spec.timing!r}: it does not reward single "
            "transitions, so their rewards cannot be compared"
        )
    if not (design.spec.markov or sampled):
        raise OperantError(
            f"design {design.id!r} is not Markov: what it pays for a transition depends on what "
            "came before, so there is no one reward per transition; estimate with samples instead"
        )


def _compute(
    designs: Sequence[RewardDesign], common: dict[str, Any], env_kwargs: Mapping[str, Any]
) -> Comparison:
    """Compare over all states of a level."""
    env = gym.make(common["env_id"], **env_kwargs)
    try:
        env.reset(seed=common["seed"])
        mdp = _model(env)
        context = _context(env, mdp.num_states * mdp.num_actions, common)
    finally:
        env.close()
    rewards, names = [mdp.reward], [TRUE]
    if isinstance(mdp, TabularMDP) and mdp.proxy_reward is not None:
        rewards, names = [mdp.reward, mdp.proxy_reward], [TRUE, PROXY]
    rewards += [_designed(mdp, design, context) for design in designs]
    distances: metrics.Metric = metrics.registry().load(common["metric"])
    return Comparison(
        labels=_labels(names, designs),
        matrix=distances(mdp, rewards, gamma=common["gamma"]),
        states=mdp.num_states,
        **common,
    )


def _model(env: gym.Env[Any, Any]) -> MDP:
    """Return the current level as an MDP, with probabilities where chance plays a part."""
    try:
        return enumerated(env)
    except (OperantError, ValueError) as error:
        base: Any = env.unwrapped
        with contextlib.suppress(AttributeError, ValueError):
            mdp: FiniteMDP = base.finite_mdp()
            return mdp
        raise OperantError(f"{error}; or estimate the distances with samples") from error


def _designed(mdp: MDP, design: RewardDesign, context: DesignContext) -> Float:
    if isinstance(mdp, FiniteMDP):

        def attach(slots: int) -> RewardDesign:
            fresh = copy.deepcopy(design)
            fresh.setup(dataclasses.replace(context, num_envs=slots))
            return fresh

        return designed_reward(mdp, attach)
    design.setup(context)
    paid: Float = design(every_transition(mdp)).total.reshape(mdp.reward.shape)
    return paid


def _estimate(
    designs: Sequence[RewardDesign],
    common: dict[str, Any],
    env_kwargs: Mapping[str, Any],
    samples: int,
) -> Comparison:
    """Compare over the transitions of random play."""
    env = make_batch(common["env_id"], NUM_ENVS, **env_kwargs)
    columns: list[tuple[npt.NDArray[Any], ...]] = []
    try:
        for design in designs:
            design.setup(_context(env, NUM_ENVS, common))
        for t in random_play(env, seed=common["seed"], steps=-(-samples // NUM_ENVS)):
            here, ahead = _numbers(t.prev_features, t.obs), _numbers(t.features, t.next_obs)
            paid = [t.reward, *(design(t).total for design in designs)]
            columns.append((here, ahead, t.terminated, np.stack(paid, axis=1)))
    finally:
        env.close()
    here, ahead, terminated, rewards = map(np.concatenate, zip(*columns, strict=True))
    labels = _labels([TRUE], designs)
    _check_seen(labels, rewards.T)
    waves = np.random.default_rng(SeedTree(common["seed"]).seed("waves"))
    found = sampled_starc(rewards.T, here, ahead, terminated, gamma=common["gamma"], rng=waves)
    return Comparison(
        labels=labels,
        matrix=found.matrix,
        floor=found.floor,
        samples=found.samples,
        **common,
    )


def _check_seen(labels: Sequence[str], rewards: Float) -> None:
    """Refuse rewards, (K, N), of which one was never paid."""
    for label, reward in zip(labels, rewards, strict=True):
        if not reward.any():
            raise OperantError(
                f"reward {label!r} was 0 in all {reward.size:,} transitions of random play, so "
                "they tell nothing about it; take more samples, or compute exactly where "
                "states can be enumerated"
            )


def _context(env: Any, num_envs: int, common: Mapping[str, Any]) -> DesignContext:
    seed = SeedTree(common["seed"]).seed("design")
    return context_of(env, gamma=common["gamma"], seed=seed, num_envs=num_envs)


def _numbers(features: Features, obs: Obs) -> npt.NDArray[Any]:
    """Return what describes B states, (B, D): their features, or without any the observations."""
    arrays = [features[name] for name in sorted(features)]
    if not arrays:
        arrays = [obs[name] for name in sorted(obs)] if isinstance(obs, dict) else [obs]
    rows = [np.asarray(array, np.float64) for array in arrays]
    return np.concatenate([row.reshape(len(row), -1) for row in rows], axis=1)


def _labels(own: Sequence[str], designs: Sequence[RewardDesign]) -> tuple[str, ...]:
    """Name the rewards; the second design of an id gets a number."""
    labels = list(own)
    for design in designs:
        same = sum(label.split(" #")[0] == design.id for label in labels)
        labels.append(f"{design.id} #{same + 1}" if same else design.id)
    return tuple(labels)
