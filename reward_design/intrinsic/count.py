"""Episodic novelty: pay for what has not been seen yet in this episode."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.reward_design.base import DesignContext, DesignSpec, RewardDesign
from operant.reward_design.intrinsic.visits import UInt, VisitTable, key_features, state_keys
from operant.types import Bool, Features, Obs, RewardTerms, Transition, take_rows


class FirstVisitBonus(RewardDesign):
    """Adds ``beta`` when the successor is new in this episode. Terms: ``env``, ``novelty``.

    The observation an episode starts from counts as seen. "Same" means equal bytes of the
    observation (or of the chosen features); see
    :func:`~operant.reward_design.intrinsic.visits.hash_rows` for the chance of a collision.

    Source: NovelD: A Simple yet Effective Exploration Criterion (Zhang et al., 2021), the episodic
    restriction. Deviation: that factor alone, keyed by default on what the agent sees.
    """

    spec = DesignSpec(invariance="none", markov=False)

    def __init__(self, *, beta: float = 0.005, key: str | Sequence[str] = "obs") -> None:
        """Choose size and key.

        Args:
            beta: Bonus per first visit, finite and >= 0.
            key: ``"obs"``, or names of features; then the design is privileged if one of them is.

        Raises:
            ValueError: If an argument is outside its range.
        """
        super().__init__()
        if not (math.isfinite(beta) and beta >= 0.0):
            raise ValueError(f"beta must be finite and >= 0, got {beta}")
        self._beta = beta
        self._key_features = key_features(key)
        if self._key_features:
            self.spec = dataclasses.replace(self.spec, needs=("features",), privileged=True)
        self._seen = VisitTable(1)

    def required_features(self) -> tuple[str, ...]:
        """Return the features of the key."""
        return self._key_features

    def _setup(self, context: DesignContext) -> None:
        self._seen = VisitTable(context.num_envs)
        table = {feature.name: feature for feature in context.features}
        privileged = any(table[name].privileged for name in self._key_features)
        self.spec = dataclasses.replace(self.spec, privileged=privileged)

    def step(self, t: Transition) -> RewardTerms:
        """Return the true reward plus the bonus."""
        starts = np.flatnonzero(t.episode_step == 0)
        if len(starts):
            features = {name: t.prev_features[name][starts] for name in self._key_features}
            self._seen.add(t.env_ids[starts], self._keys(take_rows(t.obs, starts), features))
        fresh = self._seen.add(t.env_ids, self._keys(t.next_obs, t.features))
        return RewardTerms.sum_of(env=t.reward, novelty=np.where(fresh, self._beta, 0.0))

    def reset(self, mask: Bool) -> None:
        """Forget the episodes of the slots in ``mask``."""
        self._seen.clear(mask)

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return the remembered keys: ``slot`` (K,) int64 and ``key`` (K,) uint64."""
        slots, keys = self._seen.entries()
        return {"slot": slots, "key": keys}

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned; call after :meth:`setup`."""
        self._seen = VisitTable(self._require_context().num_envs)
        self._seen.add(state["slot"], state["key"])

    def _keys(self, obs: Obs, features: Features) -> UInt:
        return state_keys(obs, features, self._key_features)
