"""A reward design inside stable-baselines3: a callback for any algorithm on any VecEnv."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv, VecNormalize, unwrap_vec_normalize

from operant.errors import OperantError
from operant.finite import ModelOf
from operant.reward_design import LEARN_EVERY, as_design
from operant.reward_design.adapters.context import teams
from operant.reward_design.adapters.rollouts import RolloutRecorder
from operant.reward_design.adapters.transitions import TransitionTracker
from operant.reward_design.base import DesignContext, RewardDesign
from operant.types import Card, RewardTerms, Rollout, Transition


class DesignCallback(BaseCallback):
    """Trains an SB3 algorithm on a designed reward; the env and its Monitor keep the true one.

    Designs known step by step change the reward before SB3 stores it, so they serve on-policy
    algorithms and (``DQN``, ``SAC``, ...) replay buffers alike. Designs known per rollout rewrite
    the rollout buffer and have SB3 compute advantages again. SB3's bootstrap at time limits stays.

    Features come from ``info["features"]`` of each env. A VecEnv with the attributes ``last_step``
    (obs, reward, terminated, truncated, infos in Gymnasium's SAME_STEP format) and
    ``initial_infos`` is read in batch instead. Use the callback from the first ``learn`` on: it
    must see episodes start. The mean of each term is logged as ``design/<term>``.
    """

    def __init__(
        self,
        design: str | RewardDesign,
        *,
        seed: int = 0,
        allow_scaled: bool = False,
        verbose: int = 0,
    ) -> None:
        """Choose the design; it is attached when training starts.

        Args:
            design: A design, or the id of one. Its discount is the algorithm's.
            seed: Seed of everything random inside the design.
            allow_scaled: Allow ``VecNormalize(norm_reward=True)``; the designed part is then
                divided by the same running deviation, and never clipped.
            verbose: SB3's verbosity.

        Raises:
            TypeError: If ``design`` is neither an id nor a design.
        """
        super().__init__(verbose)
        self.design = as_design(design)
        self._seed, self._allow_scaled = seed, allow_scaled
        self._env: VecEnv | None = None
        self._last_obs: Any = None
        self._stored: list[tuple[npt.NDArray[Any], float]] = []

    # ---- SB3's events -----------------------------------------------------------------------

    def _on_training_start(self) -> None:
        """Attach the design, unless training simply goes on where this callback saw it stop.

        Raises:
            GammaMismatchError: If the design was built for another discount than the algorithm's.
            OperantError: If the design cannot be used with this algorithm or env.
        """
        env, gamma = self.training_env, float(self.model.gamma)  # type: ignore[attr-defined]
        if self._env is not env or self.design.gamma != gamma:
            self._attach(env, gamma)
        elif self._last_obs is self.model._last_obs:
            return
        starts = self.model._last_episode_starts
        if starts is None or not starts.all():
            raise OperantError(
                "DesignCallback was added in the middle of an episode, whose beginning it did not "
                "see; pass it from the first learn() on, or call learn(reset_num_timesteps=True)"
            )
        base = env.unwrapped
        infos = getattr(base, "initial_infos", None)
        if infos is None:
            infos = {"features": _stack_features(base.reset_infos)}
        obs = self._normalizer.get_original_obs() if self._normalizer else self.model._last_obs
        self.design.reset(self._tracker.reset(obs, infos))

    def _on_rollout_start(self) -> None:
        self._stored.clear()

    def _on_step(self) -> bool:
        """Score the step; runs before SB3 bootstraps and stores ``rewards``.

        Raises:
            NonFiniteRewardError: If the design returns NaN or infinity.
        """
        rewards = self.locals["rewards"]
        transition = self._transition()
        scale = 1.0
        if self._normalizer and self._normalizer.norm_reward:
            scale = float(np.sqrt(self._normalizer.ret_rms.var + self._normalizer.epsilon))
        if self.design.spec.timing == "step":
            terms = self.design(transition)
            if self.design.learns:
                self._recorder.add(transition)
            rewards += (terms.total - transition.reward) / scale  # in place: SB3 stores this array
            self._log(terms)
        else:
            self._recorder.add(transition)
            self._stored.append((rewards.copy(), scale))
        self._last_obs = self.locals["new_obs"]
        return True

    def _on_rollout_end(self) -> None:
        """Let the design learn; rewrite the rollout buffer of designs that are known only now.

        Raises:
            NonFiniteRewardError: If the design returns NaN or infinity.
        """
        if self.design.spec.timing == "step":
            # Off-policy algorithms call a handful of steps a rollout: too few to learn from.
            on_policy = isinstance(self.model, OnPolicyAlgorithm)
            if len(self._recorder) >= (1 if on_policy else LEARN_EVERY):
                self._learn(self._recorder.take())
            return
        rollout = self._recorder.take()
        stored = np.stack([rewards for rewards, _ in self._stored])
        scale = np.array([scale for _, scale in self._stored])[:, None]
        terms = self.design.score_rollout(rollout)
        buffer = self.locals["rollout_buffer"]
        # What SB3 added at time limits after _on_step; in float64, so that adding it back is exact.
        bootstrap = buffer.rewards.astype(np.float64) - stored
        buffer.rewards[:] = terms.total / scale + bootstrap
        buffer.compute_returns_and_advantage(
            last_values=self.locals["values"], dones=self.locals["dones"]
        )
        self._log(terms)
        self._learn(rollout)

    def _learn(self, rollout: Rollout) -> None:
        for name, value in self.design.update(rollout).items():
            self.logger.record(f"design/{name}", value)

    # ---- attaching --------------------------------------------------------------------------

    def _attach(self, env: VecEnv, gamma: float) -> None:
        on_policy = isinstance(self.model, OnPolicyAlgorithm)
        if self.design.spec.timing != "step" and not on_policy:
            raise OperantError(
                f"design {self.design.id!r} has timing {self.design.spec.timing!r} and needs an "
                f"on-policy algorithm (PPO, A2C), got {type(self.model).__name__}"
            )
        self._normalizer = self._checked_normalizer(env, on_policy)
        space = (self._normalizer.venv if self._normalizer else env).observation_space
        self._tracker = TransitionTracker(
            observation_space=space,
            num_envs=env.num_envs,
            autoreset_mode=AutoresetMode.SAME_STEP,
        )
        card = _card(env)
        context = DesignContext(
            observation_space=space,
            action_space=env.action_space,
            features=() if card is None else card.features,
            num_envs=env.num_envs,
            gamma=gamma,
            seed=self._seed,
            device=str(self.model.device),
            model=ModelOf(env.get_attr("spec", 0)[0] if env.has_attr("spec") else None),
            expert="" if card is None else card.expert,
            groups=teams(_groups(env), env.num_envs),
        )
        self.design.setup(context)
        self._env, self._recorder = env, RolloutRecorder(env.num_envs)

    def _checked_normalizer(self, env: VecEnv, on_policy: bool) -> VecNormalize | None:
        normalizer = unwrap_vec_normalize(env)
        if normalizer is None:
            return None
        if normalizer is not env:
            raise OperantError(
                "VecNormalize must be the outermost VecEnv wrapper, so that a design can read the "
                f"observations under it; the outermost one is {type(env).__name__}"
            )
        if not on_policy:
            raise OperantError(
                "off-policy algorithms store the reward VecNormalize remembers, which a callback "
                "cannot change; wrap the env with operant.shape(env, design, gamma=...) instead"
            )
        if normalizer.norm_reward and not self._allow_scaled:
            raise OperantError(
                "VecNormalize(norm_reward=True) rescales the reward over time; use "
                "norm_reward=False, or DesignCallback(..., allow_scaled=True) to scale the "
                "designed part with it"
            )
        return normalizer

    # ---- reading a step ---------------------------------------------------------------------

    def _transition(self) -> Transition:
        names = self.locals
        infos: Sequence[Mapping[str, Any]] = names["infos"]
        dones = np.asarray(names["dones"], np.bool_)
        obs, reward = names["new_obs"], names["rewards"].copy()
        if self._normalizer:
            obs = self._normalizer.get_original_obs()
            reward = self._normalizer.get_original_reward()
        base = self.training_env.unwrapped
        if hasattr(base, "last_step"):
            _, reward, terminated, truncated, batched = base.last_step
        else:
            cut = np.array([info.get("TimeLimit.truncated", False) for info in infos], np.bool_)
            terminated, truncated = dones & ~cut, dones & cut
            first = base.reset_infos
            returned = [first[i] if dones[i] else info for i, info in enumerate(infos)]
            batched = {
                "features": _stack_features(returned),
                "final_info": {"features": _stack_features(infos)},
            }
        final = np.full(len(dones), None, object)
        for row in np.flatnonzero(dones).tolist():
            last = infos[row]["terminal_observation"]
            final[row] = self._normalizer.unnormalize_obs(last) if self._normalizer else last
        batched = {**batched, "final_obs": final}
        actions = names.get("clipped_actions", names["actions"])
        return self._tracker.step(actions, obs, reward, terminated, truncated, batched)

    def _log(self, terms: RewardTerms) -> None:
        for name, value in terms.terms.items():
            self.logger.record_mean(f"design/{name}", float(value.mean()))


def _card(env: VecEnv) -> Card | None:
    card = env.get_attr("card", 0)[0] if env.has_attr("card") else None
    return card if isinstance(card, Card) else None


def _groups(env: VecEnv) -> Any:
    return env.get_attr("groups", 0)[0] if env.has_attr("groups") else None


def _stack_features(infos: Sequence[Mapping[str, Any]]) -> dict[str, npt.NDArray[Any]]:
    """Batch the features of N infos."""
    published = [info.get("features", {}) for info in infos]
    if any(features.keys() != published[0].keys() for features in published):
        raise OperantError(
            "the envs of the VecEnv must all publish the same info['features'], at reset "
            "(VecEnv.reset_infos) and at each step"
        )
    return {name: np.array([features[name] for features in published]) for name in published[0]}
