"""SB3's callbacks around the training of a native agent."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from stable_baselines3.common.callbacks import (
    BaseCallback,
    CallbackList,
    ConvertCallback,
    ProgressBarCallback,
)

from operant.agents.native.ppo import PPOAgent
from operant.agents.native.watcher import Step
from operant.agents.sb3.infos import LazyInfos
from operant.agents.sb3.source import VecEnvSource

Callback: TypeAlias = (
    BaseCallback | Sequence[BaseCallback] | Callable[[dict[str, Any], dict[str, Any]], bool] | None
)
"""A callback of SB3, several, or a function of locals and globals."""


def as_callback(callback: Callback, *, progress_bar: bool) -> BaseCallback | None:
    """Return what ``learn`` was given as one callback, or None if there is nothing to call.

    Raises:
        TypeError: If it is neither a callback nor a list of them nor a function.
    """
    found: list[BaseCallback] = []
    if isinstance(callback, BaseCallback):
        found.append(callback)
    elif isinstance(callback, Sequence):
        found.append(CallbackList(list(callback)))
    elif callable(callback):
        found.append(ConvertCallback(callback))
    elif callback is not None:
        raise TypeError(
            "callback must be a stable_baselines3 BaseCallback, a list of them or a function, got "
            f"{type(callback).__name__}"
        )
    if progress_bar:
        found.append(ProgressBarCallback())
    if not found:
        return None
    return found[0] if len(found) == 1 else CallbackList(found)


class CallbackBridge:
    """Tells a callback what happens; a :class:`operant.agents.native.watcher.Watcher`."""

    def __init__(self, callback: BaseCallback, model: Any, agent: PPOAgent) -> None:
        """Bind them.

        Args:
            callback: What to call.
            model: What the callback knows as its model.
            agent: What is trained.
        """
        self.callback, self._model, self._agent = callback, model, agent
        self._start = time.time()

    def begin(self, total: int) -> None:
        """Introduce the model, and call ``on_training_start``.

        Args:
            total: Transitions at which the training will end.
        """
        self.callback.init_callback(self._model)
        names = {"self": self._model, "total_timesteps": total, "callback": self.callback}
        self.callback.on_training_start(names, {})

    def end(self) -> None:
        """Call ``on_training_end``."""
        self.callback.on_training_end()

    def stepped(self, step: Step) -> bool:
        """Call ``on_step`` with the locals that callbacks read."""
        agent, rollout, t = self._agent, self._agent.rollout, step.index
        env = agent.env
        infos: Sequence[dict[str, Any]] = (
            env.rows
            if isinstance(env, VecEnvSource)
            else LazyInfos(step, agent.collector.episodes.ended, self._start)
        )
        with torch.enable_grad():  # the rollout is collected without gradients, a callback is not
            self.callback.update_locals(
                {
                    "self": self._model,
                    "callback": self.callback,
                    "env": self._model.get_env(),
                    "rollout_buffer": self._model.rollout_buffer,
                    "n_rollout_steps": rollout.steps,
                    "n_steps": t,
                    "obs_tensor": rollout.obs_at(t),
                    "actions": rollout.actions[t].cpu().numpy(),
                    "clipped_actions": step.actions,
                    "values": rollout.values[t],
                    "log_probs": rollout.log_probs[t],
                    "new_obs": step.obs,
                    "rewards": step.reward,
                    "dones": step.done,
                    "infos": infos,
                }
            )
            return self.callback.on_step() is not False

    def collected(self) -> None:
        """Call ``on_rollout_end``."""
        self.callback.on_rollout_end()
