"""Any world of the package mpe2, with the infos that designs and leaderboards read."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from operant.envs.multiagent.acting import check_actions
from operant.envs.multiagent.zoo import BaseParallelWrapper
from operant.errors import UnknownIdError
from operant.extras import require
from operant.types import Float

CAPTURE = 0.1
"""An agent so near to a landmark is on it in ``simple_spread``, m."""
_VERSION = re.compile(r"(.+)_v\d+$")


class TrueReward(BaseParallelWrapper[str, Any, Any]):  # type: ignore[misc]
    """Adds ``true_reward`` and ``success`` to the infos of an mpe2 env.

    ``true_reward`` is what the env pays. ``success`` is the world's own predicate: in
    ``simple_spread`` every landmark has an agent within 0.1 m, in ``simple_tag`` every good agent
    is touched by an adversary; elsewhere what mpe2 calls terminal, which most of its worlds never
    are.
    """

    def __init__(
        self, env: Any, success: Callable[[Any], bool] | None, arguments: Mapping[str, Any]
    ) -> None:
        """Wrap a parallel env.

        Args:
            env: The env.
            success: Tells it from mpe2's world; None for its own ``is_terminal``.
            arguments: What :func:`make` made it from; copies are made from them too.
        """
        super().__init__(env)
        self._success, self._arguments = success, dict(arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle by making it anew and restoring what all its layers know.

        mpe2's own copies start anew; its windows and fonts cannot be copied at all.
        """
        known = [
            {name: value for name, value in vars(layer).items() if not _kept(name, value)}
            for layer in _layers(self.env)
        ]
        return _restored, (self._arguments, known)

    def step(self, actions: dict[str, Any]) -> Any:
        """Let all agents act at once.

        Raises:
            gymnasium.error.ResetNeeded: If no episode is running.
            ValueError: If an agent lacks an action, is unknown, or its action is none.
        """
        check_actions(vars(self.env).get("agents", ()), self.action_space, actions)
        obs, rewards, terminated, truncated, infos = self.env.step(actions)
        raw = self.env.unwrapped
        reached = bool((self._success or raw.scenario.is_terminal)(raw.world))
        told = {
            agent: {**infos[agent], "true_reward": float(rewards[agent]), "success": reached}
            for agent in infos
        }
        return obs, rewards, terminated, truncated, told


def mpe2_worlds() -> dict[str, str]:
    """Return the worlds of the installed mpe2: name -> module of its newest version.

    Raises:
        MissingExtraError: If mpe2 is not installed.
    """
    package = _package()
    modules = [info.name for info in pkgutil.iter_modules(package.__path__)]
    found = {match[1]: name for name in sorted(modules) if (match := _VERSION.match(name))}
    return {name: f"mpe2.{module}" for name, module in found.items()}


def make(*, world: str = "simple_spread", render_mode: str | None = None, **options: Any) -> Any:
    """Build a world of mpe2 as a PettingZoo ``ParallelEnv``.

    Args:
        world: One of :func:`mpe2_worlds`, without its version.
        render_mode: mpe2's.
        **options: What mpe2's env takes, such as ``N=6`` or ``max_cycles=25``.

    Raises:
        MissingExtraError: If mpe2 is not installed.
        UnknownIdError: If there is no such world; names the nearest ones.
    """
    known = mpe2_worlds()
    if world not in known:
        raise UnknownIdError("mpe2 world", world, known)
    env = importlib.import_module(known[world]).parallel_env(render_mode=render_mode, **options)
    arguments = {"world": world, "render_mode": render_mode, **options}
    return TrueReward(env, _PREDICATES.get(world), arguments)


def _layers(env: Any) -> Iterator[Any]:
    """Iterate over an env and all it wraps, down to mpe2's own."""
    while env is not None:
        yield env
        env = vars(env).get("env") or vars(env).get("aec_env")


def _kept(name: str, value: Any) -> bool:
    """Tell whether a copy keeps its own: what it wraps, and what it draws with."""
    return name in ("env", "aec_env") or type(value).__module__.startswith("pygame")


def _restored(arguments: Mapping[str, Any], known: Sequence[Mapping[str, Any]]) -> TrueReward:
    made: TrueReward = make(**arguments)
    for layer, values in zip(_layers(made.env), known, strict=True):
        vars(layer).update(values)
    return made


def _package() -> ModuleType:
    return require("mpe2", extra="multiagent", minimum="1.1")


def _covered(world: Any) -> bool:
    far = _distances(
        [a.state.p_pos for a in world.agents], [m.state.p_pos for m in world.landmarks]
    )
    return bool((far.min(axis=0) < CAPTURE).all())


def _caught(world: Any) -> bool:
    hunters = [agent for agent in world.agents if agent.adversary]
    prey = [agent for agent in world.agents if not agent.adversary]
    far = _distances([a.state.p_pos for a in hunters], [a.state.p_pos for a in prey])
    reach = np.add.outer([a.size for a in hunters], [a.size for a in prey])
    return bool((far < reach).any(axis=0).all())


_PREDICATES = {"simple_spread": _covered, "simple_tag": _caught}


def _distances(here: list[Any], there: list[Any]) -> Float:
    apart = np.array(here)[:, None] - np.array(there)[None]
    far: Float = np.sqrt((apart**2).sum(axis=2))
    return far
