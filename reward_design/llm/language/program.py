"""Rewards and potentials written in the closed language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from operant.reward_design.llm.language.evaluation import DEFAULT_CAP, Backend, ClosedProgram
from operant.reward_design.llm.language.rendering import by_attribute, render
from operant.reward_design.llm.language.vocabulary import TABLE
from operant.types import Feature, Features, Float


class RewardProgram(ClosedProgram):
    """A reward that is a program of the closed language, compiled.

    ``def reward(obs, action, next_obs, info)``, where ``info["name"]`` is a feature after the step
    and ``info["prev_name"]`` before it. A pure function: it remembers nothing and changes nothing.

    Attributes:
        source: The text.
        identity: Its sha256 without comments, format and docstring, 64 hexadecimal digits.
        reads: Names of the features that it reads, without ``prev_``, in order of first use.
        reads_obs: Whether it reads ``obs`` or ``next_obs``; if not, anything may be given for them.
        obs_size: Length of the observation.
        backend: What evaluates batches.
        cap: Largest result, in magnitude.
    """

    entry = "reward"

    def __call__(self, obs: Any, action: float, next_obs: Any, info: Mapping[str, Any]) -> float:
        """Return the reward of one transition.

        Args:
            obs: (D,) observation before the action: a tuple, list or array.
            action: A number; anything if the program does not read it.
            next_obs: (D,) observation after it.
            info: Features after the step by name, those before it by ``prev_`` and name.

        Raises:
            RewardProgramError: If the program fails, or its result is not finite or beyond the cap.
            ValueError: If an argument has the wrong form.
        """
        return self._evaluate(obs, action, next_obs, info)

    def batch(self, obs: Any, action: npt.ArrayLike, next_obs: Any, info: Features) -> Float:
        """Return the rewards of N transitions, (N,) float64.

        Args:
            obs: (N, D) observations before the actions.
            action: (N,) actions; (N, ...) if the program does not read them.
            next_obs: (N, D) observations after them.
            info: The features, (N,) each, named as for one transition.

        Raises:
            RewardProgramError: If the program fails in a row; names the first.
            ValueError: If an argument has the wrong form.
        """
        return self._batch(obs, action, next_obs, info, len(np.asarray(action)))

    def for_kernel(self) -> Callable[..., float]:
        """Return it as ``program(now, prev, action, reward, terminated)``.

        ``gym.make_vec(ID, num_envs=N, program=...)`` compiles that into the step of a gridworld,
        where it pays instead of the world. Nobody stands beside it there: a division by zero is
        infinite, and nothing checks the cap. Try it as a design first.

        Raises:
            RewardProgramError: If it reads observations.
        """
        self._require_features_alone()
        parameters = ("now", "prev", "action", "reward", "terminated")
        return render(self._checked, parameters, by_attribute("now", "prev"), TABLE)


class PotentialProgram(ClosedProgram):
    """A potential that is a program of the closed language, compiled.

    ``def potential(obs, info)``, where ``info["name"]`` is a feature of the state. Shaping by its
    differences cannot change which policy is best, whatever the program says.

    Attributes:
        source: The text.
        identity: Its sha256 without comments, format and docstring, 64 hexadecimal digits.
        reads: Names of the features that it reads, in order of first use.
        reads_obs: Whether it reads ``obs``; if not, anything may be given for it.
        obs_size: Length of the observation.
        backend: What evaluates batches.
        cap: Largest result, in magnitude.
    """

    entry = "potential"

    def __call__(self, obs: Any, info: Mapping[str, Any]) -> float:
        """Return the potential of one state.

        Args:
            obs: (D,) observation: a tuple, list or array.
            info: Its features by name.

        Raises:
            RewardProgramError: If the program fails, or its result is not finite or beyond the cap.
            ValueError: If an argument has the wrong form.
        """
        return self._evaluate(obs, 0.0, obs, info)

    def batch(self, obs: Any, info: Features) -> Float:
        """Return the potentials of N states, (N,) float64.

        Args:
            obs: (N, D) observations.
            info: The features, (N,) each.

        Raises:
            RewardProgramError: If the program fails in a row; names the first.
            ValueError: If an argument has the wrong form.
        """
        rows = obs if self.reads_obs or not info else next(iter(info.values()))
        size = len(rows)
        return self._batch(obs, np.zeros(size), obs, info, size)

    def of_features(self, features: Features) -> Float | float:
        """Return the potentials of states that are given by their features alone.

        This is what :class:`~operant.reward_design.shaping.potential.PotentialShaping` takes:
        ``PotentialShaping(potential=program.of_features, reads=program.reads)``.

        Args:
            features: Feature -> (N,) values, or plain numbers for one state.

        Returns:
            (N,) float64, or a plain number.

        Raises:
            RewardProgramError: If the program fails, or reads the observation.
            ValueError: If an argument has the wrong form.
        """
        self._require_features_alone()
        if all(np.ndim(values) == 0 for values in features.values()):
            return self(None, features)
        return self.batch(None, features)

    def of_state(self) -> Callable[[Any], float]:
        """Return it as a function of one state, whose attributes are the features.

        :func:`~operant.reward_design.shaping.program.potential_program` makes of that what is
        compiled into the step of a gridworld, without the checks that calls from Python have.

        Raises:
            RewardProgramError: If it reads the observation.
        """
        self._require_features_alone()
        return render(self._checked, ("state",), by_attribute("state"), TABLE)


def compile_reward(
    source: str,
    *,
    obs_size: int,
    features: Sequence[Feature | str],
    backend: Backend = "python",
    cap: float = DEFAULT_CAP,
) -> RewardProgram:
    """Compile a reward, after checking that it is harmless; nothing of it runs before that.

    Args:
        source: Text of ``def reward(obs, action, next_obs, info)``.
        obs_size: Length of the observation, which is a vector; 0 if it is none.
        features: The feature table of the env, or names of features.
        backend: What evaluates batches, ``"python"`` or ``"numba"``.
        cap: Largest reward in magnitude, > 0.

    Raises:
        UnsafeRewardCodeError: If the source is not a program of the language; says where and why.
        ValueError: If another argument is outside its range.

    >>> program = compile_reward(
    ...     '''
    ... def reward(obs, action, next_obs, info):
    ...     return info["prev_distance"] - info["distance"]
    ... ''',
    ...     obs_size=0,
    ...     features=["distance"],
    ... )
    >>> program((), 0, (), {"prev_distance": 3.0, "distance": 2.5})
    0.5
    """
    return RewardProgram(source, obs_size=obs_size, features=features, backend=backend, cap=cap)


def compile_potential(
    source: str,
    *,
    obs_size: int,
    features: Sequence[Feature | str],
    backend: Backend = "python",
    cap: float = DEFAULT_CAP,
) -> PotentialProgram:
    """Compile a potential, after checking that it is harmless; nothing of it runs before that.

    Args:
        source: Text of ``def potential(obs, info)``.
        obs_size: Length of the observation, which is a vector; 0 if it is none.
        features: The feature table of the env, or names of features.
        backend: What evaluates batches, ``"python"`` or ``"numba"``.
        cap: Largest potential in magnitude, > 0.

    Raises:
        UnsafeRewardCodeError: If the source is not a program of the language; says where and why.
        ValueError: If another argument is outside its range.
    """
    return PotentialProgram(source, obs_size=obs_size, features=features, backend=backend, cap=cap)
