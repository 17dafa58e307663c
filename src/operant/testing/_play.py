"""Drive an env with random actions, the same way in every rule and every process."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import gymnasium as gym

from operant.testing._values import update_hash
from operant.types import Card, Oracle


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """What ``reset`` or ``step`` returned.

    Attributes:
        at: Index of this call, for messages.
        first: True for a reset; then reward is 0.0 and both flags are False.
        obs: Observation, as returned (not copied).
        reward: Reward, as returned.
        terminated: Flag, as returned.
        truncated: Flag, as returned.
        info: Info dict, as returned.
    """

    at: int
    first: bool
    obs: Any
    reward: Any = 0.0
    terminated: Any = False
    truncated: Any = False
    info: dict[str, Any]

    @property
    def last(self) -> bool:
        """True if the episode ended here."""
        return bool(self.terminated or self.truncated)

    @property
    def content(self) -> tuple[Any, ...]:
        """Everything that two equal envs must agree on."""
        return self.obs, self.reward, self.terminated, self.truncated, self.info


def action_stream(space: gym.Space[Any], seed: int) -> Callable[[], Any]:
    """Return a sampler of random actions that leaves the env's own space alone."""
    own = copy.deepcopy(space)
    own.seed(seed)
    return own.sample


_SOLUTIONS: dict[bytes, tuple[int, ...]] = {}
"""Hash of an env in a state -> what its oracle said there."""


class Policy:
    """Random actions; every second episode opens with the env's own solution, if it knows one.

    A random walk hardly ever succeeds at a sparse task, and success is where faults hide.
    """

    def __init__(self, env: gym.Env[Any, Any], seed: int) -> None:
        """Prepare to act in an env, with actions drawn from ``seed``."""
        self.sample = action_stream(env.action_space, seed)
        self.env: Any = env.unwrapped
        self.solve: Callable[[], Oracle] | None = getattr(env.unwrapped, "oracle", None)
        self.plan: list[int] = []
        self.episodes = 0

    def begin(self) -> None:
        """Note that an episode begins; decides whether it is solved or random."""
        self.episodes += 1
        guided = self.solve is not None and self.episodes % 2 == 0
        self.plan = list(self._solution(self.solve)) if self.solve is not None and guided else []

    def _solution(self, solve: Callable[[], Oracle]) -> tuple[int, ...]:
        """Return the oracle's actions; rules play the same levels over and over."""
        if not hasattr(self.env, "get_state"):
            return solve().actions
        digest = hashlib.sha256(repr((type(self.env), self.env.spec)).encode())
        update_hash(digest, self.env.get_state())
        known = digest.digest()
        if known not in _SOLUTIONS:
            _SOLUTIONS[known] = solve().actions
        return _SOLUTIONS[known]

    def act(self) -> Any:
        """Return the next action."""
        return self.plan.pop(0) if self.plan else self.sample()


def play(
    env: gym.Env[Any, Any],
    *,
    steps: int,
    seed: int | None,
    action_seed: int = 0,
    midway: bool = False,
    longest: int | None = None,
) -> Iterator[Moment]:
    """Step ``steps`` times and yield every reset and step, as returned.

    Only the first reset is seeded; later ones continue the env's stream.

    Args:
        env: The env; in the middle of an episode if ``midway``.
        steps: Number of steps, resets not counted.
        seed: Seed of the first reset.
        action_seed: Seed of the actions.
        midway: Go on with the running episode instead of a first reset.
        longest: Episodes that do not end are cut after so many steps; None: after a quarter of
            ``steps``, so that there are at least three.
    """
    policy = Policy(env, action_seed)
    longest, age, at, fresh = longest or max(1, steps // 4), 0, 0, not midway
    for step in range(steps):
        if fresh:
            obs, info = env.reset(seed=seed) if step == 0 else env.reset()
            policy.begin()
            age = 0
            yield Moment(at=at, first=True, obs=obs, info=info)
            at += 1
        obs, reward, terminated, truncated, info = env.step(policy.act())
        age += 1
        # Decided before the yield: rules may ruin what they are given.
        fresh = bool(terminated or truncated) or age >= longest
        yield Moment(
            at=at,
            first=False,
            obs=obs,
            reward=reward,
            terminated=terminated,
            truncated=truncated,
            info=info,
        )
        at += 1


def advance(env: gym.Env[Any, Any], *, steps: int, seed: int) -> None:
    """Play and leave the env in the middle of an episode."""
    last = False
    for moment in play(env, steps=steps, seed=seed, longest=steps):
        last = moment.last
    if last:
        env.reset()


def running_digests(env: gym.Env[Any, Any], *, steps: int, seed: int) -> list[str]:
    """Play and return the running SHA-256 after every call, abbreviated to 16 hex digits."""
    running, digests = hashlib.sha256(), []
    for moment in play(env, steps=steps, seed=seed):
        update_hash(running, moment.content)
        digests.append(running.hexdigest()[:16])
    return digests


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """A scalar env under test.

    Attributes:
        name: For messages.
        make: Builds a fresh env; takes ``render_mode`` where one is wanted.
        recipe: How another process builds it (JSON-able), or None if it cannot.
        steps: Length of the traces.
        seed: Seed of the first reset.
        deterministic: True if every seed must give the same trace.
    """

    name: str
    make: Callable[..., gym.Env[Any, Any]]
    recipe: dict[str, str] | None
    steps: int
    seed: int
    deterministic: bool

    def card(self) -> Card | None:
        """Return the env's card, if it has one."""
        env = self.make()
        card = getattr(env.unwrapped, "card", None)
        env.close()
        return card if isinstance(card, Card) else None

    def play(self, steps: int | None = None) -> Iterator[Moment]:
        """Play a fresh env, and close it."""
        env = self.make()
        yield from play(env, steps=steps or self.steps, seed=self.seed)
        env.close()
