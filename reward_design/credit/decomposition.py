"""Return decomposition: which step earned what an episode paid as one sum."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from operant.arrays import section
from operant.reward_design.base import DesignContext, DesignSpec, RewardDesign
from operant.reward_design.credit.decoder import LOSSES, Decoder, Loss
from operant.reward_design.credit.inputs import FeatureInputs, Inputs, RawInputs
from operant.reward_design.credit.memory import EpisodeBank, Rows
from operant.types import Bool, Features, Obs, RewardTerms, Rollout, Transition


class ReturnDecomposition(RewardDesign):
    """Pays each step its share of the return, as a decoder sees it. Terms: ``redistributed``.

    The env's own reward is replaced, so it may come as one sum with the last step of an episode
    (``reward="delayed"``). A decoder gives each step a reward, such that those of a whole episode
    add up to its return; nothing else than that sum is ever learned from.

    What an episode pays is known at its end (timing ``"episode"``), but the decoder can judge any
    step at once. So there are two ways in, one decoder:

    * wrappers of an env call :meth:`step`: a step is paid by the decoder as it is then;
    * who keeps a whole rollout calls :meth:`redistribute`, which pays all of it by one decoder.

    Nothing remembers a reward that was paid: the next rollout is paid by the next decoder. (A
    replay buffer behind a wrapper would remember; use on-policy algorithms.) Rollouts may cut an
    episode anywhere: :meth:`update` puts the pieces together, and learns from whole episodes only,
    the last ``memory`` of them. Before one of them has paid something, all steps are paid 0.

    Where the env declares teams (``groups``, the team of each row), an episode is the team's: its
    return is the sum over members, and so is what must add up to it, over steps *and* members, by
    one decoder for all. How the env splits the return among members makes no difference.

    Source: Reinforcement Learning with Trajectory Feedback (Efroni et al., 2021), loss ``"rd"``;
    Learning Long-Term Reward Redistribution via Randomized Return Decomposition (Ren et al., 2022),
    ``"rrd"`` and ``"rrd_unbiased"``; Learning Guidance Rewards with Trajectory-space Smoothing
    (Gangwani, Zhou, Peng, 2020), ``"uniform"``. Deviations: the last one hands each step the return
    of an episode that it was part of; here the decoder learns the mean of those, per step, so that
    it can pay states never seen before. Of s' - s, the released code of LaRe takes the negative.
    """

    spec = DesignSpec(timing="episode", invariance="none", stationary=False, markov=False)

    def __init__(
        self,
        *,
        inputs: Literal["obs", "features"] = "obs",
        loss: Loss = "rrd",
        draws: int = 64,
        hidden: Sequence[int] = (64,),
        learning_rate: float = 0.01,
        gradient_steps: int = 32,
        batch: int = 32,
        memory: int = 128,
    ) -> None:
        """Choose inputs, loss and sizes.

        Args:
            inputs: ``"obs"`` for ``[s, a, s' - s]``, or ``"features"`` for all features before and
                after the step and the action.
            loss: ``"rd"`` on all steps of an episode, ``"rrd"`` on ``draws`` of them,
                ``"rrd_unbiased"`` without what drawing adds, ``"uniform"`` for equal shares.
            draws: Steps drawn per episode and gradient step, >= 2; not used by ``"rd"``.
            hidden: Units of the decoder's hidden layers, >= 1 each.
            learning_rate: Of Adam, > 0.
            gradient_steps: Per call of :meth:`update`, >= 1.
            batch: Episodes per gradient step, >= 1.
            memory: Whole episodes to learn from, >= 1; those of a team count as one.

        Raises:
            ValueError: If an argument is outside its range.
        """
        super().__init__()
        if inputs not in ("obs", "features"):
            raise ValueError(f"inputs must be 'obs' or 'features', got {inputs!r}")
        if loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {loss!r}")
        counts = {"gradient_steps": gradient_steps, "batch": batch, "memory": memory}
        for name, value, low in (("draws", draws, 2), *((*each, 1) for each in counts.items())):
            if value < low:
                raise ValueError(f"{name} must be >= {low}, got {value}")
        if not isinstance(hidden, Sequence) or any(units < 1 for units in hidden):
            raise ValueError(f"hidden must be a sequence of numbers >= 1, got {hidden!r}")
        if not 0.0 < learning_rate < np.inf:
            raise ValueError(f"learning_rate must be finite and > 0, got {learning_rate}")
        self._what, self._loss, self._draws = inputs, loss, draws
        self._hidden, self._learning_rate = tuple(hidden), learning_rate
        self._gradient_steps, self._batch, self._capacity = gradient_steps, batch, memory

    def _inputs_of(self, context: DesignContext) -> Inputs:
        """Return what the decoder sees of a step in this env."""
        return RawInputs(context) if self._what == "obs" else FeatureInputs(context)

    def _setup(self, context: DesignContext) -> None:
        self._inputs = self._inputs_of(context)
        hidden_from_agent = {each.name for each in context.features if each.privileged}
        self.spec = dataclasses.replace(
            type(self).spec,
            needs=("features",) if self._inputs.reads else (),
            privileged=not hidden_from_agent.isdisjoint(self._inputs.reads),
        )
        self._decoder = Decoder(
            self._inputs.size,
            hidden=self._hidden,
            learning_rate=self._learning_rate,
            loss=self._loss,
            draws=self._draws,
            seed=context.seed,
        )
        self._memory = EpisodeBank(
            num_envs=context.num_envs,
            size=self._inputs.size,
            capacity=self._capacity,
            groups=context.groups,
        )

    # ---- paying -----------------------------------------------------------------------------

    def step(self, t: Transition) -> RewardTerms:
        """Pay B steps by the present decoder."""
        seen = self._inputs(t.obs, t.action, t.next_obs, t.prev_features, t.features)
        return RewardTerms.sum_of(redistributed=self._decoder.predict(seen.astype(np.float32)))

    def redistribute(self, r: Rollout) -> RewardTerms:
        """Pay a rollout, (T, N), by the present decoder; 0 in pseudo-steps."""
        paid = np.zeros(r.reward.shape)
        paid[r.valid] = self._decoder.predict(self._seen(r))
        return RewardTerms.sum_of(redistributed=paid)

    # ---- learning ---------------------------------------------------------------------------

    def update(self, r: Rollout) -> dict[str, float]:
        """Learn from the whole episodes, those that this rollout completed included.

        Returns:
            ``"loss"`` in units of the squared return per step, ``"episodes"`` remembered; nothing
            before the first episode is whole.
        """
        seen = np.zeros((*r.reward.shape, self._inputs.size), np.float32)
        seen[r.valid] = self._seen(r)
        self._decoder.observe(self._memory.add(seen, r))
        if not len(self._memory):
            return {}
        loss = self._decoder.fit(
            self._memory, gradient_steps=self._gradient_steps, batch=self._batch
        )
        return {"loss": loss, "episodes": float(len(self._memory))}

    def _seen(self, r: Rollout) -> Rows:
        """Return the inputs of the valid steps of a rollout, (M, size)."""
        if not r.valid.any():
            return np.zeros((0, self._inputs.size), np.float32)
        seen = self._inputs(
            _valid(r.obs, r.valid),
            r.action[r.valid],
            _valid(r.next_obs, r.valid),
            _valid_features(r.prev_features, r.valid),
            _valid_features(r.features, r.valid),
        )
        return seen.astype(np.float32)

    # ---- state ------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return the decoder and the episodes, whole and running."""
        return {
            **{f"decoder/{name}": value for name, value in self._decoder.state_dict().items()},
            **{f"memory/{name}": value for name, value in self._memory.state_dict().items()},
        }

    def load_state_dict(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned; call after :meth:`setup`."""
        self._decoder.load_state_dict(section(state, "decoder"))
        self._memory.load_state_dict(section(state, "memory"))


def _valid(obs: Obs, valid: Bool) -> Obs:
    if isinstance(obs, dict):
        return {name: value[valid] for name, value in obs.items()}
    return obs[valid]


def _valid_features(features: Features, valid: Bool) -> Features:
    return {name: value[valid] for name, value in features.items()}
