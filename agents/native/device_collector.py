"""Runs an env whose arrays are torch tensors: nothing leaves the device during a rollout."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch
from gymnasium.vector import AutoresetMode
from torch import Tensor

from operant.agents.base import AnyVectorEnv, Array, Arrays, Json
from operant.agents.native.collector import Collector, Decide
from operant.agents.native.config import REWARD
from operant.agents.native.encoder import Encoder, Tensors
from operant.agents.native.episodes import Episodes
from operant.agents.native.heads import Head
from operant.agents.native.rollout import Finals, RolloutBuffer
from operant.agents.native.watcher import Watcher
from operant.errors import OperantError


def make_collector(env: AnyVectorEnv, encoder: Encoder, head: Head, *, device: str) -> Collector:
    """Return the collector of an env: one with a ``device`` deals in torch tensors.

    Args:
        env: The vector env.
        encoder: Knows the parts of an observation.
        head: Knows the actions.
        device: Where the agent computes.

    Raises:
        ValueError: If the env lives on another device than the agent.
    """
    lives = getattr(env.unwrapped, "device", None)
    if not isinstance(lives, torch.device):
        return Collector(env, encoder, head)
    if lives.type != torch.device(device).type:
        raise ValueError(
            f"device must be {str(lives)!r}, where the env's tensors lie, got {device!r}"
        )
    return DeviceCollector(env, encoder, head)


class DeviceCollector(Collector):
    """Steps an env that takes and returns tensors, as ``CudaVectorEnv`` does.

    In SAME_STEP mode such an env has ``final_obs`` and ``final_info`` in every step's infos, as
    whole batches. What would make the CPU wait at every step is checked once per rollout.
    """

    def __init__(self, env: AnyVectorEnv, encoder: Encoder, head: Head) -> None:
        """Prepare; the env is reset at the first :meth:`collect`."""
        super().__init__(env, encoder, head)
        self._device: torch.device = env.unwrapped.device
        self.episodes = DeviceEpisodes(env.num_envs, self._device)
        self._over = torch.zeros(env.num_envs, dtype=torch.bool, device=self._device)

    def to_env(self, actions: Tensor) -> Tensor:
        """Return stored actions as the env takes them."""
        return self._head.on_device(actions)

    def collect(
        self, rollout: RolloutBuffer, decide: Decide, watcher: Watcher | None = None
    ) -> None:
        """Fill a rollout; see :meth:`Collector.collect`."""
        if watcher is not None:
            raise OperantError(
                "callbacks look at every step's arrays, which this env keeps on its device; give "
                "learn() an on_rollout function instead"
            )
        if not self._stands:
            self._start(rollout)
        self._stands, self._begun = False, True
        rollout.begin()
        for t in range(rollout.steps):
            actions = decide(t)
            start = time.perf_counter()
            obs, reward, terminated, truncated, infos = self.env.step(actions)
            self.env_seconds += time.perf_counter() - start
            done = terminated | truncated
            real: Any = ~self._over if self.pseudo_steps else None  # as Episodes has an array
            self._keep(rollout, t, reward, terminated, truncated, real, infos)
            self.episodes.step(reward, done, infos, real)
            if not self.pseudo_steps:
                self._keep_finals(rollout, t, truncated & ~terminated, obs, infos)
            if self.mode is AutoresetMode.DISABLED:
                obs, infos = self.env.reset(options={"reset_mask": done})
            self._see(rollout, t + 1, obs, infos)
            self._over = done
        self._check(rollout)
        self._stands = True

    def _start(self, rollout: RolloutBuffer) -> None:
        obs, infos = self.env.reset(seed=self._seed)
        for key, part in self._parts(obs).items():
            wanted = (self.env.num_envs, *(self._encoder.spaces[key].shape or ()))
            if tuple(part.shape) != wanted:
                name = f"observation[{key!r}]" if key else "observation"
                raise ValueError(f"{name} must have the shape {wanted}, got {tuple(part.shape)}")
        rollout.has_masks("action_mask" in infos)
        self._see(rollout, rollout.steps, obs, infos)
        self._seed, self._over = None, torch.zeros_like(self._over)
        self.episodes.restart()

    def _parts(self, obs: Any) -> Tensors:
        found = dict(obs) if isinstance(obs, Mapping) else {"": obs}
        if found.keys() != self._encoder.spaces.keys():
            raise ValueError(
                f"observations must have the keys {sorted(self._encoder.spaces)}, got "
                f"{sorted(found)}"
            )
        return found

    def _see(self, rollout: RolloutBuffer, slot: int, obs: Any, infos: Mapping[str, Any]) -> None:
        for key, part in self._parts(obs).items():
            rollout.obs[key][slot].copy_(part)
        if rollout.masks is not None:
            rollout.masks[slot].copy_(infos["action_mask"])

    def _keep(
        self,
        rollout: RolloutBuffer,
        t: int,
        reward: Tensor,
        terminated: Tensor,
        truncated: Tensor,
        real: Tensor | None,
        infos: Mapping[str, Any],
    ) -> None:
        rewards = {**infos.get("reward_terms", {}), REWARD: reward}
        for name in rollout.streams:
            if name in rewards:
                rollout.stream(name)[t].copy_(rewards[name])
        rollout.terminated[t].copy_(terminated)
        rollout.truncated[t].copy_(truncated)
        if real is not None:
            rollout.valid[t].copy_(real)

    def _keep_finals(
        self, rollout: RolloutBuffer, t: int, cut: Tensor, obs: Any, infos: Mapping[str, Any]
    ) -> None:
        rows = cut.nonzero().squeeze(1)  # the one thing per step that the CPU waits for
        if not len(rows):
            return
        last = obs if self.mode is AutoresetMode.DISABLED else infos["final_obs"]
        parts = {key: part[rows] for key, part in self._parts(last).items()}
        rollout.finals.append(Finals(t, rows, parts))

    def _check(self, rollout: RolloutBuffer) -> None:
        """Check what was collected.

        Raises:
            ValueError: If an observation is not finite, or a mask leaves a row without an action.
        """
        for key, part in rollout.obs.items():
            if part.is_floating_point() and not bool(part.isfinite().all()):
                step, row = (~part.isfinite()).nonzero()[0].tolist()[:2]
                name = f"observation[{key!r}]" if key else "observation"
                raise ValueError(f"{name} must be finite, is not at step {step} in row {row}")
        if rollout.masks is not None:
            self._head.check_mask(rollout.masks.flatten(0, 1))

    # ---- state ------------------------------------------------------------------------------

    def standing(self, rollout: RolloutBuffer) -> Arrays:
        """Return what the agent knows of the running episodes; see :class:`Collector`."""
        return {**super().standing(rollout), "ended": self._over.cpu().numpy().copy()}

    def stand(self, rollout: RolloutBuffer, arrays: Mapping[str, Array]) -> None:
        """Restore what :meth:`standing` returned, around an env that stands there."""
        super().stand(rollout, arrays)
        self._over = torch.from_numpy(arrays["ended"].copy()).to(self._device)


class DeviceEpisodes(Episodes):
    """Statistics of episodes as sums on a device, read once per rollout.

    Means are over the episodes that ended since they were last read, however many those are.
    """

    def __init__(self, num_envs: int, device: torch.device) -> None:
        """Start with no episode ended."""
        super().__init__(num_envs)
        self._device = device
        # Rows: return, true return, length; float64, since sums of float32 would drift.
        self._sums = torch.zeros(3, num_envs, dtype=torch.float64, device=device)
        self._totals = torch.zeros(5, dtype=torch.float64, device=device)
        self._means: dict[str, float] = {}
        self._successes = False

    def restart(self) -> None:
        """Forget the running episodes."""
        self._sums.zero_()

    def forget(self) -> None:
        """Forget the episodes that have ended."""
        self._totals.zero_()
        self._means = {}

    def step(self, reward: Any, done: Any, infos: Mapping[str, Any], real: Any) -> None:
        """Add a step of all rows; ``real`` is False in pseudo-steps, None if there are none."""
        true = infos.get("true_reward", reward)
        lengths = torch.ones_like(reward) if real is None else real
        self._sums += torch.stack([part.double() for part in (reward, true, lengths)])
        success = infos.get("final_info", infos).get("success")
        self._successes = success is not None
        solved = done & success if success is not None else torch.zeros_like(done)
        ended = done.double()
        self._totals += torch.cat(
            [ended.sum().view(1), (self._sums * ended).sum(1), solved.double().sum().view(1)]
        )
        self._sums *= 1 - ended

    def metrics(self) -> dict[str, float]:
        """Return the means under SB3's names; nothing before the first episode ended."""
        count, reward, true, length, solved = self._totals.tolist()
        if count:
            self._means = {
                "rollout/ep_rew_mean": reward / count,
                "rollout/ep_len_mean": length / count,
                "rollout/ep_true_rew_mean": true / count,
            }
            if self._successes:
                self._means["rollout/success_rate"] = solved / count
            self._totals.zero_()
        return dict(self._means)

    def state(self) -> Json:
        """Return the means that were read last."""
        return {"means": dict(self._means)}

    def load_state(self, meta: Json) -> None:
        """Restore what :meth:`state` returned."""
        self.forget()
        self.restart()
        self._means = dict(meta["means"])

    def arrays(self) -> Arrays:
        """Return the running episodes, and the sums over those that ended unread."""
        return {
            "sums": self._sums.cpu().numpy().copy(),
            "totals": self._totals.cpu().numpy().copy(),
        }

    def load_arrays(self, arrays: Mapping[str, Array]) -> None:
        """Restore what :meth:`arrays` returned."""
        self._sums.copy_(torch.from_numpy(arrays["sums"].copy()))
        self._totals.copy_(torch.from_numpy(arrays["totals"].copy()))
