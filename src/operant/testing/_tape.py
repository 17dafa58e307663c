"""Recorded experience for checking reward designs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from operant.finite import FiniteMDP
from operant.testing._play import Policy
from operant.types import Bool, Card, Feature, Features, Obs, RewardTerms, Rollout, Transition

CHUNK = 50
"""Steps between two calls of ``update``, and length of rollouts."""
MEAN_EPISODE = 30
"""Mean length of the recorded episodes, in steps."""
KINDS = {"bool": np.bool_, "int": np.int64, "float": np.float64}


class Design(Protocol):
    """What the checker needs of ``operant.reward_design.RewardDesign``, which is a layer above."""

    @property
    def spec(self) -> Any: ...
    def setup(self, context: Any) -> None: ...
    def reset(self, mask: Bool) -> None: ...
    def redistribute(self, r: Rollout) -> RewardTerms: ...
    def update(self, r: Rollout) -> dict[str, float]: ...
    def state_dict(self) -> dict[str, npt.NDArray[Any]]: ...
    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None: ...
    def __call__(self, t: Transition) -> RewardTerms: ...


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """The fields of ``operant.reward_design.DesignContext`` (a test keeps them equal)."""

    observation_space: gym.Space[Any]
    action_space: gym.Space[Any]
    features: tuple[Feature, ...]
    num_envs: int
    gamma: float
    seed: int = 0
    device: str = "cpu"
    model: Callable[[], FiniteMDP] | None = None
    expert: str = ""
    groups: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class DesignSubject:
    """A reward design under test.

    Attributes:
        name: For messages.
        make: Builds a fresh design.
        make_env: Builds the scalar env of the experience.
        context: Context with ``num_envs`` = N.
        tape: T transitions of all N envs.
    """

    name: str
    make: Callable[[], Design]
    make_env: Callable[[], gym.Env[Any, Any]]
    context: Context
    tape: list[Transition]

    def per_step(self) -> bool:
        """Tell whether the design scores transitions as they come."""
        return bool(self.make().spec.timing == "step")

    def attach(self, num_envs: int | None = None) -> Design:
        """Return a fresh design, set up for ``num_envs`` envs (None: N)."""
        design = self.make()
        design.setup(dataclasses.replace(self.context, num_envs=num_envs or self.context.num_envs))
        return design


class Recorder:
    """One scalar env that acts and remembers; its episodes end at random.

    Ends are forged, half as terminations and half as time limits, because a random walk hardly ever
    terminates; to a design they are as good as real ones.
    """

    def __init__(self, env: gym.Env[Any, Any], seed: int, slot: int = 0) -> None:
        """Start the first episode.

        Args:
            env: The env.
            seed: Seed of env, actions and ends.
            slot: ``env_ids`` of its transitions.
        """
        self.env, self.slot, self.rng = env, slot, np.random.default_rng(seed)
        self.policy = Policy(env, seed)
        card = getattr(env.unwrapped, "card", None)
        self.kinds = (
            {f.name: KINDS[f.dtype] for f in card.features} if isinstance(card, Card) else {}
        )
        self.begin(seed)

    def begin(self, seed: int | None = None) -> None:
        """Start an episode."""
        self.obs, info = self.env.reset(seed=seed)
        self.features, self.age, self.over = info.get("features", {}), 0, False
        self.policy.begin()

    def step(self, *, forge: bool = True, terminate: bool = False) -> Transition:
        """Act once, in a new episode if the last one is over; return a batch of one.

        Args:
            forge: End the episode with probability 1 / ``MEAN_EPISODE``.
            terminate: Forge a termination now.
        """
        if self.over:
            self.begin()
        action = self.policy.act()
        obs, reward, terminated, truncated, info = self.env.step(action)
        if forge and self.rng.random() < 1 / MEAN_EPISODE:
            terminated, truncated = (
                (True, truncated) if self.rng.random() < 0.5 else (terminated, True)
            )
        features = info.get("features", {})
        transition = Transition(
            obs=_batch_of_one(self.obs),
            action=np.asarray(action)[None],
            next_obs=_batch_of_one(obs),
            reward=np.array([reward], np.float64),
            terminated=np.array([terminated or terminate], np.bool_),
            truncated=np.array([truncated], np.bool_),
            features=self._arrays(features),
            prev_features=self._arrays(self.features),
            env_ids=np.array([self.slot]),
            episode_step=np.array([self.age]),
        )
        self.obs, self.features, self.age = obs, features, self.age + 1
        self.over = bool(transition.done[0])
        return transition

    def _arrays(self, features: Mapping[str, Any]) -> Features:
        return {name: np.asarray([features[name]], kind) for name, kind in self.kinds.items()}


def _batch_of_one(obs: Any) -> Obs:
    if isinstance(obs, dict):
        return {key: np.asarray(value)[None].copy() for key, value in obs.items()}
    batch: npt.NDArray[Any] = np.asarray(obs)[None].copy()
    return batch


def record(
    make_env: Callable[[], gym.Env[Any, Any]], *, num_envs: int, steps: int, seed: int
) -> list[Transition]:
    """Return ``steps`` transitions of ``num_envs`` envs that act side by side."""
    players = [Recorder(make_env(), seed + i, i) for i in range(num_envs)]
    tape = [join([player.step() for player in players]) for _ in range(steps)]
    for player in players:
        player.env.close()
    return tape


_FIELDS = tuple(field.name for field in dataclasses.fields(Transition))


def map_arrays(change: Callable[..., Any], *items: Any) -> Any:
    """Apply ``change`` to the arrays of equally built transitions, and build one of the results."""
    first = items[0]
    if isinstance(first, np.ndarray):  # nearly all of them: asked first
        return change(*items)
    if isinstance(first, Transition):
        parts = {name: map_arrays(change, *(getattr(t, name) for t in items)) for name in _FIELDS}
        return Transition(**parts)
    if isinstance(first, Mapping):
        return {key: map_arrays(change, *(item[key] for item in items)) for key in first}
    return change(*items)


def join(parts: Sequence[Transition]) -> Transition:
    """Concatenate batches of transitions."""
    joined: Transition = map_arrays(lambda *arrays: np.concatenate(arrays), *parts)
    return joined


def take(t: Transition, rows: npt.NDArray[Any]) -> Transition:
    """Return a copy of some rows, in that order."""
    taken: Transition = map_arrays(lambda array: array[rows], t)
    return taken


def in_slots(t: Transition, slots: npt.NDArray[Any]) -> Transition:
    """Return the same transitions as if they came from other env slots."""
    return dataclasses.replace(t, env_ids=np.asarray(slots, np.int64))


def frozen(t: Transition) -> Transition:
    """Return a copy whose arrays are read-only."""

    def freeze(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        array = array.copy()
        array.setflags(write=False)
        return array

    sealed: Transition = map_arrays(freeze, t)
    return sealed


def _in_order(t: Transition) -> bool:
    return bool((t.env_ids[1:] >= t.env_ids[:-1]).all())


def as_rollout(tape: Sequence[Transition]) -> Rollout:
    """Stack T transitions of all N envs into (T, N) arrays, columns in slot order."""
    ordered = [t if _in_order(t) else take(t, np.argsort(t.env_ids)) for t in tape]
    stacked: Transition = map_arrays(lambda *arrays: np.stack(arrays), *ordered)
    names = [field.name for field in dataclasses.fields(Rollout) if field.name != "valid"]
    parts = {name: getattr(stacked, name) for name in names}
    return Rollout(**parts, valid=np.ones(stacked.reward.shape, np.bool_))


def score(design: Design, tape: Sequence[Transition], *, learn: bool = True) -> dict[str, Any]:
    """Run a design over a tape as training does, updates included.

    Returns:
        Term name -> (T, N) rewards, ``"total"`` among them; rows as in the tape (for designs that
        score rollouts: in slot order).
    """
    found: list[dict[str, Any]] = []
    for start in range(0, len(tape), CHUNK):
        chunk = tape[start : start + CHUNK]
        if design.spec.timing == "step":
            found += [_copied(design(t)) for t in chunk]
        else:
            found.append(_copied(design.redistribute(as_rollout(chunk))))
        if learn:
            design.update(as_rollout(chunk))
    return {name: np.vstack([part[name] for part in found]) for name in found[0]}


def _copied(terms: RewardTerms) -> dict[str, Any]:
    """Return what was paid, by name, apart from arrays that the design may use again."""
    return {name: np.array(paid) for name, paid in {**terms.terms, "total": terms.total}.items()}
