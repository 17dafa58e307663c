"""Programs of the closed language: rewards, their terms, signs, factors and potentials."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from operant.reward_design.llm.language.evaluation import DEFAULT_CAP, ClosedProgram
from operant.reward_design.llm.language.execution import Backend, Execution
from operant.reward_design.llm.language.rendering import by_attribute, render
from operant.reward_design.llm.language.terms import taken_apart, terms_of
from operant.reward_design.llm.language.vocabulary import TABLE
from operant.types import Feature, Features, Float


class RewardProgram(ClosedProgram):
    """A reward that is a program of the closed language, compiled.

    ``def reward(obs, action, next_obs, info)``, where ``info["name"]`` is a feature after the step
    and ``info["prev_name"]`` before it. It changes nothing, and remembers nothing unless it
    declares that: with a last parameter ``mem`` it reads and assigns ``mem[0]``, ``mem[1]``, ...,
    which the caller keeps, zeros at the start of an episode.

    Attributes:
        source: The text.
        identity: Its sha256 without comments, format and docstring, 64 hexadecimal digits.
        reads: Names of the features that it reads, without ``prev_``, in order of first use.
        reads_obs: Whether it reads ``obs`` or ``next_obs``; if not, anything may be given for them.
        obs_size: Length of the observation.
        action_size: Numbers in an action; 0 if it is a number itself.
        mem_size: How many numbers it remembers.
        terms: Names of its terms: each ``return`` is read as a sum, whose summands are terms; a
            plain name goes by that name, any other by its position, ``term1``, ``term2``, ...
        backend: What evaluates batches.
        cap: Largest result, in magnitude.
    """

    entry = "reward"

    def __init__(self, source: str, **kwargs: Any) -> None:
        """Check and compile; see ``compile_reward``."""
        super().__init__(source, **kwargs)
        self.terms = terms_of(self._checked)
        self._function, self._plain = self._execution.function, self._execution.plain

    def __call__(
        self, obs: Any, action: Any, next_obs: Any, info: Mapping[str, Any], mem: Any = None
    ) -> float:
        """Return the reward of one transition.

        Args:
            obs: (D,) observation before the action: a tuple, list or array.
            action: A number, or (action_size,) numbers; anything if the program does not read it.
            next_obs: (D,) observation after it.
            info: Features after the step by name, those before it by ``prev_`` and name.
            mem: (mem_size,) list or array of what it remembers, updated in place.

        Raises:
            RewardProgramError: If the program fails, or its result is not finite or beyond the cap;
                the memory is as it was before.
            ValueError: If an argument has the wrong form.
        """
        if self._plain:  # the shortest way; where it fails, a guarded run tells why
            try:
                value: float = self._function(obs, action, next_obs, info, None)
                if -self.cap <= value <= self.cap:
                    return value
            except (ArithmeticError, LookupError, TypeError, ValueError):
                pass
        value = self._one(obs, action, next_obs, info, mem)
        return value

    def batch(
        self,
        obs: Any,
        action: Any,
        next_obs: Any,
        info: Features,
        mem: Float | None = None,
    ) -> Float:
        """Return the rewards of N transitions, (N,) float64.

        Args:
            obs: (N, D) observations before the actions.
            action: (N,) actions, or (N, action_size); (N, ...) if the program does not read them.
            next_obs: (N, D) observations after them.
            info: The features, (N,) each, named as for one transition.
            mem: (N, mem_size) what it remembers of each, updated in place.

        Raises:
            RewardProgramError: If the program fails in a row; names the first. The memory is as it
                was before.
            ValueError: If an argument has the wrong form.
        """
        values: Float = self._execution.batch(obs, action, next_obs, info, mem, len(action))
        return values

    def batch_terms(
        self, obs: Any, action: Any, next_obs: Any, info: Features, mem: Float | None = None
    ) -> dict[str, Float]:
        """Return the terms of the rewards of N transitions, (N,) float64 each.

        They sum to what :meth:`batch` returns, up to rounding; 0 where a row has no such term.
        Arguments and errors are those of :meth:`batch`, and so is what becomes of the memory.
        """
        values = self.batch_columns(obs, action, next_obs, info, mem)
        return {name: values[:, k] for k, name in enumerate(self.terms)}

    def batch_columns(
        self, obs: Any, action: Any, next_obs: Any, info: Features, mem: Float | None = None
    ) -> Float:
        """Return what :meth:`batch_terms` does as one array, (N, terms), in their order."""
        values: Float = self._apart.batch(obs, action, next_obs, info, mem, len(action))
        return values

    def for_kernel(self) -> Callable[..., float]:
        """Return it as ``program(now, prev, action, reward, terminated)``.

        ``gym.make_vec(ID, num_envs=N, program=...)`` compiles that into the step of a gridworld,
        where it pays instead of the world. Nobody stands beside it there: a division by zero is
        infinite, and nothing checks the cap. Try it as a design first.

        Raises:
            RewardProgramError: If it reads observations or remembers something.
        """
        self._require_kernel()
        parameters = ("now", "prev", "action", "reward", "terminated")
        return render(self._checked, parameters, by_attribute("now", "prev"), TABLE)

    @functools.cached_property
    def _apart(self) -> Execution:
        return Execution(taken_apart(self._checked, self.terms), self._frame, summed=True)


class _ListProgram(ClosedProgram):
    """A program that returns several numbers."""

    @property
    def size(self) -> int:
        """How many numbers it returns."""
        return self._checked.outputs

    def __call__(
        self, obs: Any, action: Any, next_obs: Any, info: Mapping[str, Any], mem: Any = None
    ) -> tuple[float, ...]:
        """Return the numbers of one transition; see ``RewardProgram`` for arguments and errors."""
        values: tuple[float, ...] = self._one(obs, action, next_obs, info, mem)
        return values

    def batch(
        self,
        obs: Any,
        action: Any,
        next_obs: Any,
        info: Features,
        mem: Float | None = None,
    ) -> Float:
        """Return the numbers of N transitions, (N, size) float64.

        Arguments, errors and what becomes of the memory are those of ``RewardProgram.batch``.
        """
        values: Float = self._execution.batch(obs, action, next_obs, info, mem, len(action))
        return values


class SignProgram(_ListProgram):
    """A program that returns ``[sparse, dense]``, of which only the signs count.

    ``def signs(obs, action, next_obs, info)``; all else is as in :class:`RewardProgram`, and the
    cap holds for each of the two numbers.

    Source: Auto MC-Reward: Automated Dense Reward Design with Large Language Models for Minecraft
    (Li et al., 2024).
    """

    entry = "signs"


class FactorProgram(_ListProgram):
    """A program that returns a list of 1 to 16 numbers on which a return may depend.

    ``def factors(obs, action, next_obs, info)``, with equally many numbers at every return; all
    else is as in :class:`RewardProgram`, and the cap holds for each number.

    Source: Latent Reward: LLM-Empowered Credit Assignment in Episodic Reinforcement Learning (Qu et
    al., 2025).
    """

    entry = "factors"


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
        value: float = self._one(obs, 0.0, obs, info)
        return value

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
        values: Float = self._execution.batch(obs, np.zeros(size), obs, info, None, size)
        return values

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
        self._require_kernel()
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
        self._require_kernel()
        return render(self._checked, ("state",), by_attribute("state"), TABLE)


def compile_reward(
    source: str,
    *,
    obs_size: int,
    features: Sequence[Feature | str],
    action_size: int = 0,
    backend: Backend = "python",
    cap: float = DEFAULT_CAP,
) -> RewardProgram:
    """Compile a reward, after checking that it is harmless; nothing of it runs before that.

    Args:
        source: Text of ``def reward(obs, action, next_obs, info)``, or with ``mem`` after ``info``.
        obs_size: Length of the observation, which is a vector; 0 if it is none.
        features: The feature table of the env, or names of features.
        action_size: Numbers in an action, which are read as ``action[0]``, ...; 0 if an action is
            one number, ``action``.
        backend: What evaluates batches: ``"python"``; ``"numba"``, compiled on first use; or
            ``"torch"``, which takes tensors on any device and returns tensors there.
        cap: Largest reward in magnitude, > 0.

    Raises:
        UnsafeRewardCodeError: If the source is not a program of the language; says where and why.
        ValueError: If another argument is outside its range.

    >>> program = compile_reward(
    ...     '''
    ... def reward(obs, action, next_obs, info):
    ...     closer = info["prev_distance"] - info["distance"]
    ...     return closer - 0.25
    ... ''',
    ...     obs_size=0,
    ...     features=["distance"],
    ... )
    >>> program((), 0, (), {"prev_distance": 3.0, "distance": 2.5})
    0.25
    >>> program.terms
    ('closer', 'term2')
    """
    return RewardProgram(
        source,
        obs_size=obs_size,
        features=features,
        action_size=action_size,
        backend=backend,
        cap=cap,
    )


def compile_signs(
    source: str,
    *,
    obs_size: int,
    features: Sequence[Feature | str],
    action_size: int = 0,
    backend: Backend = "python",
    cap: float = DEFAULT_CAP,
) -> SignProgram:
    """Compile ``def signs(obs, action, next_obs, info)``, which returns ``[sparse, dense]``.

    Arguments and errors are those of :func:`compile_reward`.
    """
    return SignProgram(
        source,
        obs_size=obs_size,
        features=features,
        action_size=action_size,
        backend=backend,
        cap=cap,
    )


def compile_factors(
    source: str,
    *,
    obs_size: int,
    features: Sequence[Feature | str],
    action_size: int = 0,
    backend: Backend = "python",
    cap: float = DEFAULT_CAP,
) -> FactorProgram:
    r"""Compile ``def factors(obs, action, next_obs, info)``, which returns 1 to 16 numbers.

    Arguments and errors are those of :func:`compile_reward`.

    >>> text = "def factors(obs, action, next_obs, info):\n    return [obs[0], action]"
    >>> program = compile_factors(text, obs_size=1, features=())
    >>> program.size, program((0.5,), 2, (0.0,), {})
    (2, (0.5, 2.0))
    """
    return FactorProgram(
        source,
        obs_size=obs_size,
        features=features,
        action_size=action_size,
        backend=backend,
        cap=cap,
    )


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
        backend: What evaluates batches: ``"python"``; ``"numba"``, compiled on first use; or
            ``"torch"``, which takes tensors on any device and returns tensors there.
        cap: Largest potential in magnitude, > 0.

    Raises:
        UnsafeRewardCodeError: If the source is not a program of the language; says where and why.
        ValueError: If another argument is outside its range.
    """
    return PotentialProgram(source, obs_size=obs_size, features=features, backend=backend, cap=cap)
