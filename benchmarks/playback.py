"""Playing a run's policy: one episode at a time, to be drawn or written."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from operant import agents, reward_design
from operant.agents.base import Player, Policy
from operant.benchmarks.evaluate import run_env
from operant.benchmarks.formats import read_arrays
from operant.benchmarks.specs import RunSpec
from operant.errors import OperantError
from operant.seeding import SeedTree
from operant.types import Obs


def load_run(path: Path) -> tuple[RunSpec, Policy]:
    """Load the final policy of a finished run.

    Args:
        path: Directory of the run.

    Returns:
        The run's spec and its policy.

    Raises:
        FileNotFoundError: If there is no finished run.
        CorruptRunError: If the policy cannot be read.
        OperantError: If it sat on all seats of a game, which is no env to be watched in.
    """
    if not (path / "policy.safetensors").is_file() or not (path / "DONE.json").is_file():
        raise FileNotFoundError(
            f"{path} holds no finished run; give a directory like results/demo/SparseKey-..., "
            "and finish the run first if it was interrupted"
        )
    spec = RunSpec.from_json(json.loads((path / "spec.json").read_text()))
    if agents.agent_row(spec.agent).kind == "game":
        raise OperantError(
            f"{path} holds a run of {spec.agent!r}, which sits on all seats of {spec.env_id}; "
            "there is no one policy to watch"
        )
    arrays, meta = read_arrays(path / "policy.safetensors")
    env = run_env(spec)
    policy = agents.load_policy(arrays, meta, env.observation_space, env.action_space)
    env.close()
    return spec, policy


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """Where an episode is: env steps taken, and both undiscounted returns so far."""

    step: int
    true_return: float
    designed_return: float


def play(
    spec: RunSpec, policy: Policy, env: gym.Env[Any, Any], *, deterministic: bool
) -> Iterator[Moment]:
    """Play the first evaluation level of a run in an env of the caller, who may draw it.

    Args:
        spec: The run; its design is read beside the true reward.
        policy: What acts.
        env: Scalar env of the run, without the design.
        deterministic: True for the mode of the policy.

    Yields:
        The start, then one moment per step until the episode ends.
    """
    tree = SeedTree(spec.seed)
    design = reward_design.make_design(spec.design, **spec.design_kwargs)
    shaped = reward_design.shape(
        env, design, gamma=spec.gamma, seed=tree.seed("design"), learn_every=0
    )
    obs, info = shaped.reset(seed=tree.seed("evaluation"))
    rng, player = tree.generator("playback"), Player(policy, 1)
    true, designed, step, ended = 0.0, 0.0, 0, False
    yield Moment(step=0, true_return=0.0, designed_return=0.0)
    while not ended:
        with policy.sampling(int(rng.integers(2**31))):  # not held open while the caller draws
            action = player.act(
                _batch_of_one(obs),
                deterministic=deterministic,
                action_mask=np.asarray(info["action_mask"])[None]
                if "action_mask" in info
                else None,
            )[0]
        obs, reward, terminated, truncated, info = shaped.step(action)
        true, designed, step = true + info["true_reward"], designed + float(reward), step + 1
        ended = terminated or truncated
        yield Moment(step=step, true_return=true, designed_return=designed)


def play_text(spec: RunSpec, policy: Policy, *, deterministic: bool) -> Iterator[str]:
    """Play as :func:`play`; yields each state as text with both returns.

    Raises:
        ValueError: If the env cannot write itself as text.
    """
    plain = run_env(spec)
    if "ansi" not in plain.metadata.get("render_modes", []):
        raise ValueError(f"{spec.env_id} cannot write itself as text; use --gif FILE instead")
    env = run_env(spec, render_mode="ansi")
    for now in play(spec, policy, env, deterministic=deterministic):
        returns = f"true return {now.true_return:.2f}, designed return {now.designed_return:.2f}"
        yield f"{env.render()}\nstep {now.step}, {returns}"


def _batch_of_one(obs: Any) -> Obs:
    if isinstance(obs, dict):
        return {key: np.asarray(value)[None] for key, value in obs.items()}
    return np.asarray(obs)[None]
