"""Runs N envs for a rollout, whatever their autoreset mode, with nothing per row in Python."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from torch import Tensor

from operant.agents.base import AnyVectorEnv, Array, Arrays, Json
from operant.agents.native.config import REWARD
from operant.agents.native.encoder import Encoder, check_finite
from operant.agents.native.episodes import Episodes
from operant.agents.native.heads import Head
from operant.agents.native.rollout import Finals, RolloutBuffer
from operant.agents.native.watcher import RolloutStopped, Step, Watcher
from operant.arrays import section
from operant.types import Bool, Obs, stack_rows, take_rows
from operant.wrapping import autoreset_mode, has_state, layers

Decide = Callable[[int], Array]
"""Chooses the actions of a step, (N, ...), and stores them in the rollout."""


class Collector:
    """Steps an env, and writes down what happened.

    Attributes:
        env: The vector env.
        mode: Its autoreset mode.
        episodes: Statistics of the last episodes.
        running: Transitions of the rollout that is being watched, pseudo-steps not counted.
        env_seconds: Time spent inside the env so far.
    """

    def __init__(self, env: AnyVectorEnv, encoder: Encoder, head: Head) -> None:
        """Prepare; the env is reset at the first :meth:`collect`.

        Raises:
            ValueError: If the env does not say its autoreset mode.
        """
        self._encoder, self._head = encoder, head
        self._attach(env)
        self.episodes = Episodes(env.num_envs)
        self.env_seconds = 0.0
        self.running = 0
        self._seed: int | None = None
        self._begun = self._stands = False
        self._ended = np.zeros(env.num_envs, np.bool_)

    def _attach(self, env: AnyVectorEnv) -> None:
        mode = autoreset_mode(env)
        if mode is None:
            raise ValueError(
                "env.metadata['autoreset_mode'] must name the autoreset mode, it lacks"
            )
        self.env, self.mode = env, mode
        self._designs = [layer for layer in layers(env) if hasattr(layer, "design_seconds")]

    @property
    def design_seconds(self) -> float:
        """Time spent inside reward designs so far, which is part of :attr:`env_seconds`."""
        return sum((layer.design_seconds for layer in self._designs), 0.0)

    @property
    def design_metrics(self) -> dict[str, float]:
        """What designs that learn told when they last did, by name."""
        told = [getattr(layer, "design_metrics", {}) for layer in self._designs]
        return {name: value for each in told for name, value in each.items()}

    @property
    def stands(self) -> bool:
        """True between two rollouts of running episodes; else the env is reset before the next."""
        return self._stands

    @property
    def pseudo_steps(self) -> bool:
        """True if the step after an episode's end only resets (NEXT_STEP autoreset)."""
        return self.mode is AutoresetMode.NEXT_STEP

    def to_env(self, actions: Tensor) -> Any:
        """Return stored actions as the env takes them."""
        return self._head.to_env(actions)

    def restart(self, seed: int) -> None:
        """Reset the env with this seed before the next step: row i with ``seed + i``."""
        self._seed = seed
        self.renew()

    def renew(self) -> None:
        """Reset the env before the next step; it goes on with its own random numbers."""
        self._begun = self._stands = False
        self.running = 0

    def replace(self, env: AnyVectorEnv, *, renew: bool) -> None:
        """Step another env with as many rows from now on.

        Args:
            env: The env.
            renew: True to reset it first; False if it stands where the old one stands.

        Raises:
            ValueError: If the env does not say its autoreset mode.
        """
        self._attach(env)
        if renew:
            self.renew()

    def collect(
        self, rollout: RolloutBuffer, decide: Decide, watcher: Watcher | None = None
    ) -> None:
        """Fill a rollout.

        Raises:
            ValueError: If the env returns what is not finite, or leaves out what is needed.
            RolloutStopped: If the watcher says so. The episodes are then over: the env is reset
                before the next rollout.
        """
        if not self._stands:
            self._start(rollout)
        self._stands = False  # whatever interrupts the rollout, it cannot be continued
        self._begun = True
        self.running = 0
        rollout.begin()
        for t in range(rollout.steps):
            actions = decide(t)
            start = time.perf_counter()
            obs, reward, terminated, truncated, infos = self.env.step(actions)
            self.env_seconds += time.perf_counter() - start
            real = ~self._ended if self.pseudo_steps else None
            check_finite("reward", np.asarray(reward))
            self._store(rollout, t, reward, terminated, truncated, real)
            self._store_terms(rollout, t, infos)
            done = terminated | truncated
            self.episodes.step(reward, done, infos, real)
            if not self.pseudo_steps:
                self._store_finals(rollout, t, truncated & ~terminated, obs, infos)
            rollout.set_obs(t + 1, self._encoder.parts(obs))
            self._store_masks(rollout, t + 1, infos, done)
            if self.mode is AutoresetMode.DISABLED and done.any():
                self._reset_rows(rollout, t + 1, done)
            self._ended = done.copy()
            if watcher is not None:
                self.running += len(done) if real is None else int(real.sum())
                if not watcher.stepped(Step(t, actions, obs, reward, terminated, truncated, infos)):
                    steps, self.running = self.running, 0
                    raise RolloutStopped(steps)
        self._stands, self.running = True, 0

    def _start(self, rollout: RolloutBuffer) -> None:
        obs, infos = self.env.reset(seed=self._seed)
        rollout.set_obs(rollout.steps, self._encoder.parts(obs))
        rollout.has_masks("action_mask" in infos)
        self._store_mask(rollout, rollout.steps, infos, np.ones(self.env.num_envs, np.bool_))
        self._seed, self._ended[:] = None, False
        self.episodes.restart()

    def _reset_rows(self, rollout: RolloutBuffer, slot: int, done: Bool) -> None:
        obs, infos = self.env.reset(options={"reset_mask": done.copy()})
        rollout.set_obs(slot, self._encoder.parts(obs))
        self._store_mask(rollout, slot, infos, done)

    def _store(
        self,
        rollout: RolloutBuffer,
        t: int,
        reward: Array,
        terminated: Bool,
        truncated: Bool,
        real: Bool | None,
    ) -> None:
        if REWARD in rollout.streams:
            rollout.stream(REWARD)[t] = torch.as_tensor(reward)
        rollout.terminated[t] = torch.from_numpy(terminated)
        rollout.truncated[t] = torch.from_numpy(truncated)
        if real is not None:
            rollout.valid[t] = torch.from_numpy(real)

    def _store_terms(self, rollout: RolloutBuffer, t: int, infos: Mapping[str, Any]) -> None:
        terms = infos.get("reward_terms", {})
        for name in rollout.streams:
            if name != REWARD and name in terms:
                check_finite(f"infos['reward_terms'][{name!r}]", terms[name])
                rollout.stream(name)[t] = torch.from_numpy(terms[name])

    def _store_finals(
        self, rollout: RolloutBuffer, t: int, cut: Bool, obs: Obs, infos: Mapping[str, Any]
    ) -> None:
        if not cut.any():
            return
        rows = np.flatnonzero(cut)
        if self.mode is AutoresetMode.DISABLED:
            final = take_rows(obs, rows)
        elif "final_obs" in infos:
            final = stack_rows([infos["final_obs"][row] for row in rows.tolist()])
        else:
            raise ValueError("infos['final_obs'] must hold the last observations of ended rows")
        parts = {key: torch.from_numpy(part) for key, part in self._encoder.parts(final).items()}
        rollout.finals.append(Finals(t, torch.from_numpy(rows), parts))

    def _store_masks(
        self, rollout: RolloutBuffer, slot: int, infos: Mapping[str, Any], done: Bool
    ) -> None:
        """Store the masks of all rows after a step; where nothing can be done, all is allowed."""
        if rollout.masks is None:
            return
        rollout.masks[slot] = True
        same_step = self.mode is AutoresetMode.SAME_STEP
        self._store_mask(rollout, slot, infos, np.ones_like(done) if same_step else ~done)

    def _store_mask(
        self,
        rollout: RolloutBuffer,
        slot: int,
        infos: Mapping[str, Any],
        rows: Bool,
    ) -> None:
        """Store the masks of some rows, if the first reset had masks."""
        if rollout.masks is None:
            return
        given = infos.get("_action_mask", rows) if "action_mask" in infos else ~rows
        if (rows & ~given).any():
            row = int(np.flatnonzero(rows & ~given)[0])
            raise ValueError(
                f"infos['action_mask'] must be there at every step, not so in row {row}"
            )
        if rows.any():
            mask = torch.from_numpy(np.asarray(infos["action_mask"], np.bool_))
            self._head.check_mask(mask | torch.from_numpy(~rows).unsqueeze(-1))
            rollout.masks[slot, rows] = mask[rows].to(rollout.masks.device)

    # ---- state ------------------------------------------------------------------------------

    def state(self, rollout: RolloutBuffer) -> tuple[Arrays, Json]:
        """Return where the episodes stand.

        ``json["exact"]`` is False, and there are no arrays, if the env cannot save its state or a
        rollout was interrupted.
        """
        meta = {**self.episodes.state(), "exact": True}
        if not self._begun:
            return {}, meta
        if not self._stands or not has_state(self.env):
            return {}, {**meta, "exact": False}
        env: Arrays = self.env.get_state()  # type: ignore[attr-defined]
        arrays = {f"env/{name}": np.array(value) for name, value in env.items()}
        return {**arrays, **self.standing(rollout)}, meta

    def standing(self, rollout: RolloutBuffer) -> Arrays:
        """Return what the agent knows of the running episodes, without the env's own state."""
        arrays = {f"obs/{key}": part[-1].cpu().numpy().copy() for key, part in rollout.obs.items()}
        arrays |= {f"running/{name}": part for name, part in self.episodes.arrays().items()}
        if rollout.masks is not None:
            arrays["mask"] = rollout.masks[-1].cpu().numpy().copy()
        return {**arrays, "ended": self._ended.copy()}

    def load_state(self, rollout: RolloutBuffer, arrays: Mapping[str, Array], meta: Json) -> None:
        """Restore what :meth:`state` returned; without arrays the env is reset."""
        self.episodes.load_state(meta)
        self._begun = self._stands = "ended" in arrays
        if not self._stands:
            return
        self.env.set_state(section(arrays, "env"))  # type: ignore[attr-defined]
        self.stand(rollout, arrays)

    def stand(self, rollout: RolloutBuffer, arrays: Mapping[str, Array]) -> None:
        """Restore what :meth:`standing` returned, around an env that stands there."""
        self._begun = self._stands = True
        rollout.set_obs(rollout.steps, section(arrays, "obs"))
        self.episodes.load_arrays(section(arrays, "running"))
        self._ended = arrays["ended"].copy()
        rollout.has_masks("mask" in arrays)
        if rollout.masks is not None:
            rollout.masks[-1] = torch.from_numpy(arrays["mask"].copy())
