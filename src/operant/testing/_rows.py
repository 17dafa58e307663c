"""What each row of a vector env must do, acted out by scalar envs."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv

from operant.testing._play import Policy
from operant.testing._values import first_difference

_NOTHING_PAID = {"true_reward": 0.0, "proxy_reward": 0.0, "success": False}
"""What the pseudo-step of NEXT_STEP autoreset reports."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class VectorSubject:
    """A vector env under test.

    Attributes:
        name: For messages.
        make: ``(num_envs, mode) -> env``; ``mode`` None is the env's default.
        make_scalar: Builds the scalar env that each row must equal.
        modes: The autoreset modes the env offers.
        num_envs: Number of rows.
        steps: Length of the traces.
        seed: Seed s; row i gets s + i.
    """

    name: str
    make: Callable[[int, AutoresetMode | None], VectorEnv[Any, Any, Any]]
    make_scalar: Callable[[], gym.Env[Any, Any]]
    modes: tuple[AutoresetMode | None, ...]
    num_envs: int
    steps: int
    seed: int


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What one row shows after a call.

    Attributes:
        obs: Observation of the row.
        reward: Reward; 0.0 after resets.
        terminated: Flag.
        truncated: Flag.
        info: Info of the returned observation.
        final_obs: Last observation of an episode that ended in this call (SAME_STEP), or None.
        final_info: Its info, or None.
        extra: Entries of ``info`` that are allowed beside it.
    """

    obs: Any
    reward: float = 0.0
    terminated: bool = False
    truncated: bool = False
    info: Mapping[str, Any]
    final_obs: Any = None
    final_info: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class Row:
    """One row of a vector env, played by a scalar env."""

    def __init__(self, env: gym.Env[Any, Any], mode: AutoresetMode, action_seed: int) -> None:
        """Take over the env.

        Args:
            env: Scalar env, unused so far.
            mode: Autoreset mode to act out.
            action_seed: Seed of the row's actions; its parity decides which episodes succeed.
        """
        self.env, self.mode = env, mode
        self.policy = Policy(env, action_seed)
        self.policy.episodes = action_seed % 2  # so that rows succeed, and end, at different times
        self.ended = False

    def reset(self, seed: int | None = None) -> Shown:
        """Start an episode."""
        obs, info = self.env.reset(seed=seed)
        self.policy.begin()
        self.ended = False
        return Shown(obs=obs, info=info)

    def act(self) -> Any:
        """Choose the next action."""
        return self.policy.act()

    def step(self, action: Any) -> Shown:
        """Step, or reset where the mode says so."""
        if self.ended and self.mode is AutoresetMode.NEXT_STEP:
            return dataclasses.replace(self.reset(), extra=_NOTHING_PAID)
        obs, reward, terminated, truncated, info = self.env.step(action)
        self.ended = terminated or truncated
        shown = Shown(
            obs=obs, reward=float(reward), terminated=terminated, truncated=truncated, info=info
        )
        if self.ended and self.mode is AutoresetMode.SAME_STEP:
            begun = self.reset()
            # The step's reward and success may stay visible beside the new episode's info.
            extra = {key: value for key, value in info.items() if key not in begun.info}
            return dataclasses.replace(
                shown, obs=begun.obs, info=begun.info, final_obs=obs, final_info=info, extra=extra
            )
        return shown


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One call of a vector env and what it must show.

    Attributes:
        actions: (N, ...) actions of a step, or None for a reset.
        seed: Seed argument of a reset.
        reset_mask: (N,) bool, rows to reset, or None for all.
        shown: Per row what it must show; None where the row is not part of the call.
    """

    actions: npt.NDArray[Any] | None = None
    seed: Any = None
    reset_mask: npt.NDArray[np.bool_] | None = None
    shown: list[Shown | None]

    def apply(self, envs: VectorEnv[Any, Any, Any]) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Make the call; a reset is returned in the form of a step."""
        if self.actions is not None:
            return envs.step(self.actions.copy())
        options = None if self.reset_mask is None else {"reset_mask": self.reset_mask.copy()}
        obs, infos = envs.reset(seed=self.seed, options=options)
        none = np.zeros(envs.num_envs, np.bool_)
        return obs, np.zeros(envs.num_envs), none, none, infos


def write_script(
    subject: VectorSubject, mode: AutoresetMode, num_envs: int | None = None
) -> list[Turn]:
    """Let scalar envs act and return every call with what it must show.

    In DISABLED mode rows are reset by mask when they ended, and now and then in between.
    """
    number = num_envs or subject.num_envs
    rows = [Row(subject.make_scalar(), mode, subject.seed + i) for i in range(number)]
    rng = np.random.default_rng(subject.seed)
    shown: list[Shown | None] = [row.reset(subject.seed + i) for i, row in enumerate(rows)]
    script = [Turn(seed=subject.seed, shown=copy.deepcopy(shown))]
    for _ in range(subject.steps):
        actions = np.array([row.act() for row in rows])
        shown = [row.step(action) for row, action in zip(rows, actions, strict=True)]
        script.append(Turn(actions=actions, shown=copy.deepcopy(shown)))
        if mode is AutoresetMode.DISABLED:
            mask = np.array([row.ended for row in rows]) | (rng.random(number) < 0.02)
            if mask.any():
                shown = [
                    row.reset() if chosen else None for row, chosen in zip(rows, mask, strict=True)
                ]
                script.append(Turn(reset_mask=mask, shown=copy.deepcopy(shown)))
    for row in rows:
        row.env.close()
    return script


def row_of(batch: Any, i: int) -> Any:
    """Return row i of a batch of observations."""
    if isinstance(batch, dict):
        return {key: row_of(part, i) for key, part in batch.items()}
    if isinstance(batch, tuple):
        return tuple(row_of(part, i) for part in batch)
    return batch[i]


def info_of(infos: Mapping[str, Any], i: int) -> dict[str, Any]:
    """Return row i of batched infos: entries whose mask is False for the row are left out."""
    found = {}
    for key, value in infos.items():
        mask = infos.get(f"_{key}")
        if key.startswith("_") or (mask is not None and not mask[i]):
            continue
        found[key] = info_of(value, i) if isinstance(value, Mapping) else value[i]
    return found


def row_complaint(shown: Shown, result: tuple[Any, Any, Any, Any, dict[str, Any]], i: int) -> str:
    """Say how row i of a call's result differs from what must be shown, or return ``""``."""
    obs, rewards, terminated, truncated, infos = result
    info = info_of(infos, i)
    final_obs, final_info = info.pop("final_obs", None), info.pop("final_info", None)
    pairs = (
        (shown.obs, row_of(obs, i), "obs"),
        (shown.reward, rewards[i], "reward"),
        (shown.terminated, terminated[i], "terminated"),
        (shown.truncated, truncated[i], "truncated"),
        (shown.final_obs, final_obs, "final_obs"),
        (shown.final_info, final_info, "final_info"),
        ({**{k: v for k, v in shown.extra.items() if k in info}, **shown.info}, info, "info"),
    )
    for expected, got, name in pairs:
        if difference := first_difference(expected, got, name):
            return f"{difference} (scalar env first, row second)"
    return ""
