"""A finished run's policy, loaded and played in text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import gymnasium as gym
import numpy as np

from operant import agents, reward_design
from operant.agents.base import Policy
from operant.benchmarks.formats import read_arrays
from operant.benchmarks.specs import RunSpec
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
    """
    if not (path / "policy.safetensors").is_file() or not (path / "DONE.json").is_file():
        raise FileNotFoundError(
            f"{path} holds no finished run; give a directory like results/demo/SparseKey-..., "
            "and finish the run first if it was interrupted"
        )
    spec = RunSpec.from_json(json.loads((path / "spec.json").read_text()))
    arrays, meta = read_arrays(path / "policy.safetensors")
    env = gym.make(spec.env_id, **spec.env_kwargs)
    policy = agents.load_policy(arrays, meta, env.observation_space, env.action_space)
    env.close()
    return spec, policy


def play_text(spec: RunSpec, policy: Policy, *, deterministic: bool) -> Iterator[str]:
    """Play the first evaluation level of a run; yields each state as text with both returns.

    Raises:
        ValueError: If the env cannot write itself as text.
    """
    plain = gym.make(spec.env_id, **spec.env_kwargs)
    if "ansi" not in plain.metadata.get("render_modes", []):
        raise ValueError(
            f"{spec.env_id} cannot write itself as text; use --gif FILE"
        )
    env = gym.make(spec.env_id, render_mode="ansi", **spec.env_kwargs)
    design = reward_design.make_design(spec.design, **spec.design_kwargs)
    shaped = reward_design.shape(env, design, gamma=spec.gamma)
    seed = SeedTree(spec.seed).seed("evaluation")
    obs, _ = shaped.reset(seed=seed)
    true = designed = 0.0
    yield f"{env.render()}\nstart"
    step, ended = 0, False
    with policy.sampling(seed):
        while not ended:
            action = policy.act(batch_of_one(obs), deterministic=deterministic)[0]
            obs, reward, terminated, truncated, info = shaped.step(action)
            true, designed, step = true + info["true_reward"], designed + float(reward), step + 1
            ended = terminated or truncated
            caption = f"step {step}, true return {true:.2f}, designed return {designed:.2f}"
            yield f"{env.render()}\n{caption}"


def batch_of_one(obs: object) -> Obs:
    """Give a single observation the leading axis of a batch."""
    if isinstance(obs, dict):
        return {key: np.asarray(value)[None] for key, value in obs.items()}
    return np.asarray(obs)[None]
