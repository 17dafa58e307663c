"""LaRe: return decomposition over the factors that a program, say of a language model, names."""

from __future__ import annotations

from typing import Any

from operant.reward_design.base import DesignContext
from operant.reward_design.credit.decoder import Loss
from operant.reward_design.credit.decomposition import ReturnDecomposition
from operant.reward_design.credit.inputs import Inputs, ProgramInputs
from operant.reward_design.llm.language.errors import Source
from operant.reward_design.llm.language.parsing import parse

KEY_AND_DOOR_FACTORS = """
def factors(obs, action, next_obs, info):
    advanced = info["subgoal"] - info["prev_subgoal"]
    closer = 0.0
    if advanced == 0:
        closer = info["prev_steps_to_subgoal"] - info["steps_to_subgoal"]
    arrived = 1.0 if info["steps_to_goal"] == 0 else 0.0
    return [advanced, closer, arrived]
"""
"""What matters in worlds with a key, a door and a goal; written by hand."""


class LaRe(ReturnDecomposition):
    """Return decomposition whose decoder sees the factors of a program alone.

    Everything else is :class:`~operant.reward_design.credit.decomposition.ReturnDecomposition`.
    Terms: ``redistributed``.

    Source: Latent Reward: LLM-Empowered Credit Assignment in Episodic Reinforcement Learning (Qu et
    al., 2025). Deviations: programs are of the closed reward language, so they are checked, never
    executed as they are; factors are normalised.
    """

    def __init__(
        self, *, source: str = KEY_AND_DOOR_FACTORS, loss: Loss = "rd", **learning: Any
    ) -> None:
        """Choose the program.

        Args:
            source: Text of ``def factors(obs, action, next_obs, info)``, which returns a list of
                numbers; see :func:`operant.reward_design.llm.compile_factors`.
            loss: As in ``ReturnDecomposition``; there are few factors, so all steps are looked at.
            **learning: ``draws``, ``hidden``, ``learning_rate``, ``gradient_steps``, ``batch`` and
                ``memory`` of ``ReturnDecomposition``.

        Raises:
            TypeError: If there is no such argument.
            UnsafeRewardCodeError: If the source is not a program of the language.
            ValueError: If an argument is outside its range.
        """
        if "inputs" in learning:
            raise TypeError("LaRe's inputs are the factors of its source; rd takes other inputs")
        super().__init__(loss=loss, **learning)
        parse(Source.of(source), "factors")  # what the env's features decide is checked in setup()
        self._source = source

    def _inputs_of(self, context: DesignContext) -> Inputs:
        return ProgramInputs(self._source, context)
