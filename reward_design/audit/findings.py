"""What an audit found, as data that a person, a program or a language model can act on."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

Method = Literal["exact", "certificate", "search"]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Episode:
    """An episode from the start of a level.

    Attributes:
        actions: What is done, at most as long as the env's time limit.
        success: True if it ends in success.
        true_return: Discounted true return.
        designed_return: Discounted designed return.
    """

    actions: tuple[int, ...]
    success: bool
    true_return: float
    designed_return: float


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Counterexample:
    """A policy that is best for the design and not for the truth.

    Where it was planned for, both policies are stationary, and play on for ever where nothing ends
    the episode; the episodes are their first steps, up to the time limit. Where it was searched
    for, the two episodes are all there is, and the time limit ends them for good. Where chance
    plays a part, values are expectations, and each episode is what happened when its policy was
    played once in the env.

    Attributes:
        path: Actions from the level's start to the first state in which the policies part; where
            the best policy of the design never gets into one, the way to the nearest such state
            (empty where chance decides the way).
        on_the_way: True if the design's best policy gets into that state by itself.
        design_action: What the design makes best there.
        true_actions: What is truly best there.
        true_value: Best true value of that state, discounted.
        reached_value: True value of the design's policy there, discounted.
        hack: The episode of a policy that is best for the design and, among those, worst for the
            truth; after ``path``, if it does not go there by itself. Of a search: an episode that
            the design likes at least as much as every truly best one.
        honest: The episode of a truly best policy, after the same ``path``. Of a search: the truly
            best episode that the design likes most.
    """

    path: tuple[int, ...]
    on_the_way: bool
    design_action: int
    true_actions: tuple[int, ...]
    true_value: float
    reached_value: float
    hack: Episode
    honest: Episode

    @property
    def loss(self) -> float:
        """True value that is lost, discounted, > 0."""
        return self.true_value - self.reached_value


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """The verdict on a design in one level of an env.

    Attributes:
        design: Name of the design.
        preserves_optimal_policy: True if every policy that is best for the design is truly best,
            False if one is not, None if that could not be decided.
        method: ``"exact"``: all policies compared by planning; ``"certificate"``: the design
            promises that all episodes get the same extra, which changes nothing, and that was
            checked on ``episodes``; ``"search"``: episodes were looked for that refute it, so the
            verdict is never True.
        reason: The verdict in one sentence.
        gamma: Discount of the agent.
        states: States of the level; of its product with the machine, for a design that has one.
        states_changed: States in which an action is best for the design and not truly best, and
            that matters there; None if they were not counted.
        ties_broken: States in which the design gives up actions that are truly as good as the
            best: harmless; None if they were not counted.
        episodes: Episodes that were scored.
        counterexample: Where the design leads astray; None unless it does.
        warnings: What else should be known.
    """

    design: str
    preserves_optimal_policy: bool | None
    method: Method
    reason: str
    gamma: float
    states: int
    states_changed: int | None = None
    ties_broken: int | None = None
    episodes: int = 0
    counterexample: Counterexample | None = None
    warnings: tuple[str, ...] = ()

    @property
    def hack_title(self) -> str:
        """What the counterexample's ``hack`` is, in words: a search does not know the best."""
        return "found for the design" if self.method == "search" else "best for the design"

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        values = dataclasses.asdict(self)
        if self.counterexample is not None:
            values["counterexample"]["loss"] = self.counterexample.loss
        return values
