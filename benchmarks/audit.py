"""The shaping audit of a design on levels of an env, and its counterexample as an animation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from PIL import Image

from operant.benchmarks.audit_judge import Judge
from operant.benchmarks.gif import BACKGROUND, MAX_FRAMES, STRIP, captioned, encode
from operant.errors import OperantError
from operant.finite import FiniteMDP
from operant.reward_design import RewardDesign
from operant.reward_design.adapters.context import context_of
from operant.reward_design.audit import Audit, Counterexample, audit, audit_model
from operant.reward_design.audit.markov import compare_rewards
from operant.seeding import SeedTree
from operant.tabular import TabularMDP

PROXY = "proxy"
"""Name under which the proxy reward of an env is audited, where it has one."""
WIDTH = 190
"""Pixels that each side takes at least: its caption needs them."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LevelAudit:
    """The audit of one level.

    Attributes:
        env_id: The env.
        seed: Seed of the level.
        found: The verdict.
    """

    env_id: str
    seed: int
    found: Audit


def audit_levels(
    env_id: str,
    design: RewardDesign | str,
    *,
    gamma: float = 0.99,
    seeds: tuple[int, ...] = (0,),
    env_kwargs: Mapping[str, Any] | None = None,
) -> list[LevelAudit]:
    """Audit a design on levels of an env.

    Args:
        env_id: Gymnasium id of an env that can enumerate itself (``unwrapped.tabular_mdp()``), or
            of one with chance and an exact model (``unwrapped.finite_mdp()``).
        design: A design, or ``"proxy"`` for the env's own proxy reward.
        gamma: Discount of the agent, in [0, 1).
        seeds: Seeds of the levels.
        env_kwargs: Arguments of the env.

    Raises:
        OperantError: If the env cannot be enumerated, has chance and no model, pays something else
            than its true reward, has no proxy reward, or the design cannot be audited on it.
        ValueError: If gamma is out of range, or a level has too many states.
    """
    env = gym.make(env_id, **(env_kwargs or {}))
    try:
        return [
            LevelAudit(env_id=env_id, seed=seed, found=_audit(env, design, gamma, seed))
            for seed in seeds
        ]
    finally:
        env.close()


def _audit(env: gym.Env[Any, Any], design: RewardDesign | str, gamma: float, seed: int) -> Audit:
    env.reset(seed=seed)
    judge = Judge(env, design, gamma, seed)
    model = _model(env)
    context = context_of(env, gamma=gamma, seed=SeedTree(seed).seed("design"))
    if model is not None:
        if isinstance(design, str):
            raise OperantError(
                f"chance plays a part in {env.unwrapped}, and its model tells no proxy reward; "
                "audit a design by its id"
            )
        return audit_model(model, design, context, judge.play)
    mdp, max_steps = enumerated(env), env.get_wrapper_attr("max_steps")
    judge.require_true(mdp)
    if not isinstance(design, str):
        found = audit(mdp, design, context, max_steps=max_steps)
    elif mdp.proxy_reward is not None:
        proxy = mdp.proxy_reward
        found = compare_rewards(mdp, proxy, name=PROXY, gamma=gamma, max_steps=max_steps)
    else:
        raise OperantError(f"{env.unwrapped} has no proxy reward; audit a design by its id")
    if found.counterexample is not None:
        for episode in (found.counterexample.hack, found.counterexample.honest):
            judge.require_earned(episode)
    return found


def _model(env: gym.Env[Any, Any]) -> FiniteMDP | None:
    """Return the level's model if chance plays a part and its family has one, else None."""
    base: Any = env.unwrapped
    if not hasattr(base, "finite_mdp") or not _stochastic(base) or not base.simulator.family.model:
        return None
    model: FiniteMDP = base.finite_mdp()
    return model


def _stochastic(base: Any) -> bool:
    stochastic: bool = base.simulator.family.stochastic(base.simulator.size)
    return stochastic


def enumerated(env: gym.Env[Any, Any]) -> TabularMDP:
    """Return the current level of an env as an explicit MDP.

    Raises:
        OperantError: If it cannot be enumerated, or chance plays a part in it.
        ValueError: If it has too many states.
    """
    base: Any = env.unwrapped
    if not hasattr(base, "tabular_mdp"):
        raise OperantError(
            f"{base} cannot enumerate its states (no tabular_mdp()); use a gridworld, see "
            "operant envs --tag gridworld"
        )
    if _stochastic(base):
        raise OperantError(
            f"chance plays a part in {base.simulator.family.name} with these options, and only "
            "deterministic levels are enumerated; use another env"
        )
    mdp: TabularMDP = base.tabular_mdp()
    return mdp


def animate(
    env_id: str,
    counterexample: Counterexample,
    *,
    seed: int,
    env_kwargs: Mapping[str, Any] | None = None,
    title: str = "best for the design",
) -> bytes:
    """Draw both policies of a counterexample side by side, with their returns, as a GIF.

    Args:
        env_id: Gymnasium id of the env.
        counterexample: What the audit found.
        seed: Seed of the level.
        env_kwargs: Arguments of the env.
        title: Caption of the design's policy, see :attr:`Audit.hack_title`.

    Returns:
        GIF bytes of at most ``MAX_FRAMES`` steps; a shorter episode waits for the longer one.
    """
    sides = []
    for name, episode in (
        (title, counterexample.hack),
        ("truly best", counterexample.honest),
    ):
        env = gym.make(env_id, render_mode="rgb_array", **(env_kwargs or {}))
        env.reset(seed=seed)
        frames = [Image.fromarray(np.asarray(env.render()))]
        for action in episode.actions[:MAX_FRAMES]:
            env.step(action)
            frames.append(Image.fromarray(np.asarray(env.render())))
        env.close()
        returns = f"true {episode.true_return:.3g}, designed {episode.designed_return:.3g}"
        text = f"{name} ({len(episode.actions)} steps)\n{returns}"
        size = max(frames[0].width, WIDTH), frames[0].height + STRIP
        sides.append([captioned(frame, text, size) for frame in frames])
    length = max(map(len, sides))
    return encode(
        [_beside(*(side[min(n, len(side) - 1)] for side in sides)) for n in range(length)]
    )


def _beside(left: Image.Image, right: Image.Image) -> Image.Image:
    canvas = Image.new("RGB", (left.width + right.width + 8, left.height), BACKGROUND)
    canvas.paste(left, (0, 0))
    canvas.paste(right, (left.width + 8, 0))
    return canvas
